import numpy as np
import pytest

from skl_sparse_ae._rows.moments import MIN_ROWS, Moments

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
        close(
            moments(odd).updated(first), first
        )  # fewer rows that account for nearly all of the spread
        close(
            first.updated(moments(odd)), first.merged(moments(odd))
        )  # later rows count, whatever they are
    for before in (few, 1e-3 * few, np.repeat(few[:1], 5, axis=0)):
        close(moments(before).updated(first), moments(before).merged(first))


def test_rows_that_are_close_by_chance_are_no_reason_to_forget():
    few = 1e-6 * RNG.normal(size=(MIN_ROWS - 1, 3))
    before = moments(RNG.normal(size=(2, 3)))
    close(before.updated(moments(few)), before.merged(moments(few)))
