"""What users pass as X: refused, or made an array."""

import datetime
import re

import numpy as np

TIMES = re.compile(
    "date|time|duration|period|interval|[mM]8", re.IGNORECASE
)  # in the name of a dtype


TIME_TYPES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


OBJECTS = {"object", "Object"}  # NumPy's and pandas' dtype, polars'


def in_memory(X, name):
    """X without what would have to be computed, or copied from another device, unasked for."""
    kind = type(X)
    if kind.__module__.startswith("polars.") and kind.__name__ == "LazyFrame":
        raise TypeError(
            f"{name} expects rows in memory, got a polars LazyFrame. Pass X.collect() instead."
        )
    if kind.__module__.partition(".")[0] == "torch" and hasattr(X, "numpy"):
        return _from_torch(X, name)
    return X


def _from_torch(X, name):
    """The NumPy array that shares the tensor's memory: whatever scikit-learn is to do with tensors."""
    try:
        return X.numpy()
    except (RuntimeError, TypeError) as error:
        raise TypeError(
            f"{name} expects what NumPy can read, got a torch tensor that it cannot: {error}. Pass "
            "X.detach().cpu().float().numpy()."
        ) from error


def as_one_row(x, has_names):
    """A single row as rows, with its names, if `has_names` asks for those and x has them."""
    if has_names and hasattr(x, "to_frame") and hasattr(x, "index"):  # a pandas Series
        return x.to_frame().T
    return x if has_names and hasattr(x, "columns") and len(x) == 1 else np.reshape(x, (1, -1))


def refuse_times(X, name):
    """TypeError for dates, times and durations, which scikit-learn takes for numbers or refuses by what NumPy says of them.

    By the names of dtypes, which agree in NumPy, pandas, polars, narwhals and PyArrow; objects by
    what they are.
    """
    dtypes = [str(_of_categories(dtype)) for dtype in _dtypes(X)]
    for dtype in filter(TIMES.search, dtypes):
        raise TypeError(
            f"{name} does not support dtype {dtype}. Convert the columns to numbers first."
        )
    kinds = set(map(type, np.asarray(X, dtype=object).flat)) if OBJECTS & set(dtypes) else ()
    for kind in filter(_is_time, kinds):
        raise TypeError(
            f"{name} does not support values of type {kind.__name__}. Convert the columns to numbers first."
        )


def _of_categories(dtype):
    """What a categorical column holds; for another, its dtype."""
    return getattr(getattr(dtype, "categories", None), "dtype", dtype)


def _is_time(kind):
    """Whether this is Python's, NumPy's, or one of pandas' many, none of which is a number."""
    is_of_pandas = (
        kind.__module__.startswith("pandas")
        and kind.__name__ != "NAType"
        and not hasattr(kind, "__float__")
    )
    return issubclass(kind, TIME_TYPES) or is_of_pandas


def _dtypes(X):
    """Of an array, of a DataFrame's columns, of what becomes an array as NumPy sees it."""
    schema = getattr(X, "schema", None)
    if hasattr(schema, "types"):  # PyArrow's
        return schema.types
    if (
        hasattr(X, "columns") and not hasattr(X, "dtypes") and hasattr(schema, "values")
    ):  # narwhals'
        return list(schema.values())
    if not hasattr(X, "dtypes") and not hasattr(X, "dtype"):
        try:
            X = np.asarray(X)
        except (ValueError, TypeError):  # ragged, say: scikit-learn will say so
            return []
    dtypes = getattr(X, "dtypes", getattr(X, "dtype", []))
    return dtypes if hasattr(dtypes, "__iter__") else [dtypes]
