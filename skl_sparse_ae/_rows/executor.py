"""Who works on row blocks: the calling thread, or several."""

from contextlib import contextmanager
from functools import partial

import numpy as np

from skl_sparse_ae._rows.blas_threads import _one_blas_thread
from skl_sparse_ae._rows.lazy import read
from skl_sparse_ae._rows.thread_pool import thread_pool

# Multiplications in one product of a mini-batch that make a second worker worth the two meetings, some 0.2 ms.
WORK_OF_A_WORKER = 2**23


@contextmanager
def row_workers(most):
    """``(map, n_workers)`` for row blocks: at most so many threads, or as BLAS had, each with BLAS to itself; built-in for one.

    BLAS threads split every product and wait for each other after it, and leave all that lies in between to one core; on
    busy cores each wait costs a scheduling quantum. Whole row blocks have two meetings an evaluation
    (`benchmarks/objective.py` has both). Under a caller's own limit, say joblib's one thread a worker, or beside another
    fit in this process, there is one worker. Blocks on disk are read before the function sees them, by who calls it.
    """
    with _one_blas_thread() as n_threads:
        n_workers = max(1, min(n_threads, most))
        if n_workers == 1:
            yield map_rows, 1
            return
        with thread_pool(n_workers) as map:
            yield partial(map_quietly, map), n_workers


@contextmanager
def block_workers(blocks):
    """``(map, n_workers)`` for these blocks: the `row_workers`, or those that have the rows already."""
    with row_workers(1 if hasattr(blocks, "map") else len(blocks)) as (map, n_workers):
        yield getattr(blocks, "map", map), n_workers


def map_rows(function, *iterables):
    """The built-in `map`, but for blocks on disk: those are read first."""
    return map(partial(_with_rows, function), *iterables)


def _with_rows(function, block, *args):
    return function(read(block), *args)


def map_quietly(map, function, *iterables):
    """`map_rows` by a `map` whose threads have their own settings of how NumPy meets an overflow: it is ignored."""
    return map(partial(_quietly, function), *iterables)


def _quietly(function, *args):
    with np.errstate(all="ignore"):
        return _with_rows(function, *args)
