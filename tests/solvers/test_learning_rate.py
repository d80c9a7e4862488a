import numpy as np
import pytest

from skl_sparse_ae._solvers.learning_rate import LearningRate


def test_a_rate_is_constant_for_any_number_of_steps():
    for rate in (LearningRate(0.1), LearningRate(0.1, n_steps=5)):
        assert {rate.at(step) for step in (0, 4, 5, 10**9)} == {0.1}
        assert not rate.is_falling(10**9)


def test_a_rate_falls_linearly_over_its_share_of_the_steps():
    rate = LearningRate(0.1, 0.4, 10)
    np.testing.assert_allclose(
        [rate.at(step) for step in range(12)],
        [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.075, 0.05, 0.025, 0, 0],
    )
    assert [rate.is_falling(step) for step in (6, 7)] == [False, True]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("number", [1, 6, 7, 100])
def test_the_last_epoch_is_the_first_by_which_the_share_has_passed(share, number):
    last = LearningRate(0.1, share).last_epoch(number)
    assert last * (1 - share) >= number - 1e-9
    assert (last - 1) * (1 - share) < number


def test_a_rate_that_begins_to_fall_now_is_not_lower_yet():
    rate = LearningRate(0.1, 0.2)
    last = rate.last_epoch(8)
    assert last == 10
    rate = rate._replace(n_steps=5.0 * last)
    assert rate.at(40) == 0.1
    assert rate.at(41) == pytest.approx(0.09)
