"""Products, sums and solves by BLAS and LAPACK, in place where that saves a copy.

A function overwrites only the arguments that its docstring names.
"""

from functools import lru_cache

import numpy as np
from scipy.linalg import LinAlgError, cholesky, get_blas_funcs, get_lapack_funcs


def column_sum(A):
    """The sum over rows (n_columns,) of a block A, in its dtype.

    The product with ones is three to seven times faster than `A.sum(axis=0)`, and exact enough for
    one block.
    """
    return _ones(len(A), A.dtype) @ A


@lru_cache(maxsize=16)
def _ones(n, dtype):
    """A read-only vector of ones, cached: filling one takes as long as adding up a small block."""
    ones = np.ones(n, dtype=dtype)
    ones.flags.writeable = False
    return ones


def sum_of_squares(A):
    """The sum of the squares of all elements of a contiguous array, a float."""
    flat = A.reshape(-1)
    return float(np.dot(flat, flat))


def add_multiple(Y, factor, X):
    """``Y += factor * X`` for contiguous arrays, Y in the wider dtype; twice as fast as NumPy."""
    axpy = get_blas_funcs("axpy", (X, Y))
    _copy_unless_shared(axpy(X.ravel(), Y.ravel(), a=factor).reshape(Y.shape), Y)


def subtract_outer(M, u, v):
    """``M -= np.outer(u, v)`` for a contiguous M, which is returned; 4 times as fast as NumPy."""
    ger = get_blas_funcs("ger", (M,))
    return _copy_unless_shared(ger(-1, v, u, a=M.T, overwrite_a=True).T, M)


def _copy_unless_shared(result, M):
    """M, which now holds `result`.

    BLAS wrappers return a copy if M is misaligned, as arrays from Dask may be.
    """
    if not np.may_share_memory(M, result):
        M[...] = result
    return M


def times_triangular(W, T, transposed=0):
    """``W @ T``, or ``W @ T.T``, for a lower triangular T: half the work of the full product."""
    trmm = get_blas_funcs("trmm", (W, T))
    product = trmm(1.0, T, W.T, trans_a=1 - transposed, lower=1)
    return np.ascontiguousarray(product.T)


def root_and_inverse(S):
    """``(L, inv(L))``, lower triangular, for a positive definite ``S = L L'``; overwrites S."""
    root = cholesky(S, lower=True, overwrite_a=True)
    inverse, _ = get_lapack_funcs("trtri", (root,))(root, lower=1)
    return root, inverse


def solve_in_place(S, C):
    """``(inv(S) @ C, <inv(S) @ C, C>)`` for a symmetric S; the solution overwrites C.

    Both are NaN if S is not finite, or not positive definite to working precision. With
    ``S = L L'`` the scalar product is the sum of squares of ``inv(L) @ C``. BLAS sees C' in the
    memory of C, so the solves are from the right: copies would take longer than the solves.
    """
    try:
        root = cholesky(S, lower=True)
    except (LinAlgError, ValueError):  # ValueError: not finite
        C[...] = np.nan
        return C, np.nan
    trsm = get_blas_funcs("trsm", (root, C))
    half = trsm(1.0, root, C.T, side=1, lower=1, trans_a=1, overwrite_b=1)
    explained = float(np.vdot(half.T, half.T))
    return trsm(1.0, root, half, side=1, lower=1, overwrite_b=1).T, explained
