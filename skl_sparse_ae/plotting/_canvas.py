"""Axes to draw in, and names beside curves: the only place that imports matplotlib."""

import numpy as np
from scipy.optimize import isotonic_regression

LABEL_GAP = 0.02  # between the end of a curve and its name, as a share of the axes' width
LINE_HEIGHT = 1.25  # of a name, in units of its font size


def require_matplotlib(caller):
    """ImportError that names the extra, before any work is done."""
    try:
        import matplotlib  # noqa: F401  only to see whether it is there
    except ImportError as error:
        raise ImportError(
            f'{caller} requires matplotlib. Install it by: pip install "skl_sparse_ae[plots]"'
        ) from error


def axes_of(display, ax, figsize=None):
    """The axes for `display` to draw in, `ax` or those of a new figure, stored in it as `ax_` and `figure_`."""
    require_matplotlib(type(display).__name__)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def plain(name):
    """A name that is drawn as it is: matplotlib takes what is between two dollars for mathematics.

    It makes no entry in a legend of a name that starts with an underscore. Control characters have no
    glyphs.
    """
    text = "".join(c if c.isprintable() else "\ufffd" for c in str(name)).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def remove_spines(ax):
    """Leave the left and the lower one, which carry numbers."""
    ax.spines[["top", "right"]].set_visible(False)


def name_ends(ax, x, heights, names):
    """Write each name right of the point (x, height) where its curve ends, apart from one another, and make room for them.

    The limits of the y axis have to be final; those of the x axis are widened.
    """
    heights = np.clip(heights, *ax.get_ylim())  # 0 has no place on a logarithmic axis
    ends = ax.transAxes.inverted().transform(
        ax.transData.transform([(x, height) for height in heights])
    )[:, 1]
    height = ax.get_window_extent().height
    texts = [
        ax.text(0, 0, name, transform=ax.transAxes, va="center", fontsize="small") for name in names
    ]
    line = texts[0].get_fontsize() * LINE_HEIGHT * ax.figure.dpi / 72 / height
    width = max(text.get_window_extent().width for text in texts) / ax.get_window_extent().width
    left, share = ax.get_xlim()[0], min(width + 2 * LABEL_GAP, 0.6)
    ax.set_xticks([tick for tick in ax.get_xticks() if left <= tick <= x])
    ax.spines["bottom"].set_bounds(left, x)
    ax.set_xlim(left, left + (x - left) / (1 - share))
    for text, end in zip(texts, spread(ends, line), strict=True):
        text.set_position((1 - share + LABEL_GAP, end))
    return texts


def spread(heights, least):
    """The heights moved as little as possible (least squares) so that neighbours are at least `least` apart."""
    heights = np.asarray(heights, dtype=float)
    order = np.argsort(heights, kind="stable")
    steps = least * np.arange(len(heights))
    moved = np.empty_like(heights)
    moved[order] = isotonic_regression(heights[order] - steps).x + steps
    return moved
