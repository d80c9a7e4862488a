"""Small models, strict calls, and checks of the three possible results of an input."""

import pickle
import re
import tracemalloc
import warnings
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)
from skl_sparse_ae._rows.blocks import BLOCK_BYTES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6))
U = RNG.uniform(size=(30, 6))
METHODS = ["transform", "reconstruct", "score", "score_samples"]
ARRAYS = [
    "components_",
    "intercept_",
    "decoder_components_",
    "decoder_intercept_",
]
LISTS = [
    "encoder_coefs_",
    "encoder_intercepts_",
    "decoder_coefs_",
    "decoder_intercepts_",
]  # of arrays
# What makes "variational" and "topk" models, in whose tests codes are dense.
OTHERS = {
    "variational": partial(VariationalAutoencoderTransformer, hidden_layer_sizes=5),
    "topk": partial(TopKAutoencoderTransformer, n_nonzero_coefs=2, sparse_output=False),
}
OURS = re.compile(
    "(lbfgs|adam) diverged|The fitted model reconstructs X no|The mean activations are|"
    "The codes have collapsed|Only . of . columns are reconstructed|"
    r"The posterior has collapsed|The columns have very different var|\d+ of \d+ units are dead"
)


def _make(**parameters):
    defaults = {"n_components": 3, "max_iter": 6, "tol": 0, "batch_size": 16, "random_state": 0}
    if parameters.get("solver") not in OTHERS:
        return SparseAutoencoderTransformer(**defaults | parameters)
    return OTHERS[parameters.pop("solver")](**defaults | parameters)


def _arrays(model):
    if not isinstance(model, VariationalAutoencoderTransformer):
        last = "density_" if isinstance(model, TopKAutoencoderTransformer) else "mean_activations_"
        return [getattr(model, name) for name in (*ARRAYS, last)]
    return [array for name in LISTS for array in getattr(model, name)]


@contextmanager
def _strictly():
    messages = []
    with np.errstate(all="raise"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield messages
    messages += [str(warning.message) for warning in caught]
    assert all(OURS.match(message) for message in messages), messages


def _fitted(X=X, **parameters):
    with _strictly():
        return _make(**parameters).fit(X)


@contextmanager
def _unchanged(model):
    before = pickle.dumps(vars(model))
    yield
    assert pickle.dumps(vars(model)) == before


def _fits_of(solver):
    return ["fit", "partial_fit"] if solver in ("adam", *OTHERS) else ["fit"]


def _single(rows):
    with np.errstate(over="ignore", under="ignore"):
        return rows.astype(np.float32)


def _refuses(data, kind, match, by="all", **parameters):
    is_single = getattr(data, "dtype", None) == np.float32
    used = _fitted(_single(U) if is_single else U, **parameters)
    training = _fits_of(parameters["solver"])
    calls = [(_make(**parameters), name) for name in training]
    calls += [(used, name) for name in training + METHODS * (by == "all")]
    for model, name in calls:
        with _unchanged(model), _strictly(), pytest.raises(kind, match=match):
            getattr(model, name)(data)


def _is_finite(model, data):
    values = [*_arrays(model), model.loss_, model.loss_curve_]
    with _strictly():
        code = model.transform(data)
        values += [code, model.inverse_transform(code)]
        values += [getattr(model, name)(data) for name in METHODS]
    if isinstance(model, SparseAutoencoderTransformer):
        assert code.min() >= 0
        assert code.max() <= 1
    return all(np.isfinite(value).all() for value in values)


def _fits(data, warning="", quiet=False, **parameters):
    # before Adam has moved, no weights are useless
    parameters = {"max_iter": 40} | parameters
    for name in _fits_of(parameters["solver"]):
        with _strictly() as messages:
            model = getattr(_make(**parameters), name)(data)
        assert _is_finite(model, data)
        # the others learn in any unit
        if warning and name == "fit" and parameters["solver"] not in OTHERS:
            assert any(re.search(warning, message) for message in messages), messages
        assert not (quiet and name == "fit" and messages), messages


def _bits(data):
    return data.tobytes() if isinstance(data, memoryview) else pickle.dumps(data)


def _agrees(data, reference, rtol=0, **parameters):
    before, methods = _bits(data), METHODS
    if parameters["solver"] == "variational" and "loss" in parameters:
        # The noise of a variational score depends on the row's bits, and a clipped row is another
        # one, however close.
        methods = METHODS[:2]
    for name in _fits_of(parameters["solver"]):
        with _strictly():
            model, other = (getattr(_make(**parameters), name)(rows) for rows in (data, reference))
            pairs = [
                (getattr(model, method)(data), getattr(other, method)(reference))
                for method in methods
            ]
        pairs += zip(_arrays(model), _arrays(other), strict=True)
        for got, wanted in pairs:
            np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol)
            assert np.asarray(got).dtype == np.asarray(wanted).dtype
    assert _bits(data) == before


def _peak_memory(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="session")
def make():
    """A function that makes a small model, which stops after 6 iterations or epochs."""
    return _make


@pytest.fixture(scope="session")
def arrays():
    """A function that returns all that a fit has stored in arrays."""
    return _arrays


@pytest.fixture(scope="session")
def strictly():
    """A context in which NumPy raises all floating-point errors, and only our warnings may occur.

    It yields a list, which holds the warnings at the end.
    """
    return _strictly


@pytest.fixture(scope="session")
def fitted():
    """A function that fits a small model strictly, by default to the same 30 rows."""
    return _fitted


@pytest.fixture(scope="session")
def unchanged():
    """A context at whose end the model is what it was, to the bit."""
    return _unchanged


@pytest.fixture(scope="session")
def fits_of():
    """A function that returns the methods by which a model with this solver is trained."""
    return _fits_of


@pytest.fixture(scope="session")
def refuses():
    """A function that asserts that the data is an error, for a new model and for a fitted one.

    In every method that takes X; with ``by="fit"``, in `fit` and `partial_fit` only.
    """
    return _refuses


@pytest.fixture(scope="session")
def fits():
    """A function that asserts that all results are finite.

    It expects the warning that is given. With ``quiet=True``, `fit` may not warn.
    """
    return _fits


@pytest.fixture(scope="session")
def agrees():
    """A function that asserts that the data gives the results of `reference`, an ordinary array.

    To the bit, or to a relative tolerance. The data is not changed.
    """
    return _agrees


@pytest.fixture(scope="session")
def is_finite():
    """A function that returns True if all attributes and all results for the data are finite."""
    return _is_finite


@pytest.fixture(scope="session")
def peak_memory():
    """A function that calls another one and returns how many bytes it had allocated at once."""
    return _peak_memory


@pytest.fixture(scope="session")
def block_bytes():
    """The size of a block of rows."""
    return BLOCK_BYTES
