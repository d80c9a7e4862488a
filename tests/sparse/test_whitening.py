import numpy as np
import pytest
from scipy.sparse import csr_array

from skl_sparse_ae._sparse import whitening
from skl_sparse_ae._sparse.whitening import (
    EncoderFrame,
    Scaled,
    White,
    inputs_for,
    split_encoder,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)) @ RNG.normal(size=(3, 5)) + 0.3 * RNG.normal(size=(60, 5)) + 7
W = RNG.normal(size=(4, 5))
K, D = SHAPE = W.shape
PARAMS = RNG.normal(size=K * D + K)


@pytest.fixture
def inputs_of(core, in_blocks):
    """A function that returns the inputs for rows X."""

    def inputs(X, *, size=25, n_components=K):
        blocks = in_blocks(X, size)
        frame = core.frame.Frame.of(*core.moments.column_moments(blocks), 0.1, 1.0)
        return inputs_for(blocks, frame, n_components)

    return inputs


@pytest.fixture(params=["white", "scaled"])
def inputs(request, inputs_of):
    return inputs_of(X) if request.param == "white" else Scaled(3.0)


@pytest.fixture
def frame(inputs):
    return EncoderFrame(inputs, X.mean(axis=0), np.dtype(float))


def test_inputs_there_and_back_change_nothing(inputs):
    np.testing.assert_allclose(inputs.to_user(inputs.from_user(W)), W, rtol=1e-12)


def test_pull_back_of_inputs_is_the_transpose_of_to_user(inputs):
    primed, gradient = RNG.normal(size=(2, 4, 5))
    inner = np.vdot(primed, inputs.pull_back(gradient))
    assert np.vdot(inputs.to_user(primed), gradient) == pytest.approx(inner, rel=1e-12)


# -------------------------------------------------------------------------------- EncoderFrame


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back_changes_nothing(inputs_of, inputs, dtype):
    if dtype == np.float32 and isinstance(inputs, White):
        inputs = inputs_of(X.astype(np.float32))
    frame = EncoderFrame(inputs, X.mean(axis=0), np.dtype(dtype))
    near = {"rtol": 0, "atol": 1e4 * np.finfo(dtype).eps}
    user = frame.to_user(PARAMS, SHAPE)
    assert user.dtype == dtype
    assert frame.from_user(user, SHAPE).dtype == np.float64
    np.testing.assert_allclose(frame.from_user(user, SHAPE), PARAMS, **near)
    again = frame.to_user(frame.from_user(PARAMS, SHAPE), SHAPE)
    np.testing.assert_allclose(again, PARAMS, **near)


def test_pull_back_is_the_transpose_of_the_derivative(frame, central_differences):
    gradient = RNG.normal(size=len(PARAMS))
    expected = central_differences(lambda params: gradient @ frame.to_user(params, SHAPE), PARAMS)
    pulled_back = frame.pull_back(gradient.copy(), SHAPE)
    np.testing.assert_allclose(pulled_back, expected, rtol=0, atol=1e-7 * abs(expected).max())


def test_pull_back_works_in_place(frame):
    gradient = np.ones_like(PARAMS)
    assert frame.pull_back(gradient, SHAPE) is gradient


def test_the_users_encoder_does_to_rows_what_the_params_do_to_centred_inputs(inputs, frame):
    We, be = split_encoder(frame.to_user(PARAMS, SHAPE), SHAPE)
    primed, bias = split_encoder(PARAMS, SHAPE)
    centred = X - frame.mean
    seen = centred @ np.asarray(inputs.inverse).T if hasattr(inputs, "inverse") else centred / 3
    np.testing.assert_allclose(X @ We.T + be, seen @ primed.T + bias, rtol=0, atol=1e-11)


def test_the_encoder_comes_first_in_a_flat_vector():
    flat = np.arange(100.0)
    We, be = split_encoder(flat, SHAPE)
    np.testing.assert_array_equal(We, np.arange(20.0).reshape(SHAPE))
    np.testing.assert_array_equal(be, np.arange(20.0, 24.0))
    be[...] = -1
    assert (flat == -1).sum() == 4


# ------------------------------------------------------------------------------ which inputs


def test_white_inputs_have_nearly_one_variance_in_every_direction(inputs_of):
    inputs = inputs_of(X)
    assert isinstance(inputs, White)
    before = np.linalg.eigvalsh(np.cov(X.T, bias=True))
    after = np.linalg.eigvalsh(np.cov((X @ np.asarray(inputs.inverse).T).T, bias=True))
    assert after.mean() == pytest.approx(1, rel=1e-9)
    assert after.max() / after.min() < 0.3 * before.max() / before.min()
    share = before / (before + before.mean())  # what a ridge of the mean variance leaves
    np.testing.assert_allclose(np.sort(after), np.sort(share / share.mean()), rtol=1e-9)


def test_they_do_not_depend_on_blocks_unit_offset_or_storage(inputs_of):
    expected = inputs_of(X).to_user(W)
    np.testing.assert_allclose(inputs_of(X, size=7).to_user(W), expected, rtol=1e-10)
    np.testing.assert_allclose(inputs_of(X + 100).to_user(W), expected, rtol=1e-9)
    np.testing.assert_allclose(inputs_of(1e6 * X).to_user(W) * 1e6, expected, rtol=1e-10)
    np.testing.assert_allclose(inputs_of(csr_array(X)).to_user(W), expected, rtol=1e-12)


def test_very_sparse_rows_have_the_inputs_of_the_dense_ones(inputs_of):
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(400, 8)) * (rng.random((400, 8)) < 0.03)
    V = rng.normal(size=(4, 8))
    sparse, dense = inputs_of(csr_array(rows)), inputs_of(rows)
    assert isinstance(sparse, White)
    np.testing.assert_allclose(sparse.to_user(V), dense.to_user(V), rtol=1e-9)


def test_float32_rows_have_float32_products(inputs_of):
    inputs, single = inputs_of(X.astype(np.float32)), W.astype(np.float32)
    assert inputs.to_user(single).dtype == inputs.pull_back(single).dtype == np.float32
    np.testing.assert_allclose(inputs.to_user(single), inputs_of(X).to_user(W), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "rows", [X[:4], np.ones((9, 5)), np.full((9, 5), 1e-200)], ids=["few", "constant", "tiny"]
)
def test_rows_that_cannot_be_whitened_are_scaled(inputs_of, rows):
    inputs = inputs_of(rows)
    assert isinstance(inputs, Scaled)
    assert np.isfinite(inputs.to_user(W)).all()


def test_too_many_features_are_scaled(inputs_of, monkeypatch):
    monkeypatch.setattr(whitening, "MAX_WHITE_FEATURES", 4)
    assert isinstance(inputs_of(X), Scaled)


def test_whitening_is_too_dear_where_it_costs_more_than_a_short_fit(inputs_of):
    """With 4,096 columns and few units, whitening took ten seconds and five iterations two."""
    wide = np.random.default_rng(0).normal(size=(300, 250))
    assert isinstance(inputs_of(wide, n_components=30), White)
    assert isinstance(inputs_of(wide, n_components=2), Scaled)
    n_evaluations = [
        whitening._cost(5000, 4096) / whitening._cost_of_evaluation(5000, 4096, k) for k in (16, 64)
    ]
    assert n_evaluations[0] > whitening.MAX_EVALUATIONS > n_evaluations[1]
