"""Rows on disk, read a block at a time: memory maps, and whatever else is sliced by rows (an HDF5 or Zarr data set).

A slice of a `DiskRows` is another one, so blocks of rows are made as of an array; `read` makes the
array. Where an executor of blocks (`_blocks.row_workers`) hands them to a function, it reads them
first: once for each call, in the worker.
"""

import os
from mmap import ALLOCATIONGRANULARITY
from threading import Lock
from weakref import finalize

import numpy as np

from skl_sparse_ae._rows.batches import mini_batches
from skl_sparse_ae._rows.blocks import BLOCK_BYTES, row_blocks
from skl_sparse_ae._rows.lazy import LazyRows
from skl_sparse_ae._rows.local import LocalRows

# X of no more bytes than this is read into memory once, and treated like any array.
MAX_READ_BYTES = 2**28
POOL_BYTES = MAX_READ_BYTES  # rows that Adam's shuffle mixes at a time
# Consecutive rows that random choices keep together: reading these takes a disk longer than finding
# them.
CHUNK_BYTES = 2**22


class DiskRows(LazyRows, LocalRows):
    """Consecutive rows of something on disk, with the shape and dtype of the array that `read` returns.

    `rows_at(start, stop)` returns those rows in whatever dtype they are stored in. `limits`, if
    any, are the minimum and maximum of all values. `bounds`, if any, are the range that values are
    clipped to when they are read.
    """

    def __init__(self, rows_at, shape, dtype, start=0, limits=None, bounds=None):
        self.rows_at, self.shape, self.dtype, self.start = rows_at, shape, np.dtype(dtype), start
        self.limits, self.bounds = limits, bounds

    is_in_memory = is_sparse = is_very_sparse = False

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise ValueError("Rows on disk are read in their order.")
        return self._with(shape=(max(stop - start, 0), self.shape[1]), start=self.start + start)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.read(), dtype=dtype)

    @property
    def nbytes(self):
        """Of the array that `read` returns."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def read(self):
        """A new array. ValueError, naming the rows, if they are not there or not what they were when they were checked."""
        X = self.rows_at(self.start, self.start + len(self))
        if X.shape[1:] != self.shape[1:]:
            raise ValueError(
                f"{self.name} of X came with {X.shape[1:]} columns: the slices of X have another shape than X."
            )
        if X.shape != self.shape:
            raise ValueError(
                f"{self.name} of X came as {X.shape[0]} rows: {_file_of_rows(self.rows_at)} has become shorter."
            )
        X = np.array(X, dtype=self.dtype, order="C", copy=None)
        if self.limits is not None and X.size:
            self._check_limits(X)
        if self.bounds is None:
            return X
        return np.clip(X, *self.bounds, out=X if X.flags.writeable else None)

    def _check_limits(self, X):
        low, high = (self.dtype.type(limit) for limit in self.limits)
        if not (low <= X.min() and X.max() <= high):
            raise ValueError(
                f"{self.name} of X have changed while they were read: values were in [{low:g}, {high:g}] and are in "
                f"[{X.min():g}, {X.max():g}]. Nothing may write to {_file_of_rows(self.rows_at)} during a fit."
            )

    @property
    def name(self):
        return f"Rows {self.start} to {self.start + len(self) - 1}"

    def astype(self, dtype):
        return self._with(dtype=dtype)

    @property
    def data(self):
        """What callbacks are shown as X: NumPy reads it as an array."""
        return self

    def min(self):
        return self.limits[0]

    def max(self):
        return self.limits[1]

    def with_limits(self, low, high):
        return self._with(limits=(low, high))

    def clip(self, low, high):
        return self._with(bounds=(low, high))

    def blocks(self, width, block_bytes=BLOCK_BYTES):
        return row_blocks(self, width, block_bytes)

    def batches(self, size, rng):
        """Yield mini-batches of pools of chunks, which are read in random order and shuffled."""
        for pool in self._pools(rng):
            yield from mini_batches(pool, size, rng)

    def _pools(self, rng):
        """Yield arrays of randomly chosen chunks of up to `POOL_BYTES`, each row once."""
        starts, n_rows = chunk_starts(self)
        for of_pool in np.array_split(rng.permutation(starts), -(-self.nbytes // POOL_BYTES)):
            chunks = [self[start : start + n_rows] for start in of_pool]
            ends = np.cumsum([len(chunk) for chunk in chunks])
            pool = np.empty((ends[-1], self.shape[1]), dtype=self.dtype)
            for chunk, part in zip(chunks, np.split(pool, ends[:-1]), strict=True):
                part[...] = chunk.read()
            yield pool

    def hold_out(self, fraction, seed):
        """``(train, held_out)``: the rows without some `fraction` of the chunks, chosen at random, and those."""
        rng = np.random.default_rng(seed)
        starts, n_rows = chunk_starts(self)
        is_out = np.zeros(len(starts), dtype=bool)
        is_out[rng.permutation(len(starts) - 1)[: round(fraction * len(starts))]] = (
            True  # not the last, which may be short
        )
        return self._chunks(starts[~is_out], n_rows), self._chunks(starts[is_out], n_rows)

    def _chunks(self, starts, n_rows):
        size = sum(min(n_rows, len(self) - start) for start in starts)
        return DiskRows(
            _Chunks(self, starts, n_rows), (size, self.shape[1]), self.dtype, limits=self.limits
        )

    def _with(self, **changes):
        return DiskRows(**vars(self) | changes)


def chunk_starts(X):
    """The first rows of the chunks of a `DiskRows`, and the rows in each but the last."""
    n_rows = max(1, CHUNK_BYTES * len(X) // X.nbytes)
    return np.arange(0, len(X), n_rows), n_rows


class _Chunks:
    """Some chunks of a `DiskRows`, of which the last alone may be short, as if they were all."""

    def __init__(self, X, starts, n_rows):
        self.X, self.starts, self.n_rows = X, starts, n_rows

    def __call__(self, start, stop):
        parts = []
        while start < stop:
            chunk, skip = divmod(start, self.n_rows)
            end = min(stop, start - skip + self.n_rows)
            first = self.starts[chunk] + skip
            parts.append(self.X[first : first + end - start].read())
            start = end
        return np.concatenate(parts)


def on_disk(X):
    """X as a `DiskRows` if it is a memory map or sliced like one, and large; a map of no more bytes is read; or X itself."""
    is_map = (
        isinstance(X, np.memmap) and X._mmap is not None
    )  # what is computed from a map is of its class
    if not (is_map or _is_sliced_by_rows(X)) or len(X.shape) != 2 or X.dtype.kind not in "biuf":
        return X
    dtype = np.float32 if X.dtype.kind == "f" and X.dtype.itemsize == 4 else np.float64
    rows_at = _file_of(X) if is_map else None
    source = DiskRows(rows_at or _Slices(X), X.shape, dtype)
    if source.nbytes > MAX_READ_BYTES:
        return source
    return source.read() if is_map and len(source) else X


def _is_sliced_by_rows(X):
    """Not an array, nor a table with labels, and yet of a NumPy dtype."""
    is_like_an_array = (
        isinstance(getattr(X, "dtype", None), np.dtype)
        and hasattr(X, "shape")
        and hasattr(X, "__getitem__")
    )
    return (
        is_like_an_array
        and not isinstance(X, np.ndarray | np.generic | DiskRows)
        and not hasattr(X, "format")
    )


class _Slices:
    """Rows by slicing, one thread at a time: not every reader of files allows more."""

    def __init__(self, X):
        self.X, self.lock = X, Lock()
        self.path, self.was = getattr(X, "filename", None), None
        if isinstance(X, np.memmap) and self.path is not None and os.path.exists(self.path):
            self.was = os.stat(self.path)

    def __call__(self, start, stop):
        with self.lock:
            if self.was is not None and os.path.exists(self.path):
                now = os.stat(self.path)
                if _identity(now) == _identity(
                    self.was
                ):  # and not another file, of which the map knows nothing
                    _check_unchanged(self.path, self.was, now)
            return np.array(self.X[start:stop])


def _identity(stat):
    return stat.st_dev, stat.st_ino


def _check_unchanged(path, was, now):
    """ValueError if size or time of last change of a file are not what they were."""
    changes = []
    if now.st_size != was.st_size:
        changes.append(f"it had {was.st_size} bytes and has {now.st_size}")
    if now.st_mtime_ns != was.st_mtime_ns:
        changes.append(
            f"it was last changed {(now.st_mtime_ns - was.st_mtime_ns) / 1e9:+.3g} s from when the fit began to read"
        )
    if changes:
        raise ValueError(
            f"{path} has changed while it was read: {', and '.join(changes)}. Nothing may write to X during a fit."
        )


def _file_of_rows(rows_at):
    path = getattr(rows_at, "path", None)
    return "the file" if path is None else path


class _File:
    """Rows of a file of nothing but rows, after `offset` bytes. A read of what is not there is short, and no crash.

    It is opened once: whatever its name stands for later, the rows are those of one file.
    """

    def __init__(self, path, offset, shape, dtype):
        self.path, self.offset, self.shape, self.dtype = path, offset, shape, dtype
        self.lock, self.descriptor = Lock(), os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        finalize(self, os.close, self.descriptor)
        self.was = os.fstat(self.descriptor)

    def __call__(self, start, stop):
        X, now = self.read(start, stop), os.fstat(self.descriptor)
        if now.st_size >= self.was.st_size:  # if not, whoever wants rows that are gone says so
            _check_unchanged(self.path, self.was, now)
        return X

    def read(self, start, stop):
        flat = np.empty((stop - start) * self.bytes_per_row, np.uint8)
        n_read = self._read_into(memoryview(flat), self.offset + start * self.bytes_per_row)
        return (
            flat[: n_read // self.bytes_per_row * self.bytes_per_row]
            .view(self.dtype)
            .reshape(-1, self.shape[1])
        )

    def _read_into(self, buffer, at):
        """How many bytes there were: the system may give fewer than it is asked for before the end."""
        n_read = 0
        while n_read < len(buffer):
            n = self._read_some(buffer[n_read:], at + n_read)
            if not n:
                break
            n_read += n
        return n_read

    def _read_some(self, buffer, at):
        if hasattr(os, "preadv"):
            return os.preadv(self.descriptor, [buffer], at)
        with self.lock:  # Windows: finding the place and reading are two steps
            os.lseek(self.descriptor, at, os.SEEK_SET)
            part = os.read(self.descriptor, len(buffer))
        buffer[: len(part)] = part
        return len(part)

    @property
    def bytes_per_row(self):
        return self.shape[1] * self.dtype.itemsize

    def check_size(self):
        n_bytes = self.was.st_size
        n_rows = max(0, n_bytes - self.offset) // self.bytes_per_row
        if n_rows < self.shape[0]:
            raise ValueError(
                f"X is a memory map of {self.shape[0]} rows, but {self.path} ends within row {n_rows}: it has {n_bytes} bytes "
                f"and would need {self.offset + self.shape[0] * self.bytes_per_row}. Rows {n_rows} to {self.shape[0] - 1} are "
                "missing."
            )


def _file_of(X):
    """The file under a memory map of whole rows, or None where the map itself has to be read.

    Reading the file instead keeps the pages out of the process, and a file cut short meanwhile from
    ending it (SIGBUS). The map is what counts if its changes are private (mode "c"), if it is not
    of whole rows in their order, or if the name now stands for another file.
    """
    if (
        not X.flags.c_contiguous
        or not X.size
        or X.filename is None
        or not os.path.exists(X.filename)
    ):
        return None
    file = _File(X.filename, _offset_in_file(X), X.shape, X.dtype)
    file.check_size()
    if X.mode == "c":
        return None
    if X.mode != "r":
        X.flush()
        file.was = os.fstat(file.descriptor)
    same = all(
        np.array_equal(file.read(row, row + 1).view(np.uint8), X[row : row + 1].view(np.uint8))
        for row in (0, len(X) - 1)
    )
    return file if same else None


def _offset_in_file(X):
    """In bytes. A slice of a map keeps its parent's `offset`, so count from where the map begins in memory."""
    mapped = np.frombuffer(X._mmap, dtype=np.uint8)
    begins = X.offset - X.offset % ALLOCATIONGRANULARITY
    return begins + X.__array_interface__["data"][0] - mapped.__array_interface__["data"][0]
