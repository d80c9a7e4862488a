"""The plane of two code units: where rows lie in it, and the rows that its points stand for."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from skl_sparse_ae._estimator.unwrap import transform_before
from skl_sparse_ae.plotting._canvas import axes_of, plain, remove_spines, require_matplotlib
from skl_sparse_ae.plotting._checks import (
    check_count,
    check_same_length,
    chosen_units,
    dense,
    fitted_autoencoder,
)
from skl_sparse_ae.plotting._images import draw, figsize, painted, tiles_of

# Okabe and Ito's colours, which the colour-blind tell apart, ordered so that neighbours differ in lightness too; with markers,
# which need no colour at all.
COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#F0E442")
MARKERS = "osv^D<>pPX*hd"
MOST_CLASSES = len(MARKERS)
FIGURE_INCHES = (5.6, 4.6)
GAP = 1  # pixels between images
MARGIN = 0.02  # of the prior's probability that the grid leaves out at either end


class LatentPlaneDisplay:
    """Codes of two units as points, one marker and colour a class; with images, what a grid of codes is decoded to.

    Codes whose prior is standard normal fill the plane about 0, with neither gaps nor overlap if the units tell the classes
    apart. The grid has equal shares of the prior between its points, so each of its images is as likely as any other.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, 2)
        Codes of rows.
    y : ndarray of shape (n_rows,) or None, default=None
        Their classes, 13 at most.
    units : tuple of two ints, default=(0, 1)
        Indices of the two units.
    grid : ndarray of shape (n_lines * n_lines, n_features) or None, default=None
        Decoded codes, line by line from the upper left, the second unit falling.
    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, 3)`` of the grid's images.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes drawn in, after `plot`.
    figure_ : matplotlib Figure
        Its figure.
    points_ : list of matplotlib PathCollection, or None
        The codes, a collection for each class.
    legend_ : matplotlib Legend or None
        Which class is which.
    image_ : matplotlib AxesImage or None
        The grid.

    See Also
    --------
    SamplesDisplay : New rows beside those of the fit.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import VariationalAutoencoderTransformer
    >>> from skl_sparse_ae.plotting import LatentPlaneDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = VariationalAutoencoderTransformer(max_iter=5, tol=0, random_state=0).fit(X)
    >>> display = LatentPlaneDisplay.from_estimator(model, X, y)
    >>> display.codes.shape
    (1797, 2)
    >>> display = LatentPlaneDisplay.from_grid(model, (8, 8), n_lines=5)
    >>> display.grid.shape
    (25, 64)
    """

    def __init__(
        self,
        codes: np.ndarray | None = None,
        y: np.ndarray | None = None,
        *,
        units: tuple[int, int] = (0, 1),
        grid: np.ndarray | None = None,
        image_shape: tuple[int, ...] | None = None,
    ):
        self.codes = codes
        self.y = y
        self.units = units
        self.grid = grid
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        units: tuple[int, int] = (0, 1),
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the codes of rows.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or a fitted pipeline with one.
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Rows to encode.
        y : array-like of shape (n_rows,), default=None
            Their classes.
        units : tuple of two ints, default=(0, 1)
            Units for the horizontal and the vertical axis.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : LatentPlaneDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X does not suit the estimator, y is not as long, has more than 13 classes, or `units` are not two units.
        TypeError
            If the estimator is no autoencoder.
        ImportError
            Without matplotlib.
        """
        require_matplotlib(cls.__name__)
        before, autoencoder = fitted_autoencoder(estimator)
        codes = dense(autoencoder.transform(transform_before(before, X)))
        units = _two(units, codes.shape[1])
        if y is not None:
            y = np.asarray(y)
            check_same_length(X=codes, y=y)
            if len(np.unique(y)) > MOST_CLASSES:
                raise ValueError(
                    f"y has {len(np.unique(y))} classes, and no more than {MOST_CLASSES} can be told apart."
                )
        return cls(codes[:, units], y, units=units).plot(ax, **kwargs)

    @classmethod
    def from_grid(
        cls,
        estimator: Any,
        image_shape: tuple[int, ...],
        *,
        n_lines: int = 15,
        units: tuple[int, int] = (0, 1),
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw what a square grid of codes is decoded to; units other than these two are 0.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or a fitted pipeline with one, behind steps that have `inverse_transform`.
        image_shape : tuple of int
            ``(height, width)`` or ``(height, width, 3)``.
        n_lines : int, default=15
            Images in a line, and lines.
        units : tuple of two ints, default=(0, 1)
            Units for the horizontal and the vertical axis.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : LatentPlaneDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `image_shape` does not have as many pixels as rows have features, or `units` are not two units.
        TypeError
            If the estimator is no autoencoder.
        ImportError
            Without matplotlib.
        """
        require_matplotlib(cls.__name__)
        check_count("n_lines", n_lines)
        before, autoencoder = fitted_autoencoder(estimator)
        n_units = len(autoencoder.get_feature_names_out())
        units, codes = _two(units, n_units), np.zeros((n_lines**2, n_units))
        places = _grid_places(n_lines)
        codes[:, units[0]], codes[:, units[1]] = (
            np.tile(places, n_lines),
            np.repeat(places[::-1], n_lines),
        )
        grid = autoencoder.inverse_transform(codes)
        grid = grid if before is None else before.inverse_transform(grid)
        tiles_of(grid, image_shape)
        return cls(units=units, grid=grid, image_shape=image_shape).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, limits: tuple[float, float] | None = None, **kwargs: Any
    ) -> Self:
        """Draw the grid, if there is one, or else the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        limits : tuple of two floats, default=None
            Values drawn black and white in the grid; None takes the smallest and the largest.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.imshow`, or to `matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : LatentPlaneDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.points_ = self.legend_ = self.image_ = None
        if self.grid is None:
            ax = self._plot_points(ax, **kwargs)
        else:
            ax = self._plot_grid(
                ax, (self.grid.min(), self.grid.max()) if limits is None else limits, **kwargs
            )
        ax.set(xlabel=f"unit {self.units[0]}", ylabel=f"unit {self.units[1]}")
        return self

    def _plot_points(self, ax, **scatter_kw):
        ax = axes_of(self, ax, FIGURE_INCHES)
        ax.set_aspect("equal", adjustable="datalim")
        remove_spines(ax)
        options = {"s": 14, "linewidths": 0.3, "edgecolors": "white"} | scatter_kw
        if self.y is None:
            self.points_ = [ax.scatter(*self.codes.T, **{"c": "0.3"} | options)]
            return ax
        self.points_ = []
        for i, label in enumerate(np.unique(self.y)):
            style = {"c": COLOURS[i % len(COLOURS)], "marker": MARKERS[i]} | options
            points = ax.scatter(*self.codes[self.y == label].T, **style, label=plain(label))
            self.points_.append(points)
        self.legend_ = ax.legend(
            loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, markerscale=1.6
        )
        return ax

    def _plot_grid(self, ax, limits, **imshow_kw):
        tiles = painted(tiles_of(self.grid, self.image_shape), *limits)
        n_lines, gaps = round(np.sqrt(len(tiles))), (GAP, GAP)
        ax = axes_of(self, ax, figsize(tiles, n_lines, gaps, (0.6, 0.6)))
        self.image_, _ = draw(ax, tiles, n_lines, gaps, **imshow_kw)
        ax.set_axis_on()
        ax.spines[:].set_visible(False)
        shown = np.unique(np.linspace(0, n_lines - 1, min(n_lines, 5)).round().astype(int))
        names = [f"{place:.1f}" for place in _grid_places(n_lines)[shown]]
        height, width = tiles.shape[1:3]
        ax.set_xticks(shown * (width + GAP) + (width - 1) / 2, names)
        ax.set_yticks((n_lines - 1 - shown) * (height + GAP) + (height - 1) / 2, names)
        ax.tick_params(length=0)
        return ax


def _grid_places(n_lines):
    """Values of a unit that have equal shares of the standard normal distribution between them."""
    return ndtri(np.linspace(MARGIN, 1 - MARGIN, n_lines)) if n_lines > 1 else np.zeros(1)


def _two(units, n_units):
    units = chosen_units(list(units) if isinstance(units, tuple) else units, n_units)
    if len(units) != 2:
        raise ValueError(f"units has to be two units, got {len(units)}.")
    return units
