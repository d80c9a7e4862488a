"""Reconstruction against sparsity, for a search or a path over the sparsity weight."""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skl_sparse_ae._sparse.scale import factor_of
from skl_sparse_ae.plotting._calls import check_calls
from skl_sparse_ae.plotting._canvas import axes_of, entitle, remove_spines, require_matplotlib
from skl_sparse_ae.plotting._checks import check_index
from skl_sparse_ae.plotting._docstrings import fill_docstrings

POINTS = {
    "color": "black",
    "marker": "o",
    "markersize": 5,
    "linewidth": 1,
    "elinewidth": 1,
    "capsize": 2,
    "ecolor": "0.6",
}

ACTIVE_UNITS = {"l0", "n nonzero coefs"}  # low values are sparse
NAMES = {"r2": "R2 of the reconstruction", "hoyer": "Hoyer sparsity"}
LABEL_SIZE = 8
LABEL_OFFSET = 5  # between a point and its label, in each direction
LABEL_CLEARANCE = 3  # between a label and anything else
STEPS = np.linspace(0, 1, 41)[:, None]
LABELS = {
    "textcoords": "offset points",
    "fontsize": LABEL_SIZE,
    "ha": "center",
    "va": "center",
}
BAR_STEPS = (-1, -0.7, -0.4, 0.4, 0.7, 1)
SIDES = np.array([(1, 1), (-1, -1), (-1, 1), (1, -1), (0, 1), (0, -1), (1, 0), (-1, 0)])


@check_calls
@fill_docstrings
class TradeOffDisplay:
    """The trade-off between reconstruction and sparsity: one point for each sparsity weight.

    Parameters
    ----------
    weights : array-like of shape (n_points,)
        Sparsity weights: numbers, or multiples such as "0.3*scale". A line joins the points in the
        order of their weights, unless two weights are equal.
    reconstruction : ndarray of shape (n_points,)
        Quality of the reconstruction, e.g. R2.
    sparsity : ndarray of shape (n_points,)
        Sparsity of the code, e.g. Hoyer's measure.
    reconstruction_error, sparsity_error : ndarray of shape (n_points,) or None, default=None
        Standard errors, drawn as bars.
    chosen : int or None, default=None
        Index of the point to mark.
    name : str, default="sparsity weight"
        Name of the weights, for the title.
    xlabel, ylabel : str, default="sparsity" and "reconstruction"
        Labels of the axes.

    Attributes
    ----------
    {axes_and_figure}
    errorbar_ : matplotlib ErrorbarContainer
        The points, the line that joins them, and the error bars.
    chosen_ : matplotlib Line2D or None
        The ring around the chosen point.
    text_ : list of matplotlib Annotation
        The weights beside the points.

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
            `cv_results_` of `GridSearchCV` or another search. Error bars are standard errors over
            the splits, if it contains standard deviations.
        x, y : str, default="mean_test_hoyer" and "mean_test_r2"
            Keys of the sparsity and of the reconstruction. For a `TopKAutoencoderTransformer` the
            sparsity may be ``"param_n_nonzero_coefs"``, or ``"mean_test_l0"`` if a scorer measures
            `skl_sparse_ae.metrics.l0_norm` under the name "l0".
        parameter : str, default="param_sparsity_weight"
            Key of the weight, or of another parameter with numbers as values. For a pipeline, the
            name of the step precedes that of the parameter.
        chosen : int, default=None
            Index of the candidate to mark, e.g. `best_index_` of the search.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : TradeOffDisplay

        Raises
        ------
        KeyError
            If a key is missing. The message lists the keys.
        ValueError
            If the candidate `chosen` does not exist.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        for key in (x, y, parameter):
            if key not in cv_results:
                raise KeyError(
                    f"cv_results has no {key!r}. Its keys are {', '.join(sorted(cv_results))}."
                )
        display = cls(
            list(cv_results[parameter]),
            np.asarray(cv_results[y], dtype=float),
            np.asarray(cv_results[x], dtype=float),
            reconstruction_error=_standard_error(cv_results, y),
            sparsity_error=_standard_error(cv_results, x),
            chosen=chosen,
            name=_parameter_name(parameter),
            xlabel=_sparsity_name(x),
            ylabel=_reconstruction_name(y),
        )
        return display.plot(ax, **kwargs)

    @classmethod
    def from_path(
        cls, path: Any, *, chosen: int | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw a path of fits.

        Parameters
        ----------
        path : SparseAutoencoderPath
            Result of `sparse_autoencoder_path`, or any object with the attributes
            `sparsity_weights`, `r2` and `hoyer`.
        chosen : int, default=None
            Index of the point to mark.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : TradeOffDisplay

        Raises
        ------
        ValueError
            If the point `chosen` does not exist, or the lengths differ.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        labels = {"xlabel": NAMES["hoyer"], "ylabel": NAMES["r2"]}
        return cls(path.sparsity_weights, path.r2, path.hoyer, chosen=chosen, **labels).plot(
            ax, **kwargs
        )

    def plot(self, ax: Any = None, **errorbar_kw: Any) -> Self:
        """Draw the points with their error bars and weights, and the ring.

        Parameters
        ----------
        {ax}
        **errorbar_kw : dict
            Passed to `matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        self : TradeOffDisplay

        Raises
        ------
        ValueError
            If the lengths differ, or the point `chosen` does not exist.
        {raises_matplotlib}
        """
        weights, x, y = self._checked_points()
        keys = [_sort_key(weight) for weight in weights]
        ax = axes_of(self, ax)
        order = np.argsort(keys, kind="stable")
        bars = {
            "xerr": _take(self.sparsity_error, order),
            "yerr": _take(self.reconstruction_error, order),
        }
        style = POINTS | {"linestyle": "-" if len(set(keys)) == len(keys) else "none"}
        self.errorbar_ = ax.errorbar(x[order], y[order], **style | bars | errorbar_kw)
        labels = [_label(weights[i]) for i in order]
        self.text_ = _label_points(ax, x[order], y[order], labels, bars)
        self.chosen_ = None if self.chosen is None else _ring(ax, x[self.chosen], y[self.chosen])
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        entitle(ax, f"Reconstruction against sparsity, by {self.name}")
        remove_spines(ax)
        return self

    def _checked_points(self):
        """Weights, sparsity and reconstruction, as arrays of the same length."""
        weights = np.asarray(self.weights, dtype=object)
        x, y = (np.asarray(values, dtype=float) for values in (self.sparsity, self.reconstruction))
        if not len(weights) == len(x) == len(y):
            raise ValueError(
                f"weights, reconstruction and sparsity have {len(weights)}, {len(y)} and {len(x)} "
                "elements."
            )
        if self.chosen is not None:
            check_index("chosen", self.chosen, len(weights))
        return weights, x, y


def _sort_key(weight):
    """The number, or the factor of a multiple of the scale."""
    factor = factor_of(weight) if isinstance(weight, str) else None
    return float(weight) if factor is None else factor


def _label(weight):
    if isinstance(weight, str):
        return weight.replace("*scale", " scale").strip()
    return f"{weight:.3g}"


def _label_points(ax, x, y, labels, bars):
    """Write each label on the first side of its point that is clear of everything else.

    That is points, line, error bars and other labels. If no side is clear, the best one is taken.
    """
    ax.autoscale_view()
    to_points = partial(_in_points, ax)
    places, taken, texts = to_points(x, y), _drawn(to_points, x, y, bars), []
    for i, (place, label) in enumerate(zip(places, labels, strict=True)):
        half = np.array([0.3 * len(label), 0.5]) * LABEL_SIZE
        middles = place + SIDES * (LABEL_OFFSET + half)
        overlaps = np.maximum(np.abs(taken - middles[:, None]) - half, 0)
        distances = np.linalg.norm(overlaps, axis=2).min(axis=1)
        # The first of the sides that are clear: more than enough clearance is no better.
        best = np.minimum(distances, LABEL_CLEARANCE).argmax()
        texts.append(ax.annotate(label, (x[i], y[i]), middles[best] - place, **LABELS))
        taken = np.vstack([taken, middles[best], middles[best] + SIDES * half])
    return texts


def _in_points(ax, x, y):
    """Positions of data in the figure, in points, the unit of font sizes."""
    return ax.transData.transform(np.column_stack([x, y])) * 72 / ax.figure.dpi


def _drawn(to_points, x, y, bars):
    """Positions along the line and the error bars, in points."""
    places = to_points(x, y)
    line = [start + STEPS * (end - start) for start, end in pairwise(places)]
    x_error, y_error = (0 if error is None else error for error in (bars["xerr"], bars["yerr"]))
    across = [to_points(x + step * x_error, y) for step in BAR_STEPS]
    up = [to_points(x, y + step * y_error) for step in BAR_STEPS]
    return np.concatenate([places, *line, *across, *up])


def _take(values, order):
    return None if values is None else np.asarray(values, dtype=float)[order]


def _ring(ax, x, y):
    style = {"color": "black", "markerfacecolor": "none", "linestyle": "none"}
    return ax.plot(x, y, marker="o", markersize=14, **style)[0]


def _standard_error(cv_results, key):
    """Standard error of a mean over splits; None without its standard deviation or the splits."""
    name = key.removeprefix("mean_")
    n_splits = sum(other.startswith("split") and other.endswith("_" + name) for other in cv_results)
    deviation = cv_results.get("std_" + name)
    return None if deviation is None or n_splits == 0 else np.asarray(deviation) / np.sqrt(n_splits)


def _metric_name(key):
    return key.removeprefix("mean_test_").replace("_", " ")


def _parameter_name(key):
    return key.removeprefix("param_").split("__")[-1].replace("_", " ")


def _sparsity_name(key):
    name = _parameter_name(key) if key.startswith("param_") else _metric_name(key)
    if name in ACTIVE_UNITS:
        return f"active units of a row ({name})"
    return NAMES.get(name, f"sparsity ({name})")


def _reconstruction_name(key):
    name = _metric_name(key)
    return NAMES.get(name, f"reconstruction ({name})")
