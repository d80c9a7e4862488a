"""Where the autoencoder of an estimator is: inside of Pipelines, `FrozenEstimator` and searches, one within another."""

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted


def steps_of(estimator):
    """All that rows pass through, in order, each of them no more than itself. NotFittedError for a search that is not."""
    if isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps if not _does_nothing(step)]
        return [inner for step in steps for inner in steps_of(step)]
    if isinstance(estimator, FrozenEstimator):
        return steps_of(estimator.estimator)
    if hasattr(estimator, "refit") or hasattr(
        estimator, "best_estimator_"
    ):  # of any search, scikit-learn's or not
        return steps_of(_best_of(estimator))
    return [estimator]


def _does_nothing(step):
    return step is None or (isinstance(step, str) and step == "passthrough")


def _best_of(search):
    check_is_fitted(search)
    if not hasattr(search, "best_estimator_"):
        raise TypeError(
            f"{type(search).__name__} has no best_estimator_, for it was fitted with refit=False. Refit it."
        )
    return search.best_estimator_


def autoencoder_in(estimator):
    """The last autoencoder there is, and a Pipeline of the steps before it, None if there are none; TypeError."""
    steps = steps_of(estimator)
    places = [i for i, step in enumerate(steps) if hasattr(step, "reconstruct")]
    if not places:
        nor_inside = ", and nor has any step" if steps != [estimator] else ""
        raise TypeError(
            f"{type(estimator).__name__} is not an autoencoder: it has no method `reconstruct`{nor_inside}. Pass an "
            "autoencoder, or a Pipeline, FrozenEstimator or fitted search with one inside."
        )
    last = places[-1]
    return (make_pipeline(*steps[:last]) if last else None), steps[last]


def before_autoencoder(before, X):
    """X as it reaches the autoencoder, for such a Pipeline or None."""
    return X if before is None else before.transform(X)
