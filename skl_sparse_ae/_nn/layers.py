"""Stacks of dense layers, forward beside backward.

A stack is a list of `Layer`, with an activation between its layers; its output is raw. The weights
of a stack are views into one flat vector: layer after layer, coef then intercept, row-major. As in
scikit-learn's networks, `coef` has one column per output: a layer is ``A @ coef + intercept``.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import column_sum
from skl_sparse_ae._nn.activations import RECTIFIERS
from skl_sparse_ae._rows.products import times


class Layer(NamedTuple):
    """``A @ coef + intercept``."""

    coef: np.ndarray  # (n_inputs, n_outputs)
    intercept: np.ndarray  # (n_outputs,)


def count_weights(sizes):
    """The number of weights of a stack from ``sizes[0]`` inputs to ``sizes[-1]`` outputs."""
    return sum((n_inputs + 1) * n_outputs for n_inputs, n_outputs in pairwise(sizes))


def stack(weights, sizes):
    """The layers whose weights come first in a flat vector: views into it."""
    layers, start = [], 0
    for n_inputs, n_outputs in pairwise(sizes):
        middle = start + n_inputs * n_outputs
        end = middle + n_outputs
        layers.append(
            Layer(weights[start:middle].reshape(n_inputs, n_outputs), weights[middle:end])
        )
        start = end
    return layers


def forward(layers, activation, A):
    """``[A, A1, ..., raw]``: the input, the hidden layers' outputs and the raw output of the last.

    The input may be sparse.
    """
    outputs = [A]
    for layer in layers:
        Z = times(outputs[-1], layer.coef.T)
        Z += layer.intercept
        outputs.append(activation.forward(Z) if layer is not layers[-1] else Z)
    return outputs


def backward(layers, activation, outputs, d_raw, gradients):
    """Write the gradient with respect to `layers` into `gradients`, which have their shapes.

    `outputs` are those of `forward`; hidden ones are overwritten. `d_raw` is the gradient with
    respect to the raw output (n_rows, n_outputs). Return the gradient with respect to
    ``A @ coef + intercept`` of the first layer. Callers that need the gradient with respect to the
    input multiply it by ``coef.T``; an encoder does not need that product.
    """
    d_Z = d_raw
    for i in reversed(range(len(layers))):
        np.matmul(outputs[i].T, d_Z, out=gradients[i].coef)
        gradients[i].intercept[...] = column_sum(d_Z)
        if i:
            d_Z = activation.backward(d_Z @ layers[i].coef.T, outputs[i])
    return d_Z


def initialize(layers, activation, rng):
    """Fill the layers: zero intercepts, and weights that keep the variance, forward and backward.

    Sources: X. Glorot & Y. Bengio (2010), eq. 16, for the last layer and for all activations but
    rectifiers; K. He et al. (2015), eq. 10, for rectifiers.
    """
    for layer in layers:
        n_inputs, n_outputs = layer.coef.shape
        is_rectified = activation in RECTIFIERS and layer is not layers[-1]
        limit = np.sqrt(6 / n_inputs if is_rectified else 6 / (n_inputs + n_outputs))
        layer.coef[...] = rng.uniform(-limit, limit, layer.coef.shape)
        layer.intercept[...] = 0
