"""A fit changes its estimator at the end, in one step, or not at all."""

import copy
from contextlib import contextmanager
from functools import wraps
from math import inf
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

NOT_FINITE = (
    "The objective became non-finite. The input data may contain large values and need to be preprocessed, e.g. with "
    "StandardScaler, or learning_rate_init is too large."
)


# Around all that users call. What is not finite is looked for where it matters, and said in words;
# NumPy's warnings only come before that, or scikit-learn's check for NaN does: it sums first, and
# huge values of both signs make inf - inf. Under the caller's `np.seterr(all="raise")` they would
# be exceptions, over mere underflow.
quiet = np.errstate(all="ignore")


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

    That is one step, which no signal can split and no other thread sees half of. Attributes are
    replaced, never written into, but for one, a generator given as `random_state`: it has been
    drawn from, and after any exception is wound back.
    """
    working, generator = copy.copy(estimator), getattr(estimator, "random_state", None)
    vars(working).update(
        {
            name: python_number(value)
            for name, value in vars(working).items()
            if not _is_fitted(name)
        }
    )
    before, attributes = dict(vars(working)), None
    state = (
        generator.get_state(legacy=False) if isinstance(generator, np.random.RandomState) else None
    )
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
    mine = {
        name: value
        for name, value in after.items()
        if _is_fitted(name) or before.get(name, after) is not value
    }
    theirs = {name: value for name, value in present.items() if not _is_fitted(name)}
    return theirs | mine


def _is_fitted(name):
    """Or private: an attribute that is no parameter."""
    return "_" in (name[0], name[-1])


def python_number(value):
    """A number as Python's own int or float, infinite if it is too large for the latter; anything else as it is.

    NumPy's are of this or that width: narrow ints overflow in products, and narrow floats round
    what they are added to.
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


# Of NumPy's bit generators, the index into what they have drawn ahead, and its largest value:
# beyond, they read memory that is not theirs, and NumPy lets a file set it to anything.
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
