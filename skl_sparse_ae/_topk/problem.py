"""The TopK problem for Adam: see `_solvers.problem`."""

from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._rows.blocks import BatchBlocks
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._topk.codes import Selection, threshold_for
from skl_sparse_ae._topk.frame import TopKFrame
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
        """Atoms in the directions of random rows, and an encoder that is their transpose.

        Atoms from rows leave fewer units unused than random directions do. The encoder has the
        scale with which the code reconstructs the rows best.
        """
        shape, selection = self.spec.shape, self.spec.selection
        params = np.zeros(shape.n_weights)
        w = unflatten(params, shape)
        rows = self._sample(shape.n_components + SAMPLED, rng)
        w.Wd[...] = atoms_from(rows[: shape.n_components], shape.n_components, rng)
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
        error, n_uses, gradient = batch.blocks.sum(
            partial(backpropagate, w, shape, scale, nested=self.spec.nested), codes, dtype=None
        )
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
        """Atoms of norm 1, the running threshold, and new units in the place of dead ones."""
        w = unflatten(state.params, self.spec.shape)
        normalize(w.Wd)
        rate = max(1 / state.n_steps, 1 / BATCHES_OF_THRESHOLD)
        w.threshold[...] += rate * (state.memory["threshold"] - w.threshold)
        idle = state.memory["idle"]
        rows_to_wait = max(self._rows_to_wait, MIN_BATCHES_TO_WAIT * batch.n_rows)
        dead = np.flatnonzero(idle >= rows_to_wait)[: batch.n_rows]
        if len(dead):
            self._replace(state, dead, batch)
            idle[dead] = 0
        return state

    def _replace(self, state, dead, batch):
        """Give dead units the directions of what is left of rows of this batch, which is random.

        Their encoder weights have the mean norm of all. With a fifth of it, as resampling elsewhere
        has it, new units stay below the threshold and die again: on patches of an image 43 of 512
        units were dead after 40 epochs, with the full norm 1, at a seventh less error.
        """
        shape, w = self.spec.shape, unflatten(state.params, self.spec.shape)
        X = np.concatenate([block[: len(dead)] for block in batch.blocks.rows])[: len(dead)]
        A = self.spec.selection.code(pre_activations(w, X), float(w.threshold[0]))
        left = X - decode(w, A)
        dead = dead[: len(left)]
        norm = np.linalg.norm(w.We, axis=1).mean()
        w.Wd[dead] = normalize(left)  # in place
        w.We[dead] = norm * left
        w.be[dead] = 0
        for moment in (state.first_moment, state.second_moment):
            m = unflatten(moment, shape)
            m.Wd[dead], m.We[dead], m.be[dead] = 0, 0, 0


def atoms_from(rows, n_atoms, rng):
    """Unit vectors (n_atoms, n_features): directions of the rows, and of their random mixtures."""
    atoms = rows
    if len(rows) < n_atoms:
        mixtures = rng.standard_normal((n_atoms - len(rows), len(rows))) @ rows
        atoms = np.concatenate([rows, mixtures])
    is_zero = ~atoms.any(axis=1)
    atoms = np.where(is_zero[:, np.newaxis], rng.standard_normal(atoms.shape), atoms)
    return normalize(atoms)


def normalize(atoms):
    """The atoms with norm 1, in place; those of norm 0 keep it."""
    norms = np.sqrt(np.einsum("jd,jd->j", atoms, atoms))
    atoms /= np.where(norms > 0, norms, 1)[:, np.newaxis]
    return atoms
