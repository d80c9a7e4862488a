"""Sums over blocks of rows, in order and in float64."""

from functools import partial, reduce

import numpy as np

from skl_sparse_ae._arrays.workspace import scratch
from skl_sparse_ae._rows.executor import _with_rows

LONGEST_RUN = 4  # blocks that a worker does in one go, and Ctrl-C has to wait for


def sum_over(function, blocks, *others, map=map, longest=LONGEST_RUN):
    """The sum, by `add_up`, of what a function of blocks, and of others, one for each block, returns.

    Runs of neighbouring blocks are added up by whoever works on them, so that little is handed over; as long runs as leave
    some eight to share.
    """
    if hasattr(blocks, "map"):  # they are sums of many already
        return add_up(map(function, blocks, *others))
    length = int(np.clip(len(blocks) // 8, 1, longest))
    runs = (
        [of_all[i : i + length] for i in range(0, len(blocks), length)]
        for of_all in (blocks, *others)
    )
    return add_up(map(partial(_sum_of_run, function), *runs))


def _sum_of_run(function, *run):
    with scratch() as begin:
        return add_up(_one_after_another(function, begin, *run))


def _one_after_another(function, begin, *run):
    for block, *others in zip(*run, strict=True):
        begin()
        yield _with_rows(function, block, *others)


def add_up(results):
    """The sum of what a function of rows returned for each block, in order and in float64.

    Results are arrays, numbers, tuples of those, or have a method `plus`. They are new objects: the first becomes the sum.
    """
    results = iter(results)
    return reduce(_add, results, _as_float64(next(results)))


def _as_float64(result):
    if hasattr(result, "plus"):
        return result
    if isinstance(result, tuple):
        return _rebuilt(result, [_as_float64(part) for part in result])
    return np.asarray(result, dtype=np.float64)[()]


def _add(total, other):
    if hasattr(total, "plus"):
        return total.plus(other)
    if isinstance(total, tuple):
        return _rebuilt(total, [_add(*parts) for parts in zip(total, other, strict=True)])
    total += other  # in place, if they are arrays
    return total


def _rebuilt(result, parts):
    return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
