import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skl_sparse_ae._nn.penalties import KullbackLeibler, RunningMeanPenalty, divergences

pytestmark = pytest.mark.usefixtures("quiet")

TARGETS = [0.001, 0.05, 0.5, 0.999]


def log_means(mean):
    mean = np.asarray(mean, dtype=float)
    return np.log(mean), np.log1p(-mean)


def exact_divergence(rho, log_on, log_off):
    rho = mp.mpf(rho)
    return rho * (mp.log(rho) - mp.mpf(log_on)) + (1 - rho) * (mp.log(1 - rho) - mp.mpf(log_off))


@pytest.mark.parametrize("rho", TARGETS)
def test_value_is_the_divergence_summed_over_units(rho):
    mean = np.array([1e-30, 0.01, 0.3, 0.7, 0.99])
    with mp.workdps(50):
        q = [mp.mpf(m) for m in mean]
        p = mp.mpf(rho)
        exact = mp.fsum(p * mp.log(p / m) + (1 - p) * mp.log((1 - p) / (1 - m)) for m in q)
    assert KullbackLeibler(rho, 1.0)(*log_means(mean))[0] == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize("level", [20, -20, 90, -90, 700, -700, 1e4, -1e4, 1e30, -1e30])
@pytest.mark.parametrize("rho", TARGETS)
def test_value_is_exact_for_saturated_units(core, rho, level):
    """Every row has an activation of sigmoid(level).

    Its logarithm and that of its complement are -log1p(exp(-level)) and -log1p(exp(level)), about 0
    and -abs(level).
    """
    log_means = core.saturation.tails(np.full((3, 1), float(level))).log_means(3)
    value, *_ = KullbackLeibler(rho, 2.0)(*log_means)
    with mp.workdps(50):
        small = -mp.log1p(mp.exp(-mp.mpf(abs(level))))
        large = small - mp.mpf(abs(level))
        exact = 2 * (
            exact_divergence(rho, small, large)
            if level > 0
            else exact_divergence(rho, large, small)
        )
    assert value == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize("rho", TARGETS)
def test_slopes_are_the_derivatives_to_the_log_means(rho, central_differences):
    log_on, log_off = log_means([0.002, 0.2, 0.6, 0.9])
    penalty = KullbackLeibler(rho, 3.0)
    _, slope_on, slope_off = penalty(log_on, log_off)
    np.testing.assert_allclose(
        slope_on, central_differences(lambda x: penalty(x, log_off)[0], log_on), rtol=1e-6
    )
    np.testing.assert_allclose(
        slope_off, central_differences(lambda x: penalty(log_on, x)[0], log_off), rtol=1e-6
    )


def test_divergences_are_the_value_of_each_unit():
    on, off = log_means([1e-30, 0.01, 0.3, 0.7])
    units = divergences(0.3, on, off)
    assert units.shape == (4,)
    assert units[2] == 0
    assert 2 * units.sum() == pytest.approx(KullbackLeibler(0.3, 2.0)(on, off)[0], rel=1e-15)
    one = KullbackLeibler(0.3, 1.0)(on[:1], off[:1])[0]
    assert units[0] == pytest.approx(one, rel=1e-15)


@pytest.mark.parametrize("rho", TARGETS)
def test_value_is_zero_and_flat_at_the_target(rho):
    value, slope_on, slope_off = KullbackLeibler(rho, 5.0)(*log_means([rho, rho]))
    assert value == pytest.approx(0, abs=1e-14)
    # d log q / dq = 1 / q and d log(1 - q) / dq = -1 / (1 - q)
    np.testing.assert_allclose(slope_on / rho - slope_off / (1 - rho), 0, atol=1e-12)


def test_value_and_slopes_are_linear_in_the_weight():
    log_on, log_off = log_means([0.01, 0.5])
    one, seven = (
        KullbackLeibler(0.1, 1.0)(log_on, log_off),
        KullbackLeibler(0.1, 7.0)(log_on, log_off),
    )
    for a, b in zip(one, seven, strict=True):
        np.testing.assert_allclose(7 * np.asarray(a), b, rtol=1e-15)
    assert KullbackLeibler(0.1, 0.0)(log_on, log_off)[0] == 0


def test_a_mean_of_nothing_known_gives_nan():
    assert np.isnan(KullbackLeibler(0.1, 1.0)(np.array([np.nan]), np.array([np.nan]))[0])


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    rho=st.floats(1e-6, 1 - 1e-6),
    mean=st.lists(st.floats(1e-300, 1 - 1e-15), min_size=1, max_size=5),
)
def test_value_is_never_negative(rho, mean):
    value, slope_on, slope_off = KullbackLeibler(rho, 1.0)(*log_means(mean))
    assert 0 <= value < np.inf
    assert (slope_on < 0).all()
    assert (slope_off < 0).all()
    value_near_target, *_ = KullbackLeibler(rho, 1.0)(*log_means([np.nextafter(rho, 1)]))
    assert value_near_target >= 0


def test_a_running_mean_stands_in_for_the_mean_of_a_small_batch():
    running, on = np.array([0.2, 0.3]), np.array([0.6, 0.1])
    penalty = RunningMeanPenalty(KullbackLeibler(0.1, 2.0), running, 0.25)
    value, slope_on, slope_off = penalty(np.log(on), np.log1p(-on))
    expected = np.array([0.3, 0.25])
    np.testing.assert_allclose(running, expected, rtol=1e-14)
    plain, plain_on, plain_off = KullbackLeibler(0.1, 2.0)(np.log(expected), np.log1p(-expected))
    assert value == pytest.approx(plain, rel=1e-14)
    # for an activation, the slope of all rows at the running mean, not a quarter of it
    np.testing.assert_allclose(
        slope_on / on - slope_off / (1 - on), plain_on / expected - plain_off / (1 - expected)
    )


def test_with_all_of_the_share_it_is_the_penalty_itself():
    on = np.array([0.6, 0.1])
    of_running = RunningMeanPenalty(KullbackLeibler(0.1, 2.0), np.array([0.9, 0.5]), 1.0)(
        np.log(on), np.log1p(-on)
    )
    for mine, theirs in zip(
        of_running, KullbackLeibler(0.1, 2.0)(np.log(on), np.log1p(-on)), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-14)
