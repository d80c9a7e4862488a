"""The change of variables in which Adam searches the networks."""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._rows.moments import least_scale
from skl_sparse_ae._variational.objective import (
    LOG_VARIANCE_BOUND,
    bounded,
    bounded_slope,
    unflatten,
)

# Input variances are rescaled to sum to this, which limits the effect of one step on a hidden unit:
# see `_sparse.frame.TOTAL_VARIANCE`. Chosen by the loss on training rows after 20 or 100 epochs at
# learning rates of 0.001 to 0.01, among 16, 64 and 256, on digits, standardised breast cancer,
# iris, wine and MNIST: 16 learns the slowest, 256 diverges first.
TOTAL_VARIANCE = 64.0
# One step of Adam moves every param by about the learning rate. The log-variance of the likelihood
# is a single param that has to change a lot, so its steps are this many times as large.
NOISE_STEP = 10.0


class VariationalFrame(NamedTuple):
    """The change of variables of the variational autoencoder, which is applied to the rows.

    Adam searches networks with the inputs ``(X - input_mean) / input_scale`` and, for squared
    error, the targets ``(X - output_mean) / output_scale``. They are equivalent to networks of the
    same shape for X itself. So the search does not depend on the offset and the unit of X. For
    cross-entropy `output_mean` is 0 and `output_scale` 1. See `ChangeOfVariables`; `shape` is an
    `Architecture`.
    """

    input_mean: np.ndarray  # (n_features,) float64
    input_scale: float
    output_mean: np.ndarray  # (n_features,) float64
    output_scale: float

    @property
    def total_variance(self):
        """The sum of the variances of the inputs that the networks in the frame read."""
        return TOTAL_VARIANCE

    @classmethod
    def of(cls, mean, variance, is_scaled, dtype):
        """The frame for data of these column moments (n_features,), with scaled targets or not.

        Data count as constant if they are so small that weights that magnify them would overflow in
        `dtype`.
        """
        deviation = float(np.sqrt(variance.mean()))
        deviation = deviation if deviation >= least_scale(dtype) else 1.0
        input_scale = deviation * float(np.sqrt(len(mean) / TOTAL_VARIANCE))
        output = (mean, deviation) if is_scaled else (np.zeros_like(mean), 1.0)
        return cls(mean, input_scale, *output)

    @staticmethod
    def limits(n_features):
        """See `SavedFrame.limits`."""
        scale = float, np.finfo(np.float64).tiny, np.finfo(np.float64).max
        means = dict.fromkeys(("input_mean", "output_mean"), (n_features,))
        return {"input_scale": scale, "output_scale": scale}, means

    def inputs(self, X):
        """The rows that the encoder sees."""
        return _standardized(X, self.input_mean, self.input_scale)

    def targets(self, X):
        """The rows that the decoder is to reproduce."""
        is_trivial = self.output_scale == 1 and not self.output_mean.any()
        return X if is_trivial else _standardized(X, self.output_mean, self.output_scale)

    def log_variance(self, param):
        """The log-variance of the likelihood in the frame, bounded, given its param."""
        return bounded(NOISE_STEP * param)

    def to_user(self, params, shape):
        out = params.astype(np.float64)
        w = unflatten(out, shape)
        first, last = w.encoder[0], w.decoder[-1]
        first.coef[...] /= self.input_scale
        first.intercept[...] -= self.input_mean @ first.coef
        last.coef[...] *= self.output_scale
        last.intercept[...] *= self.output_scale
        last.intercept[...] += self.output_mean
        w.log_variance[...] = self.log_variance(w.log_variance) + 2 * np.log(self.output_scale)
        return out

    def from_user(self, weights, shape):
        """See `ChangeOfVariables`. A variance beyond the bounds is moved to just within them."""
        out = weights.astype(np.float64)
        w = unflatten(out, shape)
        first, last = w.encoder[0], w.decoder[-1]
        first.intercept[...] += self.input_mean @ first.coef
        first.coef[...] *= self.input_scale
        last.intercept[...] -= self.output_mean
        last.intercept[...] /= self.output_scale
        last.coef[...] /= self.output_scale
        ratio = (w.log_variance - 2 * np.log(self.output_scale)) / LOG_VARIANCE_BOUND
        ratio = np.clip(ratio, -0.99, 0.99)
        w.log_variance[...] = LOG_VARIANCE_BOUND / NOISE_STEP * np.arctanh(ratio)
        return out

    def pull_back_log_variance(self, gradient, log_variance):
        """The gradient with respect to the param, given that to the bounded log-variance."""
        return gradient * (NOISE_STEP * bounded_slope(log_variance))


def _standardized(X, mean, scale):
    out = X - mean.astype(X.dtype, copy=False)
    out *= 1 / scale
    return out
