"""Column moments of rows, and of more and more rows as `partial_fit` sees them."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.executor import block_workers
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._rows.sums import sum_over


def column_moments(blocks, map=map):
    """Mean and variance of each column (n_features,) over the rows of all blocks, in float64 and two passes.

    Measured from the first row, so that the variance of a constant column is 0 and not a rounding error, which whoever
    divides by it would take for a scale. Infinite or NaN, without a warning, where the sums overflow.
    """
    n_rows, first = sum(X.shape[0] for X in blocks), dense(blocks[0][:1])[0].astype(np.float64)
    mean = first + sum_over(partial(_deviations, first), blocks, map=map) / n_rows
    variance = sum_over(partial(_square_deviations, mean), blocks, map=map) / n_rows
    return mean, variance


def _deviations(origin, X):
    """Sums over the rows of a block (n_features,) of the deviations from `origin`."""
    return (
        _sum_of_sparse(X, -origin, X.data - origin[X.indices])
        if issparse(X)
        else (dense(X) - origin).sum(axis=0)
    )


def _square_deviations(origin, X):
    if issparse(X):
        return _sum_of_sparse(X, np.square(origin), np.square(X.data - origin[X.indices]))
    deviations = dense(X) - origin
    return np.einsum("ij,ij->j", deviations, deviations)  # without an array of squares


def _sum_of_sparse(X, of_a_zero, of_stored):
    """Sums over the rows of CSR X of what is `of_stored` for stored elements and `of_a_zero` (n_features,) for the others."""
    n_stored = np.bincount(X.indices, minlength=X.shape[1])
    return (
        np.bincount(X.indices, of_stored, minlength=X.shape[1])
        + (X.shape[0] - n_stored) * of_a_zero
    )


def moments_of(X, n_components, floor=None):
    """The `Moments` of all rows of X, by the workers that a fit of so many units has; `floor` is that of a loss."""
    blocks = row_blocks(X, n_components)
    with block_workers(blocks) as (map, _):
        least = (
            0.0
            if floor is None
            else float(sum_over(floor, blocks, map=map)) / (X.shape[0] * X.shape[1])
        )
        return Moments(X.shape[0], *column_moments(blocks, map), least)


# Rows before are forgotten if more rows come whose variance is less than this share of that of both together, ...
ODD_SHARE = 0.01


MIN_ROWS = 16  # ... but for so few rows: they can be close to each other by chance.


class Moments(NamedTuple):
    """Of `n_rows` rows: mean and variance of each column, and the loss of a perfect reconstruction."""

    n_rows: int
    mean: np.ndarray  # (n_features,) float64
    variance: np.ndarray  # (n_features,) float64
    floor: float  # mean over rows and features; 0 for the squared error with an identity decoder

    def merged(self, other):
        """The moments of both sets of rows together.

        Source: T. Chan, G. Golub & R. LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances
        (1979).
        """
        n_rows = self.n_rows + other.n_rows
        share = other.n_rows / n_rows
        shift = other.mean - self.mean
        variance = (
            (1 - share) * self.variance
            + share * other.variance
            + share * (1 - share) * np.square(shift)
        )
        floor = (1 - share) * self.floor + share * other.floor
        return Moments(n_rows, self.mean + share * shift, variance, floor)

    def updated(self, other):
        """The moments of all rows so far, of which `other` are the latest.

        Of the latest alone, if fewer rows before them account for nearly all of the variance of both: an odd first batch.
        """
        both, of_latest = self.merged(other), other.variance.sum()
        has_more_rows = other.n_rows >= max(self.n_rows, MIN_ROWS)
        return other if has_more_rows and 0 < of_latest < ODD_SHARE * both.variance.sum() else both


def least_scale(dtype):
    """The smallest scale to divide rows by: Adam squares the gradient, which then holds ``1 / scale**2``."""
    return float(np.finfo(dtype).tiny) ** 0.25
