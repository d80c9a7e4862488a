"""The door: what the estimators check, and keep safe, before and around the work. Everything below assumes clean input."""

import copy
import datetime
import os
import re
from contextlib import contextmanager

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state
from sklearn.utils.validation import assert_all_finite, check_array, validate_data

from skl_sparse_ae._row_source import RowSource, on_disk

FLOATS = (np.float64, np.float32)
TIMES = re.compile("date|time|duration|period|interval|[mM]8", re.IGNORECASE)  # in the name of a dtype
TIME_TYPES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
OBJECTS = {"object", "Object"}  # NumPy's and pandas' dtype, polars'
BLOCK_ROWS = 1024  # of rows on disk, checked at a time
NOT_FINITE = (
    "The objective became non-finite. The input data may contain large values and need to be preprocessed, e.g. with "
    "StandardScaler, or learning_rate_init is too large."
)

# Around all that users call. What is not finite is looked for where it matters, and said in words; NumPy's warnings only come
# before that, or scikit-learn's check for NaN does: it sums first, and huge values of both signs make inf - inf. Under the
# caller's `np.seterr(all="raise")` they would be exceptions, over mere underflow.
quiet = np.errstate(all="ignore")


@contextmanager
def transaction(estimator):
    """Whatever is raised inside, the estimator's attributes are those of before. They are replaced, never written into.

    But for one, a generator given as `random_state`: it has been drawn from, and is wound back.
    """
    before, generator = dict(vars(estimator)), getattr(estimator, "random_state", None)
    state = generator.get_state() if isinstance(generator, np.random.RandomState) else None
    try:
        with np.errstate(all="ignore"):  # as `quiet`, which cannot be entered twice but as a decorator
            yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        if state is not None:
            generator.set_state(state)
        raise


@contextmanager
def overflow_as_value_error():
    """What a solver calls a FloatingPointError is, to a user, a fault of the data or the settings."""
    try:
        yield
    except FloatingPointError:
        raise ValueError(NOT_FINITE) from None


def draw_seed(random_state):
    """An int that stands for the whole fit, so that no generator object has to be stored or shared."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def check_rows(estimator, X, reset):
    """X finite, float32 or float64, as a 2-D array or a CSR matrix; feature names and number set (`reset`) or compared.

    Rows on disk that are too many to be read at once become a `RowSource`, which knows its least and largest value.
    """
    X = on_disk(_sound(X, type(estimator).__name__))
    if isinstance(X, RowSource):
        return _check_source(validate_data(estimator, X, reset=reset, skip_check_array=True), type(estimator).__name__)
    return validate_data(estimator, X, dtype=FLOATS, accept_sparse="csr", reset=reset)


def _check_source(X, name):
    """X with its limits, from one reading, a block at a time."""
    if X.limits is not None:
        return X
    lows, highs = [], []
    for start in range(0, len(X), BLOCK_ROWS):
        block = X[start : start + BLOCK_ROWS]
        rows = block.read()
        lows.append(rows.min())
        highs.append(rows.max())
        if not np.isfinite([lows[-1], highs[-1]]).all():
            try:
                assert_all_finite(rows, estimator_name=name, input_name="X")
            except ValueError as error:
                raise ValueError(f"{block.name}: {error}") from None
    return X.with_limits(min(lows), max(highs))


def check_chunk(chunk, dtype, name):
    """A chunk of rows in `dtype`, refused as rows in memory are; but it may be empty or hold what is not finite."""
    anything = {"ensure_all_finite": False, "ensure_min_samples": 0, "ensure_min_features": 0}
    chunk = check_array(_sound(chunk, name), dtype=FLOATS, estimator=name, **anything)
    return np.ascontiguousarray(chunk, dtype=dtype)


def check_code(estimator, H, n_components):
    """A code to decode: as `check_rows`, dense, with one column a unit. A DataFrame's column names are not looked at."""
    H = _sound(H, type(estimator).__name__)
    H = check_array(H, dtype=FLOATS, estimator=estimator)
    if H.shape[1] != n_components:
        name = type(estimator).__name__
        raise ValueError(
            f"X has {H.shape[1]} features, but {name}.inverse_transform is expecting {n_components} features as input."
        )
    return H


def _sound(X, name):
    """X without what scikit-learn would let pass: times, masks, foreign byte orders, and indices that crash the process.

    And TypeError for a Dask collection, which it would gather into memory without a word.
    """
    if getattr(X, "__dask_graph__", lambda: None)() is not None:
        raise TypeError(
            f"{name} expects rows in memory or on disk, got a Dask collection of type {type(X).__name__}. Use "
            "skl_sparse_ae.dask.DaskSparseAutoencoderTransformer, or X.compute() if it fits in memory."
        )
    refuse_times(X, name)
    if np.ma.is_masked(X):
        raise ValueError("Input X is a masked array with masked values. Fill them first, e.g. X.filled(0).")
    if isinstance(X, np.ndarray) and not X.dtype.isnative:
        X = X.astype(X.dtype.newbyteorder("="))  # scikit-learn would make float64 of float32
    return _sound_csr(X) if issparse(X) and X.ndim == 2 else X


def refuse_times(X, name):
    """TypeError for dates, times and durations, which scikit-learn takes for numbers or refuses by what NumPy says of them.

    By the names of dtypes, which agree in NumPy, pandas, polars, narwhals and PyArrow; objects by what they are.
    """
    dtypes = [str(_of_categories(dtype)) for dtype in _dtypes(X)]
    for dtype in filter(TIMES.search, dtypes):
        raise TypeError(f"{name} does not support dtype {dtype}. Convert the columns to numbers first.")
    kinds = set(map(type, np.asarray(X, dtype=object).flat)) if OBJECTS & set(dtypes) else ()
    for kind in filter(_is_time, kinds):
        raise TypeError(f"{name} does not support values of type {kind.__name__}. Convert the columns to numbers first.")


def _of_categories(dtype):
    """What a categorical column holds; for another, its dtype."""
    return getattr(getattr(dtype, "categories", None), "dtype", dtype)


def _is_time(kind):
    """Whether this is Python's, NumPy's, or one of pandas' many, none of which is a number."""
    is_of_pandas = kind.__module__.startswith("pandas") and kind.__name__ != "NAType" and not hasattr(kind, "__float__")
    return issubclass(kind, TIME_TYPES) or is_of_pandas


def _dtypes(X):
    """Of an array, of a DataFrame's columns, of what becomes an array as NumPy sees it."""
    schema = getattr(X, "schema", None)
    if hasattr(schema, "types"):  # PyArrow's
        return schema.types
    if hasattr(X, "columns") and not hasattr(X, "dtypes") and hasattr(schema, "values"):  # narwhals'
        return list(schema.values())
    if not hasattr(X, "dtypes") and not hasattr(X, "dtype"):
        try:
            X = np.asarray(X)
        except (ValueError, TypeError):  # ragged, say: scikit-learn will say so
            return []
    dtypes = getattr(X, "dtypes", getattr(X, "dtype", []))
    return dtypes if hasattr(dtypes, "__iter__") else [dtypes]


def _sound_csr(X):
    """A sparse matrix in canonical CSR, sharing what it can. SciPy's compiled loops trust indices, wherever they point."""
    X = copy.copy(X)  # what follows sets attributes, but not elements
    if X.format in ("csr", "csc", "bsr"):
        _check_compressed(X)
    elif X.format == "coo":
        _check_coordinates(X)
    elif X.format == "dia" and len(X.offsets) != len(X.data):
        raise ValueError(f"X has {len(X.offsets)} offsets for {len(X.data)} diagonals: the sparse matrix is corrupted.")
    if X.format != "csr":
        X = X.tocsr()
        _check_compressed(X)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def _check_compressed(X):
    steps = np.diff(X.indptr)
    if (steps < 0).any() or X.indptr[-1] != len(X.data):
        raise ValueError(
            f"indptr must never decrease and end at the number of stored elements, got {X.indptr[-1]} for {len(X.data)} "
            "elements: the sparse matrix is corrupted, or its spare room has to be removed by X.prune()."
        )
    X.check_format(full_check=True)


def _check_coordinates(X):
    for index, size in zip((X.row, X.col), X.shape, strict=True):
        if len(index) != len(X.data) or (len(index) and not 0 <= index.min() <= index.max() < size):
            raise ValueError(f"indices must be < {size} and >= 0, one for each element: the sparse matrix is corrupted.")


def check_memory(n_bytes, what):
    """MemoryError, instead of a machine that swaps for hours, where `what` needs more than there is."""
    try:
        there_is = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows: NumPy's own MemoryError comes a little later
        return
    if n_bytes > there_is:
        raise MemoryError(f"{what} needs at least {n_bytes / 1e9:.3g} GB, this machine has {there_is / 1e9:.3g} GB.")


def check_integers(estimator, names):
    """Refuse True and False, which Python counts as integers."""
    for name in names:
        value = getattr(estimator, name)
        if isinstance(value, bool | np.bool_):
            raise ValueError(f"The {name!r} parameter of {type(estimator).__name__} must be an int. Got {value!r} instead.")


def check_unchanged(now, then, consequence):
    """ValueError that names the parameters which differ, and what follows; {} stands for "it" or "them"."""
    changed = [name for name in now if name in then and now[name] != then[name]]
    if changed:
        verb, them = ("differs", "it") if len(changed) == 1 else ("differ", "them")
        of_now, of_then = (" and ".join(f"{name}={values[name]!r}" for name in changed) for values in (now, then))
        raise ValueError(f"{of_now} {verb} from {of_then} {consequence.format(them)}")


def clip_to_unit_interval(X):
    """X with rounding errors at the ends of [0, 1] removed (a copy only if there are any); ValueError beyond those.

    `MinMaxScaler` leaves them in one data set out of seven: up to 7e-15 in float64 and 1.5e-5 in float32.
    """
    low, high = X.min(), X.max()
    tolerance = np.sqrt(np.finfo(X.dtype).eps)
    if low < -tolerance or high > 1 + tolerance:
        raise ValueError(
            f"X must be in [0, 1] when loss='cross_entropy', got values in [{float(low)!r}, {float(high)!r}]. Scale X, "
            "e.g. with MinMaxScaler(clip=True), or use loss='squared_error'."
        )
    if low >= 0 and high <= 1:
        return X
    if hasattr(X, "clipped"):  # rows that are not here
        return X.clipped(0, 1)
    if not issparse(X):
        return np.clip(X, 0, 1)
    X = X.copy()
    np.clip(X.data, 0, 1, out=X.data)
    return X
