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

from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import get_blas_funcs

from skl_sparse_ae._activations import is_saturated, log_mean_gradient, sigmoid, tails
from skl_sparse_ae._blocks import Room, sum_over
from skl_sparse_ae._gram import errors_of_rows, is_worthwhile, through_decoder
from skl_sparse_ae._rows import dense, empty, times, transposed_times
from skl_sparse_ae._weights import n_weights, unflatten, written_to

# The workers of a mini-batch: their gradients are added in its own precision, whose rounding drowns in its noise.
FEW_BLOCKS = 4
NONE = np.arange(0)  # no unit


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


class Coupling(NamedTuple):
    """Gradient of the penalty to the pre-activations of whichever rows.

    ``plain_j * a_ij (1 - a_ij)`` for most units. The `saturated` few (indices) have ``plain_j = 0`` and go through the
    logarithm of their mean instead.
    """

    plain: np.ndarray  # (k,) in the dtype of X
    saturated: np.ndarray  # (n_saturated,)
    tails: Any  # of the saturated units, over all rows
    slope_on: np.ndarray  # (n_saturated,)
    slope_off: np.ndarray  # (n_saturated,)


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
    gradient = np.empty(n_weights(*w.We.shape), dtype=X.dtype) if room.gradient is None else room.gradient
    g = unflatten(gradient, *w.We.shape)
    by_products = is_worthwhile(loss, X, len(w.be))
    value, d_A = through_decoder(w, X, A, scale, g) if by_products else _through_residual(w, X, A, room, loss, scale, g)
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
    code, sums = zip(*map(partial(_encode_and_sum, w), blocks, [room.code for room in rooms]), strict=True)  # pass 1
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
    return (objective.encoder_alpha * encoder + objective.decoder_alpha * decoder) / (2 * w.We.shape[1])


def add_weight_decay(objective, w, g):
    n_features = w.We.shape[1]
    add_multiple(g.We, objective.encoder_alpha / n_features, w.We)
    add_multiple(g.Wd, objective.decoder_alpha / n_features, w.Wd)


def add_multiple(Y, factor, X):
    """``Y += factor * X`` in one pass, for contiguous arrays, Y in the wider dtype: twice as fast, and no temporary."""
    written_to(Y, get_blas_funcs("axpy", (X, Y))(X.ravel(), Y.ravel(), a=factor).reshape(Y.shape))


def couple(penalty, w, blocks, mean, map):
    """The penalty's value at these mean activations (k,), and its `Coupling` to every row they are the mean of."""
    n_rows, dtype = count_rows(blocks), w.We.dtype
    odd = is_saturated(mean, dtype)
    if odd.any():
        return _couple_saturated(penalty, w, blocks, mean, odd, map)
    value, slope_on, slope_off = penalty(np.log(mean), np.log1p(-mean))
    return value, Coupling(_plain(slope_on, slope_off, mean, n_rows).astype(dtype), NONE, None, NONE, NONE)


def _couple_saturated(penalty, w, blocks, mean, odd, map):
    n_rows, saturated, safe = count_rows(blocks), np.flatnonzero(odd), np.where(odd, 0.5, mean)
    log_on, log_off = np.log(safe), np.log1p(-safe)
    all_rows = sum_over(partial(_saturated_tails, w, saturated), blocks, map=map)
    log_on[saturated], log_off[saturated] = all_rows.log_means(n_rows)
    value, slope_on, slope_off = penalty(log_on, log_off)
    plain = np.where(odd, 0, _plain(slope_on, slope_off, safe, n_rows)).astype(w.We.dtype)
    return value, Coupling(plain, saturated, all_rows, slope_on[saturated], slope_off[saturated])


def _plain(slope_on, slope_off, mean, n_rows):
    """Slopes to the logarithms of a mean and of its complement as one to each activation's share of the mean."""
    return (slope_on / mean - slope_off / (1 - mean)) / n_rows


def _pre_activations(w, units, X):
    return times(X, w.We[units]) + w.be[units]


def _saturated_tails(w, units, X):
    return tails(_pre_activations(w, units, X))


def saturated_gradient(w, X, coupling):
    """Gradient of the coupling of the saturated units to their pre-activations (n_rows, n_saturated), float64."""
    Z = _pre_activations(w, coupling.saturated, X)
    return log_mean_gradient(Z, coupling.tails, coupling.slope_on, coupling.slope_off)


def _forward(w, loss, X):
    """Sums over the rows of a block: the loss (mean over features), the code, its square."""
    A = encode(w, X)
    return losses_of(loss, w, X, A).sum(), column_sum(A), column_sum(A * A)


def column_sum(A):
    """Sum over the rows of a block, by BLAS: three to seven times faster than `sum`, and exact enough for so few rows."""
    return _ones(len(A), A.dtype) @ A


@lru_cache(maxsize=16)
def _ones(n, dtype):
    """Of a block or a mini-batch: making them anew takes as long as adding up the rows of a small one."""
    ones = np.ones(n, dtype=dtype)
    ones.flags.writeable = False
    return ones


def mean_of(sums, n_rows):
    """Of the blocks' sums (k,), added in order and in float64."""
    return sum(total.astype(np.float64) for total in sums) / n_rows


def count_rows(blocks):
    return sum(X.shape[0] for X in blocks)


def _total(parts):
    """Sums of the blocks' losses and gradients, in the latter's own precision."""
    parts = iter(parts)
    loss, gradient = next(parts)
    for other_loss, other_gradient in parts:
        loss += other_loss
        gradient += other_gradient
    return loss, gradient
