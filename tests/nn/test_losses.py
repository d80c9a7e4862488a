import mpmath as mp
import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit, logit

from skl_sparse_ae._nn.losses import CrossEntropy, LogisticSquaredError, SquaredError

pytestmark = pytest.mark.usefixtures("quiet")

LOSSES = [SquaredError, LogisticSquaredError, CrossEntropy]
RAWS = [0, 1e-3, -1, 5, 37, -37, 1e3, -1e3, 1e20, -1e20]
TARGETS = [0, 1e-8, 0.3, 1 - 2**-20, 1]


def logistic(r):
    return 1 / (1 + mp.exp(-r))


EXACT_VALUE = {
    SquaredError: lambda r, x: (r - x) ** 2,
    LogisticSquaredError: lambda r, x: (logistic(r) - x) ** 2,
    CrossEntropy: lambda r, x: x * mp.log1p(mp.exp(-r)) + (1 - x) * mp.log1p(mp.exp(r)),
}
EXACT_GRADIENT = {
    SquaredError: lambda r, x: 2 * (r - x),
    LogisticSquaredError: lambda r, x: 2 * (logistic(r) - x) * logistic(r) * logistic(-r),
    CrossEntropy: lambda r, x: logistic(r) - x,
}


def some_rows(dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(7, 4)).astype(dtype)
    X[0], X[1] = 0, 1
    X.flags.writeable = False  # a function that writes to the targets fails
    return rng.normal(scale=3, size=(7, 4)).astype(dtype), X


def extreme_rows(loss, dtype):
    """Every raw output with every target, a pair in each row."""
    raw, X = (grid.reshape(-1, 1).astype(dtype) for grid in np.meshgrid(RAWS, TARGETS))
    if loss is SquaredError and dtype == np.float32:
        keep = abs(raw[:, 0]) < 1e19  # the square of 1e20 is no float32
        raw, X = raw[keep], X[keep]
    return raw, X


def exactly(function, raw, X):
    """Evaluate with enough digits for log(1 + exp(1e20)); exp(-1e20) underflows to zero."""
    with mp.workdps(60):
        return np.array(
            [
                [float(function(mp.mpf(float(r)), mp.mpf(float(x))))]
                for r, x in zip(raw.ravel(), X.ravel(), strict=True)
            ]
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_backward_is_the_derivative_of_the_summed_loss(loss, central_differences):
    raw, X = some_rows()

    def value(r):
        return loss.backward(r.reshape(raw.shape), X)[0]

    expected = central_differences(value, raw.ravel()).reshape(raw.shape)
    np.testing.assert_allclose(loss.backward(raw.copy(), X)[1], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_exact_at_extreme_raws(loss, dtype):
    raw, X = extreme_rows(loss, dtype)
    rows = loss.per_row(raw.copy(), X)
    eps = float(np.finfo(dtype).eps)
    # squared errors are squares of rounded differences
    atol = 0 if loss is CrossEntropy else 4 * eps
    exact = exactly(EXACT_VALUE[loss], raw, X)[:, 0]
    np.testing.assert_allclose(rows, exact, rtol=8 * eps, atol=atol)
    assert rows.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_backward_is_exact_at_extreme_raws(loss, dtype):
    raw, X = extreme_rows(loss, dtype)
    value, gradient = loss.backward(raw.copy(), X)
    eps = float(np.finfo(dtype).eps)
    assert value == pytest.approx(exactly(EXACT_VALUE[loss], raw, X).sum(), rel=8 * eps)
    np.testing.assert_allclose(
        gradient, exactly(EXACT_GRADIENT[loss], raw, X), rtol=8 * eps, atol=4 * eps
    )
    assert gradient.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_excess_over_a_perfect_reconstruction_is_a_divergence(dtype):
    raw, X = extreme_rows(CrossEntropy, dtype)

    def divergence(r, x):
        return EXACT_VALUE[CrossEntropy](r, x) + sum(p * mp.log(p) for p in (x, 1 - x) if p)

    rows = CrossEntropy.excess(raw.copy(), X)
    np.testing.assert_allclose(rows, exactly(divergence, raw, X)[:, 0], rtol=1e-15, atol=4e-16)
    assert rows.dtype == np.float64
    assert (rows >= 0).all()


@pytest.mark.parametrize("loss", [SquaredError, LogisticSquaredError])
def test_the_excess_of_a_squared_error_is_all_of_it(loss):
    raw, X = some_rows()
    np.testing.assert_array_equal(loss.excess(raw.copy(), X), loss.per_row(raw.copy(), X))


def test_cross_entropy_of_a_confident_right_answer_keeps_its_digits():
    value, _ = CrossEntropy.backward(np.array([[40.0, -40.0]]), np.array([[1.0, 0.0]]))
    assert value == pytest.approx(2 * np.exp(-40), rel=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_rows_average_over_features_what_backward_sums(loss):
    raw, X = some_rows()
    rows = loss.per_row(raw.copy(), X)
    assert rows.shape == (len(X),)
    assert rows.sum() * X.shape[1] == pytest.approx(loss.backward(raw.copy(), X)[0], rel=1e-14)
    np.testing.assert_allclose(
        rows[3], loss.backward(raw[3:4].copy(), X[3:4])[0] / X.shape[1], rtol=1e-14
    )


@pytest.mark.parametrize(
    ("loss", "link"),
    [(SquaredError, np.array), (LogisticSquaredError, expit), (CrossEntropy, expit)],
)
def test_output_is_the_decoder_activation_of_raw(loss, link):
    raw, _ = some_rows()
    expected = link(raw)
    np.testing.assert_allclose(loss.output(raw), expected, rtol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_raw_of_mean_reconstructs_every_row_as_the_column_means(loss):
    _, X = some_rows()
    mean = X.mean(axis=0)
    raw = np.tile(loss.raw_of_mean(mean), (len(X), 1))
    np.testing.assert_allclose(loss.output(raw.copy()), np.tile(mean, (len(X), 1)), rtol=1e-14)


@pytest.mark.parametrize(("loss", "least"), [(LogisticSquaredError, 0.1), (CrossEntropy, 0.001)])
def test_columns_start_where_there_is_a_gradient(loss, least):
    means = np.array([-3.0, 0.0, 0.5, 1.0, 4.0])
    expected = [least, least, 0.5, 1 - least, 1 - least]
    np.testing.assert_allclose(expit(loss.raw_of_mean(means)), expected, rtol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_best_constant_row_costs_what_the_loss_says(loss):
    _, X = some_rows()
    mean, variance = X.mean(axis=0), X.var(axis=0)
    raw = np.tile(loss.raw_of_mean(mean), (len(X), 1))
    assert loss.of_constant(mean, variance) == pytest.approx(loss.per_row(raw, X).mean(), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_perfect_reconstruction_costs_the_floor(loss):
    X = np.clip(some_rows()[1], 0.01, 0.99)
    raw = X.copy() if loss is SquaredError else logit(X)
    floor = 0.0 if loss.floor is None else loss.floor(X)
    assert floor == pytest.approx(loss.backward(raw, X)[0], rel=1e-12, abs=1e-12)
    assert loss.floor is None or loss.floor(csr_array(X)) == pytest.approx(
        floor, rel=1e-12, abs=1e-12
    )


def test_values_out_of_reach_are_part_of_the_floor():
    assert LogisticSquaredError.floor(np.array([[-2.0, 0.5], [3.0, 1.0]])) == 4 + 4
    assert LogisticSquaredError.of_constant(np.array([-1.0]), np.array([3.0])) == 4.0


@pytest.mark.parametrize("loss", LOSSES)
def test_curvature_is_half_the_second_derivative_at_the_start(loss):
    mean, h = np.array([0.2, 0.5, 0.7]), 1e-4
    raw = loss.raw_of_mean(mean)[np.newaxis]
    at = [loss.per_row(raw + step, mean[np.newaxis])[0] for step in (-h, 0, h)]
    assert loss.curvature(mean) == pytest.approx((at[0] - 2 * at[1] + at[2]) / h**2 / 2, rel=1e-4)


def test_the_raw_output_of_the_identity_decoder_has_the_scale_of_the_data():
    assert SquaredError.raw_scale(np.array([4.0, 14.0])) == 3.0
    assert SquaredError.raw_scale(np.zeros(2)) == 1.0  # constant data


@pytest.mark.parametrize("loss", [LogisticSquaredError, CrossEntropy])
def test_logits_are_of_the_order_of_one_whatever_the_data(loss):
    assert loss.raw_scale(np.array([4.0, 14.0])) == 1.0


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_is_close_to_float64(loss):
    raw, X = some_rows(np.float32)
    value, gradient = loss.backward(raw.copy(), X)
    exact_value, exact_gradient = loss.backward(raw.astype(np.float64), X.astype(np.float64))
    assert gradient.dtype == np.float32
    assert value == pytest.approx(exact_value, rel=1e-6)
    np.testing.assert_allclose(gradient, exact_gradient, rtol=1e-5, atol=1e-6)
    exact_rows = loss.per_row(raw.astype(np.float64), X.astype(np.float64))
    np.testing.assert_allclose(loss.per_row(raw.copy(), X), exact_rows, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_output_activation_is_that_of_the_output(core, loss):
    raw, _ = some_rows()
    activation = core.activations.ACTIVATIONS[loss.output_activation]
    np.testing.assert_array_equal(loss.output(raw.copy()), activation.forward(raw))


def test_only_the_squared_error_of_raw_is_quadratic():
    assert [loss.is_quadratic for loss in LOSSES] == [True, False, False]


def test_a_loss_derived_from_the_squared_error_is_quadratic_only_if_it_says_so():
    class Other(SquaredError):
        pass

    class Quadratic(SquaredError):
        is_quadratic = True

    class DerivedAgain(Quadratic):
        pass

    assert not Other.is_quadratic
    assert Quadratic.is_quadratic
    assert not DerivedAgain.is_quadratic
    assert SquaredError.is_quadratic
