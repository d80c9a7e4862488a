"""How much do products with the stored elements save on wide and very sparse rows?

    python -m benchmarks.scale.wide_sparse    # 30 seconds

The other way expands the rows to dense blocks, which a fit does with rows of more than 5% stored
elements. The rows are documents of 20 topics, with words of Zipf's frequencies. Each fit is a
process of its own: two iterations of L-BFGS or one epoch of Adam. The table has its seconds and
its peak resident memory. Linux only.
"""

import argparse
import subprocess
import sys
import time
import warnings

import numpy as np
from scipy.sparse import csr_array

from benchmarks import core
from benchmarks.scale.out_of_core import peak_megabytes
from skl_sparse_ae import SparseAutoencoderTransformer

WAYS = ("products", "dense blocks")


def documents(n_rows, n_features, density, n_topics=20):
    """CSR rows of unit length. Each document has words of its topic, drawn by rank."""
    rng = np.random.default_rng(0)
    words = round(density * n_features)
    rank = np.minimum(rng.zipf(1.3, size=(n_rows, words)) - 1, n_features - 1)
    topic = rng.integers(n_topics, size=(n_rows, 1))
    shuffled = np.array([rng.permutation(n_features) for _ in range(n_topics)])
    indptr = np.arange(0, n_rows * words + 1, words)
    X = csr_array((np.ones(n_rows * words), shuffled[topic, rank].ravel(), indptr))
    X.resize(n_rows, n_features)
    X.sum_duplicates()
    X.data /= np.repeat(np.sqrt(X.power(2).sum(axis=1)), np.diff(X.indptr))
    return X


def fit(args):
    """Fit in this process; print the seconds, the peak memory in MB and J."""
    if args.way == "dense blocks":
        core.treat_sparse_as_dense()
    X = documents(args.rows, args.features, args.density)
    options = {"max_iter": 2 if args.solver == "lbfgs" else 1, "tol": 0, "random_state": 0}
    model = SparseAutoencoderTransformer(args.units, solver=args.solver, **options)
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
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.solver:
        return fit(args)
    command = [sys.executable, "-m", "benchmarks.scale.wide_sparse", *sys.argv[1:]]
    print("| solver | how | seconds | peak MB | J |\n|---|---|---|---|---|")
    for solver in ("lbfgs", "adam"):
        for way in WAYS:
            one = [*command, "--solver", solver, "--way", way]
            output = subprocess.run(one, capture_output=True, text=True, check=True).stdout
            seconds, peak, value = map(float, output.split())
            print(f"| {solver} | {way} | {seconds:.1f} | {peak:.0f} | {value:.12g} |", flush=True)


if __name__ == "__main__":
    main()
