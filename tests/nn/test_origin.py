import numpy as np
import pytest

from skl_sparse_ae._nn.origin import bias_at, origin_of_moments, origin_of_weights


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 20), (np.float64, 1e4)])
def test_only_columns_far_from_0_have_an_origin(dtype, limit):
    variance = np.array([4.0, 1.0, 0.0])
    origin = origin_of_moments(np.array([1e3, -3 * limit, 7]) * 2, variance * 4, dtype)
    assert origin.dtype == dtype
    np.testing.assert_array_equal(origin, [2e3 if limit < 500 else 0, -6 * limit, 14])
    # the limit is relative to the variance of all columns
    assert origin_of_moments(np.array([0, limit, 0]), variance, dtype) is None
    assert origin_of_moments(np.zeros(3), np.zeros(3), dtype) is None


def test_the_origin_of_weights_is_the_decoders_bias_where_terms_are_large(network):
    w, is_far = network.weights, np.arange(6) == 2
    far = w._replace(be=w.be - 1e4 * w.We[:, 2], bd=w.bd + 1e4 * is_far)
    assert origin_of_weights(w.We, w.be, w.bd, np.float32) is None
    assert origin_of_weights(far.We, far.be, far.bd, np.float64) is None
    origin = origin_of_weights(far.We, far.be, far.bd, np.float32)
    assert origin.dtype == np.float32
    np.testing.assert_array_equal(origin, np.where(is_far, far.bd, 0).astype(np.float32))
    assert origin_of_weights(far.We, far.be, far.bd, np.float32, unit=1e4) is None
    assert origin_of_weights(far.We, far.be, far.bd, np.float64, unit=1e-4)[2] == far.bd[2]
    np.testing.assert_array_equal(
        origin_of_weights(far.We, far.be, far.bd, np.float64, unit=0), far.bd
    )
    # units that are off, and no offset
    assert origin_of_weights(w.We, w.be - 1e4, w.bd, np.float32) is None


def test_biases_at_an_origin_give_the_same_pre_activations(network):
    w, X, origin = network.weights, network.X, np.linspace(-3, 3, 6)
    be = bias_at(w.We, w.be, origin)
    expected = X @ w.We.T + w.be
    np.testing.assert_allclose((X - origin) @ w.We.T + be, expected, rtol=0, atol=1e-13)


def test_biases_at_an_origin_are_added_in_float64_and_rounded_once():
    We, origin = np.array([[1.0, 1.0, 1.0]], np.float32), np.array([1e8, 1.0, -1e8], np.float32)
    be = bias_at(We, np.zeros(1, np.float32), origin)
    assert be.dtype == np.float32
    assert be == 1
