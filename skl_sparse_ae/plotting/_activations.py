"""The distribution of each unit's activations: tells a sparse code from a collapsed one."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from skl_sparse_ae._estimator.unwrap import transform_before
from skl_sparse_ae.plotting._calls import check_calls
from skl_sparse_ae.plotting._canvas import (
    ACCENT,
    SMALL,
    axes_of,
    entitle,
    remove_spines,
    require_matplotlib,
)
from skl_sparse_ae.plotting._checks import checked, fitted_autoencoder
from skl_sparse_ae.plotting._docstrings import fill_docstrings

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
MAX_DENSE = 2**22  # elements of a sparse code that are dense at a time
MEDIAN = {"drawstyle": "steps-post", "color": "black", "linewidth": 1.5, "label": "median"}
MEAN = {
    "color": "white",
    "markeredgecolor": "black",
    "linestyle": "none",
    "marker": "o",
    "label": "mean",
}
DOTS_WIDTH = 250  # in points, of the dots of all units together
TARGET = {"color": ACCENT, "linestyle": "--", "linewidth": 1.5, "label": "target of the mean"}


@check_calls
@fill_docstrings
class ActivationsDisplay:
    """The distribution of each unit's activations over rows, and the sparsity target.

    Units are drawn side by side, the most variable first. In a sparse code most activations are
    near 0 and some are high: the bands reach far above the target, while the means lie on it. In a
    collapsed code each unit has the same value for every row: the bands are a thin line at the
    target. A unit that fewer than 5% of the rows use has a line at 0. Use `DensityDisplay` to
    distinguish such units.

    Parameters
    ----------
    quantiles : ndarray of shape (5, n_units)
        The 5%, 25%, 50%, 75% and 95% quantiles of the activations.
    means : ndarray of shape (n_units,)
        Mean activations.
    units : ndarray of shape (n_units,)
        Indices of the units, in drawing order.
    target : float or None, default=None
        Target of the mean activation.

    Attributes
    ----------
    {axes_and_figure}
    bands_ : list of matplotlib PolyCollection
        From the 5% to the 95% quantile, and from the 25% to the 75%.
    median_, mean_, target_ : matplotlib Line2D
        The curves; `target_` is None without a target.
    legend_ : matplotlib Legend
        The legend of bands and lines.

    See Also
    --------
    DensityDisplay : How many rows use each unit, for codes whose elements are mostly 0.
    LossCurveDisplay : How the fit converged.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.plotting import ActivationsDisplay
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> display = ActivationsDisplay.from_estimator(model, X)
    >>> display.target
    0.1
    """

    def __init__(
        self,
        quantiles: np.ndarray,
        means: np.ndarray,
        *,
        units: np.ndarray,
        target: float | None = None,
    ):
        self.quantiles = quantiles
        self.means = means
        self.units = units
        self.target = target

    @classmethod
    def from_estimator(cls, estimator: Any, X: ArrayLike, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the activations for X, and the estimator's `sparsity_target` if it has one.

        Parameters
        ----------
        {estimator}
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows to encode.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : ActivationsDisplay

        Raises
        ------
        {raises_estimator}
        ValueError
            If X does not match the estimator.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        before, autoencoder = fitted_autoencoder(estimator)
        code = autoencoder.transform(transform_before(before, X))
        return cls.from_predictions(
            code, target=getattr(autoencoder, "sparsity_target", None), ax=ax, **kwargs
        )

    @classmethod
    def from_predictions(
        cls, code: ArrayLike, *, target: float | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the activations in a code.

        Parameters
        ----------
        code : array-like or sparse matrix of shape (n_samples, n_units)
            Activations, as `transform` returns them.
        target : float or None, default=None
            Mean activation to compare with.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : ActivationsDisplay

        Raises
        ------
        ValueError
            If the code is not a matrix of finite numbers.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        code = checked(code)
        quantiles, means = _quantiles(code), np.asarray(code.mean(axis=0)).ravel()
        units = np.argsort(quantiles[0] - quantiles[-1], kind="stable")
        return cls(quantiles[:, units], means[units], units=units, target=target).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw bands and lines over units, on a vertical axis that covers 0 to 1.

        Parameters
        ----------
        {ax}
        **line_kw : dict
            Passed to `matplotlib.axes.Axes.plot` for the median, the means and the target.

        Returns
        -------
        self : ActivationsDisplay

        Raises
        ------
        {raises_matplotlib}
        """
        ax = axes_of(self, ax)
        edges = np.arange(len(self.means) + 1)
        low, low_mid, median, high_mid, high = np.column_stack(
            [self.quantiles, self.quantiles[:, -1]]
        )
        band = {"step": "post", "linewidth": 0}
        self.bands_ = [
            ax.fill_between(edges, low, high, color="0.8", label="5% to 95% of rows", **band),
            ax.fill_between(edges, low_mid, high_mid, color="0.5", label="25% to 75%", **band),
        ]
        (self.median_,) = ax.plot(edges, median, **MEDIAN | line_kw)
        size = np.clip(DOTS_WIDTH / len(self.means), 1, 4)
        (self.mean_,) = ax.plot(
            edges[:-1] + 0.5, self.means, **MEAN | {"markersize": size} | line_kw
        )
        self.target_ = None if self.target is None else ax.axhline(self.target, **TARGET | line_kw)
        ax.set(xlim=(0, len(self.means)), xlabel="units, most variable first", ylabel="activation")
        ax.set_ylim(min(0, self.quantiles.min()), max(1, self.quantiles.max()))
        self.legend_ = ax.legend(loc="upper right", frameon=False, fontsize=SMALL)
        entitle(ax, "Distribution of the activations of each unit")
        remove_spines(ax)
        return self


def _quantiles(code):
    """The quantiles (5, n_units) of each unit's activations."""
    if not issparse(code):
        return np.quantile(code, LEVELS, axis=0)
    columns, width = code.tocsc(), max(1, MAX_DENSE // code.shape[0])
    blocks = (columns[:, i : i + width] for i in range(0, code.shape[1], width))
    return np.hstack([np.quantile(block.toarray(), LEVELS, axis=0) for block in blocks])
