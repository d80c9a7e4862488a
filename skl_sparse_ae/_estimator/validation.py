"""Input validation, before any work. All code below this layer assumes clean input."""

import os
from math import inf, isfinite
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_scalar
from sklearn.utils.validation import assert_all_finite, check_array, validate_data

from skl_sparse_ae._estimator.containers import in_memory, refuse_times
from skl_sparse_ae._estimator.sparse_formats import canonical_csr
from skl_sparse_ae._rows.disk import DiskRows, on_disk
from skl_sparse_ae._rows.in_memory import as_rows

FLOATS = (np.float64, np.float32)
CHECKED_ROWS = 1024  # rows on disk that are checked at a time


def check_rows(estimator, X, reset):
    """X as `Rows`: finite, float32 or float64; a 2-D array, a CSR matrix or rows on disk.

    With `reset`, the estimator's number and names of features are set. Otherwise X must agree with
    them. Raise TypeError or ValueError for anything that a fit cannot use.
    """
    name = type(estimator).__name__
    X = on_disk(_refuse_unsupported(X, name))
    if isinstance(X, DiskRows):
        X = validate_data(estimator, X, reset=reset, skip_check_array=True)
        return X if X.limits is not None else _with_limits(X, name)
    return as_rows(validate_data(estimator, X, dtype=FLOATS, accept_sparse="csr", reset=reset))


def _with_limits(X, name):
    """The `DiskRows` with their minimum and maximum. Raise ValueError unless all are finite."""
    lows, highs = [], []
    for start in range(0, len(X), CHECKED_ROWS):
        block = X[start : start + CHECKED_ROWS]
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
    """A chunk of rows as an array in `dtype`. It may be empty, and need not be finite."""
    lenient = {"ensure_all_finite": False, "ensure_min_samples": 0, "ensure_min_features": 0}
    chunk = check_array(_refuse_unsupported(chunk, name), dtype=FLOATS, estimator=name, **lenient)
    return np.ascontiguousarray(chunk, dtype=dtype)


def check_code(estimator, H, n_components, accept_sparse=False):
    """A code to decode: a finite array (n_samples, n_components), float32 or float64.

    With ``accept_sparse="csr"``, a sparse matrix becomes CSR.
    The column names of a DataFrame are ignored. Raise ValueError for another number of columns.
    """
    H = _refuse_unsupported(H, type(estimator).__name__)
    H = check_array(H, dtype=FLOATS, estimator=estimator, accept_sparse=accept_sparse)
    if H.shape[1] != n_components:
        name = type(estimator).__name__
        raise ValueError(
            f"X has {H.shape[1]} features, but {name}.inverse_transform is expecting "
            f"{n_components} features as input."
        )
    return H


def _refuse_unsupported(X, name):
    """X, converted where scikit-learn's own checks would go wrong; raise TypeError or ValueError.

    Refused are Dask collections, which scikit-learn would gather into memory, times, masked values,
    and sparse indices that would crash the process. Foreign byte orders are converted, and sparse
    matrices become CSR.
    """
    if getattr(X, "__dask_graph__", lambda: None)() is not None:
        raise TypeError(
            f"{name} expects rows in memory or on disk, got a Dask collection of type "
            f"{type(X).__name__}. Use skl_sparse_ae.dask.DaskSparseAutoencoderTransformer, or "
            "X.compute() if it fits in memory."
        )
    X = in_memory(X, name)
    refuse_times(X, name)
    if np.ma.is_masked(X):
        raise ValueError(
            "Input X is a masked array with masked values. Fill them first, e.g. X.filled(0)."
        )
    if isinstance(X, np.ndarray) and not X.dtype.isnative:
        X = X.astype(X.dtype.newbyteorder("="))  # scikit-learn would turn float32 into float64
    return canonical_csr(X) if issparse(X) and X.ndim == 2 else X


def check_real(value, name, **limits):
    """The number as a float. Raise TypeError or ValueError unless it is finite and within `limits`.

    scikit-learn's `check_scalar` accepts NaN, True, and integers too large for a float.
    """
    check_scalar(value, name, Real, **limits)
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if isinstance(value, bool | np.bool_) or not isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {repr(value)[:20]}.")
    return number


def check_memory(n_bytes, what):
    """Raise MemoryError if `what` needs more memory than there is, rather than swap for hours."""
    try:
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # On Windows NumPy raises MemoryError itself, a little later.
    except (AttributeError, ValueError, OSError):
        return
    if n_bytes > available:
        raise MemoryError(
            f"{what} needs at least {min(n_bytes, 10**300) / 1e9:.3g} GB, but this machine has "
            f"{available / 1e9:.3g} GB."
        )


def check_integers(estimator, names):
    """Raise ValueError if a parameter is True or False, which Python counts as integers."""
    for name in names:
        value = getattr(estimator, name)
        if isinstance(value, bool | np.bool_):
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must be an int. Got "
                f"{value!r} instead."
            )


def check_unchanged(now, then, consequence):
    """Raise ValueError, with the names, if parameters differ between two dicts.

    The message ends with `consequence`, where {} becomes "it" or "them".
    """
    changed = [name for name in now if name in then and now[name] != then[name]]
    if changed:
        verb, them = ("differs", "it") if len(changed) == 1 else ("differ", "them")
        new, old = (
            " and ".join(f"{name}={values[name]!r}" for name in changed) for values in (now, then)
        )
        raise ValueError(f"{new} {verb} from {old} {consequence.format(them)}")


def clip_to_unit_interval(rows):
    """The `Rows` without rounding errors at the ends of [0, 1].

    Raise ValueError for values further outside. `MinMaxScaler` leaves rounding errors in one data
    set out of seven: up to 7e-15 in float64 and 1.5e-5 in float32.
    """
    low, high = rows.min(), rows.max()
    tolerance = np.sqrt(np.finfo(rows.dtype).eps)
    if low < -tolerance or high > 1 + tolerance:
        raise ValueError(
            f"X must be in [0, 1] when loss='cross_entropy', got values in [{float(low)!r}, "
            f"{float(high)!r}]. Scale X, e.g. with MinMaxScaler(clip=True), or use "
            "loss='squared_error'."
        )
    return rows if low >= 0 and high <= 1 else rows.clip(0, 1)
