import datetime
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)
from skl_sparse_ae._estimator.containers import as_one_row, in_memory, refuse_times
from skl_sparse_ae.metrics import explained_variance, hoyer_sparsity


class Tensor:
    """Like a tensor of torch. NumPy can read some of them."""

    __module__ = "torch"

    def __init__(self, values, error=None):
        self.values, self.error = values, error

    def numpy(self):
        if self.error:
            raise self.error
        return self.values


def test_tensors_of_torch_share_their_memory_with_an_array(images):
    rows = images.astype(np.float32)
    assert in_memory(Tensor(rows), "Model") is rows
    for error in (
        TypeError("Got unsupported ScalarType BFloat16."),
        RuntimeError("Can't call numpy() on Tensor"),
    ):
        with pytest.raises(TypeError, match=r"Model cannot convert this torch tensor.*detach"):
            in_memory(Tensor(images, error), "Model")


def test_a_lazy_frame_is_to_be_collected(images):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(images[:, :3]).lazy()
    with pytest.raises(
        TypeError, match=r"got a polars LazyFrame. Pass X.collect\(\)"
    ):  # and no warning
        SparseAutoencoderTransformer().fit(frame)


def test_what_is_in_memory_is_itself(images):
    for rows in (images, pd.DataFrame(images), pl.DataFrame(images), images.tolist(), None):
        assert in_memory(rows, "Model") is rows


def test_a_single_row_keeps_its_names_if_they_are_asked_for():
    row = pd.Series([1.0, 2.0], index=["a", "b"])
    assert list(as_one_row(row, has_names=True).columns) == ["a", "b"]
    frame = pd.DataFrame([row])
    assert as_one_row(frame, has_names=True) is frame
    for x in (row, frame, [1.0, 2.0], np.array([1.0, 2.0])):
        np.testing.assert_array_equal(as_one_row(x, has_names=False), [[1, 2]])


# -------------------------------------------------------------------- dates, times and durations


def test_a_message_names_whom_the_times_are_not_for():
    with pytest.raises(TypeError, match=r"^Model does not support dtype datetime64"):
        refuse_times(DAYS.to_numpy(), "Model")
    refuse_times(NUMBERS, "Model")


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

REFUSED = (
    r"AutoencoderTransformer does not support (dtype|values of type) .*"
    "Convert the columns to numbers first"
)


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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator",
    [
        SparseAutoencoderTransformer(5, max_iter=5),
        VariationalAutoencoderTransformer(5, max_iter=5),
        TopKAutoencoderTransformer(5, n_nonzero_coefs=2, max_iter=5, sparse_output=False),
        StandardScaler(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_set_output_applies_to_transform_only_as_in_scikit_learn(estimator):
    frame = load_iris(as_frame=True).data
    model = clone(estimator).set_output(transform="pandas")
    code = model.fit_transform(frame)
    assert isinstance(code, pd.DataFrame)
    assert type(model.inverse_transform(code)) is np.ndarray
    if not isinstance(model, StandardScaler):
        assert type(model.reconstruct(frame)) is np.ndarray
