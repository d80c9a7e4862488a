import numpy as np
import pytest
from scipy.sparse import csr_array

from skl_sparse_ae._rows.blocks import RowBlocks, row_blocks
from skl_sparse_ae._rows.in_memory import ArrayRows
from skl_sparse_ae._rows.moments import (
    MIN_ROWS,
    Moments,
    column_moments,
    least_scale,
    moments_of,
)

RNG = np.random.default_rng(0)


def moments(X, floor=0.0):
    return Moments(len(X), X.mean(axis=0), X.var(axis=0), floor)


def close(mine, theirs):
    for part, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-12)


@pytest.mark.parametrize("cut", [1, 30, 99])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_moments_of_two_parts_are_those_of_the_whole(cut, offset):
    X = RNG.normal(size=(100, 4)) * [1, 2, 3, 0] + offset
    whole = moments(X, 0.3)
    merged = moments(X[:cut], 0.1).merged(moments(X[cut:], (100 * 0.3 - cut * 0.1) / (100 - cut)))
    np.testing.assert_allclose(merged.variance, whole.variance, rtol=1e-9)
    close(merged._replace(variance=0), whole._replace(variance=0))


def test_an_odd_beginning_is_forgotten_and_nothing_else():
    good, few = RNG.normal(size=(50, 3)), RNG.normal(size=(5, 3))
    first = moments(good)
    for odd in (100 * few, few + 1e6):
        # fewer rows that account for nearly all of the spread
        close(moments(odd).updated(first), first)
        # later rows always count
        close(first.updated(moments(odd)), first.merged(moments(odd)))
    for before in (few, 1e-3 * few, np.repeat(few[:1], 5, axis=0)):
        close(moments(before).updated(first), moments(before).merged(first))


def test_rows_that_are_close_by_chance_are_no_reason_to_forget():
    few = 1e-6 * RNG.normal(size=(MIN_ROWS - 1, 3))
    before = moments(RNG.normal(size=(2, 3)))
    close(before.updated(moments(few)), before.merged(moments(few)))


@pytest.mark.parametrize("cuts", [[], [1], [400, 900]])
def test_column_moments_are_those_of_all_rows(cuts):
    X = np.random.default_rng(0).normal(size=(1000, 4)) * [1, 10, 0.1, 0] + [0, 1e6, -3, 5]
    X.flags.writeable = False
    mean, variance = column_moments(RowBlocks(np.split(X, cuts)))
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-9)
    assert variance[3] == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_constant_columns_have_no_variance_at_all(dtype):
    # 0.1 summed 1000 times and divided is not 0.1
    X = np.full((1000, 2), [0.1, 1e8 / 3], dtype=dtype)
    mean, variance = column_moments(row_blocks(X, 2))
    np.testing.assert_array_equal(mean, X[0])
    assert not variance.any()


@pytest.mark.parametrize("cuts", [[], [400, 900]])
def test_column_moments_of_sparse_rows_are_those_of_the_dense_ones(cuts):
    X = RNG.normal(size=(1000, 4)) * (RNG.uniform(size=(1000, 4)) < 0.3) + [0, 0, 0, 5]
    blocks = RowBlocks([csr_array(rows) for rows in np.split(X, cuts)])
    mean, variance = column_moments(blocks)
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-12)


def test_column_moments_of_many_float32_rows_keep_float64_digits():
    X = (1000 + np.random.default_rng(0).normal(size=(300_000, 2))).astype(np.float32)
    mean, variance = column_moments(row_blocks(X, 2))
    assert mean.dtype == variance.dtype == np.float64
    np.testing.assert_allclose(mean, X.mean(axis=0, dtype=np.float64), rtol=1e-13)
    np.testing.assert_allclose(variance, X.var(axis=0, dtype=np.float64), rtol=1e-10)


def test_moments_of_rows_know_their_number_and_the_loss_of_a_perfect_reconstruction():
    X = RNG.normal(size=(1000, 4))
    found = moments_of(ArrayRows(X), 3, floor=lambda rows: np.square(rows).sum())
    close(found, moments(X, np.square(X).mean()))
    assert type(found.floor) is float
    assert moments_of(ArrayRows(X), 3).floor == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fourth_power_of_the_least_scale_is_a_number(dtype):
    scale = dtype(least_scale(dtype))
    assert 0 < scale**4 < 2 * np.finfo(dtype).tiny
    assert np.isfinite(1 / scale**2)
