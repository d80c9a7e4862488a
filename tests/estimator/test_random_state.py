import numpy as np
import pytest

from skl_sparse_ae._estimator.random_state import draw_seed, is_valid_random_state


def test_an_int_gives_one_seed_and_a_generator_a_new_one_each_time():
    assert draw_seed(3) == draw_seed(3) != draw_seed(4)
    shared = np.random.RandomState(0)
    assert draw_seed(shared) != draw_seed(shared)


@pytest.mark.parametrize("kind", ["MT19937", "Philox", "PCG64", "PCG64DXSM", "SFC64"])
def test_generators_of_numpy_draw_from_their_own_state(kind):
    assert is_valid_random_state(np.random.RandomState(getattr(np.random, kind)(0)))


@pytest.mark.parametrize("value", [None, 3, "text"])
def test_what_is_no_generator_is_sound(value):
    assert is_valid_random_state(value)


@pytest.mark.parametrize("value", [np.random.default_rng(0), np.random.PCG64(0)])
def test_generators_that_scikit_learn_does_not_take_are_not(value):
    assert not is_valid_random_state(value)
