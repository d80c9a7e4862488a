"""The gradient of a penalty on the mean activations, for each row.

Rows interact only through the mean activations. So what a row has to know of the others is one
number a unit, the slope of the penalty, and that is the `Coupling`. Saturated units, whose mean is
not a floating-point number of any use, need the sums over rows of their two tails instead.
"""

from typing import Any, NamedTuple

import numpy as np

from skl_sparse_ae._nn.saturation import is_saturated, log_mean_gradient


class Coupling(NamedTuple):
    """Gradient of the penalty with respect to activations, or pre-activations, of any row.

    `plain` is that with respect to the activations. The `saturated` units (indices) have a plain
    slope of 0: theirs goes through the logarithms of their means.
    """

    plain: np.ndarray  # (n_units,) in the dtype of X
    saturated: np.ndarray  # (n_saturated,)
    tails: Any  # `Tails` of the saturated units, over all rows
    slope_on: np.ndarray  # (n_saturated,)
    slope_off: np.ndarray  # (n_saturated,)

    @classmethod
    def none(cls, n_units, dtype):
        """No penalty at all."""
        return cls._unsaturated(np.zeros(n_units, dtype))

    @classmethod
    def _unsaturated(cls, plain):
        nothing = np.arange(0)
        return cls(plain, nothing, None, nothing, nothing)

    def saturated_gradient(self, Z):
        """Gradient with respect to pre-activations Z (n_rows, n_saturated) of the saturated units.

        Float64.
        """
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
    if (
        not activation.saturates
    ):  # 1 - mean is no probability: the penalty is a function of the mean
        mean = np.maximum(mean, np.finfo(np.float64).tiny)  # a unit that no row uses
        value, slope, _ = penalty(np.log(mean), np.zeros_like(mean))
        return value, Coupling._unsaturated((slope / mean / n_rows).astype(dtype))
    odd = is_saturated(mean, dtype)
    if odd.any():
        return _couple_saturated(penalty, mean, odd, n_rows, dtype, tails_of)
    value, slope_on, slope_off = penalty(np.log(mean), np.log1p(-mean))
    return value, Coupling._unsaturated(_plain(slope_on, slope_off, mean, n_rows).astype(dtype))


def _couple_saturated(penalty, mean, odd, n_rows, dtype, tails_of):
    saturated, safe = np.flatnonzero(odd), np.where(odd, 0.5, mean)
    log_on, log_off = np.log(safe), np.log1p(-safe)
    tails = tails_of(saturated)
    log_on[saturated], log_off[saturated] = tails.log_means(n_rows)
    value, slope_on, slope_off = penalty(log_on, log_off)
    plain = np.where(odd, 0, _plain(slope_on, slope_off, safe, n_rows)).astype(dtype)
    return value, Coupling(plain, saturated, tails, slope_on[saturated], slope_off[saturated])


def _plain(slope_on, slope_off, mean, n_rows):
    """Slopes with respect to log(mean) and log(1 - mean) as one with respect to an activation."""
    return (slope_on / mean - slope_off / (1 - mean)) / n_rows
