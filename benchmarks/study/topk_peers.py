"""The contenders of `topk`: each fits rows, and yields a code and a decoder for each L0."""

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skl_sparse_ae import SparseAutoencoderTransformer, TopKAutoencoderTransformer

# Among which the twin's rate is searched: the recipe's rows have a mean square of 1 / n_features.
RATES = (0.001, 0.003, 0.01, 0.03)
MAX_BATCHES = 150  # of MiniBatchDictionaryLearning, which takes about a second for each
ROUNDS = 20  # of K-SVD, as its authors' examples have it


class Task(NamedTuple):
    """What is fitted: a number of units, active ones a row, passes over the rows, and a seed."""

    width: int
    l0: int
    epochs: int
    seed: int


class Fitted(NamedTuple):
    """A code: its dictionary (n_units, n_features) or None, and functions of rows and of codes."""

    name: str
    l0: int
    seconds: float  # processor time of the fit
    atoms: np.ndarray | None
    code: Callable
    decode: Callable
    search: dict  # the learning rate, and the processor time of its search


def timed(function, *arguments):
    """Processor seconds of a call, and what it returned."""
    start = time.process_time()
    result = function(*arguments)
    return time.process_time() - start, result


def unexplained(X, X_hat):
    """The fraction of variance unexplained: ratio of sums."""
    X = X.astype(np.float64)
    return float(np.square(X - X_hat).sum() / np.square(X - X.mean(axis=0)).sum())


def searched(fit, X, task, rates):
    """The rate whose fit is best on a tenth of the rows, and what the search took."""
    X_train, X_held = train_test_split(X, test_size=0.1, random_state=0)
    errors = {}
    start = time.process_time()
    for rate in rates:
        model = fit(X_train, task, rate)
        errors[rate] = unexplained(X_held, model.decode(model.code(X_held)))
    rate = min(errors, key=errors.get)
    return {"rate": rate, "search": time.process_time() - start, "errors": errors}


# ------------------------------------------------------------------------- TopK and its twin


class Network(NamedTuple):
    """A fitted network: functions of rows and codes, and its atoms."""

    atoms: np.ndarray
    code: Callable
    decode: Callable


def ours(codes, X, task, l0s, **parameters):
    """TopK without a stopping rule, and some ways to compute its codes, as {name: algorithm}."""
    for l0 in l0s:
        settings = {"max_iter": task.epochs, "tol": 0, "random_state": task.seed} | parameters
        model = TopKAutoencoderTransformer(task.width, n_nonzero_coefs=l0, **settings)
        seconds, model = timed(model.fit, X)
        atoms, decode = model.decoder_components_, model.inverse_transform
        for name, algorithm in codes.items():
            yield Fitted(name, l0, seconds, atoms, partial(_code_by, model, algorithm), decode, {})


CODES = {"TopK": "threshold", "TopK, least squares": "least_squares", "TopK, OMP": "omp"}
LARGE_BATCHES = {"TopK, batches of 256": "threshold"}  # those of the twin


def _code_by(model, algorithm, X):
    return model.set_params(transform_algorithm=algorithm).transform(X)


def twin(X, task, l0s):
    """The recipe in PyTorch. Its rate is searched once, at the L0 of the task."""
    search = searched(_twin, X, task, RATES)
    for l0 in l0s:
        seconds, model = timed(_twin, X, task._replace(l0=l0), search["rate"])
        yield Fitted("PyTorch twin", l0, seconds, model.atoms, model.code, model.decode, search)


def _twin(X, task, rate):
    """The twin as a `Network`."""
    from benchmarks.study import topk_torch

    *weights, threshold = topk_torch.fit(X, task.width, task.l0, task.epochs, task.seed, rate)
    We, be, Wd, bd = weights
    return Network(Wd, partial(_dense_code, We, be, threshold), lambda A: A @ Wd + bd)


def _dense_code(We, be, threshold, X):
    Z = X @ We.T + be
    return np.where(threshold < Z, Z, 0)


# -------------------------------------------------------------------------------------- others


def dictionary(X, task, l0s):
    """scikit-learn's dictionary of rows of unit variance, coded by its orthogonal pursuit."""
    mean, scale = X.mean(axis=0), X.std()
    n_batches = -(-len(X) // 256)
    model = MiniBatchDictionaryLearning(
        task.width,
        alpha=1.0,
        fit_algorithm="cd",
        batch_size=256,
        max_iter=max(1, min(task.epochs, MAX_BATCHES // n_batches)),
        transform_algorithm="omp",
        random_state=task.seed,
    )
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        seconds, model = timed(model.fit, (X - mean) / scale)
    for l0 in l0s:

        def code(X, l0=l0):
            return model.set_params(transform_n_nonzero_coefs=l0).transform((X - mean) / scale)

        def decode(A):
            return (A @ model.components_) * scale + mean

        yield Fitted(
            "MiniBatchDictionaryLearning", l0, seconds, model.components_, code, decode, {}
        )


def k_svd(X, task, l0s):
    """Approximate K-SVD of the package dictlearn, coded by its own pursuit, compiled by numba."""
    from dictlearn import DictionaryLearning

    mean = X.mean(axis=0)
    for l0 in l0s:
        model = DictionaryLearning(
            task.width, n_nonzero_coefs=l0, max_iter=ROUNDS, random_state=task.seed
        )
        seconds, model = timed(model.fit, X - mean)

        def code(X, model=model):
            return model.transform(X - mean)

        def decode(A, model=model):
            return A @ model.components_ + mean

        yield Fitted("dictlearn", l0, seconds, model.components_, code, decode, {})


def sigmoid(X, task, l0s):
    """The sigmoid family with all units, and with the units of each row that deviate most."""
    model = SparseAutoencoderTransformer(task.width, random_state=task.seed)
    seconds, model = timed(model.fit, X)
    mean, atoms = model.transform(X).mean(axis=0), model.decoder_components_
    norms = np.linalg.norm(atoms, axis=1)
    shared = model.inverse_transform(mean[np.newaxis])[0]
    for l0 in l0s:

        def code(X, l0=l0):
            return _furthest(model.transform(X) - mean, norms, l0)

        def decode(A):
            return A @ atoms + shared

        yield Fitted("sigmoid, largest", l0, seconds, atoms, code, decode, {})
    yield Fitted(
        "sigmoid, all units",
        task.width,
        seconds,
        atoms,
        model.transform,
        model.inverse_transform,
        {},
    )


def _furthest(A, norms, count):
    """The `count` deviations of each row that move the reconstruction most, as a CSR matrix."""
    units = np.argpartition(np.abs(A) * norms, -count, axis=1)[:, -count:]
    starts = count * np.arange(len(A) + 1)
    return csr_matrix((np.take_along_axis(A, units, 1).ravel(), units.ravel(), starts), A.shape)


def principal(X, task, l0s):
    """As many principal components as active units: what a code without a choice costs."""
    for l0 in l0s:
        model = PCA(min(l0, *X.shape), random_state=task.seed)
        seconds, model = timed(model.fit, X)
        yield Fitted("PCA", l0, seconds, None, model.transform, model.inverse_transform, {})


CONTENDERS = {
    "ours": partial(ours, CODES),
    "ours, 256": partial(ours, LARGE_BATCHES, batch_size=256),
    "twin": twin,
    "dictlearn": k_svd,
    "sigmoid": sigmoid,
    "principal": principal,
    "dictionary": dictionary,
}
