"""Sums of what a function returns for each block of rows.

The function returns new arrays, numbers, tuples of those, or objects of a class derived from `Sum`.
The first result becomes the sum, so it is overwritten.
"""

from functools import reduce
from typing import Any, Self

import numpy as np


class Sum:
    """A result that knows how to add another one.

    It is no abstract base class for the reason that `lazy.LazyRows` is none.
    """

    def plus(self, other: Self) -> Self:
        """The sum of both, a new object."""
        raise NotImplementedError


def add_up(results, dtype=np.float64):
    """The sum of `results`, added in their order: in `dtype`, or for None in their own dtype."""
    results = iter(results)
    return reduce(_add, results, _as_dtype(next(results), dtype))


def _as_dtype(result: Any, dtype):
    if dtype is None or isinstance(result, Sum):
        return result
    if isinstance(result, tuple):
        return _rebuilt(result, [_as_dtype(part, dtype) for part in result])
    return np.asarray(result, dtype=dtype)[()]


def _add(total: Any, other):
    if isinstance(total, Sum):
        return total.plus(other)
    if isinstance(total, tuple):
        return _rebuilt(total, [_add(*parts) for parts in zip(total, other, strict=True)])
    total += other  # in place, if they are arrays
    return total


def _rebuilt(result, parts):
    """A tuple of the type of `result`, which may be a named tuple."""
    return tuple(parts) if type(result) is tuple else type(result)(*parts)
