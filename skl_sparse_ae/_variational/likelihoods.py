"""What the decoder's raw output says of a row: Gaussian or Bernoulli."""

import numpy as np

from skl_sparse_ae._nn.losses import CrossEntropy, SquaredError


class Gaussian:
    """Rows whose features have one variance v about the decoder's raw output; `log_variance` is (1,).

    The variance is learned, because a stated one would decide, with the scale of X, how much a nat of KL is worth: at the
    usual 1 (the plain squared error), every unit collapses where the features vary by less, as pixels in [0, 1] do, and none
    is regularised where they vary by more. See O. Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders
    (2021), who also find that it then needs no weight on the KL.
    """

    loss = SquaredError
    n_parameters = 1

    @staticmethod
    def backward(raw, X, log_variance, scale):
        """-log p of some rows, summed; the gradients of `scale` times that to raw and to log_variance. Overwrites raw."""
        precision = np.exp(-float(log_variance[0]))
        squares, d_raw = SquaredError.backward(raw, X, float(0.5 * scale * precision))
        constant = 0.5 * X.size * (np.log(2 * np.pi) + float(log_variance[0]))
        return (
            0.5 * precision * squares + constant,
            d_raw,
            0.5 * scale * (X.size - precision * squares),
        )

    @staticmethod
    def per_row(raw, X, log_variance):
        """-log p of each row (n_rows,), float64. Overwrites raw. Errors are divided, then squared: they stay in range."""
        raw -= X
        raw *= float(np.exp(-0.5 * float(log_variance[0])))
        squares = np.einsum("ij,ij->i", raw, raw, dtype=np.float64)
        return 0.5 * (squares + X.shape[1] * (np.log(2 * np.pi) + float(log_variance[0])))

    @staticmethod
    def draw(X_hat, log_variance, rng):
        """Rows about these means."""
        noise = rng.standard_normal(X_hat.shape, dtype=X_hat.dtype)
        noise *= float(np.exp(0.5 * float(log_variance[0])))
        return X_hat + noise


class Bernoulli:
    """Features that are 1 with the probability ``sigmoid(raw)``, or anything between; `log_variance` is empty."""

    loss = CrossEntropy
    n_parameters = 0

    @staticmethod
    def backward(raw, X, log_variance, scale):
        """-log p of some rows, summed; the gradients of `scale` times that to raw and to nothing. Overwrites raw."""
        return *CrossEntropy.backward(raw, X, scale), 0.0

    @staticmethod
    def per_row(raw, X, log_variance):
        """-log p of each row (n_rows,), float64. Overwrites raw."""
        return X.shape[1] * CrossEntropy.per_row(raw, X)

    @staticmethod
    def draw(X_hat, log_variance, rng):
        """Zeros, and ones with these probabilities."""
        return (rng.random(X_hat.shape, dtype=X_hat.dtype) < X_hat).astype(X_hat.dtype)
