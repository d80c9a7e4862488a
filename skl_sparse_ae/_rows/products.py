"""Products with blocks of rows, dense or in compressed sparse rows (CSR).

The cost of a product with X is proportional to the number of elements that X stores. Where a loss
compares rows elementwise, they are made dense, one block at a time.
"""

import numpy as np
from scipy.sparse import issparse

from skl_sparse_ae._arrays.workspace import empty_code

# Sparse products run at a fraction of the speed of dense ones. Above this share of stored elements,
# dense blocks are faster.
MAX_DENSITY = 0.05


def is_very_sparse(X):
    """True if sparse products are faster than dense ones, even if a few more are needed."""
    return issparse(X) and X.nnz <= MAX_DENSITY * X.shape[0] * X.shape[1]


def times(X, W, out=None):
    """``X @ W.T`` (n_rows, n_units), for W (n_units, n_features); in `out` if given."""
    if not issparse(X):
        return np.matmul(X, W.T, out=empty_code(len(X), len(W), X.dtype) if out is None else out)
    product = X @ W.T
    if out is None:
        return product
    out[...] = product
    return out


def transposed_times(D, X, out):
    """Write ``D.T @ X`` (n_units, n_features) to `out` and return it, for D (n_rows, n_units)."""
    if not issparse(X):
        return np.matmul(D.T, X, out=out)
    out[...] = (X.T @ D).T
    return out


def dense(X):
    """The rows of a block as an array: X itself, or a dense copy of a CSR matrix."""
    return X.toarray() if issparse(X) else X
