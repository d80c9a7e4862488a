"""What the penalty on the mean activations asks of each row."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from skl_sparse_ae._nn.saturation import is_saturated, log_mean_gradient, tails
from skl_sparse_ae._rows.blocks import count_rows
from skl_sparse_ae._rows.products import times
from skl_sparse_ae._rows.sums import sum_over

NONE = np.arange(0)  # no unit


class Coupling(NamedTuple):
    """Gradient of the penalty to the pre-activations of whichever rows.

    ``plain_j * a_ij (1 - a_ij)`` for most units. The `saturated` few (indices) have ``plain_j = 0`` and go through the
    logarithm of their mean instead.
    """

    plain: np.ndarray  # (k,) in the dtype of X
    saturated: np.ndarray  # (n_saturated,)
    tails: Any  # of the saturated units, over all rows
    slope_on: np.ndarray  # (n_saturated,)
    slope_off: np.ndarray  # (n_saturated,)


def couple(penalty, w, blocks, mean, map):
    """The penalty's value at these mean activations (k,), and its `Coupling` to every row they are the mean of."""
    n_rows, dtype = count_rows(blocks), w.We.dtype
    odd = is_saturated(mean, dtype)
    if odd.any():
        return _couple_saturated(penalty, w, blocks, mean, odd, map)
    value, slope_on, slope_off = penalty(np.log(mean), np.log1p(-mean))
    return value, Coupling(
        _plain(slope_on, slope_off, mean, n_rows).astype(dtype), NONE, None, NONE, NONE
    )


def _couple_saturated(penalty, w, blocks, mean, odd, map):
    n_rows, saturated, safe = count_rows(blocks), np.flatnonzero(odd), np.where(odd, 0.5, mean)
    log_on, log_off = np.log(safe), np.log1p(-safe)
    all_rows = sum_over(partial(_saturated_tails, w, saturated), blocks, map=map)
    log_on[saturated], log_off[saturated] = all_rows.log_means(n_rows)
    value, slope_on, slope_off = penalty(log_on, log_off)
    plain = np.where(odd, 0, _plain(slope_on, slope_off, safe, n_rows)).astype(w.We.dtype)
    return value, Coupling(plain, saturated, all_rows, slope_on[saturated], slope_off[saturated])


def _plain(slope_on, slope_off, mean, n_rows):
    """Slopes to the logarithms of a mean and of its complement as one to each activation's share of the mean."""
    return (slope_on / mean - slope_off / (1 - mean)) / n_rows


def _pre_activations(w, units, X):
    return times(X, w.We[units]) + w.be[units]


def _saturated_tails(w, units, X):
    return tails(_pre_activations(w, units, X))


def saturated_gradient(w, X, coupling):
    """Gradient of the coupling of the saturated units to their pre-activations (n_rows, n_saturated), float64."""
    Z = _pre_activations(w, coupling.saturated, X)
    return log_mean_gradient(Z, coupling.tails, coupling.slope_on, coupling.slope_off)
