import numpy as np
import pytest
from sklearn.metrics import r2_score

from skl_sparse_ae import _rows
from skl_sparse_ae._nn.losses import CrossEntropy, SquaredError
from skl_sparse_ae._sparse.objective import decode, encode
from skl_sparse_ae._sparse.predict import (
    code_of,
    excess_of_rows,
    explained_variance,
    losses_of_rows,
    reconstructions,
    rows_of,
)
from skl_sparse_ae._sparse.weights import n_weights, unflatten

pytestmark = pytest.mark.usefixtures("quiet")

N_ROWS, N_FEATURES, N_COMPONENTS = 23, 6, 4


@pytest.fixture
def rows():
    return np.random.default_rng(0).random((N_ROWS, N_FEATURES))


@pytest.fixture
def w():
    return unflatten(
        np.random.default_rng(1).normal(size=n_weights(N_COMPONENTS, N_FEATURES)),
        N_COMPONENTS,
        N_FEATURES,
    )


@pytest.fixture(params=[1, 7, 1000], ids="blocks of {}".format)
def any_blocks(request, monkeypatch):
    monkeypatch.setattr(_rows.blocks, "FEWEST_ROWS", request.param)
    monkeypatch.setattr(_rows.blocks, "MOST_ROWS", request.param)


@pytest.mark.usefixtures("any_blocks")
@pytest.mark.parametrize("loss", [SquaredError, CrossEntropy])
def test_blocks_change_nothing(rows, w, loss):
    code = encode(w, rows)
    np.testing.assert_allclose(code_of(w, SquaredError, rows), code, rtol=1e-12)
    whole = loss.output(decode(w, code))
    np.testing.assert_allclose(
        np.concatenate(list(reconstructions(w, loss, rows))), whole, rtol=1e-12
    )
    np.testing.assert_allclose(
        losses_of_rows(w, loss, rows), loss.per_row(decode(w, code), rows), rtol=1e-12
    )
    np.testing.assert_allclose(
        excess_of_rows(w, loss, rows), loss.excess(decode(w, code), rows), rtol=1e-12
    )
    r2 = r2_score(rows, whole, multioutput="variance_weighted")
    assert explained_variance(w, loss, rows) == pytest.approx(r2, rel=1e-12)


def test_constant_columns_weigh_nothing(rows, w):
    with_constant = rows.copy()
    with_constant[:, 2] = 0.1  # 0.1 summed 23 times and divided is not 0.1
    X_hat = decode(w, encode(w, with_constant))
    others = np.arange(N_FEATURES) != 2
    r2 = r2_score(with_constant[:, others], X_hat[:, others], multioutput="variance_weighted")
    assert explained_variance(w, SquaredError, with_constant) == pytest.approx(r2, rel=1e-12)


def test_variances_next_to_nothing_have_finite_scores(rows, w):
    assert (
        explained_variance(w, SquaredError, rows * 1e-160) == np.finfo(np.float64).min
    )  # -1e320, were there such a number
    assert (
        explained_variance(w, SquaredError, rows * 1e-320) == 0
    )  # their squares are 0: columns are as good as constant


def test_undefined_activations_are_refused(rows, w):
    w.be[1] = (
        np.nan
    )  # as inf - inf gives; which sums overflow to that depends on the machine's matrix product
    rows[3, 0] = 1.7e300
    with pytest.raises(ValueError, match=r"pre-activations overflow: X has values up to 1.7e\+300"):
        code_of(w, SquaredError, rows)


def test_rows_and_losses_that_overflow_are_refused(rows, w):
    with pytest.raises(
        ValueError, match=r"reconstruction overflows: the code has values up to 1.7e\+308"
    ):
        rows_of(w, SquaredError, np.full((1, N_COMPONENTS), 1.7e308))
    with pytest.raises(ValueError, match=r"losses overflow: X has values up to 1e\+300"):
        losses_of_rows(w, SquaredError, np.full((1, N_FEATURES), 1e300))
