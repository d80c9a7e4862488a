"""The variational problem for Adam, in a frame that suits it; see `_solvers.problem`."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._nn.layers import initialize
from skl_sparse_ae._rows.blocks import BatchBlocks
from skl_sparse_ae._variational.frame import TOTAL_VARIANCE, VariationalFrame
from skl_sparse_ae._variational.objective import (
    Architecture,
    Objective,
    Terms,
    unflatten,
    value_and_gradient,
)
from skl_sparse_ae._variational.predict import MonteCarlo, TrainedModel, summarize


class VariationalSpec(NamedTuple):
    """The objective, the frame of the search, and the sizes of the networks."""

    objective: Objective
    frame: VariationalFrame
    architecture: Architecture
    dtype: np.dtype  # of the weights
    expectation: MonteCarlo  # over codes, in `summarize`

    def model(self, weights):
        """The `TrainedModel` of flat weights."""
        networks = unflatten(weights, self.architecture)
        return TrainedModel(networks, self.architecture, self.objective)

    def summarize(self, weights, rows):
        """The `Summary` of flat weights at all rows."""
        return summarize(self.model(weights), rows, self.expectation)


class NoisyBatch(NamedTuple):
    """A mini-batch in blocks, and the noise for each block (rows of the block, n_components)."""

    blocks: BatchBlocks
    noise: list[np.ndarray]

    @property
    def n_rows(self):
        return self.blocks.n_rows


class VariationalProblem:
    """All weights free: a `Stochastic` problem."""

    terms = Terms
    gradient_scale = 1.0  # nats, whatever the unit of X
    step_scales = ()

    def __init__(self, spec):
        self.spec = spec

    @property
    def flops_per_row(self):
        sizes = self.spec.architecture.encoder
        return max(m * n for m, n in pairwise(sizes))

    def initial_params(self, rng):
        """Networks that distinguish rows, and decode all of them to about the column means."""
        objective, frame, architecture, *_ = self.spec
        params = np.zeros(architecture.n_weights)
        w = unflatten(params, architecture)
        initialize(w.encoder, objective.activation, rng)
        initialize(w.decoder, objective.activation, rng)
        w.encoder[0].coef[...] *= np.sqrt(architecture.n_features / TOTAL_VARIANCE)
        raw_output = objective.likelihood.loss.raw_of_mean(frame.input_mean)
        w.decoder[-1].intercept[...] = (raw_output - frame.output_mean) / frame.output_scale
        return params

    def params_from(self, weights):
        return self.spec.frame.from_user(weights, self.spec.architecture)

    def to_weights(self, params):
        weights = self.spec.frame.to_user(params, self.spec.architecture)
        return weights.astype(self.spec.dtype, copy=False)

    def batch(self, rows, executor, rng):
        """The noise of all rows is drawn at once, so it does not depend on the workers."""
        shape = rows.shape[0], self.spec.architecture.n_components
        noise = rng.standard_normal(shape, dtype=rows.dtype)
        blocks = BatchBlocks(rows, executor)
        return NoisyBatch(blocks, blocks.parts_of(noise))

    def value_and_gradient(self, params, batch, memory):
        objective, frame, architecture, *_ = self.spec
        w = unflatten(params, architecture)
        log_variance = frame.log_variance(w.log_variance)
        networks = w._replace(log_variance=log_variance)
        value, gradient, terms = value_and_gradient(
            objective, frame, networks, architecture, *batch
        )
        g = unflatten(gradient, architecture)
        g.log_variance[...] = frame.pull_back_log_variance(g.log_variance, log_variance)
        in_unit_of_X = architecture.n_features * float(np.log(frame.output_scale))
        reconstruction = terms.reconstruction + in_unit_of_X
        return value + in_unit_of_X, gradient, terms._replace(reconstruction=reconstruction)

    def after_step(self, state, batch):
        return state
