import numpy as np
import pytest
from scipy.special import expit

from skl_sparse_ae._nn.activations import ACTIVATIONS, RECTIFIERS, sigmoid

pytestmark = pytest.mark.usefixtures("quiet")

DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EVERY = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
BY_HAND = {
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: max(z, 0),
    "elu": lambda z: z if z > 0 else np.exp(z) - 1,
}
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_the_functions_of_that_name(name):
    Z = RNG.normal(size=(5, 3))
    expected = [[BY_HAND[name](z) for z in row] for row in Z]
    np.testing.assert_allclose(ACTIVATIONS[name].forward(Z.copy()), expected, rtol=1e-14)


@EVERY
@DTYPE
def test_forward_works_in_place(activation, dtype):
    Z = RNG.normal(size=(5, 3)).astype(dtype)
    A = activation.forward(Z)
    assert A is Z
    assert A.dtype == dtype


@EVERY
def test_backward_is_the_derivative_times_the_gradient(activation):
    Z, d_A = 2 * RNG.normal(size=(2, 40, 3))
    h = 1e-6
    slope = (activation.forward(Z + h) - activation.forward(Z - h)) / (2 * h)
    d_Z = activation.backward(d_A.copy(), activation.forward(Z.copy()))
    np.testing.assert_allclose(d_Z, d_A * slope, rtol=1e-6, atol=1e-9)


@EVERY
@DTYPE
def test_backward_works_in_place(activation, dtype):
    d_A, A = RNG.uniform(0.1, 0.9, size=(2, 5, 3)).astype(dtype)
    d_Z = activation.backward(d_A, A)
    assert d_Z is d_A
    assert d_Z.dtype == dtype


@EVERY
def test_inverse_leads_back_to_the_pre_activation(activation):
    for z in (0.01, 0.3, 2.0, 5.0, *(() if activation is ACTIVATIONS["relu"] else (-0.3, -4.0))):
        (a,) = activation.forward(np.array([z]))
        assert activation.inverse(a) == pytest.approx(z, rel=1e-10)


@EVERY
@DTYPE
def test_activations_lie_within_their_bounds_and_reach_them(activation, dtype):
    low, high = activation.bounds
    A = activation.forward(np.array([-1e30, -50, -1, 0, 1, 50, 1e30], dtype=dtype))
    assert A.min() >= low
    assert A.max() <= high
    assert A[0] == (low if np.isfinite(low) else dtype(-1e30))
    assert A[-1] == (high if np.isfinite(high) else dtype(1e30))


@EVERY
def test_only_an_activation_between_0_and_1_is_said_to_saturate(activation):
    assert activation.saturates == (activation.bounds == (0, 1))


@pytest.mark.parametrize("name", ["relu", "elu"])
def test_rectifiers_are_those_that_pass_half_of_their_inputs(name):
    assert ACTIVATIONS[name] in RECTIFIERS
    assert len(RECTIFIERS) == 2


@pytest.mark.parametrize("z", [-1e30, -800.0, 0.0, 800.0, 1e30])
@DTYPE
@EVERY
def test_no_activation_is_undefined(activation, z, dtype):
    A = activation.forward(np.full((1, 1), z, dtype=dtype))
    assert np.isfinite(A).all()
    assert A.dtype == dtype
    d_Z = activation.backward(np.ones((1, 1), dtype=dtype), A)
    assert 0 <= d_Z <= 1
    assert d_Z.dtype == dtype


# --------------------------------------------------------------------------------------- sigmoid


@DTYPE
def test_sigmoid_keeps_the_lower_tail(dtype):
    lowest = -87 if dtype == np.float32 else -708  # below, the result is subnormal
    Z = np.linspace(lowest, 40, 4001, dtype=dtype)
    # exp(-z) carries the error of one rounding of its argument, no more
    np.testing.assert_allclose(sigmoid(Z.copy()), expit(Z), rtol=4 * np.finfo(dtype).eps)


@DTYPE
def test_sigmoid_of_anything_is_in_the_unit_interval(dtype):
    Z = np.array([0, -0.0, 89, -89, 720, -720, 1e30, -1e30, np.inf, -np.inf], dtype=dtype)
    A = sigmoid(Z.copy())
    np.testing.assert_allclose(A, expit(Z), rtol=1e-6, atol=np.finfo(dtype).tiny)
    assert A.min() >= 0
    assert A.max() <= 1


@DTYPE
def test_sigmoid_works_in_place_and_keeps_the_dtype(dtype):
    Z = np.zeros((3, 2), dtype=dtype)
    A = sigmoid(Z)
    assert A is Z
    assert A.dtype == dtype
    np.testing.assert_array_equal(A, 0.5)


def test_sigmoid_hands_on_nan():
    assert np.isnan(sigmoid(np.array([np.nan]))).all()
