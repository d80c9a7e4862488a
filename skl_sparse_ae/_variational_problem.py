"""The form of the variational objective that Adam is handed: a function of one flat vector, in a frame that suits it.

See `_problems` for what a problem is.
"""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._blocks import batch_blocks
from skl_sparse_ae._layers import initialize
from skl_sparse_ae._variational_inference import Model, evaluate
from skl_sparse_ae._variational_objective import (
    LOG_VARIANCE_BOUND,
    Terms,
    bounded,
    bounded_slope,
    unflatten,
    value_and_gradient,
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
        return cls(mean, input_scale, mean, deviation) if is_scaled else cls(mean, input_scale, np.zeros_like(mean), 1.0)

    @staticmethod
    def limits(n_features):
        """What a saved frame may hold: type, least and most of its numbers, and the shapes of its arrays."""
        scale = float, np.finfo(np.float64).tiny, np.finfo(np.float64).max
        return {"input_scale": scale, "output_scale": scale}, dict.fromkeys(("input_mean", "output_mean"), (n_features,))

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
        w.log_variance[...] = LOG_VARIANCE_BOUND / NOISE_STRIDE * np.arctanh(np.clip(ratio, -0.99, 0.99))
        return out


class VariationalProblem:
    """All weights free, in a `VariationalFrame`. `draws` are those with which `evaluate` takes expectations."""

    terms = Terms
    unit = 1.0  # nats, whatever X is measured in
    strides = ()

    def __init__(self, objective, frame, shape, dtype, draws):
        self.objective, self.frame, self.shape, self.dtype, self.draws = objective, frame, shape, dtype, draws
        self.n_features = shape.n_features

    @property
    def work_of_a_row(self):
        return max(m * n for m, n in zip(self.shape.encoder, self.shape.encoder[1:], strict=False))

    def first(self, raw_output, rng):
        """First weights in the frame, flat float64: rows are told apart, and all decoded to `raw_output` about."""
        theta = np.zeros(self.shape.n_weights)
        w = unflatten(theta, self.shape)
        initialize(w.encoder, self.objective.activation, rng)
        initialize(w.decoder, self.objective.activation, rng)
        w.encoder[0].coef[...] *= np.sqrt(self.n_features / TOTAL_VARIANCE)
        w.decoder[-1].intercept[...] = (raw_output - self.frame.output_mean) / self.frame.output_scale
        return theta

    def resume(self, theta):
        return self.frame.from_user(theta, self.shape)

    def weights(self, x):
        return self.frame.to_user(x, self.shape, self.dtype)

    def batch_blocks(self, batch, n_workers, rng):
        """The rows of a mini-batch with their noise, drawn for all of them before they are split among workers."""
        noise = rng.standard_normal((batch.shape[0], self.shape.n_components), dtype=batch.dtype)
        blocks = batch_blocks(batch, n_workers)
        ends = np.cumsum([block.shape[0] for block in blocks])
        return list(zip(blocks, np.split(noise, ends[:-1]), strict=True))

    def model(self, theta):
        """The `Model` of flat weights in the user's frame."""
        return Model(unflatten(theta, self.shape), self.shape, self.objective)

    def evaluate(self, theta, X):
        """Terms, and mean and variance (n_components,) of the code, at rows X."""
        figures = evaluate(self.model(theta), X, self.draws)
        return Terms(*figures[:2]), *figures[2:]

    def rooms(self, batch_size, n_workers):
        return None

    def __call__(self, x, blocks, rooms=None, map=map, memory=None):
        w = unflatten(x, self.shape)
        log_variance = bounded(NOISE_STRIDE * w.log_variance)
        networks = w._replace(log_variance=log_variance)
        value, gradient, terms = value_and_gradient(self.objective, self.frame, networks, self.shape, blocks, map)
        unflatten(gradient, self.shape).log_variance[...] *= NOISE_STRIDE * bounded_slope(log_variance)
        in_units_of_X = self.n_features * float(np.log(self.frame.output_scale))
        return value + in_units_of_X, gradient, terms._replace(reconstruction=terms.reconstruction + in_units_of_X)


def _standardized(X, mean, scale):
    out = X - mean.astype(X.dtype, copy=False)
    out *= 1 / scale
    return out
