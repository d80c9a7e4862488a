"""The histogram of how many rows use each unit of a sparse code."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skl_sparse_ae._estimator.unwrap import transform_before
from skl_sparse_ae.metrics import unit_density
from skl_sparse_ae.plotting._calls import check_calls
from skl_sparse_ae.plotting._canvas import (
    ACCENT,
    BARS,
    SMALL,
    axes_of,
    entitle,
    remove_spines,
    require_matplotlib,
)
from skl_sparse_ae.plotting._checks import fitted_autoencoder, fitted_with
from skl_sparse_ae.plotting._docstrings import fill_docstrings

BINS_PER_DECADE = 5
MAX_DECADES = 5  # that all have a label; of more, every other one has
DEAD = {"color": "white", "hatch": "////", "width": 1 / BINS_PER_DECADE, "label": "dead units"}
LEGEND = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2, "borderaxespad": 0}
TITLE_PAD = 22  # the title is above the legend
LEGEND |= {"frameon": False, "fontsize": SMALL}  # above the axes: a bar can be anywhere
EVEN = {"color": ACCENT, "linestyle": "--", "linewidth": 1.5, "label": "mean of all units"}


@check_calls
@fill_docstrings
class DensityDisplay:
    """The histogram of the densities of units: the share of rows that use each of them.

    The axis of the densities is logarithmic. Units that no row uses, dead units, have no logarithm:
    a hatched bar at the left counts them. In a good code the histogram has one peak. A second peak
    at 100% consists of units that nearly every row uses: they represent no feature. Many dead units
    waste memory and time.

    Parameters
    ----------
    density : ndarray of shape (n_units,)
        Share of the rows that use each unit, between 0 and 1.
    n_rows : int or None, default=None
        Number of rows, for the label of the axis. With fewer rows, more units are dead by chance.

    Attributes
    ----------
    {axes_and_figure}
    bars_ : matplotlib BarContainer
        The histogram of the units that are used.
    dead_ : matplotlib BarContainer or None
        The bar of the dead units; None if there are none.
    mean_ : matplotlib Line2D
        The mean density: active units of a row, divided by the number of units.
    legend_ : matplotlib Legend
        The legend of the line and of the dead units.

    See Also
    --------
    ActivationsDisplay : The distribution of activations, for codes that are never exactly 0.
    skl_sparse_ae.metrics.unit_density : The densities of a code.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import TopKAutoencoderTransformer
    >>> from skl_sparse_ae.plotting import DensityDisplay
    >>> X = load_digits().data / 16
    >>> model = TopKAutoencoderTransformer(
    ...     64, n_nonzero_coefs=8, max_iter=5, tol=0, random_state=0
    ... ).fit(X)
    >>> display = DensityDisplay.from_estimator(model)
    >>> round(float(display.density.sum()), 6)
    8.0
    """

    def __init__(self, density: np.ndarray, *, n_rows: int | None = None):
        self.density = density
        self.n_rows = n_rows

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike | None = None, *, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the densities of the units of a fitted autoencoder.

        Parameters
        ----------
        {estimator}
        X : array-like or sparse matrix of shape (n_samples, n_features), default=None
            Rows to encode. None takes `density_` of a `TopKAutoencoderTransformer`, the densities
            in training.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : DensityDisplay

        Raises
        ------
        {raises_estimator}
        ValueError
            If X does not match the estimator.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        if X is None:
            _, autoencoder = fitted_with(estimator, "density_")
            return cls(autoencoder.density_).plot(ax, **kwargs)
        before, autoencoder = fitted_autoencoder(estimator)
        code = autoencoder.transform(transform_before(before, X))
        return cls.from_predictions(code, ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, code: ArrayLike, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the densities of the units of a code.

        Parameters
        ----------
        code : array-like or sparse matrix of shape (n_samples, n_units)
            Activations, as `transform` returns them. A row uses a unit if its activation is not 0.
            Sigmoid units are never exactly 0: pass ``code > 0.5``, for example.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : DensityDisplay

        Raises
        ------
        ValueError
            If the code is not a matrix of finite numbers.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        return cls(unit_density(code), n_rows=np.shape(code)[0]).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **bar_kw: Any) -> Self:
        """Draw the histogram.

        Parameters
        ----------
        {ax}
        **bar_kw : dict
            Passed to `matplotlib.axes.Axes.bar`.

        Returns
        -------
        self : DensityDisplay

        Raises
        ------
        ValueError
            If the densities are not between 0 and 1.
        {raises_matplotlib}
        """
        density = self._checked_density()
        used = np.log10(density[density > 0])
        n_dead = len(density) - len(used)
        lowest = int(np.floor(min(used.min(initial=0), -1)))
        edges = np.linspace(lowest, 0, -lowest * BINS_PER_DECADE + 1)
        counts, _ = np.histogram(np.clip(used, lowest, 0), edges)
        ax = axes_of(self, ax)
        self.bars_ = ax.bar(edges[:-1], counts, **_style(BARS, bar_kw, align="edge"))
        self.dead_ = None
        if n_dead:
            self.dead_ = ax.bar(_place_of_dead(lowest), n_dead, **_style(BARS | DEAD, bar_kw))
            ax.bar_label(self.dead_, [str(n_dead)], fontsize=SMALL)
        mean = max(density.mean(), 10.0**lowest)
        self.mean_ = ax.axvline(np.log10(mean), **EVEN)
        self._label(ax, lowest, n_dead)
        return self

    def _label(self, ax, lowest, n_dead):
        step = 1 if -lowest <= MAX_DECADES else 2
        places = list(range(0, lowest - 1, -step))[::-1]
        names = [f"{10.0**place:.{max(0, -2 - place)}%}" for place in places]
        if n_dead:
            places, names = [_place_of_dead(lowest), *places], ["0", *names]
        ax.set_xticks(places, names)
        rows = "rows" if self.n_rows is None else f"{self.n_rows:,} rows"
        ax.set(xlabel=f"share of the {rows} that use the unit", ylabel="units")
        self.legend_ = ax.legend(**LEGEND)
        entitle(ax, "How many rows use a unit", TITLE_PAD)
        remove_spines(ax)

    def _checked_density(self):
        density = np.asarray(self.density, dtype=float)
        if density.ndim != 1 or not density.size or not ((density >= 0) & (density <= 1)).all():
            raise ValueError("density must be a non-empty vector of numbers between 0 and 1.")
        return density


def _place_of_dead(lowest):
    """Where the dead units' bar stands: left of the lowest decade and its label."""
    return lowest - max(2 / BINS_PER_DECADE, -0.12 * lowest)


def _style(style, bar_kw, **options):
    return {"width": 1 / BINS_PER_DECADE} | style | options | bar_kw
