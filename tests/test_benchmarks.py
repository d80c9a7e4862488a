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
    assert 0.010 < case.track_objective() < 0.012  # 0.010 is where it ends after hundreds of iterations
    code, encoder = 4e-6 * 2000 * 196, 8e-6 * 784 * 196
    assert case.track_memory("lbfgs") > code + 20 * encoder  # what SciPy's history alone takes
    assert np.isclose(case.track_memory("adam"), 14, rtol=0.5)


@pytest.mark.parametrize("page", ["performance.md", "solvers.md"])
def test_each_place_of_a_table_has_its_end(page):
    marks = re.findall(r"<!-- (.*?) -->", (ROOT / "docs" / page).read_text())
    assert marks
    assert marks[1::2] == ["end"] * (len(marks) // 2)
    assert len(set(marks[::2])) == len(marks[::2])
