"""Do pre-trained encoders help a classifier, and with how many labels?

    python -m benchmarks.study.fine_tuning    # 20 seconds

One autoencoder sees all training rows without labels. Then, for each seed, the same number of
labelled rows is drawn from each class. They train a logistic regression on pixels and one on the
code (C=10). They also train perceptrons with one hidden layer of the same width: from random
weights (logistic units as in the autoencoder, and scikit-learn's default rectified ones), and from
the encoder. Adam has scikit-learn's defaults, and L-BFGS runs until it has converged. The tables
have means over seeds and half their range, on test rows that nothing else has seen. --mnist takes
an .npz of MNIST in place of the digits.
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
from skl_sparse_ae.export import to_mlp_classifier

LABELS_PER_CLASS = (1, 3, 10, 30, 100)


def few_labels(y, per_class, seed):
    """Indices of `per_class` random rows of each class."""
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.flatnonzero(y == label))[:per_class] for label in np.unique(y)]
    return np.concatenate(rows)


def accuracies(model, X, y, X_test, y_test, seed):
    """Return ``{contender: accuracy}``."""
    code, code_test, width = model.transform(X), model.transform(X_test), len(model.intercept_)
    regression = LogisticRegression(C=10, max_iter=5000)
    results = {
        "regression, pixels": regression.fit(X, y).score(X_test, y_test),
        "regression, code": regression.fit(code, y).score(code_test, y_test),
    }
    adam = {"random_state": seed}
    lbfgs = adam | {"solver": "lbfgs", "max_iter": 1000}
    networks = {
        "random rectified, Adam": MLPClassifier((width,), **adam),
        "random logistic, Adam": MLPClassifier((width,), activation="logistic", **adam),
        "encoder, Adam": to_mlp_classifier(model, X, y, **adam),
        "random logistic, L-BFGS": MLPClassifier((width,), activation="logistic", **lbfgs),
        "encoder, L-BFGS": to_mlp_classifier(model, X, y, **lbfgs),
    }
    for name, network in networks.items():
        results[name] = network.fit(X, y).score(X_test, y_test)
    return results


def table(curves):
    """Markdown. `curves` is ``{labels per class: [accuracies by name, for each seed]}``."""
    names = list(next(iter(curves.values()))[0])
    lines = ["| labels a class | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for per_class, runs in curves.items():
        values = np.array([[run[name] for name in names] for run in runs])
        pairs = zip(values.mean(axis=0), np.ptp(values, axis=0) / 2, strict=True)
        cells = [f"{mean:.3f} ± {half_range:.3f}" for mean, half_range in pairs]
        lines.append(f"| {per_class} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--mnist", help="an .npz with X (n, 784) in 0..255 and y")
    rows = "training rows of MNIST, and as many test rows"
    parser.add_argument("--rows", type=int, default=10_000, help=rows)
    args = parser.parse_args()

    X, X_test, y, y_test = rows_of(args.mnist, args.rows)
    # Adam's defaults stop before it has converged, with a warning.
    with threadpool_limits(1), warnings.catch_warnings(action="ignore"):
        model = SparseAutoencoderTransformer(196 if args.mnist else 64, random_state=0).fit(X)
        curves = {}
        for per_class in LABELS_PER_CLASS:
            samples = [(seed, few_labels(y, per_class, seed)) for seed in range(args.seeds)]
            curves[per_class] = [
                accuracies(model, X[rows], y[rows], X_test, y_test, seed) for seed, rows in samples
            ]
    sizes = f"{len(X)} training rows, {len(X_test)} test rows, {model.n_components} units"
    print(f"{sizes}, {args.seeds} seeds\n\n{table(curves)}")


def rows_of(path, n_rows):
    """(X_train, X_test, y_train, y_test), of MNIST with a path, of the digits without one."""
    X, y = mnist(path) if path else digits()
    sizes = {"test_size": n_rows, "train_size": n_rows} if path else {"test_size": 0.25}
    return train_test_split(X / X.max(), y, random_state=0, stratify=y, **sizes)


if __name__ == "__main__":
    main()
