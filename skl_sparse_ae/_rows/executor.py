"""Execution of functions on blocks of rows, in the calling thread or in several threads.

Each of several threads has one BLAS thread. BLAS's own threads split every product, wait for each
other after it, and leave the work in between to one core. On busy cores each wait costs a
scheduling quantum. Threads that process whole blocks of rows synchronise only twice per evaluation.
`benchmarks/speed/objective.py` measures both ways.
"""

from contextlib import contextmanager
from functools import partial

import numpy as np

from skl_sparse_ae._arrays.workspace import Workspace
from skl_sparse_ae._rows.blas_threads import one_blas_thread
from skl_sparse_ae._rows.lazy import read
from skl_sparse_ae._rows.sums import add_up
from skl_sparse_ae._rows.thread_pool import thread_pool

LONGEST_RUN = 4  # blocks that a worker adds up in one call; Ctrl-C has to wait for the call
MIN_SHARES = 8  # runs are so short that there are at least this many, if there are enough blocks
# Multiplications per worker in a mini-batch's largest product. They take about 0.2 ms, as long as
# two synchronisations.
MIN_FLOPS_PER_WORKER = 2**23


class Executor:
    """Calls a function of rows for each block, and adds up the results.

    `plain_map` yields results in order, as the built-in `map`. Lazy blocks are read by the thread
    that works on them.
    """

    def __init__(self, plain_map=map, n_workers=1, longest_run=LONGEST_RUN):
        self.plain_map, self.n_workers, self.longest_run = plain_map, n_workers, longest_run
        self._workspace, self._buffers = Workspace(), {}

    def map(self, function, blocks, *others):
        """An iterator over ``function(rows, *others)`` for each block. Results are new arrays."""
        return self.plain_map(partial(_read_and_call, function), blocks, *others)

    def sum(self, function, blocks, *others, dtype=np.float64):
        """The sum of ``function(rows, *others)`` over blocks: see `add_up`.

        Temporaries that `function` gets from `empty` share scratch memory. A worker adds up runs of
        neighbouring blocks, so that few results are handed over.
        """
        if len(blocks) == 1:  # a mini-batch: avoid the overhead
            args = [all_[0] for all_ in others]
            result = self._workspace.run(_read_and_call, function, blocks[0], *args)
            return result if dtype is None else add_up([result], dtype)
        size = max(1, min(len(blocks) // MIN_SHARES, self.longest_run))
        starts = range(0, len(blocks), size)
        runs = ([all_[i : i + size] for i in starts] for all_ in (blocks, *others))
        sums = self.plain_map(partial(_sum_of_run, self._workspace, function, dtype), *runs)
        return add_up(sums, dtype)

    def buffer(self, key, allocate, n_rows):
        """The first `n_rows` rows of the array under `key`, which ``allocate(n_rows)`` makes.

        It is the same memory at every call, as long as this executor lasts.
        """
        buffer = self._buffers.get(key)
        if buffer is None or len(buffer) < n_rows:
            buffer = self._buffers[key] = allocate(n_rows)
        return buffer if len(buffer) == n_rows else buffer[:n_rows]


def _read_and_call(function, block, *others):
    return function(read(block), *others)


def _sum_of_run(workspace, function, dtype, *run):
    results = (
        workspace.run(_read_and_call, function, block, *others)
        for block, *others in zip(*run, strict=True)
    )
    return add_up(results, dtype)


def quiet_map(map, function, *iterables):
    """`map` by threads, without floating-point warnings: NumPy has settings for each thread."""
    return map(partial(_quietly, function), *iterables)


def _quietly(function, *args):
    with np.errstate(all="ignore"):
        return function(*args)


@contextmanager
def executor(max_workers):
    """An `Executor` of up to `max_workers` threads, and no more than BLAS was using.

    Each has one BLAS thread. Under a caller's own limit, such as joblib's one thread for each
    worker process, or beside another fit in this process, it is the calling thread alone.
    """
    with one_blas_thread() as n_threads:
        n_workers = max(1, min(n_threads, max_workers))
        if n_workers == 1:
            yield Executor()
            return
        with thread_pool(n_workers) as map:
            yield Executor(partial(quiet_map, map), n_workers)
