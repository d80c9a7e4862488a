from fractions import Fraction

import numpy as np
import pytest

from skl_sparse_ae._estimator.transaction import (
    overflow_as_value_error,
    python_number,
    reading,
    transaction,
)


class Thing:
    def __init__(self, **attributes):
        vars(self).update(attributes)


def test_a_transaction_that_fails_changes_nothing():
    thing = Thing(kept=1, replaced_=2, removed_=3)

    def change_and_fail():
        with transaction(thing) as working:
            working.replaced_, working.added_ = 5, 6
            del working.removed_
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_and_fail()
    assert vars(thing) == {"kept": 1, "replaced_": 2, "removed_": 3}


def test_a_transaction_changes_its_object_at_the_end_but_for_parameters_set_meanwhile():
    thing = Thing(kept=np.int16(1), changed=2, set_meanwhile=3, same_=4, replaced_=5, removed_=6)
    with transaction(thing) as working:
        working.changed, working.replaced_, working.added_ = 12, 15, 17
        del working.removed_
        thing.set_meanwhile, thing.same_, thing.of_another_fit_ = 13, 14, 18
        assert thing.replaced_ == 5
    assert vars(thing) == {
        "kept": 1,
        "changed": 12,
        "set_meanwhile": 13,
        "same_": 4,
        "replaced_": 15,
        "added_": 17,
    }
    assert type(thing.kept) is np.int16


def test_a_generator_is_wound_back_in_its_place():
    thing = Thing(random_state=np.random.RandomState(0))

    def draw_and_fail():
        with transaction(thing) as working:
            working.random_state.randint(100)
            raise SystemExit

    with pytest.raises(SystemExit):
        draw_and_fail()
    assert thing.random_state.randint(10**9) == np.random.RandomState(0).randint(10**9)


NUMBERS = [
    (np.uint8(7), 7),
    (np.int16(-7), -7),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.float16(0.5), 0.5),
    (np.float32(0.1), float(np.float32(0.1))),
    (np.longdouble(0.5), 0.5),
    (np.longdouble("1e4000"), float("inf"))
    if np.finfo(np.longdouble).maxexp > 1024
    else (np.longdouble(1), 1.0),
    (Fraction(1, 4), 0.25),
    (10**400, float("inf")),
    (-(10**400), -float("inf")),
    (Fraction(10**400), float("inf")),
    (10**300, 10**300),
]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("value", "number"), NUMBERS, ids=str)
def test_numbers_become_pythons_own(value, number):
    found = python_number(value)
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize("value", [True, np.True_, "0.5*scale", None, (3, 4), np.array(3), 1j])
def test_what_is_no_number_is_left_as_it_is(value):
    assert python_number(value) is value


class Pair:
    def __init__(self):
        self.one = self.other = 0

    @reading
    def both(self, meanwhile):
        one = self.one
        meanwhile()
        return one, self.other


def test_a_reading_method_sees_one_state():
    pair = Pair()
    assert pair.both(lambda: vars(pair).update(one=1, other=1)) == (0, 0)
    assert pair.both(lambda: None) == (1, 1)


def test_overflow_is_a_value_error_that_says_what_to_do():
    with pytest.raises(ValueError, match="may contain large values"), overflow_as_value_error():
        raise FloatingPointError
