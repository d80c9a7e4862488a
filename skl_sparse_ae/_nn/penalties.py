"""Penalties on the mean activations: value, and slopes with respect to the logarithms of the means.

A penalty is called with ``log_on = log(rho_hat)`` and ``log_off = log(1 - rho_hat)``, both
(n_units,) float64, where ``rho_hat`` is the mean activation of each code unit over rows. It returns
``(value, slope_on, slope_off)``: a number, and its derivatives (n_units,) with respect to `log_on`
and `log_off`. Logarithms stay finite and distinguish units whose ``rho_hat`` has been rounded to 0
or 1. Both are given, because neither follows from the other there.

Codes that are not between 0 and 1 have no ``1 - rho_hat``: `log_off` is then 0, and `slope_off` is
ignored. L1 on a code that is never negative is
``mean = exp(log_on); return weight * mean.sum(), weight * mean, 0 * mean``.
"""

from math import log, log1p
from typing import NamedTuple, Protocol

import numpy as np


class Penalty(Protocol):
    """A function of the mean activations; see above."""

    def __call__(
        self, log_on: np.ndarray, log_off: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """``(value, slope_on, slope_off)``."""


def divergences(rho, log_on, log_off):
    """``KL(rho || rho_hat_j)`` of each unit (n_units,), in nats, from its log-means."""
    per_unit = rho * (log(rho) - log_on) + (1 - rho) * (log1p(-rho) - log_off)
    return np.maximum(per_unit, 0)  # rounding can leave -1e-17 at the target


class KullbackLeibler(NamedTuple):
    """``weight * sum_j KL(target || rho_hat_j)``.

    ``KL(p || q) = p log(p/q) + (1-p) log((1-p)/(1-q))``, summed over units. The slopes are
    constant, so the gradient with respect to pre-activations is bounded for every unit, however far
    it is from its target: ``-weight * rho <= sum_i g_ij <= weight * (1 - rho)``.

    Source: A. Ng, Sparse autoencoder, CS294A lecture notes (2011), section 3.
    """

    target: float
    weight: float

    def __call__(self, log_on, log_off):
        rho, weight = self.target, self.weight
        value = weight * float(np.add.reduce(divergences(rho, log_on, log_off)))
        return value, np.full_like(log_on, -rho * weight), np.full_like(log_on, (rho - 1) * weight)


class RunningMeanPenalty(NamedTuple):
    """A penalty on a running mean of the activations, for small mini-batches.

    The mean of a batch counts as `share` of the running mean. `running` (n_units,) float64 is
    overwritten. The penalty is defined by the mean over all rows, which the running mean estimates.
    So the gradient is that of all rows at this mean, divided among the rows of the batch; it is not
    multiplied by `share`. With a share of 1 this is the penalty itself.
    """

    penalty: Penalty
    running: np.ndarray
    share: float

    def __call__(self, log_on, log_off):
        on, off, running = np.exp(log_on), np.exp(log_off), self.running
        running += self.share * (on - running)
        complement = 1 - running
        value, slope_on, slope_off = self.penalty(np.log(running), np.log(complement))
        return value, slope_on * (on / running), slope_off * (off / complement)
