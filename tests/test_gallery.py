"""The scripts of the gallery compile, and import names that exist. Building the site runs them."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"
DECLARED = {
    "numpy",
    "scipy",
    "sklearn",
    "matplotlib",
    "pandas",
    "skl_sparse_ae",
}  # the package, its plots and the docs group
SCRIPTS = sorted(GALLERY.glob("plot_*.py"))


def imports(tree):
    """(module, name imported from it or None)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_what_is_declared_and_what_there_is(path):
    for module, name in imports(compile(path.read_text(), path, "exec", ast.PyCF_ONLY_AST)):
        assert module.split(".")[0] in DECLARED | sys.stdlib_module_names
        if name is not None and module.startswith("skl_sparse_ae"):
            assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_leave_no_filter_behind(path):
    """The site is built in one process, where a filter would hide the next script's warnings."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            node.body = []
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & {"filterwarnings", "simplefilter", "seterr", "seed", "rc"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_code_fits_the_width_of_the_page(path):
    """Beyond 80 columns the site scrolls sideways; it wraps comments and docstrings."""
    tree = ast.parse(path.read_text())
    prose = {
        line
        for node in ast.walk(tree)
        if is_docstring(node)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    lines = enumerate(path.read_text().splitlines(), 1)
    assert not [
        line
        for number, line in lines
        if len(line) > 80 and number not in prose and not line.lstrip().startswith("#")
    ]


def is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
