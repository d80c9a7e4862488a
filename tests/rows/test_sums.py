from typing import NamedTuple

import numpy as np
import pytest

from skl_sparse_ae._rows.sums import Sum, add_up


class Pair(NamedTuple):
    array: np.ndarray
    number: float


class Longest(Sum):
    """The sum of two is the longer of them."""

    def __init__(self, text):
        self.text = text

    def plus(self, other):
        return max(self, other, key=lambda part: len(part.text))


def test_arrays_are_added_in_float64():
    parts = [np.full(3, 2**24, np.float32), np.ones(3, np.float32)]
    total = add_up(iter(parts))
    assert total.dtype == np.float64
    np.testing.assert_array_equal(total, 2**24 + 1)


def test_arrays_keep_their_dtype_if_none_is_asked_for_and_the_first_becomes_the_sum():
    parts = [np.ones(3, np.float32), np.full(3, 2, np.float32)]
    total = add_up(parts, dtype=None)
    assert total is parts[0]
    np.testing.assert_array_equal(total, np.full(3, 3, np.float32))


@pytest.mark.parametrize("kind", [lambda *parts: parts, Pair])
def test_tuples_are_added_part_by_part_and_keep_their_type(kind):
    total = add_up([kind(np.array([1.0, 2.0]), 3), kind(np.array([10.0, 20.0]), 30)])
    assert type(total) is type(kind(1, 2))
    np.testing.assert_array_equal(total[0], [11, 22])
    assert total[1] == 33


def test_an_object_adds_itself_also_within_a_tuple():
    assert add_up([Longest("a"), Longest("abc"), Longest("ab")]).text == "abc"
    longest, number = add_up([(Longest("a"), 1), (Longest("ab"), 2)])
    assert (longest.text, number) == ("ab", 3)


def test_results_are_added_in_their_order():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=100) * 10.0 ** rng.integers(-8, 8, size=100)
    expected = 0.0
    for number in numbers:
        expected += number
    assert add_up(numbers.tolist()) == expected
