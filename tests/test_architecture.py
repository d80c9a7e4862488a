"""Imports run downward only, scikit-learn stays in the rooms that meet users, and functions stay short."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skl_sparse_ae"
LAYERS = [
    {"_activations", "_row_source", "_threads", "_persistence", "_noise", "_moments", "_scale"},  # the ground
    {"_rows"},
    {"_blocks"},
    {
        "_losses",
        "_penalties",
        "_weights",
        "_solvers",
        "_diagnostics",
        "_validation",
        "_callbacks",
        "_inputs",
        "_layers",
        "_inside",
    },  # leaves
    {"_gram"},
    {"_objective", "_variational_objective"},
    {"_projection", "_one_pass", "_inference", "_variational_inference"},
    {"_problems", "_variational_problem"},
    {"_training"},
    {"_autoencoder"},
    {"_sparse_autoencoder", "_variational_autoencoder"},
    {"__init__"},
    {"metrics", "dask"},  # above `__init__`, which does not import them: only who uses them pays for them
    {"model_selection"},
    {"onnx", "export", "fine_tuning"},
    {"plotting._canvas", "plotting._checks", "plotting._images"},
    {
        f"plotting._{name}"
        for name in (
            "activations",
            "features",
            "latent_plane",
            "loss_curve",
            "reconstructions",
            "samples",
            "top_rows",
            "trade_off",
        )
    },
    {"plotting"},
]
MEETS_USERS = {
    "_autoencoder",
    "_sparse_autoencoder",
    "_variational_autoencoder",
    "_validation",
    "_callbacks",
    "_inside",
    "dask",
    "metrics",
    "model_selection",
    "onnx",
    "export",
    "fine_tuning",
    "plotting._checks",
}
RUN_TIME_DEPENDENCIES = {"numpy", "scipy", "sklearn", "skl_sparse_ae", "threadpoolctl"}  # the last comes with scikit-learn
OPTIONAL = {  # imported there only, and only when needed
    "plotting._canvas": {"matplotlib"},
    "onnx": {"skl2onnx"},
    "export": {"torch"},
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


@pytest.mark.parametrize("name", trees())
def test_imports_run_downward(name):
    layer = next(i for i, layer in enumerate(LAYERS) if name in layer)
    below = set().union(*LAYERS[:layer])
    ours = {module.removeprefix("skl_sparse_ae.") for module in imports(trees()[name]) if module.startswith("skl_sparse_ae.")}
    assert ours <= below


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
    assert not uses or name in MEETS_USERS


@pytest.mark.parametrize("name", trees())
def test_solvers_and_maths_neither_warn_nor_print(name):
    called = {node.func.id for node in ast.walk(trees()[name]) if isinstance(node, ast.Call) and hasattr(node.func, "id")}
    assert "print" not in called or name == "_training"
    assert "warnings" not in set(imports(trees()[name])) or name in {"_autoencoder", "_persistence", "onnx"}


def test_functions_are_short():
    sizes = {}
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                sizes[name, node.name] = body[-1].end_lineno - body[0].lineno + 1 if body else 0
    assert max(sizes.values()) <= 40
    assert sum(size < 25 for size in sizes.values()) >= 0.9 * len(sizes)


def test_every_module_has_its_test_file():
    tests = Path(__file__).parent
    files = {name: tests / f"test_{name.replace('.', '').removeprefix('_')}.py" for name in trees() if name != "__init__"}
    missing = [name for name, file in files.items() if not file.exists()]
    assert not missing
