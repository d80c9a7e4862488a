import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._estimator.unwrap import autoencoder_in, steps_of, transform_before
from skl_sparse_ae.export import to_mlp_classifier, to_mlp_regressor
from skl_sparse_ae.metrics import (
    feature_errors,
    hoyer_scorer,
    reconstruction_and_sparsity_scorer,
    row_errors,
)
from skl_sparse_ae.plotting import ActivationsDisplay, LossCurveDisplay, ReconstructionsDisplay

GRID = {"tol": [0, 1]}


def fitted(estimator, X, y=None):
    with warnings.catch_warnings(action="ignore"):  # short fits
        return estimator.fit(X, y)


def model():
    return SparseAutoencoderTransformer(4, max_iter=3, random_state=0)


# Estimators that contain an autoencoder, the number of steps before it, whether it is the last.
AROUND = {
    "alone": (model, 0, True),
    "Pipeline": (lambda: make_pipeline(model()), 0, True),
    "nested": (lambda: make_pipeline(make_pipeline(model())), 0, True),
    "nested steps": (
        lambda: make_pipeline(StandardScaler(), make_pipeline(MinMaxScaler(), model())),
        2,
        True,
    ),
    "in the middle": (
        lambda: make_pipeline(make_pipeline(StandardScaler(), model()), LogisticRegression()),
        1,
        False,
    ),
    "search": (lambda: GridSearchCV(model(), GRID, cv=2), 0, True),
    "random search": (
        lambda: RandomizedSearchCV(model(), GRID, cv=2, n_iter=1, random_state=0),
        0,
        True,
    ),
    "search in a Pipeline": (
        lambda: make_pipeline(StandardScaler(), GridSearchCV(model(), GRID, cv=2)),
        1,
        True,
    ),
    "search over a Pipeline": (
        lambda: GridSearchCV(
            make_pipeline(StandardScaler(), model()),
            {"sparseautoencodertransformer__tol": [0]},
            cv=2,
        ),
        1,
        True,
    ),
    "passthrough": (
        lambda: Pipeline(
            [("a", "passthrough"), ("b", None), ("c", StandardScaler()), ("d", model())]
        ),
        1,
        True,
    ),
}


@pytest.fixture(params=AROUND)
def around(request, images):
    make, n_before, is_last = AROUND[request.param]
    y = (images[:, 20] > 0.5).astype(int)
    return fitted(make(), images, y), n_before, is_last


@pytest.mark.parametrize(
    "freeze",
    [lambda estimator: estimator, FrozenEstimator, lambda e: FrozenEstimator(FrozenEstimator(e))],
)
def test_the_autoencoder_is_found_wherever_it_is(around, images, freeze):
    estimator, n_before, _ = around
    before, found = autoencoder_in(freeze(estimator))
    assert type(found) is SparseAutoencoderTransformer
    assert len(before.steps if before else []) == n_before
    seen = transform_before(before, images)
    assert hoyer_scorer(freeze(estimator), images) == hoyer_scorer(found, seen)
    assert reconstruction_and_sparsity_scorer(freeze(estimator), images)["r2"] == pytest.approx(
        found.score(seen), rel=1e-12
    )
    np.testing.assert_array_equal(row_errors(freeze(estimator), images), row_errors(found, seen))
    np.testing.assert_array_equal(
        feature_errors(freeze(estimator), images), feature_errors(found, seen)
    )


@pytest.mark.usefixtures("no_figure_left")
@pytest.mark.parametrize("freeze", [lambda estimator: estimator, FrozenEstimator])
def test_displays_find_it_too(around, images, freeze):
    pytest.importorskip("matplotlib")
    estimator, _, _ = around
    _, found = autoencoder_in(estimator)
    display = LossCurveDisplay.from_estimator(freeze(estimator))
    assert display.loss_curve == found.loss_curve_
    assert ActivationsDisplay.from_estimator(freeze(estimator), images).ax_ is not None
    display = ReconstructionsDisplay.from_estimator(freeze(estimator), images, image_shape=(8, 8))
    assert display.figure_ is not None


@pytest.mark.parametrize("freeze", [lambda estimator: estimator, FrozenEstimator])
@pytest.mark.parametrize("convert", [to_mlp_classifier, to_mlp_regressor])
def test_fine_tuning_finds_it_at_the_end(around, images, freeze, convert):
    estimator, n_before, is_last = around
    y = (images[:, 20] > 0.5).astype(int)
    if not is_last:
        with pytest.raises(TypeError, match="that ends with LogisticRegression"):
            convert(freeze(estimator), images, y)
        return
    mlp = convert(freeze(estimator), images, y)
    _, found = autoencoder_in(estimator)
    network = mlp[-1] if n_before else mlp
    np.testing.assert_array_equal(network.coefs_[0], found.components_.T)
    assert mlp.predict(images).shape == y.shape


def test_what_has_none_inside_is_refused_by_name(images):
    for estimator, message in (
        (PCA(2), r"PCA is not an autoencoder: it has no method `reconstruct`\. Pass"),
        (
            make_pipeline(make_pipeline(PCA(2))),
            r"Pipeline is not an autoencoder: .*, and neither has any of its steps\. Pass",
        ),
        (
            FrozenEstimator(PCA(2)),
            r"FrozenEstimator is not an autoencoder: .*, and neither has any of its steps",
        ),
        (make_pipeline("passthrough"), "Pipeline is not an autoencoder"),
    ):
        with pytest.raises(TypeError, match=message):
            autoencoder_in(estimator)


def test_a_search_has_to_be_fitted_and_refitted(images):
    search = GridSearchCV(model(), GRID, cv=2, refit=False)
    for estimator in (search, make_pipeline(search), FrozenEstimator(search)):
        with pytest.raises(NotFittedError, match="GridSearchCV instance is not fitted"):
            autoencoder_in(estimator)
    fitted(search, images)
    with pytest.raises(
        TypeError, match=r"GridSearchCV has no best_estimator_ because .*refit=False"
    ):
        row_errors(make_pipeline(search), images)


def test_an_autoencoder_that_is_not_fitted_is_found_and_says_so(images):
    assert steps_of(make_pipeline(StandardScaler(), FrozenEstimator(model())))[1].n_components == 4
    with pytest.raises(NotFittedError):
        row_errors(make_pipeline(make_pipeline(model())), images)
