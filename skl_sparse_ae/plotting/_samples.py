"""New rows that a generative model draws, beside rows that it was fitted to."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skl_sparse_ae.plotting._canvas import axes_of, require_matplotlib
from skl_sparse_ae.plotting._checks import (
    check_count,
    dense,
    fitted_with,
    rows_and_shape,
    some_rows,
)
from skl_sparse_ae.plotting._images import draw, figsize, gap_of, painted, tiles_of

TITLE_INCHES = 0.35


class SamplesDisplay:
    """Rows of a data set at the left, samples of a model at the right, as images.

    All on one scale, from the smallest to the largest value of the rows: what the samples have beyond it is cut. Good
    samples are as sharp, as different from one another and as evenly spread over the kinds of rows there are.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows of the data set, one image a row.
    samples : ndarray of shape (n_samples, n_features)
        As many rows of the model.
    image_shape : tuple of int
        ``(height, width)``, or ``(height, width, 3)`` for rows that hold red, green and blue for each pixel.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes drawn in, after `plot`.
    figure_ : matplotlib Figure
        Its figure.
    image_ : matplotlib AxesImage
        Both mosaics, a single image.

    See Also
    --------
    LatentPlaneDisplay : Codes of rows, and the rows of codes.

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
        """Draw the first rows of X and as many samples.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder with a method `sample`, or a fitted pipeline with one, behind steps that have
            `inverse_transform`: the samples are brought back to what the pipeline takes.
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Images, one a row.
        image_shape : tuple of int
            ``(height, width)`` or ``(height, width, 3)``. X and this are told apart in either order.
        n_samples : int, default=25
            How many of both, at most.
        random_state : int, RandomState instance or None, default=None
            Of the samples.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : SamplesDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `image_shape` does not have as many pixels as X has features, or X not as many as the samples.
        TypeError
            If the estimator cannot draw samples.
        ImportError
            Without matplotlib.
        """
        require_matplotlib(cls.__name__)
        check_count("n_samples", n_samples)
        X, image_shape = rows_and_shape(X, image_shape)
        before, generator = fitted_with(estimator, "sample")
        X = dense(some_rows(X, range(min(n_samples, np.shape(X)[0]))))
        tiles_of(X, image_shape)
        samples = generator.sample(len(X), random_state=random_state)
        samples = samples if before is None else before.inverse_transform(samples)
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
        """Draw both.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        n_columns : int, default=5
            Images in a row of either side, at most.
        limits : tuple of two floats, default=None
            Values drawn black and white; None takes the smallest and the largest of the rows.
        **imshow_kw : dict
            Passed to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : SamplesDisplay

        Raises
        ------
        ValueError
            If `image_shape` does not fit the rows.
        ImportError
            Without matplotlib.
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
    """Painted tiles in the order of one mosaic: lines of both sides with a clear tile between them."""
    n_lines = -(-len(left) // n_columns)
    clear = np.zeros((n_lines, 2 * n_columns + 1, *left.shape[1:]))
    clear[..., :3] = 1
    for tiles, start in ((left, 0), (right, n_columns + 1)):
        for i, tile in enumerate(tiles):
            clear[i // n_columns, start + i % n_columns] = tile
    return clear.reshape(-1, *left.shape[1:])
