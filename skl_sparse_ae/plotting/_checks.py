"""Input validation of the displays: estimators, units and rows."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_array, check_is_fitted

from skl_sparse_ae._estimator.containers import refuse_times
from skl_sparse_ae._estimator.unwrap import autoencoder_in


def fitted_autoencoder(estimator):
    """(Pipeline of the steps before the autoencoder, or None; autoencoder).

    Raises NotFittedError if the autoencoder is not fitted.
    """
    before, autoencoder = autoencoder_in(estimator)
    check_is_fitted(autoencoder)
    return before, autoencoder


def fitted_with(estimator, attribute):
    """Like `fitted_autoencoder`, but raises TypeError if it lacks this attribute or method."""
    before, autoencoder = fitted_autoencoder(estimator)
    if not hasattr(autoencoder, attribute):
        raise TypeError(f"{type(autoencoder).__name__} has no {attribute!r} to draw.")
    return before, autoencoder


def rows_and_shape(X, image_shape):
    """(rows, image shape), from arguments in either order: a tuple of integers is the shape."""
    return (image_shape, X) if _is_shape(X) and not _is_shape(image_shape) else (X, image_shape)


def _is_shape(value):
    return isinstance(value, tuple | list) and all(isinstance(n, Integral) for n in value)


def chosen_units(units, n_units):
    """Indices of units: all for None, the first ones for an int, the given ones for a sequence.

    Raises ValueError if `units` is none of these, or out of range.
    """
    if units is None:
        return np.arange(n_units)
    if isinstance(units, Integral) and not isinstance(units, bool):
        if not 1 <= units <= n_units:
            raise ValueError(f"units={units} is out of range: the estimator has {n_units} units.")
        return np.arange(units)
    units = np.asarray(units)
    if units.ndim != 1 or units.size == 0 or units.dtype.kind not in "iu":
        raise ValueError("units must be None, an int or a non-empty sequence of indices.")
    for unit in units.tolist():
        check_index("unit", unit, n_units)
    return units


def check_index(name, value, n):
    """Raise ValueError unless `value` is an int from 0 to n - 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= value < n:
        raise ValueError(
            f"{name}={value} is out of range: there are {n}, with indices 0 to {n - 1}."
        )


def check_count(name, value):
    """Raise ValueError unless `value` is an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an int of at least 1, got {value!r}.")


def some_rows(X, indices):
    """Rows of an array, DataFrame or sparse matrix, in the same container."""
    return _safe_indexing(X, np.asarray(indices))


def checked(X):
    """X as a two-dimensional float array or CSR matrix; ValueError if it is not finite."""
    refuse_times(X, "A display")
    return check_array(X, accept_sparse="csr", dtype=(np.float64, np.float32))


def dense(X):
    """X as a two-dimensional dense float array; ValueError if it is not finite."""
    X = checked(X)
    return X.toarray() if issparse(X) else X


def check_same_length(**arrays):
    """Raise ValueError, naming the arrays, unless they have the same number of rows."""
    lengths = [np.shape(array)[0] for array in arrays.values()]
    if len(set(lengths)) > 1:
        raise ValueError(f"{', '.join(arrays)} have {', '.join(map(str, lengths))} rows.")


def check_choice(name, value, choices):
    """Raise ValueError, naming the choices, unless `value` is one of them."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}.")
