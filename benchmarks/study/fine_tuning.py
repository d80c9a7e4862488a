"""Do pre-trained encoders help a classifier, and with how many labels? Accuracy over numbers of labelled rows.

    python -m benchmarks.study.fine_tuning [--seeds 5] [--mnist mnist.npz]    # digits: two minutes on a core

One autoencoder sees all training rows and no label. Then, of each class the same number of labelled rows, drawn anew for each
seed, train a logistic regression on pixels and on the code (C=10), and perceptrons with one hidden layer of the same width:
from random weights (logistic units as in the autoencoder, and scikit-learn's default rectified ones) and from the
encoder. Adam has scikit-learn's defaults, and L-BFGS as many iterations as it takes. Printed are means over seeds and half
their range, on test rows that nothing else has seen.
"""

import argparse
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.datasets import digits, mnist
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.fine_tuning import to_mlp_classifier

LABELS_PER_CLASS = (1, 3, 10, 30, 100)


def few_labels(y, per_class, seed):
    """Indices of so many rows of each class."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.permutation(np.flatnonzero(y == label))[:per_class] for label in np.unique(y)]
    )


def accuracies(model, X, y, X_test, y_test, seed):
    """Of each contender, by name."""
    code, code_test, width = model.transform(X), model.transform(X_test), len(model.intercept_)
    regression = LogisticRegression(C=10, max_iter=5000)
    results = {
        "regression, pixels": regression.fit(X, y).score(X_test, y_test),
        "regression, code": regression.fit(code, y).score(code_test, y_test),
    }
    adam, lbfgs = (
        {"random_state": seed},
        {"solver": "lbfgs", "max_iter": 1000, "random_state": seed},
    )
    networks = {
        "random rectified, Adam": MLPClassifier((width,), **adam),
        "random logistic, Adam": MLPClassifier((width,), activation="logistic", **adam),
        "encoder, Adam": to_mlp_classifier(model, X, y, **adam),
        "random logistic, L-BFGS": MLPClassifier((width,), activation="logistic", **lbfgs),
        "encoder, L-BFGS": to_mlp_classifier(model, X, y, **lbfgs),
    }
    return results | {
        name: network.fit(X, y).score(X_test, y_test) for name, network in networks.items()
    }


def table(curves):
    """Markdown, of {labels per class: list over seeds of accuracies by name}."""
    names = list(next(iter(curves.values()))[0])
    lines = ["| labels a class | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for per_class, runs in curves.items():
        values = np.array([[run[name] for name in names] for run in runs])
        cells = [
            f"{m:.3f} ± {r:.3f}"
            for m, r in zip(values.mean(axis=0), np.ptp(values, axis=0) / 2, strict=True)
        ]
        lines.append(f"| {per_class} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--mnist", help="an .npz with X (n, 784) in 0..255 and y, to be used instead of the digits"
    )
    parser.add_argument(
        "--rows", type=int, default=10_000, help="training rows of MNIST, and as many test rows"
    )
    args = parser.parse_args()

    X, y = mnist(args.mnist) if args.mnist else digits()
    X = X / X.max()
    size = args.rows if args.mnist else 0.25
    split = {
        "test_size": size,
        "train_size": size if args.mnist else None,
        "random_state": 0,
        "stratify": y,
    }
    X, X_test, y, y_test = train_test_split(X, y, **split)
    with (
        threadpool_limits(1),
        warnings.catch_warnings(action="ignore"),
    ):  # Adam's defaults stop before it has converged
        model = SparseAutoencoderTransformer(196 if args.mnist else 64, random_state=0).fit(X)
        curves = {}
        for per_class in LABELS_PER_CLASS:
            samples = [(seed, few_labels(y, per_class, seed)) for seed in range(args.seeds)]
            curves[per_class] = [
                accuracies(model, X[rows], y[rows], X_test, y_test, seed) for seed, rows in samples
            ]
    print(
        f"{len(X)} training rows, {len(X_test)} test rows, {len(model.intercept_)} units, {args.seeds} seeds\n\n{table(curves)}"
    )


if __name__ == "__main__":
    main()
