"""The types that users pass as X: converted to an array, or refused."""

import datetime
import re

import numpy as np

# Matches the names of dtypes of times.
TIMES = re.compile("date|time|duration|period|interval|[mM]8", re.IGNORECASE)
TIME_TYPES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
OBJECTS = {"object", "Object"}  # the dtype of NumPy and pandas, and that of polars


def in_memory(X, name):
    """X, or the NumPy array of a torch tensor, which shares its memory.

    Raise TypeError if X would first have to be computed, or copied from another device: users do
    that themselves. `name` is the estimator's.
    """
    kind = type(X)
    if kind.__module__.startswith("polars.") and kind.__name__ == "LazyFrame":
        raise TypeError(
            f"{name} expects rows in memory, got a polars LazyFrame. Pass X.collect() instead."
        )
    if kind.__module__.partition(".")[0] != "torch" or not hasattr(X, "numpy"):
        return X
    try:
        return X.numpy()
    except (RuntimeError, TypeError) as error:
        raise TypeError(
            f"{name} cannot convert this torch tensor to a NumPy array: {error}. Pass "
            "X.detach().cpu().float().numpy()."
        ) from error


def as_one_row(x, has_names):
    """A single row as a table of one row; with `has_names` it keeps its names, if it has any."""
    if has_names and hasattr(x, "to_frame") and hasattr(x, "index"):  # a pandas Series
        return x.to_frame().T
    return x if has_names and hasattr(x, "columns") and len(x) == 1 else np.reshape(x, (1, -1))


def refuse_times(X, name):
    """Raise TypeError if X contains dates, times or durations.

    scikit-learn takes some of them for numbers, and refuses others with NumPy's message. They are
    recognised by the names of dtypes, which agree in NumPy, pandas, polars, narwhals and PyArrow.
    Objects are recognised by their type.
    """
    dtypes = [str(_dtype_of_values(dtype)) for dtype in _dtypes(X)]
    for dtype in filter(TIMES.search, dtypes):
        raise TypeError(
            f"{name} does not support dtype {dtype}. Convert the columns to numbers first."
        )
    kinds = set(map(type, np.asarray(X, dtype=object).flat)) if OBJECTS & set(dtypes) else ()
    for kind in filter(_is_time, kinds):
        raise TypeError(
            f"{name} does not support values of type {kind.__name__}. Convert the columns to "
            "numbers first."
        )


def _dtype_of_values(dtype):
    """The dtype of the categories of a categorical dtype; any other dtype as given."""
    return getattr(getattr(dtype, "categories", None), "dtype", dtype)


def _is_time(kind):
    """True for time types of Python and NumPy, and types of pandas that are no number, nor NA."""
    is_of_pandas = (
        kind.__module__.startswith("pandas")
        and kind.__name__ != "NAType"
        and not hasattr(kind, "__float__")
    )
    return issubclass(kind, TIME_TYPES) or is_of_pandas


def _dtypes(X):
    """The dtypes of an array, of the columns of a table, or of the array that NumPy makes of X."""
    schema = getattr(X, "schema", None)
    if hasattr(schema, "types"):  # PyArrow
        return schema.types
    has_dtypes = hasattr(X, "dtypes")
    if hasattr(X, "columns") and not has_dtypes and hasattr(schema, "values"):  # narwhals
        return list(schema.values())
    if not has_dtypes and not hasattr(X, "dtype"):
        try:
            X = np.asarray(X)
        except (ValueError, TypeError):  # ragged lists, for example: scikit-learn reports them
            return []
    dtypes = getattr(X, "dtypes", getattr(X, "dtype", []))
    return dtypes if hasattr(dtypes, "__iter__") else [dtypes]
