"""What tests of the estimators share; the private names that tests of behaviour need are here."""

import copy
import pickle
from itertools import count

import joblib
import pytest

from skl_sparse_ae._estimator import persistence
from skl_sparse_ae._rows.in_memory import ArrayRows

TRUSTED = [
    "skl_sparse_ae.SparseAutoencoderTransformer",
    "skl_sparse_ae.TopKAutoencoderTransformer",
]


def _skops():
    return pytest.importorskip("skops.io", reason="skops files are NOT TESTED without skops")


FORMATS = {
    "pickle": (
        lambda model, path: path.write_bytes(pickle.dumps(model)),
        lambda path: pickle.loads(path.read_bytes()),
    ),
    "joblib": (joblib.dump, joblib.load),
    "joblib mapped": (joblib.dump, lambda path: joblib.load(path, mmap_mode="r")),
    "skops": (
        lambda model, path: _skops().dump(model, path),
        lambda path: _skops().load(path, trusted=TRUSTED),
    ),
}


@pytest.fixture(params=FORMATS)
def file_format(request):
    """Functions ``dump(model, path)`` and ``load(path)``."""
    return FORMATS[request.param]


@pytest.fixture(params=[*FORMATS, "deepcopy"])
def detour(request, tmp_path):
    """A function from an estimator to what it is after being saved and loaded."""
    if request.param == "deepcopy":
        return copy.deepcopy
    dump, load = FORMATS[request.param]
    paths = (tmp_path / f"model {i}" for i in count())  # a mapped file must not be written to

    def there_and_back(model):
        path = next(paths)
        dump(model, path)
        return load(path)

    return there_and_back


@pytest.fixture
def as_version(monkeypatch):
    """A function: from now on, files are saved and loaded by this version of the package."""
    return lambda version: monkeypatch.setattr(persistence, "__version__", version)


@pytest.fixture(scope="session")
def memory_of():
    """A function that returns what the problem of an estimator keeps between calls, by name."""
    return lambda model: model._optimizer_state["memory"]


@pytest.fixture(scope="session")
def problem_of():
    """A function that makes the problem of a fit to X, in the form that the solver searches."""

    def make(estimator, X):
        rows = ArrayRows(X)
        estimator._check_parameters()
        moments = estimator._moments(rows)
        frame = estimator._make_frame(moments, rows.dtype)
        return estimator._solver.problem(estimator, frame, moments, rows)

    return make
