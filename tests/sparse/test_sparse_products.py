import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit

from skl_sparse_ae._sparse.sparse_products import (
    HalfGradient,
    are_faster,
    blocks_for,
    errors_of_columns,
    errors_of_rows,
    through_decoder,
)

pytestmark = pytest.mark.usefixtures("quiet")

N, D, K = 900, 150, 4


@pytest.fixture(scope="module")
def X(very_sparse_rows):
    return very_sparse_rows(N, D)


@pytest.fixture(scope="module")
def w(core):
    theta = np.random.default_rng(1).normal(size=core.weights.n_weights(K, D))
    return core.weights.unflatten(theta, K, D)


@pytest.fixture(scope="module")
def A(X, w):
    return expit(X @ w.We.T + w.be)


@pytest.fixture(scope="module")
def residual(X, w, A):
    return A @ w.Wd + w.bd - X.toarray()


def test_errors_are_those_of_the_residual(X, w, A, residual):
    squares = np.square(residual)
    np.testing.assert_allclose(errors_of_rows(w, X, A), squares.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(errors_of_columns(w, X, A), squares.sum(axis=0), rtol=1e-12)


def test_exact_reconstructions_have_no_negative_errors(w, A):
    w, rows = w._replace(Wd=0 * w.Wd, bd=np.full(D, 0.1)), csr_array(np.full((7, D), 0.1))
    for errors in (errors_of_rows(w, rows, A[:7]), errors_of_columns(w, rows, A[:7])):
        assert (errors >= 0).all()
        assert errors.max() < 1e-15 * D


def test_gradients_are_those_of_the_residual(core, X, w, A, residual):
    g = core.weights.unflatten(np.empty(core.weights.n_weights(K, D)), K, D)
    value, d_A = through_decoder(w, X, A, 0.3, g)
    assert value == pytest.approx(np.square(residual).sum(), rel=1e-13)
    expected = residual @ w.Wd.T, A.T @ residual, residual.sum(axis=0)
    for got, part in zip((d_A, g.Wd, g.bd), expected, strict=True):
        np.testing.assert_allclose(got, 0.6 * part, rtol=0, atol=1e-13 * abs(part).max())
    half = HalfGradient.of(w, 0.3)(A, X)
    np.testing.assert_allclose(half, 0.5 * d_A, rtol=0, atol=1e-13 * abs(d_A).max())


def test_products_are_for_very_sparse_rows_few_units_and_squared_errors(core, X, very_sparse_rows):
    squared_error = core.losses.SquaredError
    assert are_faster(squared_error, X, K)
    assert not are_faster(core.losses.CrossEntropy, X, K)
    assert not are_faster(squared_error, X, D)
    assert not are_faster(squared_error, X.toarray(), K)
    assert not are_faster(squared_error, very_sparse_rows(90, 50, density=0.1), K)


def test_blocks_of_products_have_more_rows(core):
    wide = core.as_rows(csr_array((20_000, 20_000)))
    blocks = blocks_for(core.losses.SquaredError, wide, 50)
    assert 3000 < blocks.rows[0].shape[0] < 4000
    blocks = blocks_for(core.losses.CrossEntropy, wide, 50)
    assert blocks.rows[0].shape[0] <= 256
