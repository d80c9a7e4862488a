"""Outlier detection by reconstruction error or likelihood, with any autoencoder."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, check_array, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skl_sparse_ae._estimator.base import BaseAutoencoder
from skl_sparse_ae._estimator.transaction import reading, transaction
from skl_sparse_ae._estimator.unwrap import autoencoder_in, steps_of
from skl_sparse_ae._estimator.validation import FLOATS
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer

__all__ = ["AutoencoderOutlierDetector"]

# Chosen by `benchmarks/study/outliers.py`; docs/anomalies.md has the figures.
MAX_UNITS = 100
DECODER_ALPHA = "3*scale"
FENCE = 3  # interquartile ranges


class AutoencoderOutlierDetector(OutlierMixin, BaseEstimator):
    """Outlier detector that scores rows by the reconstruction error of an autoencoder.

    The score of a row is `score_samples` of the autoencoder: minus the reconstruction error, mean
    over features, or the ELBO of a variational autoencoder. Rows that score below `offset_` are
    outliers.

    Parameters
    ----------
    estimator : autoencoder, or Pipeline that ends in one, default=None
        Any autoencoder of this package. It is cloned. To use one that is already fitted, wrap it in
        `sklearn.frozen.FrozenEstimator`. None means a `StandardScaler` followed by a
        `SparseAutoencoderTransformer` with as many units as columns, but at most 100, and
        ``decoder_alpha="3*scale"``.
    trim : float in [0, 1), default=0.2
        Share of the rows to leave out when `estimator` is fitted: those farthest from the mean row.
        They may be outliers, and an autoencoder learns to reconstruct the outliers that it is
        fitted to. The distance is Euclidean, in the columns that reach the autoencoder. Use 0 if X
        has no outliers.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of outliers in X. It only sets `offset_`. "auto" sets it 3 interquartile ranges below
        the lower quartile of the scores of X: Tukey's outer fence.
    random_state : int, RandomState instance or None, default=None
        If not None, it replaces every `random_state` in the clone of `estimator`.

    Attributes
    ----------
    estimator_ : autoencoder or Pipeline
        The fitted clone of `estimator`.
    offset_ : float
        Rows that score below it are outliers: ``decision_function(X) == score_samples(X) -
        offset_``.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, if it was a DataFrame with string column names.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Better if many of the rows are outliers.
    sklearn.neighbors.LocalOutlierFactor : Compares the densities of a row and of its neighbours.
    skl_sparse_ae.metrics.feature_errors : Shows in which columns a row is unusual.

    Notes
    -----
    The defaults were chosen on 16 tables. The documentation, on its page on anomaly detection,
    compares them with other detectors on 20 other tables.

    References
    ----------
    Tukey, J. W., Exploratory Data Analysis (1977), chapter 2.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skl_sparse_ae import AutoencoderOutlierDetector
    >>> X = load_wine().data
    >>> detector = AutoencoderOutlierDetector(contamination=0.05, random_state=0)
    >>> detector = detector.fit(X)
    >>> odd = X[:1].copy()
    >>> odd[0, 3] += 30  # alcalinity of ash
    >>> detector.predict(X[:1]), detector.predict(odd)
    (array([1]), array([-1]))
    """

    _doc_link_module = BaseAutoencoder._doc_link_module
    _doc_link_template = BaseAutoencoder._doc_link_template

    _parameter_constraints: dict = {
        "estimator": [None, HasMethods(["fit", "score_samples"])],
        "trim": [Interval(Real, 0, 1, closed="left")],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        trim: float = 0.2,
        contamination: float | Literal["auto"] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.trim = trim
        self.contamination = contamination
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Fit the autoencoder to X without the rows that `trim` leaves out, and set the offset.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows that `estimator` accepts: finite numbers by default.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : AutoencoderOutlierDetector
            The fitted detector. If an exception is raised, it is left unchanged.

        Raises
        ------
        TypeError
            If `estimator` is neither an autoencoder nor a Pipeline that ends in one.
        ValueError
            If a parameter is out of range, or `estimator` rejects X.
        """
        with transaction(self) as working, np.errstate(all="ignore"):
            working._fit(X)
        return self

    def _fit(self, X):
        """Fit this detector, the working copy of a transaction."""
        self._validate_params()
        estimator = self._unfitted(X)
        _seed(estimator, self.random_state)
        near = _without_far_rows(estimator, X, self.trim)
        self.estimator_ = estimator.fit(near, None)  # FrozenEstimator requires y
        self.offset_ = _offset(self.estimator_.score_samples(X), self.contamination)

    def _unfitted(self, X):
        """A clone of `estimator`, or the default for the columns of X."""
        if self.estimator is None:
            # The scaler counts the columns of anything that the default accepts.
            return _default(StandardScaler(with_mean=False).fit(X).n_features_in_)
        last, (_, autoencoder) = steps_of(self.estimator)[-1], autoencoder_in(self.estimator)
        if last is not autoencoder:
            raise TypeError(
                f"estimator must end in an autoencoder, but its last step is a "
                f"{type(last).__name__}."
            )
        return clone(self.estimator)

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns of X, if it was a DataFrame with string column names."""
        return self.estimator_.feature_names_in_

    @reading
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """The score of each row, by the fitted autoencoder: low for outliers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows like those of `fit`. The score of a row does not depend on the other rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Minus the error, mean over features, at most 0; the ELBO in nats for a variational
            autoencoder.

        Raises
        ------
        ValueError
            If the autoencoder rejects X, for example values outside [0, 1] with
            ``loss="cross_entropy"``.
        """
        check_is_fitted(self)
        return self.estimator_.score_samples(X)

    @reading
    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """``score_samples(X) - offset_``: negative for outliers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `score_samples`.

        Returns
        -------
        decision : ndarray of shape (n_samples,), float64
            Distance of each score to the threshold.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Label each row as an outlier or an inlier.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `score_samples`.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int
            -1 for outliers, 1 for inliers.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        estimator = SparseAutoencoderTransformer() if self.estimator is None else self.estimator
        tags.input_tags = get_tags(estimator).input_tags
        return tags


def _default(n_features):
    autoencoder = SparseAutoencoderTransformer(
        min(n_features, MAX_UNITS), decoder_alpha=DECODER_ALPHA
    )
    # The autoencoder subtracts the mean, also of sparse rows, which the scaler could not.
    return make_pipeline(StandardScaler(with_mean=False), autoencoder)


def _seed(estimator, random_state):
    """Replace every `random_state` in the estimator, unless the new one is None."""
    if random_state is not None:
        names = (name for name in estimator.get_params() if name.split("__")[-1] == "random_state")
        estimator.set_params(**dict.fromkeys(names, random_state))


def _without_far_rows(estimator, X, trim):
    """X without the share `trim` of its rows that are farthest from their mean.

    The distance is measured before the last step of a Pipeline, after fitting its other steps.
    """
    if trim == 0 or isinstance(estimator, FrozenEstimator):
        return X
    has_steps = isinstance(estimator, Pipeline) and len(estimator) > 1
    rows = estimator[:-1].fit_transform(X) if has_steps else X
    distances = _distances(check_array(rows, accept_sparse="csr", dtype=FLOATS))
    nearest = np.argsort(distances, kind="stable")[: len(distances) - int(trim * len(distances))]
    return _safe_indexing(*indexable(X), np.sort(nearest))


def _distances(X):
    """Squared distance of each row to the mean row."""
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    blocks = row_blocks(X, X.shape[1]).rows
    return np.concatenate([np.square(dense(block) - mean).sum(axis=1) for block in blocks])


def _offset(scores, contamination):
    """The score below which a row is an outlier, from those of the training rows."""
    if contamination != "auto":
        return float(np.quantile(scores, contamination))
    low, high = np.quantile(scores, [0.25, 0.75])
    return float(low - FENCE * (high - low))
