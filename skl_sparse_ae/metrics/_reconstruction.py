"""Quality of a reconstruction: overall, for each row and for each feature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils import check_array

from skl_sparse_ae._estimator.containers import refuse_times
from skl_sparse_ae._estimator.sparse_formats import canonical_csr
from skl_sparse_ae._estimator.transaction import ignore_fp_warnings
from skl_sparse_ae._estimator.unwrap import autoencoder_in, transform_before
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._sparse.predict import MIN_SCORE


@ignore_fp_warnings
def explained_variance(X: ArrayLike, X_hat: ArrayLike) -> float:
    """Variance-weighted R2 of a reconstruction, like the estimator's `score`.

    ``1 - sum((X - X_hat)^2) / sum((X - column means)^2)``, both sums over rows and features. It is
    1 for a perfect reconstruction and exactly 0 for the column means, whatever the number of rows.
    Pass all rows in one call: the mean over batches differs, because each batch has its own column
    means. Constant columns of X are ignored. If all columns are constant, it is 0.

    Unlike scikit-learn's `explained_variance_score`, it penalises an offset.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        The original rows.
    X_hat : array-like or sparse matrix of shape (n_samples, n_features)
        Their reconstruction, by any method.

    Returns
    -------
    r2 : float
        At most 1.

    Raises
    ------
    ValueError
        If X and X_hat are not finite matrices of the same shape, or the squared errors overflow.

    See Also
    --------
    sklearn.metrics.r2_score : The same with ``multioutput="variance_weighted"``.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import explained_variance
    >>> explained_variance([[0, 1], [2, 3]], [[0, 1], [2, 2]])
    0.75
    >>> explained_variance([[0, 1], [2, 3]], [[1, 2], [1, 2]])
    0.0
    """
    X, X_hat = _check_pair(X, X_hat)
    mean, varies = np.asarray(X.mean(axis=0)).ravel(), _varies(X)
    error = total = np.zeros(X.shape[1])
    for rows, reconstructed in _pairs_of_blocks(X, X_hat):
        error = error + np.square(rows - reconstructed).sum(axis=0)
        total = total + np.square(rows - mean).sum(axis=0)
    error, total = error[varies].sum(), total[varies].sum()
    _refuse_overflow([error, total], X, X_hat)
    return max(float(1 - error / total), MIN_SCORE) if total else 0.0


def fraction_of_variance_unexplained(X: ArrayLike, X_hat: ArrayLike) -> float:
    """``1 - explained_variance(X, X_hat)``: 0 if perfect, exactly 1 for the column means.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        The original rows.
    X_hat : array-like or sparse matrix of shape (n_samples, n_features)
        Their reconstruction.

    Returns
    -------
    fraction : float
        At least 0. It is 1 if all columns of X are constant.

    Raises
    ------
    ValueError
        As in `explained_variance`.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import fraction_of_variance_unexplained
    >>> fraction_of_variance_unexplained([[0, 1], [2, 3]], [[0, 1], [2, 2]])
    0.25
    """
    return 1 - explained_variance(X, X_hat)


@ignore_fp_warnings
def relative_reconstruction_bias(X: ArrayLike, X_hat: ArrayLike) -> float:
    """Factor by which a reconstruction shrinks or stretches the rows: below 1 it shrinks them.

    ``sum(X_hat^2) / sum(X * X_hat)``, both sums over rows and features. X_hat divided by it is the
    multiple of X_hat with the least squared error. It is 1 for a least-squares decoder on its
    training rows. A penalty on the size of the code makes it less than 1.

    Sizes are measured from zero. To remove an offset of the rows, subtract their column means from
    X and X_hat.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        The original rows.
    X_hat : array-like or sparse matrix of shape (n_samples, n_features)
        Their reconstruction.

    Returns
    -------
    bias : float
        0 if X_hat is 0. Negative or infinite if the product of X_hat and X is negative or 0.

    Raises
    ------
    ValueError
        If X and X_hat are not finite matrices of the same shape, or the sums overflow.

    References
    ----------
    Rajamanoharan, S. et al., Improving dictionary learning with gated sparse autoencoders,
    arXiv:2404.16014 (2024), equation 10.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import relative_reconstruction_bias
    >>> relative_reconstruction_bias([[0, 2], [4, 0]], [[0, 1], [2, 0]])
    0.5
    """
    X, X_hat = _check_pair(X, X_hat)
    size = product = 0.0
    for rows, reconstructed in _pairs_of_blocks(X, X_hat):
        size += np.square(reconstructed).sum()
        product += np.multiply(rows, reconstructed).sum()
    _refuse_overflow([size, product], X, X_hat)
    return float(np.divide(size, product)) if size else 0.0


def row_errors(estimator: Any, X: ArrayLike) -> np.ndarray:
    """Squared reconstruction error of each row, mean over features: large for unusual rows.

    It is the squared error for every `loss`. With ``loss="squared_error"`` it equals minus the
    estimator's `score_samples`.

    Parameters
    ----------
    estimator : autoencoder, or Pipeline that contains one
        Fitted. Errors are in squared units of the columns that reach the autoencoder.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows to reconstruct.

    Returns
    -------
    errors : ndarray of shape (n_samples,), float64

    Raises
    ------
    TypeError
        If `estimator` contains no autoencoder.
    ValueError
        If X does not match what the estimator was fitted on, or the errors overflow.

    See Also
    --------
    feature_errors : Mean over rows, for each feature.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import row_errors
    >>> X = load_digits().data / 16
    >>> X[7] = X[7, ::-1]  # an anomaly: upside down
    >>> others = np.delete(X, 7, axis=0)
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(others)
    >>> errors = row_errors(model, X)
    >>> bool(errors[7] > np.quantile(errors, 0.99))
    True
    """
    return _finite(np.concatenate([block.mean(axis=1) for block in _squared_errors(estimator, X)]))


def feature_errors(estimator: Any, X: ArrayLike) -> np.ndarray:
    """Squared reconstruction error of each feature, mean over rows.

    It is large for features that are reconstructed poorly. For a single row, it shows which
    features make the row abnormal.

    Parameters
    ----------
    estimator : autoencoder, or Pipeline that contains one
        Fitted. Errors are in squared units of the columns that reach the autoencoder.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows to reconstruct.

    Returns
    -------
    errors : ndarray of shape (n_features,), float64
        In the order of the columns that reach the autoencoder.

    Raises
    ------
    TypeError
        If `estimator` contains no autoencoder.
    ValueError
        If X does not match what the estimator was fitted on, or the errors overflow.

    See Also
    --------
    row_errors : Mean over features, for each row.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import feature_errors
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> errors = feature_errors(model, X)
    >>> errors.shape, bool(errors[0] < 1e-6)  # the corner of a digit is always black
    ((64,), True)
    """
    n_rows, total = 0, 0.0
    for block in _squared_errors(estimator, X):
        n_rows += len(block)
        total += block.sum(axis=0)
    return _finite(total / n_rows)


def _check_pair(X, X_hat):
    X, X_hat = _check_rows(X, "X"), _check_rows(X_hat, "X_hat")
    if X.shape != X_hat.shape:
        raise ValueError(
            f"X has shape {X.shape}, but X_hat has shape {X_hat.shape}. The shapes must be equal."
        )
    return X, X_hat


def _check_rows(X, name):
    refuse_times(X, "A measure of reconstructions")
    X = canonical_csr(X) if issparse(X) and X.ndim == 2 else X
    return check_array(X, dtype=np.float64, accept_sparse="csr", input_name=name)


def _varies(X):
    """Mask of the columns that are not constant. Rounding may give these a tiny variance."""
    if issparse(X):
        return (X.max(axis=0).toarray() != X.min(axis=0).toarray()).ravel()
    return (X[0] != X).any(axis=0)


def _pairs_of_blocks(X, X_hat):
    """Yield blocks of rows of X and X_hat as arrays."""
    width = X.shape[1]
    blocks = (row_blocks(matrix, width).rows for matrix in (X, X_hat))
    for rows, reconstructed in zip(*blocks, strict=True):
        yield dense(rows), dense(reconstructed)


def _refuse_overflow(sums, X, X_hat):
    if not np.isfinite(sums).all():
        largest = max(abs(X).max(), abs(X_hat).max())
        raise ValueError(
            f"The squared errors overflow: X and X_hat have values up to {largest:.3g}. Scale both."
        )


def _squared_errors(estimator, X):
    """Yield the squared errors (n_rows, n_features), float64, of each block of rows."""
    before, autoencoder = autoencoder_in(estimator)
    X = transform_before(before, X)
    X_hat = autoencoder.reconstruct(X)
    X = check_array(X, dtype=X_hat.dtype, accept_sparse="csr")
    for rows, reconstructed in _pairs_of_blocks(X, X_hat):
        with np.errstate(all="ignore"):
            yield np.square(np.subtract(reconstructed, rows, dtype=np.float64))


def _finite(errors):
    if not np.isfinite(errors).all():
        raise ValueError("The squared errors overflow. Scale X as the rows passed to fit were.")
    return errors
