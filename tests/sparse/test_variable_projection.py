import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.linear_model import Ridge

from skl_sparse_ae._sparse import variable_projection
from skl_sparse_ae._sparse.variable_projection import (
    Fit,
    best_decoder,
    can_eliminate_decoder,
    code_moments,
    value_and_encoder_gradient,
)

pytestmark = pytest.mark.usefixtures("quiet")

DECODER_ALPHA = 0.02
PLAIN, SATURATED = [0.3, -1, 0.1, -2, 0.5], [-60, 60, -800, 800, 3]
BIASES = pytest.mark.parametrize("biases", [PLAIN, SATURATED], ids=["plain", "saturated"])
# 5 units: fewer or more than features
N_FEATURES = pytest.mark.parametrize("n_features", [6, 3], ids=["products", "residual"])


@pytest.fixture
def objective(objective_of):
    return objective_of(target=0.05, weight=0.7, decays=(0.3, DECODER_ALPHA))


@pytest.fixture
def solved(objective):
    """A function of an encoder and blocks: weights with the best decoder, codes, and the `Fit`."""

    def solve(w, blocks):
        dense = [X.toarray() if hasattr(X, "toarray") else X for X in blocks.rows]
        X = np.concatenate(dense)
        mean = X.mean(axis=0, dtype=np.float64)
        codes = blocks.code_buffers(len(w.be))
        moments = code_moments(objective.activation, w, blocks, codes)
        total = moments.total
        Wd, bd, explained = best_decoder(moments, len(X), mean, DECODER_ALPHA)
        w = w._replace(Wd=Wd.astype(w.We.dtype), bd=bd.astype(w.We.dtype))
        variance = X.var(axis=0, dtype=np.float64).sum()
        return w, codes, Fit(total, explained, variance)

    return solve


@pytest.fixture
def eliminated(objective, solved):
    """A function of an encoder and blocks: value, gradient and terms without the decoder."""

    def evaluate(w, blocks):
        w, codes, fit = solved(w, blocks)
        return value_and_encoder_gradient(objective, w, blocks, codes, fit)

    return evaluate


@pytest.fixture
def problem(network):
    """A function that makes rows of so many features, and an encoder of 5 units for them."""

    def make(biases, n_features, dtype=np.float64):
        w = network.with_biases(biases)
        X = np.array(network.X[:, :n_features], dtype=dtype)
        We = w.We[:, :n_features].astype(dtype)
        return X, w._replace(We=We, be=w.be.astype(dtype), Wd=None, bd=None)

    return make


def code_of(w, X):
    return expit(X @ w.We.T + w.be)


@BIASES
@N_FEATURES
def test_the_best_decoder_is_a_ridge_regression_on_the_code(
    problem, solved, in_blocks, biases, n_features
):
    X, w = problem(biases, n_features)
    w, *_ = solved(w, in_blocks(X, 7))
    ridge = Ridge(alpha=len(X) * DECODER_ALPHA / 2).fit(code_of(w, X), X)
    np.testing.assert_allclose(w.Wd, ridge.coef_.T, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(w.bd, ridge.intercept_, rtol=1e-9)


@BIASES
@N_FEATURES
def test_no_other_decoder_is_better(
    core, problem, objective, solved, in_blocks, biases, n_features
):
    X, w = problem(biases, n_features)
    w, *_ = solved(w, in_blocks(X, 7))
    _, gradient, _ = core.objective.value_and_gradient(objective, w, in_blocks(X))
    decoder_part = gradient[w.We.size + w.be.size :]
    np.testing.assert_allclose(decoder_part, 0, atol=1e-14)


@BIASES
@N_FEATURES
def test_value_and_terms_are_those_of_the_whole_objective(
    core, problem, objective, solved, eliminated, in_blocks, biases, n_features
):
    X, w = problem(biases, n_features)
    J, _, terms = eliminated(w, in_blocks(X, 7))
    expected = core.objective.summarize(objective, solved(w, in_blocks(X))[0], in_blocks(X)).terms
    np.testing.assert_allclose(terms, expected, rtol=1e-11)
    assert pytest.approx(sum(expected), rel=1e-12) == J


@BIASES
@N_FEATURES
def test_the_gradient_is_that_of_the_eliminated_objective(
    problem, eliminated, in_blocks, central_differences, biases, n_features
):
    X, w = problem(biases, n_features)
    size = w.We.size

    def value(params):
        encoder = w._replace(We=params[:size].reshape(w.We.shape), be=params[size:])
        return eliminated(encoder, in_blocks(X, 7))[0]

    _, gradient, _ = eliminated(w, in_blocks(X, 7))
    expected = central_differences(value, np.concatenate([w.We.ravel(), w.be]))
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


@BIASES
@N_FEATURES
def test_the_gradient_is_the_encoders_part_of_the_joint_one(
    core, problem, objective, solved, eliminated, in_blocks, biases, n_features
):
    X, w = problem(biases, n_features)
    _, gradient, _ = eliminated(w, in_blocks(X, 7))
    whole = in_blocks(X)
    _, joint, _ = core.objective.value_and_gradient(objective, solved(w, whole)[0], whole)
    np.testing.assert_allclose(gradient, joint[: len(gradient)], rtol=1e-10, atol=1e-14)


@BIASES
@N_FEATURES
def test_sparse_rows_give_the_same_and_stay_sparse(
    problem, eliminated, in_blocks, biases, n_features, monkeypatch
):
    X, w = problem(biases, n_features)
    X = X * (X > 0.5)
    expected = eliminated(w, in_blocks(X, 7))
    if n_features == 6:
        monkeypatch.setattr(variable_projection, "dense", pytest.fail)
    result = eliminated(w, in_blocks(csr_array(X), 7))
    assert result[0] == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(result[1], expected[1], rtol=1e-9, atol=1e-14)


@BIASES
@N_FEATURES
@pytest.mark.parametrize("size", [1, 5, 17])
def test_blocks_change_nothing(problem, eliminated, in_blocks, biases, n_features, size):
    X, w = problem(biases, n_features)
    (J, gradient, _), (J_blocks, gradient_blocks, _) = (
        eliminated(w, in_blocks(X, s)) for s in (17, size)
    )
    assert pytest.approx(J, rel=1e-12) == J_blocks
    np.testing.assert_allclose(gradient_blocks, gradient, rtol=1e-10, atol=1e-14)


@BIASES
@N_FEATURES
def test_a_code_that_was_not_kept_is_computed_again(
    problem, objective, solved, eliminated, in_blocks, biases, n_features
):
    X, w = problem(biases, n_features)
    blocks = in_blocks(X, 7)
    expected = eliminated(w, blocks)
    w, _, fit = solved(w, blocks)
    result = value_and_encoder_gradient(objective, w, blocks, [None] * len(blocks), fit)
    assert result[0] == expected[0]
    np.testing.assert_array_equal(result[1], expected[1])


@BIASES
@N_FEATURES
def test_float32_is_near_float64(problem, eliminated, in_blocks, biases, n_features):
    X, w = problem(biases, n_features, np.float32)
    single = eliminated(w, in_blocks(X, 7))
    w = w._replace(We=w.We.astype(float), be=w.be.astype(float))
    double = eliminated(w, in_blocks(X.astype(float), 7))
    assert single[0] == pytest.approx(double[0], rel=1e-5)
    assert np.linalg.norm(single[1] - double[1]) < 1e-4 * np.linalg.norm(double[1])


def test_the_code_is_kept_in_the_arrays_of_the_caller(problem, objective, in_blocks):
    X, w = problem(PLAIN, 6)
    blocks = in_blocks(X, 7)
    kept = [np.empty((len(block), 5)) for block in blocks.rows]
    code_moments(objective.activation, w, blocks, kept)
    np.testing.assert_allclose(np.concatenate(kept), code_of(w, X), rtol=1e-14)


def test_codes_without_a_best_decoder_give_nan_and_no_exception(problem, objective, in_blocks):
    X, w = problem(PLAIN, 6)

    def moments():
        return code_moments(objective.activation, w, in_blocks(X), [None])

    for broken in (np.nan, np.inf):
        of_code = moments()
        of_code.with_itself[0, 0] = broken
        assert np.isnan(best_decoder(of_code, len(X), X.mean(axis=0), 0.1)[0]).all()
    # not positive definite
    assert np.isnan(best_decoder(moments(), len(X), X.mean(axis=0), -10.0)[0]).all()


@pytest.mark.parametrize(
    ("alpha", "shape", "n_components", "expected"),
    [
        (1e-2, (1797, 64), 64, True),
        (1e-2, (1797, 64), 1000, True),
        (1e-2, (1797, 64), 1001, False),
        (1e-2, (10000, 784), 3136, True),
        (1e-2, (10000, 784), 3137, False),
        (1e-2, (50, 64), 56, True),
        (1e-2, (50, 64), 57, False),
        (1e-2, (50, 50_000), 100, True),
        (0.0, (1797, 64), 64, False),
        (1e-15, (1797, 64), 64, False),
    ],
)
def test_elimination_needs_a_small_and_well_posed_system(alpha, shape, n_components, expected):
    assert can_eliminate_decoder(alpha, *shape, n_components, np.float64) == expected


def test_single_precision_needs_a_stronger_ridge():
    assert can_eliminate_decoder(1e-6, 1797, 64, 64, np.float64)
    assert not can_eliminate_decoder(1e-6, 1797, 64, 64, np.float32)
