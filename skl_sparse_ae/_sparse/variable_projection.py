"""Variable projection: the objective without the decoder, for squared error and identity decoder.

For a code A the decoder that minimises J is a ridge regression. With A_c and X_c for A and X
without their column means,

    (A_c'A_c + ridge I) Wd = A_c'X_c     bd = mean(X) - mean(A) Wd     ridge = n decoder_alpha / 2

So only the encoder has to be searched, for ``J(We, be) = min over (Wd, bd) of J``: half the params,
and several times fewer iterations. The gradient is that of J at this decoder, since there J does
not change with the decoder. Source: G. Golub & V. Pereyra, The differentiation of pseudo-inverses
and nonlinear least squares problems whose variables separate (1973).

The residual X_hat - X is not needed either. With ``G = Wd Wd'``,

    n d R                           = ||X_c||^2 - <A_c'X_c, Wd> - ridge ||Wd||^2
    gradient of n d R to the code   = 2 (A G - X Wd' + 1 (Wd bd)')

This takes four products with X and two of n k^2 (one of them half, by symmetry) in place of five of
n d k, and no array of the size of X. Beyond k = d the residual gives the same gradient for less.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import add_multiple, column_sum, solve_in_place, subtract_outer
from skl_sparse_ae._rows.products import dense, times, transposed_times
from skl_sparse_ae._sparse.objective import (
    Terms,
    couple_rows,
    decode,
    encode,
    to_pre_activations,
    weight_decay,
)
from skl_sparse_ae._sparse.sparse_products import HalfGradient
from skl_sparse_ae._sparse.weights import Weights

# Each block at work needs a matrix (k, k), which must not fill the memory: up to here it is small,
# or small beside the weights.
MAX_UNITS, MAX_UNITS_PER_FEATURE = 1000, 4


def can_eliminate_decoder(decoder_alpha, n_rows, n_features, n_components, dtype):
    """True if solving for the decoder is cheap, and rounding does not decide the solution."""
    few = n_components <= max(MAX_UNITS, MAX_UNITS_PER_FEATURE * n_features)
    # the solve, compared with the products with the rows
    cheap = n_components <= n_rows or n_components**2 <= n_rows * n_features
    return few and cheap and decoder_alpha >= n_components * np.finfo(dtype).eps


class CodeMoments(NamedTuple):
    """Sums over rows of the code and of its products: all that the best decoder depends on."""

    total: np.ndarray  # (n_components,)
    with_itself: np.ndarray  # (n_components, n_components)
    with_rows: np.ndarray  # (n_components, n_features)


def code_moments(activation, w, blocks, codes):
    """The `CodeMoments` of all rows. `w` needs no decoder.

    `codes` has an array for the code of each block, or None if it is not to be kept.
    """
    return blocks.sum(partial(_code_moments, activation, w), codes)


def _code_moments(activation, w, X, out):
    A = encode(activation, w, X, out)
    with_rows = transposed_times(A, X, out=np.empty_like(w.We))
    return CodeMoments(column_sum(A), A.T @ A, with_rows)  # NumPy sees the symmetry of A'A


def best_decoder(moments, n_rows, input_mean, decoder_alpha):
    """``(Wd, bd, explained)`` in float64, given `CodeMoments`.

    `explained` is ``||X_c||^2`` minus the minimum of ``n d R + ridge ||Wd||^2``. All are NaN if the
    moments are not finite, or the system is not positive definite to working precision. Wd
    overwrites ``moments.with_rows``: arrays of that size are what a fit's memory consists of.
    """
    mean = moments.total / n_rows
    S = moments.with_itself - n_rows * np.multiply.outer(mean, mean)
    C = subtract_outer(moments.with_rows, n_rows * mean, input_mean)
    S.flat[:: len(S) + 1] += n_rows * decoder_alpha / 2
    Wd, explained = solve_in_place(S, C)
    return Wd, input_mean - mean @ Wd, explained


class Fit(NamedTuple):
    """How well the best decoder of a code reconstructs all rows."""

    code_sum: np.ndarray  # (n_components,) float64
    explained: float  # see `best_decoder`
    total_variance: float  # of the rows, summed over columns


def value_and_encoder_gradient(objective, w, blocks, codes, fit):
    """``(J, gradient, Terms)`` over all rows; the gradient is that of We and be, flat, float64.

    `w` has the best decoder of the code. `codes` are what `code_moments` kept; for None the code is
    computed again.
    """
    n_rows, n_features = blocks.n_rows, blocks.n_features
    sparsity, coupling = couple_rows(objective, w, blocks, fit.code_sum)
    error_gradient = _error_gradient(w, 2 / (n_rows * n_features))
    step = partial(_encoder_gradient, objective.activation, w, coupling, error_gradient)
    gradient = blocks.sum(step, codes)
    add_multiple(gradient[: w.We.size], objective.encoder_alpha / n_features, w.We)
    decoder_decay = objective.decoder_alpha * float(np.vdot(w.Wd, w.Wd)) / (2 * n_features)
    explained = fit.explained / (n_rows * n_features)
    reconstruction = fit.total_variance / n_features - explained - decoder_decay
    terms = Terms(reconstruction, sparsity, weight_decay(objective, w))
    return sum(terms), gradient, terms


def _encoder_gradient(activation, w, coupling, error_gradient, X, A):
    """The gradient of loss and coupling with respect to We and be, of one block: flat."""
    A = encode(activation, w, X) if A is None else A
    gradient = np.empty(w.We.size + w.be.size, dtype=X.dtype)
    d_Z = to_pre_activations(activation, w, X, A, error_gradient(A, X), coupling)
    transposed_times(d_Z, X, out=gradient[: w.We.size].reshape(w.We.shape))
    gradient[w.We.size :] = column_sum(d_Z)
    return gradient


def _error_gradient(w, scale):
    """A function of A and X that computes `scale` times ``(X_hat - X) Wd'``, the cheaper way."""
    n_components, n_features = w.We.shape
    return _ByResidual(w, scale * w.Wd) if n_components > n_features else HalfGradient.of(w, scale)


class _ByResidual(NamedTuple):
    """A function of a block's code and rows: ``(X_hat - X) W'``, where W is a multiple of Wd."""

    w: Weights
    W: np.ndarray

    def __call__(self, A, X):
        raw = decode(self.w, A)
        raw -= dense(X)
        return times(raw, self.W)
