"""Rows that are made when they are read: on disk, or less an origin."""

import numpy as np
from scipy.sparse import csr_matrix, issparse

from skl_sparse_ae._arrays.workspace import empty
from skl_sparse_ae._rows.disk import RowSource


def read(X):
    """X itself, or the rows of a `RowSource` or of `Centred` rows."""
    return X.read() if isinstance(X, RowSource | Centred) else X


class Centred:
    """Rows less `origin` (n_features,), which has their dtype: made when they are read.

    A product with rows that lie far from 0 rounds relative to their offset. The difference from an
    origin among the rows rounds relative to what is left.
    """

    def __init__(self, rows, origin):
        self.rows, self.origin, self.shape, self.dtype = rows, origin, rows.shape, rows.dtype

    def read(self):
        rows = read(self.rows)
        if issparse(rows):
            return rows - _repeated(self.origin, rows.shape[0])
        return np.subtract(rows, self.origin, out=empty(rows.shape, rows.dtype))


def _repeated(row, n_rows):
    """A CSR matrix of equal rows, which stores what is not 0."""
    columns = np.flatnonzero(row)
    starts = len(columns) * np.arange(n_rows + 1)
    return csr_matrix(
        (np.tile(row[columns], n_rows), np.tile(columns, n_rows), starts), (n_rows, len(row))
    )
