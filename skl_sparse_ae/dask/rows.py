"""Rows on the workers of a Dask cluster: see `_rows.protocols`."""

import pickle
from contextlib import contextmanager
from functools import partial
from importlib import import_module

import numpy as np

from skl_sparse_ae._rows.blocks import BLOCK_BYTES, row_blocks
from skl_sparse_ae._rows.executor import Executor, executor, quiet_map
from skl_sparse_ae._rows.in_memory import ArrayRows
from skl_sparse_ae._rows.lazy import Centred
from skl_sparse_ae._rows.sums import add_up
from skl_sparse_ae._rows.thread_pool import thread_pool

# A worker computes on its own rows, unless they exceed this multiple of its fair share.
MAX_SHARE = 1.25
# Functions of up to this many bytes are sent with the tasks, through the scheduler. Larger ones are
# faster if they are scattered. Actors would save 12 of 14 ms in a round
# (`benchmarks/scale/dask_scaling.py`), but an actor dies with its worker.
MAX_BYTES_IN_TASKS = 2**20


class DaskRows:
    """Rows as futures of non-empty, finite partitions: see `protocols.Rows`."""

    is_sparse = is_very_sparse = False

    def __init__(self, client, parts, lengths, first_row, dtype, limits):
        self.client, self.parts, self.lengths = client, parts, lengths
        self.first_row, self.limits, self.dtype = first_row, limits, np.dtype(dtype)
        self.shape = sum(lengths), first_row.shape[1]

    @classmethod
    def of(cls, X, client):
        """The rows of a Dask array, computed once and kept on the workers by this object.

        Raise ValueError unless there are rows, and all are finite.
        """
        dtype, n_features = float_of(X.dtype), X.shape[1]
        empty = np.empty((0, 0), dtype=dtype)
        rows = X.map_blocks(_as_rows, n_features, dtype, dtype=dtype, meta=empty)
        parts = client.compute(rows.to_delayed().ravel().tolist())
        with translate_lost_worker():
            summaries = client.gather(client.map(_summary, parts, range(len(parts)), pure=False))
        parts = [part for part, (n, *_) in zip(parts, summaries, strict=True) if n]
        if not parts:
            raise ValueError(
                f"Found array with 0 sample(s) (shape=(0, {n_features})) while a minimum of 1 is "
                "required."
            )
        summaries = [summary for summary in summaries if summary[0]]
        lengths, lows, highs, first_rows = zip(*summaries, strict=True)
        return cls(client, parts, list(lengths), first_rows[0], dtype, (min(lows), max(highs)))

    @property
    def data(self):
        """The rows as callbacks see them."""
        return self

    def min(self):
        return self.limits[0]

    def max(self):
        return self.limits[1]

    def astype(self, dtype):
        if np.dtype(dtype) == self.dtype:
            return self
        parts = self.client.map(partial(np.asarray, dtype=dtype), self.parts, pure=False)
        first_row = self.first_row.astype(dtype)
        return DaskRows(self.client, parts, self.lengths, first_row, dtype, self.limits)

    def clip(self, low, high):
        clip, first_row = partial(np.clip, a_min=low, a_max=high), self.first_row.clip(low, high)
        parts = self.client.map(clip, self.parts, pure=False)
        return DaskRows(self.client, parts, self.lengths, first_row, self.dtype, (low, high))

    def hold_out(self, fraction, seed):
        """``(train, held_out)``: whole partitions, at least one each. Raise ValueError for one."""
        if len(self.parts) < 2:
            raise ValueError(
                "early_stopping=True holds out whole partitions: X needs at least two that are not "
                "empty."
            )
        order = np.random.default_rng(seed).permutation(len(self.parts))
        n_out = int(np.clip(round(fraction * len(order)), 1, len(order) - 1))
        return self._only(np.sort(order[n_out:])), self._only(np.sort(order[:n_out]))

    def _only(self, chosen):
        """The rows of the partitions with these numbers."""
        parts, lengths = [self.parts[i] for i in chosen], [self.lengths[i] for i in chosen]
        return DaskRows(self.client, parts, lengths, self.first_row, self.dtype, self.limits)

    def blocks(self, width, block_bytes=BLOCK_BYTES):
        """One block for each worker: the partitions on which it computes."""
        shares = [(worker, n, self._only(chosen)) for worker, n, chosen in self._shared_out()]
        return WorkerBlocks(self.client, width, shares)

    def _shared_out(self):
        """A list of ``(worker, n_threads, numbers of its partitions)``.

        The longest partition comes first. It goes to the worker with the fewest rows per thread
        among those that have it, or among all if these have too many.
        """
        n_threads = dict(sorted(self.client.nthreads().items()))
        owners = self.client.who_has(self.parts)
        max_load = MAX_SHARE * self.shape[0] / sum(n_threads.values())
        load = dict.fromkeys(n_threads, 0.0)  # rows per thread
        taken = {worker: [] for worker in n_threads}
        for i in np.argsort(self.lengths, kind="stable")[::-1]:
            near = [worker for worker in n_threads if worker in owners.get(self.parts[i].key, ())]
            worker = min(near or n_threads, key=load.__getitem__)
            if load[worker] + self.lengths[i] / n_threads[worker] > max_load:
                worker = min(n_threads, key=load.__getitem__)
            taken[worker].append(i)
            load[worker] += self.lengths[i] / n_threads[worker]
        return [
            (worker, n_threads[worker], sorted(taken[worker])) for worker in taken if taken[worker]
        ]

    @contextmanager
    def epochs(self, step, max_workers):
        """The partitions are visited in random order, each on a worker that has it."""

        def epoch(state, rng):
            carried = (state, 0, 0.0, 0.0)
            seeds = rng.integers(2**32, size=len(self.parts))
            for i in rng.permutation(len(self.parts)):
                args = step, carried, self.parts[i], int(seeds[i])
                carried = self.client.submit(_epoch_of_partition, *args, pure=False)
            with translate_lost_worker():
                state, n_rows, value, terms = carried.result()
            return state, value / n_rows, terms / n_rows

        yield epoch


class WorkerBlocks:
    """The partitions of each worker as one block: see `protocols.Blocks`.

    `shares` are triples of a worker, its number of threads, and `DaskRows`. If there is an
    `origin`, it is subtracted from the rows before functions are called.
    """

    is_in_memory = False

    def __init__(self, client, width, shares, origin=None):
        self.client, self.width, self.shares, self.origin = client, width, shares, origin
        _, _, rows = shares[0]
        self.n_rows = sum(rows.shape[0] for _, _, rows in shares)
        self.n_features, self.dtype = rows.shape[1], rows.dtype

    def __len__(self):
        return len(self.shares)

    def first_row(self):
        _, _, rows = self.shares[0]
        return rows.first_row[0] if self.origin is None else rows.first_row[0] - self.origin

    @contextmanager
    def workers(self):
        """The client limits BLAS to one thread, too: results depend on it, to the last bit."""
        with executor(1):
            yield

    def code_buffers(self, n_units):
        return [None] * len(self)

    def centred(self, origin):
        if origin is None:
            return self
        return WorkerBlocks(self.client, self.width, self.shares, origin)

    def sum(self, function, *others, dtype=np.float64):
        return add_up(self.sums_of_workers(function, *others), dtype)

    def sums_of_workers(self, function, *others):
        """A list of the sums of the function over each worker's rows, float64.

        If a worker is lost, another one computes its part.
        """
        if self.origin is not None:
            function = partial(_of_centred, self.origin, function)
        function = import_dask("cloudpickle").dumps(function)
        if len(self) * len(function) > MAX_BYTES_IN_TASKS:
            function = self.client.scatter(function, broadcast=True, hash=False)
        futures = [
            self._submit(*share, function, args)
            for share, *args in zip(self.shares, *others, strict=True)
        ]
        with translate_lost_worker():
            return self.client.gather(futures)

    def _submit(self, worker, n_threads, rows, function, others):
        options = {"workers": [worker], "allow_other_workers": True, "pure": False}
        args = function, others, self.width, n_threads, rows.lengths
        return self.client.submit(sum_in_worker, *args, *rows.parts, **options)


@contextmanager
def translate_lost_worker():
    """Turn Dask's exceptions for lost rows into a RuntimeError with advice."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ not in ("CancelledError", "FutureCancelledError", "KilledWorker"):
            raise
        raise RuntimeError(
            "Rows were lost with a worker and cannot be computed again, or computing them ends "
            f"workers: {error}. Read X from storage instead of scattering it, and give the workers "
            "more memory or X smaller chunks."
        ) from error


def _of_centred(origin, function, X, *others):
    return function(Centred(X, origin).read(), *others)


def sum_in_worker(function, others, width, n_threads, lengths, *parts):
    """The sum of a pickled function over the rows of some partitions, on `n_threads` threads.

    Raise ValueError unless the partitions have these lengths.
    """
    found = [len(part) for part in parts]
    if found != lengths:
        raise ValueError(
            f"Partitions of {lengths} rows have {found} rows after they were computed again: X "
            "must not change."
        )
    blocks = [block for part in parts for block in row_blocks(part, width).rows]
    others = [[other] * len(blocks) for other in others]
    with np.errstate(all="ignore"), thread_pool(n_threads) as map:
        workers = Executor(partial(quiet_map, map), n_threads, longest_run=len(blocks))
        return workers.sum(pickle.loads(function), blocks, *others)


def _epoch_of_partition(step, carried, X, seed):
    """``(state, n_rows, value, terms)`` of an epoch after one more partition.

    Value and terms are sums over rows. The arguments are not written to, because Dask may need them
    again.
    """
    state, n_rows, value, terms = carried
    names = ("params", "first_moment", "second_moment")
    copies = {name: getattr(state, name).copy() for name in names}
    copies["memory"] = {name: array.copy() for name, array in state.memory.items()}
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        state, n, mean, means = step(state._replace(**copies), ArrayRows(X), Executor(), rng)
    return state, n_rows + n, value + n * mean, terms + n * np.asarray(means)


def _as_rows(block, n_features, dtype):
    """A partition as a contiguous array. Raise ValueError for another number of features."""
    block = np.ascontiguousarray(block, dtype=dtype)
    if block.ndim != 2 or block.shape[1] != n_features:
        raise ValueError(f"A partition has shape {block.shape}, but X has {n_features} features.")
    return block


def _summary(rows, number):
    """``(n_rows, minimum, maximum, first row)`` of a partition. Raise ValueError unless finite."""
    if not len(rows):
        return 0, 0.0, 0.0, rows
    low, high = rows.min(), rows.max()
    if not np.isfinite([low, high]).all():
        what = "NaN" if np.isnan(low) else f"infinity or a value too large for {rows.dtype!r}"
        raise ValueError(f"Partition {number}: Input X contains {what}.")
    return len(rows), low, high, rows[:1].copy()


def float_of(dtype):
    """float32 for float32, float64 for any other dtype."""
    return np.float32 if dtype.kind == "f" and dtype.itemsize == 4 else np.float64


def import_dask(module):
    """A module of Dask or its dependencies. Raise ImportError, with advice, without Dask."""
    try:
        return import_module(module)
    except ImportError:
        message = 'skl_sparse_ae.dask needs Dask: pip install "dask[array,distributed]"'
        raise ImportError(message) from None
