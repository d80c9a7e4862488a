"""Fixtures that put faults into a fit, and that check the estimator afterwards.

The tests of this folder name no private module: these fixtures do.
"""

import builtins
import linecache
import signal
import sys
import threading
from functools import partial
from itertools import count

import numpy as np
import pytest
from scipy.special import xlogy

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)
from skl_sparse_ae._estimator import interrupts
from skl_sparse_ae._estimator.monitor import FitMonitor
from skl_sparse_ae._rows import blas_threads, in_memory, thread_pool
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._sparse import problems, variable_projection
from skl_sparse_ae._topk.problem import TopKProblem, TopKSpec
from skl_sparse_ae._variational.problem import VariationalProblem, VariationalSpec

WEIGHTS = ("components_", "intercept_", "decoder_components_", "decoder_intercept_")
LISTS = (
    "encoder_coefs_",
    "encoder_intercepts_",
    "decoder_coefs_",
    "decoder_intercepts_",
)  # of arrays
OTHERS = {
    "variational": partial(VariationalAutoencoderTransformer, hidden_layer_sizes=5),
    "topk": partial(TopKAutoencoderTransformer, n_nonzero_coefs=2),
}
PLACES = {
    "evaluation": [
        (problems.JointProblem, "value_and_gradient"),
        (problems.MiniBatchProblem, "value_and_gradient"),
        (problems.EliminatedProblem, "value_and_gradient"),
        (VariationalProblem, "value_and_gradient"),
        (TopKProblem, "value_and_gradient"),
    ],
    "monitor": [(FitMonitor, "__call__")],
    "print": [(builtins, "print")],
    "epoch": [(in_memory, "mini_batches")],
    "final pass": [(spec, "summarize") for spec in (problems.Spec, VariationalSpec, TopKSpec)],
    "threshold": [(TopKSpec, "calibrated")],
    "allocation": [(np, "empty")],
    "encoding": [(variable_projection, "encode")],
    "count of BLAS threads": [(blas_threads, "_blas")],
}
# Functions whose lines are as many moments for a signal's handler.
FUNCTIONS = {
    "limit of BLAS": {
        "__call__",
        "_begin",
        "_leave",
        "_end",
        "_take_control",
        "executor",
        "thread_pool",
    },
    "transaction": {
        "transaction",
        "_merged",
        "_is_fitted",
        "fit",
        "partial_fit",
        "_partial_fit",
        "_fit",
        "_fit_epoch",
        "__copy__",
    },
}


@pytest.fixture(autouse=True)
def constant_learning_rate():
    """So that a fit of few epochs is the beginning of a longer one, of every family."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TopKAutoencoderTransformer, "_falling_share", 0.0)
        yield


@pytest.fixture(autouse=True)
def each_ctrl_c_for_itself(monkeypatch):
    """No Ctrl-C follows another within 2 seconds, and a parent's SIG_IGN is undone."""
    seconds = count(step=2.5)
    monkeypatch.setattr(interrupts, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(interrupts.ctrl_c, "pressed_at", -np.inf)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def ctrl_c_at(monkeypatch):
    """A function that sets the times, in seconds, at which Ctrl-C will come."""

    def arrange(*times):
        clock = iter(times)
        monkeypatch.setattr(interrupts, "monotonic", lambda: next(clock))

    return arrange


def _before(function, fault, calls, numbers):
    def call(*args, **kwargs):
        if next(numbers) in calls:
            fault()
        return function(*args, **kwargs)

    return call


@pytest.fixture(scope="session")
def break_at():
    """A function that arranges a call of `fault` before these calls (from 1) of a place.

    A place is a name in `PLACES`. Each of its functions has its own counter, unless one is given.
    """

    def arrange(patch, place, fault, *calls, numbers=None):
        for owner, name in PLACES[place]:
            broken = _before(getattr(owner, name), fault, calls, numbers or count(1))
            patch.setattr(owner, name, broken)

    return arrange


@pytest.fixture(scope="session")
def before_each():
    """A function that arranges a call of `function` before every call of a place."""

    def arrange(patch, place, function):
        for owner, name in PLACES[place]:
            every = range(1, 10**9)
            patch.setattr(owner, name, _before(getattr(owner, name), function, every, count(1)))

    return arrange


@pytest.fixture
def stop_at(monkeypatch):
    """A function that makes monitors stop fits at this iteration."""

    def arrange(number):
        judge = FitMonitor.__call__

        def stop(self, iterate):
            return judge(self, iterate)._replace(stop=iterate.number == number)

        monkeypatch.setattr(FitMonitor, "__call__", stop)

    return arrange


@pytest.fixture
def no_more_threads(monkeypatch):
    """A function after which no thread can be started."""

    def refuse(function, args):
        raise RuntimeError("can't start new thread")

    return lambda: monkeypatch.setattr(thread_pool, "start_new_thread", refuse)


@pytest.fixture(scope="session")
def n_blocks():
    """A function that returns the number of blocks of X for this number of units."""
    return lambda X, n_components: len(row_blocks(X, n_components))


@pytest.fixture(scope="session")
def blas_is_free():
    """A function that returns True if no one limits BLAS, and any thread could do so."""

    def is_free():
        limiter, came = blas_threads.one_blas_thread, threading.Event()

        def try_it():
            with limiter.lock:
                came.set()

        threading.Thread(target=try_it, daemon=True).start()
        return came.wait(60) and not limiter.inside

    return is_free


# --------------------------------------------------------------- a handler that raises at any line


class Handler(Exception):
    """An exception of a signal's handler that nobody else knows."""


def _leaves_a_lock(frame, line_before):
    """True at the end of ``with lock:``, which is traced as a line, but where no signal is handled.

    Python handles signals after calls, and calls `__exit__` first. An exception there would leave
    the lock acquired for good, as no handler can.
    """
    statement = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return frame.f_lineno < line_before and statement.startswith("with self.lock")


@pytest.fixture(scope="session")
def raise_at_line():
    """A function that calls another one and raises an exception at one of its lines.

    Lines are counted over the functions in `FUNCTIONS`. It returns True if the line was reached.
    """

    def run(number, what, function, *args):
        lines = count(1)

        def trace(frame, event, _):
            code, last = frame.f_code, [0]
            if code.co_name not in FUNCTIONS[what] or "skl_sparse_ae" not in code.co_filename:
                return None

            def trace_lines(frame, event, _):
                if event != "line":
                    return trace_lines
                line_before, last[0] = last[0], frame.f_lineno
                if not _leaves_a_lock(frame, line_before) and next(lines) == number:
                    sys.settrace(None)
                    raise Handler
                return trace_lines

            return trace_lines

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            function(*args)
        except Handler:
            return True
        finally:
            sys.settrace(before)
        return False

    return run


# ------------------------------------------------------------------------ fits, and what they leave


def _quick(**parameters):
    defaults = {
        "n_components": 4,
        "max_iter": 8,
        "tol": 0,
        "batch_size": 15,
        "verbose": 1,
        "random_state": 0,
    }
    if parameters.get("solver") not in OTHERS:
        return SparseAutoencoderTransformer(**defaults | parameters)
    return OTHERS[parameters.pop("solver")](**defaults | parameters)


@pytest.fixture(scope="session")
def quick():
    """A function that makes a small model of 8 iterations, for a solver or a name in `OTHERS`."""
    return _quick


def _is_sparse(model):
    return isinstance(model, SparseAutoencoderTransformer)


def _objective(model, rows):
    if isinstance(model, VariationalAutoencoderTransformer):
        return -model.score(rows)
    if isinstance(model, TopKAutoencoderTransformer):
        return -model.score_samples(rows).mean()
    rho, q = model.sparsity_target, model.transform(rows).mean(axis=0)
    kl = xlogy(rho, rho / q) + xlogy(1 - rho, (1 - rho) / (1 - q))
    decay = (
        model.encoder_alpha_ * (model.components_**2).sum()
        + model.decoder_alpha_ * (model.decoder_components_**2).sum()
    )
    return (
        model.sparsity_weight_ * kl.sum()
        + decay / (2 * rows.shape[1])
        - model.score_samples(rows).mean()
    )


@pytest.fixture(scope="session")
def objective():
    """A function that computes J from fitted attributes, for squared error."""
    return _objective


def _has_weights_of(model, other):
    if not isinstance(model, VariationalAutoencoderTransformer):
        names = WEIGHTS if _is_sparse(model) else (*WEIGHTS, "threshold_", "density_")
        return all(np.array_equal(getattr(model, name), getattr(other, name)) for name in names)
    pairs = (zip(getattr(model, name), getattr(other, name), strict=True) for name in LISTS)
    return all(np.array_equal(one, another) for pair in pairs for one, another in pair)


@pytest.fixture(scope="session")
def has_weights_of():
    """A function that returns True if two models have the same weights, to the bit."""
    return _has_weights_of


@pytest.fixture(scope="session")
def check_completed_iterate():
    """A function that asserts that a fit of as many iterations, or fewer, ends at this model.

    All other attributes must belong to these weights.
    """

    def check(model, rows):
        curve = next(iter(model.loss_terms_.values()))
        assert model.n_iter_ == len(model.loss_curve_) == len(curve) >= 1
        parameters = model.get_params() | {"verbose": 0}
        fits = (
            type(model)(**parameters | {"max_iter": n + 1}).fit(rows)
            for n in reversed(range(model.n_iter_))
        )
        assert any(_has_weights_of(model, fit) for fit in fits)
        assert model.loss_ == pytest.approx(_objective(model, rows), rel=1e-10)
        if _is_sparse(model):
            np.testing.assert_allclose(
                model.mean_activations_, model.transform(rows).mean(axis=0), rtol=1e-10
            )
        assert model._optimizer_state is None

    return check


@pytest.fixture(scope="session")
def check_usable():
    """A function that asserts that training of the model can go on."""

    def check(model, rows):
        before = model.loss_
        if _is_sparse(model):
            model.set_params(solver="adam")
        model.set_params(verbose=0).partial_fit(rows)
        assert model.n_iter_ == len(model.loss_curve_)
        if _is_sparse(model):
            assert model.set_params(solver="lbfgs", warm_start=True).fit(rows).loss_ < before

    return check
