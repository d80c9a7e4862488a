import numpy as np
import pytest

from skl_sparse_ae._variational.frame import TOTAL_VARIANCE, VariationalFrame

X = np.random.default_rng(0).uniform(-1, 3, size=(40, 6))
MOMENTS = X.mean(axis=0), X.var(axis=0)


@pytest.fixture
def architecture(core):
    return core.variational_objective.Architecture(6, (5, 4), 2, 1)


@pytest.fixture
def params(core, architecture):
    params = 0.3 * np.random.default_rng(1).normal(size=architecture.n_weights)
    core.variational_objective.unflatten(params, architecture).log_variance[...] = -0.03
    return params


@pytest.fixture(params=[True, False], ids=["scaled", "plain targets"])
def frame(request):
    return VariationalFrame.of(*MOMENTS, request.param, np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back_changes_nothing(frame, architecture, params, dtype):
    params = params.astype(dtype)
    user = frame.to_user(params, architecture)
    again = frame.from_user(user.astype(dtype), architecture)
    assert again.dtype == np.float64
    np.testing.assert_allclose(again, params, rtol=0, atol=200 * np.finfo(dtype).eps)
    weights = frame.from_user(user, architecture)
    np.testing.assert_allclose(frame.to_user(weights, architecture), user, rtol=0, atol=1e-13)


def test_users_networks_are_the_primed_ones_on_standardized_rows(core, frame, architecture, params):
    unflatten = core.variational_objective.unflatten
    primed = unflatten(params, architecture)
    user = unflatten(frame.to_user(params, architecture), architecture)
    first, primed_first = user.encoder[0], primed.encoder[0]
    seen = frame.inputs(X) @ primed_first.coef + primed_first.intercept
    np.testing.assert_allclose(X @ first.coef + first.intercept, seen, rtol=0, atol=1e-13)
    hidden = np.random.default_rng(2).normal(size=(7, 5))
    last, primed_last = user.decoder[-1], primed.decoder[-1]
    raw = frame.output_scale * (hidden @ primed_last.coef + primed_last.intercept)
    expected = raw + frame.output_mean
    np.testing.assert_allclose(hidden @ last.coef + last.intercept, expected, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(user.encoder[1].coef, primed.encoder[1].coef)
    np.testing.assert_array_equal(user.decoder[0].coef, primed.decoder[0].coef)
    variance = np.exp(frame.log_variance(primed.log_variance)) * frame.output_scale**2
    np.testing.assert_allclose(np.exp(user.log_variance), variance, rtol=1e-12)


def test_the_gradient_of_the_log_variance_is_that_of_its_bounded_param(frame, central_differences):
    param = np.array([0.4])
    expected = central_differences(lambda p: 3.0 * frame.log_variance(p)[0], param)
    gradient = frame.pull_back_log_variance(3.0, frame.log_variance(param))
    np.testing.assert_allclose(gradient, expected, rtol=1e-8)


def test_a_variance_that_the_frame_does_not_reach_becomes_one_close_to_it(
    core, frame, architecture, params
):
    def log_variance(flat):
        return core.variational_objective.unflatten(flat, architecture).log_variance

    weights = frame.to_user(params, architecture)
    log_variance(weights)[...] = 500
    again = frame.from_user(weights, architecture)
    assert np.isfinite(again).all()
    assert log_variance(frame.to_user(again, architecture)) > 15


def test_inputs_have_one_total_variance_and_targets_the_unit_one():
    frame = VariationalFrame.of(*MOMENTS, True, np.float64)
    assert frame.inputs(X).var(axis=0).sum() == pytest.approx(TOTAL_VARIANCE)
    assert frame.total_variance == TOTAL_VARIANCE
    assert frame.targets(X).var(axis=0).mean() == pytest.approx(1)
    np.testing.assert_allclose(frame.targets(X).mean(axis=0), 0, atol=1e-14)


def test_targets_that_are_not_scaled_are_the_rows_themselves():
    assert VariationalFrame.of(*MOMENTS, False, np.float64).targets(X) is X


def test_neither_inputs_nor_targets_are_written_to_the_rows():
    before, frame = X.copy(), VariationalFrame.of(*MOMENTS, True, np.float64)
    frame.inputs(X)
    frame.targets(X)
    np.testing.assert_array_equal(X, before)


def test_constant_data_have_a_frame_too():
    for value in (0.0, 3.0, 1e-300):
        frame = VariationalFrame.of(np.full(6, value), np.zeros(6), True, np.float64)
        assert frame.output_scale == 1
        assert not frame.targets(np.full((2, 6), value)).any()


def test_limits_name_every_field_of_a_saved_frame(frame):
    numbers, arrays = frame.limits(6)
    assert numbers.keys() | arrays.keys() == set(frame._fields)
    for name, (kind, least, most) in numbers.items():
        assert least <= kind(getattr(frame, name)) <= most
