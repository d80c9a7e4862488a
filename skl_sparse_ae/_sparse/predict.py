"""What a trained network does to rows, block by block: codes, reconstructions, errors.

Results have the dtype of the rows. Weights of another dtype are rounded to it after all changes.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._estimator.diagnostics import largest, overflow
from skl_sparse_ae._nn.activations import Activation, Logistic
from skl_sparse_ae._nn.losses import Loss
from skl_sparse_ae._nn.origin import origin_of_weights
from skl_sparse_ae._rows.blocks import BLOCK_BYTES
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._sparse.objective import decode, encode, losses_of, summarize
from skl_sparse_ae._sparse.sparse_products import are_faster, blocks_for, errors_of_columns
from skl_sparse_ae._sparse.weights import Weights, of_centred

ENCODING_BYTES = 2 * BLOCK_BYTES  # encoding has no temporaries, and larger products run faster
MIN_SCORE = float(np.finfo(np.float64).min)  # finite, so that a search can sort by it


class Network(NamedTuple):
    """A trained network, and the loss that it was trained on."""

    weights: Weights
    loss: type[Loss]
    activation: type[Activation] = Logistic

    def astype(self, dtype):
        """The same with weights in `dtype`."""
        parts = (part.astype(dtype, copy=False) for part in self.weights)
        return self._replace(weights=Weights(*parts))


def centred(network, blocks):
    """``(network, blocks)``, for rows minus an origin if products need one, in the rows' dtype.

    Only a quadratic loss allows it: the decoder's biases are then in the unit of the rows, and show
    where the rows are.
    """
    w, origin = network.weights, None
    if network.loss.is_quadratic:
        origin = origin_of_weights(w.We, w.be, w.bd, blocks.dtype)
    network = network._replace(weights=of_centred(w, origin)).astype(blocks.dtype)
    return network, blocks.centred(origin)


def summarize_rows(objective, w, rows):
    """`objective.summarize` of `Rows`, for weights in their units."""
    network, blocks = Network(w, objective.loss), blocks_for(objective.loss, rows, len(w.be))
    network, blocks = centred(network, blocks)
    with blocks.workers():
        return summarize(objective, network.weights, blocks)


def code_of(network, rows):
    """The code of every row (n_rows, n_components)."""
    n_components = len(network.weights.be)
    network, blocks = centred(network, rows.blocks(n_components, ENCODING_BYTES))
    code = np.empty((rows.shape[0], n_components), dtype=rows.dtype)
    return blocks.fill(partial(_encode, network), code)


def rows_of(network, A):
    """The rows that codes A (n_rows, n_components) decode to, by weights in the dtype of A."""
    X_hat = network.loss.output(decode(network.weights, A))
    if not np.isfinite(X_hat).all():
        low, high = network.activation.bounds
        raise ValueError(
            f"The reconstruction overflows: the code has values up to {largest(A)} and the "
            f"decoder weights up to {largest(network.weights.Wd)}. Codes returned by `transform` "
            f"are between {low:g} and {high:g}."
        )
    return X_hat


def reconstructions(network, rows):
    """Yield X_hat for each block of rows."""
    decoder = network.astype(rows.dtype)
    encoder, blocks = centred(network, rows.blocks(len(network.weights.be)))
    for code in blocks.map(partial(_encode, encoder)):
        yield rows_of(decoder, code)


def losses_of_rows(network, rows):
    """The reconstruction loss of every row (n_rows,): mean over features, float64."""
    return _for_rows(_losses, network, rows)


def excess_of_rows(network, rows):
    """`losses_of_rows` minus the loss of a perfect reconstruction of each row."""
    return _for_rows(_excess, network, rows)


def _for_rows(function, network, rows):
    blocks = blocks_for(network.loss, rows, len(network.weights.be))
    network, blocks = centred(network, blocks)
    losses = list(blocks.map(partial(function, network)))
    if not all(np.isfinite(of_block).all() for of_block in losses):
        raise overflow("losses overflow", rows)
    return np.concatenate(losses)


def explained_variance(network, rows):
    """Variance-weighted R2: ``1 - sum of squared errors / sum of squares about the column means``.

    Equals ``r2_score(X, X_hat, multioutput="variance_weighted")`` without storing X_hat. Constant
    columns have no variance to explain and are ignored. If all columns are constant, the score
    is 0.
    """
    errors, variance = errors_of_columns_and_variance(network, rows)
    varies = variance != 0
    error, total = errors[varies].sum(), variance[varies].sum()
    if not np.isfinite([error, total]).all():
        raise overflow("squared errors overflow", rows)
    return max(1 - float(error / total), MIN_SCORE) if total else 0.0


def errors_of_columns_and_variance(network, rows):
    """Mean squared error and variance of each column, both (n_features,) float64."""
    blocks = blocks_for(network.loss, rows, len(network.weights.be))
    with blocks.workers():
        _, variance = column_moments(blocks)
    network, blocks = centred(network, blocks)
    with blocks.workers():
        return blocks.sum(partial(_square_errors, network)) / rows.shape[0], variance


def _losses(network, X):
    return losses_of(network.loss, network.weights, X, _encode(network, X))


def _excess(network, X):
    if are_faster(network.loss, X, len(network.weights.be)):
        return _losses(network, X)
    return network.loss.excess(decode(network.weights, _encode(network, X)), dense(X))


def _square_errors(network, X):
    """Sums over the rows of a block (n_features,)."""
    A = _encode(network, X)
    if are_faster(network.loss, X, A.shape[1]):
        return errors_of_columns(network.weights, X, A)
    errors = np.subtract(rows_of(network, A), dense(X), dtype=np.float64)
    return np.einsum("ij,ij->j", errors, errors)


def _encode(network, X, out=None):
    A = encode(network.activation, network.weights, X, out)
    if np.isnan(A.sum()):  # bounded activations add up to NaN only if one of them is NaN
        cause = f" and the encoder weights up to {largest(network.weights.We)}"
        raise overflow("pre-activations overflow", X, cause)
    return A
