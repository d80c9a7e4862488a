"""L-BFGS: `scipy.optimize.minimize` behind a guard."""

import numpy as np
from scipy.optimize import minimize

from skl_sparse_ae._solvers.solution import NOT_FINITE_AT_START, Iterate, Solution

LBFGS_HISTORY = 10  # pairs of vectors, of the size of the parameters


# Of more parameters than this, whose history would take 640 MiB, half as many pairs are kept.
MANY_PARAMETERS, SHORT_HISTORY = 2**22, 5


# SciPy's workspace is indexed by 32-bit integers: beyond this many parameters it crashes the process (scipy #5102).
LBFGS_MOST_PARAMETERS = 2**31 // (2 * LBFGS_HISTORY)


LBFGS_RESTARTS = 30


LEAST_GRADIENT = 1e-150  # as a share of the first value: the squares of smaller ones underflow, and SciPy divides by them


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
    options = {
        "maxiter": max_iter,
        "maxfun": 2**31 - 1,
        "maxcor": n_pairs,
        "ftol": 0.0,
        "gtol": LEAST_GRADIENT,
    }
    ended_by = []

    def accept(intermediate_result):
        try:
            guard.accept(intermediate_result)
        except StopIteration as reason:
            ended_by.append("converged" if isinstance(reason, _Converged) else "stopped")
            raise

    try:
        result = minimize(
            guard.evaluate,
            guard.best.x,
            jac=True,
            method="L-BFGS-B",
            callback=accept,
            options=options,
        )
    except _NotFinite:
        return "not_finite"
    if ended_by:
        return ended_by[0]
    return {0: "converged", 1: "max_iter"}.get(result.status, "abnormal")
