"""Imports run downward only, scikit-learn stays at the public boundary, functions stay short."""

import ast
import sys
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest

PACKAGE = Path(__file__).parents[1] / "skl_sparse_ae"
# A folder or public module may import from those in earlier rows, and within itself.
LAYERS = [
    {"_version", "_arrays"},
    {"_rows", "_solvers"},
    {"_nn", "_estimator"},
    {"_sparse", "_variational", "_topk"},  # a family imports no other
    {"_outliers"},
    {"__init__"},
    # the tools: `import skl_sparse_ae` loads none of them
    {"metrics", "dask", "export", "compat", "datasets", "inspection"},
    {"model_selection", "plotting"},
]
TOOLS = {"metrics", "dask", "export", "compat", "datasets", "inspection"}
TOOLS |= {"model_selection", "plotting"}
USES_SCIKIT_LEARN = {"_estimator", "_outliers", *TOOLS}  # and the `estimator` of each family
WARN = {"_estimator.base", "_estimator.persistence", "export._onnx"}
# Modules whose `hasattr` is about objects of users, of other libraries or of the operating system.
ASK_OTHERS = {"_rows.disk", "_rows.blas_threads", "_estimator.containers", "_estimator.unwrap"}
ASK_OTHERS |= {"_estimator.callbacks", "plotting._checks", "dask.estimator"}
# scikit-learn itself requires threadpoolctl.
RUN_TIME_DEPENDENCIES = {"numpy", "scipy", "sklearn", "skl_sparse_ae", "threadpoolctl"}
OPTIONAL = {  # imported there only, and only when needed
    "plotting._canvas": {"matplotlib"},
    "export._onnx": {"skl2onnx"},
    "export._torch": {"torch"},
}


@cache
def trees():
    return {name_of(path): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path):
    """The dotted name of a module within the package; a folder's for its `__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def roots(tree):
    return {module.split(".")[0] for module in imports(tree)}


def folder(name):
    return name.split(".")[0]


@pytest.mark.parametrize("name", trees())
def test_imports_run_downward(name):
    layer = next(i for i, layer in enumerate(LAYERS) if folder(name) in layer)
    allowed = {folder(name)}.union(*LAYERS[:layer])
    ours = {
        module.removeprefix("skl_sparse_ae.")
        for module in imports(trees()[name])
        if module.startswith("skl_sparse_ae.")
    }
    assert {folder(module) for module in ours} <= allowed


def test_no_two_modules_import_each_other():
    below = {name: set(imports(tree)) for name, tree in trees().items()}
    sorter = TopologicalSorter(
        {
            name: {module.removeprefix("skl_sparse_ae.") for module in modules}
            & below.keys() - {name}
            for name, modules in below.items()
        }
    )
    sorter.prepare()  # raises CycleError


@pytest.mark.parametrize("name", trees())
def test_only_declared_dependencies_are_imported(name):
    allowed = RUN_TIME_DEPENDENCIES | sys.stdlib_module_names | OPTIONAL.get(name, set())
    assert roots(trees()[name]) <= allowed


@pytest.mark.parametrize("name", OPTIONAL)
def test_optional_dependencies_are_imported_within_functions(name):
    tree = trees()[name]
    assert OPTIONAL[name] <= roots(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = []
    assert not OPTIONAL[name] & roots(tree)


@pytest.mark.parametrize("name", trees())
def test_scikit_learn_stays_where_users_are_met(name):
    uses = any(module.startswith("sklearn") for module in imports(trees()[name]))
    assert not uses or folder(name) in USES_SCIKIT_LEARN or name.endswith(".estimator")


@pytest.mark.parametrize("name", trees())
def test_solvers_and_maths_neither_warn_nor_print(name):
    calls = (node for node in ast.walk(trees()[name]) if isinstance(node, ast.Call))
    called = {node.func.id for node in calls if hasattr(node.func, "id")}
    assert "print" not in called or name == "_estimator.monitor"
    assert "warnings" not in set(imports(trees()[name])) or name in WARN


@pytest.mark.parametrize("name", trees())
def test_contracts_are_written_down(name):
    """No `hasattr` decides what an object of ours can do; protocols say it."""
    calls = (node for node in ast.walk(trees()[name]) if isinstance(node, ast.Call))
    asked = [node.args[1] for node in calls if getattr(node.func, "id", "") == "hasattr"]
    ours = [node for node in asked if not getattr(node, "value", "").endswith("_")]  # not fitted
    assert not ours or name in ASK_OTHERS


def body_length(function):
    """The lines of a function after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_functions_are_short():
    sizes = [
        body_length(node)
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    assert max(sizes) <= 45
    assert np.percentile(sizes, 90) < 24
    assert np.median(sizes) <= 6


def test_lines_fit_the_screen():
    """Ruff checks 100 columns everywhere; here, that nobody switches that off."""
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["ruff"]
    assert settings["line-length"] == 100
    assert "E501" not in settings["lint"]["ignore"]


def file_of_tests(name):
    *folders, module = name.split(".")
    folders = (folder.removeprefix("_") for folder in folders)
    return Path(*folders, f"test_{module.removeprefix('_')}.py")


def test_every_module_has_its_test_file():
    tests, packages = Path(__file__).parent, {name.rpartition(".")[0] for name in trees()}
    modules = trees().keys() - packages - {"__init__", "_version"}
    files = {tests / file_of_tests(name) for name in modules}
    assert not sorted(file for file in files if not file.exists())
