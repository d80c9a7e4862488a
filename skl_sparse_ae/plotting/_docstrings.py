"""The parts of docstrings that displays share.

A docstring names a part in braces, on a line of its own, and `fill_docstrings` inserts its text.
"""

import re
from textwrap import indent
from typing import TypeVar

PARTS = {
    "ax": """\
ax : matplotlib Axes, default=None
    Axes to draw in. None creates a figure.
""",
    "plot_kwargs": """\
**kwargs : dict
    Passed to `plot`.
""",
    "axes_and_figure": """\
ax_ : matplotlib Axes
    The axes of the last `plot`.
figure_ : matplotlib Figure
    Their figure.
""",
    "image_shape": """\
image_shape : tuple of int
    ``(height, width)``, or ``(height, width, 3)`` for pixels of red, green and blue.
""",
    "optional_image_shape": """\
image_shape : tuple of int or None, default=None
    ``(height, width)``, or ``(height, width, 3)`` for pixels of red, green and blue.
""",
    "estimator": """\
estimator : estimator instance
    A fitted autoencoder, or a fitted pipeline that contains one.
""",
    "raises_estimator": """\
NotFittedError
    If the estimator is not fitted.
TypeError
    If the estimator is not an autoencoder and contains none.
""",
    "raises_matplotlib": """\
ImportError
    If matplotlib is not installed.
""",
}
PLACEHOLDER = re.compile(r"^( *)\{(\w+)\}\n", flags=re.MULTILINE)

Display = TypeVar("Display", bound=type)


def fill_docstrings(display: Display) -> Display:
    """Class decorator: insert the shared parts into the docstrings of the class and its methods."""
    members = [getattr(member, "__func__", member) for member in vars(display).values()]
    for documented in (display, *filter(callable, members)):
        if documented.__doc__:  # None under python -OO
            documented.__doc__ = PLACEHOLDER.sub(_part, documented.__doc__)
    return display


def _part(match):
    indentation, name = match.groups()
    return indent(PARTS[name], indentation)
