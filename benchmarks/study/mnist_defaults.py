"""How fast and how good are the defaults on 5,000 rows of MNIST, here and in another revision?

    python -m benchmarks.study.mnist_defaults --mnist mnist.npz --other CHECKOUT    # 2 minutes

The file is an .npz with X of shape (n, 784) in 0..255 and labels y, in random order. 196 units
learn from the first 5,000 rows in float32, with defaults otherwise. Accuracy is that of a logistic
regression on the standardised code of the next 5,000 rows, its C chosen on a fifth of the first
5,000. Each fit is a process of its own on one thread of BLAS. Seconds are CPU time, of `fit`
alone. CHECKOUT is the working tree of another revision, for example from ``git worktree add``; its
L-BFGS and ours take turns.
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
ROOT = Path(__file__).parents[2]


def fit(path, solver, seed):
    """Fit in this process; print seconds, iterations, R2 and accuracy.

    It uses the public interface alone, so that it runs on old revisions as well.
    """
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
    rows, held_out, y, y_held_out = train_test_split(train, y_train, test_size=0.2, random_state=0)
    scores = [classifier(C).fit(rows, y).score(held_out, y_held_out) for C in CS]
    return classifier(CS[int(np.argmax(scores))]).fit(train, y_train).score(test, y_test)


def classifier(C):
    return LogisticRegression(C=C, max_iter=1000)


def figures(root, path, solver, seed):
    """Seconds, iterations, R2 and accuracy of a fit by the revision in the folder `root`."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = os.environ | threads | {"PYTHONPATH": str(root)}
    command = [sys.executable, __file__, "--mnist", str(path), "--fit", solver, str(seed)]
    options = {"capture_output": True, "text": True, "check": True}
    output = subprocess.run(command, env=environment, cwd=root, **options).stdout
    return [float(figure) for figure in output.split()]


def main():
    args = parsed()
    if args.fit:
        return fit(args.mnist, args.fit[0], int(args.fit[1]))
    runs = {"L-BFGS": (ROOT, "lbfgs"), "Adam": (ROOT, "adam")}
    other = "L-BFGS, other revision"
    runs |= {other: (args.other.resolve(), "lbfgs")} if args.other else {}
    found = {name: [] for name in runs}
    for seed in range(args.rounds):
        for name, (root, solver) in runs.items():
            found[name].append(figures(root, args.mnist, solver, seed))
            print(f"{name}, seed {seed}: {in_words(*found[name][-1])}", flush=True)
    medians = {name: np.median(rows, axis=0) for name, rows in found.items()}
    print("\n| solver | s to fit | iterations or epochs | R2 of the other rows | accuracy |")
    print("|---|---|---|---|---|")
    for name, (seconds, n_iter, r2, score) in medians.items():
        print(f"| {name} | {seconds:.1f} | {n_iter:.0f} | {r2:.3f} | {score:.4f} |")
    if args.other:
        ratio = medians[other][0] / medians["L-BFGS"][0]
        print(f"\nother revision / ours, ratio of the medians of L-BFGS: {ratio:.1f}")


def in_words(seconds, n_iter, r2, score):
    return f"{seconds:.1f} s, {n_iter:.0f} iterations, R2 {r2:.3f}, accuracy {score:.4f}"


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", required=True, type=absolute, help="an .npz with X and y")
    parser.add_argument("--other", type=Path, help="working tree of another revision")
    parser.add_argument("--rounds", type=int, default=3, help="seeds")
    parser.add_argument("--fit", nargs=2, metavar=("SOLVER", "SEED"), help=argparse.SUPPRESS)
    return parser.parse_args()


def absolute(path):
    """The path as other working directories see it."""
    return str(Path(path).resolve())


if __name__ == "__main__":
    main()
