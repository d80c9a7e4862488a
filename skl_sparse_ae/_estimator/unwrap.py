"""Finds the autoencoder inside Pipelines, `FrozenEstimator` and searches, nested to any depth.

Metrics, displays and exports all use it.
"""

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted


def steps_of(estimator):
    """A flat list of the estimators that rows pass through, in order, without wrappers.

    Raise NotFittedError for an unfitted search, and TypeError for one with ``refit=False``.
    """
    if isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps if not _is_passthrough(step)]
        return [inner for step in steps for inner in steps_of(step)]
    if isinstance(estimator, FrozenEstimator):
        return steps_of(estimator.estimator)
    # Any search, also of other libraries.
    if hasattr(estimator, "refit") or hasattr(estimator, "best_estimator_"):
        return steps_of(_best_of(estimator))
    return [estimator]


def _is_passthrough(step):
    return step is None or (isinstance(step, str) and step == "passthrough")


def _best_of(search):
    check_is_fitted(search)
    if not hasattr(search, "best_estimator_"):
        raise TypeError(
            f"{type(search).__name__} has no best_estimator_ because it was fitted with "
            "refit=False. Refit it."
        )
    return search.best_estimator_


def autoencoder_in(estimator):
    """``(before, autoencoder)``: the last autoencoder, and a Pipeline of the steps before it.

    `before` is None if the autoencoder is the first step. Nothing needs to be fitted. Raise
    TypeError if there is no autoencoder.
    """
    steps = steps_of(estimator)
    places = [i for i, step in enumerate(steps) if hasattr(step, "reconstruct")]
    if not places:
        nor_inside = ", and neither has any of its steps" if steps != [estimator] else ""
        raise TypeError(
            f"{type(estimator).__name__} is not an autoencoder: it has no method `reconstruct`"
            f"{nor_inside}. Pass an autoencoder, or a Pipeline, FrozenEstimator or fitted search "
            "that contains one."
        )
    last = places[-1]
    return (make_pipeline(*steps[:last]) if last else None), steps[last]


def transform_before(before, X):
    """X as the autoencoder receives it; `before` is the one that `autoencoder_in` returns."""
    return X if before is None else before.transform(X)


def inverse_transform_before(before, X):
    """The inverse of `transform_before`: the autoencoder's rows as rows of the whole Pipeline."""
    return X if before is None else before.inverse_transform(X)
