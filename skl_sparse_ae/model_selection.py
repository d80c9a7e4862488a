"""Tools to choose `sparsity_weight`: a rule for searches, and a path over the weights.

A search by reconstruction alone always chooses the least sparse model, because the penalty always
increases the error. `SparsestWithin` is a rule for the `refit` of searches that considers both.
`sparse_autoencoder_path` computes the trade-off between the two.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_array

from skl_sparse_ae._estimator.validation import check_real
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae._sparse.scale import factor_of
from skl_sparse_ae.metrics import reconstruction_and_sparsity_scorer

__all__ = [
    "SparseAutoencoderPath",
    "SparsestWithin",
    "sparse_autoencoder_path",
]

ORDERS = {"ascending": 1, "descending": -1}


class SparsestWithin(BaseEstimator):
    """A rule for the `refit` of a search: the sparsest model whose score is close to the best.

    By default, "close" means within one standard error of the best mean score (the rule of Breiman
    et al.), because such a difference may be due to chance. The standard error is the sample
    standard deviation (``ddof=1``) of the best candidate's scores over the splits, divided by the
    square root of the number of splits.

    Parameters
    ----------
    score : str, default="r2"
        Name of the metric in `scoring` that must be close to its best value. Higher is better.
    sparsity : str, default="hoyer"
        Name of the metric to maximise. Ties are broken by the score, then by order.
    tolerance : "one_standard_error" or float >= 0, default="one_standard_error"
        A number is the accepted loss of mean score, in the unit of the score: 0.02 means 0.02 of
        R2.

    See Also
    --------
    skl_sparse_ae.metrics.reconstruction_and_sparsity_scorer : A `scoring` with both metrics.

    References
    ----------
    Breiman, L., Friedman, J. H., Olshen, R. A. and Stone, C. J., Classification and Regression
    Trees (1984), section 3.4.3.

    Hastie, T., Tibshirani, R. and Friedman, J., The Elements of Statistical Learning, 2nd edition
    (2009), section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import reconstruction_and_sparsity_scorer
    >>> from skl_sparse_ae.model_selection import SparsestWithin
    >>> search = GridSearchCV(
    ...     SparseAutoencoderTransformer(16, random_state=0),
    ...     {"sparsity_target": [0.05, 0.1, 0.2]},
    ...     scoring=reconstruction_and_sparsity_scorer,
    ...     refit=SparsestWithin(tolerance=0.08),
    ...     cv=3,
    ... )
    >>> search.fit(load_digits().data / 16).best_params_
    {'sparsity_target': 0.1}
    """

    def __init__(
        self,
        score: str = "r2",
        sparsity: str = "hoyer",
        tolerance: float | Literal["one_standard_error"] = "one_standard_error",
    ):
        self.score = score
        self.sparsity = sparsity
        self.tolerance = tolerance

    def __call__(self, cv_results: dict[str, Any]) -> int:
        """Return the index of the candidate to refit.

        Parameters
        ----------
        cv_results : dict of ndarrays
            The `cv_results_` of `GridSearchCV` or similar. Candidates with NaN scores (failed fits)
            are ignored.

        Returns
        -------
        best_index : int

        Raises
        ------
        ValueError
            If a metric is not among the results, all candidates failed, `tolerance` is out of
            range, or it requires the standard error of a single split.
        TypeError
            If `tolerance` is neither a number nor "one_standard_error".
        """
        score, sparsity = (_mean_of(cv_results, name) for name in (self.score, self.sparsity))
        succeeded = np.isfinite(score) & np.isfinite(sparsity)
        if not succeeded.any():
            raise ValueError(
                f"No candidate has finite {self.score!r} and {self.sparsity!r} scores: all fits "
                "failed. Search with error_score='raise' to see why."
            )
        best = int(np.argmax(np.where(succeeded, score, -np.inf)))
        close = succeeded & (score >= score[best] - self._slack(cv_results, best))
        order = np.lexsort((-score, -sparsity))  # by sparsity, then score, then position
        return int(next(i for i in order if close[i]))

    def _slack(self, cv_results, best):
        """The accepted difference from the best mean score."""
        if not isinstance(self.tolerance, str):
            return check_real(self.tolerance, "tolerance", min_val=0)
        if self.tolerance != "one_standard_error":
            raise ValueError(
                f"tolerance must be 'one_standard_error' or a float >= 0, got {self.tolerance!r}."
            )
        pattern = re.compile(rf"split\d+_test_{re.escape(self.score)}")
        n_splits = sum(pattern.fullmatch(key) is not None for key in cv_results)
        if n_splits < 2:
            raise ValueError(
                f"One standard error needs the scores of at least 2 splits, got {n_splits}. Raise "
                "cv, or pass a number as tolerance."
            )
        deviation = cv_results[f"std_test_{self.score}"][best]  # with ddof=0
        return deviation / np.sqrt(n_splits - 1)


@dataclass(frozen=True)
class SparseAutoencoderPath:
    """The trade-off between reconstruction and sparsity, from `sparse_autoencoder_path`.

    Every array has one entry per weight, in the order in which the weights were given.

    Attributes
    ----------
    sparsity_weights : ndarray of shape (n_weights,)
        The weights as numbers.
    r2 : ndarray of shape (n_weights,)
        R2 of the reconstruction of `X_test` if given, otherwise of X.
    hoyer : ndarray of shape (n_weights,)
        Hoyer sparsity of the code of the same rows, mean over rows.
    mean_activation : ndarray of shape (n_weights,)
        Mean activation of the training rows, over rows and units.
    loss : ndarray of shape (n_weights,)
        The objective J on the training rows: the sum of the next three arrays.
    reconstruction : ndarray of shape (n_weights,)
        The reconstruction loss of the training rows, mean over rows and features.
    sparsity : ndarray of shape (n_weights,)
        `sparsity_weight` times the sum of the divergences over units.
    weight_decay : ndarray of shape (n_weights,)
        Sum of the two weight decays.
    n_iter : ndarray of shape (n_weights,), int
        Iterations (L-BFGS) or epochs (Adam) of each fit.
    models : list of SparseAutoencoderTransformer
        The fitted estimators.
    """

    sparsity_weights: np.ndarray
    r2: np.ndarray
    hoyer: np.ndarray
    mean_activation: np.ndarray
    loss: np.ndarray
    reconstruction: np.ndarray
    sparsity: np.ndarray
    weight_decay: np.ndarray
    n_iter: np.ndarray
    models: list[SparseAutoencoderTransformer]


def sparse_autoencoder_path(
    X: ArrayLike,
    sparsity_weights: ArrayLike,
    *,
    estimator: SparseAutoencoderTransformer | None = None,
    order: Literal["ascending", "descending"] = "ascending",
    X_test: ArrayLike | None = None,
) -> SparseAutoencoderPath:
    """Fit one autoencoder for each `sparsity_weight`, starting from the weights of the last one.

    A path takes about half the time of separate fits. The objective has many local minima, so a
    path may find other minima than separate fits.

    Measured by ``python -m benchmarks.study.path`` on the digits, scaled to [0, 1] and standardised
    (8 weights from 0.03 to 10 times the scale, 32 units, medians of 5 seeds): ascending paths take
    54% and 51% of the iterations of separate fits, descending paths 57% and 57%. J is never above
    that of separate fits, and up to 2.5% below.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows to fit, as for the estimator.
    sparsity_weights : array-like of shape (n_weights,)
        Either numbers >= 0, or multiples such as "0.5*scale", in any order. A geometric series such
        as ``[f"{m:g}*scale" for m in np.geomspace(0.03, 10, 6)]`` is a good start.
    estimator : SparseAutoencoderTransformer or None, default=None
        Template for all other parameters. It is not changed; its `sparsity_weight` and
        `warm_start` are ignored. None means default parameters.
    order : {"ascending", "descending"}, default="ascending"
        Order of the fits: from the smallest weight or from the largest.
    X_test : array-like or sparse matrix of shape (n_test_samples, n_features) or None, default=None
        Rows for `r2` and `hoyer` of the path. None means X.

    Returns
    -------
    path : SparseAutoencoderPath
        The trade-off curve is ``path.r2`` against ``path.hoyer``.

    Raises
    ------
    TypeError
        If `estimator` is not a SparseAutoencoderTransformer.
    ValueError
        If a weight is negative or not finite, if `order` is unknown, or if `fit` raises it.

    Warns
    -----
    ConvergenceWarning, UserWarning
        If a fit warns, for example because a weight is too small to reach the target.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.model_selection import sparse_autoencoder_path
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, random_state=0)
    >>> path = sparse_autoencoder_path(X, ["scale", "3*scale", "10*scale"], estimator=model)
    >>> bool(path.r2[0] > path.r2[2]), bool(path.hoyer[0] < path.hoyer[2])
    (True, True)
    """
    weights, sizes = _check_weights(sparsity_weights)
    if order not in ORDERS:
        raise ValueError(f"order must be one of {list(ORDERS)}, got {order!r}.")
    model = _check_estimator(estimator)
    warm_start = model.warm_start
    models: list[Any] = [None] * len(weights)
    for i in np.argsort(ORDERS[order] * sizes, kind="stable"):
        model.set_params(sparsity_weight=weights[i], warm_start=True).fit(X)
        # A shallow copy is enough: `fit` replaces attributes and never modifies them.
        models[i] = copy.copy(model).set_params(warm_start=warm_start)
    points = [_point(model, X, X if X_test is None else X_test) for model in models]
    curves = {name: np.array([point[name] for point in points]) for name in points[0]}
    used = np.array([model.sparsity_weight_ for model in models])
    return SparseAutoencoderPath(sparsity_weights=used, models=models, **curves)


def _mean_of(cv_results, name):
    prefix = "mean_test_"
    if prefix + name not in cv_results:
        names = sorted(key.removeprefix(prefix) for key in cv_results if key.startswith(prefix))
        raise ValueError(
            f"The search has no metric {name!r}, only {names}. Search with "
            "scoring=skl_sparse_ae.metrics.reconstruction_and_sparsity_scorer, or use metrics of "
            "the search."
        )
    return np.asarray(cv_results[prefix + name], dtype=np.float64)


def _check_weights(sparsity_weights):
    """(values of `sparsity_weight`, array with the same order).

    The values are all numbers, or all multiples of "scale".
    """
    values = np.asarray(sparsity_weights)
    if values.dtype == bool:
        raise ValueError("sparsity_weights must be numbers, got True and False.")
    if values.dtype.kind == "U":
        return _check_multiples(values)
    weights = check_array(values, dtype=np.float64, ensure_2d=False, input_name="sparsity_weights")
    _check_one_dimensional(weights)
    if weights.min() < 0:
        raise ValueError(f"sparsity_weights must be >= 0, got {weights.min():g}.")
    return weights.tolist(), weights


def _check_multiples(values):
    _check_one_dimensional(values)
    factors = [factor_of(text) for text in values.tolist()]
    if None in factors:
        wrong = values[factors.index(None)].item()
        raise ValueError(
            "sparsity_weights must be numbers >= 0, or 'scale' and multiples of it such as "
            f"'0.5*scale', but not both. Got {wrong!r}."
        )
    return values.tolist(), np.array(factors)


def _check_one_dimensional(weights):
    if weights.ndim != 1:
        raise ValueError(
            f"sparsity_weights must be one-dimensional, got an array of shape {weights.shape}."
        )


def _check_estimator(estimator):
    estimator = SparseAutoencoderTransformer() if estimator is None else estimator
    if not isinstance(estimator, SparseAutoencoderTransformer):
        raise TypeError(
            f"estimator must be a SparseAutoencoderTransformer, got {type(estimator).__name__}. "
            "Apply the earlier steps of a Pipeline to X first."
        )
    return clone(estimator)


def _point(model, X, X_test):
    """One point of a path: {name of an array of `SparseAutoencoderPath`: its value}."""
    decays = model.encoder_alpha_ * np.square(model.components_, dtype=np.float64).sum()
    decays += model.decoder_alpha_ * np.square(model.decoder_components_, dtype=np.float64).sum()
    terms = {
        "reconstruction": model._mean_loss(X),
        "weight_decay": decays / (2 * model.n_features_in_),
    }
    # A difference, because it is exact for saturated units; the means of the code are rounded.
    sparsity = max(model.loss_ - sum(terms.values()), 0.0)
    return {
        **reconstruction_and_sparsity_scorer(model, X_test),
        **terms,
        "sparsity": sparsity,
        "loss": model.loss_,
        "mean_activation": model.mean_activations_.mean(),
        "n_iter": model.n_iter_,
    }
