"""Forms of the objective that a solver can be handed: functions of one flat vector, and the way back to the weights.

A problem has ``first(raw_output, sparsity_target, rng)`` and ``resume(theta)`` for where to start, is called as
``problem(x, blocks, rooms=None, map=map) -> (J, gradient, Terms)``, and turns any x into flat weights in the user's frame by
``weights(x)``; all rows are its ``row_blocks(X)``. A solver sees the call alone. Another form of the same objective, searching
fewer parameters, is another class here: it needs no change to a solver, nor to `_objective`.

For Adam it has ``batch_blocks(batch, n_workers, rng)``, what it is called with for one mini-batch, which it may overwrite;
``rooms(batch_size, n_workers)``, memory for that, or None; ``work_of_a_row``, the multiplications in a product with one row;
the objective's `unit`; and `strides`, pairs of a number of parameters and by how many times the learning rate Adam is to move
them. Adam's call has one more argument, `memory`: an array that is kept between the steps and may be overwritten. For the
estimators it has ``evaluate(theta, X)``, the terms and other figures at flat weights in the user's frame, `terms`, their named
tuple, `frame`, and `loss_scale`, the loss that there is to explain.
"""

import numpy as np

from skl_sparse_ae._arrays.kernels import column_sum, subtract_outer
from skl_sparse_ae._nn.losses import Multiple, SquaredError
from skl_sparse_ae._nn.origin import origin_of_moments
from skl_sparse_ae._nn.penalties import OfRunningMean
from skl_sparse_ae._rows.blocks import (
    batch_blocks,
    centred_blocks,
    count_rows,
    is_in_memory,
    rooms_for_batches,
)
from skl_sparse_ae._rows.executor import block_workers, row_workers
from skl_sparse_ae._rows.moments import least_scale
from skl_sparse_ae._sparse.frame import initial_weights
from skl_sparse_ae._sparse.objective import Objective, Terms, value_and_gradient
from skl_sparse_ae._sparse.one_pass import value_and_gradient_in_one_pass
from skl_sparse_ae._sparse.predict import evaluate_rows
from skl_sparse_ae._sparse.sparse_products import blocks_for
from skl_sparse_ae._sparse.variable_projection import (
    best_decoder,
    code_moments,
    is_worth_eliminating,
    value_and_encoder_gradient,
)
from skl_sparse_ae._sparse.weights import (
    Weights,
    flatten,
    n_weights,
    of_centred,
    of_rows,
    unflatten,
)
from skl_sparse_ae._sparse.whitening import input_of

# Rows whose mean activations are what the penalty of a mini-batch sees: its own, if it has as many.
WINDOW = 128


def for_all_rows(joint, X, variance):
    """The form in which to search with all rows of X, of these column variances, at every step.

    On rows less an origin, where their offset would cost digits and the loss allows it.
    """
    blocks, is_squared = joint.row_blocks(X), joint.objective.loss is SquaredError
    origin = (
        origin_of_moments(joint.frame.input_mean, variance, joint.dtype) if is_squared else None
    )
    if origin is None:
        return _form_for(joint, blocks, variance)
    mean = joint.frame.input_mean - origin
    joint = JointProblem(
        joint.objective, joint.frame._replace(input_mean=mean), joint.n_components, joint.dtype
    )
    return CentredProblem(_form_for(joint, centred_blocks(blocks, origin), variance), origin)


def _form_for(joint, blocks, variance):
    """Without the decoder, if it can be solved for; else all weights, `joint`.

    But with one reading of rows that are not in memory.
    """
    shape = count_rows(blocks), joint.n_features, joint.n_components
    if joint.objective.loss is SquaredError and is_worth_eliminating(
        joint.objective.decoder_alpha, *shape, joint.dtype
    ):
        return EliminatedProblem(joint, blocks, variance.sum())
    if is_in_memory(blocks):
        return joint
    return OnePassProblem(
        joint.objective, joint.frame, joint.n_components, joint.dtype, joint.loss_scale
    )


class JointProblem:
    """All weights free, in a centred and scaled `Frame`."""

    terms = Terms

    def __init__(self, objective, frame, n_components, dtype, loss_scale=1.0):
        self.objective, self.frame, self.searched, self.loss_scale = (
            objective,
            frame,
            frame,
            loss_scale,
        )
        self.n_components, self.n_features, self.dtype = n_components, len(frame.input_mean), dtype

    def first(self, raw_output, sparsity_target, rng):
        return initial_weights(
            self.n_components, self.n_features, sparsity_target, raw_output, self.frame, rng
        )

    def resume(self, theta):
        return self.searched.from_user(theta, np.float64)

    def weights(self, x):
        return self.searched.to_user(x, self.dtype)

    def row_blocks(self, X):
        """All rows as the blocks that it is called with."""
        return blocks_for(self.objective.loss, X, self.n_components)

    def evaluate(self, theta, X):
        """Terms, and mean and variance (n_components,) of the code, at rows X."""
        return evaluate_rows(
            self.objective, unflatten(theta, self.n_components, self.n_features), self.row_blocks(X)
        )

    def __call__(self, x, blocks, rooms=None, map=map):
        """The penalty sees the mean activations of `blocks`: of all rows, or of the one mini-batch."""
        w = unflatten(self.weights(x), self.n_components, self.n_features)
        value, gradient, terms = value_and_gradient(self.objective, w, blocks, rooms, map)
        return value, self.searched.gradient(gradient), terms


class MiniBatchProblem(JointProblem):
    """The same for Adam, which sees few rows at a time: where they are dense, the frame is laid on them and not on the weights.

    That is for squared error, where rows are reproduced in the unit in which they are read. So the two scales of the frame are
    one here, unless it is too small to divide by, and by what it differs from the encoder's own is left to Adam, as its stride.
    """

    def __init__(self, objective, frame, n_components, dtype, loss_scale=1.0, n_rows=WINDOW):
        super().__init__(objective, frame, n_components, dtype, loss_scale)
        self.window = min(WINDOW, n_rows)
        self.is_on_rows = objective.loss is SquaredError and frame.output_scale >= least_scale(
            dtype
        )
        if (
            self.is_on_rows
        ):  # a mean that the rows' own precision can hold: then taking it from them rounds nothing
            mean = frame.input_mean.astype(dtype).astype(np.float64)
            self.searched = frame._replace(input_mean=mean, input_scale=frame.output_scale)
        self.mean_output = (
            self.searched.input_mean / frame.output_scale
        )  # of the rows before the frame is laid on them
        self.unit = frame.output_scale**2  # with squared error, the square of the unit of X
        self.of_framed = Objective(
            loss=Multiple(objective.loss, self.unit),
            penalty=objective.penalty,
            encoder_alpha=objective.encoder_alpha / self.unit,
            decoder_alpha=objective.decoder_alpha * self.unit,
        )

    @property
    def work_of_a_row(self):
        return self.n_features * self.n_components

    @property
    def strides(self):
        n_encoder = self.n_components * self.n_features
        others = n_weights(self.n_components, self.n_features) - n_encoder
        return (n_encoder, self.searched.input_scale / self.frame.input_scale), (others, 1.0)

    def first(self, raw_output, sparsity_target, rng):
        return self.resume(
            self.frame.to_user(super().first(raw_output, sparsity_target, rng), np.float64)
        )

    def rooms(self, batch_size, n_workers):
        shape = self.n_components, self.n_features
        return rooms_for_batches(batch_size, n_workers, shape, n_weights(*shape), self.dtype)

    def batch_blocks(self, batch, n_workers, rng):
        return batch_blocks(
            self.searched.rows(batch) if self._is_framed(batch) else batch, n_workers
        )

    def _is_framed(self, rows):
        return self.is_on_rows and isinstance(rows, np.ndarray)

    def __call__(self, x, blocks, rooms=None, map=map, memory=None):
        """`memory` is the running mean of the activations (n_components,), which small batches update and are judged by."""
        share = 1.0 if memory is None else min(1.0, count_rows(blocks) / self.window)
        rooms = rooms and [
            room.of(block.shape[0]) for room, block in zip(rooms, blocks, strict=False)
        ]
        if not self._is_framed(blocks[0]):
            w = unflatten(self.weights(x), self.n_components, self.n_features)
            value, gradient, terms = value_and_gradient(
                _remembering(self.objective, memory, share), w, blocks, rooms, map
            )
            return value, self.searched.gradient(gradient), terms
        We, be, Wd, bd = unflatten(x, self.n_components, self.n_features)
        code_mean = self.frame.code_mean
        bd = (bd - self.mean_output).astype(bd.dtype, copy=False) - code_mean * column_sum(Wd)
        w = Weights(We, be, Wd, bd)
        value, gradient, terms = value_and_gradient(
            _remembering(self.of_framed, memory, share), w, blocks, rooms, map
        )
        g = unflatten(gradient, self.n_components, self.n_features)
        g.Wd[...] -= code_mean * g.bd
        return value, gradient, terms


def _remembering(objective, memory, share):
    """The objective of a mini-batch, whose penalty sees the running mean if the batch is small."""
    return (
        objective
        if share == 1
        else objective._replace(penalty=OfRunningMean(objective.penalty, memory, share))
    )


class OnePassProblem(JointProblem):
    """The same, reading the rows once in an evaluation: for rows that are not in memory. See `_one_pass`."""

    def __call__(self, x, blocks, rooms=None, map=map):
        w = unflatten(self.weights(x), self.n_components, self.n_features)
        value, gradient, terms = value_and_gradient_in_one_pass(self.objective, w, blocks, map)
        return value, self.searched.gradient(gradient), terms


class CentredProblem:
    """A form of the problem for rows less `origin` (n_features,), as the problem for the rows.

    With squared error and an identity decoder alone.
    """

    def __init__(self, of_centred_rows, origin):
        self.form, self.origin = of_centred_rows, origin
        self.objective, self.dtype, self.terms = (
            self.form.objective,
            self.form.dtype,
            self.form.terms,
        )
        self.n_components, self.n_features = self.form.n_components, self.form.n_features
        self.evaluate, self.loss_scale = self.form.evaluate, self.form.loss_scale

    def first(self, raw_output, sparsity_target, rng):
        return self.form.first(raw_output - self.origin, sparsity_target, rng)

    def resume(self, theta):
        return self.form.resume(self._translated(theta, of_centred, np.float64))

    def weights(self, x):
        return self._translated(self.form.weights(x), of_rows, self.dtype)

    def row_blocks(self, X):
        return centred_blocks(self.form.row_blocks(X), self.origin)

    def _translated(self, theta, by, dtype):
        w = unflatten(theta, self.n_components, self.n_features)
        return flatten(by(w, self.origin), dtype)

    def __call__(self, x, blocks, rooms=None, map=map):
        return self.form(x, blocks, rooms, map)


class EliminatedProblem:
    """The encoder's weights free, for centred and white inputs; the decoder is the best for them. See `_projection`.

    `joint` is the same problem with all weights free. `blocks` are all the rows, whose variances sum to `total_variance`: the
    decoder depends on them, so `weights` reads them.
    """

    def __init__(self, joint, blocks, total_variance):
        self.joint, self.blocks, self.total_variance = joint, blocks, total_variance
        self.objective, self.n_components, self.n_features = (
            joint.objective,
            joint.n_components,
            joint.n_features,
        )
        self.dtype, self.mean, self.terms, self.evaluate = (
            joint.dtype,
            joint.frame.input_mean,
            joint.terms,
            joint.evaluate,
        )
        self.row_blocks, self.loss_scale = joint.row_blocks, joint.loss_scale
        with block_workers(blocks) as (
            map,
            _,
        ):  # as in the fit: no bit depends on the number of BLAS threads
            self.input = input_of(blocks, joint.frame, self.n_components, map)

    def first(self, raw_output, sparsity_target, rng):
        return self.resume(
            self.joint.frame.to_user(self.joint.first(raw_output, sparsity_target, rng), np.float64)
        )

    def resume(self, theta):
        w = unflatten(np.asarray(theta, dtype=np.float64), self.n_components, self.n_features)
        with row_workers(1):  # likewise
            return np.concatenate([self.input.from_user(w.We).ravel(), w.be + w.We @ self.mean])

    def weights(self, x):
        with block_workers(self.blocks) as (map, _):  # likewise
            w = self._encoder(x)
            moments = code_moments(w, self.blocks, map=map)
            return flatten(self._with_decoder(w, moments)[0], self.dtype)

    def __call__(self, x, blocks, rooms=None, map=map):
        w, code = self._encoder(x), rooms and [room.code for room in rooms]
        moments = code_moments(w, blocks, code, map)
        w, explained = self._with_decoder(w, moments)
        value, gradient, terms = value_and_encoder_gradient(
            self.objective, w, blocks, code, moments, explained, self.total_variance, map
        )
        g_We, g_be = self._split(gradient)
        g_We[...] = self.input.gradient(
            subtract_outer(g_We, g_be, self.mean).astype(self.dtype, copy=False)
        )
        return value, gradient, terms

    def _split(self, x):
        """The encoder's weights and biases in a flat vector."""
        n = self.n_components * self.n_features
        return x[:n].reshape(self.n_components, self.n_features), x[n:]

    def _encoder(self, x):
        We, be = self._split(x)
        We = self.input.to_user(We.astype(self.dtype, copy=False))
        return Weights(We, (be - We @ self.mean).astype(self.dtype), None, None)

    def _with_decoder(self, w, moments):
        n_rows, mean = count_rows(self.blocks), self.mean
        Wd, bd, explained = best_decoder(moments, n_rows, mean, self.objective.decoder_alpha)
        return Weights(
            w.We, w.be, Wd.astype(self.dtype, copy=False), bd.astype(self.dtype)
        ), explained
