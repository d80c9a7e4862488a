"""Measures of reconstructions, and errors of rows and of features, against their definitions."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import (
    explained_variance,
    feature_errors,
    fraction_of_variance_unexplained,
    relative_reconstruction_bias,
    row_errors,
)

# Most models here are stopped after a few iterations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]


@pytest.mark.parametrize("n_rows", [2, 3, 17, 256, 1000, 4097])
@pytest.mark.parametrize("offset", [0, 0.1, 1e6])
def test_the_mean_predictor_is_exactly_0_whatever_the_number_of_rows(n_rows, offset):
    X = offset + np.random.default_rng(n_rows).normal(size=(n_rows, 3)) * [1, 7, 0.01]
    X[:, 2] = 0.1  # constant
    X_hat = np.tile(X.mean(axis=0), (n_rows, 1))
    assert explained_variance(X, X_hat) == 0
    assert fraction_of_variance_unexplained(X, X_hat) == 1


def test_a_perfect_reconstruction_explains_all(X):
    assert explained_variance(X, X) == 1
    assert fraction_of_variance_unexplained(X, X) == 0


def test_explained_variance_is_r2_of_all_rows_and_not_the_mean_over_batches():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4)) + np.repeat([0, 5, 10], 20)[:, None]
    X_hat = X + rng.normal(size=X.shape)
    assert explained_variance(X, X_hat) == pytest.approx(
        r2_score(X, X_hat, multioutput="variance_weighted"), rel=1e-13
    )
    batches = [explained_variance(X[i : i + 20], X_hat[i : i + 20]) for i in (0, 20, 40)]
    assert explained_variance(X, X_hat) > np.mean(batches) + 0.5


def test_explained_variance_is_the_score_of_the_estimator(model, X):
    assert (X[0] == X).all(axis=0).any()  # constant columns, which both leave out
    assert explained_variance(X, model.reconstruct(X)) == pytest.approx(model.score(X), rel=1e-12)


def test_an_offset_is_not_forgiven(X):
    assert explained_variance(X, X + 1) < 0


def test_constant_columns_weigh_nothing_and_alone_explain_nothing():
    X = np.array([[0.0, 0.1], [1.0, 0.1], [2.0, 0.1]])
    assert explained_variance(X, X + [[0, 5]]) == 1
    assert explained_variance(X[:, 1:], X[:, 1:]) == 0


def test_errors_beyond_all_numbers_are_a_finite_score_or_refused():
    X = np.array([[0.0], [1e-160]])
    assert explained_variance(X, X + 1) == np.finfo(np.float64).min
    with pytest.raises(
        ValueError, match=r"squared errors overflow: X and X_hat have values up to 1e\+200"
    ):
        explained_variance([[0.0], [1.0]], [[0.0], [1e200]])


def test_a_reconstruction_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"X has shape \(3, 2\), but X_hat has shape \(3, 1\)"):
        explained_variance(np.eye(3, 2), np.eye(3, 1))


def test_row_and_feature_errors_are_the_two_means_of_the_squared_errors(model, X):
    squares = (X - model.reconstruct(X)) ** 2
    np.testing.assert_allclose(row_errors(model, X), squares.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(row_errors(model, X), -model.score_samples(X), rtol=1e-12)
    np.testing.assert_allclose(feature_errors(model, X), squares.mean(axis=0), rtol=1e-12)


def test_errors_are_added_over_all_blocks_of_rows(model, X):
    many = np.tile(X, (30, 1))  # more rows than a block has
    np.testing.assert_allclose(
        row_errors(model, many), np.tile(row_errors(model, X), 30), rtol=1e-12
    )
    np.testing.assert_allclose(feature_errors(model, many), feature_errors(model, X), rtol=1e-12)


@pytest.mark.parametrize("errors", [row_errors, feature_errors])
def test_errors_of_other_containers_are_the_same(errors, X, recwarn):
    model = SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0).fit(X)
    np.testing.assert_allclose(errors(model, csr_matrix(X)), errors(model, X), rtol=1e-10)
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    on_frame = SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0).fit(frame)
    np.testing.assert_allclose(errors(on_frame, frame), errors(model, X), rtol=1e-10)
    float32 = errors(model, X.astype(np.float32))
    assert float32.dtype == np.float64
    np.testing.assert_allclose(float32, errors(model, X), rtol=1e-4, atol=1e-9)
    assert not [w for w in recwarn if "feature names" in str(w.message)]


@pytest.mark.parametrize("errors", [row_errors, feature_errors])
def test_errors_are_squared_errors_for_any_loss(errors, X):
    model = SparseAutoencoderTransformer(
        7, loss="cross_entropy", max_iter=8, tol=0, random_state=0
    ).fit(X)
    axis = {row_errors: 1, feature_errors: 0}[errors]
    np.testing.assert_allclose(
        errors(model, X), ((X - model.reconstruct(X)) ** 2).mean(axis=axis), rtol=1e-12
    )


@pytest.mark.parametrize("errors", [row_errors, feature_errors])
def test_errors_that_overflow_are_refused(errors, model):
    with pytest.raises(ValueError, match="overflow"):
        errors(model, np.full((2, 64), 1e200))


def test_numpys_floating_point_state_does_not_matter():
    with np.errstate(all="raise"):
        assert explained_variance([[0.0], [1e-200]], [[0.0], [0.0]]) == 0


@pytest.mark.parametrize("container", [csr_matrix, csr_array])
@pytest.mark.parametrize("n_rows", [3, 5000])
def test_sparse_rows_give_the_same(container, n_rows):
    rng = np.random.default_rng(0)
    X = rng.random((n_rows, 40)) * (rng.random((n_rows, 40)) < 0.1)
    X[:, 3], X[:, 4] = 0, 0.1  # constant
    X_hat = X + 0.1 * rng.normal(size=X.shape)
    for measure in (explained_variance, relative_reconstruction_bias):
        assert measure(container(X), X_hat) == pytest.approx(measure(X, X_hat), rel=1e-10)
    mean = np.asarray(container(X).mean(axis=0)).ravel()
    assert explained_variance(container(X), np.tile(mean, (n_rows, 1))) == 0
    assert explained_variance(container(X), container(X)) == 1


def test_explained_variance_of_many_rows_is_r2_of_all_of_them():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 30)) + np.linspace(0, 9, 20_000)[:, None]
    X_hat = X + rng.normal(size=X.shape)
    assert explained_variance(X, X_hat) == pytest.approx(
        r2_score(X, X_hat, multioutput="variance_weighted"), rel=1e-12
    )


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_least_squares_decoder_has_no_bias_on_its_training_rows(X, fit_intercept):
    code = np.random.default_rng(0).random((len(X), 9))
    decoder = LinearRegression(fit_intercept=fit_intercept).fit(code, X)
    assert relative_reconstruction_bias(X, decoder.predict(code)) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("factor", [0.5, 1, 3])
def test_the_bias_is_the_factor_of_the_rows(X, factor):
    assert relative_reconstruction_bias(X, factor * X) == pytest.approx(factor, rel=1e-14)


def test_dividing_by_the_bias_leaves_the_least_error():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 4))
    X_hat = 0.7 * X + 0.1 * rng.normal(size=X.shape)
    bias = relative_reconstruction_bias(X, X_hat)
    errors = [np.square(X - X_hat / (bias * factor)).sum() for factor in (0.99, 1, 1.01)]
    assert errors[1] == min(errors)


def test_the_bias_of_nothing_and_of_the_opposite():
    X = np.array([[1.0, 2.0]])
    assert relative_reconstruction_bias(X, 0 * X) == 0
    assert relative_reconstruction_bias(X, -X) == -1
    with np.errstate(all="raise"):
        assert relative_reconstruction_bias(X, [[2, -1]]) == np.inf
    with pytest.raises(ValueError, match="overflow"):
        relative_reconstruction_bias(X, 1e200 * X)
