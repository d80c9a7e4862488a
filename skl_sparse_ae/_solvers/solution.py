"""What the solvers have in common: iterates, when to stop, and what is returned.

A solver reports every iteration (L-BFGS) or epoch (Adam) to a `Monitor`. Its `Verdict` says which
number should fall: the iterate's value, or any other by which the caller judges progress.
`Patience` decides by that number when to stop, and the iterate with the lowest one is the solution.
Ctrl-C ends the run with the best iterate so far. If no iterate has been reported, KeyboardInterrupt
is raised.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

NOT_FINITE_AT_START = (
    "The objective is not finite at the initial parameters. The input data may contain large "
    "values and need to be preprocessed, e.g. with StandardScaler."
)


class Iterate(NamedTuple):
    """One accepted point: `number` counts from 1 (0 is the start), `terms` add up to `value`."""

    number: int
    params: np.ndarray
    value: float
    terms: Any


class Verdict(NamedTuple):
    """What a monitor says of an iterate: the number that should fall, and True to stop."""

    criterion: float
    stop: bool = False


class Monitor(Protocol):
    """Sees every iterate of a run."""

    def __call__(self, iterate: Iterate) -> Verdict:
        """Record the iterate and judge it."""


class Solution(NamedTuple):
    """The best iterate, the number of iterates, and why the run ended.

    `status` is "converged", "max_iter", "stopped" (by the monitor), "interrupted" (by Ctrl-C) or
    "not_finite".
    """

    best: Iterate
    n_iter: int
    status: str


class Patience:
    """The stopping rule: no fall by ``tol * unit`` in `n_iter_no_change` consecutive iterates.

    This is scikit-learn's rule for its networks, in a unit that the caller chooses. ``tol=0`` never
    stops. A unit of 0, where there is nothing to gain, is replaced by the size of the first value.
    """

    def __init__(self, tol, n_iter_no_change, unit=1.0):
        self.tol, self.n_iter_no_change, self.unit = tol, n_iter_no_change, unit
        self.best, self.n_idle = np.inf, 0

    def is_exhausted_by(self, value):
        """Count one more value; True if the run should stop."""
        self.unit = self.unit or abs(value)
        improved = not np.isfinite(self.best) or value < self.best - self.tol * self.unit
        self.n_idle = 0 if improved else self.n_idle + 1
        self.best = min(self.best, value)
        return self.tol > 0 and self.n_idle >= self.n_iter_no_change
