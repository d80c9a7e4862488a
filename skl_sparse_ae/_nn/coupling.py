"""The gradient of a penalty on the mean activations, for each row.

Rows interact only through the mean activations. So the gradient of a row depends on the others only
through one number per unit, the slope of the penalty: the `Coupling`. The mean of a saturated unit
is rounded to 0 or 1. Its slope is computed from sums over rows of both tails of the sigmoid.
"""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._nn.saturation import Tails, is_saturated, log_mean_gradient


class Coupling(NamedTuple):
    """The gradient of the penalty with respect to the activations of any row, for each unit.

    `plain` is that gradient. It is 0 for the `saturated` units (indices): their gradient, with
    respect to the pre-activations, is that of `saturated_gradient`.
    """

    plain: np.ndarray  # (n_units,) in the dtype of X
    saturated: np.ndarray  # (n_saturated,)
    tails: Tails | None  # of the saturated units, over all rows; None if there are none
    slope_on: np.ndarray  # (n_saturated,)
    slope_off: np.ndarray  # (n_saturated,)

    @classmethod
    def none(cls, n_units, dtype):
        """The coupling without a penalty."""
        return cls._unsaturated(np.zeros(n_units, dtype))

    @classmethod
    def _unsaturated(cls, plain):
        nothing = np.arange(0)
        return cls(plain, nothing, None, nothing, nothing)

    def saturated_gradient(self, Z):
        """The gradient with respect to Z, the pre-activations (n_rows, n_saturated); float64."""
        return log_mean_gradient(Z, self.tails, self.slope_on, self.slope_off)


def couple(penalty, activation, mean, n_rows, dtype, tails_of):
    """``(value, Coupling)``: the penalty at these mean activations, and its gradient for each row.

    Parameters
    ----------
    penalty : callable
        See `penalties`.
    activation : Activation
    mean : ndarray of shape (n_units,)
        Mean activations over `n_rows` rows, float64.
    n_rows : int
    dtype : dtype
        Of the coupling.
    tails_of : callable
        ``tails_of(units)`` returns the `Tails` of these units (indices) over all rows. It is called
        if there are saturated units, and reads all rows.
    """
    if not activation.saturates:  # 1 - mean need not be a probability
        mean = np.maximum(mean, np.finfo(np.float64).tiny)  # a unit that no row uses
        value, slope, _ = penalty(np.log(mean), np.zeros_like(mean))
        return value, Coupling._unsaturated((slope / mean / n_rows).astype(dtype))
    mask = is_saturated(mean, dtype)
    if mask.any():
        return _couple_saturated(penalty, mean, mask, n_rows, dtype, tails_of)
    value, slope_on, slope_off = penalty(np.log(mean), np.log1p(-mean))
    return value, Coupling._unsaturated(_plain(slope_on, slope_off, mean, n_rows).astype(dtype))


def _couple_saturated(penalty, mean, mask, n_rows, dtype, tails_of):
    """`couple` for means of which those in `mask` (n_units,) are saturated."""
    saturated, safe = np.flatnonzero(mask), np.where(mask, 0.5, mean)
    log_on, log_off = np.log(safe), np.log1p(-safe)
    tails = tails_of(saturated)
    log_on[saturated], log_off[saturated] = tails.log_means(n_rows)
    value, slope_on, slope_off = penalty(log_on, log_off)
    plain = np.where(mask, 0, _plain(slope_on, slope_off, safe, n_rows)).astype(dtype)
    return value, Coupling(plain, saturated, tails, slope_on[saturated], slope_off[saturated])


def _plain(slope_on, slope_off, mean, n_rows):
    """The slope with respect to an activation, given those to log(mean) and log(1 - mean)."""
    return (slope_on / mean - slope_off / (1 - mean)) / n_rows
