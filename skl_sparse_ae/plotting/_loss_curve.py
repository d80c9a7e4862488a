"""The objective and its terms during a fit."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from skl_sparse_ae.plotting._calls import check_calls
from skl_sparse_ae.plotting._canvas import (
    ACCENT,
    axes_of,
    entitle,
    name_ends,
    remove_spines,
    require_matplotlib,
    whole_ticks,
)
from skl_sparse_ae.plotting._checks import check_choice, fitted_autoencoder
from skl_sparse_ae.plotting._docstrings import fill_docstrings

STYLES = {  # they differ in line style, marker and lightness as well as in colour
    "loss": {"color": "black", "linestyle": "-", "linewidth": 2},
    "reconstruction": {"color": "#0072B2", "linestyle": "--", "marker": "o"},
    "sparsity": {"color": ACCENT, "linestyle": "-.", "marker": "s"},
    "kl_divergence": {"color": ACCENT, "linestyle": "-.", "marker": "s"},
    "weight_decay": {"color": "#555555", "linestyle": ":", "marker": "^"},
}
NAMES = {"kl_divergence": "KL divergence"}  # the others are words already
N_MARKERS = 8
LOG_RANGE = 10  # ratio of the largest to the smallest value, above which the axis is logarithmic


@check_calls
@fill_docstrings
class LossCurveDisplay:
    """The loss and its terms against iterations (L-BFGS) or epochs (Adam).

    Parameters
    ----------
    loss_curve : sequence of float
        The objective after each iteration or epoch.
    loss_terms : dict of str to sequence of float
        The terms whose sum the objective is, by the names to write beside their curves.
    xlabel : str, default="iteration"
        Label of the horizontal axis.

    Attributes
    ----------
    {axes_and_figure}
    lines_ : dict of str to matplotlib Line2D
        The curves of "loss" and of each term. A term that is always 0 has no curve.
    text_ : list of matplotlib Text
        The names beside the curves.

    See Also
    --------
    ActivationsDisplay : The code: a fit may converge to a collapsed one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.plotting import LossCurveDisplay
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> sorted(display.lines_)
    ['loss', 'reconstruction', 'sparsity', 'weight_decay']
    """

    def __init__(
        self,
        loss_curve: Sequence[float],
        loss_terms: Mapping[str, Sequence[float]],
        *,
        xlabel: str = "iteration",
    ):
        self.loss_curve = loss_curve
        self.loss_terms = loss_terms
        self.xlabel = xlabel

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the curves that a fit has recorded.

        Parameters
        ----------
        {estimator}
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        {raises_estimator}
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        _, autoencoder = fitted_autoencoder(estimator)
        xlabel = "iteration" if getattr(autoencoder, "solver", "adam") == "lbfgs" else "epoch"
        return cls(autoencoder.loss_curve_, autoencoder.loss_terms_, xlabel=xlabel).plot(
            ax, **kwargs
        )

    def plot(self, ax: Any = None, *, yscale: str = "auto", **line_kw: Any) -> Self:
        """Draw the curves, with their names beside their ends.

        Parameters
        ----------
        {ax}
        yscale : {"auto", "linear", "log"}, default="auto"
            "auto" is "log" if the curves span more than a factor of 10.
        **line_kw : dict
            Passed to `matplotlib.axes.Axes.plot`, for every curve.

        Returns
        -------
        self : LossCurveDisplay

        Raises
        ------
        ValueError
            If `yscale` is unknown.
        {raises_matplotlib}
        """
        check_choice("yscale", yscale, ("auto", "linear", "log"))
        ax = axes_of(self, ax)
        curves = {"loss": self.loss_curve} | dict(self.loss_terms)
        shown = [name for name in curves if name == "loss" or np.any(curves[name])]
        curves = {name: np.asarray(curves[name]) for name in shown}
        self.lines_ = {name: _draw(ax, name, curve, line_kw) for name, curve in curves.items()}
        ax.set_yscale(_scale(curves.values()) if yscale == "auto" else yscale)
        last = len(self.loss_curve)
        ax.set(xlabel=self.xlabel, ylabel="loss and its terms", xlim=(min(1, last - 1), last))
        entitle(ax, f"Loss during the fit, by {self.xlabel}")
        remove_spines(ax)
        whole_ticks(ax)
        ax.set_ylim(ax.get_ylim())
        names = [NAMES.get(name, name.replace("_", " ")) for name in curves]
        self.text_ = name_ends(ax, last, [curve[-1] for curve in curves.values()], names)
        return self


def _draw(ax, name, curve, line_kw):
    every = max(1, len(curve) // N_MARKERS)
    style = STYLES.get(name, {}) | {"markevery": every, "markersize": 4} | line_kw
    return ax.plot(np.arange(1, len(curve) + 1), curve, **style)[0]


def _scale(curves):
    values = np.concatenate(list(curves))
    if values.size and values.min() < 0:  # a negative log-density
        return "linear"
    values = values[values > 0]
    return "log" if values.size and values.max() > LOG_RANGE * values.min() else "linear"
