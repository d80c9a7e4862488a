"""What given weights do to rows, block by block: codes, reconstructions, scores. `w` are `Weights` in the dtype of X."""

from collections import deque
from functools import partial

import numpy as np

from skl_sparse_ae._blocks import BLOCK_BYTES, block_workers, column_moments, map_rows, row_blocks, row_workers, sum_over
from skl_sparse_ae._gram import blocks_for, errors_of_columns, is_worthwhile
from skl_sparse_ae._objective import decode, encode, losses_of
from skl_sparse_ae._rows import dense, read

ENCODING_BYTES = 2 * BLOCK_BYTES  # encoding alone has no temporaries, and larger products run faster
LOWEST_SCORE = float(np.finfo(np.float64).min)  # of rows whose variance is next to nothing: a search sorts by finite scores


def code_of(w, X):
    """The code of every row (n_rows, n_components)."""
    blocks = row_blocks(X, len(w.be), ENCODING_BYTES)
    code = np.empty((X.shape[0], len(w.be)), dtype=X.dtype)
    if len(blocks) == 1:  # a row or two of a service: setting up workers would be most of its time
        return _encode(w, read(X), code)
    parts = np.split(code, np.cumsum([block.shape[0] for block in blocks])[:-1])
    with row_workers(len(blocks)) as (map, _):
        deque(map(partial(_encode, w), blocks, parts), maxlen=0)
    return code


def rows_of(w, loss, A):
    """The rows that codes A (n_rows, n_components) stand for."""
    X_hat = loss.output(decode(w, A))
    if not np.isfinite(X_hat).all():
        raise ValueError(
            f"The reconstruction overflows: the code has values up to {_largest(A)} and the decoder weights up to "
            f"{_largest(w.Wd)}. A code that `transform` returns is between 0 and 1."
        )
    return X_hat


def reconstructions(w, loss, X):
    """Yield X_hat for each block of rows."""
    for block in map_rows(partial(_encode, w), row_blocks(X, len(w.be))):
        yield rows_of(w, loss, block)


def losses_of_rows(w, loss, X):
    """The reconstruction loss of every row (n_rows,): mean over features, float64."""
    return _for_rows(_losses, w, loss, X)


def excess_of_rows(w, loss, X):
    """The same less what a perfect reconstruction of the row would cost."""
    return _for_rows(_excess, w, loss, X)


def _for_rows(function, w, loss, X):
    losses = list(map_rows(partial(function, w, loss), blocks_for(loss, X, len(w.be))))
    if not all(np.isfinite(of_block).all() for of_block in losses):
        raise _overflow("losses", X)
    return np.concatenate(losses)


def explained_variance(w, loss, X):
    """Variance-weighted R2: ``1 - sum of squared errors / sum of squared deviations from the column means``.

    Equals ``r2_score(X, X_hat, multioutput="variance_weighted")`` without holding X_hat. Columns that are constant have
    no variance to explain and weigh nothing, their own errors included; if all are, the score is 0.
    """
    blocks = blocks_for(loss, X, len(w.be))
    with block_workers(blocks) as (map, _):
        errors = sum_over(partial(_square_errors, w, loss), blocks, map=map)
        _, variance = column_moments(blocks, map)
        varies = variance != 0
        error, total = errors[varies].sum(), X.shape[0] * variance[varies].sum()
        if not np.isfinite([error, total]).all():
            raise _overflow("squared errors", X)
        return max(1 - float(error / total), LOWEST_SCORE) if total else 0.0


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
    return ValueError(f"The {what} overflow: X has values up to {_largest(X)}. Scale X as the rows given to fit were.")


def _largest(X):
    return f"{max(abs(float(X.min())), abs(float(X.max()))):.3g}"
