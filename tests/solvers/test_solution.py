import numpy as np
import pytest

from skl_sparse_ae._solvers.solution import Iterate, Patience, Solution, Verdict


def test_patience_without_tolerance_never_ends():
    patience = Patience(0, 1)
    assert not any(patience.is_exhausted_by(value) for value in [1.0, 1.0, 2.0, 3.0] * 5)


def test_patience_counts_consecutive_updates_only():
    patience = Patience(0.01, 2)
    assert [patience.is_exhausted_by(v) for v in [10, 10, 5, 5, 4, 4, 4]] == [False] * 6 + [True]


@pytest.mark.parametrize("unit", [1e-20, 1, 1e20])
@pytest.mark.parametrize("offset", [-3, 0, 1])
def test_patience_is_measured_in_its_unit(unit, offset):
    for step, expected in ((0.02, False), (0.005, True)):
        patience = Patience(0.01, 1, unit)
        assert [patience.is_exhausted_by((offset - i * step) * unit) for i in range(2)] == [
            False,
            expected,
        ]


def test_a_unit_of_0_is_the_size_of_the_first_value():
    patience = Patience(0.01, 1, unit=0.0)
    assert [patience.is_exhausted_by(value) for value in (-5.0, -5.06, -5.10)] == [
        False,
        False,
        True,
    ]


def test_small_improvements_do_not_move_patience_but_their_sum_does():
    patience = Patience(0.01, 3)
    assert not any(patience.is_exhausted_by(v) for v in [1, 0.995, 0.98, 0.975, 0.96])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_no_progress(bad):
    patience = Patience(0.01, 2)
    assert [patience.is_exhausted_by(v) for v in [1.0, bad, bad]] == [False, False, True]


def test_a_verdict_does_not_stop_unless_it_says_so():
    assert Verdict(0.5) == (0.5, False)


def test_a_solution_has_the_best_iterate():
    best = Iterate(3, np.zeros(2), 0.5, (0.3, 0.2))
    assert Solution(best, 7, "max_iter").best is best
