"""Scorers: functions of (estimator, X, y) for the `scoring` of scikit-learn's searches.

`_scorer` makes each of them from a function of (autoencoder, X). It finds the autoencoder in a
Pipeline, and adds to the docstring the sections that all scorers share.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from numpy.typing import ArrayLike

from skl_sparse_ae._estimator.unwrap import autoencoder_in, transform_before
from skl_sparse_ae._rows.lazy import read
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._variational.estimator import VariationalAutoencoderTransformer
from skl_sparse_ae.metrics._codes import (
    hoyer_sparsity,
    lifetime_sparseness,
    population_sparseness,
)
from skl_sparse_ae.metrics._reconstruction import explained_variance, row_errors

SECTIONS = """

Parameters
----------
estimator : autoencoder, or Pipeline that contains one
    Fitted.
X : array-like of shape (n_samples, n_features)
    Rows to score.
y : ignored
    Only there because searches pass it.

Returns
-------
{returns}

Raises
------
TypeError
    If `estimator` contains no autoencoder.

Examples
--------
>>> from sklearn.datasets import load_digits
>>> from skl_sparse_ae import SparseAutoencoderTransformer
>>> from skl_sparse_ae.metrics import {name}
>>> X = load_digits().data / 16
>>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
{example}
"""

Score = TypeVar("Score", covariant=True)


class Scorer(Protocol[Score]):
    """The signature that scikit-learn's searches call."""

    __name__: str

    def __call__(self, estimator: Any, X: ArrayLike, y: Any = None) -> Score: ...


def _scorer(returns: str, example: str) -> Callable[[Callable[[Any, Any], Score]], Scorer[Score]]:
    """Decorator that makes a scorer from a function of (autoencoder, X).

    `returns` is the text of the docstring's section "Returns", `example` the last lines of the
    section "Examples", where ``model`` is fitted to ``X``.
    """

    def make(measure):
        def scorer(estimator: Any, X: ArrayLike, y: Any = None) -> Any:
            before, autoencoder = autoencoder_in(estimator)
            return measure(autoencoder, transform_before(before, X))

        scorer.__name__ = scorer.__qualname__ = measure.__name__
        scorer.__annotations__ |= {"return": measure.__annotations__["return"]}
        if measure.__doc__:  # None under python -OO
            scorer.__doc__ = inspect.cleandoc(measure.__doc__) + SECTIONS.format(
                name=measure.__name__, returns=returns, example=example
            )
        return scorer

    return make


@_scorer(
    "score : float\n    See `explained_variance`.",
    ">>> 0.7 < explained_variance_scorer(model, X) < 0.8\nTrue",
)
def explained_variance_scorer(autoencoder, X) -> float:
    """R2 of the reconstruction: the `score` of a sparse autoencoder, anywhere in a Pipeline.

    A search by this score alone chooses the least sparse model; see
    `skl_sparse_ae.model_selection`.
    """
    return _r2(autoencoder, X)


@_scorer(
    "score : float\n    At most 0; higher is better.",
    ">>> -0.03 < neg_reconstruction_error_scorer(model, X) < -0.01\nTrue",
)
def neg_reconstruction_error_scorer(autoencoder, X) -> float:
    """Minus the squared reconstruction error, mean over rows and features.

    It is in squared units of the columns that reach the autoencoder. Compare only models with the
    same input columns.
    """
    return -float(row_errors(autoencoder, X).mean())


@_scorer(
    "score : float\n    Between 0 and 1, see `hoyer_sparsity`.",
    ">>> 0.6 < hoyer_scorer(model, X) < 0.7\nTrue",
)
def hoyer_scorer(autoencoder, X) -> float:
    """Hoyer sparsity of the code of X, mean over rows: higher is sparser."""
    return float(hoyer_sparsity(autoencoder.transform(X)))


@_scorer(
    "score : float\n    Between 0 and 1, see `population_sparseness`.",
    ">>> 0.7 < population_sparseness_scorer(model, X) < 0.9\nTrue",
)
def population_sparseness_scorer(autoencoder, X) -> float:
    """Treves-Rolls population sparseness of the code of X, mean over rows: higher is sparser."""
    return float(population_sparseness(autoencoder.transform(X)))


@_scorer(
    "score : float\n    Between 0 and 1, see `lifetime_sparseness`.",
    ">>> 0.7 < lifetime_sparseness_scorer(model, X) < 0.8\nTrue",
)
def lifetime_sparseness_scorer(autoencoder, X) -> float:
    """Treves-Rolls lifetime sparseness of the code of X, mean over units: higher is sparser."""
    return float(lifetime_sparseness(autoencoder.transform(X)))


@_scorer(
    """scores : dict of float
    "r2", see `explained_variance`, and "hoyer", see `hoyer_sparsity`: the names that
    `skl_sparse_ae.model_selection.SparsestWithin` expects.""",
    """>>> scores = reconstruction_and_sparsity_scorer(model, X)
>>> {name: round(score, 1) for name, score in scores.items()}
{'r2': 0.7, 'hoyer': 0.7}""",
)
def reconstruction_and_sparsity_scorer(autoencoder, X) -> dict[str, float]:
    """R2 of the reconstruction and Hoyer sparsity of the code, for searches that use both."""
    return {
        "r2": _r2(autoencoder, X),
        "hoyer": float(hoyer_sparsity(autoencoder.transform(X))),
    }


def _r2(autoencoder, X):
    if isinstance(autoencoder, VariationalAutoencoderTransformer):  # its `score` is the ELBO
        X = dense(read(autoencoder._check_targets(X).data))
        return explained_variance(X, autoencoder.reconstruct(X))
    return autoencoder.score(X)
