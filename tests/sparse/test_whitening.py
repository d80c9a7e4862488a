import numpy as np
import pytest
from scipy.sparse import csr_array

from skl_sparse_ae import _sparse
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.whitening import Scaled, White, input_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)) @ RNG.normal(size=(3, 5)) + 0.3 * RNG.normal(size=(60, 5)) + 7
W = RNG.normal(size=(4, 5))


def of(X, *, size=25, n_components=4):
    blocks = [X[start : start + size] for start in range(0, X.shape[0], size)]
    return input_of(blocks, Frame.of(*column_moments(blocks), 0.1, 1.0), n_components)


@pytest.fixture(params=["white", "scaled"])
def inputs(request):
    return of(X) if request.param == "white" else Scaled(3.0)


def test_there_and_back_is_where_it_was(inputs):
    np.testing.assert_allclose(inputs.to_user(inputs.from_user(W)), W, rtol=1e-12)


def test_the_gradient_is_the_transpose_of_to_user(inputs):
    primed, gradient = RNG.normal(size=(2, 4, 5))
    assert np.vdot(inputs.to_user(primed), gradient) == pytest.approx(
        np.vdot(primed, inputs.gradient(gradient)), rel=1e-12
    )


def test_white_inputs_have_nearly_one_variance_in_every_direction():
    inputs = of(X)
    assert isinstance(inputs, White)
    before = np.linalg.eigvalsh(np.cov(X.T, bias=True))
    after = np.linalg.eigvalsh(np.cov((X @ np.asarray(inputs.inverse).T).T, bias=True))
    assert after.mean() == pytest.approx(1, rel=1e-9)
    assert after.max() / after.min() < 0.3 * before.max() / before.min()
    share = before / (before + before.mean())  # what a ridge of the mean variance leaves
    np.testing.assert_allclose(np.sort(after), np.sort(share / share.mean()), rtol=1e-9)


def test_they_do_not_depend_on_blocks_unit_offset_or_storage():
    expected = of(X).to_user(W)
    np.testing.assert_allclose(of(X, size=7).to_user(W), expected, rtol=1e-10)
    np.testing.assert_allclose(of(X + 100).to_user(W), expected, rtol=1e-9)
    np.testing.assert_allclose(of(1e6 * X).to_user(W) * 1e6, expected, rtol=1e-10)
    np.testing.assert_allclose(of(csr_array(X)).to_user(W), expected, rtol=1e-12)


def test_float32_rows_have_float32_products():
    inputs = of(X.astype(np.float32))
    assert (
        inputs.to_user(W.astype(np.float32)).dtype
        == inputs.gradient(W.astype(np.float32)).dtype
        == np.float32
    )
    np.testing.assert_allclose(
        inputs.to_user(W.astype(np.float32)), of(X).to_user(W), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(
    "rows", [X[:4], np.ones((9, 5)), np.full((9, 5), 1e-200)], ids=["few", "constant", "tiny"]
)
def test_rows_that_cannot_be_whitened_are_scaled(rows):
    inputs = of(rows)
    assert isinstance(inputs, Scaled)
    assert np.isfinite(inputs.to_user(W)).all()


def test_too_many_features_are_scaled(monkeypatch):
    monkeypatch.setattr(_sparse.whitening, "MOST_WHITE_FEATURES", 4)
    assert isinstance(of(X), Scaled)


def test_whitening_is_too_dear_where_it_costs_more_than_a_short_fit():
    """4,096 columns and few units: the covariance and its root took ten seconds, five iterations two."""
    wide = np.random.default_rng(0).normal(size=(300, 250))
    assert isinstance(of(wide, n_components=30), White)
    assert isinstance(of(wide, n_components=2), Scaled)
    cost = _sparse.whitening._cost(5000, 4096)
    assert cost > _sparse.whitening.MOST_EVALUATIONS * _sparse.whitening._cost_of_evaluation(
        5000, 4096, 16
    )
    assert cost < _sparse.whitening.MOST_EVALUATIONS * _sparse.whitening._cost_of_evaluation(
        5000, 4096, 64
    )
