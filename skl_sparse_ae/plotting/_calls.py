"""Calls with arguments that a display does not take, answered in plain words.

Some displays draw rows of X and some do not, so `from_estimator` has X in some classes only.
Python's own message counts the arguments. This one names those that are taken and those that came.
"""

from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar

Display = TypeVar("Display", bound=type)
BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def check_calls(display: Display) -> Display:
    """Class decorator: the constructors ``from_*`` say which arguments they take."""
    for name, member in list(vars(display).items()):
        if name.startswith("from_"):
            setattr(display, name, classmethod(_checked(member.__func__)))
    return display


def _checked(constructor):
    taken = signature(constructor)

    @wraps(constructor)
    def checked(cls, *args, **kwargs):
        try:
            taken.bind(cls, *args, **kwargs)
        except TypeError:
            raise TypeError(_message(cls, constructor.__name__, taken, args, kwargs)) from None
        return constructor(cls, *args, **kwargs)

    return checked


def _message(cls, name, taken, args, kwargs):
    _, *parameters = taken.parameters.values()
    names = [
        parameter.name if parameter.default is Parameter.empty else f"{parameter.name}=..."
        for parameter in parameters
        if parameter.kind in BY_POSITION
    ]
    given = [kind(value) for value in args]
    given += [f"{key}={kind(value)}" for key, value in kwargs.items()]
    return (
        f"{cls.__name__}.{name} takes ({', '.join(names)}) and then keywords, got "
        f"({', '.join(given)})."
    )


def kind(value: Any) -> str:
    """The value if it is short, otherwise its class and its shape, if any."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{type(value).__name__} of shape {shape}"
    text = repr(value)
    return text if len(text) <= 20 and "\n" not in text else type(value).__name__
