"""The two solvers: functions of plain functions, returning a record. They know nothing of autoencoders, and warn of nothing.

`minimize_lbfgs` drives `scipy.optimize.minimize` behind a guard; `minimize_adam` is our own loop around `adam_step`.
Both report every iteration (L-BFGS) or epoch (Adam) to ``watch(iterate)``, which returns the number that should fall:
the iterate's value, or anything else that the caller judges progress by. `Patience` decides on it when to stop, and
the best iterate by it is the solution. A ``StopIteration`` raised by `watch` is a wish to stop, not a failure; its value, if
any, is the iterate's number, and without one the iterate is the solution only if it is the first. Ctrl-C, at any point
after the first iterate has been watched, ends the run with the best iterate so far, and before that is passed on.
"""

from collections import deque
from functools import partial
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

LBFGS_HISTORY = 10  # pairs of vectors, of the size of the parameters
# Of more parameters than this, whose history would take 640 MiB, half as many pairs are kept.
MANY_PARAMETERS, SHORT_HISTORY = 2**22, 5
# SciPy's workspace is indexed by 32-bit integers: beyond this many parameters it crashes the process (scipy #5102).
LBFGS_MOST_PARAMETERS = 2**31 // (2 * LBFGS_HISTORY)
LBFGS_RESTARTS = 30
LEAST_GRADIENT = 1e-150  # as a share of the first value: the squares of smaller ones underflow, and SciPy divides by them
NOT_FINITE_AT_START = (
    "The objective is not finite at the initial parameters. The input data may contain large values and need to be "
    "preprocessed, e.g. with StandardScaler."
)
ADAM_EPSILON = 1e-8  # for gradients of about 1: in another unit it has to be another number
# Elements: five arrays of that many stay in the cache, which saves a third of the step on one thread. On two, pieces of 2**16
# cost more in turns at the interpreter than they save: 2.3 ms for 1.6 million weights, and 1.5 ms with these.
ADAM_CHUNK = 2**18


class Iterate(NamedTuple):
    """One accepted point: `number` counts from 1 (0 is the start), `details` is whatever the function returned third."""

    number: int
    x: np.ndarray
    value: float
    details: Any


class Solution(NamedTuple):
    """The best iterate, how many there were, and why it ended.

    `status` is "converged", "max_iter", "stopped" (by `watch`), "interrupted" (by Ctrl-C) or "not_finite".
    """

    best: Iterate
    n_iter: int
    status: str


class Patience:
    """Says when something has not fallen by ``tol * unit`` in `n_iter_no_change` consecutive updates.

    scikit-learn's rule for its networks, in a unit that the caller chooses; ``tol=0`` never stops. A unit of 0, where there is
    nothing to gain, is replaced by the size of the first value.
    """

    def __init__(self, tol, n_iter_no_change, unit=1.0):
        self.tol, self.n_iter_no_change, self.unit = tol, n_iter_no_change, unit
        self.best, self.n_idle = np.inf, 0

    def is_exhausted_by(self, value):
        self.unit = self.unit or abs(value)
        improved = not np.isfinite(self.best) or value < self.best - self.tol * self.unit
        self.n_idle = 0 if improved else self.n_idle + 1
        self.best = min(self.best, value)
        return self.tol > 0 and self.n_idle >= self.n_iter_no_change


class _NotFinite(Exception):
    """A value or gradient that SciPy must never see: after one `inf` it reports success, wherever it is."""


class _Converged(StopIteration):
    """Our own stopping rule, through the one door that SciPy leaves open."""


class _Guard:
    """Stands between SciPy and the function: refuses what is not finite, keeps the best iterate, counts.

    SciPy sees the function divided by its first value, because its tolerances and first step are absolute.
    """

    def __init__(self, function, start, watch, patience):
        self.function, self.watch, self.patience = function, watch, patience
        self.n_iter, self.scale = 0, 1.0
        self.evaluate(start)
        self.scale = abs(self.last.value) or 1.0
        self.best, self.best_watched = self.last, np.inf

    def evaluate(self, x):
        value, gradient, details = self.function(x)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise _NotFinite
        self.last = Iterate(0, x.copy(), float(value), details)
        return self.last.value / self.scale, gradient / self.scale

    def accept(self, intermediate_result):
        # The accepted point is the one evaluated last; the x in SciPy's result is its live buffer.
        self.n_iter += 1
        iterate = self.last._replace(number=self.n_iter)
        try:
            watched = self.watch(iterate)
        except StopIteration as stop:
            self.keep_the_better(iterate, stop.value)
            raise
        self.keep_the_better(iterate, watched)
        if self.patience.is_exhausted_by(watched):
            raise _Converged

    def keep_the_better(self, iterate, watched):
        watched = np.inf if watched is None else watched
        if watched <= self.best_watched:
            self.best, self.best_watched = iterate, watched


def minimize_lbfgs(function, start, *, max_iter, patience, watch):
    """Minimise ``function(x) -> (value, gradient, details)`` from `start` (float64); return a `Solution`.

    Restarts from the best point with an empty history when the function is not finite, at most `LBFGS_RESTARTS` times,
    and once when the line search finds nothing: if it then finds nothing again, rounding is reached. Raises ValueError
    for more parameters than SciPy can index, and if the function is not finite at `start`.
    """
    refuse_too_many_parameters(len(start))
    try:
        guard = _Guard(function, start, watch, patience)
    except _NotFinite:
        raise ValueError(NOT_FINITE_AT_START) from None
    try:
        status = _run_with_restarts(guard, max_iter)
    except KeyboardInterrupt:
        if guard.best.number == 0:
            raise
        status = "interrupted"
    return Solution(guard.best, guard.n_iter, status)


def refuse_too_many_parameters(n_parameters):
    """ValueError for more than SciPy's L-BFGS-B can index, which would crash the process."""
    if n_parameters > LBFGS_MOST_PARAMETERS:
        raise ValueError(
            f"solver='lbfgs' supports at most {LBFGS_MOST_PARAMETERS} parameters because SciPy's L-BFGS-B does, got "
            f"{n_parameters}. Use solver='adam'."
        )


def _run_with_restarts(guard, max_iter):
    """How it ended: "converged", "max_iter", "stopped" or "not_finite"."""
    n_not_finite, stalled_at = 0, None
    while True:
        status = _run_lbfgs(guard, max_iter - guard.n_iter)
        n_not_finite += status == "not_finite"
        if status not in ("not_finite", "abnormal") or n_not_finite > LBFGS_RESTARTS:
            return status
        if guard.n_iter >= max_iter:
            return "max_iter" if status == "abnormal" else status
        if status == "abnormal":
            if guard.n_iter == stalled_at:
                return "converged"
            stalled_at = guard.n_iter


def _run_lbfgs(guard, max_iter):
    """One uninterrupted run of SciPy from the guard's best point: how it ended."""
    n_pairs = LBFGS_HISTORY if len(guard.best.x) <= MANY_PARAMETERS else SHORT_HISTORY
    options = {"maxiter": max_iter, "maxfun": 2**31 - 1, "maxcor": n_pairs, "ftol": 0.0, "gtol": LEAST_GRADIENT}
    ended_by = []

    def accept(intermediate_result):
        try:
            guard.accept(intermediate_result)
        except StopIteration as reason:
            ended_by.append("converged" if isinstance(reason, _Converged) else "stopped")
            raise

    try:
        result = minimize(guard.evaluate, guard.best.x, jac=True, method="L-BFGS-B", callback=accept, options=options)
    except _NotFinite:
        return "not_finite"
    if ended_by:
        return ended_by[0]
    return {0: "converged", 1: "max_iter"}.get(result.status, "abnormal")


class AdamState(NamedTuple):
    """Everything Adam remembers: arrays of one shape and dtype, updated in place, and the number of steps made.

    The moments are the paper's m / (1 - b1) and v / (1 - b2), whose updates need no multiplication of the gradient.
    `memory` belongs to the function that is minimised: float64, updated in place by it.
    """

    x: np.ndarray
    first_moment: np.ndarray
    second_moment: np.ndarray
    n_steps: int
    memory: np.ndarray


def adam_start(x, memory=()):
    return AdamState(x.copy(), np.zeros_like(x), np.zeros_like(x), 0, np.array(memory, dtype=np.float64))


def adam_step(state, gradient, learning_rate, strides=(), epsilon=ADAM_EPSILON, map=map, beta_1=0.9, beta_2=0.999):
    """One step of Adam, in place; return the state with its counter raised.

    It steps in ``x / stride``, and its moments are of the gradient to that: `strides` are pairs of a number of neighbouring
    parameters and their stride, or none, which is 1 for all.

    ``m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  x -= lr * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)``:
    Kingma & Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 1. Raises FloatingPointError, before
    anything is changed, if the gradient is not finite or its square overflows: either would freeze or poison the state
    for good. Factors are Python floats, since a NumPy float64 would promote float32 arrays. `map` runs the chunks.
    """
    if not isfinite(np.dot(gradient, gradient)):
        raise FloatingPointError("the gradient is not finite")
    t = state.n_steps + 1
    rate = learning_rate * (1 - beta_1) / (1 - beta_1**t)
    unbias = ((1 - beta_2) / (1 - beta_2**t)) ** 0.5
    epsilon = max(epsilon, float(np.finfo(state.x.dtype).tiny))  # 0 / 0 where the gradient is 0 otherwise
    update = partial(_update_chunk, state, gradient, rate / unbias, beta_1, beta_2, epsilon / unbias)
    deque(map(update, _chunks(strides or ((len(gradient), 1.0),))), maxlen=0)
    return state._replace(n_steps=t)


def _chunks(strides):
    """Pairs of a slice of the parameters and their stride."""
    end = 0
    for size, stride in strides:
        start, end = end, end + size
        yield from ((slice(i, min(i + ADAM_CHUNK, end)), stride) for i in range(start, end, ADAM_CHUNK))


def _update_chunk(state, gradient, rate, beta_1, beta_2, epsilon, chunk):
    where, stride = chunk
    x, m, v, g = state.x[where], state.first_moment[where], state.second_moment[where], gradient[where]
    s = g * stride
    m *= beta_1
    m += s
    s *= s
    v *= beta_2
    v += s
    np.sqrt(v, out=s)
    s += epsilon
    np.divide(m, s, out=s)
    s *= rate * stride
    x -= s


def adam_epoch(function, state, batches, learning_rate, strides=(), epsilon=ADAM_EPSILON, map=map):
    """One step for each batch. Return the state, and value and details averaged over rows."""
    sizes, values, details = [], [], []
    for batch in batches:
        value, gradient, of_batch = function(state.x, batch)
        state = adam_step(state, gradient, learning_rate, strides, epsilon, map)
        sizes.append(batch.shape[0])
        values.append(value)
        details.append(of_batch)
    share = np.array(sizes) / sum(sizes)
    return state, share @ values, share @ details


def minimize_adam(epoch, state, *, max_iter, patience, watch):
    """Repeat ``epoch(state) -> (state, value, details)``, say an `adam_epoch`; return (Solution, state).

    An iterate's value and details are the epoch's means over rows, taken while x was moving; its x is where the epoch ended.
    Raises FloatingPointError as `adam_step` does.
    """
    best, best_watched, number, status = None, np.inf, 0, "max_iter"
    try:
        for number in range(1, max_iter + 1):
            state, value, details = epoch(state)
            iterate = Iterate(number, state.x.copy(), value, details)
            try:
                watched = watch(iterate)
            except StopIteration as stop:
                watched, status = np.inf if stop.value is None else stop.value, "stopped"
            if best is None or watched < best_watched:
                best, best_watched = iterate, watched
            if status == "stopped":
                break
            if patience.is_exhausted_by(watched):
                status = "converged"
                break
    except KeyboardInterrupt:
        if best is None:
            raise
        status = "interrupted"
    return Solution(best, number, status), state
