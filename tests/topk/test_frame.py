import numpy as np
import pytest

from skl_sparse_ae._topk.frame import TopKFrame

X = 5 + 3 * np.random.default_rng(0).normal(size=(50, 6))


@pytest.fixture
def frame():
    return TopKFrame.of(X.mean(axis=0), X.var(axis=0), np.float64)


def test_rows_in_the_frame_are_centred_and_have_unit_variance(frame):
    rows = X.copy()
    assert frame.standardized(rows) is rows
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-14)
    assert rows.var(axis=0).mean() == pytest.approx(1)
    assert rows.var(axis=0).sum() == pytest.approx(frame.total_variance)


def test_the_scale_is_one_number(frame):
    rows = frame.standardized(X.copy())
    np.testing.assert_allclose(rows.std(axis=0) / X.std(axis=0), 1 / frame.input_scale)


def test_float32_rows_stay_float32(frame):
    assert frame.standardized(X.astype(np.float32)).dtype == np.float32


def test_the_users_network_does_the_same_in_the_unit_of_x(topk, network, frame):
    objective, shape = topk.objective, topk.objective.Shape(6, 9)
    w = network()
    of_user = objective.unflatten(frame.to_user(objective.flatten(w), shape), shape)
    Z = objective.pre_activations(w, frame.standardized(X.copy()))
    s = frame.input_scale
    np.testing.assert_allclose(objective.pre_activations(of_user, X), s * Z, rtol=1e-9)
    assert of_user.threshold == s * w.threshold
    A = topk.codes.above(Z, w.threshold[0])
    expected = s * objective.decode(w, A) + frame.input_mean
    np.testing.assert_allclose(objective.decode(of_user, s * A), expected, rtol=1e-9)
    np.testing.assert_array_equal(of_user.Wd, w.Wd)  # of unit norm in both
    np.testing.assert_array_equal(of_user.We, w.We)


def test_the_way_back(topk, network, frame):
    shape, flat = topk.objective.Shape(6, 9), topk.objective.flatten(network())
    np.testing.assert_allclose(frame.from_user(frame.to_user(flat, shape), shape), flat, rtol=1e-9)
    single = flat.astype(np.float32)
    assert frame.to_user(single, shape).dtype == frame.from_user(single, shape).dtype == np.float64


@pytest.mark.parametrize("deviation", [0, 1e-12])
def test_constant_rows_have_scale_one(deviation):
    frame = TopKFrame.of(np.ones(3), np.full(3, deviation**2), np.float32)
    assert frame.input_scale == 1


def test_a_saved_frame_is_within_its_limits(frame):
    numbers, arrays = frame.limits(6)
    assert numbers.keys() | arrays.keys() == set(frame._fields)
