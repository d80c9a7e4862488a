"""How good and how costly are our codes, compared with those of PCA, NMF, an RBM and a dictionary?

    python -m benchmarks.speed.jobs --mnist mnist.npz --out jobs.json    # half an hour
    python -m benchmarks.speed.report jobs.json

The answer is the accuracy of a linear classifier on codes of equal width, and seconds. The digits
have 64 units, and three quarters of the rows to train on. MNIST has 196 units, 5,000 rows to train
on and the rest to test. Every estimator has its defaults except for the width. "Chosen" are the
settings of its grid that do best in a three-fold cross-validation on the training rows, at the
first seed; the seconds of the search are reported apart. "Brief" is L-BFGS stopped after `BRIEF`
iterations: a classifier needs no minimum.

The classifier sees the code divided by its standard deviation, one number, and has its C chosen on
a fifth of the training rows. The test rows are used once. The classifier's time, on one thread, is
not counted. With ``--clock cpu`` times are the process's own, on one thread: for machines in use.
"""

import argparse
import json
import time
import warnings
from functools import partial
from itertools import product

import numpy as np
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning, MiniBatchNMF
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits

from benchmarks.datasets import digits, mnist
from benchmarks.speed.rounds import CLOCKS, machine, threads
from skl_sparse_ae import SparseAutoencoderTransformer

RAW, N_TRAIN, BRIEF, CS = "raw", 5000, 20, (0.01, 0.1, 1, 10)
# The defaults, and each of the three weights at a third and at three times its default.
WEIGHTS = ("sparsity_weight", "encoder_alpha", "decoder_alpha")
OURS = [{}, *({name: multiple} for name, multiple in product(WEIGHTS, ("0.3*scale", "3*scale")))]


class RawPixels:
    """The rows themselves in place of a code."""

    def __init__(self, k, random_state):
        pass

    def fit(self, X):
        return self

    def transform(self, X):
        return X


ESTIMATORS = {  # name: (class, settings to choose from)
    RAW: (RawPixels, []),
    "ours, L-BFGS": (SparseAutoencoderTransformer, OURS),
    "ours, brief L-BFGS": (partial(SparseAutoencoderTransformer, max_iter=BRIEF), OURS),
    "ours, Adam": (partial(SparseAutoencoderTransformer, solver="adam"), OURS),
    "PCA": (PCA, [{"whiten": False}, {"whiten": True}]),
    "MiniBatchNMF": (MiniBatchNMF, []),
    "BernoulliRBM": (BernoulliRBM, [{"learning_rate": rate} for rate in (0.01, 0.03, 0.1)]),
    "MiniBatchDictionaryLearning": (MiniBatchDictionaryLearning, []),
}


def run(make, k, seed, train, test, y_train, y_test, clock=time.perf_counter):
    """Return seconds to fit and to transform all rows, and the accuracy on the test rows."""
    start = clock()
    model = make(k, random_state=seed).fit(train)
    fitted = clock()
    codes = [model.transform(rows) for rows in (train, test)]
    transformed = clock()
    scale = codes[0].std() or 1.0
    with threadpool_limits(1):
        score = accuracy(codes[0] / scale, codes[1] / scale, y_train, y_test)
    return {"fit": fitted - start, "transform": transformed - fitted, "accuracy": score}


def chosen(make, grid, k, train, y_train, n_folds):
    """The settings with the best mean accuracy over folds of the training rows."""

    def mean_accuracy(settings):
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=0).split(train, y_train)
        parts = ((train[fit], train[test], y_train[fit], y_train[test]) for fit, test in folds)
        return np.mean([run(partial(make, **settings), k, 0, *part)["accuracy"] for part in parts])

    return max(grid, key=mean_accuracy)


def accuracy(train, test, y_train, y_test):
    rows, held_out, y, y_held_out = train_test_split(train, y_train, test_size=0.2, random_state=0)
    scores = [classifier(C).fit(rows, y).score(held_out, y_held_out) for C in CS]
    return float(classifier(CS[int(np.argmax(scores))]).fit(train, y_train).score(test, y_test))


def classifier(C):
    return LogisticRegression(C=C, max_iter=500)


def study(path, quick=False, n_seeds=3, n_threads=2, search=True, clock="wall"):
    """A list of records, one for each problem, estimator and seed, the estimators in turn."""
    records, seeds = [], range(1 if quick else n_seeds)
    for name, (k, data) in problems(path, quick).items():
        with threads(n_threads), warnings.catch_warnings():
            # An extreme C, a brief fit and a rejected setting may not converge.
            warnings.simplefilter("ignore")
            contestants = entries(k, data[0], data[2], quick, search, CLOCKS[clock])
            for seed, (who, (make, about)) in product(seeds, contestants.items()):
                figures = run(make, k, seed, *data, CLOCKS[clock])
                records.append({"problem": name, "who": who, "seed": seed} | about | figures)
                print(", ".join(map(str, records[-1].values())), flush=True)
    return records


def problems(path, quick):
    """Return ``{name: (units, (train, test, y_train, y_test))}``."""
    found = {"digits, k=64": (64, split(*digits(), 16, 0.25))}
    if path:
        X, y = mnist(path)
        n_rows, n_train = (1000, 600) if quick else (len(X), N_TRAIN)
        found["MNIST, k=196"] = (196, split(X[:n_rows], y[:n_rows], 1, n_rows - n_train))
    return found


def entries(k, train, y_train, quick, search, clock):
    """Return ``{name: (estimator, chosen settings and the seconds that the choice took)}``.

    Each estimator is there with its defaults and, with `search`, with chosen settings.
    """
    made, n_folds = {}, 2 if quick else 3
    for who, (make, grid) in ESTIMATORS.items():
        made[who] = make, {"settings": {}, "choose": 0.0}
        if grid and search:
            start = clock()
            settings = chosen(make, grid[-2:] if quick else grid, k, train, y_train, n_folds)
            about = {"settings": settings, "choose": clock() - start}
            made[f"{who}, chosen"] = partial(make, **settings), about
    return made


def split(X, y, largest, test_size):
    """Rows in 0..1, float32: train, test, y_train, y_test."""
    X = (X / largest).astype(np.float32)
    return train_test_split(X, y, test_size=test_size, random_state=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="an .npz with X and y")
    parser.add_argument("--quick", action="store_true", help="fewer rows, seeds and settings")
    searches = "without the searches, which take most of the time"
    parser.add_argument("--defaults-only", action="store_true", help=searches)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="jobs.json")
    parser.add_argument("--threads", type=int, default=2)
    own = "cpu: one thread's own time, for machines in use"
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help=own)
    args = parser.parse_args()
    n_threads = 1 if args.clock == "cpu" else args.threads
    jobs = study(args.mnist, args.quick, args.seeds, n_threads, not args.defaults_only, args.clock)
    result = {"machine": machine(), "clock": args.clock, "jobs": jobs}
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
