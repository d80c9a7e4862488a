"""How sparse is a code, how alive its units, how good the reconstruction: measures, and scorers to search with.

The measures of a code take a matrix with one row a sample and one column a unit, as `transform` returns it, of any scale
unless they say otherwise. They return the mean of what they measure, or all of it with ``average=False``. Everything is
computed in float64. Some words mean one thing throughout:

- "population" is one row across units, "lifetime" one unit across rows;
- a row, or unit, of equal values has no sparsity: 0. So one of zeros has none either, and neither has a single value.
  A dead code must not look like the sparsest one to a search;
- a unit is active in a row where its activation is above `threshold`, by default 0.5, the middle of the sigmoid.

The scorers take ``(estimator, X, y=None)``, for the `scoring` of scikit-learn's searches. The estimator is the autoencoder,
or a `Pipeline`, `FrozenEstimator` or fitted search with one inside, however deep. The last autoencoder is measured, on X as
the steps before it make it: what `Pipeline.score` does where the autoencoder is the last step.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_scalar
from sklearn.utils.validation import check_non_negative

from skl_sparse_ae import VariationalAutoencoderTransformer
from skl_sparse_ae._estimator.containers import refuse_times
from skl_sparse_ae._estimator.transaction import quiet
from skl_sparse_ae._estimator.unwrap import autoencoder_in, before_autoencoder
from skl_sparse_ae._estimator.validation import check_real
from skl_sparse_ae._nn.penalties import divergences
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.lazy import read
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._sparse.predict import LOWEST_SCORE
from skl_sparse_ae._variational.diagnostics import LEAST_ACTIVITY

__all__ = [
    "active_fraction",
    "active_latent_units",
    "always_on_units",
    "dead_units",
    "explained_variance",
    "explained_variance_scorer",
    "feature_errors",
    "fraction_of_variance_unexplained",
    "hoyer_scorer",
    "hoyer_sparsity",
    "lifetime_sparseness",
    "lifetime_sparseness_scorer",
    "neg_reconstruction_error_scorer",
    "population_sparseness",
    "population_sparseness_scorer",
    "reconstruction_and_sparsity_scorer",
    "row_errors",
    "sparsity_divergence",
]

# --------------------------------------------------------------------------------------------------- how sparse a code is


@quiet
def hoyer_sparsity(code: ArrayLike, *, average: bool = True) -> float | np.ndarray:
    """Hoyer sparsity of each row: 0 where all units are equally active, 1 where only one is.

    ``(sqrt(k) - sum_j |a_j| / sqrt(sum_j a_j^2)) / (sqrt(k) - 1)`` for the k units of a row. It does not change when the
    row is multiplied by a number. 0 for a row of zeros, and for k = 1.

    Parameters
    ----------
    code : array-like of shape (n_samples, n_components)
        Codes of any sign.
    average : bool, default=True
        The mean over rows, or the sparsity of each row.

    Returns
    -------
    sparsity : float, or ndarray of shape (n_samples,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers.

    References
    ----------
    Hoyer, P. O., Non-negative matrix factorization with sparseness constraints, Journal of Machine Learning Research 5
    (2004), section 3.1.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import hoyer_sparsity
    >>> hoyer_sparsity([[0, 1, 0, 0], [1, 1, 1, 1]], average=False)
    array([1., 0.])
    """
    code = _check_code(code)
    magnitudes = _scaled(np.abs(code), axis=1)
    k = code.shape[1]
    ratio = magnitudes.sum(axis=1) / np.sqrt(np.square(magnitudes).sum(axis=1))
    sparsity = (np.sqrt(k) - ratio) / (np.sqrt(k) - 1)
    return _averaged(_zero_where_flat(sparsity, magnitudes, axis=1), average)


def population_sparseness(code: ArrayLike, *, average: bool = True) -> float | np.ndarray:
    """Treves-Rolls sparseness of each row across units, normalised: 0 where all are equally active, 1 where only one is.

    ``S = (1 - a) / (1 - 1/k)`` with ``a = (mean_j r_j)^2 / mean_j r_j^2`` over the k units of a row. `a` is Rolls and
    Tovee's sparseness, which is 1 for a dense and 1/k for the sparsest row; S is Vinje and Gallant's normalisation of
    it. It does not change when the row is multiplied by a number. 0 for a row of zeros, and for k = 1.

    Parameters
    ----------
    code : array-like of shape (n_samples, n_components)
        Codes that are not negative.
    average : bool, default=True
        The mean over rows, or the sparseness of each row.

    Returns
    -------
    sparseness : float, or ndarray of shape (n_samples,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers >= 0.

    See Also
    --------
    lifetime_sparseness : The same of each unit across rows.

    References
    ----------
    Rolls, E. T. and Tovee, M. J., Sparseness of the neuronal representation of stimuli in the primate temporal visual
    cortex, Journal of Neurophysiology 73 (1995), for `a`, after A. Treves and E. T. Rolls (1991).

    Vinje, W. E. and Gallant, J. L., Sparse coding and decorrelation in primary visual cortex during natural vision, Science
    287 (2000), for S.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import population_sparseness
    >>> population_sparseness([[0, 1, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]], average=False).round(3)
    array([1.   , 0.   , 0.667])
    """
    return _averaged(_sparseness(code, "population_sparseness", axis=1), average)


def lifetime_sparseness(code: ArrayLike, *, average: bool = True) -> float | np.ndarray:
    """Treves-Rolls sparseness of each unit across rows, normalised: 1 for a unit that only one row activates.

    ``S = (1 - a) / (1 - 1/n)`` with ``a = (mean_i r_i)^2 / mean_i r_i^2`` over the n rows, as Vinje and Gallant define it
    for a neuron and the frames of a film. 0 for a unit that never changes, also at zero, and for n = 1.

    Parameters
    ----------
    code : array-like of shape (n_samples, n_components)
        Codes that are not negative.
    average : bool, default=True
        The mean over units, or the sparseness of each unit.

    Returns
    -------
    sparseness : float, or ndarray of shape (n_components,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers >= 0.

    See Also
    --------
    population_sparseness : The same of each row across units, with the references.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import lifetime_sparseness
    >>> lifetime_sparseness([[1, 0.5], [0, 0.5]], average=False)
    array([1., 0.])
    """
    return _averaged(_sparseness(code, "lifetime_sparseness", axis=0), average)


# --------------------------------------------------------------------------------------------------- how alive its units are


def active_fraction(
    code: ArrayLike, threshold: float = 0.5, *, average: bool = True
) -> float | np.ndarray:
    """Share of rows in which a unit is active.

    Parameters
    ----------
    code : array-like of shape (n_samples, n_components)
    threshold : float, default=0.5
        Active is what is above it.
    average : bool, default=True
        The mean over units, which is the share of all activations; or the share of each unit.

    Returns
    -------
    fraction : float, or ndarray of shape (n_components,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers, or `threshold` is not finite.
    TypeError
        If `threshold` is not a number.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import active_fraction
    >>> active_fraction([[0.9, 0.1], [0.8, 0.6]], average=False)
    array([1. , 0.5])
    >>> active_fraction([[0.9, 0.1], [0.8, 0.6]])
    0.75
    """
    return _averaged(_is_active(code, threshold).mean(axis=0), average)


def dead_units(code: ArrayLike, threshold: float = 0.5) -> np.ndarray:
    """Which units are active in no row.

    Parameters
    ----------
    code : array-like of shape (n_samples, n_components)
    threshold : float, default=0.5
        Active is what is above it.

    Returns
    -------
    is_dead : ndarray of shape (n_components,), bool
        ``is_dead.sum()`` is their number, ``np.flatnonzero(is_dead)`` are their indices.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers, or `threshold` is not finite.
    TypeError
        If `threshold` is not a number.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import dead_units
    >>> dead_units([[0.9, 0.1], [0.8, 0.2]])
    array([False,  True])
    """
    return ~_is_active(code, threshold).any(axis=0)


def always_on_units(code: ArrayLike, threshold: float = 0.5) -> np.ndarray:
    """Which units are active in every row, and so tell rows apart no better than dead ones.

    Parameters
    ----------
    code : array-like of shape (n_samples, n_components)
    threshold : float, default=0.5
        Active is what is above it.

    Returns
    -------
    is_always_on : ndarray of shape (n_components,), bool

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers, or `threshold` is not finite.
    TypeError
        If `threshold` is not a number.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import always_on_units
    >>> always_on_units([[0.9, 0.1], [0.8, 0.7]])
    array([ True, False])
    """
    return _is_active(code, threshold).all(axis=0)


@quiet
def active_latent_units(code: ArrayLike, threshold: float = LEAST_ACTIVITY) -> np.ndarray:
    """Which units of a variational code tell rows apart: those whose posterior mean varies over rows.

    A unit is active where the variance over rows of its posterior mean is above `threshold`. The others have fallen back to
    the prior: the decoder ignores them, and they cost nothing.

    Parameters
    ----------
    code : array-like of shape (n_samples, n_components)
        Posterior means, as `VariationalAutoencoderTransformer.transform` returns them.
    threshold : float, default=0.01
        Of the variance; the prior's is 1.

    Returns
    -------
    is_active : ndarray of shape (n_components,), bool
        ``is_active.sum()`` is their number, ``np.flatnonzero(is_active)`` are their indices.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers, or `threshold` is not finite.
    TypeError
        If `threshold` is not a number.

    References
    ----------
    Burda, Y., Grosse, R. and Salakhutdinov, R., Importance weighted autoencoders, ICLR (2016), section 5.2.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import active_latent_units
    >>> active_latent_units([[1.2, 0.01], [-0.7, 0.02], [0.1, 0.0]])
    array([ True, False])
    """
    threshold = check_real(threshold, "threshold")
    return _check_code(code).var(axis=0) > threshold


@quiet
def sparsity_divergence(code: ArrayLike, target: float) -> np.ndarray:
    """Kullback-Leibler divergence of each unit's mean activation from the target, in nats.

    ``KL(p || q_j) = p log(p / q_j) + (1 - p) log((1 - p) / (1 - q_j))`` with p the target and q_j the mean of unit j over
    rows. Its sum over units, times `sparsity_weight`, is the penalty that `SparseAutoencoderTransformer` minimises.

    Parameters
    ----------
    code : array-like of shape (n_samples, n_components)
        Codes whose means over rows are between 0 and 1.
    target : float in (0, 1)
        The mean activation wanted: `sparsity_target`.

    Returns
    -------
    divergence : ndarray of shape (n_components,), float64
        At least 0, and 0 on target; infinite for a unit whose mean is 0 or 1.

    Raises
    ------
    ValueError
        If `target` or a mean is outside its range, or `code` is not a matrix of finite numbers.

    References
    ----------
    Ng, A., Sparse autoencoder, CS294A lecture notes, Stanford (2011), section 3.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import sparsity_divergence
    >>> sparsity_divergence([[0.1, 0.4], [0.1, 0.6]], target=0.1).round(3)
    array([0.   , 0.368])
    """
    target = check_real(target, "target", min_val=0, max_val=1, include_boundaries="neither")
    mean = _check_code(code).mean(axis=0)
    if mean.min() < 0 or mean.max() > 1:
        raise ValueError(
            f"The mean activations must be in [0, 1], got values in [{mean.min():.3g}, {mean.max():.3g}]: a divergence "
            "is between probabilities. Pass the code as `transform` returns it."
        )
    return divergences(target, np.log(mean), np.log1p(-mean))


# ------------------------------------------------------------------------------------------- how good the reconstruction is


@quiet
def explained_variance(X: ArrayLike, X_hat: ArrayLike) -> float:
    """How much of X a reconstruction explains: variance-weighted R2, as the estimator's `score`.

    ``1 - sum((X - X_hat)^2) / sum((X - column means)^2)``, both sums over rows and features. 1 is perfect; the column means
    are exactly 0, however many rows there are. All rows belong in one call: the mean of this over batches is another
    number, because each batch has means of its own. Columns that are constant in X weigh nothing; if all are, it is 0.

    Unlike scikit-learn's `explained_variance_score` it does not forgive an offset.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    X_hat : array-like of shape (n_samples, n_features)
        Its reconstruction, from wherever.

    Returns
    -------
    r2 : float
        At most 1.

    Raises
    ------
    ValueError
        If the two are not matrices of finite numbers and of one shape, or the squared errors overflow.

    See Also
    --------
    sklearn.metrics.r2_score : Equals it with ``multioutput="variance_weighted"``.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import explained_variance
    >>> explained_variance([[0, 1], [2, 3]], [[0, 1], [2, 2]])
    0.75
    >>> explained_variance([[0, 1], [2, 3]], [[1, 2], [1, 2]])
    0.0
    """
    X, X_hat = _check_pair(X, X_hat)
    varies = (X[0] != X).any(axis=0)  # rounding leaves constant columns a variance, if a tiny one
    error = np.square(X - X_hat).sum(axis=0)[varies].sum()
    total = np.square(X - X.mean(axis=0)).sum(axis=0)[varies].sum()
    if not np.isfinite([error, total]).all():
        largest = max(abs(X).max(), abs(X_hat).max())
        raise ValueError(
            f"The squared errors overflow: X and X_hat have values up to {largest:.3g}. Scale both."
        )
    return max(float(1 - error / total), LOWEST_SCORE) if total else 0.0


def fraction_of_variance_unexplained(X: ArrayLike, X_hat: ArrayLike) -> float:
    """``1 - explained_variance(X, X_hat)``: 0 is perfect, the column means are exactly 1.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    X_hat : array-like of shape (n_samples, n_features)
        Its reconstruction.

    Returns
    -------
    fraction : float
        At least 0. 1 if all columns of X are constant.

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


def row_errors(estimator: Any, X: ArrayLike) -> np.ndarray:
    """Squared reconstruction error of each row, mean over features: which rows are unlike those seen in `fit`?

    Squared errors whatever the `loss`; with ``loss="squared_error"`` they are minus the estimator's `score_samples`.

    Parameters
    ----------
    estimator : SparseAutoencoderTransformer, or Pipeline with one
        Fitted. Errors are in squared units of the columns that reach the autoencoder.
    X : array-like or sparse matrix of shape (n_samples, n_features)

    Returns
    -------
    errors : ndarray of shape (n_samples,), float64

    Raises
    ------
    TypeError
        If there is no autoencoder in `estimator`.
    ValueError
        If X is not what it was fitted on, or is so large that the errors overflow.

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
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(
    ...     np.delete(X, 7, axis=0)
    ... )
    >>> errors = row_errors(model, X)
    >>> bool(errors[7] > np.quantile(errors, 0.99))
    True
    """
    return _finite(
        np.concatenate([of_block.mean(axis=1) for of_block in _squared_errors(estimator, X)])
    )


def feature_errors(estimator: Any, X: ArrayLike) -> np.ndarray:
    """Squared reconstruction error of each feature, mean over rows: what does the code not keep?

    Of one row, it says which features make that row an anomaly.

    Parameters
    ----------
    estimator : SparseAutoencoderTransformer, or Pipeline with one
        Fitted. Errors are in squared units of the columns that reach the autoencoder.
    X : array-like or sparse matrix of shape (n_samples, n_features)

    Returns
    -------
    errors : ndarray of shape (n_features,), float64
        In the order of the columns that reach the autoencoder.

    Raises
    ------
    TypeError
        If there is no autoencoder in `estimator`.
    ValueError
        If X is not what it was fitted on, or is so large that the errors overflow.

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
    for of_block in _squared_errors(estimator, X):
        n_rows, total = n_rows + len(of_block), total + of_block.sum(axis=0)
    return _finite(total / n_rows)


# ------------------------------------------------------------------------------------------------------------------ scorers


def explained_variance_scorer(estimator: Any, X: ArrayLike, y: Any = None) -> float:
    """R2 of the reconstruction, wherever in a Pipeline the autoencoder is: a sparse autoencoder's `score`.

    Alone in a search this always prefers the least sparse model; see `skl_sparse_ae.model_selection`.

    Parameters
    ----------
    estimator : SparseAutoencoderTransformer, or Pipeline with one
        Fitted.
    X : array-like of shape (n_samples, n_features)
    y : ignored

    Returns
    -------
    score : float
        See `explained_variance`.

    Raises
    ------
    TypeError
        If there is no autoencoder in `estimator`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import explained_variance_scorer
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0)
    >>> X = load_digits().data / 16
    >>> cross_val_score(model, X, cv=3, scoring=explained_variance_scorer).round(1)
    array([0.7, 0.7, 0.7])
    """
    autoencoder, X = _at_autoencoder(estimator, X)
    return _r2(autoencoder, X)


def neg_reconstruction_error_scorer(estimator: Any, X: ArrayLike, y: Any = None) -> float:
    """Minus the squared reconstruction error, mean over rows and features.

    In squared units of the columns that reach the autoencoder, so it compares models of the same columns only.

    Parameters
    ----------
    estimator : SparseAutoencoderTransformer, or Pipeline with one
        Fitted.
    X : array-like of shape (n_samples, n_features)
    y : ignored

    Returns
    -------
    score : float
        At most 0, higher is better.

    Raises
    ------
    TypeError
        If there is no autoencoder in `estimator`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import neg_reconstruction_error_scorer
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> round(neg_reconstruction_error_scorer(model, X), 2)
    -0.02
    """
    return -float(row_errors(estimator, X).mean())


def hoyer_scorer(estimator: Any, X: ArrayLike, y: Any = None) -> float:
    """Hoyer sparsity of the code of X, mean over rows: higher is sparser.

    Parameters
    ----------
    estimator : SparseAutoencoderTransformer, or Pipeline with one
        Fitted.
    X : array-like of shape (n_samples, n_features)
    y : ignored

    Returns
    -------
    score : float
        Between 0 and 1, see `hoyer_sparsity`.

    Raises
    ------
    TypeError
        If there is no autoencoder in `estimator`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import hoyer_scorer
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> round(hoyer_scorer(model, X), 1)
    0.7
    """
    return float(hoyer_sparsity(_code(estimator, X)))


def population_sparseness_scorer(estimator: Any, X: ArrayLike, y: Any = None) -> float:
    """Treves-Rolls population sparseness of the code of X, mean over rows: higher is sparser.

    Parameters
    ----------
    estimator : SparseAutoencoderTransformer, or Pipeline with one
        Fitted.
    X : array-like of shape (n_samples, n_features)
    y : ignored

    Returns
    -------
    score : float
        Between 0 and 1, see `population_sparseness`.

    Raises
    ------
    TypeError
        If there is no autoencoder in `estimator`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import population_sparseness_scorer
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> 0 < population_sparseness_scorer(model, X) < 1
    True
    """
    return float(population_sparseness(_code(estimator, X)))


def lifetime_sparseness_scorer(estimator: Any, X: ArrayLike, y: Any = None) -> float:
    """Treves-Rolls lifetime sparseness of the code of X, mean over units: higher is sparser.

    Parameters
    ----------
    estimator : SparseAutoencoderTransformer, or Pipeline with one
        Fitted.
    X : array-like of shape (n_samples, n_features)
    y : ignored

    Returns
    -------
    score : float
        Between 0 and 1, see `lifetime_sparseness`.

    Raises
    ------
    TypeError
        If there is no autoencoder in `estimator`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import lifetime_sparseness_scorer
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> 0 < lifetime_sparseness_scorer(model, X) < 1
    True
    """
    return float(lifetime_sparseness(_code(estimator, X)))


def reconstruction_and_sparsity_scorer(
    estimator: Any, X: ArrayLike, y: Any = None
) -> dict[str, float]:
    """R2 of the reconstruction and Hoyer sparsity of the code, for searches that weigh the one against the other.

    Parameters
    ----------
    estimator : SparseAutoencoderTransformer, or Pipeline with one
        Fitted.
    X : array-like of shape (n_samples, n_features)
    y : ignored

    Returns
    -------
    scores : dict of float
        "r2", see `explained_variance`, and "hoyer", see `hoyer_sparsity`: the names that
        `skl_sparse_ae.model_selection.SparsestWithin` looks for.

    Raises
    ------
    TypeError
        If there is no autoencoder in `estimator`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import reconstruction_and_sparsity_scorer
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> {
    ...     name: round(score, 1)
    ...     for name, score in reconstruction_and_sparsity_scorer(model, X).items()
    ... }
    {'r2': 0.7, 'hoyer': 0.7}
    """
    autoencoder, X = _at_autoencoder(estimator, X)
    return {"r2": _r2(autoencoder, X), "hoyer": hoyer_scorer(autoencoder, X)}


# -------------------------------------------------------------------------------------------------------------------- parts


def _check_code(code):
    refuse_times(code, "A measure of codes")
    return check_array(code, dtype=np.float64, input_name="code")


def _check_pair(X, X_hat):
    refuse_times(X, "A measure of reconstructions")
    refuse_times(X_hat, "A measure of reconstructions")
    X = check_array(X, dtype=np.float64, input_name="X")
    X_hat = check_array(X_hat, dtype=np.float64, input_name="X_hat")
    if X.shape != X_hat.shape:
        raise ValueError(
            f"X has shape {X.shape}, but X_hat has shape {X_hat.shape}. They must be the same rows and features."
        )
    return X, X_hat


def _averaged(values, average):
    check_scalar(average, "average", (bool, np.bool_))
    return float(values.mean()) if average else values


@quiet
def _sparseness(code, name, axis):
    code = _check_code(code)
    check_non_negative(code, name)
    rates = _scaled(code, axis)
    a = np.square(rates.mean(axis=axis)) / np.square(rates).mean(axis=axis)
    return _zero_where_flat((1 - a) / (1 - 1 / code.shape[axis]), rates, axis)


def _scaled(values, axis):
    """Divided by their largest, which changes no measure here, so that no square overflows or vanishes. Zeros become NaN."""
    return values / values.max(axis=axis, keepdims=True)


def _zero_where_flat(sparsity, scaled, axis):
    is_flat = ~(scaled.min(axis=axis) < 1)
    return np.where(is_flat, 0.0, np.clip(sparsity, 0, 1))  # rounding can leave -1e-16


def _is_active(code, threshold):
    threshold = check_real(threshold, "threshold")
    return _check_code(code) > threshold


def _at_autoencoder(estimator, X):
    """The autoencoder in `estimator`, and X as it reaches it."""
    before, autoencoder = autoencoder_in(estimator)
    return autoencoder, before_autoencoder(before, X)


def _code(estimator, X):
    autoencoder, X = _at_autoencoder(estimator, X)
    return autoencoder.transform(X)


def _r2(autoencoder, X):
    if isinstance(autoencoder, VariationalAutoencoderTransformer):  # whose `score` is a likelihood
        return explained_variance(
            dense(read(autoencoder._check_targets(X))), autoencoder.reconstruct(X)
        )
    return autoencoder.score(X)


def _squared_errors(estimator, X):
    """Yield the squared errors (n_rows, n_features), float64, of each block of rows."""
    autoencoder, X = _at_autoencoder(estimator, X)
    X_hat = autoencoder.reconstruct(X)
    X = check_array(X, dtype=X_hat.dtype, accept_sparse="csr")
    k = X_hat.shape[1]
    for rows, reconstructed in zip(row_blocks(X, k), row_blocks(X_hat, k), strict=True):
        with np.errstate(all="ignore"):
            yield np.square(np.subtract(reconstructed, dense(rows), dtype=np.float64))


def _finite(errors):
    if not np.isfinite(errors).all():
        raise ValueError("The squared errors overflow. Scale X as the rows given to fit were.")
    return errors
