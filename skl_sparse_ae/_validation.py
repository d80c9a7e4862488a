"""The door: what the estimators check, and keep safe, before and around the work. Everything below assumes clean input."""

import copy
import datetime
import os
import re
from contextlib import contextmanager
from functools import wraps
from math import inf, isfinite
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import assert_all_finite, check_array, validate_data

from skl_sparse_ae._row_source import RowSource, on_disk
from skl_sparse_ae._scale import factor_of

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


class MultipleOfScale(StrOptions):
    """The constraint of a parameter that may be "scale" or a multiple of it."""

    def __init__(self):
        super().__init__({"scale"})

    def is_satisfied_by(self, val):
        return isinstance(val, str) and factor_of(val) is not None

    def __str__(self):
        return "'scale' or a multiple of it such as '0.5*scale'"


def reading(method):
    """A method that works on a copy of its estimator, `quiet`: a fit in another thread changes the estimator in one step."""

    @wraps(method)
    def of_a_copy(estimator, *args, **kwargs):
        with np.errstate(all="ignore"):
            return method(copy.copy(estimator), *args, **kwargs)

    return of_a_copy


@contextmanager
def transaction(estimator):
    """A copy of the estimator to work on, its parameters Python's own numbers; the estimator changes at the end or not at all.

    That is one step, which no signal can split and no other thread sees half of. Attributes are replaced, never written into,
    but for one, a generator given as `random_state`: it has been drawn from, and after any exception is wound back.
    """
    working, generator = copy.copy(estimator), getattr(estimator, "random_state", None)
    vars(working).update({name: python_number(value) for name, value in vars(working).items() if not _is_fitted(name)})
    before, attributes = dict(vars(working)), None
    state = generator.get_state(legacy=False) if isinstance(generator, np.random.RandomState) else None
    try:
        yield working
        attributes = _merged(before, vars(working), vars(estimator))
        estimator.__dict__ = attributes
    except BaseException:
        if state is not None and vars(estimator) is not attributes:
            generator.set_state(state)
        raise


def _merged(before, after, present):
    """`present`, with what is fitted and what was changed replaced. A parameter that another thread has set meanwhile stays."""
    mine = {name: value for name, value in after.items() if _is_fitted(name) or before.get(name, after) is not value}
    theirs = {name: value for name, value in present.items() if not _is_fitted(name)}
    return theirs | mine


def _is_fitted(name):
    """Or private: an attribute that is no parameter."""
    return "_" in (name[0], name[-1])


def python_number(value):
    """A number as Python's own int or float, infinite if it is too large for the latter; anything else as it is.

    NumPy's are of this or that width: narrow ints overflow in products, and narrow floats round what they are added to.
    """
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        return value
    try:
        number = float(value)
    except OverflowError:
        return inf if value > 0 else -inf
    return int(value) if isinstance(value, Integral) else number


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


def _in_memory(X, name):
    """X without what would have to be computed, or copied from another device, unasked for."""
    kind = type(X)
    if kind.__module__.startswith("polars.") and kind.__name__ == "LazyFrame":
        raise TypeError(f"{name} expects rows in memory, got a polars LazyFrame. Pass X.collect() instead.")
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
    X = _in_memory(X, name)
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
    if X.format in ("csr", "csc", "bsr"):
        X = copy.copy(X)  # what follows sets attributes, but not elements
    if X.format in SPARSE_CHECKS:
        SPARSE_CHECKS[X.format](X)
    if X.format != "csr":
        X = X.tocsr()
        _check_compressed(X)
    if not _is_canonical(X):
        X = X.copy()
        X.has_sorted_indices = X.has_canonical_format = False  # SciPy remembers what they were
        X.sum_duplicates()
    return X


def _is_canonical(X):
    """Whether the columns of each row rise, looked at anew: SciPy keeps its answer though the arrays may change."""
    rises = X.indices[1:] > X.indices[:-1]
    begins = X.indptr[1:-1]
    rises[begins[(begins > 0) & (begins < len(X.indices))] - 1] = True
    return bool(rises.all())


def _check_compressed(X):
    _check_integral(X.indptr, X.indices)
    steps = np.diff(X.indptr)
    if (steps < 0).any() or X.indptr[-1] != len(X.data):
        raise ValueError(
            f"indptr must never decrease and end at the number of stored elements, got {X.indptr[-1]} for {len(X.data)} "
            "elements: the sparse matrix is corrupted, or its spare room has to be removed by X.prune()."
        )
    X.check_format(full_check=True)


def _check_coordinates(X):
    _check_integral(X.row, X.col)
    for index, size in zip((X.row, X.col), X.shape, strict=True):
        _check_indices(index, len(X.data), size)


def _check_diagonals(X):
    _check_integral(X.offsets)
    if len(X.offsets) != len(X.data):
        raise ValueError(f"X has {len(X.offsets)} offsets for {len(X.data)} diagonals: the sparse matrix is corrupted.")


def _check_lists(X):
    if not len(X.rows) == len(X.data) == X.shape[0]:
        raise ValueError(f"X has {len(X.rows)} lists of indices for {X.shape[0]} rows: the sparse matrix is corrupted.")
    lengths = [len(values) for values in X.data]
    if [len(indices) for indices in X.rows] != lengths:
        raise ValueError("A row of X has another number of indices than of elements: the sparse matrix is corrupted.")
    indices = np.array([index for of_row in X.rows for index in of_row] or np.arange(0))
    _check_integral(indices)
    _check_indices(indices, sum(lengths), X.shape[1])


def _check_keys(X):
    keys = list(X.keys())
    if not all(isinstance(key, tuple) and len(key) == 2 for key in keys):
        raise ValueError("keys must be pairs of indices: the sparse matrix is corrupted.")
    for axis, size in enumerate(X.shape):
        indices = np.array([key[axis] for key in keys] or np.arange(0))
        _check_integral(indices)
        _check_indices(indices, len(keys), size)


def _check_integral(*indices):
    for index in indices:
        if index.dtype.kind not in "iu":
            raise ValueError(f"indices must be integers, got {index.dtype}: the sparse matrix is corrupted.")


def _check_indices(index, n_elements, size):
    if len(index) != n_elements or (len(index) and not 0 <= index.min() <= index.max() < size):
        raise ValueError(f"indices must be < {size} and >= 0, one for each element: the sparse matrix is corrupted.")


SPARSE_CHECKS = {
    "csr": _check_compressed,
    "csc": _check_compressed,
    "bsr": _check_compressed,
    "coo": _check_coordinates,
    "dia": _check_diagonals,
    "lil": _check_lists,
    "dok": _check_keys,
}


def check_real(value, name, **limits):
    """The number as a float. `check_scalar` lets NaN, True and what no float can hold pass."""
    check_scalar(value, name, Real, **limits)
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if isinstance(value, bool | np.bool_) or not isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {repr(value)[:20]}.")
    return number


def check_memory(n_bytes, what):
    """MemoryError, instead of a machine that swaps for hours, where `what` needs more than there is."""
    try:
        there_is = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows: NumPy's own MemoryError comes a little later
        return
    if n_bytes > there_is:
        raise MemoryError(
            f"{what} needs at least {min(n_bytes, 10**300) / 1e9:.3g} GB, this machine has {there_is / 1e9:.3g} GB."
        )


# Of NumPy's bit generators, the index into what they have drawn ahead, and its largest value: beyond, they read memory that is
# not theirs, and NumPy lets a file set it to anything.
INDICES = {
    "MT19937": (lambda state: state["state"]["pos"], 624),
    "Philox": (lambda state: state["buffer_pos"], 4),
    "PCG64": (lambda state: 0, 0),
    "PCG64DXSM": (lambda state: 0, 0),
    "SFC64": (lambda state: 0, 0),
}


def is_sound_generator(value):
    """Whether a value is no generator, or one that draws from its own state."""
    if not isinstance(value, np.random.RandomState):
        return not isinstance(value, np.random.Generator | np.random.BitGenerator)
    state = value.get_state(legacy=False)
    index_of, most = INDICES.get(state["bit_generator"], (lambda state: -1, 0))
    return 0 <= index_of(state) <= most


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
