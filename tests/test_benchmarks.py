"""What the comparison of revisions runs still runs, and the pages have the places that the report fills."""

import importlib.util
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def guard():
    spec = importlib.util.spec_from_file_location("fits", ROOT / "benchmarks" / "guard" / "fits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["Digits", "Mnist"])
def test_timed_functions_run(name):
    case = getattr(guard(), name)()
    case.setup()
    timed = [function for key, function in inspect.getmembers(case, callable) if key.startswith("time_")]
    assert len(timed) == 4
    for function in timed:
        function()


def test_tracked_figures_mean_something():
    case = guard().NotSeconds()
    assert 0.0135 < case.track_objective() < 0.0140  # 0.0135 is where it ends after hundreds of iterations
    code, encoder = 4e-6 * 2000 * 196, 8e-6 * 784 * 196
    assert case.track_memory("lbfgs") > code + 20 * encoder  # what SciPy's history alone takes
    assert np.isclose(case.track_memory("adam"), 14, rtol=0.5)


@pytest.mark.parametrize("page", ["performance.md", "solvers.md"])
def test_each_place_of_a_table_has_its_end(page):
    marks = re.findall(r"<!-- (.*?) -->", (ROOT / "docs" / page).read_text())
    assert marks
    assert marks[1::2] == ["end"] * (len(marks) // 2)
    assert len(set(marks[::2])) == len(marks[::2])


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("SKL_SPARSE_AE_MNIST", "not read here")
    return importlib.import_module("benchmarks.tables")


def test_no_source_of_a_table_serves_for_both_the_choice_and_the_report(tables):
    roles, kinds = {}, {}
    for table in tables.TABLES.values():
        roles.setdefault(re.split("[ ,']", table.name)[0], set()).add(table.role)
        kinds.setdefault(table.kind, set()).add(table.role)
    assert [source for source, of_source in roles.items() if len(of_source) == 2] == ["genes"]  # of two seeds
    assert all(of_kind == {tables.CHOSEN, tables.REPORTED} for of_kind in kinds.values())


def test_test_rows_do_not_move_the_scaling_of_a_table(tables):
    X_train, X_test, y_train, y_test = tables.TABLES["wine min-max"].load(1)
    assert np.array_equal(X_train.min(axis=0), np.zeros(13))
    assert np.allclose(X_train.max(axis=0), 1)
    assert (X_test.max(axis=0) < 1).any()
    assert X_test.max() <= 1  # beyond the training rows' range: clipped
    assert np.allclose(np.bincount(y_train) / 124, np.bincount(y_test) / 54, atol=0.02)


def test_figures_of_a_representation(tables):
    figures, rng = importlib.import_module("benchmarks.figures"), np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    assert figures.explained(X, X.mean(axis=0)) == 0
    assert figures.agreement(X, 2 * X[rng.permutation(60)]) == pytest.approx(1)
    assert figures.agreement(X, -X, signed=False) == pytest.approx(1)
    y = (X[:, 0] > 0).astype(int)
    assert figures.accuracy(X[:40] * [1e6, 1, 1, 1, 1], X[40:] * [1e6, 1, 1, 1, 1], y[:40], y[40:]) > 0.8
