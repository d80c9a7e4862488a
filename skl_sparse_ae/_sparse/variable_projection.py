"""Squared error with an identity decoder: the best decoder of a given code, and the objective without the decoder.

For a code A the decoder that minimises J is a ridge regression. With A_c and X_c for A and X without their column means,

    (A_c'A_c + ridge I) Wd = A_c'X_c        bd = mean(X) - mean(A) Wd        ridge = n decoder_alpha / 2

So the encoder alone has to be searched, for ``J(We, be) = min over (Wd, bd) of J``: half the parameters, and several times
fewer iterations. The gradient is that of J at this decoder, since there J does not change with the decoder. Source: G. Golub &
V. Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate (1973).

The residual X_hat - X is not needed either. With ``G = Wd Wd'``,

    n d R                        = ||X_c||^2 - <A_c'X_c, Wd> - ridge ||Wd||^2
    gradient of n d R to the code = 2 (A G - X Wd' + 1 (Wd bd)')

which is four products with X and two of n k^2 (one by symmetry half) in place of five of n d k, and nothing of the size of
X. Beyond k = d the residual is the cheaper way to the same gradient.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cholesky, get_blas_funcs

from skl_sparse_ae._arrays.kernels import add_multiple, column_sum, subtract_outer
from skl_sparse_ae._nn.coupling import couple
from skl_sparse_ae._rows.blocks import count_rows
from skl_sparse_ae._rows.products import dense, times, transposed_times
from skl_sparse_ae._rows.sums import sum_over
from skl_sparse_ae._sparse.objective import (
    Terms,
    decode,
    encode,
    to_pre_activations,
    weight_decay,
)
from skl_sparse_ae._sparse.sparse_products import HalfGradient

# A k x k matrix for each block in work must not be what fills the memory: up to here it is small beside the weights, or anyway.
MOST_UNITS, MOST_UNITS_PER_FEATURE = 1000, 4


def is_worth_eliminating(decoder_alpha, n_rows, n_features, n_components, dtype):
    """Whether the decoder of so many units should be solved for: a small system, and one that rounding does not decide."""
    few = n_components <= max(MOST_UNITS, MOST_UNITS_PER_FEATURE * n_features)
    cheap = (
        n_components <= n_rows or n_components**2 <= n_rows * n_features
    )  # the solution against the products with the rows
    return few and cheap and decoder_alpha >= n_components * np.finfo(dtype).eps


class CodeMoments(NamedTuple):
    """Sums over rows of the code, of its products with itself and with X: what the best decoder depends on."""

    total: np.ndarray  # (n_components,)
    with_itself: np.ndarray  # (n_components, n_components)
    with_rows: np.ndarray  # (n_components, n_features)


def _moments(w, X, out=None):
    """`CodeMoments` of a block of rows, whose code is left in `out`."""
    A = encode(w, X, out)
    with_rows = transposed_times(A, X, out=np.empty_like(w.We))
    return CodeMoments(column_sum(A), A.T @ A, with_rows)  # NumPy sees the symmetry of A'A


def best_decoder(moments, n_rows, input_mean, decoder_alpha):
    """``(Wd, bd, explained)`` in float64: the decoder, and by how much of ``||X_c||^2`` it lowers ``n d R + ridge ||Wd||^2``.

    NaN where the code's moments are not finite or the system is not positive definite to working precision. Wd takes the place
    of ``moments.with_rows``: arrays of that size are what a fit's memory consists of.
    """
    mean = moments.total / n_rows
    S = moments.with_itself - n_rows * np.multiply.outer(mean, mean)
    C = subtract_outer(moments.with_rows, n_rows * mean, input_mean)
    S.flat[:: len(S) + 1] += n_rows * decoder_alpha / 2
    Wd, explained = _solve(S, C)
    return Wd, input_mean - mean @ Wd, explained


def _solve(S, C):
    """``inv(S) @ C`` for a symmetric S, in the place of C, and its product with C; or NaN.

    From the right of C', which is what BLAS sees in the memory of C: copies there and back would take longer than the work.
    With ``S = L L'`` the product is the sum of squares of ``inv(L) @ C``.
    """
    try:
        root = cholesky(S, lower=True)
    except (LinAlgError, ValueError):  # the latter for what is not finite
        C[...] = np.nan
        return C, np.nan
    trsm = get_blas_funcs("trsm", (root, C))
    half = trsm(1.0, root, C.T, side=1, lower=1, trans_a=1, overwrite_b=1)
    explained = float(np.vdot(half.T, half.T))
    return trsm(1.0, root, half, side=1, lower=1, overwrite_b=1).T, explained


def code_moments(w, blocks, code=None, map=map):
    """The `CodeMoments` of all rows, whose code is kept in `code`, if given. `w` needs no decoder."""
    return sum_over(
        partial(_moments, w), blocks, [None] * len(blocks) if code is None else code, map=map
    )


def value_and_encoder_gradient(
    objective, w, blocks, code, moments, explained, total_variance, map=map
):
    """``(J, gradient, Terms)`` over all rows of `blocks`, the gradient to We and be alone, flat and float64.

    `w` has the best decoder of the code, which explains `explained` of ``n_rows * total_variance``; see `code_moments` and
    `best_decoder`. `code` is what `code_moments` kept, or None to compute it again.
    """
    n_rows, n_features = count_rows(blocks), w.We.shape[1]
    sparsity, coupling = couple(objective.penalty, w, blocks, moments.total / n_rows, map)
    step = partial(_encoder_gradient, w, coupling, _slope(w, 2 / (n_rows * n_features)))
    gradient = sum_over(step, blocks, [None] * len(blocks) if code is None else code, map=map)
    decoder_decay = objective.decoder_alpha * float(np.vdot(w.Wd, w.Wd)) / (2 * n_features)
    fit = total_variance / n_features - explained / (n_rows * n_features) - decoder_decay
    terms = Terms(fit, sparsity, weight_decay(objective, w))
    add_multiple(gradient[: w.We.size], objective.encoder_alpha / n_features, w.We)
    return sum(terms), gradient, terms


class _ByResidual(NamedTuple):
    """A function of a block's code and rows: ``(X_hat - X) W'``, where W is a multiple of Wd."""

    w: Any
    W: np.ndarray

    def __call__(self, A, X):
        raw = decode(self.w, A)
        raw -= dense(X)
        return times(raw, self.W)


def _slope(w, scale):
    """A function of a block's code and rows: `scale` times ``(X_hat - X) Wd'``, by the cheaper of two ways."""
    n_components, n_features = w.We.shape
    return _ByResidual(w, scale * w.Wd) if n_components > n_features else HalfGradient.of(w, scale)


def _encoder_gradient(w, coupling, slope, X, A):
    """Gradient of loss and coupling to the encoder of one block of rows, summed over them: flat. Overwrites A."""
    A = encode(w, X) if A is None else A
    gradient = np.empty(w.We.size + w.be.size, dtype=X.dtype)
    d_Z = to_pre_activations(w, X, A, slope(A, X), coupling)
    transposed_times(d_Z, X, out=gradient[: w.We.size].reshape(w.We.shape))
    gradient[w.We.size :] = column_sum(d_Z)
    return gradient
