"""Axes and text. The only module that imports matplotlib."""

import numpy as np
from scipy.optimize import isotonic_regression

# The look of all displays. It is set on each artist, because rcParams belong to the user.
ACCENT = "#D55E00"  # of what the eye should find; always with a dash or a shape of its own
BARS = {"color": "0.75", "edgecolor": "black", "linewidth": 0.5}
SMALL = "small"  # size of captions, legends and names of curves
TITLE_INCHES = 0.3

LABEL_GAP = 0.02  # between a curve and its name, as a fraction of the axes' width
LINE_HEIGHT = 1.25  # of a name, in font sizes


def require_matplotlib(caller):
    """Raise ImportError, naming what to install, before any work is done."""
    try:
        import matplotlib  # noqa: F401  only to see whether it is installed
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. Install it by: pip install matplotlib"
        ) from error


def axes_of(display, ax, figsize=None):
    """Return `ax`, or axes of a new figure, and store them as `ax_` and `figure_` of `display`."""
    require_matplotlib(type(display).__name__)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def entitle(ax, title, pad=None):
    """Write the title over axes that have none, `pad` points above them."""
    if not ax.get_title():
        ax.set_title(title, fontsize="medium", pad=pad)


def plain(name):
    """Return a name that matplotlib draws literally.

    matplotlib typesets text between dollar signs as mathematics, and leaves names that start with
    an underscore out of legends. Control characters have no glyphs.
    """
    text = "".join(c if c.isprintable() else "\ufffd" for c in str(name)).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def remove_spines(ax):
    """Remove the top and right spines, which carry no numbers."""
    ax.spines[["top", "right"]].set_visible(False)


def whole_ticks(ax):
    """Put the ticks of the x axis at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def name_ends(ax, x, heights, names):
    """Write each name to the right of its curve's end (x, height), without overlaps.

    The limits of the y axis must be final; the x axis is extended to make room. Returns the texts.
    """
    heights = np.clip(heights, *ax.get_ylim())  # a logarithmic axis has no 0
    ends = ax.transData.transform([(x, height) for height in heights])
    ends = ax.transAxes.inverted().transform(ends)[:, 1]
    style = {"transform": ax.transAxes, "va": "center", "fontsize": SMALL}
    texts = [ax.text(0, 0, name, **style) for name in names]
    extent = ax.get_window_extent()
    line = texts[0].get_fontsize() * LINE_HEIGHT * ax.figure.dpi / 72 / extent.height
    width = max(text.get_window_extent().width for text in texts) / extent.width
    left, share = ax.get_xlim()[0], min(width + 2 * LABEL_GAP, 0.6)
    ax.set_xticks([tick for tick in ax.get_xticks() if left <= tick <= x])
    ax.spines["bottom"].set_bounds(left, x)
    ax.set_xlim(left, left + (x - left) / (1 - share))
    for text, end in zip(texts, spread(ends, line), strict=True):
        text.set_position((1 - share + LABEL_GAP, end))
    return texts


def spread(heights, least):
    """Move heights so that neighbours are at least `least` apart, by the smallest squared moves."""
    heights = np.asarray(heights, dtype=float)
    order = np.argsort(heights, kind="stable")
    steps = least * np.arange(len(heights))
    moved = np.empty_like(heights)
    moved[order] = isotonic_regression(heights[order] - steps).x + steps
    return moved
