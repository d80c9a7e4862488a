"""Samples from a generative model beside rows of the data set, as images."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skl_sparse_ae._estimator.unwrap import inverse_transform_before
from skl_sparse_ae.plotting._calls import check_calls
from skl_sparse_ae.plotting._canvas import TITLE_INCHES, axes_of, require_matplotlib
from skl_sparse_ae.plotting._checks import (
    check_count,
    dense,
    fitted_with,
    rows_and_shape,
    some_rows,
)
from skl_sparse_ae.plotting._docstrings import fill_docstrings
from skl_sparse_ae.plotting._images import CLEAR, draw, figsize, gap_of, painted, tiles_of


@check_calls
@fill_docstrings
class SamplesDisplay:
    """Rows of the data set at the left and samples from the model at the right, as images.

    All images share one scale, from the minimum to the maximum of the rows. Values of the samples
    beyond it are clipped. Good samples are as sharp and as diverse as the rows, and cover all kinds
    of rows evenly.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows of the data set, one image per row.
    samples : ndarray of shape (n_rows, n_features)
        The same number of samples from the model.
    {image_shape}

    Attributes
    ----------
    {axes_and_figure}
    image_ : matplotlib AxesImage
        Both mosaics, as a single image.

    See Also
    --------
    LatentPlaneDisplay : Codes of rows, or the rows that a grid of codes decodes to.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import VariationalAutoencoderTransformer
    >>> from skl_sparse_ae.plotting import SamplesDisplay
    >>> X = load_digits().data / 16
    >>> model = VariationalAutoencoderTransformer(max_iter=5, tol=0, random_state=0).fit(X)
    >>> display = SamplesDisplay.from_estimator(model, X, (8, 8), random_state=0)
    >>> display.samples.shape
    (25, 64)
    """

    def __init__(self, X: np.ndarray, samples: np.ndarray, *, image_shape: tuple[int, ...]):
        self.X = X
        self.samples = samples
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        image_shape: tuple[int, ...],
        *,
        n_samples: int = 25,
        random_state: int | np.random.RandomState | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the first rows of X and the same number of samples.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder with a method `sample`, or a fitted pipeline that contains one, if
            the steps before it have `inverse_transform`: it brings the samples back to the scale of
            X.
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Images, one per row.
        {image_shape}
            X and `image_shape` may be swapped.
        n_samples : int, default=25
            Maximum number of rows, and of samples.
        random_state : int, RandomState instance or None, default=None
            Generator or seed for the samples.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : SamplesDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `image_shape` has another number of pixels than X has features, or the samples have
            another number of features.
        TypeError
            If the estimator cannot draw samples.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        check_count("n_samples", n_samples)
        X, image_shape = rows_and_shape(X, image_shape)
        before, generator = fitted_with(estimator, "sample")
        X = dense(some_rows(X, range(min(n_samples, np.shape(X)[0]))))
        tiles_of(X, image_shape)
        samples = generator.sample(len(X), random_state=random_state)
        samples = inverse_transform_before(before, samples)
        if samples.shape[1] != X.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features, but the samples have {samples.shape[1]}."
            )
        return cls(X, samples, image_shape=image_shape).plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        n_columns: int = 5,
        limits: tuple[float, float] | None = None,
        **imshow_kw: Any,
    ) -> Self:
        """Draw rows and samples.

        Parameters
        ----------
        {ax}
        n_columns : int, default=5
            Maximum number of images per row on either side.
        limits : tuple of two floats, default=None
            Values shown as black and white; None takes the minimum and maximum of the rows.
        **imshow_kw : dict
            Passed to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : SamplesDisplay

        Raises
        ------
        ValueError
            If `image_shape` does not match the rows.
        {raises_matplotlib}
        """
        check_count("n_columns", n_columns)
        limits = (self.X.min(), self.X.max()) if limits is None else limits
        left, right = (
            painted(tiles_of(rows, self.image_shape), *limits) for rows in (self.X, self.samples)
        )
        n_columns = min(n_columns, len(self.X))
        tiles, gap = _side_by_side(left, right, n_columns), gap_of(left)
        ax = axes_of(self, ax, figsize(tiles, 2 * n_columns + 1, (gap, gap), (0, TITLE_INCHES)))
        self.image_, _ = draw(ax, tiles, 2 * n_columns + 1, (gap, gap), **imshow_kw)
        period = tiles.shape[2] + gap
        for name, column in (("training rows", n_columns / 2), ("samples", 1.5 * n_columns + 1)):
            ax.text(column * period - gap / 2 - 0.5, -1 - gap / 2, name, ha="center", va="bottom")
        return self


def _side_by_side(left, right, n_columns):
    """Painted tiles of both sides in the order of one mosaic, with a clear tile between them."""
    n_lines = -(-len(left) // n_columns)
    mosaic = np.full((n_lines, 2 * n_columns + 1, *left.shape[1:]), CLEAR, dtype=float)
    for tiles, start in ((left, 0), (right, n_columns + 1)):
        for i, tile in enumerate(tiles):
            mosaic[i // n_columns, start + i % n_columns] = tile
    return mosaic.reshape(-1, *left.shape[1:])
