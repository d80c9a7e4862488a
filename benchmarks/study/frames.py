"""What do a centred and scaled frame, elimination and whitening save L-BFGS?

    python -m benchmarks.study.frames --mnist mnist.npz    # 1 minute

The answer is J after numbers of iterations. "unit variances" is a frame that is centred, with
features and raw output of unit variance on average; "ours" is that of a fit. "eliminated" searches
the encoder alone (squared error only), for scaled inputs and for whitened ones. All have the same
objective, first weights (in the user's frame) and solver. The file is an .npz with X of shape
(n, 784) in 0..255, of which 2,000 rows are used; without --mnist they are left out.
"""

import argparse

import numpy as np
from sklearn.preprocessing import StandardScaler

from benchmarks import core
from benchmarks.datasets import breast_cancer, digits, unit_patches

CHECKPOINTS = (25, 50, 100, 200, 400)
COLUMNS = (
    "weights as they are",
    "unit variances",
    "ours",
    "eliminated, scaled",
    "eliminated, white",
)


def curve(problem, X, theta):
    """J at the `CHECKPOINTS`, or at the last iteration before."""
    values = []
    x = core.from_weights(problem, theta)
    core.lbfgs(problem, X, x, max(CHECKPOINTS), lambda value, _: values.append(value))
    return [values[:i][-1] for i in CHECKPOINTS]


def compare(X, k, loss="squared_error"):
    """A curve for each of the `COLUMNS` that the loss allows."""
    objective = core.objective(loss)
    ours = core.own_frame(objective, X, k)
    frames = (core.identity_frame(X.shape[1]), core.unit_frame(objective, X, k), ours)
    problems = [core.joint(objective, frame, X, k) for frame in frames]
    theta = core.to_weights(problems[-1], core.first(problems[-1], X))
    if loss == "squared_error":
        scaled = core.eliminated_without_whitening(problems[-1], X)
        problems += [scaled, core.eliminated(problems[-1], X)]
    return [curve(problem, X, theta) for problem in problems]


def problems(path):
    """Yield (name, arguments of `compare`)."""
    X, cancer = digits()[0], breast_cancer()[0]
    yield "digits 0..16, k=64", (X, 64)
    yield "digits 0..1, k=64", (X / 16, 64)
    yield "digits 0..1, k=64, cross-entropy", (X / 16, 64, "cross_entropy")
    yield "breast cancer standardised, k=30", (StandardScaler().fit_transform(cancer), 30)
    yield "breast cancer raw, k=30", (cancer, 30)
    yield "patches 0.1..0.9, k=25", (unit_patches()[0], 25)
    if path:
        yield "MNIST 2,000 rows, k=100", (np.load(path)["X"][:2000] / 255, 100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="add the first 2,000 rows of this file, divided by 255")
    path = parser.parse_args().mnist
    checkpoints = " / ".join(map(str, CHECKPOINTS))
    print(f"| J after {checkpoints} iterations | {' | '.join(COLUMNS)} |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    for name, problem in problems(path):
        cells = [" / ".join(f"{value:.4g}" for value in values) for values in compare(*problem)]
        cells += ["-"] * (len(COLUMNS) - len(cells))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
