"""Rows X, dense, in compressed sparse rows (CSR), or still on disk: the few operations in which they differ.

A product with X costs what X stores. What the loss compares elementwise is made dense, one block of rows at a time.
"""

from contextlib import contextmanager
from threading import local

import numpy as np
from scipy.sparse import csr_matrix, issparse

from skl_sparse_ae._row_source import RowSource

# Sparse products run at a fraction of the speed of dense ones: with more elements than this stored, dense blocks are faster.
MOST_DENSITY = 0.05


def is_very_sparse(X):
    """Whether products are the cheaper way, even where they are more."""
    return issparse(X) and X.nnz <= MOST_DENSITY * X.shape[0] * X.shape[1]


class _Scratch(local):
    """Each thread's own memory for the temporaries of a block of rows, the next of which gets the same."""

    buffers, n_taken = None, 0


_scratch = _Scratch()


@contextmanager
def scratch():
    """Yields a function to call when a block is done with: what `empty` gave out since is given out again.

    Fresh memory has to be cleared by the system first. Mostly the allocator spares us that; but Dask tells it, in its workers,
    to hand back whatever is freed, and an evaluation takes 1.4 times as long.
    """
    _scratch.buffers = []
    try:
        yield _begin
    finally:
        _scratch.buffers = None


def _begin():
    _scratch.n_taken = 0


def empty(shape, dtype):
    """As `np.empty`. Within `scratch`, the memory is that of an earlier block, and must not outlast its own."""
    if _scratch.buffers is None:
        return np.empty(shape, dtype)
    n_bytes, number = shape[0] * shape[1] * np.dtype(dtype).itemsize, _scratch.n_taken
    _scratch.n_taken += 1
    if number == len(_scratch.buffers):
        _scratch.buffers.append(np.empty(0, np.uint8))
    if len(_scratch.buffers[number]) < n_bytes:
        _scratch.buffers[number] = np.empty(n_bytes, np.uint8)
    return _scratch.buffers[number][:n_bytes].view(dtype).reshape(shape)


def empty_code(n_rows, n_units, dtype):
    """An array for what each unit makes of each row: unit after unit in float64, row after row in float32.

    With 50 or 64 units the products that fill it are a sixth faster so than the other way about, on a processor with AVX-512;
    on one with AVX2, and with more units, there is no difference.
    """
    return empty((n_units, n_rows), dtype).T if dtype == np.float64 else empty((n_rows, n_units), dtype)


def times(X, W, out=None):
    """``X @ W.T`` of shape (n_rows, n_units), for W of shape (n_units, n_features)."""
    if not issparse(X):
        return np.matmul(X, W.T, out=empty_code(len(X), len(W), X.dtype) if out is None else out)
    product = X @ W.T
    if out is None:
        return product
    out[...] = product
    return out


def transposed_times(D, X, out):
    """``D.T @ X`` of shape (n_units, n_features) into `out`, for D of shape (n_rows, n_units)."""
    if not issparse(X):
        return np.matmul(D.T, X, out=out)
    out[...] = (X.T @ D).T
    return out


def dense(X):
    """X itself, or a dense copy of a sparse block or of one on disk."""
    X = read(X)
    return X.toarray() if issparse(X) else X


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
    return csr_matrix((np.tile(row[columns], n_rows), np.tile(columns, n_rows), starts), (n_rows, len(row)))


def take(X, rows, out):
    """The given rows of X: in `out`, which has room for them, unless X is sparse."""
    return X[rows] if issparse(X) else X.take(rows, 0, out[: len(rows)], "clip")
