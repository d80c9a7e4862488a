"""The objective and its gradient from one pass over the rows, for rows that are not in memory.

The coupling follows from the mean activations, hence from all rows, so that `value_and_gradient`
reads the rows a second time to apply it. But the gradient is linear in the coupling,

    gradient(coupling) = gradient(0) + coupling_j * sum over rows of f'(z_ij) [x_i, 1]

and that sum, the sensitivity, does not need the means. Nothing of the size of the rows is kept. The
price is one more product. The gradient of a saturated unit has no such factor: while there is such
a unit, the rows are read twice.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import column_sum
from skl_sparse_ae._nn.coupling import Coupling
from skl_sparse_ae._rows.products import transposed_times
from skl_sparse_ae._sparse.objective import (
    Terms,
    add_weight_decay,
    backpropagate,
    couple_rows,
    encode,
    pre_activations,
    weight_decay,
)
from skl_sparse_ae._sparse.weights import unflatten


class Sums(NamedTuple):
    """What one block, or all of them, contribute."""

    loss: float
    code_sum: np.ndarray  # (n_components,)
    gradient: np.ndarray  # without coupling, flat
    sensitivity: np.ndarray  # (n_components, n_features)
    bias_sensitivity: np.ndarray  # (n_components,)


def value_and_gradient_in_one_pass(objective, w, blocks):
    """``(J, gradient, Terms)`` over all rows, as `value_and_gradient`; the gradient is float64."""
    scale = 1 / (blocks.n_rows * blocks.n_features)
    sums = blocks.sum(partial(_sums, objective, w, scale))
    sparsity, coupling = couple_rows(objective, w, blocks, sums.code_sum)
    g = unflatten(sums.gradient, *w.We.shape)
    g.We[...] += coupling.plain[:, np.newaxis] * sums.sensitivity
    g.be[...] += coupling.plain * sums.bias_sensitivity
    if len(coupling.saturated):
        to_weights, to_biases = blocks.sum(partial(_saturated_sums, w, coupling))
        g.We[coupling.saturated] += to_weights
        g.be[coupling.saturated] += to_biases
    add_weight_decay(objective, w, g)
    terms = Terms(sums.loss * scale, sparsity, weight_decay(objective, w))
    return sum(terms), sums.gradient, terms


def _sums(objective, w, scale, X):
    A = encode(objective.activation, w, X)
    slope = objective.activation.backward(np.ones_like(A), A.copy())
    code_sum, uncoupled = column_sum(A), Coupling.none(len(w.be), X.dtype)
    loss, gradient = backpropagate(objective, w, uncoupled, scale, X, A)
    return Sums(loss, code_sum, gradient, *_to_encoder(slope, X))


def _saturated_sums(w, coupling, X):
    Z = pre_activations(w, X, coupling.saturated)
    return _to_encoder(coupling.saturated_gradient(Z).astype(X.dtype), X)


def _to_encoder(d_Z, X):
    """Sums over rows of gradients with respect to pre-activations, times the rows and times 1."""
    d_weights = np.empty((d_Z.shape[1], X.shape[1]), dtype=X.dtype)
    return transposed_times(d_Z, X, out=d_weights), column_sum(d_Z)
