"""The rows that activate a unit most: as images, or as bars of their distinctive features."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skl_sparse_ae._estimator.unwrap import transform_before
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae.inspection import names_seen, weights_of
from skl_sparse_ae.plotting._calls import check_calls
from skl_sparse_ae.plotting._canvas import (
    BARS,
    TITLE_INCHES,
    axes_of,
    entitle,
    plain,
    remove_spines,
    require_matplotlib,
)
from skl_sparse_ae.plotting._checks import (
    check_count,
    check_index,
    check_same_length,
    checked,
    dense,
    fitted_autoencoder,
    some_rows,
)
from skl_sparse_ae.plotting._docstrings import fill_docstrings
from skl_sparse_ae.plotting._images import (
    CAPTION_INCHES,
    CLEAR,
    draw,
    figsize,
    gap_of,
    painted,
    signed,
    tiles_of,
)

TITLE_WIDTH = 2.5  # inches


@check_calls
@fill_docstrings
class TopRowsDisplay:
    """The rows that activate a unit most.

    With `image_shape`, they are drawn as images, the most active one first, each with its
    activation below. What the unit adds to the reconstruction can be drawn before them, with 0 as
    mid-grey. Without `image_shape`, there is a bar for each of the features in which these rows
    differ most from the mean of all rows. A bar is the mean difference in standard deviations;
    each mark is a row.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        The rows that activate the unit most. For bars: their differences from the mean of all rows,
        in standard deviations.
    activations : ndarray of shape (n_rows,)
        The unit's activations, in descending order.
    indices : ndarray of shape (n_rows,)
        Indices of the rows in X.
    unit : int
        Index of the unit.
    {optional_image_shape}
        None draws bars.
    feature_names : sequence of str or None, default=None
        Names beside the bars; None means x0, x1, ...
    feature : ndarray of shape (n_features,) or None, default=None
        What the unit adds to a row, to be drawn before the images.

    Attributes
    ----------
    {axes_and_figure}
    image_ : matplotlib AxesImage
        The mosaic of rows; only with `image_shape`.
    text_ : list of matplotlib Text
        The captions: the activations below the rows, and "feature" below the feature; only with
        `image_shape`.
    bars_ : matplotlib BarContainer
        The mean differences, the largest on top; only without `image_shape`.

    See Also
    --------
    FeaturesDisplay : The input that would activate a unit most.
    skl_sparse_ae.inspection.top_features : The features with the largest weights of each unit.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.plotting import TopRowsDisplay
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> display = TopRowsDisplay.from_estimator(model, X, unit=3, image_shape=(8, 8))
    >>> bool(display.activations[0] == model.transform(X)[:, 3].max())
    True
    """

    def __init__(
        self,
        rows: np.ndarray,
        activations: np.ndarray,
        indices: np.ndarray,
        *,
        unit: int,
        image_shape: tuple[int, ...] | None = None,
        feature_names: Any = None,
        feature: np.ndarray | None = None,
    ):
        self.rows = rows
        self.activations = activations
        self.indices = indices
        self.unit = unit
        self.image_shape = image_shape
        self.feature_names = feature_names
        self.feature = feature

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        unit: int,
        *,
        n_rows: int = 10,
        image_shape: tuple[int, ...] | None = None,
        feature_names: Any = None,
        feature: bool = False,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the rows of X that activate a unit most.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or a fitted pipeline that contains one. Images show rows of X,
            bars show the features that reach the autoencoder.
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows to choose from.
        unit : int
            Index of the unit.
        n_rows : int, default=10
            Maximum number of rows.
        {optional_image_shape}
            None draws bars.
        feature_names : sequence of str or None, default=None
            Names beside the bars; None takes the names from the fit, if any.
        feature : bool, default=False
            Draw what the unit adds to a row before the images: the change of the reconstruction
            when its activation goes from 0 to 1. In a pipeline, the steps before the autoencoder
            need `inverse_transform`. Bars ignore it.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : TopRowsDisplay

        Raises
        ------
        {raises_estimator}
        ValueError
            If the unit does not exist, or `image_shape` has another number of pixels than X has
            features.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        before, autoencoder = fitted_autoencoder(estimator)
        check_index("unit", unit, len(autoencoder.get_feature_names_out()))
        X_seen = transform_before(before, X)
        code = autoencoder.transform(X_seen)
        names = names_seen(autoencoder, estimator) if feature_names is None else feature_names
        options = {"n_rows": n_rows, "image_shape": image_shape, "feature_names": names, "ax": ax}
        if image_shape is None:
            return cls.from_predictions(X_seen, code, unit, **options, **kwargs)
        added = weights_of(before, autoencoder, [unit], True)[0] if feature else None
        return cls.from_predictions(X, code, unit, feature=added, **options, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        code: ArrayLike,
        unit: int,
        *,
        n_rows: int = 10,
        image_shape: tuple[int, ...] | None = None,
        feature_names: Any = None,
        feature: ArrayLike | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the rows of X for which a given code has the highest values of a unit.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows to choose from.
        code : array-like or sparse matrix of shape (n_samples, n_units)
            Their code.
        unit : int
            Index of the unit.
        n_rows : int, default=10
            Maximum number of rows.
        {optional_image_shape}
            None draws bars.
        feature_names : sequence of str or None, default=None
            Names beside the bars; None means x0, x1, ...
        feature : array-like of shape (n_features,), default=None
            What the unit adds to a row, to be drawn before the images.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : TopRowsDisplay

        Raises
        ------
        ValueError
            If the unit does not exist, the numbers of rows differ, or `image_shape` does not match.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        check_count("n_rows", n_rows)
        check_same_length(X=X, code=code)
        code = checked(code)
        check_index("unit", unit, code.shape[1])
        activations = dense(code[:, [unit]]).ravel()
        indices = np.argsort(-activations, kind="stable")[:n_rows]
        draws_bars = image_shape is None
        rows = _standardised(X, indices) if draws_bars else dense(some_rows(X, indices))
        feature = None if feature is None else np.asarray(feature)
        options = {"image_shape": image_shape, "feature_names": feature_names, "feature": feature}
        return cls(rows, activations[indices], indices, unit=unit, **options).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, n_columns: int = 10, n_features: int = 10, **artist_kw: Any
    ) -> Self:
        """Draw the images or the bars.

        Parameters
        ----------
        {ax}
        n_columns : int, default=10
            Maximum number of images per row.
        n_features : int, default=10
            Maximum number of bars: those of the largest differences.
        **artist_kw : dict
            Passed to `matplotlib.axes.Axes.imshow` or `barh`.

        Returns
        -------
        self : TopRowsDisplay

        Raises
        ------
        ValueError
            If `image_shape` or `feature_names` does not match the rows.
        {raises_matplotlib}
        """
        check_count("n_columns", n_columns)
        check_count("n_features", n_features)
        if self.image_shape is None:
            ax = self._plot_bars(ax, n_features, artist_kw)
        else:
            ax = self._plot_images(ax, n_columns, artist_kw)
        entitle(ax, f"Rows that activate unit {self.unit} most")
        return self

    def _plot_images(self, ax, n_columns, imshow_kw):
        tiles = painted(tiles_of(self.rows, self.image_shape), self.rows.min(), self.rows.max())
        captions = [f"{activation:.2f}" for activation in self.activations]
        n_columns, gap = min(n_columns, len(tiles)), gap_of(tiles)
        if self.feature is not None:
            added = signed(tiles_of(self.feature[None], self.image_shape, "the unit"))
            tiles, captions = _beside(added[0], tiles, captions, n_columns)
            n_columns += 2
        gaps = max(gap, tiles.shape[2] // 3), gap
        margins = 0, CAPTION_INCHES + TITLE_INCHES
        ax = axes_of(self, ax, figsize(tiles, n_columns, gaps, margins, TITLE_WIDTH))
        self.image_, self.text_ = draw(ax, tiles, n_columns, gaps, captions, **imshow_kw)
        return ax

    def _plot_bars(self, ax, n_features, bar_kw):
        names = self._checked_names()
        ax = axes_of(self, ax)
        means = self.rows.mean(axis=0)
        shown = np.argsort(-np.abs(means), kind="stable")[:n_features]
        places = np.arange(len(shown))
        self.bars_ = ax.barh(places, means[shown], **BARS | bar_kw)
        for row in self.rows[:, shown]:
            ax.plot(row, places, color="black", marker="|", markersize=6, linestyle="none")
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_yticks(places, [plain(names[i]) for i in shown])
        ax.invert_yaxis()
        ax.set_xlabel("standard deviations from the mean")
        remove_spines(ax)
        return ax

    def _checked_names(self):
        n_features = self.rows.shape[1]
        if self.feature_names is None:
            return [f"x{i}" for i in range(n_features)]
        names = list(self.feature_names)
        if len(names) != n_features:
            raise ValueError(f"feature_names has {len(names)} names, X has {n_features} features.")
        return names


def _beside(feature, tiles, captions, n_columns):
    """(tiles, captions) of a mosaic with the feature and a clear tile before the first line."""
    clear = np.full_like(tiles[:1], CLEAR)
    shown, written = [], []
    for start in range(0, len(tiles), n_columns):
        shown += [clear if start else feature[None], clear, tiles[start : start + n_columns]]
        written += ["" if start else "feature", "", *captions[start : start + n_columns]]
    return np.concatenate(shown), written


def _standardised(X, indices):
    """Rows as differences from the column means of X, in standard deviations.

    Constant columns differ by 0.
    """
    X = checked(X)
    mean, variance = column_moments(row_blocks(X, 1))
    deviation = np.sqrt(variance)
    difference = dense(X[indices]) - mean
    return np.divide(difference, deviation, out=np.zeros_like(difference), where=deviation > 0)
