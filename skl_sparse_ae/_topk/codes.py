"""Sparse codes: which units of a row are active, and thresholds that a number of values exceed.

Codes are CSR matrices (n_rows, n_components) with sorted indices, and all that they store is
positive.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from skl_sparse_ae._rows.sums import Sum


def above(Z, threshold):
    """The code that keeps the values of Z (n_rows, n_components) above a threshold of at least 0.

    A value of Z that is not kept is 0, so a row's code does not depend on other rows.
    """
    is_active = Z.dtype.type(threshold) < Z
    flat = np.flatnonzero(is_active)
    counts = np.count_nonzero(is_active, axis=1)
    return _from_flat(Z, flat, counts)


def largest_of_rows(Z, n_nonzero):
    """The code that keeps the `n_nonzero` largest values of each row of Z, those that are positive.

    Ties are broken arbitrarily.
    """
    n_rows, n_units = Z.shape
    if n_nonzero >= n_units:
        return above(Z, 0)
    columns = np.argpartition(Z, n_units - n_nonzero, axis=1)[:, n_units - n_nonzero :]
    columns.sort(axis=1)
    flat = columns + n_units * np.arange(n_rows)[:, np.newaxis]
    is_positive = Z.reshape(-1)[flat] > 0
    return _from_flat(Z, flat[is_positive], np.count_nonzero(is_positive, axis=1))


def _from_flat(Z, flat, counts):
    """The code that keeps the elements of Z with these sorted indices, `counts` of them a row."""
    n_rows, n_units = Z.shape
    starts = np.concatenate([[0], np.cumsum(counts)])
    columns = flat - np.repeat(n_units * np.arange(n_rows), counts)
    return canonical(Z.reshape(-1)[flat], columns, starts, Z.shape)


def canonical(values, columns, starts, shape):
    """A CSR matrix of these arrays, whose indices are known to be sorted and unique."""
    index = np.int32 if len(values) <= np.iinfo(np.int32).max else np.int64
    A = csr_matrix((values, columns.astype(index), starts.astype(index)), shape, copy=False)
    A.has_sorted_indices = A.has_canonical_format = True
    return A


def without_zeros(A):
    """The code without the elements whose value is not positive."""
    keep = A.data > 0
    if keep.all():
        return A
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    return canonical(A.data[keep], A.indices[keep], kept_before[A.indptr], A.shape)


def threshold_for(values, count):
    """A float that exactly `count` of the positive `values` (n,) exceed, unless two are equal.

    It lies in the middle between two of them, so that it does not depend on the last digit of
    either. It is 0 if there are no more than `count` values.
    """
    if len(values) <= count:
        return 0.0
    n_below = len(values) - count
    parted = np.partition(values, n_below - 1)
    below, over = parted[n_below - 1], parted[n_below:].min()
    middle = below + (over - below) / 2
    return float(middle if middle < over else below)


class Largest(Sum):
    """The `count` largest of all positive values so far, and the next one.

    Of n rows with k active units it holds about n k values, not all n M.
    """

    def __init__(self, values, count):
        self.values, self.count = values, count
        if len(values) > 2 * count:
            n_below = len(values) - count - 1
            self.values = np.partition(values, n_below)[n_below:]

    def plus(self, other):
        return Largest(np.concatenate([self.values, other.values]), self.count)

    @property
    def threshold(self):
        """The threshold that `count` of all values exceed: see `threshold_for`."""
        return threshold_for(self.values, self.count)


class Selection(NamedTuple):
    """How many units of a row are active in training: in each row, or on average over a batch."""

    n_nonzero: int
    by_row: bool

    def code(self, Z, threshold):
        """The code of pre-activations Z, given the threshold of their batch."""
        return largest_of_rows(Z, self.n_nonzero) if self.by_row else above(Z, threshold)
