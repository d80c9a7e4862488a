import numpy as np
import pytest
from scipy.special import expit, logit

from skl_sparse_ae._sparse.frame import (
    OUTPUT_DEVIATIONS,
    TOTAL_VARIANCE,
    Frame,
    Translation,
    initial_weights,
)

K, D = SHAPE = 5, 6
OFFSET = np.random.default_rng(1).uniform(-3, 3, D)
FRAMES = {"frame": Frame(OFFSET, 0.25, 0.1, 7.0), "translation": Translation(OFFSET)}


@pytest.fixture
def frame():
    return FRAMES["frame"]


@pytest.fixture(params=FRAMES)
def any_frame(request):
    return FRAMES[request.param]


@pytest.fixture
def start(core):
    """A function that returns first weights in the frame, of logistic units."""

    def draw(frame, raw_output, k=K):
        rng = np.random.default_rng(0)
        return initial_weights(
            k, len(raw_output), frame, core.activations.Logistic, raw_output, rng
        )

    return draw


@pytest.fixture
def of_user(core):
    """A function that returns the `Weights` for which params in a frame stand."""

    def weights(frame, params, k=K):
        shape = k, len(frame.input_mean)
        return core.weights.unflatten(frame.to_user(params, shape), *shape)

    return weights


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back_changes_nothing(network, any_frame, dtype):
    theta = network.theta.astype(dtype)
    near = {"rtol": 0, "atol": 200 * np.finfo(dtype).eps}
    user = any_frame.to_user(theta, SHAPE)
    assert user.dtype == dtype
    assert any_frame.from_user(theta, SHAPE).dtype == np.float64
    np.testing.assert_allclose(any_frame.from_user(user, SHAPE), theta, **near)
    there = any_frame.from_user(theta, SHAPE).astype(dtype)
    np.testing.assert_allclose(any_frame.to_user(there, SHAPE), theta, **near)
    np.testing.assert_array_equal(theta, network.theta.astype(dtype))


def test_pull_back_is_the_transpose_of_the_derivative(network, any_frame, central_differences):
    gradient = np.random.default_rng(2).normal(size=len(network.theta))
    expected = central_differences(
        lambda params: gradient @ any_frame.to_user(params, SHAPE), network.theta
    )
    pulled_back = any_frame.pull_back(gradient.copy(), SHAPE)
    np.testing.assert_allclose(pulled_back, expected, rtol=0, atol=1e-7 * abs(expected).max())


def test_pull_back_is_the_transpose_of_the_linear_map(network, frame):
    params, gradient = network.theta, np.random.default_rng(2).normal(size=len(network.theta))
    inner = gradient @ frame.to_user(params, SHAPE)
    assert frame.pull_back(gradient.copy(), SHAPE) @ params == pytest.approx(inner, rel=1e-12)


def test_pull_back_works_in_place(network, any_frame):
    gradient = np.ones_like(network.theta)
    assert any_frame.pull_back(gradient, SHAPE) is gradient


def test_users_network_is_the_primed_one_on_standardized_rows(network, frame, of_user):
    X, primed, user = network.X, network.weights, of_user(frame, network.theta)
    A = expit(X @ user.We.T + user.be)
    code = expit((X - frame.input_mean) / frame.input_scale @ primed.We.T + primed.be)
    np.testing.assert_allclose(A, code, rtol=1e-11)
    output = frame.output_scale * ((A - frame.code_mean) @ primed.Wd + primed.bd)
    np.testing.assert_allclose(A @ user.Wd + user.bd, output, rtol=1e-11)


def test_translated_weights_do_to_rows_what_the_params_do_to_centred_rows(core, network):
    X, w, translation = network.X, network.weights, FRAMES["translation"]
    user = core.weights.unflatten(translation.to_user(network.theta, SHAPE), *SHAPE)
    expected = (X - OFFSET) @ w.We.T + w.be
    np.testing.assert_allclose(X @ user.We.T + user.be, expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(user.bd, w.bd + OFFSET, rtol=1e-14)
    np.testing.assert_array_equal(user.Wd, w.Wd)


def test_initial_units_are_on_target_and_output_is_the_one_asked_for(frame, start, of_user):
    raw_output = np.linspace(-2, 2, D)
    w = of_user(frame, start(frame, raw_output))
    A = expit(frame.input_mean @ w.We.T + w.be)  # the code of the average row
    np.testing.assert_allclose(A, frame.code_mean, rtol=1e-12)
    np.testing.assert_allclose(A @ w.Wd + w.bd, raw_output, rtol=1e-11)


@pytest.mark.parametrize("name", ["logistic", "tanh", "relu", "elu", "identity"])
def test_initial_units_of_any_activation_are_on_target(core, frame, of_user, name):
    activation, rng = core.activations.ACTIVATIONS[name], np.random.default_rng(0)
    w = of_user(frame, initial_weights(K, D, frame, activation, np.zeros(D), rng))
    A = activation.forward(frame.input_mean @ w.We.T + w.be)
    np.testing.assert_allclose(A, frame.code_mean, rtol=1e-11)


def test_initial_weights_fill_glorots_interval(start, of_user):
    frame = Frame.of(np.zeros(40), np.ones(40), 0.1, 1.0)
    w = of_user(frame, start(frame, np.zeros(40), 30), 30)
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
        assert frame.total_variance == TOTAL_VARIANCE
        assert frame.output_scale == 5.0 * OUTPUT_DEVIATIONS
    assert Frame.of(np.ones(2), np.zeros(2), 0.1, 1.0).input_scale == 1.0


def test_start_does_not_depend_on_the_unit_of_X(network, start, of_user):
    raw_output, X = np.linspace(0.1, 0.9, D), network.X

    def start_in(unit):
        frame = Frame(unit * X.mean(axis=0), unit * X.std(), 0.1, unit * X.std())
        return of_user(frame, start(frame, unit * raw_output))

    metres, millimetres = start_in(1.0), start_in(1000.0)
    A = expit(X @ metres.We.T + metres.be)
    np.testing.assert_allclose(expit(1000 * X @ millimetres.We.T + millimetres.be), A, rtol=1e-12)
    raw = 1000 * (A @ metres.Wd + metres.bd)
    np.testing.assert_allclose(A @ millimetres.Wd + millimetres.bd, raw, rtol=1e-11)


@pytest.mark.parametrize(
    ("scale", "dtype", "counts"), [(1e-30, "f8", True), (1e-80, "f8", False), (1e-30, "f4", False)]
)
def test_data_too_small_to_be_magnified_count_as_constant(scale, dtype, counts):
    frame = Frame.of(np.zeros(16), np.full(16, scale**2), 0.1, scale, np.dtype(dtype))
    assert frame.input_scale == pytest.approx(scale if counts else 1, rel=1e-12)


def test_rows_in_the_frame_are_read_as_the_weights_read_rows(network, of_user):
    frame = Frame(np.linspace(0.2, 0.7, 6), 0.3, 0.1, 2.5)
    primed, user = network.weights, of_user(frame, network.theta)
    rows = network.X.copy()
    assert frame.apply(rows) is rows
    expected = network.X @ user.We.T + user.be
    np.testing.assert_allclose(rows @ primed.We.T + primed.be, expected, rtol=1e-12)


def test_limits_name_every_field_of_a_saved_frame(frame):
    numbers, arrays = frame.limits(D)
    assert numbers.keys() | arrays.keys() == set(frame._fields)
    assert arrays == {"input_mean": (D,)}
    for name, (kind, least, most) in numbers.items():
        assert least <= kind(getattr(frame, name)) <= most
