"""Dense layers, forward beside backward: what a stack of them makes of rows, and the gradient of that.

A stack is a list of `Layer`. Between its layers there is an activation, which is one of `ACTIVATIONS`; its output is raw. All
coefficients and intercepts of several stacks are views into one flat vector: layer after layer, each coef, intercept,
row-major. `coef` has one column an output, as in scikit-learn's networks, so a layer is ``A @ coef + intercept``.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._nn.activations import RECTIFIERS
from skl_sparse_ae._rows.products import times


class Layer(NamedTuple):
    """``A @ coef + intercept``."""

    coef: np.ndarray  # (n_inputs, n_outputs)
    intercept: np.ndarray  # (n_outputs,)


def count_weights(sizes):
    """Of the stack that turns ``sizes[0]`` inputs into ``sizes[-1]`` outputs."""
    return sum((n_inputs + 1) * n_outputs for n_inputs, n_outputs in pairwise(sizes))


def stack(theta, sizes):
    """The layers whose coefficients are the first of theta: views into it."""
    layers, start = [], 0
    for n_inputs, n_outputs in pairwise(sizes):
        middle = start + n_inputs * n_outputs
        end = middle + n_outputs
        layers.append(Layer(theta[start:middle].reshape(n_inputs, n_outputs), theta[middle:end]))
        start = end
    return layers


def forward(layers, activation, A):
    """``[A, A1, ..., raw]``: the input (which may be sparse), the outputs of the hidden layers and the last one's, raw."""
    outputs = [A]
    for layer in layers:
        Z = times(outputs[-1], layer.coef.T)
        Z += layer.intercept
        outputs.append(activation.forward(Z) if layer is not layers[-1] else Z)
    return outputs


def backward(layers, activation, outputs, d_raw, gradients):
    """Write the gradient to `layers` into `gradients`, of their shapes, given that to the raw output (n_rows, n_outputs).

    `outputs` are those of `forward`. Return the gradient to ``A @ coef + intercept`` of the first layer: who needs that to
    the stack's input multiplies it by ``coef.T``, a product that a network's first layer can do without.
    """
    d_Z = d_raw
    for i in reversed(range(len(layers))):
        np.matmul(outputs[i].T, d_Z, out=gradients[i].coef)
        np.matmul(
            np.ones(len(d_Z), dtype=d_Z.dtype), d_Z, out=gradients[i].intercept
        )  # faster than sum, see `column_sum`
        if i:
            d_Z = activation.backward(d_Z @ layers[i].coef.T, outputs[i])
    return d_Z


def initialize(layers, activation, rng):
    """Fill the layers: zero intercepts, and weights that keep the variance of what passes, forward and backward.

    The last layer's, and all but rectifiers': X. Glorot & Y. Bengio (2010), eq. 16. Rectifiers': K. He et al. (2015), eq. 10.
    """
    for layer in layers:
        n_inputs, n_outputs = layer.coef.shape
        is_rectified = activation in RECTIFIERS and layer is not layers[-1]
        limit = np.sqrt(6 / n_inputs if is_rectified else 6 / (n_inputs + n_outputs))
        layer.coef[...] = rng.uniform(-limit, limit, layer.coef.shape)
        layer.intercept[...] = 0
