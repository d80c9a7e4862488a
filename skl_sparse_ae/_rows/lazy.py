"""Blocks of rows that are made when they are read: from a file, or minus an origin."""

import numpy as np
from scipy.sparse import csr_matrix, issparse

from skl_sparse_ae._arrays.workspace import empty


class LazyRows:
    """Rows with the `shape` and `dtype` of the array that `read` returns.

    This is no abstract base class: their `isinstance` takes a microsecond, and each block needs it.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    is_in_memory: bool

    def read(self):
        """The rows, an array or a CSR matrix that the caller may keep for one block."""
        raise NotImplementedError


def is_in_memory(X):
    """False if reading the block costs more than computing with it."""
    return not isinstance(X, LazyRows) or X.is_in_memory


def read(X):
    """The array or CSR matrix of a block, which may be lazy."""
    return X.read() if isinstance(X, LazyRows) else X


class Centred(LazyRows):
    """Rows minus `origin` (n_features,), which has their dtype.

    A product with rows far from 0 rounds relative to their offset. The difference from an origin
    among the rows rounds relative to what is left.
    """

    def __init__(self, rows, origin):
        self.rows, self.origin, self.shape, self.dtype = rows, origin, rows.shape, rows.dtype
        self.is_in_memory = is_in_memory(rows)

    def __getitem__(self, rows):
        return Centred(self.rows[rows], self.origin)

    def read(self):
        """The rows minus the origin, in scratch memory if they are dense."""
        rows = read(self.rows)
        if issparse(rows):
            return rows - _repeated(self.origin, rows.shape[0])
        return np.subtract(rows, self.origin, out=empty(rows.shape, rows.dtype))


def _repeated(row, n_rows):
    """A CSR matrix of `n_rows` equal rows, which stores the elements that are not 0."""
    columns = np.flatnonzero(row)
    data, indices = np.tile(row[columns], n_rows), np.tile(columns, n_rows)
    starts = len(columns) * np.arange(n_rows + 1)
    return csr_matrix((data, indices, starts), (n_rows, len(row)))
