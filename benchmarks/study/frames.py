"""What the centred and scaled frame is worth: J after so many iterations of L-BFGS.

    python -m benchmarks.study.frames [--mnist PATH]

"unit variances" is a frame that is centred, with features and raw output of unit variance on average; "ours" is that of
`Frame.of`; "eliminated" searches the encoder alone, where that is possible, for scaled inputs and for white ones. Same
objective, same first weights (in the user's frame), same solver; PATH is an .npz with X of shape (n, 784) in 0..255.
"""

import argparse

import numpy as np
from sklearn.preprocessing import StandardScaler

from benchmarks.datasets import breast_cancer, digits, unit_patches
from skl_sparse_ae._estimator.history import Watch
from skl_sparse_ae._estimator.training import run_lbfgs
from skl_sparse_ae._nn.losses import CrossEntropy, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._solvers.solution import Patience
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective
from skl_sparse_ae._sparse.problems import EliminatedProblem, JointProblem
from skl_sparse_ae._sparse.whitening import STRETCH, Scaled

CHECKPOINTS = (25, 50, 100, 200, 400)


def curve(problem, X, weights):
    watch = Watch(problem.terms, verbose=0)
    patience = Patience(tol=0, n_iter_no_change=1)
    run_lbfgs(
        problem,
        X,
        problem.resume(weights),
        max_iter=max(CHECKPOINTS),
        patience=patience,
        watch=watch,
    )
    return [watch.values[:i][-1] for i in CHECKPOINTS]


def compare(X, n_components, loss):
    mean, variance = column_moments(row_blocks(X, n_components))
    ours = Frame.of(mean, variance, 0.1, loss.raw_scale(variance))
    textbook = Frame(np.zeros_like(mean), 1.0, 0.0, 1.0)
    unit = Frame(mean, float(np.sqrt(variance.mean())), 0.1, loss.raw_scale(variance))
    objective = Objective(loss, KullbackLeibler(0.1, 0.2), 1e-4, 1e-2)
    problems = [
        JointProblem(objective, frame, n_components, X.dtype) for frame in (textbook, unit, ours)
    ]
    start = problems[-1].weights(
        problems[-1].first(loss.raw_of_mean(mean), 0.1, np.random.default_rng(0))
    )
    if loss is SquaredError:
        scaled, white = (
            EliminatedProblem(problems[-1], row_blocks(X, n_components), variance.sum())
            for _ in range(2)
        )
        scaled.input = Scaled(ours.input_scale / STRETCH)
        problems += [scaled, white]
    return [curve(problem, X, start) for problem in problems]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="add the first 2,000 rows of this file, divided by 255")
    path = parser.parse_args().mnist
    X = digits()[0]
    problems = {
        "digits 0..16, k=64": (X, 64, SquaredError),
        "digits 0..1, k=64": (X / 16, 64, SquaredError),
        "digits 0..1, k=64, cross-entropy": (X / 16, 64, CrossEntropy),
        "breast cancer standardised, k=30": (
            StandardScaler().fit_transform(breast_cancer()[0]),
            30,
            SquaredError,
        ),
        "breast cancer raw, k=30": (breast_cancer()[0], 30, SquaredError),
        "patches 0.1..0.9, k=25": (unit_patches()[0], 25, SquaredError),
    }
    if path:
        problems["MNIST 2,000 rows, k=100"] = (np.load(path)["X"][:2000] / 255, 100, SquaredError)
    checkpoints = " / ".join(map(str, CHECKPOINTS))
    columns = [
        "weights as they are",
        "unit variances",
        "ours",
        "eliminated, scaled",
        "eliminated, white",
    ]
    print(f"| J after {checkpoints} iterations | {' | '.join(columns)} |")
    print("|---|---|---|---|---|---|")
    for name, problem in problems.items():
        cells = [" / ".join(f"{value:.4g}" for value in values) for values in compare(*problem)]
        print(f"| {name} | {' | '.join(cells + ['-'] * (5 - len(cells)))} |", flush=True)


if __name__ == "__main__":
    main()
