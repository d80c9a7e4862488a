"""Wide and very sparse rows: a fit by products with what is stored, against the same through dense blocks.

    python -m benchmarks.scale.wide_sparse [--rows 20000] [--features 20000] [--density 0.001] [--units 50]

Words of Zipf's frequencies in documents of 20 topics. Each fit is a process of its own: seconds, and its peak resident memory,
of two iterations of L-BFGS or one epoch of Adam. "dense blocks" is what is done with rows less sparse than 5%.
"""

import argparse
import subprocess
import sys
import time
import warnings

import numpy as np
from scipy.sparse import csr_array

from benchmarks.scale.out_of_core import peak_megabytes
from skl_sparse_ae import SparseAutoencoderTransformer, _rows


def documents(n_rows, n_features, density, n_topics=20):
    """CSR rows of unit length: each document has words of its topic, drawn by rank."""
    rng = np.random.default_rng(0)
    words = round(density * n_features)
    rank = np.minimum(rng.zipf(1.3, size=(n_rows, words)) - 1, n_features - 1)
    topic = rng.integers(n_topics, size=(n_rows, 1))
    shuffled = np.array([rng.permutation(n_features) for _ in range(n_topics)])
    X = csr_array(
        (
            np.ones(n_rows * words),
            shuffled[topic, rank].ravel(),
            np.arange(0, n_rows * words + 1, words),
        )
    )
    X.resize(n_rows, n_features)
    X.sum_duplicates()
    X.data /= np.repeat(np.sqrt(X.power(2).sum(axis=1)), np.diff(X.indptr))
    return X


def fit(args):
    """What a process of its own does."""
    _rows.products.MOST_DENSITY = 0.0 if args.way == "dense blocks" else _rows.products.MOST_DENSITY
    X = documents(args.rows, args.features, args.density)
    max_iter = 2 if args.solver == "lbfgs" else 1
    model = SparseAutoencoderTransformer(
        args.units, solver=args.solver, max_iter=max_iter, tol=0, random_state=0
    )
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    print(time.perf_counter() - start, peak_megabytes(), model.loss_)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=20_000)
    parser.add_argument("--density", type=float, default=0.001)
    parser.add_argument("--units", type=int, default=50)
    parser.add_argument("--solver", choices=["lbfgs", "adam"], help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.solver:
        return fit(args)
    print("| solver | how | seconds | peak MB | J |\n|---|---|---|---|---|")
    for solver in ("lbfgs", "adam"):
        for way in ("products", "dense blocks"):
            command = [
                sys.executable,
                "-m",
                "benchmarks.scale.wide_sparse",
                *sys.argv[1:],
                "--solver",
                solver,
                "--way",
                way,
            ]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            seconds, peak, value = map(float, output.split())
            print(f"| {solver} | {way} | {seconds:.1f} | {peak:.0f} | {value:.12g} |", flush=True)


if __name__ == "__main__":
    main()
