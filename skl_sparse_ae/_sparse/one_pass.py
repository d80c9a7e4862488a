"""The objective and its gradient from one reading of the rows, for rows that cost more to reach than to compute with.

The coupling that the penalty asks for follows from the mean activations, hence from all rows, and `value_and_gradient` reads
the rows again to apply it. But the gradient is linear in it,

    gradient(coupling) = gradient(0) + coupling_j * sum over rows of a_ij (1 - a_ij) [x_i, 1]

and that sum, the sensitivity, needs no mean. Nothing of the size of the rows is kept; the price is one product more. A unit
saturated beyond plain arithmetic has no such factor, and takes a second reading: only while there is one.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import column_sum
from skl_sparse_ae._nn.coupling import Coupling, couple, saturated_gradient
from skl_sparse_ae._rows.blocks import Room, count_rows
from skl_sparse_ae._rows.products import transposed_times
from skl_sparse_ae._rows.sums import sum_over
from skl_sparse_ae._sparse.objective import (
    Terms,
    add_weight_decay,
    backpropagate,
    encode,
    weight_decay,
)
from skl_sparse_ae._sparse.weights import unflatten


class Sums(NamedTuple):
    """What one block, or all of them, contribute."""

    loss: float
    total: np.ndarray  # of the code, (n_components,)
    gradient: np.ndarray  # without coupling, flat
    sensitivity: np.ndarray  # (n_components, n_features)
    bias_sensitivity: np.ndarray  # (n_components,)


def value_and_gradient_in_one_pass(objective, w, blocks, map=map):
    """``(J, gradient, Terms)`` over all rows of `blocks`, as `value_and_gradient`; the gradient float64."""
    n_rows = count_rows(blocks)
    scale = 1 / (n_rows * w.We.shape[1])
    sums = sum_over(partial(_sums, w, objective.loss, scale), blocks, map=map)
    sparsity, coupling = couple(objective.penalty, w, blocks, sums.total / n_rows, map)
    g = unflatten(sums.gradient, *w.We.shape)
    g.We[...] += coupling.plain[:, np.newaxis] * sums.sensitivity
    g.be[...] += coupling.plain * sums.bias_sensitivity
    if len(coupling.saturated):
        to_weights, to_biases = sum_over(partial(_saturated_sums, w, coupling), blocks, map=map)
        g.We[coupling.saturated] += to_weights
        g.be[coupling.saturated] += to_biases
    add_weight_decay(objective, w, g)
    terms = Terms(sums.loss * scale, sparsity, weight_decay(objective, w))
    return sum(terms), sums.gradient, terms


def _sums(w, loss, scale, X):
    A = encode(w, X)
    uncoupled = Coupling(np.zeros_like(w.be), np.arange(0), None, None, None)
    total, slope = column_sum(A), A * (1 - A)
    value, gradient = backpropagate(w, X, A, Room(), uncoupled, loss, scale)
    return Sums(value, total, gradient, *_to_encoder(slope, X))


def _saturated_sums(w, coupling, X):
    return _to_encoder(saturated_gradient(w, X, coupling).astype(X.dtype), X)


def _to_encoder(d_Z, X):
    """Sums over rows of a gradient to some pre-activations times the rows, and times one."""
    return transposed_times(
        d_Z, X, out=np.empty((d_Z.shape[1], X.shape[1]), dtype=X.dtype)
    ), column_sum(d_Z)
