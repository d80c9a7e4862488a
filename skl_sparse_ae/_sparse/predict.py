"""What given weights do to rows, block by block: codes, reconstructions, scores.

Results have the dtype of X; `w` are `Weights` of any, since rounding them to that of X comes last.
"""

from collections import deque
from functools import partial

import numpy as np

from skl_sparse_ae._nn.losses import SquaredError
from skl_sparse_ae._nn.origin import origin_of_weights
from skl_sparse_ae._rows.blocks import BLOCK_BYTES, centred_blocks, row_blocks
from skl_sparse_ae._rows.executor import block_workers, map_rows, row_workers
from skl_sparse_ae._rows.lazy import read
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._rows.sums import sum_over
from skl_sparse_ae._sparse.objective import decode, encode, evaluate, losses_of
from skl_sparse_ae._sparse.sparse_products import blocks_for, errors_of_columns, is_worthwhile
from skl_sparse_ae._sparse.weights import Weights, of_centred

ENCODING_BYTES = (
    2 * BLOCK_BYTES
)  # encoding alone has no temporaries, and larger products run faster


LOWEST_SCORE = float(
    np.finfo(np.float64).min
)  # of rows whose variance is next to nothing: a search sorts by finite scores


def centred(w, loss, blocks):
    """Weights in the dtype of the blocks, and the blocks: less an origin, if products need one.

    That takes a loss for which the decoder's biases are in the unit of the rows, and say where
    those are.
    """
    dtype = blocks[0].dtype
    origin = origin_of_weights(w.We, w.be, w.bd, dtype) if loss is SquaredError else None
    w = Weights(*(part.astype(dtype, copy=False) for part in of_centred(w, origin)))
    return w, centred_blocks(blocks, origin)


def evaluate_rows(objective, w, blocks):
    """`_objective.evaluate`, of weights in the user's frame."""
    w, blocks = centred(w, objective.loss, blocks)
    with block_workers(blocks) as (map, _):
        return evaluate(objective, w, blocks, map)


def code_of(w, loss, X):
    """The code of every row (n_rows, n_components)."""
    w, blocks = centred(w, loss, row_blocks(X, len(w.be), ENCODING_BYTES))
    code = np.empty((X.shape[0], len(w.be)), dtype=X.dtype)
    if len(blocks) == 1:  # a row or two of a service: setting up workers would be most of its time
        return _encode(w, read(blocks[0]), code)
    parts = np.split(code, np.cumsum([block.shape[0] for block in blocks])[:-1])
    with row_workers(len(blocks)) as (map, _):
        deque(map(partial(_encode, w), blocks, parts), maxlen=0)
    return code


def rows_of(w, loss, A):
    """The rows that codes A (n_rows, n_components) stand for, by weights in their dtype."""
    X_hat = loss.output(decode(w, A))
    if not np.isfinite(X_hat).all():
        raise ValueError(
            f"The reconstruction overflows: the code has values up to {_largest(A)} and the decoder weights up to "
            f"{_largest(w.Wd)}. A code that `transform` returns is between 0 and 1."
        )
    return X_hat


def reconstructions(w, loss, X):
    """Yield X_hat for each block of rows."""
    encoder, blocks = centred(w, loss, row_blocks(X, len(w.be)))
    decoder = Weights(*(part.astype(X.dtype, copy=False) for part in w))
    for code in map_rows(partial(_encode, encoder), blocks):
        yield rows_of(decoder, loss, code)


def losses_of_rows(w, loss, X):
    """The reconstruction loss of every row (n_rows,): mean over features, float64."""
    return _for_rows(_losses, w, loss, X)


def excess_of_rows(w, loss, X):
    """The same less what a perfect reconstruction of the row would cost."""
    return _for_rows(_excess, w, loss, X)


def _for_rows(function, w, loss, X):
    w, blocks = centred(w, loss, blocks_for(loss, X, len(w.be)))
    losses = list(map_rows(partial(function, w, loss), blocks))
    if not all(np.isfinite(of_block).all() for of_block in losses):
        raise _overflow("losses", X)
    return np.concatenate(losses)


def explained_variance(w, loss, X):
    """Variance-weighted R2: ``1 - sum of squared errors / sum of squared deviations from the column means``.

    Equals ``r2_score(X, X_hat, multioutput="variance_weighted")`` without holding X_hat. Columns that are constant have
    no variance to explain and weigh nothing, their own errors included; if all are, the score is 0.
    """
    errors, variance = errors_of_columns_and_variance(w, loss, X)
    varies = variance != 0
    error, total = errors[varies].sum(), variance[varies].sum()
    if not np.isfinite([error, total]).all():
        raise _overflow("squared errors", X)
    return max(1 - float(error / total), LOWEST_SCORE) if total else 0.0


def errors_of_columns_and_variance(w, loss, X):
    """Mean squared error of the reconstruction, and variance, of each column, both (n_features,) float64."""
    rows = blocks_for(loss, X, len(w.be))
    w, blocks = centred(w, loss, rows)
    with block_workers(rows) as (map, _):
        _, variance = column_moments(rows, map)
    with block_workers(blocks) as (map, _):
        return sum_over(partial(_square_errors, w, loss), blocks, map=map) / X.shape[0], variance


def _losses(w, loss, X):
    return losses_of(loss, w, X, _encode(w, X))


def _excess(w, loss, X):
    if is_worthwhile(loss, X, len(w.be)):
        return _losses(w, loss, X)
    return loss.excess(decode(w, _encode(w, X)), dense(X))


def _square_errors(w, loss, X):
    """Sums over the rows of a block (n_features,)."""
    A = _encode(w, X)
    if is_worthwhile(loss, X, len(w.be)):
        return errors_of_columns(w, X, A)
    errors = np.subtract(rows_of(w, loss, A), dense(X), dtype=np.float64)
    return np.einsum("ij,ij->j", errors, errors)


def _encode(w, X, out=None):
    A = encode(w, X, out)
    if np.isnan(A.sum()):  # codes are within [0, 1], so only a NaN makes their sum one
        raise ValueError(
            f"The pre-activations overflow: X has values up to {_largest(X)} and the encoder weights up to {_largest(w.We)}. "
            "Scale X as the rows given to fit were."
        )
    return A


def _overflow(what, X):
    return ValueError(
        f"The {what} overflow: X has values up to {_largest(X)}. Scale X as the rows given to fit were."
    )


def _largest(X):
    return f"{max(abs(float(X.min())), abs(float(X.max()))):.3g}"
