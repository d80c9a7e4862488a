"""Pointwise reconstruction losses: what the decoder's raw output means, and what an error costs.

A loss knows one block of targets ``X`` and of raw decoder outputs ``raw = A @ Wd + bd``, both (n_rows, n_features),
and nothing of weights or codes. Its functions:

``output(raw)``               the reconstruction X_hat; overwrites raw
``backward(raw, X, scale)``   (the loss summed over rows and features, `scale` times its gradient to raw); overwrites raw
``per_row(raw, X)``           the loss of each row (n_rows,): mean over features, float64; overwrites raw
``excess(raw, X)``            the same less what a perfect reconstruction of X would cost, so 0 for one; overwrites raw
``raw_of_mean(mean)``         the raw output (n_features,) that reconstructs every row as the column means
``raw_scale(variance)``       the size of the raw output's deviations from it, from the column variances

and the facts that natural units (`_scale`) are made of, each a mean over features or over rows and features:

``of_constant(mean, variance)``   the loss of the best constant row, from the column moments
``floor(X)``                  the loss of a perfect reconstruction, summed over rows and features; None if it is always 0
``curvature(mean)``           half the second derivative of the loss in raw, at the raw output `raw_of_mean`
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.special import entr, logit

from skl_sparse_ae._nn.activations import sigmoid
from skl_sparse_ae._rows.products import dense

# The mean at which a column starts at least, of a logistic decoder under the squared error.
LEAST_START = 0.1


class SquaredError:
    """``(x_hat - x)^2`` with the identity decoder, ``x_hat = raw``."""

    is_quadratic = True
    output_activation = "identity"
    floor = None

    @staticmethod
    def output(raw):
        return raw

    @staticmethod
    def backward(raw, X, scale=1.0):
        raw -= X
        value = _sum_of_squares(raw)
        raw *= 2 * scale
        return value, raw

    @staticmethod
    def per_row(raw, X):
        raw -= X
        return np.einsum("ij,ij->i", raw, raw, dtype=np.float64) / raw.shape[1]

    @classmethod
    def excess(cls, raw, X):
        return cls.per_row(raw, X)

    @staticmethod
    def raw_of_mean(mean):
        return mean

    @staticmethod
    def raw_scale(variance):
        return float(np.sqrt(variance.mean())) or 1.0  # constant data have no scale

    @staticmethod
    def of_constant(mean, variance):
        return variance.mean()

    @staticmethod
    def curvature(mean):
        return 1.0


class Multiple(NamedTuple):
    """A loss so many times, for rows in another unit."""

    loss: Any
    factor: float

    def backward(self, raw, X, scale=1.0):
        value, gradient = self.loss.backward(raw, X, scale * self.factor)
        return value * self.factor, gradient


class _LogisticDecoder:
    """``x_hat = sigmoid(raw)``: what the two losses below have in common."""

    @staticmethod
    def output(raw):
        return sigmoid(raw)

    @staticmethod
    def raw_scale(variance):
        return 1.0


class LogisticSquaredError(_LogisticDecoder):
    """``(x_hat - x)^2`` with ``x_hat = sigmoid(raw)``. Values of X outside [0, 1] are out of the decoder's reach."""

    is_quadratic = False
    output_activation = "logistic"

    @staticmethod
    def raw_of_mean(mean):
        """Logits, kept where the gradient lives: it contains the sigmoid's slope, which is next to 0 beyond these means."""
        return logit(np.clip(mean, LEAST_START, 1 - LEAST_START))

    @staticmethod
    def of_constant(mean, variance):
        return (variance + np.square(mean - np.clip(mean, 0, 1))).mean()

    @staticmethod
    def floor(X):
        beyond = dense(X) - np.clip(dense(X), 0, 1)
        return _sum_of_squares(beyond)

    @staticmethod
    def curvature(mean):
        start = np.clip(mean, LEAST_START, 1 - LEAST_START)
        return np.square(start * (1 - start)).mean()

    @staticmethod
    def backward(raw, X, scale=1.0):
        slope = sigmoid(raw)
        error = slope - X
        value = _sum_of_squares(error)
        error *= slope
        np.subtract(1, slope, out=slope)
        error *= slope
        error *= 2 * scale
        return value, error

    @staticmethod
    def per_row(raw, X):
        return SquaredError.per_row(sigmoid(raw), X)

    @classmethod
    def excess(cls, raw, X):
        return cls.per_row(raw, X)


class CrossEntropy(_LogisticDecoder):
    """``-x log(x_hat) - (1 - x) log(1 - x_hat)`` with ``x_hat = sigmoid(raw)``, from raw itself.

    ``log1p(exp(-|r|)) + max(r, 0) (1 - x) - min(r, 0) x`` is the same for x in [0, 1] without a cancellation: exact
    to rounding for the confident right answer, where the usual ``max(r, 0) - r x + log1p(exp(-|r|))`` loses every digit.
    """

    is_quadratic = False
    output_activation = "logistic"

    @staticmethod
    def raw_of_mean(mean):
        """Logits, kept finite: a column of zeros starts at 0.001, not at 0."""
        return logit(np.clip(mean, 1e-3, 1 - 1e-3))

    @staticmethod
    def of_constant(mean, variance):
        return _entropy(np.clip(mean, 0, 1)).mean()  # rounding can leave 1 + 1e-16

    @staticmethod
    def floor(X):
        stored = X.data if issparse(X) else X  # zeros have no entropy
        return float(_entropy(stored).sum(dtype=np.float64))

    @staticmethod
    def curvature(mean):
        return (mean * (1 - mean)).mean() / 2

    @staticmethod
    def backward(raw, X, scale=1.0):
        value = float(_cross_entropy(raw, X).sum(dtype=np.float64))
        raw = sigmoid(raw)
        raw -= X
        raw *= scale
        return value, raw

    @staticmethod
    def per_row(raw, X):
        return _cross_entropy(raw, X).mean(axis=1, dtype=np.float64)

    @staticmethod
    def excess(raw, X):
        """Kullback-Leibler divergence of X from its reconstruction. In float64: both terms are large where it is small."""
        raw, X = raw.astype(np.float64, copy=False), X.astype(np.float64, copy=False)
        divergence = _cross_entropy(raw, X)
        divergence -= entr(X)
        divergence -= entr(1 - X)
        return np.maximum(divergence, 0, out=divergence).mean(axis=1)  # rounding can leave -1e-16


def _cross_entropy(raw, X):
    """The loss of every element. ``max(r, 0) (1 - x) - min(r, 0) x`` is abs(r) times the chance given to the wrong side."""
    size = np.abs(raw)
    wrong = np.where(raw > 0, 1 - X, X)
    wrong *= size
    np.negative(size, out=size)
    np.log1p(np.exp(size, out=size), out=size)
    size += wrong
    return size


def _entropy(x):
    """Of a bit that is 1 with probability x, in nats."""
    return entr(x) + entr(1 - x)


def _sum_of_squares(error):
    flat = error.reshape(-1)
    return float(np.dot(flat, flat))
