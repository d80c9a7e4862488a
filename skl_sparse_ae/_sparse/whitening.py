"""Inputs in which an encoder is easy to search: a change of variables for its weights, ``We = to_user(We')``.

`White` inputs have one variance in every direction, `Scaled` ones are those of the user in another unit. L-BFGS starts from
the idea that all directions are alike; the less they are, the more iterations it spends on finding out. `benchmarks/frames.py`
has the figures. Rotations make no difference to it, so any root of the covariance will do: Cholesky's is the
cheapest.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, get_lapack_funcs

from skl_sparse_ae._arrays.kernels import _times_triangular
from skl_sparse_ae._rows.products import dense, is_very_sparse

# The two extra products of an evaluation cost a quarter of d / n of it; more features than this are too large a matrix.
MOST_WHITE_FEATURES = 4096


# Whitening may cost as much as so many evaluations. It saves half of the iterations or more, of which a fit takes 50 to 300.
MOST_EVALUATIONS = 16


# Directions of less variance than this share of the mean are not magnified to one: they are mostly noise.
LEAST_VARIANCE = 1.0


# The total variance of scaled inputs, against that of `Frame`. Chosen by J after 25 to 200 iterations on digits, MNIST and
# standardised breast cancer, among totals of 4 to 256; beyond 64 it hardly matters.
STRETCH = float(np.sqrt(8.0))


class Scaled(NamedTuple):
    """``x / scale``."""

    scale: float

    def to_user(self, We):
        return We / self.scale

    def from_user(self, We):
        return We * self.scale

    def gradient(self, gradient):
        """The gradient to the primed weights, of that to the user's."""
        return gradient / self.scale


class White(NamedTuple):
    """``x @ inverse.T``, for ``inverse @ root = I``: both lower triangular (n_features, n_features)."""

    root: np.ndarray
    inverse: np.ndarray

    def to_user(self, We):
        return _times_triangular(We, self.inverse)

    def from_user(self, We):
        return We @ self.root

    def gradient(self, gradient):
        """The gradient to the primed weights, of that to the user's."""
        return _times_triangular(gradient, self.inverse, transposed=1)


def input_of(blocks, frame, n_components, map=map):
    """White inputs for the rows of `blocks`, or scaled ones where that is too dear, or there is nothing to be whitened."""
    n_rows, n_features = sum(X.shape[0] for X in blocks), len(frame.input_mean)
    n_evaluations = _cost(n_rows, n_features) / _cost_of_evaluation(
        n_rows, n_features, n_components
    )
    if n_features > min(n_rows, MOST_WHITE_FEATURES) or n_evaluations > MOST_EVALUATIONS:
        return Scaled(frame.input_scale / STRETCH)
    covariance = sum(map(partial(_products, frame), blocks)) / n_rows
    least = LEAST_VARIANCE * np.trace(covariance) / n_features
    if not least > 1e-3:  # constant rows, whose frame does not magnify them
        return Scaled(frame.input_scale / STRETCH)
    covariance.flat[:: n_features + 1] += least
    root = cholesky(covariance, lower=True, overwrite_a=True)
    inverse, _ = get_lapack_funcs("trtri", (root,))(root, lower=1)
    stretch = np.sqrt(
        n_features / (n_features - least * np.square(inverse).sum())
    )  # to a mean variance of 1
    unit = frame.input_scale / stretch
    root *= unit
    inverse /= unit
    return White(root, np.asfortranarray(inverse, dtype=blocks[0].dtype))


def _cost(n_rows, n_features):
    """Of whitening, in operations: half of the products of columns, Cholesky's root and its inverse."""
    return n_rows * n_features**2 + 2 / 3 * n_features**3


def _cost_of_evaluation(n_rows, n_features, n_components):
    """In operations, about: five products of dense rows. Sparse ones cost less, but are to have the same fit."""
    return 10 * n_rows * n_features * n_components


def _products(frame, X):
    """Sums over a block's rows of the products of its columns, centred and in the frame's unit."""
    if is_very_sparse(X):
        shift = np.multiply.outer(np.ones(X.shape[0]) @ X, frame.input_mean)
        products = (
            (X.T @ X).toarray()
            - shift
            - shift.T
            + X.shape[0] * np.multiply.outer(frame.input_mean, frame.input_mean)
        )
        return products / frame.input_scale**2
    centred = ((dense(X) - frame.input_mean) / frame.input_scale).astype(X.dtype, copy=False)
    return (centred.T @ centred).astype(np.float64, copy=False)
