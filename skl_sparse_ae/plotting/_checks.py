"""What the displays ask of estimators, units and rows: the door of this package."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_array, check_is_fitted

from skl_sparse_ae._estimator.containers import refuse_times
from skl_sparse_ae._estimator.unwrap import autoencoder_in


def fitted_autoencoder(estimator):
    """A Pipeline of the steps before its autoencoder (None if there are none), and the autoencoder; NotFittedError."""
    before, autoencoder = autoencoder_in(estimator)
    check_is_fitted(autoencoder)
    return before, autoencoder


def fitted_with(estimator, attribute):
    """As `fitted_autoencoder`, of one that also has this attribute or method; TypeError that names it."""
    before, autoencoder = fitted_autoencoder(estimator)
    if not hasattr(autoencoder, attribute):
        raise TypeError(
            f"{type(autoencoder).__name__} has no {attribute!r}, of which this is a picture."
        )
    return before, autoencoder


def rows_and_shape(X, image_shape):
    """Both, given in either order: a tuple of a few numbers is no matrix of rows."""
    return (image_shape, X) if _is_shape(X) and not _is_shape(image_shape) else (X, image_shape)


def _is_shape(value):
    return isinstance(value, tuple | list) and all(isinstance(n, Integral) for n in value)


def chosen_units(units, n_units):
    """Indices of units: all for None, the first of them for an int, those named for a sequence; ValueError."""
    if units is None:
        return np.arange(n_units)
    if isinstance(units, Integral) and not isinstance(units, bool):
        if not 1 <= units <= n_units:
            raise ValueError(f"units={units} is out of range: the estimator has {n_units} units.")
        return np.arange(units)
    units = np.asarray(units)
    if units.ndim != 1 or units.size == 0 or units.dtype.kind not in "iu":
        raise ValueError("units has to be None, an int or a non-empty sequence of indices.")
    for unit in units.tolist():
        check_index("unit", unit, n_units)
    return units


def check_index(name, value, n):
    """ValueError unless `value` is an int from 0 to n - 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= value < n:
        raise ValueError(
            f"{name}={value} is out of range: there are {n}, with indices 0 to {n - 1}."
        )


def check_count(name, value):
    """ValueError unless `value` is an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} has to be an int of at least 1, got {value!r}.")


def some_rows(X, indices):
    """Rows of an array, DataFrame or sparse matrix, as they are."""
    return _safe_indexing(X, np.asarray(indices))


def sound(X):
    """Finite rows as a float array of two dimensions, or CSR."""
    refuse_times(X, "A display")
    return check_array(X, accept_sparse="csr", dtype=(np.float64, np.float32))


def dense(X):
    """Finite rows as a dense float array of two dimensions."""
    X = sound(X)
    return X.toarray() if issparse(X) else X


def check_same_length(**arrays):
    """ValueError that names the arrays and their numbers of rows, unless those are equal."""
    lengths = [np.shape(array)[0] for array in arrays.values()]
    if len(set(lengths)) > 1:
        raise ValueError(f"{', '.join(arrays)} have {', '.join(map(str, lengths))} rows.")


def check_choice(name, value, choices):
    """ValueError that names the choices."""
    if value not in choices:
        raise ValueError(f"{name} has to be one of {', '.join(map(repr, choices))}, got {value!r}.")
