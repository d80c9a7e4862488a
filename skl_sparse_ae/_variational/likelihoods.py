"""The distribution of a row given the decoder's raw output: Gaussian or Bernoulli."""

from typing import Protocol

import numpy as np

from skl_sparse_ae._nn.losses import CrossEntropy, Loss, SquaredError


class Likelihood(Protocol):
    """The distribution of rows, given the decoder's raw output and `log_variance`.

    `raw` and X are (n_rows, n_features), and `raw` may be overwritten. `log_variance` is
    (n_parameters,).
    """

    loss: type[Loss]
    n_parameters: int  # of the likelihood itself

    @staticmethod
    def backward(
        raw: np.ndarray, X: np.ndarray, log_variance: np.ndarray, scale: float
    ) -> tuple[float, np.ndarray, float]:
        """-log p, summed over rows; the gradients of `scale` times it to raw and log_variance."""

    @staticmethod
    def per_row(raw: np.ndarray, X: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
        """-log p of each row (n_rows,), float64."""

    @staticmethod
    def draw(X_hat: np.ndarray, log_variance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Random rows with means X_hat."""


class Gaussian:
    """Features with one variance v about the decoder's raw output; `log_variance` is (1,).

    The variance is learned. With a fixed variance, the scale of X would determine the relative cost
    of a nat of KL. With the usual 1 (the plain squared error), every unit collapses if the features
    have a smaller variance, as pixels in [0, 1] do, and no unit is regularised if they have a
    larger one. Source: O. Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders
    (2021), who also find that the KL then needs no weight.
    """

    loss = SquaredError
    n_parameters = 1

    @staticmethod
    def backward(raw, X, log_variance, scale):
        """-log p summed over rows, and `scale` times its gradients to raw and log_variance.

        Overwrites raw.
        """
        precision = np.exp(-float(log_variance[0]))
        squares, d_raw = SquaredError.backward(raw, X, float(0.5 * scale * precision))
        constant = 0.5 * X.size * (np.log(2 * np.pi) + float(log_variance[0]))
        d_log_variance = 0.5 * scale * (X.size - precision * squares)
        return 0.5 * precision * squares + constant, d_raw, d_log_variance

    @staticmethod
    def per_row(raw, X, log_variance):
        """-log p of each row (n_rows,), float64. Overwrites raw.

        Errors are divided, then squared, so that they stay in range.
        """
        raw -= X
        raw *= float(np.exp(-0.5 * float(log_variance[0])))
        squares = np.einsum("ij,ij->i", raw, raw, dtype=np.float64)
        return 0.5 * (squares + X.shape[1] * (np.log(2 * np.pi) + float(log_variance[0])))

    @staticmethod
    def draw(X_hat, log_variance, rng):
        """A draw of rows with means X_hat."""
        noise = rng.standard_normal(X_hat.shape, dtype=X_hat.dtype)
        noise *= float(np.exp(0.5 * float(log_variance[0])))
        return X_hat + noise


class Bernoulli:
    """Features that are 1 with probability ``sigmoid(raw)``; `log_variance` is empty.

    Values between 0 and 1 are allowed.
    """

    loss = CrossEntropy
    n_parameters = 0

    @staticmethod
    def backward(raw, X, log_variance, scale):
        """-log p summed over rows, `scale` times its gradient to raw, and 0. Overwrites raw."""
        return *CrossEntropy.backward(raw, X, scale), 0.0

    @staticmethod
    def per_row(raw, X, log_variance):
        """-log p of each row (n_rows,), float64. Overwrites raw."""
        return X.shape[1] * CrossEntropy.per_row(raw, X)

    @staticmethod
    def draw(X_hat, log_variance, rng):
        """A draw of zeros and ones, ones with probabilities X_hat."""
        return (rng.random(X_hat.shape, dtype=X_hat.dtype) < X_hat).astype(X_hat.dtype)
