import datetime
import warnings
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skl_sparse_ae import SparseAutoencoderTransformer, VariationalAutoencoderTransformer
from skl_sparse_ae._estimator.transaction import (
    draw_seed,
    overflow_as_value_error,
    python_number,
    reading,
    transaction,
)
from skl_sparse_ae._estimator.validation import (
    check_code,
    check_integers,
    check_real,
    check_rows,
    clip_to_unit_interval,
)
from skl_sparse_ae.metrics import explained_variance, hoyer_sparsity


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


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rounding_is_clipped_and_more_is_refused(dtype):
    tolerance = float(np.sqrt(np.finfo(dtype).eps))
    X = np.array([[0.5, 0.5, 1 + 0.9 * tolerance, -0.9 * tolerance]], dtype=dtype)
    np.testing.assert_array_equal(
        clip_to_unit_interval(X), np.array([[0.5, 0.5, 1, 0]], dtype=dtype)
    )
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
    for error in (
        TypeError("Got unsupported ScalarType BFloat16."),
        RuntimeError("Can't call numpy() on Tensor"),
    ):
        with pytest.raises(TypeError, match=r"expects what NumPy can read.*detach"):
            check_rows(SparseAutoencoderTransformer(), Tensor(images, error), reset=True)


def test_a_lazy_frame_is_to_be_collected(images):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(images[:, :3]).lazy()
    with pytest.raises(
        TypeError, match=r"got a polars LazyFrame. Pass X.collect\(\)"
    ):  # and no warning
        SparseAutoencoderTransformer().fit(frame)


# ------------------------------------------------------------------------------------------------- dates, times and durations

DAYS = pd.date_range("2020", periods=20)
NUMBERS = np.arange(20.0)
TIMES = {
    "datetime64": DAYS.to_numpy(),
    "timedelta64": (DAYS - DAYS[0]).to_numpy(),
    "time zone": DAYS.tz_localize("UTC"),
    "period": DAYS.to_period("D"),
    "category": pd.Categorical(DAYS),
    "interval": pd.interval_range(DAYS[0], periods=20),
    "sparse": pd.arrays.SparseArray(DAYS.to_numpy()),
}
OBJECTS = {
    "date": datetime.date(2020, 1, 1),
    "datetime": datetime.datetime(2020, 1, 1),
    "time": datetime.time(1),
    "timedelta": datetime.timedelta(1),
    "Timestamp": DAYS[0],
    "Timedelta": pd.Timedelta(1, "s"),
    "NaTType": pd.NaT,
    "Period": pd.Period("2020"),
    "datetime64": np.datetime64("2020"),
    "timedelta64": np.timedelta64(1, "s"),
}
METHODS = [
    "fit",
    "partial_fit",
    "transform",
    "inverse_transform",
    "reconstruct",
    "score",
    "score_samples",
]
REFUSED = r"AutoencoderTransformer does not support (dtype|values of type) .*Convert the columns to numbers first"


def used(kind):
    rows = np.random.default_rng(0).normal(size=(20, 2))
    options = {"max_iter": 1, "random_state": 0}
    if kind == "variational":
        return VariationalAutoencoderTransformer(2, **options).fit(rows)
    return SparseAutoencoderTransformer(2, solver="adam", **options).fit(rows)


@pytest.fixture(scope="module", params=["sparse", "variational"])
def model(request):
    with warnings.catch_warnings(action="ignore"):  # one epoch
        return used(request.param)


def refused(model, rows):
    for method in METHODS:
        with pytest.raises(TypeError, match=REFUSED):
            getattr(model, method)(rows)


@pytest.mark.parametrize("name", TIMES)
def test_columns_of_times_in_pandas_are_refused(model, name):
    refused(model, pd.DataFrame({"t": TIMES[name], "x": NUMBERS}))


@pytest.mark.parametrize(
    "dtype", [pl.Date, pl.Datetime, pl.Time, pl.Duration, pl.List(pl.Date)], ids=str
)
def test_columns_of_times_in_polars_are_refused(model, dtype):
    refused(model, pl.DataFrame({"t": pl.Series([None] * 20, dtype=dtype), "x": NUMBERS}))


@pytest.mark.parametrize(
    "kind",
    ["date32", "date64", "timestamp", "time32", "time64", "duration", "dictionary", "interval"],
)
@pytest.mark.parametrize("container", ["table", "record_batch", "pandas"])
def test_columns_of_times_in_arrow_are_refused(model, kind, container):
    pa = pytest.importorskip("pyarrow", reason="Tables are NOT TESTED without PyArrow")
    units = {"timestamp": "s", "time32": "s", "time64": "us", "duration": "s"}
    if kind == "dictionary":
        column = pa.array(DAYS).dictionary_encode()
    elif kind == "interval":
        column = pa.array([pa.MonthDayNano([1, 2, 3])] * 20)
    else:
        dtype = getattr(pa, kind)(*[units[kind]] if kind in units else [])
        column = pa.array(np.arange(20), getattr(pa, f"int{dtype.bit_width}")()).cast(dtype)
    table = getattr(pa, container.replace("pandas", "table"))({"t": column, "x": NUMBERS})
    refused(model, table.to_pandas(types_mapper=pd.ArrowDtype) if container == "pandas" else table)


def test_arrow_tables_of_numbers_are_rows():
    pa = pytest.importorskip("pyarrow", reason="Tables are NOT TESTED without PyArrow")
    table = pa.table({"a": NUMBERS, "b": np.arange(20)})
    with warnings.catch_warnings(action="ignore"):  # one iteration
        model = SparseAutoencoderTransformer(2, max_iter=1, random_state=0).fit(table)
    np.testing.assert_array_equal(
        model.transform(table), model.transform(pd.DataFrame({"a": NUMBERS, "b": NUMBERS}))
    )


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize(
    "container", [np.asarray, np.ndarray.tolist, pd.DataFrame, "columns", "polars"], ids=str
)
def test_times_among_objects_are_refused(model, name, container):
    rows = np.empty((20, 2), dtype=object)
    rows[:, 0], rows[:, 1] = NUMBERS, [OBJECTS[name]] * 20
    if container == "columns":
        container = lambda rows: pd.DataFrame(rows).infer_objects().astype({1: object})  # noqa: E731
    if container == "polars":
        times = pl.Series([OBJECTS[name]] * 20, dtype=pl.Object)
        container = lambda rows: pl.DataFrame({"x": NUMBERS, "t": times})  # noqa: E731
    refused(model, container(rows))


def test_what_has_an_array_only_is_looked_into(model):
    class Days:
        shape = (20, 1)

        def __array__(self, dtype=None, copy=None):
            return DAYS.to_numpy()[:, np.newaxis]

    refused(model, Days())


def test_other_objects_are_numbers_or_scikit_learns_business(model):
    rows = np.arange(4.0).reshape(2, 2).astype(object)
    np.testing.assert_array_equal(model.transform(rows), model.transform(rows.astype(float)))
    for missing in (None, pd.NA, np.nan):
        with pytest.raises((ValueError, TypeError), match=r"NaN|NAType"):
            model.transform(pd.DataFrame({0: [1.0, missing], 1: [2, 3]}, dtype=object))


def test_measures_refuse_times():
    days = DAYS.to_numpy().reshape(4, 5)
    with pytest.raises(TypeError, match="measure of codes does not support dtype datetime64"):
        hoyer_sparsity(days)
    with pytest.raises(
        TypeError, match="measure of reconstructions does not support dtype datetime64"
    ):
        explained_variance(NUMBERS.reshape(4, 5), days)
