"""What a trained TopK network does to rows, block by block: codes, reconstructions, errors.

Results have the dtype of the rows. Codes are CSR matrices; nothing of the size of all codes is ever
dense.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import vstack

from skl_sparse_ae._estimator.diagnostics import largest, overflow
from skl_sparse_ae._nn.origin import bias_at, origin_of_weights
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._topk.codes import Largest, above, canonical, largest_of_rows
from skl_sparse_ae._topk.least_squares import refit
from skl_sparse_ae._topk.objective import (
    Terms,
    Weights,
    decode,
    errors_of_prefixes,
    pre_activations,
)
from skl_sparse_ae._topk.pursuit import supports

MIN_SCORE = float(np.finfo(np.float64).min)  # finite, so that a search can sort by it


class TrainedModel(NamedTuple):
    """A network for rows in their own units, and how it computes codes in use."""

    weights: Weights
    n_nonzero: int
    algorithm: str  # one of `ALGORITHMS`
    gram: np.ndarray | None = None  # products of all atoms, if they are used for several blocks

    def astype(self, dtype):
        """The same with weights in `dtype`."""
        parts = (part.astype(dtype, copy=False) for part in self.weights)
        return self._replace(weights=Weights(*parts))

    def prepared(self, n_rows):
        """The same for codes of so many rows: with the Gram matrix, if that pays."""
        Wd = self.weights.Wd
        if self.algorithm not in BY_GRAM or n_rows < len(Wd):
            return self
        return self._replace(gram=Wd @ Wd.T)


class Summary(NamedTuple):
    """The objective at all rows, and the share of rows that use each unit (n_components,)."""

    terms: Terms
    density: np.ndarray


def by_threshold(model, X):
    """The code of pre-activations above the threshold."""
    return above(_pre_activations(model, X), max(float(model.weights.threshold[0]), 0.0))


def by_top_k(model, X):
    """The code of the largest pre-activations of each row."""
    return largest_of_rows(_pre_activations(model, X), model.n_nonzero)


def by_least_squares(model, X):
    """The non-negative code that reconstructs each row best with the units `by_threshold`."""
    return refit(model.weights, X, by_threshold(model, X), model.gram)


def by_pursuit(model, X):
    """The non-negative code of the atoms that orthogonal matching pursuit takes."""
    w = model.weights
    products = (X @ w.Wd.T) - w.Wd @ w.bd
    _check_finite(products, X)
    gram = w.Wd @ w.Wd.T if model.gram is None else model.gram
    n_steps = min(model.n_nonzero, *w.Wd.shape)  # no more atoms than that are independent
    return refit(w, X, supports(gram, products, n_steps), gram)


ALGORITHMS = {
    "threshold": by_threshold,
    "top_k": by_top_k,
    "least_squares": by_least_squares,
    "omp": by_pursuit,
}
BY_GRAM = ("least_squares", "omp")


def _code(model, X):
    return ALGORITHMS[model.algorithm](model, X)


def _pre_activations(model, X):
    Z = pre_activations(model.weights, X)
    _check_finite(Z, X)
    return Z


def _check_finite(Z, X):
    if not np.isfinite(Z.sum()) and not np.isfinite(Z).all():
        raise overflow("code overflows", X)


def centred(model, blocks):
    """The model in the dtype of the blocks, and the blocks, minus an origin if needed."""
    w = model.weights
    origin = origin_of(w, blocks.dtype)
    if origin is not None:
        w = w._replace(be=bias_at(w.We, w.be, origin), bd=w.bd - origin)
    model = model._replace(weights=w).astype(blocks.dtype).prepared(blocks.n_rows)
    return model, blocks.centred(origin)


def origin_of(w, dtype):
    """An origin of the rows (n_features,), or None if 0 will do; see `origin_of_weights`.

    Pre-activations have the unit of X, and those that matter are about the threshold.
    """
    return origin_of_weights(w.We, w.be, w.bd, dtype, unit=float(w.threshold[0]))


def _blocks(model, rows):
    """`centred`, of `Rows`."""
    return centred(model, rows.blocks(len(model.weights.be)))


def exact_threshold(model, rows):
    """The threshold with which `n_nonzero` units are active on average over all rows.

    It is 0 if fewer are positive.
    """
    model, blocks = _blocks(model, rows)
    count = model.n_nonzero * rows.shape[0]
    with blocks.workers():
        return blocks.sum(partial(_largest_values, model, count)).threshold


def _largest_values(model, count, X):
    Z = _pre_activations(model, X)
    return Largest(Z[Z > 0], count)


def code_of(model, rows):
    """The code of every row, a CSR matrix (n_rows, n_components)."""
    model, blocks = _blocks(model, rows)
    with blocks.workers():
        parts = list(blocks.map(partial(_code, model)))
    if len(parts) == 1:
        return parts[0]
    A = vstack(parts, format="csr")
    return canonical(A.data, A.indices, A.indptr, A.shape)


def rows_of(model, A):
    """The rows (n_rows, n_features) that a code, dense or CSR, stands for."""
    w = model.astype(A.dtype).weights
    blocks = row_blocks(A, len(w.bd))
    X_hat = np.concatenate(list(blocks.map(partial(decode, w))))
    if not np.isfinite(X_hat).all():
        raise ValueError(f"The reconstruction overflows: the code has values up to {largest(A)}.")
    return X_hat


def reconstruct(model, rows):
    """`rows_of` the codes, without the code of all rows in memory."""
    encoder, blocks = _blocks(model, rows)
    codes = blocks.map(partial(_code, encoder))
    return np.concatenate([rows_of(model, A) for A in codes])


def errors_of_rows(model, rows):
    """The squared error of every row (n_rows,): mean over features, float64."""
    model, blocks = _blocks(model, rows)
    errors = np.concatenate(list(blocks.map(partial(_errors_of_rows, model))))
    return _finite(errors / rows.shape[1], rows)


def _errors_of_rows(model, X):
    error = _error(model, X, _code(model, X))
    return np.einsum("ij,ij->i", error, error)


def _error(model, X, A):
    """The errors (n_rows, n_features) of a block, float64."""
    return np.subtract(decode(model.weights, A), dense(X), dtype=np.float64)


def explained_variance(model, rows):
    """Variance-weighted R2: ``1 - sum of squared errors / sum of squares about the column means``.

    Equals ``r2_score(X, X_hat, multioutput="variance_weighted")`` without holding X_hat. Columns
    that are constant have no variance to explain, and their errors do not count; if all are
    constant, the score is 0.
    """
    of_model, blocks = _blocks(model, rows)
    with blocks.workers():
        errors = blocks.sum(partial(_errors_of_columns, of_model)) / rows.shape[0]
        variance = column_moments(blocks)[1]
    varies = variance != 0
    error, total = errors[varies].sum(), variance[varies].sum()
    _finite(np.array([error, total]), rows)
    return max(1 - float(error / total), MIN_SCORE) if total else 0.0


def _errors_of_columns(model, X):
    error = _error(model, X, _code(model, X))
    return np.einsum("ij,ij->j", error, error)


class _BlockSums(NamedTuple):
    square_error: Any
    n_uses: np.ndarray


def summarize(model, rows, nested=()):
    """The `Summary` of all rows; `nested` are prefixes, see `errors_of_prefixes`."""
    model, blocks = _blocks(model, rows)
    with blocks.workers():
        sums = blocks.sum(partial(_summarize, model, nested))
    error = float(sums.square_error) / (rows.shape[0] * rows.shape[1])
    return Summary(Terms(error), sums.n_uses / rows.shape[0])


def _summarize(model, nested, X):
    A = _code(model, X)
    errors = [error for _, _, error in errors_of_prefixes(model.weights, dense(X), A, nested)]
    square_errors = [np.einsum("ij,ij->", error, error, dtype=np.float64) for error in errors]
    n_uses = np.bincount(A.indices, minlength=A.shape[1])
    return _BlockSums(sum(square_errors) / len(errors), n_uses)


def _finite(errors, rows):
    if not np.isfinite(errors).all():
        raise overflow("squared errors overflow", rows)
    return errors
