import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import r2_score

from skl_sparse_ae._topk.predict import (
    ALGORITHMS,
    TrainedModel,
    centred,
    code_of,
    errors_of_rows,
    exact_threshold,
    explained_variance,
    reconstruct,
    rows_of,
    summarize,
)

X = np.random.default_rng(6).normal(size=(700, 6))
EVERY_ALGORITHM = pytest.mark.parametrize("algorithm", ALGORITHMS)


@pytest.fixture
def model(network):
    return TrainedModel(network(), 3, "threshold")


@pytest.fixture
def rows(core):
    return core.as_rows(X)


def test_codes_are_those_of_dense_arithmetic(model, rows):
    w = model.weights
    Z = X @ w.We.T + w.be
    np.testing.assert_allclose(code_of(model, rows).toarray(), np.where(Z > 0.3, Z, 0), rtol=1e-12)
    largest = code_of(model._replace(algorithm="top_k"), rows).toarray()
    kept = np.argsort(np.argsort(-Z, axis=1), axis=1) < 3
    np.testing.assert_allclose(largest, np.where(kept & (Z > 0), Z, 0), rtol=1e-12)


@EVERY_ALGORITHM
def test_blocks_make_no_difference(model, rows, algorithm, core):
    model = model._replace(algorithm=algorithm)
    assert len(core.as_rows(np.tile(X, (30, 1))).blocks(9)) > 1
    tiled = core.as_rows(np.tile(X, (30, 1)))
    once = code_of(model, rows).toarray()
    np.testing.assert_allclose(code_of(model, tiled).toarray(), np.tile(once, (30, 1)), rtol=1e-9)
    np.testing.assert_allclose(
        reconstruct(model, tiled), np.tile(reconstruct(model, rows), (30, 1)), rtol=1e-9
    )
    assert summarize(model, tiled).terms == pytest.approx(summarize(model, rows).terms)


@EVERY_ALGORITHM
def test_products_of_atoms_are_shared_by_many_rows(model, core, algorithm):
    """For a few rows they would cost more than the codes."""
    w, is_used = model.weights, algorithm in ("least_squares", "omp")
    model = model._replace(algorithm=algorithm)
    many, few = (centred(model, core.as_rows(X[:n]).blocks(9))[0].gram for n in (9, 8))
    assert few is None
    assert (many is not None) == is_used
    if is_used:
        np.testing.assert_allclose(many, w.Wd @ w.Wd.T)
        given, computed = (code_of(model, core.as_rows(X[:n])).toarray() for n in (9, 8))
        np.testing.assert_allclose(given[:8], computed, rtol=1e-9)


@EVERY_ALGORITHM
def test_what_follows_from_the_codes(model, rows, algorithm):
    model = model._replace(algorithm=algorithm)
    A, w = code_of(model, rows), model.weights
    X_hat = A @ w.Wd + w.bd
    np.testing.assert_allclose(rows_of(model, A), X_hat, rtol=1e-12)
    np.testing.assert_allclose(rows_of(model, A.toarray()), X_hat, rtol=1e-12)
    np.testing.assert_allclose(reconstruct(model, rows), X_hat, rtol=1e-12)
    errors = np.square(X_hat - X).mean(axis=1)
    np.testing.assert_allclose(errors_of_rows(model, rows), errors, rtol=1e-10)
    expected = r2_score(X, X_hat, multioutput="variance_weighted")
    assert explained_variance(model, rows) == pytest.approx(expected)
    summary = summarize(model, rows)
    assert sum(summary.terms) == pytest.approx(errors.mean())
    np.testing.assert_allclose(summary.density, (A.toarray() > 0).mean(axis=0))


@pytest.mark.parametrize("n_nonzero", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_threshold_is_exact(model, core, n_nonzero, dtype):
    rows = core.as_rows(np.tile(X, (5, 1)).astype(dtype) + np.linspace(0, 1, 3500)[:, None])
    rows = core.as_rows(rows.data.astype(dtype))
    model = model._replace(n_nonzero=n_nonzero)
    threshold = np.array([exact_threshold(model, rows)])
    model = model._replace(weights=model.weights._replace(threshold=threshold))
    assert code_of(model, rows).nnz == n_nonzero * 3500


def test_with_more_units_than_are_positive_the_threshold_is_zero(model, rows):
    assert exact_threshold(model._replace(n_nonzero=9), rows) == 0


def test_explained_variance_is_about_the_column_means_and_not_about_zero(model, core):
    """An offset of the rows must not count as variance: the commonest error of these metrics."""
    w = model.weights
    far = model._replace(weights=w._replace(be=w.be - w.We @ np.full(6, 50.0), bd=w.bd + 50))
    score = explained_variance(model, core.as_rows(X))
    assert explained_variance(far, core.as_rows(X + 50)) == pytest.approx(score, rel=1e-9)


def test_constant_columns_have_no_variance_to_explain(model, core):
    constant = X.copy()
    constant[:, 2] = 3
    A = code_of(model, core.as_rows(constant))
    expected = r2_score(
        np.delete(constant, 2, axis=1),
        np.delete(rows_of(model, A), 2, axis=1),
        multioutput="variance_weighted",
    )
    assert explained_variance(model, core.as_rows(constant)) == pytest.approx(expected)
    assert explained_variance(model, core.as_rows(np.ones((5, 6)))) == 0


@pytest.mark.parametrize("unit", [2.0**-20, 1, 2.0**20])
def test_float32_rows_far_from_zero_keep_their_digits(model, core, unit):
    w = model.weights
    offset = np.full(6, 4096.0)
    be, bd, threshold = w.be - w.We @ offset, w.bd + offset, w.threshold
    far = w._replace(be=unit * be, bd=unit * bd, threshold=unit * threshold)
    far = model._replace(weights=far)
    near = np.round(X * 64) / 64  # exact in float32 with the offset
    rows = core.as_rows((unit * (near + offset)).astype(np.float32))
    expected = code_of(model, core.as_rows(near)).toarray()
    np.testing.assert_allclose(code_of(far, rows).toarray(), unit * expected, atol=1e-3 * unit)
    _, blocks = centred(far, rows.blocks(9))
    assert abs(blocks.first_row()).max() < 10 * unit


def test_sparse_rows_have_the_codes_of_dense_ones(model, core):
    dense = np.where(X > 0.8, X, 0)
    for function in (code_of, errors_of_rows, explained_variance, reconstruct):
        a, b = (function(model, core.as_rows(rows)) for rows in (dense, csr_matrix(dense)))
        a, b = (part.toarray() if function is code_of else part for part in (a, b))
        np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("function", [code_of, errors_of_rows, reconstruct])
def test_overflow_is_an_error(model, core, function):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"overflow.*up to 1e\+308"):
        function(model, core.as_rows(np.full((2, 6), 1e308)))


def test_a_code_that_overflows_is_an_error(model):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="reconstruction overflows"):
        rows_of(model, np.full((1, 9), 1e308))
