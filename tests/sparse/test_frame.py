import numpy as np
import pytest
from scipy.special import expit, logit

from skl_sparse_ae._arrays.kernels import add_multiple, subtract_outer
from skl_sparse_ae._nn.origin import origin_of_moments, origin_of_weights
from skl_sparse_ae._sparse.frame import OUTPUT_DEVIATIONS, TOTAL_VARIANCE, Frame, initial_weights
from skl_sparse_ae._sparse.weights import (
    Weights,
    flatten,
    n_weights,
    of_centred,
    of_rows,
    unflatten,
)

K, D = 5, 6


@pytest.fixture
def frame():
    return Frame(np.random.default_rng(1).uniform(-3, 3, D), 0.25, 0.1, 7.0)


def test_flatten_and_unflatten_are_inverse(network):
    w = unflatten(network.theta, K, D)
    assert [part.shape for part in w] == [(K, D), (K,), (K, D), (D,)]
    assert len(network.theta) == n_weights(K, D)
    np.testing.assert_array_equal(flatten(w), network.theta)


def test_flat_weights_are_laid_out_in_order():
    w = Weights(np.full((2, 3), 1.0), np.full(2, 2.0), np.full((2, 3), 3.0), np.full(3, 4.0))
    np.testing.assert_array_equal(flatten(w), [1] * 6 + [2] * 2 + [3] * 6 + [4] * 3)
    assert flatten(w, np.float32).dtype == np.float32


def test_unflatten_gives_views_and_flatten_a_copy():
    theta = np.zeros(n_weights(K, D))
    w = unflatten(theta, K, D)
    for number, part in enumerate(w, 1):
        part[...] = number
    assert sorted(set(theta)) == [1, 2, 3, 4]
    assert not np.shares_memory(flatten(w), theta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frame_there_and_back_changes_nothing(network, frame, dtype):
    theta = network.theta.astype(dtype)
    eps = np.finfo(dtype).eps
    for there, back in [(frame.to_user, frame.from_user), (frame.from_user, frame.to_user)]:
        result = back(there(theta, dtype), dtype)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, theta, rtol=0, atol=200 * eps)
    np.testing.assert_array_equal(theta, network.theta.astype(dtype))


def test_frame_gradient_is_the_transpose_of_to_user(network, frame):
    x, g = network.theta, np.random.default_rng(2).normal(size=len(network.theta))
    inner = g @ frame.to_user(x, np.float64)
    assert frame.gradient(g.copy()) @ x == pytest.approx(inner, rel=1e-12)


def test_frame_gradient_works_in_place(frame):
    g = np.ones(n_weights(K, D))
    assert frame.gradient(g) is g


def test_users_network_is_the_primed_one_on_standardized_rows(network, frame):
    X, primed = network.X, network.weights
    user = unflatten(frame.to_user(network.theta, np.float64), K, D)
    A = expit(X @ user.We.T + user.be)
    np.testing.assert_allclose(
        A, expit((X - frame.input_mean) / frame.input_scale @ primed.We.T + primed.be), rtol=1e-11
    )
    output = frame.output_scale * ((A - frame.code_mean) @ primed.Wd + primed.bd)
    np.testing.assert_allclose(A @ user.Wd + user.bd, output, rtol=1e-11)


def test_initial_units_are_on_target_and_output_is_the_one_asked_for(frame):
    raw_output = np.linspace(-2, 2, D)
    theta = initial_weights(K, D, frame.code_mean, raw_output, frame, np.random.default_rng(0))
    w = unflatten(frame.to_user(theta, np.float64), K, D)
    A = expit(frame.input_mean @ w.We.T + w.be)  # the code of the average row
    np.testing.assert_allclose(A, frame.code_mean, rtol=1e-12)
    np.testing.assert_allclose(A @ w.Wd + w.bd, raw_output, rtol=1e-11)


def test_initial_weights_fill_glorots_interval():
    frame = Frame.of(np.zeros(40), np.ones(40), 0.1, 1.0)
    theta = initial_weights(30, 40, 0.1, np.zeros(40), frame, np.random.default_rng(0))
    w = unflatten(frame.to_user(theta, np.float64), 30, 40)
    limit = np.sqrt(6 / 70)
    for W in (w.We, w.Wd):
        assert 0.98 * limit < W.max() <= limit
        assert -limit <= W.min() < -0.98 * limit
        assert abs(W.mean()) < 0.1 * limit
    assert not np.array_equal(w.We, w.Wd)
    np.testing.assert_array_equal(w.be, logit(0.1))


def test_in_the_frame_of_some_data_their_variances_have_one_sum(network):
    X = network.X * 7
    for rows in (X, X[:, :3]):
        frame = Frame.of(rows.mean(axis=0), rows.var(axis=0), 0.1, 5.0)
        assert (rows / frame.input_scale).var(axis=0).sum() == pytest.approx(TOTAL_VARIANCE)
        assert frame.output_scale == 5.0 * OUTPUT_DEVIATIONS
    assert Frame.of(np.ones(2), np.zeros(2), 0.1, 1.0).input_scale == 1.0


def test_start_does_not_depend_on_the_unit_of_X(network):
    raw_output, X = np.linspace(0.1, 0.9, D), network.X

    def start(unit):
        frame = Frame(unit * X.mean(axis=0), unit * X.std(), 0.1, unit * X.std())
        theta = initial_weights(K, D, 0.1, unit * raw_output, frame, np.random.default_rng(0))
        return unflatten(frame.to_user(theta, np.float64), K, D)

    metres, millimetres = start(1.0), start(1000.0)
    A = expit(X @ metres.We.T + metres.be)
    np.testing.assert_allclose(expit(1000 * X @ millimetres.We.T + millimetres.be), A, rtol=1e-12)
    np.testing.assert_allclose(
        A @ millimetres.Wd + millimetres.bd, 1000 * (A @ metres.Wd + metres.bd), rtol=1e-11
    )


@pytest.mark.parametrize(
    ("scale", "dtype", "counts"), [(1e-30, "f8", True), (1e-80, "f8", False), (1e-30, "f4", False)]
)
def test_data_too_small_to_be_magnified_count_as_constant(scale, dtype, counts):
    frame = Frame.of(np.zeros(16), np.full(16, scale**2), 0.1, scale, np.dtype(dtype))
    assert frame.input_scale == pytest.approx(scale if counts else 1, rel=1e-12)


def test_rows_in_the_frame_are_read_as_the_weights_read_rows(network):
    frame = Frame(np.linspace(0.2, 0.7, 6), 0.3, 0.1, 2.5)
    primed, user = (
        unflatten(theta, K, D)
        for theta in (network.theta, frame.to_user(network.theta, np.float64))
    )
    rows = network.X.copy()
    assert frame.rows(rows) is rows
    np.testing.assert_allclose(
        rows @ primed.We.T + primed.be, network.X @ user.We.T + user.be, rtol=1e-12
    )


def test_weights_of_centred_rows_do_the_same(network):
    w, origin = network.weights, np.linspace(-3, 3, D)
    seen = of_centred(w, origin)
    X = network.X
    np.testing.assert_allclose(
        (X - origin) @ seen.We.T + seen.be, X @ w.We.T + w.be, rtol=0, atol=1e-13
    )
    np.testing.assert_allclose(seen.bd + origin, w.bd, rtol=0, atol=1e-13)
    for part, again in zip(w, of_rows(seen, origin), strict=True):
        np.testing.assert_allclose(again, part, rtol=0, atol=1e-13)
    assert of_centred(w, None) is w


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 20), (np.float64, 1e4)])
def test_only_columns_far_from_0_have_an_origin(dtype, limit):
    variance = np.array([4.0, 1.0, 0.0])
    origin = origin_of_moments(np.array([1e3, -3 * limit, 7]) * 2, variance * 4, dtype)
    assert origin.dtype == dtype
    np.testing.assert_array_equal(origin, [2e3 if limit < 500 else 0, -6 * limit, 14])
    assert (
        origin_of_moments(np.array([0, limit, 0]), variance, dtype) is None
    )  # against the variance of all columns
    assert origin_of_moments(np.zeros(3), np.zeros(3), dtype) is None


def test_the_origin_of_weights_is_the_decoders_bias_where_terms_are_large(network):
    w = network.weights
    far = w._replace(be=w.be - 1e4 * w.We[:, 2], bd=w.bd + 1e4 * (np.arange(D) == 2))
    assert origin_of_weights(w.We, w.be, w.bd, np.float32) is None
    assert origin_of_weights(far.We, far.be, far.bd, np.float64) is None
    origin = origin_of_weights(far.We, far.be, far.bd, np.float32)
    assert origin.dtype == np.float32
    np.testing.assert_array_equal(origin, np.where(np.arange(D) == 2, far.bd, 0).astype(np.float32))
    assert (
        origin_of_weights(w.We, w.be - 1e4, w.bd, np.float32) is None
    )  # a unit that is off, and no offset


def test_arrays_out_of_line_are_overwritten_too():
    """As what comes from a Dask worker may be: a view into the bytes of a message. BLAS functions are given a copy then."""
    expected = np.random.default_rng(0).normal(size=(4, 3))
    M = np.frombuffer(bytearray(4 * 3 * 8 + 1), np.uint8)[1:].view(np.float64).reshape(4, 3)
    assert not M.flags.aligned
    u, v = np.arange(4.0), np.arange(3.0)
    M[...] = expected
    assert subtract_outer(M, u, v) is M
    np.testing.assert_allclose(M, expected - np.outer(u, v), rtol=1e-14)
    M[...] = expected
    add_multiple(M, 0.5, expected)
    np.testing.assert_allclose(M, 1.5 * expected, rtol=1e-14)
