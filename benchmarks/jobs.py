"""The same job by other means: what a linear classifier makes of codes of equal width, and what they cost.

    python -m benchmarks.jobs [--mnist PATH] [--quick] [--out jobs.json]

Digits with 64 units, three quarters to train on; MNIST with 196, 6,000 rows to train on and 4,000 to test. Every estimator has
its defaults, ours too, except for the width. The classifier sees the code divided by one number, its standard deviation, and
has its C chosen on a fifth of the training rows; the test rows are used once. Its own time is not counted.
"""

import argparse
import json
import time
import warnings

import numpy as np
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning, MiniBatchNMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM

from benchmarks.datasets import digits, mnist
from benchmarks.rounds import machine
from skl_sparse_ae import SparseAutoencoderTransformer

ESTIMATORS = {
    "ours, L-BFGS": SparseAutoencoderTransformer,
    "ours, Adam": lambda k, **options: SparseAutoencoderTransformer(k, solver="adam", **options),
    "PCA": PCA,
    "MiniBatchNMF": MiniBatchNMF,
    "BernoulliRBM": BernoulliRBM,
    "MiniBatchDictionaryLearning": MiniBatchDictionaryLearning,
}
CS = (0.01, 0.1, 1, 10)


def run(make, k, seed, train, test, y_train, y_test):
    """Seconds to fit, seconds to transform the rows of both, accuracy on the test rows."""
    start = time.perf_counter()
    model = make(k, random_state=seed).fit(train)
    fitted = time.perf_counter()
    codes = [model.transform(rows) for rows in (train, test)]
    transformed = time.perf_counter()
    scale = codes[0].std() or 1.0
    score = accuracy(codes[0] / scale, codes[1] / scale, y_train, y_test)
    return {"fit": fitted - start, "transform": transformed - fitted, "accuracy": score}


def accuracy(train, test, y_train, y_test):
    fit_rows, choose_rows, y_fit, y_choose = train_test_split(train, y_train, test_size=0.2, random_state=0)
    scores = [classifier(C).fit(fit_rows, y_fit).score(choose_rows, y_choose) for C in CS]
    return float(classifier(CS[int(np.argmax(scores))]).fit(train, y_train).score(test, y_test))


def classifier(C):
    return LogisticRegression(C=C, max_iter=500)


def study(path, quick=False, n_seeds=3):
    """A list of records, one for each problem, estimator and seed, the estimators in turn."""
    problems = {"digits, k=64": (64, split(*digits(), 16, 0.25))}
    if path:
        X, y = mnist(path)
        n_rows = 1000 if quick else len(X)
        problems["MNIST, k=196"] = (196, split(X[:n_rows], y[:n_rows], 1, 0.4))
    records = []
    for name, (k, data) in problems.items():
        for seed in range(1 if quick else n_seeds):
            for who, make in ESTIMATORS.items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)  # of a classifier at one C of several
                    records.append({"problem": name, "who": who, "seed": seed} | run(make, k, seed, *data))
                print(", ".join(map(str, records[-1].values())), flush=True)
    return records


def split(X, y, largest, test_size):
    """Rows in 0..1, float32: train, test, y_train, y_test."""
    return train_test_split((X / largest).astype(np.float32), y, test_size=test_size, random_state=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="an .npz with X and y")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="jobs.json")
    args = parser.parse_args()
    result = {"machine": machine(), "jobs": study(args.mnist, args.quick, args.seeds)}
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
