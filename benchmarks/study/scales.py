"""What is the frame worth when the unit or the offset of X changes?

    python -m benchmarks.study.scales    # 2 minutes

The answer is iterations of L-BFGS to within 10% and 1% of one J. For c X the objective is the
matching one: c^2 times that of X at the matching weights We / c, be, c Wd, c bd. So
sparsity_weight is multiplied by c^2, encoder_alpha by c^4, and decoder_alpha stays. An offset
needs no change, since biases carry no decay. Hence nothing differs but the unit. The value to
reach, divided by c^2, is the same for all: the lowest of 1000 iterations in the frame.

"before" is the identity frame, the weights as they are. "frame" is that of a fit, in which Adam
and cross-entropy search. "decoder eliminated" is what `fit` does on these rows. They start from
the same network, our first weights in X's unit, which favours "before". Users of a textbook form
have an initialisation that ignores the unit, such as Glorot's weights for features of unit
variance and biases of zero: that is "before, textbook start". All have the rest of our solver,
such as the division by the first J.

The last table has no matching: it has the default estimator in every unit. After it comes R2 of
Adam with small batches, and of `partial_fit` after a first batch of one row.
"""

import argparse
import re
import warnings

import numpy as np
from sklearn.preprocessing import StandardScaler

from benchmarks import core
from benchmarks.datasets import breast_cancer, digits
from skl_sparse_ae import SparseAutoencoderTransformer, VariationalAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity

UNITS = [10.0**power for power in range(-6, 7, 2)]
OFFSETS = (10, 1000)
MAX_ITER, TOLERANCES = 1000, (0.1, 0.01)


def objective_of(c):
    return core.objective("squared_error", weight=0.2 * c**2, encoder_alpha=1e-4 * c**4)


def framed(X, k, c=1.0):
    """The objective for c times the rows, in the frame of a fit."""
    objective = objective_of(c)
    return core.joint(objective, core.own_frame(objective, X, k), X, k)


def unframed(X, k, c=1.0):
    return core.joint(objective_of(c), core.identity_frame(X.shape[1]), X, k)


def own_start(problem, X):
    """Our first weights, in the user's frame as are all starts here."""
    return core.to_weights(problem, core.first(problem, X))


def textbook_start(n_components, n_features):
    """Glorot's weights and biases of zero, flat."""
    limit, rng = np.sqrt(6 / (n_components + n_features)), np.random.default_rng(0)
    We, Wd = rng.uniform(-limit, limit, (2, n_components * n_features))
    return np.concatenate([We, np.zeros(n_components), Wd, np.zeros(n_features)])


def curve(problem, X, start, c, goal=-np.inf):
    """J / c^2 after each iteration, up to the first that is no higher than `goal`."""

    def is_reached(value, _):
        values.append(value / c**2)
        return values[-1] <= goal

    values = []
    core.lbfgs(problem, X, core.from_weights(problem, start), MAX_ITER, is_reached)
    return np.array(values)


def curves(X, k, c, reference):
    ours, before = framed(X, k, c), unframed(X, k, c)
    start, textbook = own_start(ours, X), textbook_start(k, X.shape[1])
    eliminated = core.eliminated(ours, X)
    runs = ((before, textbook), (before, start), (ours, start), (eliminated, start))
    goal = reference * (1 + min(TOLERANCES))
    return [curve(problem, X, first, c, goal) for problem, first in runs]


def cell(values, reference):
    """Iterations to each tolerance.

    If one was not reached, it says why, and has the lowest J as a multiple of the reference.
    """
    reached = [np.flatnonzero(values <= reference * (1 + tolerance)) for tolerance in TOLERANCES]
    never = f">{MAX_ITER}" if len(values) == MAX_ITER else f"solver stopped at {len(values)}"
    text = " / ".join(str(hits[0] + 1) if hits.size else never for hits in reached)
    if reached[-1].size:
        return text
    return f"{text} ({min(values, default=np.inf) / reference:.4g} x)"


def iterations_table(name, X, k):
    ours = framed(X, k)
    reference = curve(ours, X, own_start(ours, X), 1.0).min()
    print(f"\n## {name}, {len(X)} rows, k={k}\n\nReference J {reference:.6g}\n")
    print("| X | before, textbook start | before | frame | decoder eliminated |")
    print("|---|---|---|---|---|")
    deviation = np.sqrt(X.var(axis=0).mean())
    cases = [(f"{c:g} X", c * X, c) for c in UNITS]
    cases += [(f"X + {t} standard deviations", X + t * deviation, 1.0) for t in OFFSETS]
    for label, case, c in cases:
        cells = [cell(values, reference) for values in curves(case, k, c, reference)]
        print(f"| {label} | {' | '.join(cells)} |", flush=True)


def default_row(X):
    """Columns of the last table; warnings up to their first colon or full stop."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SparseAutoencoderTransformer(32, random_state=0).fit(X)
        code = model.transform(X)
    said = "; ".join(re.split(r": |\. ", str(w.message))[0] for w in caught) or "none"
    figures = f"{model.score(X):z.3f} | {code.mean():.3f} | {hoyer_sparsity(code):.3f}"
    return f"{figures} | {model.n_iter_} | {said}"


def r2_of_batches(X, batch_size):
    options = {"batch_size": batch_size, "max_iter": 30, "tol": 0, "random_state": 0}
    return SparseAutoencoderTransformer(16, solver="adam", **options).fit(X).score(X)


def r2_of_calls(X, n_rows):
    """R2 after 30 epochs by `partial_fit` with `n_rows` rows at a time."""
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
    """The score after `partial_fit` with the rows `first`, if any, and 50 times with X."""
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
        models = (sparse, variational)
        r2, elbo = (score_after(model, rows[:n_rows], rows) for model in models)
        print(f"after a first batch of {n_rows}: R2 {r2:.3f}, log-likelihood at least {elbo:.2f}")


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    X, cancer = digits()[0] / 16, StandardScaler().fit_transform(breast_cancer()[0])
    iterations_table("digits 0..1", X[:500], 32)
    iterations_table("breast cancer standardised", cancer, 16)
    print("\n## The default estimator on all digits, k=32\n")
    print("| X | R2 | mean activation | Hoyer | iterations | warnings |\n|---|---|---|---|---|---|")
    for power in range(-6, 7):
        print(f"| 1e{power} X | {default_row(10.0**power * X)} |", flush=True)
    batches_and_beginnings(X[:400])


if __name__ == "__main__":
    main()
