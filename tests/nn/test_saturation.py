from functools import reduce

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skl_sparse_ae._nn.saturation import (
    MAX_PLAIN_MEAN,
    Tails,
    is_saturated,
    log_mean_gradient,
    tails,
)

pytestmark = pytest.mark.usefixtures("quiet")

DTYPES = [np.float32, np.float64]
LEVELS = [0, 20, -20, 90, -90, 700, -700, 1e4, -1e4, 1e30, -1e30]


def columns(dtype):
    """Nine rows: a constant column at each level, then random ones around and between levels."""
    rng = np.random.default_rng(0)
    around = np.array([0, 20, -20, 90, -90, 700, -700, 1e4, -1e4]) + rng.normal(
        scale=3, size=(9, 9)
    )
    between = rng.normal(size=(9, 5)) * [1, 30, 300, 1e4, 1e30]
    return np.hstack([np.tile(LEVELS, (9, 1)), around, between]).astype(dtype)


def exact_logistic(z):
    return 1 / (1 + mp.exp(-mp.mpf(float(z))))


def exact_log_mean(column):
    """The logarithm of the mean of sigmoid, even where the mean differs from 1 by exp(-1e30)."""
    off = mp.fsum(exact_logistic(-z) for z in column) / len(column)
    return float(
        mp.log1p(-off)
        if off < 0.5
        else mp.log(mp.fsum(exact_logistic(z) for z in column) / len(column))
    )


def exact_gradient(column, slope_on, slope_off):
    on, off = [exact_logistic(z) for z in column], [exact_logistic(-z) for z in column]
    on_sum, off_sum = mp.fsum(on), mp.fsum(off)
    return [
        float(slope_on * a * b / on_sum - slope_off * b * a / off_sum)
        for a, b in zip(on, off, strict=True)
    ]


@pytest.mark.parametrize("dtype", DTYPES)
def test_saturation_begins_where_plain_arithmetic_loses_digits(dtype):
    limits = np.finfo(dtype)
    lowest = limits.tiny / limits.eps
    plain = np.array([lowest, 1e-20, 0.5, MAX_PLAIN_MEAN])
    saturated = np.array([0, lowest / 2, np.nextafter(MAX_PLAIN_MEAN, 1), 1, np.nan])
    assert not is_saturated(plain, dtype).any()
    assert is_saturated(saturated, dtype).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_means_are_exact_however_saturated(dtype):
    Z = columns(dtype)
    log_on, log_off = tails(Z).log_means(len(Z))
    assert log_on.dtype == log_off.dtype == np.float64
    with mp.workdps(50):
        np.testing.assert_allclose(log_on, [exact_log_mean(z) for z in Z.T], rtol=1e-15, atol=1e-15)
        np.testing.assert_allclose(
            log_off, [exact_log_mean(-z) for z in Z.T], rtol=1e-15, atol=1e-15
        )


@pytest.mark.parametrize("cuts", [[1], [4], [2, 3, 7], list(range(1, 9))])
def test_merged_tails_are_those_of_all_rows(cuts):
    Z = columns(np.float64)
    merged = reduce(Tails.plus, map(tails, np.split(Z, cuts)))
    whole = tails(Z)
    for name in ("on_peak", "on_sum", "off_peak", "off_sum"):
        np.testing.assert_allclose(getattr(merged, name), getattr(whole, name), rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_mean_gradient_is_exact_however_saturated(dtype):
    Z = columns(dtype)
    slope_on, slope_off = -0.05, -0.95
    gradient = log_mean_gradient(
        Z, tails(Z), np.full(Z.shape[1], slope_on), np.full(Z.shape[1], slope_off)
    )
    with mp.workdps(50):
        expected = np.transpose([exact_gradient(z, slope_on, slope_off) for z in Z.T])
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-14)


def test_log_mean_gradient_by_blocks_is_that_of_all_rows():
    Z = columns(np.float64)
    slopes = np.full(Z.shape[1], -0.3), np.full(Z.shape[1], -0.7)
    by_block = [log_mean_gradient(part, tails(Z), *slopes) for part in np.split(Z, [2, 5])]
    np.testing.assert_array_equal(np.vstack(by_block), log_mean_gradient(Z, tails(Z), *slopes))


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    Z=hnp.arrays(
        np.float64, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=st.floats(-1e30, 1e30)
    )
)
def test_column_sums_of_the_gradient_are_bounded_by_the_slopes(Z):
    gradient = log_mean_gradient(
        Z, tails(Z), np.full(Z.shape[1], -0.05), np.full(Z.shape[1], -0.95)
    )
    assert np.isfinite(gradient).all()
    assert (gradient.sum(axis=0) >= -0.05 - 1e-14).all()
    assert (gradient.sum(axis=0) <= 0.95 + 1e-14).all()
