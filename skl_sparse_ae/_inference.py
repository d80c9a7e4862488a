"""What given weights do to rows, block by block: codes, reconstructions, scores. `w` are `Weights` in the dtype of X."""

import numpy as np

from skl_sparse_ae._blocks import row_blocks
from skl_sparse_ae._objective import decode, encode


def code_of(w, X):
    """The code of every row (n_rows, n_components)."""
    code = np.empty((len(X), len(w.be)), dtype=X.dtype)
    start = 0
    for block in row_blocks(X, len(w.be)):
        _encode(w, block, out=code[start : start + len(block)])
        start += len(block)
    return code


def reconstructions(w, loss, X):
    """Yield ``(rows, X_hat)`` for each block of rows."""
    for block in row_blocks(X, len(w.be)):
        yield block, loss.output(decode(w, _encode(w, block)))


def losses_of_rows(w, loss, X):
    """The reconstruction loss of every row (n_rows,): mean over features, float64."""
    return np.concatenate([loss.per_row(decode(w, _encode(w, block)), block) for block in row_blocks(X, len(w.be))])


def explained_variance(w, loss, X):
    """Variance-weighted R2: ``1 - sum of squared errors / sum of squared deviations from the column means``.

    Equals ``r2_score(X, X_hat, multioutput="variance_weighted")`` without holding X_hat. Columns that are constant have
    no variance to explain and weigh nothing, their own errors included; if all are, the score is 0.
    """
    mean = X.mean(axis=0, dtype=np.float64)
    errors, deviations = 0.0, 0.0
    for block, X_hat in reconstructions(w, loss, X):
        errors = errors + np.square(np.subtract(X_hat, block, dtype=np.float64)).sum(axis=0)
        deviations = deviations + np.square(block - mean).sum(axis=0)
    varies = X.max(axis=0) > X.min(axis=0)  # rounding leaves constant columns a deviation, if a tiny one
    return 1 - float(errors[varies].sum() / deviations[varies].sum()) if varies.any() else 0.0


def _encode(w, X, out=None):
    A = encode(w, X, out)
    with np.errstate(invalid="ignore"):
        is_undefined = np.isnan(A.sum())  # codes are within [0, 1], so only a NaN makes their sum one
    if is_undefined:
        raise ValueError(
            f"The pre-activations overflow: X has values up to {float(np.abs(X).max()):.3g} and the encoder weights up to "
            f"{float(np.abs(w.We).max()):.3g}. Scale X as the rows given to fit were."
        )
    return A
