"""Penalties on the mean activations: value, and slopes with respect to the means' logarithms.

A penalty is called with ``log_on = log(rho_hat)`` and ``log_off = log(1 - rho_hat)``, both (n_units,) float64,
where ``rho_hat`` is the mean over rows of each code unit. It returns ``(value, slope_on, slope_off)``: a number
and its derivatives (n_units,) with respect to `log_on` and `log_off`. Logarithms, because they stay finite and
tell units apart where ``rho_hat`` has long been rounded to 0 or 1; both, because neither follows from the other there.

A penalty linear in the means, say L1 on a code that is never negative, would be
``mean = exp(log_on); return weight * mean.sum(), weight * mean, 0 * mean``.
"""

from math import log, log1p
from typing import Any, NamedTuple

import numpy as np


def divergences(rho, log_on, log_off):
    """``KL(rho || rho_hat_j)`` of each unit (n_units,), in nats, from the logarithms of its mean and of one minus it."""
    per_unit = rho * (log(rho) - log_on) + (1 - rho) * (log1p(-rho) - log_off)
    return np.maximum(per_unit, 0)  # rounding can leave -1e-17 at the target


class KullbackLeibler(NamedTuple):
    """``weight * sum_j KL(rho || rho_hat_j)``, with ``KL(p || q) = p log(p/q) + (1-p) log((1-p)/(1-q))``.

    Summed over units. The slopes are constant, so the gradient to the pre-activations is bounded by
    ``-weight * rho <= sum_i g_ij <= weight * (1 - rho)`` for every unit, however far it is from its target.
    Source: A. Ng, Sparse autoencoder, CS294A lecture notes (2011), section 3.
    """

    target: float
    weight: float

    def __call__(self, log_on, log_off):
        rho = self.target
        value = self.weight * float(np.add.reduce(divergences(rho, log_on, log_off)))
        return (
            value,
            np.full_like(log_on, -rho * self.weight),
            np.full_like(log_on, (rho - 1) * self.weight),
        )


class OfRunningMean(NamedTuple):
    """A penalty on the running mean of the activations, for mini-batches whose own mean says little.

    The mean of a batch counts as `share` of the running mean, and `running`, (n_units,) float64, is overwritten by the new one.
    The gradient is the one that the whole of the rows would have at that mean: it is divided among the rows of the batch, and
    not multiplied by `share`. With a share of 1 this is the penalty itself. The mean over all rows is what the penalty is
    defined by, and the running mean is an estimate of it.
    """

    penalty: Any
    running: np.ndarray
    share: float

    def __call__(self, log_on, log_off):
        on, off, running = np.exp(log_on), np.exp(log_off), self.running
        running += self.share * (on - running)
        complement = 1 - running
        value, slope_on, slope_off = self.penalty(np.log(running), np.log(complement))
        return value, slope_on * (on / running), slope_off * (off / complement)
