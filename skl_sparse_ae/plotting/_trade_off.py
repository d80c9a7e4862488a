"""Reconstruction against sparsity, over a search or a path of the sparsity weight."""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skl_sparse_ae._sparse.scale import factor_of
from skl_sparse_ae.plotting._canvas import axes_of, remove_spines, require_matplotlib
from skl_sparse_ae.plotting._checks import check_index

POINTS = {
    "color": "black",
    "marker": "o",
    "markersize": 5,
    "linewidth": 1,
    "elinewidth": 1,
    "capsize": 2,
    "ecolor": "0.6",
}

LABEL_SIZE = 8
LABEL_OFFSET = 5  # of a label from its point, each way
LABEL_CLEARANCE = 3  # from whatever else is drawn
STEPS = np.linspace(0, 1, 41)[:, None]
SIDES = np.array([(1, 1), (-1, -1), (-1, 1), (1, -1), (0, 1), (0, -1), (1, 0), (-1, 0)])


class TradeOffDisplay:
    """What reconstruction costs sparsity: one point for each sparsity weight, which is written beside it.

    Parameters
    ----------
    weights : array-like of shape (n_points,)
        Sparsity weights: numbers, or multiples such as "0.3*scale". The points are joined in their order, if no two are the
        same.
    reconstruction : ndarray of shape (n_points,)
        How well the rows are reconstructed, e.g. R2.
    sparsity : ndarray of shape (n_points,)
        How sparse the code is, e.g. Hoyer's measure.
    reconstruction_error, sparsity_error : ndarray of shape (n_points,) or None, default=None
        Standard errors, drawn as bars.
    chosen : int or None, default=None
        Index of the point to mark.
    name : str, default="sparsity weight"
        What the weights are called.
    xlabel, ylabel : str, default="sparsity" and "reconstruction"
        Names of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes drawn in, after `plot`.
    figure_ : matplotlib Figure
        Its figure.
    errorbar_ : matplotlib ErrorbarContainer
        Points, the line that joins them, and the bars.
    chosen_ : matplotlib Line2D or None
        The ring around the chosen point.
    text_ : list of matplotlib Annotation
        The weights.

    See Also
    --------
    skl_sparse_ae.model_selection.sparse_autoencoder_path : Fits over sparsity weights.
    skl_sparse_ae.metrics.reconstruction_and_sparsity_scorer : Both measures, for a search.

    Examples
    --------
    >>> from skl_sparse_ae.plotting import TradeOffDisplay
    >>> display = TradeOffDisplay(
    ...     [0.02, 0.2, 2], [0.97, 0.94, 0.8], [0.35, 0.55, 0.6], chosen=1
    ... ).plot()
    >>> display.ax_.get_xlabel()
    'sparsity'
    """

    def __init__(
        self,
        weights: ArrayLike,
        reconstruction: ArrayLike,
        sparsity: ArrayLike,
        *,
        reconstruction_error: ArrayLike | None = None,
        sparsity_error: ArrayLike | None = None,
        chosen: int | None = None,
        name: str = "sparsity weight",
        xlabel: str = "sparsity",
        ylabel: str = "reconstruction",
    ):
        self.weights = weights
        self.reconstruction = reconstruction
        self.sparsity = sparsity
        self.reconstruction_error = reconstruction_error
        self.sparsity_error = sparsity_error
        self.chosen = chosen
        self.name = name
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        x: str = "mean_test_hoyer",
        y: str = "mean_test_r2",
        parameter: str = "param_sparsity_weight",
        chosen: int | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the results of a search with one scorer for sparsity and one for reconstruction.

        Parameters
        ----------
        cv_results : dict of str to array-like of shape (n_candidates,)
            `cv_results_` of `GridSearchCV` and its like. Bars are standard errors over the splits, where it has
            their standard deviations.
        x, y : str, default="mean_test_hoyer" and "mean_test_r2"
            Keys of sparsity and reconstruction.
        parameter : str, default="param_sparsity_weight"
            Key of the weight; in a pipeline, its step's name comes in front of the parameter's.
        chosen : int, default=None
            Candidate to mark, e.g. `best_index_` of the search.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : TradeOffDisplay

        Raises
        ------
        KeyError
            If one of the keys is not there; those that are get named.
        ValueError
            If there is no candidate `chosen`.
        ImportError
            Without matplotlib.
        """
        require_matplotlib(cls.__name__)
        for key in (x, y, parameter):
            if key not in cv_results:
                raise KeyError(
                    f"cv_results has no {key!r}. Its keys are {', '.join(sorted(cv_results))}."
                )
        errors = {
            "sparsity_error": _standard_error(cv_results, x),
            "reconstruction_error": _standard_error(cv_results, y),
        }
        name = parameter.removeprefix("param_").split("__")[-1].replace("_", " ")
        labels = {
            "name": name,
            "xlabel": f"sparsity ({_label(x)})",
            "ylabel": f"reconstruction ({_label(y)})",
        }
        reconstruction, sparsity = (np.asarray(cv_results[key], dtype=float) for key in (y, x))
        return cls(
            list(cv_results[parameter]), reconstruction, sparsity, chosen=chosen, **errors, **labels
        ).plot(ax, **kwargs)

    @classmethod
    def from_path(
        cls, path: Any, *, chosen: int | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw a path of fits.

        Parameters
        ----------
        path : SparseAutoencoderPath
            As `sparse_autoencoder_path` returns it; anything with `sparsity_weights`, `r2` and `hoyer` will do.
        chosen : int, default=None
            Index of the point to mark.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : TradeOffDisplay

        Raises
        ------
        ValueError
            If there is no point `chosen`, or the lengths differ.
        ImportError
            Without matplotlib.
        """
        require_matplotlib(cls.__name__)
        labels = {"xlabel": "sparsity (hoyer)", "ylabel": "reconstruction (r2)"}
        return cls(path.sparsity_weights, path.r2, path.hoyer, chosen=chosen, **labels).plot(
            ax, **kwargs
        )

    def plot(self, ax: Any = None, **errorbar_kw: Any) -> Self:
        """Draw the points with their bars, weights and the ring.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **errorbar_kw : dict
            Passed to `matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        self : TradeOffDisplay

        Raises
        ------
        ValueError
            If the lengths differ, or there is no point `chosen`.
        ImportError
            Without matplotlib.
        """
        given = np.asarray(self.weights, dtype=object)
        weights, labels = (
            [_number(weight) for weight in given],
            [_written(weight) for weight in given],
        )
        x, y = (np.asarray(values, dtype=float) for values in (self.sparsity, self.reconstruction))
        if not len(weights) == len(x) == len(y):
            raise ValueError(
                f"weights, reconstruction and sparsity have {len(weights)}, {len(y)} and {len(x)} elements."
            )
        if self.chosen is not None:
            check_index("chosen", self.chosen, len(weights))
        ax = axes_of(self, ax)
        order = np.argsort(weights, kind="stable")
        bars = {
            "xerr": _take(self.sparsity_error, order),
            "yerr": _take(self.reconstruction_error, order),
        }
        line = "-" if len(set(weights)) == len(weights) else "none"
        self.errorbar_ = ax.errorbar(
            x[order], y[order], **POINTS | {"linestyle": line} | bars | errorbar_kw
        )
        self.text_ = _label_points(ax, x[order], y[order], [labels[i] for i in order], bars)
        self.chosen_ = None if self.chosen is None else _ring(ax, x[self.chosen], y[self.chosen])
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        ax.set_title(f"{self.name} beside each point", loc="left", fontsize="medium")
        remove_spines(ax)
        return self


def _number(weight):
    """To sort by: the factor of a multiple of the scale."""
    factor = factor_of(weight) if isinstance(weight, str) else None
    return float(weight) if factor is None else factor


def _written(weight):
    return (
        weight.replace("*scale", " scale").strip() if isinstance(weight, str) else f"{weight:.3g}"
    )


def _label_points(ax, x, y, labels, bars):
    """Write each label on the first side of its point that is clear of points, line, bars and the other labels."""
    ax.autoscale_view()
    to_points = partial(_in_points, ax)
    places, taken, texts = to_points(x, y), _drawn(to_points, x, y, bars), []
    for i, (place, label) in enumerate(zip(places, labels, strict=True)):
        half = np.array([0.3 * len(label), 0.5]) * LABEL_SIZE
        middles = place + SIDES * (LABEL_OFFSET + half)
        distances = np.linalg.norm(
            np.maximum(np.abs(taken - middles[:, None]) - half, 0), axis=2
        ).min(axis=1)
        best = np.minimum(distances, LABEL_CLEARANCE).argmax()  # far enough is as good as farther
        options = {
            "textcoords": "offset points",
            "fontsize": LABEL_SIZE,
            "ha": "center",
            "va": "center",
        }
        texts.append(ax.annotate(label, (x[i], y[i]), middles[best] - place, **options))
        taken = np.vstack([taken, middles[best], middles[best] + SIDES * half])
    return texts


def _in_points(ax, x, y):
    """Where data are in the figure, in the unit of font sizes."""
    return ax.transData.transform(np.column_stack([x, y])) * 72 / ax.figure.dpi


def _drawn(to_points, x, y, bars):
    """Places along the line and the bars."""
    places = to_points(x, y)
    line = [start + STEPS * (end - start) for start, end in pairwise(places)]
    halves = [
        (0 if bars["xerr"] is None else step * bars["xerr"], 0)
        for step in (-1, -0.7, -0.4, 0.4, 0.7, 1)
    ]
    halves += [
        (0, 0 if bars["yerr"] is None else step * bars["yerr"])
        for step in (-1, -0.7, -0.4, 0.4, 0.7, 1)
    ]
    return np.concatenate(
        [places, *line, *(to_points(x + across, y + up) for across, up in halves)]
    )


def _take(values, order):
    return None if values is None else np.asarray(values, dtype=float)[order]


def _ring(ax, x, y):
    return ax.plot(
        x, y, marker="o", markersize=14, markerfacecolor="none", color="black", linestyle="none"
    )[0]


def _standard_error(cv_results, key):
    """Of a mean over splits, or None if its standard deviation or the splits' own results are not there."""
    name = key.removeprefix("mean_")
    n_splits = sum(other.startswith("split") and other.endswith("_" + name) for other in cv_results)
    deviation = cv_results.get("std_" + name)
    return None if deviation is None or n_splits == 0 else np.asarray(deviation) / np.sqrt(n_splits)


def _label(key):
    return key.removeprefix("mean_test_").replace("_", " ")
