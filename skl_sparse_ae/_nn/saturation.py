"""Mean activations of logistic units, also of saturated ones.

A unit that is on everywhere has ``1 - mean == 0`` in floating point (float32: from a pre-activation
of 17), and one that is off everywhere has ``mean == 0`` (float32: from -88). A penalty on the mean
is then infinite. Its gradient is NaN or, after clipping, exactly zero, and the unit is lost for
good. So the means of A and of 1 - A of such *saturated* units are kept as logarithms. `Tails` are
the sums that this takes. The other units, nearly always all of them, do not pay for it.

Notation: ``Z`` are pre-activations and ``A = sigmoid(Z)``, both (n_rows, n_units).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_expit

from skl_sparse_ae._rows.sums import Sum

# Above this mean, 1 - A has lost too many digits to rounding. Measured against 50-digit arithmetic
# in float32, the gradient of the KL penalty is within 1e-6 of its bound up to here, and off by 1e-2
# at a mean of 0.999.
MAX_PLAIN_MEAN = 0.9


def is_saturated(mean, dtype):
    """A mask (n_units,) of the means that are NaN, or too near 0 or 1 for arithmetic in `dtype`."""
    limits = np.finfo(dtype)
    return ~((mean >= limits.tiny / limits.eps) & (mean <= MAX_PLAIN_MEAN))


@dataclass(frozen=True)
class Tails(Sum):
    """Sums over rows, scaled by their largest term, so that none over- or underflows.

    ``sum_i sigmoid(z_ij) = on_sum_j * exp(on_peak_j)`` and
    ``sum_i sigmoid(-z_ij) = off_sum_j * exp(off_peak_j)``; all (n_units,), float64.
    """

    on_peak: np.ndarray
    on_sum: np.ndarray
    off_peak: np.ndarray
    off_sum: np.ndarray

    def plus(self, other):
        """The tails of both sets of rows together."""
        on_peak = np.maximum(self.on_peak, other.on_peak)
        off_peak = np.maximum(self.off_peak, other.off_peak)
        on = self.on_sum * np.exp(self.on_peak - on_peak)
        on += other.on_sum * np.exp(other.on_peak - on_peak)
        off = self.off_sum * np.exp(self.off_peak - off_peak)
        off += other.off_sum * np.exp(other.off_peak - off_peak)
        return Tails(on_peak, on, off_peak, off)

    def log_means(self, n_rows):
        """Logarithms of the mean over rows of ``sigmoid(z)`` and of ``sigmoid(-z)``."""
        log_on = self.on_peak + np.log(self.on_sum / n_rows)
        return log_on, self.off_peak + np.log(self.off_sum / n_rows)


def tails(Z):
    """`Tails` of one block of rows."""
    log_on, log_off = _log_sigmoids(Z)
    on_peak, off_peak = log_on.max(axis=0), log_off.max(axis=0)
    on, off = np.exp(log_on - on_peak).sum(axis=0), np.exp(log_off - off_peak).sum(axis=0)
    return Tails(on_peak, on, off_peak, off)


def log_mean_gradient(Z, all_rows, slope_on, slope_off):
    """The gradient with respect to Z of a function of the log-means, given its slopes (n_units,).

    ``d log mean(A)_j / d z_ij = softmax_i(log a_ij) * (1 - a_ij)``; for the complement the same
    with the sign reversed. The softmax is over all rows, whose `Tails` are `all_rows`. Taking
    ``log a + log(1 - a) - log mean`` through one exponential instead loses a factor of n_rows to
    rounding once abs(z) > 1e15.
    """
    log_on, log_off = _log_sigmoids(Z)
    on = np.exp(log_on - all_rows.on_peak) / all_rows.on_sum
    off = np.exp(log_off - all_rows.off_peak) / all_rows.off_sum
    return slope_on * on * np.exp(log_off) - slope_off * off * np.exp(log_on)


def _log_sigmoids(Z):
    Z = Z.astype(np.float64)  # saturated units are few, and float64 is cheaper than being clever
    return log_expit(Z), log_expit(-Z)
