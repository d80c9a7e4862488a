"""Pointwise reconstruction losses: what the decoder's raw output means, and what an error costs.

A loss knows one block of targets ``X`` and raw decoder outputs ``raw = A @ Wd + bd``, both
(n_rows, n_features). It does not know weights or codes. See `Loss`.
"""

from typing import Any, Protocol

import numpy as np
from scipy.sparse import issparse
from scipy.special import entr, logit

from skl_sparse_ae._arrays.kernels import sum_of_squares
from skl_sparse_ae._nn.activations import sigmoid
from skl_sparse_ae._rows.products import dense

# With a logistic decoder and squared error, columns start at means from this to 1 minus this.
MIN_START = 0.1


class Loss(Protocol):
    """The contract of a loss. Functions of `raw` may overwrite it."""

    is_quadratic: bool  # the squared error of raw itself: products can replace the residual
    output_activation: str  # name of the decoder activation in `ACTIVATIONS`

    @staticmethod
    def output(raw: np.ndarray) -> np.ndarray:
        """The reconstruction X_hat."""

    @staticmethod
    def backward(raw: np.ndarray, X: np.ndarray, scale: float) -> tuple[float, np.ndarray]:
        """The loss summed over rows and features, and `scale` times its gradient to raw."""

    @staticmethod
    def per_row(raw: np.ndarray, X: np.ndarray) -> np.ndarray:
        """The loss of each row (n_rows,): mean over features, float64."""

    @staticmethod
    def excess(raw: np.ndarray, X: np.ndarray) -> np.ndarray:
        """`per_row` minus the loss of a perfect reconstruction of X, for which it is 0."""

    @staticmethod
    def raw_of_mean(mean: np.ndarray) -> np.ndarray:
        """The raw output (n_features,) that reconstructs every row as the column means."""

    @staticmethod
    def raw_scale(variance: np.ndarray) -> float:
        """The size of the raw output's deviations from `raw_of_mean`, from column variances."""

    # Facts that "scale" is made of (`_sparse.scale`), each a mean over features or rows and
    # features.

    @staticmethod
    def of_constant(mean: np.ndarray, variance: np.ndarray) -> float:
        """The loss of the best constant row, from the column moments."""

    @staticmethod
    def curvature(mean: np.ndarray) -> float:
        """Half the second derivative of the loss in raw, at `raw_of_mean`."""

    floor: Any
    """A function of a block X: the loss of a perfect reconstruction, summed. None if always 0."""


class SquaredError:
    """``(x_hat - x)^2`` with the identity decoder, ``x_hat = raw``."""

    is_quadratic, output_activation = True, "identity"
    floor = None

    def __init_subclass__(cls):
        """A loss derived from this one is quadratic only if it says so."""
        cls.is_quadratic = cls.__dict__.get("is_quadratic", False)

    @staticmethod
    def output(raw):
        return raw

    @staticmethod
    def backward(raw, X, scale=1.0):
        raw -= X
        value = sum_of_squares(raw)
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


class _LogisticDecoder:
    """``x_hat = sigmoid(raw)``: what the next two losses share."""

    is_quadratic, output_activation = False, "logistic"

    @staticmethod
    def output(raw):
        return sigmoid(raw)

    @staticmethod
    def raw_scale(variance):
        return 1.0


class LogisticSquaredError(_LogisticDecoder):
    """``(x_hat - x)^2`` with ``x_hat = sigmoid(raw)``, which cannot reach values outside [0, 1]."""

    @staticmethod
    def raw_of_mean(mean):
        """Logits of clipped means: beyond, the sigmoid's slope and so the gradient are near 0."""
        return logit(np.clip(mean, MIN_START, 1 - MIN_START))

    @staticmethod
    def of_constant(mean, variance):
        return (variance + np.square(mean - np.clip(mean, 0, 1))).mean()

    @staticmethod
    def floor(X):
        beyond = dense(X) - np.clip(dense(X), 0, 1)
        return sum_of_squares(beyond)

    @staticmethod
    def curvature(mean):
        start = np.clip(mean, MIN_START, 1 - MIN_START)
        return np.square(start * (1 - start)).mean()

    @staticmethod
    def backward(raw, X, scale=1.0):
        slope = sigmoid(raw)
        error = slope - X
        value = sum_of_squares(error)
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

    ``log1p(exp(-|r|)) + max(r, 0) (1 - x) - min(r, 0) x`` is the same for x in [0, 1], without a
    cancellation. It is exact to rounding for a confident right answer, where the usual
    ``max(r, 0) - r x + log1p(exp(-|r|))`` loses every digit.
    """

    @staticmethod
    def raw_of_mean(mean):
        """Logits of clipped means, which are finite: a column of zeros starts at 0.001."""
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
        """Kullback-Leibler divergence of X from its reconstruction, mean over features.

        In float64: it is a small difference of large terms.
        """
        raw, X = raw.astype(np.float64, copy=False), X.astype(np.float64, copy=False)
        divergence = _cross_entropy(raw, X)
        divergence -= entr(X)
        divergence -= entr(1 - X)
        return np.maximum(divergence, 0, out=divergence).mean(axis=1)  # rounding can leave -1e-16


def _cross_entropy(raw, X):
    """The loss of every element.

    ``max(r, 0) (1 - x) - min(r, 0) x`` is abs(r) times the probability of the wrong side.
    """
    size = np.abs(raw)
    wrong = np.where(raw > 0, 1 - X, X)
    wrong *= size
    np.negative(size, out=size)
    np.log1p(np.exp(size, out=size), out=size)
    size += wrong
    return size


def _entropy(x):
    """The entropy of a bit that is 1 with probability x, in nats."""
    return entr(x) + entr(1 - x)
