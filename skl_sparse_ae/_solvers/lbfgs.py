"""L-BFGS: `scipy.optimize.minimize` behind a guard.

SciPy reports success after one infinite value, returns points worse than its start, hands out its
live buffer, and crashes on more parameters than its 32-bit workspace can index. The guard refuses
what is not finite, keeps the best iterate, and restarts.
"""

import numpy as np
from scipy.optimize import minimize

from skl_sparse_ae._solvers.solution import NOT_FINITE_AT_START, Iterate, Solution

HISTORY = 10  # pairs of vectors, of the size of the params
# With more params than this the history would take 640 MiB: half as many pairs are kept.
MANY_PARAMS, SHORT_HISTORY = 2**22, 5
# SciPy's workspace is indexed by 32-bit integers: more params crash the process (scipy #5102).
MAX_PARAMS = 2**31 // (2 * HISTORY)
MAX_RESTARTS = 30
# Relative to the first value: squares of smaller gradients underflow, and SciPy divides by them.
MIN_GRADIENT = 1e-150


class _NotFiniteError(Exception):
    """A value or gradient that SciPy must not see: after one `inf` it reports success."""


class _Guard:
    """Stands between SciPy and the function: refuses what is not finite, keeps the best iterate.

    SciPy sees the function divided by its first value, because its tolerances and its first step
    are absolute. `ended_by` is the status of a run that the monitor or the patience ended.
    """

    def __init__(self, function, start, monitor, patience):
        self.function, self.monitor, self.patience = function, monitor, patience
        self.n_iter, self.scale, self.ended_by = 0, 1.0, None
        self.evaluate(start)
        self.scale = abs(self.last.value) or 1.0
        self.best, self.best_criterion = self.last, np.inf

    def evaluate(self, params):
        """Value and gradient, scaled, for SciPy."""
        value, gradient, terms = self.function(params)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise _NotFiniteError
        self.last = Iterate(0, params.copy(), float(value), terms)
        return self.last.value / self.scale, gradient / self.scale

    def accept(self, intermediate_result):
        """SciPy's callback: the point evaluated last is accepted. Its own `x` is a live buffer."""
        self.n_iter += 1
        iterate = self.last._replace(number=self.n_iter)
        criterion, stop = self.monitor(iterate)
        if criterion <= self.best_criterion:
            self.best, self.best_criterion = iterate, criterion
        if stop:
            self.ended_by = "stopped"
        elif self.patience.is_exhausted_by(criterion):
            self.ended_by = "converged"
        if self.ended_by:
            raise StopIteration  # the only way in which a callback can end SciPy's run


def minimize_lbfgs(function, start, *, max_iter, patience, monitor):
    """Minimise ``function(params) -> (value, gradient, terms)`` from `start` (float64).

    Parameters
    ----------
    function : callable
        `FullBatch.value_and_gradient`, for example.
    start : ndarray of shape (n_params,)
    max_iter : int
        Iterations in all runs together.
    patience : Patience
    monitor : Monitor

    Returns
    -------
    solution : Solution

    Raises
    ------
    ValueError
        For more params than SciPy can index, and if the function is not finite at `start`.

    Notes
    -----
    If the function is not finite, the search restarts from the best point with an empty history, at
    most `MAX_RESTARTS` times. It restarts once if the line search finds nothing: if that happens
    again, rounding is reached.
    """
    refuse_too_many_params(len(start))
    try:
        guard = _Guard(function, start, monitor, patience)
    except _NotFiniteError:
        raise ValueError(NOT_FINITE_AT_START) from None
    try:
        status = _run_with_restarts(guard, max_iter)
    except KeyboardInterrupt:
        if guard.best.number == 0:
            raise
        status = "interrupted"
    finally:
        # SciPy 1.13 leaves the guard in a reference cycle. It would hold the rows, and keep their
        # file open, until Python collects garbage.
        guard.function = guard.monitor = None
    return Solution(guard.best, guard.n_iter, status)


def refuse_too_many_params(n_params):
    """Raise ValueError for more params than SciPy can index, which would crash the process."""
    if n_params > MAX_PARAMS:
        raise ValueError(
            f"solver='lbfgs' supports at most {MAX_PARAMS} parameters because SciPy's L-BFGS-B "
            f"does, got {n_params}. Use solver='adam'."
        )


def _run_with_restarts(guard, max_iter):
    """The status of a `Solution`, "interrupted" excepted."""
    n_not_finite, stalled_at = 0, None
    while True:
        status = _run_scipy(guard, max_iter - guard.n_iter)
        n_not_finite += status == "not_finite"
        if status not in ("not_finite", "abnormal") or n_not_finite > MAX_RESTARTS:
            return status
        if guard.n_iter >= max_iter:
            return "max_iter" if status == "abnormal" else status
        if status == "abnormal":
            if guard.n_iter == stalled_at:
                return "converged"
            stalled_at = guard.n_iter


def _run_scipy(guard, max_iter):
    """One run of SciPy from the guard's best point: its status, or "abnormal"."""
    options = {
        "maxiter": max_iter,
        "maxfun": 2**31 - 1,
        "maxcor": HISTORY if len(guard.best.params) <= MANY_PARAMS else SHORT_HISTORY,
        "ftol": 0.0,
        "gtol": MIN_GRADIENT,
    }
    start, settings = guard.best.params, {"jac": True, "method": "L-BFGS-B", "options": options}
    try:
        result = minimize(guard.evaluate, start, callback=guard.accept, **settings)
    except _NotFiniteError:
        return "not_finite"
    return guard.ended_by or {0: "converged", 1: "max_iter"}.get(result.status, "abnormal")
