import inspect
import os
import signal
import sys
import threading
import warnings
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import settings
from scipy.special import expit
from sklearn.datasets import load_digits

from skl_sparse_ae import SparseAutoencoderTransformer, VariationalAutoencoderTransformer
from skl_sparse_ae._sparse.weights import Weights, n_weights, unflatten

# HYPOTHESIS_PROFILE=nightly draws other examples each time, and 20 times as many unless a test insists on a number.
settings.register_profile("normal", deadline=None, max_examples=100, derandomize=True)
settings.register_profile(
    "nightly", deadline=None, max_examples=2000, derandomize=False, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))
os.environ.setdefault("MPLBACKEND", "Agg")  # no window, and no display needed


def pytest_configure(config):
    """Ctrl-C is a KeyboardInterrupt, also where the parent ignores it: `nohup` and a shell's background jobs do."""
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        and threading.current_thread() is threading.main_thread()
    ):
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Network(NamedTuple):
    """Rows in [0, 1] and ordinary weights, all read-only: whatever writes to them fails."""

    X: np.ndarray  # (17, 6)
    theta: np.ndarray  # flat weights of 5 units

    @property
    def weights(self):
        return unflatten(self.theta, 5, 6)

    def astype(self, dtype):
        return Network(self.X.astype(dtype), self.theta.astype(dtype))

    def with_biases(self, be):
        w = self.weights
        return Weights(w.We, np.asarray(be, dtype=self.theta.dtype), w.Wd, w.bd)


@pytest.fixture(scope="session")
def network():
    rng = np.random.default_rng(0)
    X, theta = rng.uniform(size=(17, 6)), rng.normal(size=n_weights(5, 6))
    X.flags.writeable = theta.flags.writeable = False
    return Network(X, theta)


@pytest.fixture
def quiet():
    """Floating point as the estimators set it, once and at the door: the formulas rely on it, and their tests have no door."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(scope="session")
def images():
    """400 digits of 8 x 8 pixels in [0, 1], read-only."""
    X = load_digits().data[:400] / 16
    X.flags.writeable = False
    return X


@pytest.fixture(scope="session")
def autoencoder(images):
    """Of the images, 7 units, stopped early."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SparseAutoencoderTransformer(7, max_iter=20, random_state=0).fit(images)


@pytest.fixture(
    scope="session",
    params=[("squared_error", None), ("squared_error", "logistic"), ("cross_entropy", None)],
)
def any_autoencoder(request, images):
    """Of the first 300 images, 7 units, stopped early: one for each pair of loss and decoder."""
    loss, decoder = request.param
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SparseAutoencoderTransformer(
            7, loss=loss, decoder_activation=decoder, max_iter=20, random_state=0
        )
        return model.fit(images[:300])


@pytest.fixture(scope="session")
def unseen(images):
    """Rows that `any_autoencoder` was not fitted to: images, and values of every size and sign that leave its code defined."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(40, images.shape[1]))
    return np.concatenate(
        [images[300:], np.zeros_like(images[:1]), *(size * signs for size in (1, 1e12, 1e30))]
    )


@pytest.fixture(scope="session")
def generator(images):
    """A variational autoencoder of the images, 3 units, stopped early."""
    return VariationalAutoencoderTransformer(3, max_iter=5, tol=0, random_state=0).fit(images)


class Rounded(NamedTuple):
    """What a computation in `dtype` gives, up to rounding: exact values and a bound on the error, both float64.

    A sum of n products is off by at most ``(n + 1) eps`` times the sum of their sizes, in whatever order and with or without
    fused additions (N. J. Higham, Accuracy and Stability of Numerical Algorithms, 3.1); one eps more is for the weights, which
    were rounded themselves. So results of any two libraries, on any processor, agree within twice the bound.
    """

    value: np.ndarray
    error: np.ndarray
    eps: float

    @classmethod
    def of(cls, X, dtype):
        return cls(X.astype(np.float64), np.zeros(X.shape), float(np.finfo(dtype).eps))

    def layer(self, coef, intercept):
        size = np.abs(self.value) @ np.abs(coef) + np.abs(intercept)
        error = self.error @ np.abs(coef) + (len(coef) + 2) * self.eps * size
        return self._replace(value=self.value @ coef + intercept, error=error)

    def through(self, rising):
        """A function that never falls, by values a few units in the last place off."""
        value = rising(self.value)
        lower, upper = rising(self.value - self.error), rising(self.value + self.error)
        error = np.maximum(upper - value, value - lower) + 8 * self.eps * np.maximum(
            np.abs(value), 1
        )
        return self._replace(value=value, error=error)

    def columns(self, n):
        return self._replace(value=self.value[:, :n], error=self.error[:, :n])

    def check(self, *results):
        """Each of them within the bound of the exact values: so they agree as well."""
        for result in results:
            assert result.shape == self.value.shape
            assert (np.abs(result - self.value) <= self.error).all()


RISING = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
}


@pytest.fixture(scope="session")
def rounded():
    """A function that computes with `Rounded` what `transform` and `reconstruct` of a fitted estimator give for rows X."""

    def codes_and_rows(model, X):
        of_loss = "logistic" if model.loss == "cross_entropy" else "identity"
        A = Rounded.of(X, X.dtype)
        if isinstance(model, SparseAutoencoderTransformer):
            code = A.layer(model.components_.T, model.intercept_).through(expit)
            raw = code.layer(model.decoder_components_, model.decoder_intercept_)
            return code, raw.through(RISING[model.decoder_activation or of_loss])
        *hidden, last = zip(model.encoder_coefs_, model.encoder_intercepts_, strict=True)
        for coef, intercept in hidden:
            A = A.layer(coef, intercept).through(RISING[model.activation])
        A = code = A.layer(*last).columns(model.n_components)
        *hidden, last = zip(model.decoder_coefs_, model.decoder_intercepts_, strict=True)
        for coef, intercept in hidden:
            A = A.layer(coef, intercept).through(RISING[model.activation])
        return code, A.layer(*last).through(RISING[of_loss])

    return codes_and_rows


@pytest.fixture
def no_figure_left():
    """Close what a test draws."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def central_differences():
    """The gradient of a function of a flat vector, from the function alone."""

    def differentiate(function, x, h=1e-6):
        steps = h * np.eye(len(x))
        return np.array([(function(x + step) - function(x - step)) / (2 * h) for step in steps])

    return differentiate


def _members(protocol):
    """All names, and all methods by name, of a `typing.Protocol` and its bases."""
    kinds = [kind for kind in protocol.__mro__ if getattr(kind, "_is_protocol", False)]
    names = {name for kind in kinds for name in inspect.get_annotations(kind)}
    methods = {
        name: getattr(protocol, name)
        for kind in kinds
        for name in vars(kind)
        if not name.startswith("_") or name in ("__len__", "__call__", "_asdict")
    }
    return names | methods.keys(), methods


def _parameters(function):
    parameters = inspect.signature(function).parameters.values()
    return [parameter for parameter in parameters if parameter.name != "self"]


@pytest.fixture(scope="session")
def fulfils():
    """A function that asserts that an object has every member of a `typing.Protocol`.

    Its methods have the parameters of the protocol, by name, and others only with defaults.
    """

    def check(thing, protocol):
        names, methods = _members(protocol)
        missing = {name for name in names if getattr(thing, name, None) is None}
        assert not missing, f"{type(thing).__name__} lacks {sorted(missing)}"
        for name, method in methods.items():
            wanted, found = _parameters(method), _parameters(getattr(thing, name))
            message = f"{type(thing).__name__}.{name} has the parameters {found}, not {wanted}"
            assert [item.name for item in wanted] == [item.name for item in found[: len(wanted)]], (
                message
            )
            assert all(item.default is not item.empty for item in found[len(wanted) :]), message

    return check


def _frozen(value):
    if isinstance(value, dict):
        return {name: _frozen(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return (
            value.dtype.str,
            value.shape,
            repr(value.tolist()) if value.dtype == object else value.tobytes(),
        )
    if isinstance(value, list | tuple):
        return type(value), [_frozen(item) for item in value]
    if isinstance(value, np.random.RandomState):
        return _frozen(value.get_state())
    return type(value), repr(value)


@pytest.fixture(scope="session")
def frozen():
    """A function that turns a value, say an estimator's `vars`, into one that compares bit for bit and stays as it is."""
    return _frozen
