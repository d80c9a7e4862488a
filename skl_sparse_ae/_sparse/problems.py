"""Forms of the objective for the solvers; see `_solvers.problem`.

| form                | searches               | for                                     |
|---------------------|------------------------|-----------------------------------------|
| `JointProblem`      | all weights            | L-BFGS, any loss                        |
| `EliminatedProblem` | the encoder            | L-BFGS, squared error, identity decoder |
| `CentredProblem`    | what another form does | either, if offsets would cost digits    |
| `MiniBatchProblem`  | all weights            | Adam                                    |

Another form is another class here: it needs no change to a solver, nor to the objective.
"""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import column_sum
from skl_sparse_ae._nn.origin import origin_of_moments
from skl_sparse_ae._nn.penalties import RunningMeanPenalty
from skl_sparse_ae._rows.blocks import BatchBlocks
from skl_sparse_ae._rows.moments import least_scale
from skl_sparse_ae._sparse.frame import Frame, Translation, initial_weights
from skl_sparse_ae._sparse.objective import Objective, Terms, value_and_gradient
from skl_sparse_ae._sparse.one_pass import value_and_gradient_in_one_pass
from skl_sparse_ae._sparse.predict import summarize_rows
from skl_sparse_ae._sparse.sparse_products import blocks_for
from skl_sparse_ae._sparse.variable_projection import (
    Fit,
    best_decoder,
    can_eliminate_decoder,
    code_moments,
    value_and_encoder_gradient,
)
from skl_sparse_ae._sparse.weights import Weights, flatten, n_weights, unflatten
from skl_sparse_ae._sparse.whitening import EncoderFrame, inputs_for, split_encoder

# The penalty of a mini-batch sees the mean activations of at least this many rows.
WINDOW = 128


class Spec(NamedTuple):
    """What all forms share."""

    objective: Objective
    frame: Frame
    n_components: int
    dtype: np.dtype  # of the weights
    loss_scale: float = 1.0  # the loss that there is to explain, which is the unit of `tol`
    penalty_weights: tuple[tuple[str, float], ...] = ()  # the numbers used, by parameter

    @property
    def shape(self):
        """``(n_components, n_features)``."""
        return self.n_components, len(self.frame.input_mean)

    def initial_params(self, rng):
        """First params in the frame, float64: the decoder starts at the column means."""
        objective, frame = self.objective, self.frame
        raw_output = objective.loss.raw_of_mean(frame.input_mean)
        return initial_weights(*self.shape, frame, objective.activation, raw_output, rng)

    def weights(self, flat):
        """Views into a flat vector as `Weights`."""
        return unflatten(flat, *self.shape)

    def summarize(self, weights, rows):
        """The `Summary` of flat weights at all rows."""
        return summarize_rows(self.objective, self.weights(weights), rows)

    def blocks(self, rows):
        """The rows in blocks, of a size that suits the objective."""
        return blocks_for(self.objective.loss, rows, self.n_components)


def for_all_rows(spec, rows, variance):
    """The `FullBatch` problem that suits these rows, given their column variances.

    It is for rows minus an origin, if their offset would cost digits and the loss allows it.
    """
    blocks, mean = spec.blocks(rows), spec.frame.input_mean
    is_quadratic = spec.objective.loss.is_quadratic
    origin = origin_of_moments(mean, variance, spec.dtype) if is_quadratic else None
    if origin is None:
        return _form_for(spec, blocks, variance)
    spec = spec._replace(frame=spec.frame._replace(input_mean=mean - origin))
    return CentredProblem(_form_for(spec, blocks.centred(origin), variance), origin)


def _form_for(spec, blocks, variance):
    """Problem without the decoder if possible; in one pass if the rows are not in memory."""
    objective, shape = spec.objective, (blocks.n_rows, blocks.n_features, spec.n_components)
    if objective.loss.is_quadratic and can_eliminate_decoder(
        objective.decoder_alpha, *shape, spec.dtype
    ):
        return EliminatedProblem(spec, blocks, variance.sum())
    if blocks.is_in_memory:
        return JointProblem(spec, blocks)
    return JointProblem(spec, blocks, value_and_gradient_in_one_pass)


class JointProblem:
    """All weights free, in a centred and scaled `Frame`. A `FullBatch` problem.

    `evaluate` is `value_and_gradient`, or another function with the same results.
    """

    terms = Terms

    def __init__(self, spec, blocks, evaluate=value_and_gradient):
        self.spec, self.blocks, self.evaluate = spec, blocks, evaluate

    def initial_params(self, rng):
        return self.spec.initial_params(rng)

    def params_from(self, weights):
        return self.spec.frame.from_user(weights, self.spec.shape)

    def to_weights(self, params):
        return self.spec.frame.to_user(params, self.spec.shape).astype(self.spec.dtype, copy=False)

    def value_and_gradient(self, params):
        w = self.spec.weights(self.to_weights(params))
        value, gradient, terms = self.evaluate(self.spec.objective, w, self.blocks)
        return value, self.spec.frame.pull_back(gradient, self.spec.shape), terms


class EliminatedProblem:
    """The encoder free, for centred and white inputs; the decoder is the best for its code.

    A `FullBatch` problem, see `variable_projection`. The decoder depends on all rows, so
    `to_weights` reads them. `total_variance` is the sum of the column variances.
    """

    terms = Terms

    def __init__(self, spec, blocks, total_variance):
        self.spec, self.blocks, self.total_variance = spec, blocks, total_variance
        with blocks.workers():  # as in the fit: bits depend on the number of BLAS threads
            inputs = inputs_for(blocks, spec.frame, spec.n_components)
        self.frame = EncoderFrame(inputs, spec.frame.input_mean, spec.dtype)

    def initial_params(self, rng):
        params = self.spec.initial_params(rng)
        return self.params_from(self.spec.frame.to_user(params, self.spec.shape))

    def params_from(self, weights):
        with self.blocks.workers():  # as in the fit
            return self.frame.from_user(weights, self.spec.shape)

    def to_weights(self, params):
        with self.blocks.workers():  # as in the fit
            weights, _ = self._with_best_decoder(params, [None] * len(self.blocks))
            return flatten(weights, self.spec.dtype)

    def value_and_gradient(self, params):
        spec, codes = self.spec, self.blocks.code_buffers(self.spec.n_components)
        w, fit = self._with_best_decoder(params, codes)
        value, gradient, terms = value_and_encoder_gradient(
            spec.objective, w, self.blocks, codes, fit
        )
        return value, self.frame.pull_back(gradient, spec.shape), terms

    def _with_best_decoder(self, params, codes):
        """``(Weights, Fit)`` of an encoder and the best decoder; the code is left in `codes`."""
        spec, dtype, blocks = self.spec, self.spec.dtype, self.blocks
        We, be = split_encoder(self.frame.to_user(params, spec.shape), spec.shape)
        w = Weights(We, be, None, None)
        moments = code_moments(spec.objective.activation, w, blocks, codes)
        mean, decoder_alpha = spec.frame.input_mean, spec.objective.decoder_alpha
        Wd, bd, explained = best_decoder(moments, blocks.n_rows, mean, decoder_alpha)
        w = Weights(We, be, Wd.astype(dtype, copy=False), bd.astype(dtype))
        return w, Fit(moments.total, explained, self.total_variance)


class CentredProblem:
    """A form for rows minus `origin` (n_features,), as a `FullBatch` problem for the rows.

    For squared error with an identity decoder alone.
    """

    terms = Terms

    def __init__(self, form, origin):
        self.form, self.spec, self.blocks = form, form.spec, form.blocks
        self.translation = Translation(origin)

    def initial_params(self, rng):
        return self.form.initial_params(rng)

    def params_from(self, weights):
        return self.form.params_from(self.translation.from_user(weights, self.spec.shape))

    def to_weights(self, params):
        return self.translation.to_user(self.form.to_weights(params), self.spec.shape)

    def value_and_gradient(self, params):
        return self.form.value_and_gradient(params)


class Batch(NamedTuple):
    """A mini-batch in blocks, and whether they are the rows of X or those that the frame reads."""

    blocks: BatchBlocks
    is_framed: bool

    @property
    def n_rows(self):
        return self.blocks.n_rows


class MiniBatchProblem:
    """All weights free, for Adam: a `Stochastic` problem.

    For squared error with dense rows, the frame is applied to the rows and not to the weights,
    which is cheaper. Rows are then reproduced in the unit in which they are read, so both scales of
    the frame are set to the output scale, if that is large enough to divide by. The remaining
    factor on the encoder becomes Adam's step scale.

    `n_rows` is the number of all rows. The running mean covers no more than that.
    """

    terms = Terms

    def __init__(self, spec, n_rows=WINDOW):
        self.spec, objective, frame = spec, spec.objective, spec.frame
        self.shape = spec.shape
        self.window = min(WINDOW, n_rows)
        scale = frame.output_scale
        self.frame, self.frames_rows = frame, False
        if objective.loss.is_quadratic and scale >= least_scale(spec.dtype):
            # In the precision of the rows, so that weights and rows are centred by the same mean.
            mean = frame.input_mean.astype(spec.dtype).astype(np.float64)
            self.frame, self.frames_rows = frame._replace(input_mean=mean, input_scale=scale), True
        self.mean_output = self.frame.input_mean / scale  # of rows before the frame is applied
        self.gradient_scale = scale**2  # for squared error, the square of the unit of X
        self.framed_objective = objective._replace(
            encoder_alpha=objective.encoder_alpha / self.gradient_scale,
            decoder_alpha=objective.decoder_alpha * self.gradient_scale,
            loss_weight=self.gradient_scale,
        )

    @property
    def flops_per_row(self):
        return self.shape[0] * self.shape[1]

    @property
    def step_scales(self):
        n_encoder = self.flops_per_row
        others = n_weights(*self.shape) - n_encoder
        return (n_encoder, self.frame.input_scale / self.spec.frame.input_scale), (others, 1.0)

    def initial_params(self, rng):
        params = self.spec.initial_params(rng)
        return self.params_from(self.spec.frame.to_user(params, self.shape))

    def params_from(self, weights):
        return self.frame.from_user(weights, self.shape)

    def to_weights(self, params):
        return self.frame.to_user(params, self.shape).astype(self.spec.dtype, copy=False)

    def batch(self, rows, executor, rng):
        is_framed = self.frames_rows and isinstance(rows, np.ndarray)
        return Batch(
            BatchBlocks(self.frame.apply(rows) if is_framed else rows, executor), is_framed
        )

    def value_and_gradient(self, params, batch, memory):
        """`memory` has the `running_mean` (n_components,) of the activations."""
        if batch.is_framed:
            return self._of_framed_rows(params, batch, memory)
        objective = self._with_running_mean(self.spec.objective, batch, memory)
        w = unflatten(self.to_weights(params), *self.shape)
        value, gradient, terms = value_and_gradient(objective, w, batch.blocks)
        return value, self.frame.pull_back(gradient, self.shape), terms

    def _of_framed_rows(self, params, batch, memory):
        """`value_and_gradient`, with the bias shifted: the frame's decoder sees A - `code_mean`."""
        w, code_mean = unflatten(params, *self.shape), self.frame.code_mean
        bd = (w.bd - self.mean_output).astype(w.bd.dtype, copy=False) - code_mean * column_sum(w.Wd)
        objective = self._with_running_mean(self.framed_objective, batch, memory)
        value, gradient, terms = value_and_gradient(objective, w._replace(bd=bd), batch.blocks)
        g = unflatten(gradient, *self.shape)
        g.Wd[...] -= code_mean * g.bd
        return value, gradient, terms

    def _with_running_mean(self, objective, batch, memory):
        """The objective, whose penalty sees the running mean if the batch is small."""
        share = min(1.0, batch.n_rows / self.window)
        if share == 1:
            return objective
        penalty = RunningMeanPenalty(objective.penalty, memory["running_mean"], share)
        return objective._replace(penalty=penalty)

    def after_step(self, state, batch):
        return state
