"""A change of variables for the encoder alone: white or scaled, centred inputs.

L-BFGS starts from an identity Hessian, so an ill-conditioned input covariance costs iterations.
White inputs have the same variance in every direction. Scaled inputs are the rows in another unit.
`benchmarks/study/frames.py` has the figures. L-BFGS does not depend on rotations, so any root of
the covariance will do, and Cholesky's is the cheapest.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import root_and_inverse, subtract_outer, times_triangular
from skl_sparse_ae._rows.products import dense, is_very_sparse

# Two extra products make an evaluation longer by a quarter of d / n; the root of more features than
# this is too large a matrix.
MAX_WHITE_FEATURES = 4096
# Whitening may cost as much as this many evaluations. It saves half of the iterations or more, of
# which a fit takes 50 to 300.
MAX_EVALUATIONS = 16
# Directions with less than this share of the mean variance are mostly noise. They are not magnified
# to unit variance.
MIN_VARIANCE = 1.0
# The total variance of scaled inputs, relative to that of `Frame`. Chosen by J after 25 to 200
# iterations on digits, MNIST and standardised breast cancer, among totals of 4 to 256; above 64 it
# hardly matters.
STRETCH = float(np.sqrt(8.0))


class Scaled(NamedTuple):
    """Inputs ``x / scale``."""

    scale: float

    def to_user(self, We):
        """The weights for x that give the pre-activations of `We` for the scaled inputs."""
        return We / self.scale

    def from_user(self, We):
        """The inverse of `to_user`."""
        return We * self.scale

    def pull_back(self, gradient):
        """The gradient with respect to the params of `to_user`, given that to its result."""
        return gradient / self.scale


class White(NamedTuple):
    """Inputs ``x @ inverse.T``, with ``inverse @ root = I``, both lower triangular."""

    root: np.ndarray  # (n_features, n_features)
    inverse: np.ndarray  # (n_features, n_features)

    def to_user(self, We):
        """The weights for x that give the pre-activations of `We` for the white inputs."""
        return times_triangular(We, self.inverse)

    def from_user(self, We):
        """The inverse of `to_user`."""
        return We @ self.root

    def pull_back(self, gradient):
        """The gradient with respect to the params of `to_user`, given that to its result."""
        return times_triangular(gradient, self.inverse, transposed=1)


class EncoderFrame(NamedTuple):
    """Encoder weights (We, be), flat, for centred inputs; see `ChangeOfVariables`."""

    inputs: Scaled | White
    mean: np.ndarray  # (n_features,) float64
    dtype: np.dtype  # of the weights

    def to_user(self, params, shape):
        We, be = split_encoder(params, shape)
        We = self.inputs.to_user(We.astype(self.dtype, copy=False))
        return np.concatenate([We.ravel(), (be - We @ self.mean).astype(self.dtype)])

    def from_user(self, weights, shape):
        We, be = split_encoder(weights.astype(np.float64, copy=False), shape)
        return np.concatenate([self.inputs.from_user(We).ravel(), be + We @ self.mean])

    def pull_back(self, gradient, shape):
        g_We, g_be = split_encoder(gradient, shape)
        centred = subtract_outer(g_We, g_be, self.mean).astype(self.dtype, copy=False)
        g_We[...] = self.inputs.pull_back(centred)
        return gradient


def split_encoder(flat, shape):
    """Views of We and be in a flat vector that starts with them."""
    k, d = shape
    return flat[: k * d].reshape(k, d), flat[k * d : k * d + k]


def inputs_for(blocks, frame, n_components):
    """White inputs for all rows; scaled ones if those cost too much, or rows are constant."""
    n_rows, n_features = blocks.n_rows, blocks.n_features
    n_evaluations = _cost(n_rows, n_features) / _cost_of_evaluation(
        n_rows, n_features, n_components
    )
    if n_features > min(n_rows, MAX_WHITE_FEATURES) or n_evaluations > MAX_EVALUATIONS:
        return Scaled(frame.input_scale / STRETCH)
    covariance = blocks.sum(partial(_products, frame)) / n_rows
    least = MIN_VARIANCE * np.trace(covariance) / n_features
    if not least > 1e-3:  # constant rows, whose frame does not magnify them
        return Scaled(frame.input_scale / STRETCH)
    covariance.flat[:: n_features + 1] += least
    root, inverse = root_and_inverse(covariance)
    left = n_features - least * np.square(inverse).sum()
    unit = frame.input_scale / np.sqrt(n_features / left)  # for a mean variance of 1
    root *= unit
    inverse /= unit
    return White(root, np.asfortranarray(inverse, dtype=blocks.dtype))


def _cost(n_rows, n_features):
    """Operations of whitening: half of the products of columns, Cholesky's root and its inverse."""
    return n_rows * n_features**2 + 2 / 3 * n_features**3


def _cost_of_evaluation(n_rows, n_features, n_components):
    """Operations of about five products of dense rows.

    Sparse rows take fewer, but the fit must not depend on the format of X.
    """
    return 10 * n_rows * n_features * n_components


def _products(frame, X):
    """Sums over a block's rows of the products of its columns, centred and in the frame's unit."""
    if is_very_sparse(X):
        mean, n_rows = frame.input_mean, X.shape[0]
        shift = np.multiply.outer(np.ones(n_rows) @ X, mean)
        products = (X.T @ X).toarray() - shift - shift.T + n_rows * np.multiply.outer(mean, mean)
        return products / frame.input_scale**2
    centred = ((dense(X) - frame.input_mean) / frame.input_scale).astype(X.dtype, copy=False)
    return (centred.T @ centred).astype(np.float64, copy=False)
