"""The perceptrons start from the encoders, and train like any perceptron with these weights."""

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.export import to_mlp_classifier, to_mlp_regressor

pytestmark = [
    # Training is stopped early throughout.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are"),
]
TO_MLP = {MLPClassifier: to_mlp_classifier, MLPRegressor: to_mlp_regressor}
every_kind = pytest.mark.parametrize("kind", TO_MLP)


@pytest.fixture(scope="module")
def stack(images):
    """A scaler and two autoencoders, of 9 and 5 units."""
    steps = [SparseAutoencoderTransformer(k, max_iter=20, random_state=0) for k in (9, 5)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(StandardScaler(), *steps).fit(images)


@pytest.fixture(scope="module")
def y(images):
    """One of three classes for each image: dark, grey or light."""
    return np.digitize(images.mean(axis=1), [0.28, 0.34])


def targets(kind, y):
    return y if kind is MLPClassifier else (y == 1).astype(float)


def started_at(mlp):
    """An unfitted copy whose `fit` starts from the weights of `mlp` instead of random ones."""

    class StartedThere(type(mlp)):
        def _init_coef(self, *args):
            return next(weights)

    weights = zip(copy.deepcopy(mlp.coefs_), copy.deepcopy(mlp.intercepts_), strict=True)
    return StartedThere(**mlp.get_params() | {"warm_start": False})


def assert_same_weights(mlp, expected):
    for got, want in zip(
        mlp.coefs_ + mlp.intercepts_, expected.coefs_ + expected.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(got, want)


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam"},
        {"solver": "sgd"},
        {"solver": "lbfgs"},
        {"solver": "adam", "early_stopping": True},
    ],
    ids=["adam", "sgd", "lbfgs", "early stopping"],
)
def test_fit_goes_as_scikit_learn_goes_from_these_weights(
    autoencoder, images, y, kind, dtype, parameters
):
    """To the bit: how the network was made leaves no moments, no best loss and no drawn number."""
    model = copy.deepcopy(autoencoder)
    model.components_, model.intercept_ = (
        model.components_.astype(dtype),
        model.intercept_.astype(dtype),
    )
    X, y = images.astype(dtype), targets(kind, y)
    mlp = TO_MLP[kind](model, X, y, max_iter=6, tol=0, random_state=0, **parameters)
    expected = started_at(mlp).fit(X, y)
    mlp.fit(X, y)
    assert_same_weights(mlp, expected)
    assert (mlp.n_iter_, mlp.t_, mlp.loss_) == (expected.n_iter_, expected.t_, expected.loss_)
    for name in ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
        assert (
            getattr(mlp, name, None) == getattr(expected, name, None)
            or parameters["solver"] == "lbfgs"
        )
    assert mlp.coefs_[0].dtype == dtype or parameters["solver"] == "lbfgs"


@every_kind
def test_partial_fit_goes_on_too_and_starts_its_moments_anew(autoencoder, images, y, kind):
    y = targets(kind, y)
    mlp = TO_MLP[kind](autoencoder, images, y, random_state=0)
    classes = {"classes": np.unique(y)} if kind is MLPClassifier else {}
    expected = started_at(mlp).partial_fit(images, y, **classes)
    assert_same_weights(mlp.partial_fit(images, y), expected)


def test_an_unfitted_classifier_is_the_logistic_regression_on_the_code(autoencoder, images, y):
    code = autoencoder.transform(images)
    for labels in (y, y == 1, np.array(["dark", "grey", "light"])[y]):
        mlp = to_mlp_classifier(autoencoder, images, labels)
        expected = LogisticRegression(C=10, max_iter=1000).fit(code, labels)
        np.testing.assert_array_equal(mlp.classes_, expected.classes_)
        np.testing.assert_allclose(
            mlp.predict_proba(images), expected.predict_proba(code), rtol=1e-10
        )
        np.testing.assert_array_equal(mlp.predict(images), expected.predict(code))


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_an_unfitted_regressor_is_the_ridge_regression_on_the_code(autoencoder, images, n_outputs):
    code, y = (
        autoencoder.transform(images),
        images[:, 20] if n_outputs is None else images[:, 20 : 20 + n_outputs],
    )
    got = to_mlp_regressor(autoencoder, images, y).predict(images)
    np.testing.assert_allclose(
        got.reshape(y.shape), Ridge().fit(code, y).predict(code).reshape(y.shape), rtol=1e-10
    )


@every_kind
def test_a_stack_becomes_layers_and_its_scaler_stays_in_front(stack, images, y, kind):
    y = targets(kind, y)
    model = TO_MLP[kind](stack, images, y, max_iter=5, random_state=0)
    mlp = model[-1]
    assert (mlp.hidden_layer_sizes, mlp.activation, mlp.warm_start) == ((9, 5), "logistic", True)
    for layer, encoder in enumerate(stack[1:]):
        np.testing.assert_array_equal(mlp.coefs_[layer].T, encoder.components_)
        np.testing.assert_array_equal(mlp.intercepts_[layer], encoder.intercept_)
    mean = stack[0].mean_.copy()
    model.fit(100 * images[:50], np.resize(np.unique(y), 50))
    np.testing.assert_array_equal(model[0].mean_, mean)
    expected = started_at(TO_MLP[kind](stack, images, y, max_iter=5, random_state=0)[-1])
    expected.fit(stack[0].transform(100 * images[:50]), np.resize(np.unique(y), 50))
    assert_same_weights(mlp, expected)


def test_steps_that_do_nothing_are_left_out(autoencoder, images, y):
    assert isinstance(
        to_mlp_classifier(make_pipeline("passthrough", autoencoder), images, y), MLPClassifier
    )


@every_kind
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_autoencoder_is_left_alone(autoencoder, images, y, kind, solver, frozen):
    before, y = frozen(vars(autoencoder)), targets(kind, y)
    TO_MLP[kind](autoencoder, images, y, solver=solver, max_iter=3).fit(images, y)
    assert frozen(vars(autoencoder)) == before


def test_names_of_features_are_taken_over(images, y):
    X = pd.DataFrame(images, columns=[f"pixel {i}" for i in range(64)])
    model = SparseAutoencoderTransformer(7, max_iter=20, random_state=0).fit(X)
    mlp = to_mlp_classifier(model, X, y, max_iter=3).fit(X, y)  # warns if the names are lost
    with pytest.raises(ValueError, match="feature names should match"):
        mlp.predict(X[X.columns[::-1]])


@every_kind
def test_neither_global_nor_given_random_numbers_are_drawn(autoencoder, images, y, kind):
    generator = np.random.RandomState(0)
    before, mine = np.random.get_state()[1].copy(), generator.get_state()[1].copy()  # noqa: NPY002
    mlp = TO_MLP[kind](autoencoder, images, targets(kind, y), random_state=generator)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(generator.get_state()[1], mine)
    assert mlp.random_state is generator


@every_kind
def test_what_follows_from_the_autoencoders_cannot_be_set(autoencoder, images, y, kind):
    y = targets(kind, y)
    with pytest.raises(
        ValueError, match="hidden_layer_sizes, activation are determined by the autoencoders"
    ):
        TO_MLP[kind](autoencoder, images, y, hidden_layer_sizes=(3,), activation="relu")
    with pytest.raises(TypeError, match="n_components"):
        TO_MLP[kind](autoencoder, images, y, n_components=3)


@every_kind
def test_only_fitted_autoencoders(stack, autoencoder, images, y, kind):
    y, convert = targets(kind, y), TO_MLP[kind]
    with pytest.raises(NotFittedError):
        convert(SparseAutoencoderTransformer(), images, y)
    with pytest.raises(TypeError, match=f"{convert.__name__} takes .* got PCA"):
        convert(PCA(), images, y)
    with pytest.raises(TypeError, match="got a Pipeline that ends with StandardScaler"):
        convert(make_pipeline(autoencoder, StandardScaler()), images, y)


def test_targets_that_do_not_fit(autoencoder, images, y):
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        to_mlp_classifier(autoencoder, images, np.zeros(400, int))
    with pytest.raises(ValueError, match="1d array"):
        to_mlp_classifier(autoencoder, images, np.zeros((400, 2), int))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        to_mlp_classifier(autoencoder, images, y[:300])
    with pytest.raises(ValueError, match="NaN"):
        to_mlp_regressor(autoencoder, images, np.full(400, np.nan))
    with pytest.raises(ValueError, match="loss must be 'squared_error'"):
        to_mlp_regressor(autoencoder, images, np.ones(400), loss="poisson")


def test_the_activation_is_that_of_the_codes(with_activation, autoencoder, images, y):
    model, _ = with_activation("tanh")
    mlp = to_mlp_classifier(model, images, y)
    assert mlp.activation == "tanh"
    with pytest.raises(ValueError, match=r"have the same activation, one of .* The codes have elu"):
        to_mlp_classifier(with_activation("elu")[0], images, y)
    with pytest.raises(ValueError, match="The codes have logistic, tanh"):
        to_mlp_classifier(make_pipeline(autoencoder, model), images, y)
