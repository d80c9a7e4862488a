"""What the frame is worth when the unit or the offset of X changes: iterations of L-BFGS to within 10% and 1% of one J.

    python -m benchmarks.study.scales

For c X the objective is the matching one, c^2 times that of X at the matching weights We / c, be, c Wd, c bd: sparsity_weight
times c^2, encoder_alpha times c^4, decoder_alpha as it is. An offset needs no change, since biases carry no decay. So nothing
differs but the unit, and the value to reach, divided by c^2, is the same for all: the lowest of 1000 iterations in the frame.

"before" is the identity frame, the weights as they are; "frame" is `Frame.of`, what cross-entropy and Adam search in; "decoder
eliminated" is what `fit` does here. They start from the same network, ours, in X's unit, which favours "before": an
initialisation that ignores the unit, such as Glorot's weights for features of unit variance and biases of zero, is what users
of a textbook form really have, and is "before, textbook start". All have the rest of our solver, such as the division by
the first J. The last table has no matching in it: the default estimator, in every unit. What
follows it is R2 of Adam with small batches, and of `partial_fit` after a first batch of one row.
"""

import re
import warnings

import numpy as np
from sklearn.preprocessing import StandardScaler

from benchmarks.datasets import breast_cancer, digits
from skl_sparse_ae import SparseAutoencoderTransformer, VariationalAutoencoderTransformer
from skl_sparse_ae._estimator.training import run_lbfgs
from skl_sparse_ae._nn.losses import SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._solvers.solution import Patience
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective
from skl_sparse_ae._sparse.problems import EliminatedProblem, JointProblem
from skl_sparse_ae._sparse.weights import Weights, flatten
from skl_sparse_ae.metrics import hoyer_sparsity

UNITS = [10.0**power for power in range(-6, 7, 2)]
OFFSETS = (10, 1000)
TARGET, MAX_ITER, TOLERANCES = 0.1, 1000, (0.1, 0.01)


def problem_of(X, n_components, c, frame):
    objective = Objective(SquaredError, KullbackLeibler(TARGET, 0.2 * c**2), 1e-4 * c**4, 1e-2)
    return JointProblem(objective, frame, n_components, X.dtype)


def identity(n_features):
    return Frame(np.zeros(n_features), 1.0, 0.0, 1.0)


def own_frame(X, n_components):
    mean, variance = column_moments(row_blocks(X, n_components))
    return Frame.of(mean, variance, TARGET, SquaredError.raw_scale(variance))


def own_start(problem, X):
    """In the user's frame, as are all starts here."""
    return problem.weights(problem.first(X.mean(axis=0), TARGET, np.random.default_rng(0)))


def textbook_start(n_components, n_features):
    limit, rng = np.sqrt(6 / (n_components + n_features)), np.random.default_rng(0)
    We, Wd = rng.uniform(-limit, limit, (2, n_components, n_features))
    return flatten(Weights(We, np.zeros(n_components), Wd, np.zeros(n_features)))


def curve(problem, X, start, c, goal=-np.inf):
    """J / c^2 after each iteration, up to the first that is no higher than `goal`."""
    values = []

    def watch(iterate):
        values.append(iterate.value / c**2)
        if values[-1] <= goal:
            raise StopIteration
        return values[-1]

    patience = Patience(tol=0, n_iter_no_change=1)
    run_lbfgs(problem, X, problem.resume(start), max_iter=MAX_ITER, patience=patience, watch=watch)
    return np.array(values)


def curves(X, n_components, c, reference):
    ours = problem_of(X, n_components, c, own_frame(X, n_components))
    before = problem_of(X, n_components, c, identity(X.shape[1]))
    eliminated = EliminatedProblem(ours, row_blocks(X, n_components), X.var(axis=0).sum())
    start = own_start(ours, X)
    runs = (
        (before, textbook_start(n_components, X.shape[1])),
        (before, start),
        (ours, start),
        (eliminated, start),
    )
    return [
        curve(problem, X, first, c, goal=reference * (1 + min(TOLERANCES)))
        for problem, first in runs
    ]


def cell(values, reference):
    """Iterations to each tolerance; if one was not reached, why, and the lowest J as a multiple of the reference."""
    reached = [np.flatnonzero(values <= reference * (1 + tolerance)) for tolerance in TOLERANCES]
    never = f">{MAX_ITER}" if len(values) == MAX_ITER else f"solver stopped at {len(values)}"
    text = " / ".join(str(hits[0] + 1) if hits.size else never for hits in reached)
    return (
        text
        if reached[-1].size
        else f"{text} ({values.min() / reference if len(values) else np.inf:.4g} x)"
    )


def iterations_table(name, X, n_components):
    ours = problem_of(X, n_components, 1.0, own_frame(X, n_components))
    reference = curve(ours, X, own_start(ours, X), 1.0).min()
    print(f"\n## {name}, {len(X)} rows, k={n_components}\n\nReference J {reference:.6g}\n")
    print(
        "| X | before, textbook start | before | frame | decoder eliminated |\n|---|---|---|---|---|"
    )
    deviation = np.sqrt(X.var(axis=0).mean())
    cases = [(f"{c:g} X", c * X, c) for c in UNITS]
    cases += [(f"X + {t} standard deviations", X + t * deviation, 1.0) for t in OFFSETS]
    for label, case, c in cases:
        cells = [cell(values, reference) for values in curves(case, n_components, c, reference)]
        print(f"| {label} | {' | '.join(cells)} |", flush=True)


def default_row(X):
    """Columns of the last table: R2, mean activation, Hoyer sparsity, iterations, warnings up to their first colon or stop."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SparseAutoencoderTransformer(32, random_state=0).fit(X)
        code = model.transform(X)
    said = "; ".join(re.split(r": |\. ", str(w.message))[0] for w in caught) or "none"
    return f"{model.score(X):z.3f} | {code.mean():.3f} | {hoyer_sparsity(code):.3f} | {model.n_iter_} | {said}"


def r2_of_batches(X, batch_size):
    options = {"batch_size": batch_size, "max_iter": 30, "tol": 0}
    return (
        SparseAutoencoderTransformer(16, solver="adam", random_state=0, **options).fit(X).score(X)
    )


def r2_of_calls(X, n_rows):
    """Of `partial_fit` with so many rows at a time."""
    model = SparseAutoencoderTransformer(16, solver="adam", random_state=0)
    for start in 30 * list(range(0, len(X), n_rows)):
        model.partial_fit(X[start : start + n_rows])
    return model.score(X)


def correlated_rows():
    """Eight columns around 5,000 with deviations of about 1,000."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 8))
    return 5000 + 1000 * (shared + 0.1 * rng.normal(size=(400, 8))) / np.sqrt(3)


def score_after(model, first, X):
    """After `partial_fit` with the rows `first`, if any, and 50 times with X."""
    for rows in [first] * bool(len(first)) + 50 * [X]:
        model.partial_fit(rows)
    return model.score(X)


def batches_and_beginnings(X):
    print("\n## Small batches and odd first batches\n")
    for n_rows in (1, 2, 8, 32, 64):
        print(f"batches of {n_rows}: R2 {r2_of_batches(X, n_rows):.2f}", flush=True)
    for n_rows in (1, 2, 10):
        print(f"partial_fit of {n_rows}: R2 {r2_of_calls(X, n_rows):.2f}", flush=True)
    rows = correlated_rows()
    for n_rows in (0, 1):
        sparse = SparseAutoencoderTransformer(8, solver="adam", random_state=0)
        variational = VariationalAutoencoderTransformer(2, random_state=0)
        scores = [score_after(model, rows[:n_rows], rows) for model in (sparse, variational)]
        print(
            "after a first batch of {}: R2 {:.3f}, log-likelihood at least {:.2f}".format(
                n_rows, *scores
            )
        )


def main():
    X = digits()[0] / 16
    iterations_table("digits 0..1", X[:500], 32)
    iterations_table(
        "breast cancer standardised", StandardScaler().fit_transform(breast_cancer()[0]), 16
    )
    print("\n## The default estimator on all digits, k=32\n")
    print("| X | R2 | mean activation | Hoyer | iterations | warnings |\n|---|---|---|---|---|---|")
    for power in range(-6, 7):
        print(f"| 1e{power} X | {default_row(10.0**power * X)} |", flush=True)
    batches_and_beginnings(X[:400])


if __name__ == "__main__":
    main()
