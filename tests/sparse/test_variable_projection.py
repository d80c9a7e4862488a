import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from skl_sparse_ae import _sparse
from skl_sparse_ae._nn.losses import SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.blocks import rooms_for_code
from skl_sparse_ae._sparse.objective import Objective, encode, evaluate, value_and_gradient
from skl_sparse_ae._sparse.variable_projection import (
    best_decoder,
    code_moments,
    is_worth_eliminating,
    value_and_encoder_gradient,
)
from skl_sparse_ae._sparse.weights import Weights

pytestmark = pytest.mark.usefixtures("quiet")

OBJECTIVE = Objective(SquaredError, KullbackLeibler(0.05, 0.7), 0.3, 0.02)
PLAIN, SATURATED = [0.3, -1, 0.1, -2, 0.5], [-60, 60, -800, 800, 3]
BIASES = pytest.mark.parametrize("biases", [PLAIN, SATURATED], ids=["plain", "saturated"])
N_FEATURES = pytest.mark.parametrize(
    "n_features", [6, 3], ids=["gram", "residual"]
)  # 5 units: fewer or more than features


def in_blocks(X, size=7):
    return [X[start : start + size] for start in range(0, X.shape[0], size)]


def solved(w, blocks):
    """The weights with the best decoder, the code, its moments and what the decoder explains."""
    mean = np.concatenate([X.toarray() if hasattr(X, "toarray") else X for X in blocks]).mean(
        axis=0, dtype=np.float64
    )
    code = [room.code for room in rooms_for_code(blocks, len(w.be))]
    moments = code_moments(w, blocks, code)
    Wd, bd, explained = best_decoder(
        moments, sum(X.shape[0] for X in blocks), mean, OBJECTIVE.decoder_alpha
    )
    return (
        Weights(w.We, w.be, Wd.astype(w.We.dtype), bd.astype(w.We.dtype)),
        code,
        moments,
        explained,
    )


def eliminated(w, blocks, total_variance):
    w, code, moments, explained = solved(w, blocks)
    return value_and_encoder_gradient(
        OBJECTIVE, w, blocks, code, moments, explained, total_variance
    )


@pytest.fixture
def problem(network):
    """Rows of so many features, and an encoder of 5 units for them."""

    def make(biases, n_features, dtype=np.float64):
        w = network.with_biases(biases)
        X = np.array(network.X[:, :n_features], dtype=dtype)
        return X, Weights(w.We[:, :n_features].astype(dtype), w.be.astype(dtype), None, None)

    return make


@BIASES
@N_FEATURES
def test_the_best_decoder_is_a_ridge_regression_on_the_code(problem, biases, n_features):
    X, w = problem(biases, n_features)
    w, *_ = solved(w, in_blocks(X))
    ridge = Ridge(alpha=len(X) * OBJECTIVE.decoder_alpha / 2).fit(encode(w, X), X)
    np.testing.assert_allclose(w.Wd, ridge.coef_.T, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(w.bd, ridge.intercept_, rtol=1e-9)


@BIASES
@N_FEATURES
def test_no_other_decoder_is_better(problem, biases, n_features):
    X, w = problem(biases, n_features)
    w, *_ = solved(w, in_blocks(X))
    _, gradient, _ = value_and_gradient(OBJECTIVE, w, [X])
    decoder_part = gradient[w.We.size + w.be.size :]
    np.testing.assert_allclose(decoder_part, 0, atol=1e-14)


@BIASES
@N_FEATURES
def test_value_and_terms_are_those_of_the_whole_objective(problem, biases, n_features):
    X, w = problem(biases, n_features)
    J, _, terms = eliminated(w, in_blocks(X), X.var(axis=0).sum())
    expected, _, _ = evaluate(OBJECTIVE, solved(w, [X])[0], [X])
    np.testing.assert_allclose(terms, expected, rtol=1e-11)
    assert pytest.approx(sum(expected), rel=1e-12) == J


@BIASES
@N_FEATURES
def test_the_gradient_is_that_of_the_eliminated_objective(
    problem, central_differences, biases, n_features
):
    X, w = problem(biases, n_features)
    total, size = X.var(axis=0).sum(), w.We.size

    def value(x):
        return eliminated(
            Weights(x[:size].reshape(w.We.shape), x[size:], None, None), in_blocks(X), total
        )[0]

    _, gradient, _ = eliminated(w, in_blocks(X), total)
    expected = central_differences(value, np.concatenate([w.We.ravel(), w.be]))
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


@BIASES
@N_FEATURES
def test_the_gradient_is_the_encoders_part_of_the_joint_one(problem, biases, n_features):
    X, w = problem(biases, n_features)
    _, gradient, _ = eliminated(w, in_blocks(X), X.var(axis=0).sum())
    _, joint, _ = value_and_gradient(OBJECTIVE, solved(w, [X])[0], [X])
    np.testing.assert_allclose(gradient, joint[: len(gradient)], rtol=1e-10, atol=1e-14)


@BIASES
@N_FEATURES
def test_sparse_rows_give_the_same_and_stay_sparse(problem, biases, n_features, monkeypatch):
    X, w = problem(biases, n_features)
    X = X * (X > 0.5)
    expected = eliminated(w, in_blocks(X), X.var(axis=0).sum())
    if n_features == 6:
        monkeypatch.setattr(_sparse.variable_projection, "dense", pytest.fail)
    result = eliminated(w, in_blocks(csr_array(X)), X.var(axis=0).sum())
    assert result[0] == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(result[1], expected[1], rtol=1e-9, atol=1e-14)


@BIASES
@N_FEATURES
@pytest.mark.parametrize("size", [1, 5, 17])
def test_blocks_change_nothing(problem, biases, n_features, size):
    X, w = problem(biases, n_features)
    total = X.var(axis=0).sum()
    (J, gradient, _), (J_blocks, gradient_blocks, _) = (
        eliminated(w, in_blocks(X, s), total) for s in (17, size)
    )
    assert pytest.approx(J, rel=1e-12) == J_blocks
    np.testing.assert_allclose(gradient_blocks, gradient, rtol=1e-10, atol=1e-14)


@BIASES
@N_FEATURES
def test_float32_is_near_float64(problem, biases, n_features):
    X, w = problem(biases, n_features, np.float32)
    total = X.var(axis=0, dtype=np.float64).sum()
    single = eliminated(w, in_blocks(X), total)
    double = eliminated(
        Weights(w.We.astype(float), w.be.astype(float), None, None),
        in_blocks(X.astype(float)),
        total,
    )
    assert single[0] == pytest.approx(double[0], rel=1e-5)
    assert np.linalg.norm(single[1] - double[1]) < 1e-4 * np.linalg.norm(double[1])


def test_the_code_is_kept_where_the_caller_says(problem):
    X, w = problem(PLAIN, 6)
    kept = [np.empty((len(block), 5)) for block in in_blocks(X)]
    code_moments(w, in_blocks(X), kept)
    np.testing.assert_array_equal(np.concatenate(kept), encode(w, X))


def test_codes_without_a_best_decoder_give_nan_and_no_exception(problem):
    X, w = problem(PLAIN, 6)
    for broken in (np.nan, np.inf):
        moments = code_moments(w, [X])
        moments.with_itself[0, 0] = broken
        assert np.isnan(best_decoder(moments, len(X), X.mean(axis=0), 0.1)[0]).all()
    moments = code_moments(w, [X])
    assert np.isnan(
        best_decoder(moments, len(X), X.mean(axis=0), -10.0)[0]
    ).all()  # not positive definite


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
def test_elimination_wants_a_small_and_well_posed_system(alpha, shape, n_components, expected):
    assert is_worth_eliminating(alpha, *shape, n_components, np.float64) == expected


def test_single_precision_wants_a_stronger_ridge():
    assert is_worth_eliminating(1e-6, 1797, 64, 64, np.float64)
    assert not is_worth_eliminating(1e-6, 1797, 64, 64, np.float32)
