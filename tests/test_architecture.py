"""Imports run downward only, scikit-learn stays in the rooms that meet users, and functions stay short."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skl_sparse_ae"
# A folder or public module may import from those in earlier rows, and within itself.
LAYERS = [
    {"_version", "_arrays"},
    {"_rows", "_solvers"},
    {"_nn", "_estimator"},
    {"_sparse", "_variational"},  # a family imports no other
    {"__init__"},
    {"metrics", "dask", "export", "compat"},  # the tools: `import skl_sparse_ae` loads none of them
    {"model_selection", "plotting"},
]
TOOLS = {"metrics", "dask", "export", "compat", "model_selection", "plotting"}
USES_SCIKIT_LEARN = {"_estimator", *TOOLS}  # and the `estimator` of each family
RUN_TIME_DEPENDENCIES = {
    "numpy",
    "scipy",
    "sklearn",
    "skl_sparse_ae",
    "threadpoolctl",
}  # the last comes with scikit-learn
OPTIONAL = {  # imported there only, and only when needed
    "plotting._canvas": {"matplotlib"},
    "export._onnx": {"skl2onnx"},
    "export._torch": {"torch"},
}


def trees():
    return {name_of(path): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path):
    """Of a module below the package, with dots; of a subpackage's `__init__`, the subpackage's."""
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
    called = {
        node.func.id
        for node in ast.walk(trees()[name])
        if isinstance(node, ast.Call) and hasattr(node.func, "id")
    }
    assert "print" not in called or name == "_estimator.history"
    assert "warnings" not in set(imports(trees()[name])) or name in {
        "_autoencoder",
        "_persistence",
        "export._onnx",
    }


def test_functions_are_short():
    sizes = {}
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                sizes[name, node.name] = body[-1].end_lineno - body[0].lineno + 1 if body else 0
    assert max(sizes.values()) <= 45
    assert sum(size < 25 for size in sizes.values()) >= 0.9 * len(sizes)


def test_file_of(name):
    *folders, module = name.split(".")
    return Path(
        *(folder.removeprefix("_") for folder in folders), f"test_{module.removeprefix('_')}.py"
    )


def test_every_module_has_its_test_file():
    tests, packages = Path(__file__).parent, {name.rpartition(".")[0] for name in trees()}
    files = {
        tests / test_file_of(name) for name in trees().keys() - packages - {"__init__", "_version"}
    }
    assert not sorted(file for file in files if not file.exists())
