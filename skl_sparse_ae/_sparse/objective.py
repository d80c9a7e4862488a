"""The objective of the sparse autoencoder, its parts and its gradient.

    A      = f(X @ We.T + be)                            the code; f is the sigmoid, or another
    X_hat  = g(A @ Wd + bd)                              the reconstruction

    J = R(X, X_hat)  +  sparsity_weight * sum_j KL(rho || rho_hat_j)
                     +  (encoder_alpha * ||We||^2 + decoder_alpha * ||Wd||^2) / (2 d)

| here    | shape        | is                                | public name                       |
|---------|--------------|-----------------------------------|-----------------------------------|
| X       | (n, d)       | rows                              |                                   |
| We, be  | (k, d), (k,) | encoder                           | `components_`, `intercept_`       |
| Wd, bd  | (k, d), (d,) | decoder                           | `decoder_components_/_intercept_` |
| A       | (n, k)       | code                              | `transform(X)`                    |
| g       |              | decoder activation                | `decoder_activation`              |
| R       | scalar       | loss, mean over rows AND features | `loss`                            |
| rho     | scalar       | target                            | `sparsity_target`                 |
| rho_hat | (k,)         | mean of A over rows               | `mean_activations_`               |

KL is summed over units. Weight decay is divided by the number of features d, never by that of rows;
biases have none.

Rows interact only through the mean activations. So the gradient is assembled block by block:
`backpropagate` is given one block of rows and a `Coupling`, the penalty's gradient for each unit.
`value_and_gradient` takes the coupling from the mean over all the blocks it is given, in two passes
over X, with the code kept in between. Sums over rows are added block by block, in order and in
float64, and divided once.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import add_multiple, column_sum
from skl_sparse_ae._arrays.workspace import empty
from skl_sparse_ae._estimator.contracts import Summary
from skl_sparse_ae._nn.activations import Activation
from skl_sparse_ae._nn.coupling import couple
from skl_sparse_ae._nn.losses import Loss
from skl_sparse_ae._nn.penalties import Penalty
from skl_sparse_ae._nn.saturation import tails
from skl_sparse_ae._rows.products import dense, times, transposed_times
from skl_sparse_ae._sparse import sparse_products
from skl_sparse_ae._sparse.weights import n_weights, unflatten

# Gradients of no more blocks than this are added in their own precision: that is a mini-batch,
# whose noise is larger than the rounding.
FEW_BLOCKS = 4


class Objective(NamedTuple):
    """What is minimised."""

    loss: type[Loss]
    activation: type[Activation]
    penalty: Penalty
    encoder_alpha: float
    decoder_alpha: float
    loss_weight: float = 1.0  # 1 unless rows are in another unit than the objective


class Terms(NamedTuple):
    """The three terms of J."""

    reconstruction: float
    sparsity: float
    weight_decay: float


def encode(activation, w, X, out=None):
    """The code A of a block of rows, in `out` if given."""
    Z = times(X, w.We, out)
    Z += w.be
    return activation.forward(Z)


def pre_activations(w, X, units):
    """``X @ We.T + be`` for some code units."""
    return times(X, w.We[units]) + w.be[units]


def decode(w, A):
    """The decoder's raw output for codes A; `loss.output` turns it into the reconstruction."""
    raw = np.matmul(A, w.Wd, out=empty((len(A), len(w.bd)), A.dtype))
    raw += w.bd
    return raw


def backpropagate(objective, w, coupling, scale, X, A, gradient=None):
    """``(loss, gradient)`` of one block of rows.

    Parameters
    ----------
    objective : Objective
    w : Weights
    coupling : Coupling
    scale : float
        Factor of the loss in the gradient; the coupling is not scaled.
    X : array or CSR matrix of shape (n_rows, n_features)
    A : ndarray of shape (n_rows, n_components)
        The code, which is overwritten.
    gradient : ndarray of shape (n_weights,), optional
        Memory for the gradient.

    Returns
    -------
    loss : float
        Summed over rows and features.
    gradient : ndarray of shape (n_weights,)
        That of `scale` times the loss, plus the coupling.
    """
    if gradient is None:
        gradient = np.empty(n_weights(*w.We.shape), dtype=X.dtype)
    g = unflatten(gradient, *w.We.shape)
    scale = scale * objective.loss_weight
    if sparse_products.are_faster(objective.loss, X, len(w.be)):
        value, d_A = sparse_products.through_decoder(w, X, A, scale, g)
    else:
        value, d_raw = objective.loss.backward(decode(w, A), dense(X), scale)
        np.matmul(A.T, d_raw, out=g.Wd)
        g.bd[...] = column_sum(d_raw)
        d_A = times(d_raw, w.Wd)
    d_Z = to_pre_activations(objective.activation, w, X, A, d_A, coupling)
    transposed_times(d_Z, X, out=g.We)
    g.be[...] = column_sum(d_Z)
    return value * objective.loss_weight, gradient


def to_pre_activations(activation, w, X, A, d_A, coupling):
    """The gradient of loss and coupling with respect to the pre-activations.

    `d_A` is the gradient of the loss with respect to the code A. `A` and `d_A` are overwritten.
    """
    d_A += coupling.plain
    d_Z = activation.backward(d_A, A)
    if len(coupling.saturated):
        Z = pre_activations(w, X, coupling.saturated)
        d_Z[:, coupling.saturated] += coupling.saturated_gradient(Z)
    return d_Z


def value_and_gradient(objective, w, blocks):
    """``(J, gradient, Terms)`` over all rows of `blocks`: two passes.

    The gradient is flat. It has the dtype of X for a few blocks, and is float64 for more.
    """
    k, n_features = w.We.shape
    codes, sums = zip(
        *blocks.map(partial(_encode_and_sum, objective.activation, w), blocks.code_buffers(k)),
        strict=True,
    )
    code_sum = sum(total.astype(np.float64) for total in sums)
    sparsity, coupling = couple_rows(objective, w, blocks, code_sum)
    scale = 1 / (blocks.n_rows * n_features)
    step = partial(backpropagate, objective, w, coupling, scale)
    dtype = None if len(blocks) <= FEW_BLOCKS else np.float64
    gradients = blocks.gradient_buffers(n_weights(k, n_features))
    loss, gradient = blocks.sum(step, codes, gradients, dtype=dtype)
    add_weight_decay(objective, w, unflatten(gradient, k, n_features))
    terms = Terms(loss * scale, sparsity, weight_decay(objective, w))
    return sum(terms), gradient, terms


def _encode_and_sum(activation, w, X, out):
    A = encode(activation, w, X, out)
    return A, column_sum(A)


def couple_rows(objective, w, blocks, code_sum):
    """``(value, Coupling)`` of the penalty, given the code summed over all rows (k,), float64."""

    def tails_of(units):
        return blocks.sum(partial(_tails, w, units))

    mean, dtype = code_sum / blocks.n_rows, w.We.dtype
    return couple(objective.penalty, objective.activation, mean, blocks.n_rows, dtype, tails_of)


def _tails(w, units, X):
    return tails(pre_activations(w, X, units))


def summarize(objective, w, blocks):
    """The `Summary` over all rows, without a gradient."""
    loss, total, squares = blocks.sum(partial(_summarize_block, objective, w))
    mean = total / blocks.n_rows
    sparsity, _ = couple_rows(objective, w, blocks, total)
    terms = Terms(loss / blocks.n_rows, sparsity, weight_decay(objective, w))
    return Summary(terms, mean, np.maximum(squares / blocks.n_rows - mean**2, 0))


def _summarize_block(objective, w, X):
    """Sums over rows: the loss (mean over features), the code, its square."""
    A = encode(objective.activation, w, X)
    return losses_of(objective.loss, w, X, A).sum(), column_sum(A), column_sum(A * A)


def losses_of(loss, w, X, A):
    """The reconstruction loss (n_rows,) of rows with code A: mean over features, float64."""
    if sparse_products.are_faster(loss, X, len(w.be)):
        return sparse_products.errors_of_rows(w, X, A) / X.shape[1]
    return loss.per_row(decode(w, A), dense(X))


def weight_decay(objective, w):
    """``(encoder_alpha * ||We||^2 + decoder_alpha * ||Wd||^2) / (2 d)``."""
    encoder, decoder = float(np.vdot(w.We, w.We)), float(np.vdot(w.Wd, w.Wd))
    total = objective.encoder_alpha * encoder + objective.decoder_alpha * decoder
    return total / (2 * w.We.shape[1])


def add_weight_decay(objective, w, g):
    """Add the gradient of `weight_decay` to g, the `Weights` of a gradient."""
    n_features = w.We.shape[1]
    add_multiple(g.We, objective.encoder_alpha / n_features, w.We)
    add_multiple(g.Wd, objective.decoder_alpha / n_features, w.Wd)
