"""Rows X, dense, in compressed sparse rows (CSR), or still on disk: the few operations in which they differ.

A product with X costs what X stores. What the loss compares elementwise is made dense, one block of rows at a time.
"""

import numpy as np
from scipy.sparse import issparse

from skl_sparse_ae._arrays.workspace import empty_code
from skl_sparse_ae._rows.lazy import read

# Sparse products run at a fraction of the speed of dense ones: with more elements than this stored, dense blocks are faster.
MOST_DENSITY = 0.05


def is_very_sparse(X):
    """Whether products are the cheaper way, even where they are more."""
    return issparse(X) and X.nnz <= MOST_DENSITY * X.shape[0] * X.shape[1]


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


def take(X, rows, out):
    """The given rows of X: in `out`, which has room for them, unless X is sparse."""
    return X[rows] if issparse(X) else X.take(rows, 0, out[: len(rows)], "clip")
