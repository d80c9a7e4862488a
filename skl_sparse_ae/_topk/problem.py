"""The TopK problem for Adam: see `_solvers.problem`."""

from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._rows.blocks import BatchBlocks
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._topk.codes import Selection, threshold_for
from skl_sparse_ae._topk.frame import TopKFrame
from skl_sparse_ae._topk.initial import initial_atoms, normalize, norms
from skl_sparse_ae._topk.objective import (
    Shape,
    Terms,
    backpropagate,
    decode,
    pre_activations,
    unflatten,
)
from skl_sparse_ae._topk.predict import TrainedModel, exact_threshold, summarize

# The running threshold is the mean over all batches so far, and later over about this many.
BATCHES_OF_THRESHOLD = 10
# Values above this share of the running threshold are partitioned first: they are few.
SHARE_OF_THRESHOLD = 0.8
# A unit is dead if no row used it while all rows were visited once, or this many of them.
MAX_ROWS_TO_WAIT = 2**17
MIN_BATCHES_TO_WAIT = 10
SAMPLED = 1024  # rows from which the first scale of the encoder and threshold are computed


class TopKSpec(NamedTuple):
    """What is minimised, in which frame, by a network of which sizes."""

    selection: Selection
    frame: TopKFrame
    shape: Shape
    dtype: np.dtype  # of the weights
    algorithm: str  # by which codes are computed in use
    nested: tuple[int, ...] = ()  # numbers of units in the prefixes that reconstruct on their own

    def model(self, weights):
        """The `TrainedModel` of flat weights."""
        w = unflatten(weights, self.shape)
        return TrainedModel(w, self.selection.n_nonzero, self.algorithm)

    def calibrated(self, weights, rows):
        """Flat weights with the exact threshold for these rows: see `exact_threshold`."""
        out = weights.copy()
        unflatten(out, self.shape).threshold[...] = exact_threshold(self.model(weights), rows)
        return out

    def summarize(self, weights, rows):
        """The `Summary` of flat weights at all rows, whose codes are those of `transform`."""
        return summarize(self.model(weights), rows, self.nested)


class StandardizedBatch(NamedTuple):
    """Dense rows of a mini-batch as the network in the frame sees them, in blocks."""

    blocks: BatchBlocks

    @property
    def n_rows(self):
        return self.blocks.n_rows


class TopKProblem:
    """All weights free but for the norm of the atoms: a `Stochastic` problem.

    Its memory is the `threshold` (1,) of the last batch, and for each unit the number of rows since
    it was last active, `idle` (n_components,).
    """

    terms = Terms

    def __init__(self, spec, moments, rows):
        self.spec, self._rows = spec, rows
        self._rows_to_wait = min(moments.n_rows, MAX_ROWS_TO_WAIT)

    @property
    def gradient_scale(self):
        """J is a mean over features, and a weight moves the reconstruction of about one."""
        return 1 / self.spec.shape.n_features

    @property
    def step_scales(self):
        return ()

    @property
    def flops_per_row(self):
        return self.spec.shape.n_features * self.spec.shape.n_components

    def initial_params(self, rng):
        """The `initial_atoms`, and an encoder that is their transpose.

        The encoder has the scale with which the code reconstructs the rows best.
        """
        shape, selection = self.spec.shape, self.spec.selection
        params = np.zeros(shape.n_weights)
        w = unflatten(params, shape)
        rows = self._sample(shape.n_components + SAMPLED, rng)
        sources = rows[: shape.n_components]
        w.Wd[...] = initial_atoms(sources, shape.n_components, selection.n_nonzero, rng)
        w.We[...] = w.Wd
        X = rows[-SAMPLED:]
        Z = pre_activations(w, X)
        w.threshold[...] = self._threshold([Z], 0.0)
        A = selection.code(Z, w.threshold[0])
        X_hat = decode(w, A)
        square = np.vdot(X_hat, X_hat)
        scale = np.vdot(X_hat, X) / square if square else 1.0
        w.We[...] *= scale
        w.threshold[...] *= scale
        return params

    def _sample(self, n_rows, rng):
        """Up to `n_rows` random rows as the network in the frame sees them, float64."""
        batches = self._rows.batches(n_rows, rng)
        parts = [dense(batch).astype(np.float64) for batch in islice(batches, 2)]
        return self.spec.frame.standardized(np.concatenate(parts)[:n_rows])

    def params_from(self, weights):
        return self.spec.frame.from_user(weights, self.spec.shape)

    def to_weights(self, params):
        weights = self.spec.frame.to_user(params, self.spec.shape)
        return weights.astype(self.spec.dtype, copy=False)

    def batch(self, rows, executor, rng):
        X = self.spec.frame.standardized(dense(rows))
        return StandardizedBatch(BatchBlocks(X, executor))

    def value_and_gradient(self, params, batch, memory):
        """See `Stochastic`. The value is in the squared unit of X, the gradient in the frame's."""
        shape, selection = self.spec.shape, self.spec.selection
        w = unflatten(params, shape)
        Z = list(batch.blocks.map(partial(pre_activations, w)))
        threshold = self._threshold(Z, float(w.threshold[0]))
        codes = [selection.code(z, threshold) for z in Z]
        scale = 1 / (batch.n_rows * shape.n_features)
        buffers = batch.blocks.gradient_buffers(shape.n_weights)
        backward = partial(backpropagate, w, shape, scale, nested=self.spec.nested)
        error, n_uses, gradient = batch.blocks.sum(backward, codes, buffers, dtype=None)
        memory["threshold"][...] = threshold
        memory["idle"] += batch.n_rows
        memory["idle"][n_uses > 0] = 0
        value = error * scale * self.spec.frame.input_scale**2
        return value, gradient, Terms(value)

    def _threshold(self, Z, running):
        """The threshold that `n_nonzero` values a row exceed on average; `running` is a guess."""
        count = self.spec.selection.n_nonzero * sum(map(len, Z))
        for guess in (max(SHARE_OF_THRESHOLD * running, 0.0), 0.0):
            values = np.concatenate([z[z > z.dtype.type(guess)] for z in Z])
            if len(values) > count:
                break
        return threshold_for(values, count)

    def after_step(self, state, batch):
        """Atoms of norm 1, the running threshold, and new units in the place of dead ones.

        While the learning rate falls no unit is replaced: it would have no time to learn.
        """
        w = unflatten(state.params, self.spec.shape)
        normalize(w.Wd)
        rate = max(1 / state.n_steps, 1 / BATCHES_OF_THRESHOLD)
        w.threshold[...] += rate * (state.memory["threshold"] - w.threshold)
        if state.learning_rate.is_falling(state.n_steps):
            return state
        idle = state.memory["idle"]
        is_dead = idle >= max(self._rows_to_wait, MIN_BATCHES_TO_WAIT * batch.n_rows)
        dead = np.flatnonzero(is_dead)[: batch.n_rows]
        if len(dead):
            usual = dead if is_dead.all() else ~is_dead
            self._replace(state, dead, usual, np.concatenate(list(batch.blocks.rows)))
            idle[dead] = 0
        return state

    def _replace(self, state, dead, usual, X):
        """Give dead units the directions of the residuals of some rows of a batch X.

        Their encoder weights have the mean norm of the `usual` units. With a fifth of it, as
        resampling elsewhere has it, new units stay below the threshold and die again.

        Their first moments are 0, and their second moments the means of the `usual` units. With
        second moments of 0, Adam's first steps would be large however small the gradient, and kill
        many units again.
        """
        w = unflatten(state.params, self.spec.shape)
        A = self.spec.selection.code(pre_activations(w, X[: len(dead)]), float(w.threshold[0]))
        left = X[: len(dead)] - decode(w, A)
        is_left = left.any(axis=1)
        dead, atoms = dead[is_left], normalize(left[is_left])
        norm = float(norms(w.We[usual]).mean()) or 1.0
        w.We[dead], w.Wd[dead] = norm * atoms, atoms
        w.be[dead] = self._bias_of_usual_use(w, X @ w.We[dead].T)
        first = unflatten(state.first_moment, self.spec.shape)
        second = unflatten(state.second_moment, self.spec.shape)
        for m, v in ((first.We, second.We), (first.be, second.be), (first.Wd, second.Wd)):
            m[dead], v[dead] = 0, v[usual].mean(axis=0)

    def _bias_of_usual_use(self, w, products):
        """The biases with which new units are active on as many rows as the average unit.

        With a bias of 0, a direction that many rows share is active on all of them: the error
        jumps, and other units die.
        """
        share = self.spec.selection.n_nonzero / len(w.be)
        least = np.quantile(products, max(1 - share, 0.5), axis=0)
        return np.minimum(0, w.threshold[0] - least)
