"""The door: what the estimators check, and keep safe, before and around the work. Everything below assumes clean input."""

import os
from math import inf, isfinite
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_scalar
from sklearn.utils.validation import assert_all_finite, check_array, validate_data

from skl_sparse_ae._estimator.containers import _in_memory, refuse_times
from skl_sparse_ae._estimator.sparse_formats import _sound_csr
from skl_sparse_ae._rows.disk import RowSource, on_disk

FLOATS = (np.float64, np.float32)


BLOCK_ROWS = 1024  # of rows on disk, checked at a time


def check_rows(estimator, X, reset):
    """X finite, float32 or float64, as a 2-D array or a CSR matrix; feature names and number set (`reset`) or compared.

    Rows on disk that are too many to be read at once become a `RowSource`, which knows its least and largest value.
    """
    X = on_disk(_sound(X, type(estimator).__name__))
    if isinstance(X, RowSource):
        return _check_source(
            validate_data(estimator, X, reset=reset, skip_check_array=True),
            type(estimator).__name__,
        )
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
    X = _in_memory(X, name)
    refuse_times(X, name)
    if np.ma.is_masked(X):
        raise ValueError(
            "Input X is a masked array with masked values. Fill them first, e.g. X.filled(0)."
        )
    if isinstance(X, np.ndarray) and not X.dtype.isnative:
        X = X.astype(X.dtype.newbyteorder("="))  # scikit-learn would make float64 of float32
    return _sound_csr(X) if issparse(X) and X.ndim == 2 else X


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
    except (
        AttributeError,
        ValueError,
        OSError,
    ):  # Windows: NumPy's own MemoryError comes a little later
        return
    if n_bytes > there_is:
        raise MemoryError(
            f"{what} needs at least {min(n_bytes, 10**300) / 1e9:.3g} GB, this machine has {there_is / 1e9:.3g} GB."
        )


def check_integers(estimator, names):
    """Refuse True and False, which Python counts as integers."""
    for name in names:
        value = getattr(estimator, name)
        if isinstance(value, bool | np.bool_):
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must be an int. Got {value!r} instead."
            )


def check_unchanged(now, then, consequence):
    """ValueError that names the parameters which differ, and what follows; {} stands for "it" or "them"."""
    changed = [name for name in now if name in then and now[name] != then[name]]
    if changed:
        verb, them = ("differs", "it") if len(changed) == 1 else ("differ", "them")
        of_now, of_then = (
            " and ".join(f"{name}={values[name]!r}" for name in changed) for values in (now, then)
        )
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
