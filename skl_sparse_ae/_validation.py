"""The door: what the estimators check, and keep safe, before and around the work. Everything below assumes clean input."""

from contextlib import contextmanager

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, validate_data

FLOATS = (np.float64, np.float32)
NOT_FINITE = (
    "The objective became non-finite. The input data may contain large values and need to be preprocessed, e.g. with "
    "StandardScaler, or learning_rate_init is too large."
)


@contextmanager
def transaction(estimator):
    """Whatever is raised inside, the estimator's attributes are those of before. They are replaced, never written into."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
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
    """X as a finite 2-D array, float32 or float64, with feature names and their number set (`reset`) or compared."""
    with _quietly():
        return validate_data(estimator, X, dtype=FLOATS, reset=reset)


def check_code(estimator, H, n_components):
    """A code to decode: as `check_rows`, with one column a unit. A DataFrame's column names are not looked at."""
    with _quietly():
        H = check_array(H, dtype=FLOATS, estimator=estimator)
    if H.shape[1] != n_components:
        name = type(estimator).__name__
        raise ValueError(
            f"X has {H.shape[1]} features, but {name}.inverse_transform is expecting {n_components} features as input."
        )
    return H


def _quietly():
    """scikit-learn looks for NaN by summing first, which itself warns when huge values of both signs make inf - inf."""
    return np.errstate(over="ignore", invalid="ignore")


def check_integers(estimator, names):
    """Refuse True and False, which Python counts as integers."""
    for name in names:
        value = getattr(estimator, name)
        if isinstance(value, bool | np.bool_):
            raise ValueError(f"The {name!r} parameter of {type(estimator).__name__} must be an int. Got {value!r} instead.")


def clip_to_unit_interval(X):
    """X with rounding errors at the ends of [0, 1] removed (a copy only if there are any); ValueError beyond those.

    `MinMaxScaler` leaves them in one data set out of seven: up to 7e-15 in float64 and 1.5e-5 in float32.
    """
    low, high = X.min(), X.max()
    tolerance = np.sqrt(np.finfo(X.dtype).eps)
    if low < -tolerance or high > 1 + tolerance:
        raise ValueError(
            f"X must be in [0, 1] when loss='cross_entropy', got values in [{float(low)!r}, {float(high)!r}]. Scale X, "
            "e.g. with MinMaxScaler, or use loss='squared_error'."
        )
    return np.clip(X, 0, 1) if low < 0 or high > 1 else X
