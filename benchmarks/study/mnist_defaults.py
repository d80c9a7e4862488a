"""The defaults on 5,000 rows of MNIST: seconds and accuracy, of this revision and, if wanted, of another beside it.

    python -m benchmarks.study.mnist_defaults --mnist PATH [--other CHECKOUT] [--rounds 3]

PATH is an .npz with X of shape (n, 784) in 0..255 and labels y, in random order. 196 units learn from the first 5,000 rows in
float32, everything else by default. Accuracy is that of a logistic regression on the standardised code of the other rows, its C
chosen on a fifth of the 5,000. Each fit is a process of its own on one thread of BLAS. Seconds are the processor's, of `fit`
alone. CHECKOUT is a working tree of another revision, e.g. made by ``git worktree add``: its L-BFGS and ours take turns.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

N_TRAIN, K, CS = 5000, 196, (0.03, 0.3)
ROOT = Path(__file__).parents[1]


def fit(path, solver, seed):
    """What a process of its own does: print seconds, iterations, R2 and accuracy. By the public interface alone."""
    from skl_sparse_ae import SparseAutoencoderTransformer

    with np.load(path) as data:
        X, y = (data["X"] / 255).astype(np.float32), data["y"]
    train, test = X[:N_TRAIN], X[N_TRAIN : 2 * N_TRAIN]
    model = SparseAutoencoderTransformer(K, solver=solver, random_state=seed)
    start = time.process_time()
    model.fit(train)
    seconds = time.process_time() - start
    scaler = StandardScaler().fit(model.transform(train))
    codes = (scaler.transform(model.transform(rows)) for rows in (train, test))
    score = accuracy(*codes, y[:N_TRAIN], y[N_TRAIN : 2 * N_TRAIN])
    print(seconds, model.n_iter_, model.score(test), score)


def accuracy(train, test, y_train, y_test):
    rows, held_out, y_rows, y_held_out = train_test_split(
        train, y_train, test_size=0.2, random_state=0
    )
    scores = [classifier(C).fit(rows, y_rows).score(held_out, y_held_out) for C in CS]
    return classifier(CS[int(np.argmax(scores))]).fit(train, y_train).score(test, y_test)


def classifier(C):
    return LogisticRegression(C=C, max_iter=1000)


def figures(root, path, solver, seed):
    """Seconds, iterations, R2 and accuracy of the revision in the folder `root`."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = os.environ | threads | {"PYTHONPATH": str(root)}
    command = [sys.executable, __file__, "--mnist", str(path), "--fit", solver, str(seed)]
    output = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, cwd=root
    ).stdout
    return [float(figure) for figure in output.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--mnist",
        required=True,
        type=lambda path: str(Path(path).resolve()),
        help="an .npz with X and y",
    )
    parser.add_argument("--other", type=Path, help="working tree of another revision")
    parser.add_argument("--rounds", type=int, default=3, help="seeds")
    parser.add_argument("--fit", nargs=2, metavar=("SOLVER", "SEED"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.fit:
        return fit(args.mnist, args.fit[0], int(args.fit[1]))
    runs = {"L-BFGS": (ROOT, "lbfgs"), "Adam": (ROOT, "adam")}
    runs |= {"L-BFGS, other revision": (args.other.resolve(), "lbfgs")} if args.other else {}
    found = {name: [] for name in runs}
    for seed in range(args.rounds):
        for name, (root, solver) in runs.items():
            found[name].append(figures(root, args.mnist, solver, seed))
            print(
                "{}, seed {}: {:.1f} s, {:.0f} iterations, R2 {:.3f}, accuracy {:.4f}".format(
                    name, seed, *found[name][-1]
                )
            )
            sys.stdout.flush()
    medians = {name: np.median(rows, axis=0) for name, rows in found.items()}
    print(
        "\n| solver | s to fit | iterations or epochs | R2 of the other rows | accuracy |\n|---|---|---|---|---|"
    )
    for name, (seconds, n_iter, r2, score) in medians.items():
        print(f"| {name} | {seconds:.1f} | {n_iter:.0f} | {r2:.3f} | {score:.4f} |")
    if args.other:
        ratio = medians["L-BFGS, other revision"][0] / medians["L-BFGS"][0]
        print(f"\nother revision / ours, ratio of the medians of L-BFGS: {ratio:.1f}")


if __name__ == "__main__":
    main()
