"""The form of the variational objective that Adam is handed: a function of one flat vector, in a frame that suits it.

See `_problems` for what a problem is.
"""

import numpy as np

from skl_sparse_ae._nn.layers import initialize
from skl_sparse_ae._rows.blocks import batch_blocks
from skl_sparse_ae._variational.frame import NOISE_STRIDE, TOTAL_VARIANCE
from skl_sparse_ae._variational.objective import (
    Terms,
    bounded,
    bounded_slope,
    unflatten,
    value_and_gradient,
)
from skl_sparse_ae._variational.predict import Model, evaluate


class VariationalProblem:
    """All weights free, in a `VariationalFrame`. `draws` are those with which `evaluate` takes expectations."""

    terms = Terms
    unit = 1.0  # nats, whatever X is measured in
    strides = ()

    def __init__(self, objective, frame, shape, dtype, draws):
        self.objective, self.frame, self.shape, self.dtype, self.draws = (
            objective,
            frame,
            shape,
            dtype,
            draws,
        )
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
        w.decoder[-1].intercept[...] = (
            raw_output - self.frame.output_mean
        ) / self.frame.output_scale
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
        value, gradient, terms = value_and_gradient(
            self.objective, self.frame, networks, self.shape, blocks, map
        )
        unflatten(gradient, self.shape).log_variance[...] *= NOISE_STRIDE * bounded_slope(
            log_variance
        )
        in_units_of_X = self.n_features * float(np.log(self.frame.output_scale))
        return (
            value + in_units_of_X,
            gradient,
            terms._replace(reconstruction=terms.reconstruction + in_units_of_X),
        )
