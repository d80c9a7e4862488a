"""The private parts of the package that the benchmarks measure.

No other module here imports or patches a private name, so a renaming in the package is mended in
this file alone. A problem is a form of the sparse autoencoder's objective. A solver searches it as
a function of one flat vector x; `theta` are the flat weights of the user's network.
"""

import time
from contextlib import contextmanager
from functools import partial

import numpy as np

from skl_sparse_ae import SparseAutoencoderTransformer, TopKAutoencoderTransformer
from skl_sparse_ae._estimator.solvers import SOLVERS, Run, epochs
from skl_sparse_ae._nn.activations import Logistic
from skl_sparse_ae._nn.losses import CrossEntropy, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows import executor as executors
from skl_sparse_ae._rows import products as sparse_rows
from skl_sparse_ae._rows.blocks import BLOCK_BYTES
from skl_sparse_ae._rows.blocks import row_blocks as _row_blocks
from skl_sparse_ae._rows.in_memory import as_rows
from skl_sparse_ae._rows.moments import moments_of
from skl_sparse_ae._solvers import lbfgs as lbfgs_settings
from skl_sparse_ae._solvers.adam import adam_start, adam_step
from skl_sparse_ae._solvers.learning_rate import LearningRate
from skl_sparse_ae._solvers.solution import Patience, Verdict
from skl_sparse_ae._sparse import problems, whitening
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective
from skl_sparse_ae._sparse.objective import value_and_gradient as _value_and_gradient
from skl_sparse_ae._sparse.one_pass import value_and_gradient_in_one_pass
from skl_sparse_ae._sparse.weights import n_weights, unflatten
from skl_sparse_ae._topk import initial as topk_initial
from skl_sparse_ae.dask import rows as on_dask

__all__ = ["BLOCK_BYTES", "adam_start", "adam_step", "n_weights", "row_blocks", "unflatten"]

LOSSES = {"squared_error": SquaredError, "cross_entropy": CrossEntropy}
TARGET = 0.1  # of the penalty, unless a benchmark says otherwise
LBFGS_HISTORY = lbfgs_settings.HISTORY


# ----------------------------------------------------------------------------------- the objective


def objective(loss, target=TARGET, weight=0.2, encoder_alpha=1e-4, decoder_alpha=1e-2):
    """The objective with the loss of this name and plain numbers for the three weights."""
    penalty = KullbackLeibler(target, weight)
    return Objective(LOSSES[loss], Logistic, penalty, encoder_alpha, decoder_alpha)


def row_blocks(X, k):
    """The rows of X in the blocks of a fit, a list of arrays."""
    return _row_blocks(X, k).rows


def value_and_gradient(objective, theta, X):
    """J and its flat gradient at the user's weights, on the calling thread."""
    w = unflatten(theta, *_n_units_and_features(theta, X))
    return _value_and_gradient(objective, w, _row_blocks(X, len(w.We)))[:2]


@contextmanager
def evaluation_at(objective, theta, X):
    """Yield a function that repeats `value_and_gradient` with the threads and buffers of a fit."""
    w = unflatten(theta, *_n_units_and_features(theta, X))
    blocks = _row_blocks(X, len(w.We))
    with blocks.workers():
        yield partial(_value_and_gradient, objective, w, blocks)


def _n_units_and_features(theta, X):
    n_features = X.shape[1]
    return (len(theta) - n_features) // (2 * n_features + 1), n_features


# ------------------------------------------------------------------------------------- the problems


def column_moments(X, k):
    """Mean and variance of each column (n_features,), float64."""
    moments = moments_of(as_rows(X), k)
    return moments.mean, moments.variance


def own_frame(objective, X, k):
    """The frame that a fit would use for X."""
    mean, variance = column_moments(X, k)
    scale = objective.loss.raw_scale(variance)
    return Frame.of(mean, variance, objective.penalty.target, scale, X.dtype)


def identity_frame(n_features):
    """The frame in which x are the user's weights."""
    return Frame(np.zeros(n_features), 1.0, 0.0, 1.0)


def unit_frame(objective, X, k):
    """A frame that is centred, with features and raw output of unit variance on average."""
    mean, variance = column_moments(X, k)
    scale = objective.loss.raw_scale(variance)
    return Frame(mean, float(np.sqrt(variance.mean())), objective.penalty.target, scale)


def _spec(objective, frame, X, k):
    return problems.Spec(objective, frame, k, X.dtype)


def joint(objective, frame, X, k):
    """All weights free."""
    spec = _spec(objective, frame, X, k)
    return problems.JointProblem(spec, spec.blocks(as_rows(X)))


def one_pass(objective, frame, X, k):
    """All weights free, for rows that are read once in an evaluation."""
    spec = _spec(objective, frame, X, k)
    blocks = spec.blocks(as_rows(X))
    return problems.JointProblem(spec, blocks, value_and_gradient_in_one_pass)


def mini_batch(objective, frame, X, k):
    """All weights free, for Adam."""
    return problems.MiniBatchProblem(_spec(objective, frame, X, k))


def eliminated(problem, X):
    """The encoder alone, given `joint`; squared error only."""
    _, variance = column_moments(X, problem.spec.n_components)
    return problems.EliminatedProblem(problem.spec, problem.blocks, variance.sum())


def eliminated_without_whitening(problem, X):
    """`eliminated`, for inputs that are scaled and not whitened."""
    made = eliminated(problem, X)
    scaled = whitening.Scaled(problem.spec.frame.input_scale / whitening.STRETCH)
    made.frame = made.frame._replace(inputs=scaled)
    return made


def first(problem, X, seed=0):
    """The x from which a fit would start."""
    return problem.initial_params(np.random.default_rng(seed))


def to_weights(problem, x):
    return problem.to_weights(x)


def from_weights(problem, theta):
    return problem.params_from(theta)


def value_at(problem, x, X):
    """J over all rows of X."""
    return float(sum(problem.spec.summarize(problem.to_weights(x), as_rows(X)).terms))


@contextmanager
def evaluation(problem, x, X):
    """Yield a function that evaluates J and its gradient at x, as a fit does."""
    with problem.blocks.workers():
        yield lambda: problem.value_and_gradient(x)[:2]


class Counted:
    """A problem that counts its evaluations in `n_evaluations`."""

    def __init__(self, problem):
        self.problem, self.n_evaluations = problem, 0

    def value_and_gradient(self, *args):
        self.n_evaluations += 1
        return self.problem.value_and_gradient(*args)

    def __getattr__(self, name):
        return getattr(self.problem, name)


# -------------------------------------------------------------------------------------- the solvers


def lbfgs(problem, X, x, n_iter=10**6, watch=None):
    """Run L-BFGS for `n_iter` iterations, or until ``watch(value, x)`` is true after one."""
    _solve("lbfgs", problem, X, x, n_iter, watch)


def adam(problem, X, x, batch_size, learning_rate, n_epochs=10**6, watch=None):
    """Run Adam for `n_epochs` epochs, or until ``watch(value, x)`` is true after one."""
    _solve("adam", problem, X, x, n_epochs, watch, batch_size, learning_rate)


def _solve(solver, problem, X, x, max_iter, watch, batch_size=0, learning_rate=0.0):
    spec = problem.spec
    run = Run(
        start=x,
        memory={"running_mean": np.full(spec.n_components, spec.objective.penalty.target)},
        rng=np.random.default_rng(0),
        batch_size=batch_size,
        learning_rate=learning_rate,
        falling_share=0.0,
        max_iter=max_iter,
        patience=Patience(tol=0, n_iter_no_change=1),
        monitor=lambda iterate: Verdict(
            iterate.value, bool(watch and watch(iterate.value, iterate.params))
        ),
    )
    with np.errstate(all="ignore"):  # as in a fit, which reports overflow itself
        SOLVERS[solver].solve(problem, as_rows(X), run)


def variational_epochs(model, X):
    """Yield the loss of each epoch of a `VariationalAutoencoderTransformer`, without end."""
    rows = as_rows(X)
    moments = model._moments(rows)
    frame = model._make_frame(moments, X.dtype)
    problem = model._stochastic_problem(frame, moments, rows)
    start = problem.initial_params(np.random.default_rng(0)).astype(X.dtype)
    state = adam_start(start, learning_rate=LearningRate(model.learning_rate_init))
    with epochs(problem, rows, model.batch_size) as epoch:
        while True:
            state, value, _ = epoch(state, np.random.default_rng([0, state.n_steps]))
            yield value


@contextmanager
def topk_trainer(falling_share=None, groups=None):
    """Fits of `TopKAutoencoderTransformer` with other constants; None leaves one as it is.

    `falling_share` is the share of the steps over which the learning rate falls. `groups` is the
    number of groups of the first atoms: those after the first are directions of residuals.
    """
    before = TopKAutoencoderTransformer._falling_share, topk_initial.GROUPS
    try:
        if falling_share is not None:
            TopKAutoencoderTransformer._falling_share = falling_share
        if groups is not None:
            topk_initial.GROUPS = groups
        yield
    finally:
        TopKAutoencoderTransformer._falling_share, topk_initial.GROUPS = before


# ------------------------------------------------------------------------------- threads and sizes


@contextmanager
def workers(most):
    """Yield the `map` of a fit: as many threads as BLAS uses, but no more than `most`."""
    with executors.executor(most) as found:
        yield found.plain_map


def history_length(n_encoder_weights):
    """The pairs of vectors that L-BFGS keeps."""
    is_long = n_encoder_weights <= lbfgs_settings.MANY_PARAMS
    return lbfgs_settings.HISTORY if is_long else lbfgs_settings.SHORT_HISTORY


def batch_size(n_rows):
    """The rows in a batch of Adam with ``batch_size="auto"``."""
    return SparseAutoencoderTransformer._automatic_size.of(n_rows)


def is_whitened(n_rows, n_features, k):
    """Return True if `eliminated` whitens rows of this shape."""
    in_evaluations = whitening._cost(n_rows, n_features)
    in_evaluations /= whitening._cost_of_evaluation(n_rows, n_features, k)
    most = min(n_rows, whitening.MAX_WHITE_FEATURES)
    return n_features <= most and in_evaluations <= whitening.MAX_EVALUATIONS


def treat_sparse_as_dense():
    """For the rest of the process, expand sparse rows block by block, however sparse they are."""
    sparse_rows.MAX_DENSITY = 0.0


# ----------------------------------------------------------------------------------- Dask clusters


def dask_rows(X, client):
    """Rows of a Dask array on the workers, as a fit holds them."""
    return on_dask.DaskRows.of(X, client)


def dask_workers(rows):
    """The address of the worker of each block."""
    return [worker for worker, _, _ in rows.blocks(1).shares]


def dask_round(rows, function):
    """A function that calls ``function(rows of a block, None)`` once for each worker."""
    blocks = rows.blocks(1)
    return lambda: blocks.sums_of_workers(function, [None] * len(blocks))


def clock_workers():
    """In a worker: record the seconds of its part of each round."""
    total, on_dask.seconds = on_dask.sum_in_worker, []

    def clocked(*args):
        start = time.perf_counter()
        result = total(*args)
        on_dask.seconds.append(time.perf_counter() - start)
        return result

    on_dask.sum_in_worker = clocked


def worker_seconds():
    """In a worker: return the seconds recorded since the last call."""
    seconds = on_dask.seconds[:]
    on_dask.seconds.clear()
    return seconds


def send_with_tasks():
    """Send vectors of any size together with the tasks."""
    on_dask.MAX_BYTES_IN_TASKS = np.inf


def send_by_scattering():
    """Scatter vectors of any size before the tasks."""
    on_dask.MAX_BYTES_IN_TASKS = 0
