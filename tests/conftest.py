"""What tests share. The private parts of the package that a test needs come from here.

A unit test imports the module that it tests, and no other private one. All else imports public
modules. So whoever renames a private module changes the imports below, and that module's tests.
"""

import inspect
import os
import signal
import sys
import threading
import warnings
from contextlib import ExitStack
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import settings
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.datasets import load_digits

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)
from skl_sparse_ae._estimator import base
from skl_sparse_ae._nn import activations, losses, penalties, saturation
from skl_sparse_ae._rows import blocks, disk, executor, in_memory, moments, thread_pool
from skl_sparse_ae._solvers import adam
from skl_sparse_ae._sparse import frame, objective, problems, weights
from skl_sparse_ae._variational import frame as variational_frame
from skl_sparse_ae._variational import likelihoods
from skl_sparse_ae._variational import objective as variational_objective
from skl_sparse_ae._variational import predict as variational_predict

# HYPOTHESIS_PROFILE=nightly draws other examples each time, and 20 times as many unless a test
# insists on a number.
settings.register_profile("normal", deadline=None, max_examples=100, derandomize=True)
settings.register_profile(
    "nightly", deadline=None, max_examples=2000, derandomize=False, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))
os.environ.setdefault("MPLBACKEND", "Agg")  # no window, and no display needed


def pytest_configure(config):
    """Make Ctrl-C a KeyboardInterrupt, also where the parent process ignores it.

    `nohup` and background jobs of a shell do.
    """
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        and threading.current_thread() is threading.main_thread()
    ):
        signal.signal(signal.SIGINT, signal.default_int_handler)


# ------------------------------------------------------------------- private parts of the package


@pytest.fixture(scope="session")
def core():
    """The private parts of the package that tests of other modules are built from."""
    return SimpleNamespace(
        activations=activations,
        adam=adam,
        base=base,
        frame=frame,
        likelihoods=likelihoods,
        losses=losses,
        moments=moments,
        objective=objective,
        penalties=penalties,
        problems=problems,
        saturation=saturation,
        weights=weights,
        variational_frame=variational_frame,
        variational_objective=variational_objective,
        variational_predict=variational_predict,
        Executor=executor.Executor,
        RowBlocks=blocks.RowBlocks,
        MAX_ROWS=blocks.MAX_ROWS,
        as_rows=in_memory.as_rows,
        DiskRows=disk.DiskRows,
        row_blocks=blocks.row_blocks,
    )


@pytest.fixture(scope="module", params=["SquaredError", "LogisticSquaredError", "CrossEntropy"])
def loss(request):
    """Every reconstruction loss."""
    return getattr(losses, request.param)


@pytest.fixture(scope="module", params=["Gaussian", "Bernoulli"])
def likelihood(request):
    """Every likelihood of a variational autoencoder."""
    return getattr(likelihoods, request.param)


def _objective_of(
    loss="SquaredError",
    *,
    activation="logistic",
    penalty=None,
    target=0.1,
    weight=0.5,
    decays=(0.3, 0.02),
    **options,
):
    loss = getattr(losses, loss) if isinstance(loss, str) else loss
    penalty = penalty or penalties.KullbackLeibler(target, weight)
    activation = activations.ACTIVATIONS[activation]
    return objective.Objective(loss, activation, penalty, *decays, **options)


@pytest.fixture(scope="session")
def objective_of():
    """A function that makes an `Objective`, by default with a KL penalty and decays."""
    return _objective_of


@pytest.fixture(scope="session")
def in_blocks():
    """A function that cuts rows into `RowBlocks` of `size` rows, or keeps them in one."""

    def cut(X, size=None):
        size = size or X.shape[0]
        return blocks.RowBlocks([X[i : i + size] for i in range(0, X.shape[0], size)])

    return cut


@pytest.fixture
def in_threads():
    """A function that gives the same `RowBlocks` this number of threads."""
    with ExitStack() as open_pools:

        def threaded(row_blocks, n_workers):
            pool = open_pools.enter_context(thread_pool.thread_pool(n_workers))
            return blocks.RowBlocks(row_blocks.rows, executor.Executor(pool, n_workers))

        yield threaded


@pytest.fixture(scope="session")
def batch_blocks():
    """A function that makes the `BatchBlocks` of a mini-batch, for this number of workers."""

    def make(X, n_workers=1):
        return blocks.BatchBlocks(X, executor.Executor(n_workers=n_workers))

    return make


@pytest.fixture(scope="session")
def very_sparse_rows():
    """A function that makes a CSR matrix of random rows, so sparse that products are faster."""

    def make(n_rows, n_features, density=0.03):
        rng, shape = np.random.default_rng(0), (n_rows, n_features)
        return csr_array(rng.uniform(size=shape) * (rng.uniform(size=shape) < density))

    return make


@pytest.fixture
def limit_blocks(monkeypatch):
    """A function that limits every block of rows to this number of rows."""

    def limit(n_rows):
        monkeypatch.setattr(blocks, "MIN_ROWS", n_rows)
        monkeypatch.setattr(blocks, "MAX_ROWS", n_rows)

    return limit


@pytest.fixture
def keep_decoder(monkeypatch):
    """Within the test, L-BFGS searches all weights: it does not solve for the decoder."""
    monkeypatch.setattr(problems, "can_eliminate_decoder", lambda *_: False)


@pytest.fixture
def searched_without_decoder(monkeypatch):
    """A list of the problems without a decoder that the test's fits have searched."""
    made, start = [], problems.EliminatedProblem.initial_params

    def recorded(problem, rng):
        made.append(problem)
        return start(problem, rng)

    monkeypatch.setattr(problems.EliminatedProblem, "initial_params", recorded)
    return made


@pytest.fixture
def batch_sizes(monkeypatch):
    """A list of the numbers of rows in the mini-batches of the test's fits."""
    sizes, batch = [], problems.MiniBatchProblem.batch

    def recorded(problem, rows, *others):
        sizes.append(rows.shape[0])
        return batch(problem, rows, *others)

    monkeypatch.setattr(problems.MiniBatchProblem, "batch", recorded)
    return sizes


@pytest.fixture
def storing_fails(monkeypatch):
    """A function after whose call fits run out of memory when they store their results."""

    def out_of_memory(*_):
        raise MemoryError

    return lambda: monkeypatch.setattr(base.BaseAutoencoder, "_store", out_of_memory)


@pytest.fixture
def read_from_disk(monkeypatch):
    """Within the test, rows of a memory map are read block by block, however few they are."""
    monkeypatch.setattr(disk, "MAX_READ_BYTES", 0)


class Network(NamedTuple):
    """Rows in [0, 1] and ordinary weights, all read-only: a function that writes to them fails."""

    X: np.ndarray  # (17, 6)
    theta: np.ndarray  # flat weights of 5 units

    @property
    def weights(self):
        return weights.unflatten(self.theta, 5, 6)

    def astype(self, dtype):
        return Network(self.X.astype(dtype), self.theta.astype(dtype))

    def with_biases(self, be):
        return self.weights._replace(be=np.asarray(be, dtype=self.theta.dtype))


@pytest.fixture(scope="session")
def network():
    rng = np.random.default_rng(0)
    X, theta = rng.uniform(size=(17, 6)), rng.normal(size=weights.n_weights(5, 6))
    X.flags.writeable = theta.flags.writeable = False
    return Network(X, theta)


@pytest.fixture
def quiet():
    """Floating-point warnings off, as within every public method: the formulas rely on it."""
    with np.errstate(all="ignore"):
        yield


# --------------------------------------------------------------------------- data and fitted models


@pytest.fixture(scope="session")
def images():
    """400 digits of 8 x 8 pixels in [0, 1], read-only."""
    X = load_digits().data[:400] / 16
    X.flags.writeable = False
    return X


@pytest.fixture(scope="session")
def autoencoder(images):
    """A fit to the images: 7 units, stopped early."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SparseAutoencoderTransformer(7, max_iter=20, random_state=0).fit(images)


@pytest.fixture(scope="session")
def topk(images):
    """A TopK fit to the images: 24 units, 3 of them active, stopped early."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TopKAutoencoderTransformer(
            24, n_nonzero_coefs=3, max_iter=3, tol=0, random_state=0
        ).fit(images)


@pytest.fixture(
    scope="session",
    params=[("squared_error", None), ("squared_error", "logistic"), ("cross_entropy", None)],
)
def any_autoencoder(request, images):
    """A fit to the first 300 images for each pair of loss and decoder: 7 units, stopped early."""
    loss, decoder = request.param
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SparseAutoencoderTransformer(
            7, loss=loss, decoder_activation=decoder, max_iter=20, random_state=0
        )
        return model.fit(images[:300])


@pytest.fixture(scope="session", params=["threshold", "top_k"])
def topk(request, images):
    """A TopK fit to the first 300 images, for each algorithm that exports know: 20 units."""
    model = TopKAutoencoderTransformer(
        20, n_nonzero_coefs=4, transform_algorithm=request.param, max_iter=20, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(images[:300])


@pytest.fixture(scope="session")
def unseen(images):
    """Rows that `any_autoencoder` was not fitted to.

    Images, and values of every size and sign for which its code is defined.
    """
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(40, images.shape[1]))
    return np.concatenate(
        [images[300:], np.zeros_like(images[:1]), *(size * signs for size in (1, 1e12, 1e30))]
    )


@pytest.fixture(scope="session")
def generator(images):
    """A variational autoencoder of the images, 3 units, stopped early."""
    return VariationalAutoencoderTransformer(3, max_iter=5, tol=0, random_state=0).fit(images)


class Rounded(NamedTuple):
    """The result of a computation in `dtype`: exact values and a bound on the error, both float64.

    A sum of n products is off by at most ``(n + 1) eps`` times the sum of their absolute values, in
    any order and with or without fused additions. One eps more is for the weights, which were
    rounded themselves. So the results of any two libraries, on any processor, agree within twice
    the bound. Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms (2002), 3.1.
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
        """Apply a non-decreasing function that is accurate to a few units in the last place."""
        value = rising(self.value)
        lower, upper = rising(self.value - self.error), rising(self.value + self.error)
        error = np.maximum(upper - value, value - lower) + 8 * self.eps * np.maximum(
            np.abs(value), 1
        )
        return self._replace(value=value, error=error)

    def columns(self, n):
        return self._replace(value=self.value[:, :n], error=self.error[:, :n])

    def check(self, *results):
        """Assert that each result is within the bound of the exact values, so that they agree."""
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


def _least_active(model, Z):
    """What pre-activations of active units exceed: one number, or one for each row."""
    if model.transform_algorithm == "threshold":
        return model.threshold_
    k = model.n_nonzero_coefs
    return np.maximum(-np.sort(-Z)[:, k - 1 : k + 1].mean(axis=1, keepdims=True), 0)


def _above(threshold, Z):
    return np.where(threshold < Z, Z, 0)


@pytest.fixture(scope="session")
def rounded():
    """A function that returns `transform` and `reconstruct` of a fitted estimator as `Rounded`."""

    def codes_and_rows(model, X):
        of_loss = "logistic" if getattr(model, "loss", "") == "cross_entropy" else "identity"
        A = Rounded.of(X, X.dtype)
        if isinstance(model, SparseAutoencoderTransformer):
            code = A.layer(model.components_.T, model.intercept_).through(expit)
            raw = code.layer(model.decoder_components_, model.decoder_intercept_)
            return code, raw.through(RISING[model.decoder_activation or of_loss])
        if isinstance(model, TopKAutoencoderTransformer):
            code = A.layer(model.components_.T, model.intercept_)
            code = code.through(partial(_above, _least_active(model, code.value)))
            return code, code.layer(model.decoder_components_, model.decoder_intercept_)
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
    """A function that turns a value, such as an estimator's `vars`, into one to compare.

    The result compares bit for bit, and does not change if the value does.
    """
    return _frozen
