"""Guards around a method: a fit changes its estimator at the end, in one step, or not at all."""

import copy
from contextlib import contextmanager
from functools import wraps
from math import inf
from numbers import Integral, Real

import numpy as np

NOT_FINITE = (
    "The objective became non-finite. The input data may contain large values and need to be "
    "preprocessed, e.g. with StandardScaler, or learning_rate_init is too large."
)

# Around every public function. Non-finite values are detected where they matter and reported in
# words, so NumPy's floating-point warnings are silenced. They would only come earlier, or from
# scikit-learn's check for NaN, which sums first: large values of both signs make inf - inf. Under
# the caller's `np.seterr(all="raise")` even a harmless underflow would be an exception.
ignore_fp_warnings = np.errstate(all="ignore")


def reading(method):
    """Decorate a method to work on a copy of its estimator, without floating-point warnings.

    A fit in another thread replaces all attributes in one step, so the copy is the old model or the
    new one.
    """

    @wraps(method)
    def on_a_copy(estimator, *args, **kwargs):
        with np.errstate(all="ignore"):
            return method(copy.copy(estimator), *args, **kwargs)

    return on_a_copy


@contextmanager
def transaction(estimator):
    """Yield a copy of the estimator to work on, and adopt its attributes if no exception is raised.

    The numbers among the copy's parameters are Python's own. The attributes are adopted in one
    step: no signal can interrupt it, and no other thread sees half of it. Attributes are replaced,
    never written into, except for a generator given as `random_state`: numbers are drawn from it,
    and after any exception its state is restored.
    """
    working, generator = copy.copy(estimator), getattr(estimator, "random_state", None)
    for name, value in list(vars(working).items()):
        if not _is_fitted(name):
            vars(working)[name] = python_number(value)
    before, attributes, state = dict(vars(working)), None, None
    if isinstance(generator, np.random.RandomState):
        state = generator.get_state(legacy=False)
    try:
        yield working
        attributes = _merged(before, vars(working), vars(estimator))
        estimator.__dict__ = attributes
    except BaseException:
        if state is not None and vars(estimator) is not attributes:
            generator.set_state(state)
        raise


def _merged(before, after, present):
    """The attributes in `present`, with the fitted ones, and those that were changed, from `after`.

    A parameter that another thread has set in the meantime is kept.
    """
    mine = {
        name: value
        for name, value in after.items()
        if _is_fitted(name) or before.get(name, after) is not value
    }
    theirs = {name: value for name, value in present.items() if not _is_fitted(name)}
    return theirs | mine


def _is_fitted(name):
    """True for fitted and private attributes: those that are not parameters."""
    return "_" in (name[0], name[-1])


def python_number(value):
    """A number as a Python int or float, infinite if too large for a float; other values as given.

    NumPy's scalars have a fixed width: small integers overflow in products, and float32 rounds
    what it is added to.
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
    """Turn a solver's FloatingPointError into a ValueError: the data or settings cause it."""
    try:
        yield
    except FloatingPointError:
        raise ValueError(NOT_FINITE) from None
