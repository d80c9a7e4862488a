"""Column moments: of all rows at once, or merged as `partial_fit` sees more rows."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

# Earlier rows are forgotten if the new ones are at least as many, and have less than this share of
# the variance of both together: the earlier ones were an odd first batch.
ODD_SHARE = 0.01
MIN_ROWS = 16  # fewer new rows than this can be close to each other by chance


def column_moments(blocks):
    """Mean and variance of each column (n_features,) over all rows, float64, in two passes.

    Deviations are taken from the first row, so that the variance of a constant column is 0 and not
    a rounding error: callers divide by it. Both are infinite or NaN if the sums overflow.
    """
    first = blocks.first_row().astype(np.float64)
    mean = first + blocks.sum(partial(_deviations, first)) / blocks.n_rows
    return mean, blocks.sum(partial(_square_deviations, mean)) / blocks.n_rows


def _deviations(origin, X):
    """Sums over the rows of a block (n_features,) of the deviations from `origin`."""
    if issparse(X):
        return _sparse_column_sums(X, -origin, X.data - origin[X.indices])
    return (X - origin).sum(axis=0)


def _square_deviations(origin, X):
    """Sums over the rows of a block (n_features,) of the squared deviations from `origin`."""
    if issparse(X):
        return _sparse_column_sums(X, np.square(origin), np.square(X.data - origin[X.indices]))
    deviations = X - origin
    return np.einsum("ij,ij->j", deviations, deviations)  # without an array of squares


def _sparse_column_sums(X, of_zero, of_stored):
    """Column sums (n_features,) of `of_stored` for stored elements, `of_zero` for the others."""
    n_stored = np.bincount(X.indices, minlength=X.shape[1])
    stored = np.bincount(X.indices, of_stored, minlength=X.shape[1])
    return stored + (X.shape[0] - n_stored) * of_zero


def moments_of(rows, width, floor=None):
    """The `Moments` of `rows`.

    `width` is that of `Rows.blocks`, and `floor` that of a `_nn.losses.Loss`.
    """
    blocks = rows.blocks(width)
    with blocks.workers():
        least = 0.0 if floor is None else float(blocks.sum(floor)) / (rows.shape[0] * rows.shape[1])
        return Moments(rows.shape[0], *column_moments(blocks), least)


class Moments(NamedTuple):
    """Mean and variance of each column, and the loss of a perfect reconstruction."""

    n_rows: int
    mean: np.ndarray  # (n_features,) float64
    variance: np.ndarray  # (n_features,) float64
    floor: float  # mean over rows and features; 0 for the squared error with an identity decoder

    def merged(self, other):
        """The moments of both sets of rows together.

        Source: T. Chan, G. Golub & R. LeVeque, Updating Formulae and a Pairwise Algorithm for
        Computing Sample Variances (1979).
        """
        n_rows = self.n_rows + other.n_rows
        share = other.n_rows / n_rows
        shift = other.mean - self.mean
        within = (1 - share) * self.variance + share * other.variance
        variance = within + share * (1 - share) * np.square(shift)
        floor = (1 - share) * self.floor + share * other.floor
        return Moments(n_rows, self.mean + share * shift, variance, floor)

    def updated(self, latest):
        """The moments of all rows so far, given those of the latest rows.

        Only the latest count if the earlier rows are no more, but have nearly all of the variance.
        """
        both, of_latest = self.merged(latest), latest.variance.sum()
        has_more_rows = latest.n_rows >= max(self.n_rows, MIN_ROWS)
        is_odd = has_more_rows and 0 < of_latest < ODD_SHARE * both.variance.sum()
        return latest if is_odd else both


def least_scale(dtype):
    """The smallest scale to divide rows by: Adam squares a gradient that holds ``1 / scale**2``."""
    return float(np.finfo(dtype).tiny) ** 0.25
