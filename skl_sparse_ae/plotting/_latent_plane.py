"""The plane of two code units: the codes of rows in it, and the rows that a grid decodes to."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from skl_sparse_ae._estimator.unwrap import inverse_transform_before, transform_before
from skl_sparse_ae.plotting._calls import check_calls
from skl_sparse_ae.plotting._canvas import (
    TITLE_INCHES,
    axes_of,
    entitle,
    plain,
    remove_spines,
    require_matplotlib,
)
from skl_sparse_ae.plotting._checks import (
    check_count,
    check_same_length,
    chosen_units,
    dense,
    fitted_autoencoder,
)
from skl_sparse_ae.plotting._docstrings import fill_docstrings
from skl_sparse_ae.plotting._images import draw, figsize, painted, tiles_of

# A colour for each class: Okabe and Ito's eight, which colour-blind readers can distinguish, and
# five of Tol's. Neighbours differ in lightness. The markers and the labels work without any colour.
COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#F0E442")
COLOURS += ("#882255", "#999999", "#332288", "#999933", "#661100")
MARKERS = "osv^D<>pPX*hd"
LABEL = {"ha": "center", "va": "center", "fontsize": "large", "fontweight": "bold", "zorder": 3}
LABEL_BOX = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "0.4", "alpha": 0.85}
MAX_CLASSES = len(MARKERS)
FIGURE_INCHES = (5.6, 4.6)
TICKS = np.arange(-3, 4)
GAP = 1  # pixels between images
MARGIN = 0.02  # probability of the prior that the grid leaves out at each end


@check_calls
@fill_docstrings
class LatentPlaneDisplay:
    """Codes of two units as points, or the images that a grid of codes decodes to.

    Each class has a marker and a colour of its own, and its name stands at its centre, the median.
    Codes with a standard normal prior fill the plane around 0, without gaps, and without overlaps
    if the units separate the classes. Neighbouring lines of the grid enclose equal probabilities of
    the prior, so all of its images are equally likely.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, 2)
        Codes of rows.
    y : ndarray of shape (n_rows,) or None, default=None
        Their classes, at most 13.
    units : tuple of two ints, default=(0, 1)
        Indices of the two units.
    grid : ndarray of shape (n_lines * n_lines, n_features) or None, default=None
        Decoded codes, line by line from the upper left: the first unit rises to the right, the
        second one falls from line to line.
    {optional_image_shape}

    Attributes
    ----------
    {axes_and_figure}
    points_ : list of matplotlib PathCollection, or None
        The codes, one collection per class; None for a grid.
    legend_ : matplotlib Legend or None
        The legend of the classes.
    text_ : list of matplotlib Text
        The names of the classes at their centres; empty without classes.
    image_ : matplotlib AxesImage or None
        The grid, as a single image.

    See Also
    --------
    SamplesDisplay : Samples beside rows of the data set.

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
        {estimator}
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Rows to encode.
        y : array-like of shape (n_rows,), default=None
            Their classes.
        units : tuple of two ints, default=(0, 1)
            Units for the horizontal and the vertical axis.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : LatentPlaneDisplay

        Raises
        ------
        {raises_estimator}
        ValueError
            If X does not match the estimator, y has another length or more than 13 classes, or
            `units` are not two units.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        before, autoencoder = fitted_autoencoder(estimator)
        codes = dense(autoencoder.transform(transform_before(before, X)))
        units = _two(units, codes.shape[1])
        if y is not None:
            y = np.asarray(y)
            check_same_length(X=codes, y=y)
            if len(np.unique(y)) > MAX_CLASSES:
                raise ValueError(
                    f"y has {len(np.unique(y))} classes, but only {MAX_CLASSES} can be "
                    "distinguished."
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
        """Draw the images that a square grid of codes decodes to. All other units are 0.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or a fitted pipeline that contains one, if the steps before it
            have `inverse_transform`.
        {image_shape}
        n_lines : int, default=15
            Number of lines, and of images per line.
        units : tuple of two ints, default=(0, 1)
            Units for the horizontal and the vertical axis.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : LatentPlaneDisplay

        Raises
        ------
        {raises_estimator}
        ValueError
            If `image_shape` has another number of pixels than rows have features, or `units` are
            not two units.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        check_count("n_lines", n_lines)
        before, autoencoder = fitted_autoencoder(estimator)
        n_units = len(autoencoder.get_feature_names_out())
        units, codes = _two(units, n_units), np.zeros((n_lines**2, n_units))
        places = _grid_places(n_lines)
        codes[:, units[0]] = np.tile(places, n_lines)
        codes[:, units[1]] = np.repeat(places[::-1], n_lines)
        grid = inverse_transform_before(before, autoencoder.inverse_transform(codes))
        tiles_of(grid, image_shape)
        return cls(units=units, grid=grid, image_shape=image_shape).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, limits: tuple[float, float] | None = None, **kwargs: Any
    ) -> Self:
        """Draw the grid if there is one, otherwise the points.

        Parameters
        ----------
        {ax}
        limits : tuple of two floats, default=None
            Values that the grid shows as black and white; None takes the minimum and maximum.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.imshow` or `matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : LatentPlaneDisplay

        Raises
        ------
        {raises_matplotlib}
        """
        self.points_ = self.legend_ = self.image_ = None
        self.text_: list[Any] = []
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
        entitle(ax, "The code of each row")
        if self.y is None:
            self.points_ = [ax.scatter(*self.codes.T, **{"c": "0.3"} | options)]
            return ax
        self.points_ = []
        for label, colour, marker in zip(np.unique(self.y), COLOURS, MARKERS, strict=False):
            codes, style = self.codes[self.y == label], {"c": colour, "marker": marker} | options
            self.points_.append(ax.scatter(*codes.T, **style, label=plain(label)))
            centre = np.median(codes, axis=0)
            self.text_.append(ax.text(*centre, plain(label), bbox=LABEL_BOX, **LABEL))
        self.legend_ = ax.legend(
            loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, markerscale=1.6
        )
        return ax

    def _plot_grid(self, ax, limits, **imshow_kw):
        tiles = painted(tiles_of(self.grid, self.image_shape), *limits)
        n_lines, gaps = round(np.sqrt(len(tiles))), (GAP, GAP)
        ax = axes_of(self, ax, figsize(tiles, n_lines, gaps, (0.6, 0.6 + TITLE_INCHES)))
        self.image_, _ = draw(ax, tiles, n_lines, gaps, **imshow_kw)
        ax.set_axis_on()
        ax.spines[:].set_visible(False)
        ticks, lines = _grid_ticks(n_lines)
        height, width = tiles.shape[1:3]
        ax.set_xticks(lines * (width + GAP) + (width - 1) / 2, ticks)
        ax.set_yticks((n_lines - 1 - lines) * (height + GAP) + (height - 1) / 2, ticks)
        entitle(ax, "Rows decoded from a grid of codes")
        return ax


def _grid_places(n_lines):
    """Values of a unit with equal probabilities of the standard normal distribution between."""
    return ndtri(np.linspace(MARGIN, 1 - MARGIN, n_lines)) if n_lines > 1 else np.zeros(1)


def _grid_ticks(n_lines):
    """The integers within the grid, and where they stand, counted in lines from the first."""
    share = (ndtr(TICKS) - MARGIN) / (1 - 2 * MARGIN)
    inside = (share >= 0) & (share <= 1) if n_lines > 1 else TICKS == 0
    return TICKS[inside], share[inside] * (n_lines - 1)


def _two(units, n_units):
    units = chosen_units(list(units) if isinstance(units, tuple) else units, n_units)
    if len(units) != 2:
        raise ValueError(f"units must be two units, got {len(units)}.")
    return units
