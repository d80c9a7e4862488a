"""Products with blocks of rows, dense or in compressed sparse rows (CSR).

A product with X costs what X stores. What the loss compares elementwise is made dense, one block of
rows at a time.
"""

import numpy as np
from scipy.sparse import issparse

from skl_sparse_ae._arrays.workspace import empty_code

# Sparse products run at a fraction of the speed of dense ones. Above this share of stored elements,
# dense blocks are faster.
MAX_DENSITY = 0.05


def is_very_sparse(X):
    """True if sparse products are faster than dense ones, even a few more of them."""
    return issparse(X) and X.nnz <= MAX_DENSITY * X.shape[0] * X.shape[1]


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
    """The rows of a block as an array: X itself, or a dense copy of a CSR matrix."""
    return X.toarray() if issparse(X) else X
