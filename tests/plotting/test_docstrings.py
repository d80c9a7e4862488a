"""Shared parts of docstrings are filled in, at the indentation of their place."""

import inspect

import pytest

from skl_sparse_ae import plotting
from skl_sparse_ae.plotting._docstrings import PARTS, fill_docstrings


def documented():
    for name in plotting.__all__:
        display = getattr(plotting, name)
        yield display
        for method in vars(display).values():
            method = getattr(method, "__func__", method)
            if inspect.isfunction(method) and not method.__name__.startswith("_"):
                yield method


@pytest.mark.parametrize("thing", documented(), ids=lambda thing: thing.__qualname__)
def test_no_placeholder_is_left_and_each_parameter_is_there(thing):
    assert not any(f"{{{name}}}" in thing.__doc__ for name in PARTS)
    lines = inspect.getdoc(thing).splitlines()
    described = {
        name.strip("* ")
        for line in lines
        if " : " in line
        for name in line.split(" : ")[0].split(",")
    }
    described |= {"kwargs"} & {"kwargs" for line in lines if "**kwargs" in line}
    assert set(inspect.signature(thing).parameters) - {"self", "cls"} <= described


def test_parts_take_the_indentation_of_their_placeholder():
    @fill_docstrings
    class Display:
        """One.

        {ax}
            More.
        """

        @classmethod
        def make(cls):
            """Two.

            {raises_matplotlib}
            """

        undocumented = 3

    assert "ax : matplotlib Axes" in inspect.getdoc(Display).splitlines()[2]
    assert inspect.getdoc(Display).endswith("creates a figure.\n    More.")
    assert inspect.getdoc(Display.make).endswith("ImportError\n    If matplotlib is not installed.")


def test_an_unknown_part_is_an_error():
    with pytest.raises(KeyError, match="nothing"):

        @fill_docstrings
        class Display:
            """One.

            {nothing}
            """
