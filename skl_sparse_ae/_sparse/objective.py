"""The objective of the sparse autoencoder, its parts and its gradient.

    A      = sigmoid(X @ We.T + be)                      the code
    X_hat  = g(A @ Wd + bd)                              the reconstruction

    J = R(X, X_hat)  +  sparsity_weight * sum_j KL(rho || rho_hat_j)
                     +  (encoder_alpha * ||We||^2 + decoder_alpha * ||Wd||^2) / (2 d)

| here    | shape        | is                                          | public name                                 |
|---------|--------------|---------------------------------------------|---------------------------------------------|
| X       | (n, d)       | rows                                        |                                             |
| We, be  | (k, d), (k,) | encoder                                     | `components_`, `intercept_`                 |
| Wd, bd  | (k, d), (d,) | decoder                                     | `decoder_components_`, `decoder_intercept_` |
| A       | (n, k)       | code                                        | `transform(X)`                              |
| g       |              | decoder activation                          | `decoder_activation`                        |
| R       | scalar       | loss, mean over rows AND features           | `loss`                                      |
| rho     | scalar       | target                                      | `sparsity_target`                           |
| rho_hat | (k,)         | mean of A over rows; KL is summed over units | `mean_activations_`                         |

Weight decay is divided by the number of features d, never by that of rows; biases have none.

The rows meet in one place only, the mean activations. So everything is built around `backpropagate` for one block of rows,
which is told by its `Coupling` what the penalty asks of each unit; `value_and_gradient` is the policy that gets the
coupling from the mean over all the blocks it is given: two passes over X, the code kept in between. A mini-batch is
one block. Sums over rows are added block by block, in order and in float64, and divided once.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import add_multiple, column_sum
from skl_sparse_ae._arrays.workspace import empty
from skl_sparse_ae._nn.activations import sigmoid
from skl_sparse_ae._nn.coupling import couple, saturated_gradient
from skl_sparse_ae._rows.blocks import Room, count_rows
from skl_sparse_ae._rows.products import dense, times, transposed_times
from skl_sparse_ae._rows.sums import sum_over
from skl_sparse_ae._sparse.sparse_products import errors_of_rows, is_worthwhile, through_decoder
from skl_sparse_ae._sparse.weights import n_weights, unflatten

# The workers of a mini-batch: their gradients are added in its own precision, whose rounding drowns in its noise.
FEW_BLOCKS = 4


class Objective(NamedTuple):
    """What is minimised: a loss of `_losses`, a penalty of `_penalties`, and the two weight decays."""

    loss: Any
    penalty: Any
    encoder_alpha: float
    decoder_alpha: float


class Terms(NamedTuple):
    """The three terms of J."""

    reconstruction: float
    sparsity: float
    weight_decay: float


def encode(w, X, out=None):
    """The code A of some rows."""
    Z = times(X, w.We, out)
    Z += w.be
    return sigmoid(Z)


def _encode_and_sum(w, X, out):
    A = encode(w, X, out)
    return A, column_sum(A)


def decode(w, A, out=None):
    """The decoder's raw output for some codes; `loss.output` makes the reconstruction of it."""
    raw = np.matmul(A, w.Wd, out=empty((len(A), len(w.bd)), A.dtype) if out is None else out)
    raw += w.bd
    return raw


def backpropagate(w, X, A, room, coupling, loss, scale):
    """Loss of one block of rows, summed over rows and features, and gradient of `scale` times that and of the coupling.

    Overwrites A. What `room` has is used.
    """
    gradient = (
        np.empty(n_weights(*w.We.shape), dtype=X.dtype) if room.gradient is None else room.gradient
    )
    g = unflatten(gradient, *w.We.shape)
    by_products = is_worthwhile(loss, X, len(w.be))
    value, d_A = (
        through_decoder(w, X, A, scale, g)
        if by_products
        else _through_residual(w, X, A, room, loss, scale, g)
    )
    d_Z = to_pre_activations(w, X, A, d_A, coupling)
    transposed_times(d_Z, X, out=g.We)
    g.be[...] = column_sum(d_Z)
    return value, gradient


def _through_residual(w, X, A, room, loss, scale, g):
    """The loss of a block and its gradient to the code; that to the decoder is left in `g`."""
    value, d_raw = loss.backward(decode(w, A, room.raw), dense(X), scale)
    np.matmul(A.T, d_raw, out=g.Wd)
    g.bd[...] = column_sum(d_raw)
    return value, times(d_raw, w.Wd, room.d_code)


def losses_of(loss, w, X, A):
    """The reconstruction loss (n_rows,) of rows with code A: mean over features, float64."""
    if is_worthwhile(loss, X, len(w.be)):
        return errors_of_rows(w, X, A) / X.shape[1]
    return loss.per_row(decode(w, A), dense(X))


def to_pre_activations(w, X, A, d_A, coupling):
    """Turn the gradient of the loss to the code into that of loss and coupling to the pre-activations, in place.

    Overwrites A.
    """
    d_A += coupling.plain
    d_A *= A
    d_A *= np.subtract(1, A, out=A)
    if len(coupling.saturated):
        d_A[:, coupling.saturated] += saturated_gradient(w, X, coupling)
    return d_A


def value_and_gradient(objective, w, blocks, rooms=None, map=map):
    """``(J, gradient, Terms)`` over all rows of `blocks`: J a float, the gradient flat.

    `rooms` is a list of `Room`, one for each block, whose memory is used. `map` runs the blocks: the built-in one, a thread
    pool's, or any function of that signature that yields results in order. The gradient has the dtype of X for a few blocks
    and is float64 for more.
    """
    rooms = [Room()] * len(blocks) if rooms is None else rooms
    code, sums = zip(
        *map(partial(_encode_and_sum, w), blocks, [room.code for room in rooms]), strict=True
    )  # pass 1
    mean = mean_of(sums, count_rows(blocks))
    sparsity, coupling = couple(objective.penalty, w, blocks, mean, map)
    scale = 1 / (count_rows(blocks) * w.We.shape[1])
    step = partial(backpropagate, w, coupling=coupling, loss=objective.loss, scale=scale)
    if len(blocks) > FEW_BLOCKS:  # in float64, because float32 sums would lose digits
        loss, gradient = sum_over(step, blocks, code, rooms, map=map)  # pass 2
    else:
        loss, gradient = _total(map(step, blocks, code, rooms))
    add_weight_decay(objective, w, unflatten(gradient, *w.We.shape))
    terms = Terms(loss * scale, sparsity, weight_decay(objective, w))
    return sum(terms), gradient, terms


def evaluate(objective, w, blocks, map=map):
    """``(Terms, mean, variance)`` over all rows of `blocks`, the latter two of each code unit (k,). No gradient."""
    loss, total, squares = sum_over(partial(_forward, w, objective.loss), blocks, map=map)
    n_rows = count_rows(blocks)
    mean = total / n_rows
    sparsity, _ = couple(objective.penalty, w, blocks, mean, map)
    terms = Terms(loss / n_rows, sparsity, weight_decay(objective, w))
    return terms, mean, np.maximum(squares / n_rows - mean**2, 0)


def weight_decay(objective, w):
    """``(encoder_alpha * ||We||^2 + decoder_alpha * ||Wd||^2) / (2 d)``."""
    encoder, decoder = float(np.vdot(w.We, w.We)), float(np.vdot(w.Wd, w.Wd))
    return (objective.encoder_alpha * encoder + objective.decoder_alpha * decoder) / (
        2 * w.We.shape[1]
    )


def add_weight_decay(objective, w, g):
    n_features = w.We.shape[1]
    add_multiple(g.We, objective.encoder_alpha / n_features, w.We)
    add_multiple(g.Wd, objective.decoder_alpha / n_features, w.Wd)


def _forward(w, loss, X):
    """Sums over the rows of a block: the loss (mean over features), the code, its square."""
    A = encode(w, X)
    return losses_of(loss, w, X, A).sum(), column_sum(A), column_sum(A * A)


def mean_of(sums, n_rows):
    """Of the blocks' sums (k,), added in order and in float64."""
    return sum(total.astype(np.float64) for total in sums) / n_rows


def _total(parts):
    """Sums of the blocks' losses and gradients, in the latter's own precision."""
    parts = iter(parts)
    loss, gradient = next(parts)
    for other_loss, other_gradient in parts:
        loss += other_loss
        gradient += other_gradient
    return loss, gradient
