"""The change of variables in which Adam searches the networks."""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._variational.objective import (
    LOG_VARIANCE_BOUND,
    bounded,
    unflatten,
)

# Inputs whose variances sum to this: see `_weights.TOTAL_VARIANCE`, which bounds what one step can do to a hidden unit. Chosen
# by the loss on training rows after 20 or 100 epochs at learning rates of 0.001 to 0.01, among 16, 64 and 256, on digits,
# standardised breast cancer, iris, wine and MNIST: 16 learns the slowest, 256 diverges first.
TOTAL_VARIANCE = 64.0


# One step of Adam moves every parameter by about the learning rate; the log-variance of the likelihood, of which there is one
# and which has far to go, by so many times that.
NOISE_STRIDE = 10.0


class VariationalFrame(NamedTuple):
    """A change of variables that makes the problem easy without changing it, applied to rows where that is cheaper.

    Adam searches the networks that see ``(X - input_mean) / input_scale`` and, for squared error, are to reproduce
    ``(X - output_mean) / output_scale``; written out, those are other networks of the same shape. So neither an offset nor
    a unit of X makes a difference to the search. For cross-entropy, `output_mean` is 0 and `output_scale` 1.
    """

    input_mean: np.ndarray  # (n_features,) float64
    input_scale: float
    output_mean: np.ndarray  # (n_features,) float64
    output_scale: float

    @property
    def total_variance(self):
        """Of the inputs that the networks in the frame read."""
        return TOTAL_VARIANCE

    @classmethod
    def of(cls, mean, variance, is_scaled, dtype):
        """For data of these column moments (n_features,), whose targets are to be scaled too or not.

        Data so small that in `dtype` what magnifies them would overflow count as constant.
        """
        least = float(np.finfo(dtype).tiny) ** 0.25
        deviation = float(np.sqrt(variance.mean()))
        deviation = deviation if deviation >= least else 1.0
        input_scale = deviation * float(np.sqrt(len(mean) / TOTAL_VARIANCE))
        return (
            cls(mean, input_scale, mean, deviation)
            if is_scaled
            else cls(mean, input_scale, np.zeros_like(mean), 1.0)
        )

    @staticmethod
    def limits(n_features):
        """What a saved frame may hold: type, least and most of its numbers, and the shapes of its arrays."""
        scale = float, np.finfo(np.float64).tiny, np.finfo(np.float64).max
        return {"input_scale": scale, "output_scale": scale}, dict.fromkeys(
            ("input_mean", "output_mean"), (n_features,)
        )

    def inputs(self, X):
        return _standardized(X, self.input_mean, self.input_scale)

    def targets(self, X):
        is_trivial = self.output_scale == 1 and not self.output_mean.any()
        return X if is_trivial else _standardized(X, self.output_mean, self.output_scale)

    def to_user(self, theta, shape, dtype):
        """The flat weights, in `dtype`, that do to X what the flat weights theta do in the frame."""
        out = theta.astype(np.float64)
        w = unflatten(out, shape)
        first, last = w.encoder[0], w.decoder[-1]
        first.coef[...] /= self.input_scale
        first.intercept[...] -= self.input_mean @ first.coef
        last.coef[...] *= self.output_scale
        last.intercept[...] *= self.output_scale
        last.intercept[...] += self.output_mean
        w.log_variance[...] = bounded(NOISE_STRIDE * w.log_variance) + 2 * np.log(self.output_scale)
        return out.astype(dtype, copy=False)

    def from_user(self, theta, shape):
        """The inverse of `to_user`, float64; a variance beyond this frame's bounds becomes one close to them."""
        out = theta.astype(np.float64)
        w = unflatten(out, shape)
        first, last = w.encoder[0], w.decoder[-1]
        first.intercept[...] += self.input_mean @ first.coef
        first.coef[...] *= self.input_scale
        last.intercept[...] -= self.output_mean
        last.intercept[...] /= self.output_scale
        last.coef[...] /= self.output_scale
        ratio = (w.log_variance - 2 * np.log(self.output_scale)) / LOG_VARIANCE_BOUND
        w.log_variance[...] = (
            LOG_VARIANCE_BOUND / NOISE_STRIDE * np.arctanh(np.clip(ratio, -0.99, 0.99))
        )
        return out


def _standardized(X, mean, scale):
    out = X - mean.astype(X.dtype, copy=False)
    out *= 1 / scale
    return out
