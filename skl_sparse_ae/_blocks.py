"""Rows in pieces: blocks for the exact objective, shuffled mini-batches for Adam, and who works on the blocks."""

import os
from contextlib import contextmanager
from functools import lru_cache, partial, reduce
from itertools import pairwise
from threading import RLock
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from threadpoolctl import ThreadpoolController  # which scikit-learn itself requires

from skl_sparse_ae._moments import Moments
from skl_sparse_ae._row_source import POOL_BYTES, RowSource, chunk_starts
from skl_sparse_ae._rows import Centred, dense, empty_code, read, scratch, take
from skl_sparse_ae._threads import thread_pool

# A block should stay in the cache, but a matrix product on a handful of rows wastes its set-up, and workers take turns at the
# interpreter between any two operations. Measured over 64 to 784 features and 50 to 200 units, one thread cares little between
# 0.5 and 4 MiB (within 5%); two are up to 10% slower with 1 MiB and, by blocks that do not come out even, with 4.
BLOCK_BYTES = 2**21
FEWEST_ROWS, MOST_ROWS = 256, 4096  # more rows than that would lose float32 digits in the block's own sums
LONGEST_RUN = 4  # blocks that a worker does in one go, and Ctrl-C has to wait for
EVEN = 2  # blocks come in multiples of this, for two workers to have equally many; no sum depends on how many there are
# Multiplications in one product of a mini-batch that make a second worker worth the two meetings, some 0.2 ms.
WORK_OF_A_WORKER = 2**23


def row_blocks(X, n_components, block_bytes=BLOCK_BYTES):
    """Consecutive rows of X (views, if it is dense), as many to a block as suit the cache, and all blocks of one size.

    Rows on a cluster have blocks of their own, each worker's rows being one, and with them a `map` of their own.
    """
    if hasattr(X, "blocks_on_workers"):
        return X.blocks_on_workers(n_components)
    bytes_per_row = X.dtype.itemsize * max(X.shape[1], n_components)
    n_rows = int(np.clip(block_bytes // bytes_per_row, FEWEST_ROWS, MOST_ROWS))
    if X.shape[0] >= EVEN * FEWEST_ROWS and X.shape[0] * bytes_per_row > block_bytes // 4:
        n_blocks = EVEN * -(-X.shape[0] // (EVEN * n_rows))
        n_rows = -(-X.shape[0] // n_blocks)
    return [X[start : start + n_rows] for start in range(0, X.shape[0], n_rows)]


def centred_blocks(blocks, origin):
    """The same blocks with `origin` (n_features,) taken from their rows; as they are if it is None."""
    if origin is None:
        return blocks
    return blocks.centred(origin) if hasattr(blocks, "centred") else [Centred(block, origin) for block in blocks]


def on_centred(origin, function, X, *others):
    """The function of the rows of one block less `origin`."""
    return function(Centred(X, origin).read(), *others)


def batch_blocks(batch, n_workers):
    """A mini-batch as one block for each worker, unless those have too many rows for float32 sums.

    Blocks that suit the cache cost more than they save here: the gradients of a few blocks are the larger arrays to add.
    """
    n_rows = min(MOST_ROWS, -(-batch.shape[0] // n_workers))
    return [batch[start : start + n_rows] for start in range(0, batch.shape[0], n_rows)]


def mini_batches(X, batch_size, rng):
    """Shuffled rows of X, each row once, in batches of `batch_size` rows or slightly fewer.

    All of one size, give or take a row: the mean activation of a last batch of five rows says nothing, and a step made
    from it would undo many. One buffer serves all batches, so a batch is valid until the next one is drawn.

    Of rows on disk, chunks of consecutive rows are read in random order and shuffled, a pool of `POOL_BYTES` at a time.
    """
    if isinstance(X, RowSource):
        yield from (batch for pool in _pools(X, rng) for batch in mini_batches(pool, batch_size, rng))
        return
    n_rows, n_features = X.shape
    order = rng.permutation(n_rows)
    buffer = None if issparse(X) else np.empty((min(batch_size, n_rows), n_features), dtype=X.dtype)
    n_batches = -(-n_rows // batch_size)
    ends = [n_rows * i // n_batches for i in range(n_batches + 1)]
    for start, end in pairwise(ends):
        yield take(X, order[start:end], buffer)


def _pools(X, rng):
    """Arrays of randomly chosen chunks of the rows of a `RowSource`, each row once."""
    starts, n_rows = chunk_starts(X)
    for of_pool in np.array_split(rng.permutation(starts), -(-X.nbytes // POOL_BYTES)):
        chunks = [X[start : start + n_rows] for start in of_pool]
        pool = np.empty((sum(map(len, chunks)), X.shape[1]), dtype=X.dtype)
        for chunk, part in zip(chunks, np.split(pool, np.cumsum([len(chunk) for chunk in chunks])[:-1]), strict=True):
            part[...] = chunk.read()
        yield pool


def column_moments(blocks, map=map):
    """Mean and variance of each column (n_features,) over the rows of all blocks, in float64 and two passes.

    Measured from the first row, so that the variance of a constant column is 0 and not a rounding error, which whoever
    divides by it would take for a scale. Infinite or NaN, without a warning, where the sums overflow.
    """
    n_rows, first = sum(X.shape[0] for X in blocks), dense(blocks[0][:1])[0].astype(np.float64)
    mean = first + sum_over(partial(_deviations, first), blocks, map=map) / n_rows
    variance = sum_over(partial(_square_deviations, mean), blocks, map=map) / n_rows
    return mean, variance


def _deviations(origin, X):
    """Sums over the rows of a block (n_features,) of the deviations from `origin`."""
    return _sum_of_sparse(X, -origin, X.data - origin[X.indices]) if issparse(X) else (dense(X) - origin).sum(axis=0)


def _square_deviations(origin, X):
    if issparse(X):
        return _sum_of_sparse(X, np.square(origin), np.square(X.data - origin[X.indices]))
    deviations = dense(X) - origin
    return np.einsum("ij,ij->j", deviations, deviations)  # without an array of squares


def _sum_of_sparse(X, of_a_zero, of_stored):
    """Sums over the rows of CSR X of what is `of_stored` for stored elements and `of_a_zero` (n_features,) for the others."""
    n_stored = np.bincount(X.indices, minlength=X.shape[1])
    return np.bincount(X.indices, of_stored, minlength=X.shape[1]) + (X.shape[0] - n_stored) * of_a_zero


def sum_over(function, blocks, *others, map=map, longest=LONGEST_RUN):
    """The sum, by `add_up`, of what a function of blocks, and of others, one for each block, returns.

    Runs of neighbouring blocks are added up by whoever works on them, so that little is handed over; as long runs as leave
    some eight to share.
    """
    if hasattr(blocks, "map"):  # they are sums of many already
        return add_up(map(function, blocks, *others))
    length = int(np.clip(len(blocks) // 8, 1, longest))
    runs = ([of_all[i : i + length] for i in range(0, len(blocks), length)] for of_all in (blocks, *others))
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


@lru_cache(maxsize=1)
def _blas():
    """The thread pools of the loaded BLAS libraries. Looking for them takes as long as a small epoch."""
    return ThreadpoolController().select(user_api="blas")


def _take_control(controller):
    """Let this thread set the limits: threadpoolctl 3.7 and later ignore all but the first that did, as long as it lives.

    But the last to leave lifts the limit, not the one that set it.
    """
    for library in controller.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


class _OneBlasThread:
    """Holds BLAS to one thread while anyone is inside; yields how many it had to the first, and 1 to whoever joins.

    The limit is the process's. Were each fit to set and restore it, two that overlap in threads would leave it set. A signal's
    handler may raise between any two steps, so each of them leaves what `_end` can undo, however often it is called. A fork
    waits until no thread is in the middle of a step, and in the child, where no other thread goes on, nobody is inside.
    """

    def __init__(self):
        self.lock, self.inside, self.limit = RLock(), set(), None
        if hasattr(os, "register_at_fork"):  # Windows has no fork
            child = self._in_child
            os.register_at_fork(before=self.lock.acquire, after_in_parent=self.lock.release, after_in_child=child)

    @contextmanager
    def __call__(self):
        me = object()
        try:
            try:
                with self.lock:
                    n_threads = 1 if self.inside else self._begin()
                    self.inside.add(me)
                yield n_threads
            finally:
                self._leave(me)
        except BaseException:  # perhaps from a signal's handler before the end of that
            _insist(partial(self._leave, me))
            raise

    def _leave(self, me):
        with self.lock:
            self.inside.discard(me)
            if not self.inside:
                self._end()

    def _in_child(self):
        self.inside.clear()
        self._end()
        self.lock.release()

    def _begin(self):
        self._end()
        controller = _blas()
        n_threads = [library["num_threads"] for library in controller.info()]
        self.limit = controller.limit(limits=None)  # sets nothing, but remembers
        _take_control(controller)
        controller.limit(limits=1)
        return max(n_threads, default=1)

    def _end(self):
        if self.limit:
            _take_control(_blas())
            self.limit.restore_original_limits()
            _take_control(_blas())  # and leave it to whoever comes next
            self.limit = None


def _insist(function):
    """Call it, and again if a handler's exception comes before its end, which is then let through."""
    try:
        function()
    except BaseException:
        _insist(function)
        raise


_one_blas_thread = _OneBlasThread()


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


class Room(NamedTuple):
    """Memory for what becomes of a block of rows; what has none is put where there is some."""

    code: np.ndarray | None = None  # (n_rows, n_components)
    raw: np.ndarray | None = None  # (n_rows, n_features)
    d_code: np.ndarray | None = None  # (n_rows, n_components)
    gradient: np.ndarray | None = None  # flat

    def of(self, n_rows):
        """For so many of its rows."""
        if n_rows == len(self.code):
            return self
        return Room(self.code[:n_rows], self.raw[:n_rows], self.d_code[:n_rows], self.gradient)


def rooms_for_code(blocks, n_components):
    """For the code of each block, or None if the rows are not in memory: nor will their code be."""
    if not is_in_memory(blocks):
        return None
    return [Room(empty_code(block.shape[0], n_components, block.dtype)) for block in blocks]


def rooms_for_batches(batch_size, n_workers, shape, n_weights, dtype):
    """For each of the `batch_blocks`, batch after batch, or None where they are so many that their gradients would fill it.

    The system clears memory that it hands out anew, which takes as long as a pass over it.
    """
    n_rows = -(-batch_size // n_workers)
    if n_rows > MOST_ROWS:
        return None
    n_components, n_features = shape
    return [
        Room(
            code=empty_code(n_rows, n_components, dtype),
            raw=np.empty((n_rows, n_features), dtype),
            d_code=empty_code(n_rows, n_components, dtype),
            gradient=np.empty(n_weights, dtype),
        )
        for _ in range(n_workers)
    ]


def moments_of(X, n_components, floor=None):
    """The `Moments` of all rows of X, by the workers that a fit of so many units has; `floor` is that of a loss."""
    blocks = row_blocks(X, n_components)
    with block_workers(blocks) as (map, _):
        least = 0.0 if floor is None else float(sum_over(floor, blocks, map=map)) / (X.shape[0] * X.shape[1])
        return Moments(X.shape[0], *column_moments(blocks, map), least)


def is_in_memory(blocks):
    rows = getattr(blocks[0], "rows", blocks[0])  # of `Centred` ones
    return isinstance(rows, np.ndarray) or issparse(rows)


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
