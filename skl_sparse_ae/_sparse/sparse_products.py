"""Squared error with an identity decoder from products alone, for sparse X.

No array of the size of X is formed. With ``G = Wd Wd'``, ``S = A'A`` and 1 for a column of
ones, the squared errors E = (A Wd + 1 bd' - X)^2, elementwise, have

    sums over columns       diag(A G A') + 2 A Wd bd + 1 bd'bd - 2 diag(A Wd X') - 2 X bd + (X^2) 1
    sums over rows          diag(Wd' S Wd) + 2 (1'A Wd) bd + n bd^2
                            - 2 diag(Wd' A'X) - 2 (1'X) bd + 1'(X^2)
    half the gradient to A  A G - X Wd' + 1 (Wd bd)'
    half the gradient to Wd S Wd + (1'A)' bd' - A'X
    half the gradient to bd 1'A Wd + n bd' - 1'X

Rounding is relative to X^2, not to E: in float32, errors below a millionth of the squares of X are
lost.
"""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._rows.blocks import BLOCK_BYTES
from skl_sparse_ae._rows.products import is_very_sparse, times, transposed_times


def are_faster(loss, X, n_components):
    """True if products alone are faster than dense blocks, for a block X."""
    return loss.is_quadratic and n_components < X.shape[1] and is_very_sparse(X)


def blocks_for(loss, rows, n_components):
    """Row blocks of `Rows`: larger, hence fewer, if no dense array of X's width is formed."""
    n_features = rows.shape[1]
    by_products = loss.is_quadratic and n_components < n_features and rows.is_very_sparse
    wider = n_features // n_components if by_products else 1
    return rows.blocks(n_components, BLOCK_BYTES * wider)


class HalfGradient(NamedTuple):
    """A function of a block's code and rows: `scale` times half the gradient with respect to A."""

    G: np.ndarray  # (n_components, n_components), times scale
    Wd: np.ndarray  # (n_components, n_features)
    shift: np.ndarray  # (n_components,), times scale
    scale: float

    @classmethod
    def of(cls, w, scale):
        """The function for these `Weights`."""
        return cls(scale * (w.Wd @ w.Wd.T), w.Wd, scale * (w.Wd @ w.bd), scale)

    def __call__(self, A, X):
        d_A = times(A, self.G)  # G is symmetric
        XW = times(X, self.Wd)
        XW *= self.scale
        d_A -= XW
        d_A += self.shift
        return d_A


def errors_of_rows(w, X, A):
    """Sums over columns (n_rows,) of the squared errors, float64."""
    return _errors_of_rows(w, X, A, A @ (w.Wd @ w.Wd.T), times(X, w.Wd), w.Wd @ w.bd)


def _errors_of_rows(w, X, A, AG, XW, shift):
    from_code = np.einsum("ij,ij->i", AG - 2 * XW + 2 * shift, A, dtype=np.float64)
    squares = from_code + float(w.bd @ w.bd)
    return np.maximum(squares - 2 * (X @ w.bd) + X.power(2) @ np.ones(X.shape[1]), 0)


def errors_of_columns(w, X, A):
    """Sums over rows (n_features,) of the squared errors, float64."""
    Wd, bd, ones = w.Wd.astype(np.float64), w.bd.astype(np.float64), np.ones(len(A))
    from_code = ones @ A @ Wd
    with_X = transposed_times(A, X, out=np.empty_like(w.Wd))
    quadratic = np.einsum("jd,jd->d", Wd, (A.T @ A) @ Wd - 2 * with_X)
    linear = bd * (2 * from_code + len(A) * bd - 2 * (ones @ X))
    return np.maximum(quadratic + linear + ones @ X.power(2), 0)


def through_decoder(w, X, A, scale, g):
    """``(E summed, d_A)``, where d_A is the gradient of `scale` times the sum with respect to A.

    The gradient with respect to Wd and bd is written to `g`.
    """
    ones = np.ones(len(A), dtype=X.dtype)
    total, x_total = ones @ A, ones @ X
    transposed_times(A, X, out=g.Wd)
    g.Wd[...] = (A.T @ A) @ w.Wd + np.multiply.outer(total, w.bd) - g.Wd
    g.Wd[...] *= 2 * scale
    g.bd[...] = 2 * scale * (total @ w.Wd + len(A) * w.bd - x_total)
    AG, XW, shift = A @ (w.Wd @ w.Wd.T), times(X, w.Wd), w.Wd @ w.bd
    return float(_errors_of_rows(w, X, A, AG, XW, shift).sum()), 2 * scale * (AG - XW + shift)
