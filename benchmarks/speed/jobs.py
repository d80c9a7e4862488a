"""The same job by other means: what a linear classifier makes of codes of equal width, and what they cost.

    python -m benchmarks.speed.jobs [--mnist PATH] [--defaults-only] [--quick] [--out jobs.json]
    python -m benchmarks.speed.report jobs.json

Digits with 64 units, three quarters to train on; MNIST with 196, 5,000 rows to train on and the rest to test. Every estimator
has its defaults but for the width. "Chosen" are the settings of its grid that do best in a three-fold cross-validation on the
training rows, at the first seed; the seconds that took are told apart. The classifier sees the code divided by one number, its
standard deviation, and has its C chosen on a fifth of the training rows; the test rows are used once. Its own time, on one
thread, is not counted. "Brief" is L-BFGS stopped after `BRIEF` iterations: a classifier needs no minimum. With ``--clock cpu``
times are the process's own, on one thread: for machines in use.
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
# The defaults, and each of the three weights by itself a third and three times of what it is by default.
WEIGHTS = ("sparsity_weight", "encoder_alpha", "decoder_alpha")
OURS = [{}, *({name: multiple} for name, multiple in product(WEIGHTS, ("0.3*scale", "3*scale")))]


class RawPixels:
    """No code at all."""

    def __init__(self, k, random_state):
        pass

    def fit(self, X):
        return self

    def transform(self, X):
        return X


ESTIMATORS = {  # and the settings to choose from
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
    """Seconds to fit, seconds to transform the rows of both, accuracy on the test rows."""
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
    """The settings of the best mean accuracy over so many folds of the training rows."""

    def mean_accuracy(settings):
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=0).split(train, y_train)
        parts = ((train[fit], train[test], y_train[fit], y_train[test]) for fit, test in folds)
        return np.mean([run(partial(make, **settings), k, 0, *part)["accuracy"] for part in parts])

    return max(grid, key=mean_accuracy)


def accuracy(train, test, y_train, y_test):
    fit_rows, choose_rows, y_fit, y_choose = train_test_split(
        train, y_train, test_size=0.2, random_state=0
    )
    scores = [classifier(C).fit(fit_rows, y_fit).score(choose_rows, y_choose) for C in CS]
    return float(classifier(CS[int(np.argmax(scores))]).fit(train, y_train).score(test, y_test))


def classifier(C):
    return LogisticRegression(C=C, max_iter=500)


def study(path, quick=False, n_seeds=3, n_threads=2, search=True, clock="wall"):
    """A list of records, one for each problem, estimator and seed, the estimators in turn."""
    problems = {"digits, k=64": (64, split(*digits(), 16, 0.25))}
    if path:
        X, y = mnist(path)
        n_rows, n_train = (1000, 600) if quick else (len(X), N_TRAIN)
        problems["MNIST, k=196"] = (196, split(X[:n_rows], y[:n_rows], 1, n_rows - n_train))
    records = []
    for name, (k, data) in problems.items():
        with threads(n_threads), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of one C of several, of brief fits, of settings not chosen
            contestants = entries(k, data[0], data[2], quick, search, CLOCKS[clock])
            for seed, (who, (make, about)) in product(
                range(1 if quick else n_seeds), contestants.items()
            ):
                records.append(
                    {"problem": name, "who": who, "seed": seed}
                    | about
                    | run(make, k, seed, *data, CLOCKS[clock])
                )
                print(", ".join(map(str, records[-1].values())), flush=True)
    return records


def entries(k, train, y_train, quick, search, clock):
    """``{name: (estimator, what was chosen and in how many seconds)}``, by default and, if that is wanted, as chosen."""
    made = {}
    for who, (make, grid) in ESTIMATORS.items():
        made[who] = make, {"settings": {}, "choose": 0.0}
        if grid and search:
            start = clock()
            settings = chosen(
                make, grid[-2:] if quick else grid, k, train, y_train, 2 if quick else 3
            )
            about = {"settings": settings, "choose": clock() - start}
            made[f"{who}, chosen"] = partial(make, **settings), about
    return made


def split(X, y, largest, test_size):
    """Rows in 0..1, float32: train, test, y_train, y_test."""
    return train_test_split(
        (X / largest).astype(np.float32), y, test_size=test_size, random_state=0
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="an .npz with X and y")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--defaults-only",
        action="store_true",
        help="without the searches, which take most of the time",
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="jobs.json")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="cpu: one thread's own time, for machines in use",
    )
    args = parser.parse_args()
    n_threads = 1 if args.clock == "cpu" else args.threads
    jobs = study(args.mnist, args.quick, args.seeds, n_threads, not args.defaults_only, args.clock)
    result = {"machine": machine(), "clock": args.clock, "jobs": jobs}
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
