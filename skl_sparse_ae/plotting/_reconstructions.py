"""Original rows and their reconstructions, as images."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skl_sparse_ae._estimator.unwrap import inverse_transform_before, transform_before
from skl_sparse_ae.plotting._calls import check_calls
from skl_sparse_ae.plotting._canvas import axes_of, require_matplotlib
from skl_sparse_ae.plotting._checks import (
    check_count,
    dense,
    fitted_autoencoder,
    rows_and_shape,
    some_rows,
)
from skl_sparse_ae.plotting._docstrings import fill_docstrings
from skl_sparse_ae.plotting._images import draw, figsize, gap_of, painted, stacked, tiles_of

NAMES_INCHES = 1.35  # width of "reconstruction" and its distance from the images


@check_calls
@fill_docstrings
class ReconstructionsDisplay:
    """Original images above their reconstructions.

    All images share one scale, from the minimum to the maximum of the originals. Values of the
    reconstructions beyond it are clipped.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Original images, one per row.
    X_hat : ndarray of shape (n_rows, n_features)
        Their reconstructions.
    {image_shape}

    Attributes
    ----------
    {axes_and_figure}
    image_ : matplotlib AxesImage
        The mosaic of all pairs, as a single image.

    See Also
    --------
    FeaturesDisplay : The features that the reconstructions are composed of.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.plotting import ReconstructionsDisplay
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> display = ReconstructionsDisplay.from_estimator(model, X, image_shape=(8, 8))
    >>> display.X_hat.shape
    (10, 64)
    """

    def __init__(self, X: np.ndarray, X_hat: np.ndarray, *, image_shape: tuple[int, ...]):
        self.X = X
        self.X_hat = X_hat
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        image_shape: tuple[int, ...],
        *,
        n_rows: int = 10,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the first rows of X and their reconstructions.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or a fitted pipeline that contains one, if the steps before it
            have `inverse_transform`: it brings the reconstructions back to the scale of X.
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Images, one per row. To see the worst ones first, pass
            ``X[np.argsort(estimator.score_samples(X))]``.
        {image_shape}
            X and `image_shape` may be swapped.
        n_rows : int, default=10
            Maximum number of rows.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : ReconstructionsDisplay

        Raises
        ------
        {raises_estimator}
        ValueError
            If `image_shape` has another number of pixels than X has features, or X does not match
            the estimator.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        check_count("n_rows", n_rows)
        X, image_shape = rows_and_shape(X, image_shape)
        before, autoencoder = fitted_autoencoder(estimator)
        X = some_rows(X, range(min(n_rows, np.shape(X)[0])))
        tiles_of(dense(X), image_shape)
        X_hat = autoencoder.reconstruct(transform_before(before, X))
        X_hat = inverse_transform_before(before, X_hat)
        return cls.from_predictions(X, X_hat, image_shape, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        X_hat: ArrayLike,
        image_shape: tuple[int, ...],
        *,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw rows and given reconstructions.

        Parameters
        ----------
        X, X_hat : array-like of shape (n_rows, n_features)
            Images, one per row, and their reconstructions.
        {image_shape}
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : ReconstructionsDisplay

        Raises
        ------
        ValueError
            If the shapes do not match.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        X, X_hat = dense(X), dense(X_hat)
        if X.shape != X_hat.shape:
            raise ValueError(f"X has shape {X.shape}, but X_hat has shape {X_hat.shape}.")
        return cls(X, X_hat, image_shape=image_shape).plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        n_columns: int = 10,
        limits: tuple[float, float] | None = None,
        **imshow_kw: Any,
    ) -> Self:
        """Draw the pairs.

        Parameters
        ----------
        {ax}
        n_columns : int, default=10
            Maximum number of pairs per row.
        limits : tuple of two floats, default=None
            Values shown as black and white; None takes the minimum and maximum of the originals.
        **imshow_kw : dict
            Passed to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : ReconstructionsDisplay

        Raises
        ------
        ValueError
            If `image_shape` does not match the rows.
        {raises_matplotlib}
        """
        check_count("n_columns", n_columns)
        limits = (self.X.min(), self.X.max()) if limits is None else limits
        originals, reconstructions = (
            painted(tiles_of(rows, self.image_shape), *limits) for rows in (self.X, self.X_hat)
        )
        pairs, n_columns = stacked(originals, reconstructions), min(n_columns, len(self.X))
        gap = gap_of(originals)
        gaps = 4 * gap, gap
        ax = axes_of(self, ax, figsize(pairs, n_columns, gaps, (NAMES_INCHES, 0)))
        self.image_, _ = draw(ax, pairs, n_columns, gaps, **imshow_kw)
        n_lines = -(-len(pairs) // n_columns)
        _name_lines(ax, originals.shape[1], gap, pairs.shape[1] + gaps[0], n_lines)
        return self


def _name_lines(ax, height, gap, period, n_lines):
    """Name the lines of images at the left, as tick labels of an invisible axis."""
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    middles = np.array([(height - 1) / 2, height + gap + (height - 1) / 2])
    places = np.concatenate([line * period + middles for line in range(n_lines)])
    ax.set_yticks(places, ["original", "reconstruction"] * n_lines)
    ax.set_anchor("W")  # leave unused space at the right, where there are no names
    ax.set_xticks([])
    ax.tick_params(length=0)
