import numpy as np
import pytest
from scipy.sparse import csr_array

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._nn.losses import CrossEntropy, SquaredError
from skl_sparse_ae._sparse.objective import encode
from skl_sparse_ae._sparse.sparse_products import (
    HalfGradient,
    blocks_for,
    errors_of_columns,
    errors_of_rows,
    is_worthwhile,
    through_decoder,
)
from skl_sparse_ae._sparse.weights import n_weights, unflatten

pytestmark = pytest.mark.usefixtures("quiet")

N, D, K = 900, 150, 4


def sparse_rows(shape, density):
    rng = np.random.default_rng(0)
    return csr_array(rng.uniform(size=shape) * (rng.uniform(size=shape) < density))


X = sparse_rows((N, D), 0.03)
W = unflatten(np.random.default_rng(1).normal(size=n_weights(K, D)), K, D)
A = encode(W, X)
ERRORS = A @ W.Wd + W.bd - X.toarray()


def test_errors_are_those_of_the_residual():
    np.testing.assert_allclose(errors_of_rows(W, X, A), np.square(ERRORS).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(
        errors_of_columns(W, X, A), np.square(ERRORS).sum(axis=0), rtol=1e-12
    )


def test_exact_reconstructions_have_no_negative_errors():
    w, rows = W._replace(Wd=0 * W.Wd, bd=np.full(D, 0.1)), csr_array(np.full((7, D), 0.1))
    for errors in (errors_of_rows(w, rows, A[:7]), errors_of_columns(w, rows, A[:7])):
        assert (errors >= 0).all()
        assert errors.max() < 1e-15 * D


def test_gradients_are_those_of_the_residual():
    g = unflatten(np.empty(n_weights(K, D)), K, D)
    value, d_A = through_decoder(W, X, A, 0.3, g)
    assert value == pytest.approx(np.square(ERRORS).sum(), rel=1e-13)
    for got, expected in ((d_A, ERRORS @ W.Wd.T), (g.Wd, A.T @ ERRORS), (g.bd, ERRORS.sum(axis=0))):
        np.testing.assert_allclose(got, 0.6 * expected, rtol=0, atol=1e-13 * abs(expected).max())
    np.testing.assert_allclose(
        HalfGradient.of(W, 0.3)(A, X), 0.5 * d_A, rtol=0, atol=1e-13 * abs(d_A).max()
    )


def test_products_are_for_very_sparse_rows_few_units_and_squared_errors():
    assert is_worthwhile(SquaredError, X, K)
    assert not is_worthwhile(CrossEntropy, X, K)
    assert not is_worthwhile(SquaredError, X, D)
    assert not is_worthwhile(SquaredError, X.toarray(), K)
    assert not is_worthwhile(SquaredError, sparse_rows((90, 50), 0.1), K)


def test_blocks_of_products_have_more_rows():
    wide = csr_array((20_000, 20_000))
    assert 3000 < blocks_for(SquaredError, wide, 50)[0].shape[0] < 4000
    assert blocks_for(CrossEntropy, wide, 50)[0].shape[0] <= 256


@pytest.mark.filterwarnings("ignore::UserWarning")  # short fits
@pytest.mark.parametrize("n_features", [D, 5000], ids=["white", "scaled"])
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "lbfgs"},
        {"solver": "lbfgs", "decoder_alpha": 0.0},
        {"solver": "lbfgs", "loss": "cross_entropy"},
        {"solver": "adam"},
    ],
    ids=str,
)
def test_a_very_sparse_fit_is_the_dense_fit(n_features, options):
    rows = sparse_rows((300, n_features), 0.02)
    model = SparseAutoencoderTransformer(3, max_iter=5, tol=0, random_state=0, **options)
    dense, sparse = (
        model.fit(rows.toarray()),
        SparseAutoencoderTransformer(**model.get_params()).fit(rows),
    )
    assert sparse.loss_ == pytest.approx(dense.loss_, rel=1e-10)
    np.testing.assert_allclose(sparse.loss_curve_, dense.loss_curve_, rtol=1e-10)
    np.testing.assert_allclose(
        sparse.transform(rows), dense.transform(rows.toarray()), rtol=0, atol=1e-7
    )
    np.testing.assert_allclose(
        dense.score_samples(rows), dense.score_samples(rows.toarray()), rtol=1e-10
    )
    assert dense.score(rows) == pytest.approx(dense.score(rows.toarray()), abs=1e-10)
