"""The two solvers: functions of plain functions, returning a record. They know nothing of autoencoders, and warn of nothing.

`minimize_lbfgs` drives `scipy.optimize.minimize` behind a guard; `minimize_adam` is our own loop around `adam_step`.
Both report every iteration (L-BFGS) or epoch (Adam) to ``watch(iterate)``, which returns the number that should fall:
the iterate's value, or anything else that the caller judges progress by. `Patience` decides on it when to stop, and
the best iterate by it is the solution. A ``StopIteration`` raised by `watch` is a wish to stop, not a failure; its value, if
any, is the iterate's number, and without one the iterate is the solution only if it is the first. Ctrl-C, at any point
after the first iterate has been watched, ends the run with the best iterate so far, and before that is passed on.
"""

from typing import Any, NamedTuple

import numpy as np

NOT_FINITE_AT_START = (
    "The objective is not finite at the initial parameters. The input data may contain large values and need to be "
    "preprocessed, e.g. with StandardScaler."
)


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
