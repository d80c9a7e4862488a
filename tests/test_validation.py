from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._validation import (
    check_code,
    check_integers,
    check_real,
    check_rows,
    clip_to_unit_interval,
    draw_seed,
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
    assert vars(thing) == {"kept": 1, "changed": 12, "set_meanwhile": 13, "same_": 4, "replaced_": 15, "added_": 17}
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
    (np.longdouble("1e4000"), float("inf")) if np.finfo(np.longdouble).maxexp > 1024 else (np.longdouble(1), 1.0),
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


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rounding_is_clipped_and_more_is_refused(dtype):
    tolerance = float(np.sqrt(np.finfo(dtype).eps))
    X = np.array([[0.5, 0.5, 1 + 0.9 * tolerance, -0.9 * tolerance]], dtype=dtype)
    np.testing.assert_array_equal(clip_to_unit_interval(X), np.array([[0.5, 0.5, 1, 0]], dtype=dtype))
    for wrong in (1 + 2 * tolerance, -2 * tolerance):
        with pytest.raises(ValueError, match="MinMaxScaler"):
            clip_to_unit_interval(np.array([[0.5, wrong]], dtype=dtype))


def test_rows_within_the_interval_are_not_copied():
    X = np.array([[0.0, 1.0]])
    assert clip_to_unit_interval(X) is X


@pytest.mark.parametrize("value", [True, np.False_])
def test_booleans_are_no_integers(value):
    with pytest.raises(ValueError, match="'size' parameter of SimpleNamespace must be an int"):
        check_integers(SimpleNamespace(size=value), ["size"])
    check_integers(SimpleNamespace(size=np.int64(3)), ["size"])


def test_a_code_has_one_column_a_unit():
    with pytest.raises(ValueError, match="X has 2 features"):
        check_code(SimpleNamespace(), np.zeros((3, 2)), 4)


def test_an_int_gives_one_seed_and_a_generator_a_new_one_each_time():
    assert draw_seed(3) == draw_seed(3) != draw_seed(4)
    shared = np.random.RandomState(0)
    assert draw_seed(shared) != draw_seed(shared)


@pytest.mark.parametrize("value", [True, float("nan"), -np.inf, 10**400, np.float32("nan")])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match=r"tolerance must be a finite number, got .{1,20}[.]$"):
        check_real(value, "tolerance")


def test_numbers_are_floats_afterwards():
    assert (check_real(np.float32(0.5), "x"), type(check_real(3, "x"))) == (0.5, float)
    with pytest.raises(TypeError, match="x must be an instance of float"):
        check_real("3", "x")


class Tensor:
    """As one of torch, of which NumPy can read some."""

    __module__ = "torch"

    def __init__(self, values, error=None):
        self.values, self.error = values, error

    def numpy(self):
        if self.error:
            raise self.error
        return self.values


def test_tensors_of_torch_are_what_numpy_reads(images):
    rows = check_rows(SparseAutoencoderTransformer(), Tensor(images.astype(np.float32)), reset=True)
    assert (rows.dtype, rows.shape) == (np.float32, images.shape)
    for error in (TypeError("Got unsupported ScalarType BFloat16."), RuntimeError("Can't call numpy() on Tensor")):
        with pytest.raises(TypeError, match=r"expects what NumPy can read.*detach"):
            check_rows(SparseAutoencoderTransformer(), Tensor(images, error), reset=True)


def test_a_lazy_frame_is_to_be_collected(images):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(images[:, :3]).lazy()
    with pytest.raises(TypeError, match=r"got a polars LazyFrame. Pass X.collect\(\)"):  # and no warning
        SparseAutoencoderTransformer().fit(frame)
