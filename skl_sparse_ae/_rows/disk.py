"""Rows on disk, read block by block: memory maps, and HDF5 or Zarr data sets sliced by rows.

A slice of a `DiskRows` is another `DiskRows`, so it is divided into blocks like an array. `read`
returns the array. An `Executor` reads each block in the worker that needs it, once for each call.
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

# X of up to this many bytes is read into memory once, and treated like any array.
MAX_READ_BYTES = 2**28
POOL_BYTES = MAX_READ_BYTES  # of the rows that Adam shuffles at a time
# Bytes of consecutive rows that random choices keep together: so many that a disk spends more time
# on reading them than on seeking.
CHUNK_BYTES = 2**22


class DiskRows(LazyRows, LocalRows):
    """Consecutive rows on disk, with the shape and dtype of the array that `read` returns.

    `rows_at(start, stop)` returns rows in the dtype in which they are stored. `limits`, unless
    None, are the minimum and maximum of all values. `bounds`, unless None, is the range to which
    values are clipped when they are read.
    """

    is_in_memory = is_sparse = is_very_sparse = False

    def __init__(self, rows_at, shape, dtype, start=0, limits=None, bounds=None):
        self.rows_at, self.shape, self.dtype, self.start = rows_at, shape, np.dtype(dtype), start
        self.limits, self.bounds = limits, bounds

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
        """The size of the array that `read` returns."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def read(self):
        """The rows as a new array.

        Raise ValueError, with their numbers, if rows are missing or have changed since X was
        checked.
        """
        X = self.rows_at(self.start, self.start + len(self))
        if X.shape[1:] != self.shape[1:]:
            raise ValueError(
                f"{self.name} of X have columns of shape {X.shape[1:]}, but X has shape "
                f"{self.shape}: slices of X must have the columns of X."
            )
        if X.shape != self.shape:
            raise ValueError(
                f"{self.name} of X are only {X.shape[0]} rows: {_path_of(self.rows_at)} has become "
                "shorter."
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
                f"{self.name} of X changed while they were read: values were in [{low:g}, "
                f"{high:g}] and are in [{X.min():g}, {X.max():g}]. Nothing may write to "
                f"{_path_of(self.rows_at)} during a fit."
            )

    @property
    def name(self):
        """The range of row numbers, for messages."""
        return f"Rows {self.start} to {self.start + len(self) - 1}"

    def astype(self, dtype):
        return self._with(dtype=dtype)

    @property
    def data(self):
        """The rows as callbacks see them: NumPy can convert them to an array."""
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
        """Yield mini-batches: random chunks are read into pools, whose rows are shuffled."""
        for pool in self._pools(rng):
            yield from mini_batches(pool, size, rng)

    def _pools(self, rng):
        """Yield arrays of random chunks, of up to `POOL_BYTES`. Each row is in one of them."""
        starts, n_rows = chunk_starts(self)
        n_pools = -(-self.nbytes // POOL_BYTES)
        for pool_starts in np.array_split(rng.permutation(starts), n_pools):
            chunks = [self[start : start + n_rows] for start in pool_starts]
            ends = np.cumsum([len(chunk) for chunk in chunks])
            pool = np.empty((ends[-1], self.shape[1]), dtype=self.dtype)
            for chunk, part in zip(chunks, np.split(pool, ends[:-1]), strict=True):
                part[...] = chunk.read()
            yield pool

    def hold_out(self, fraction, seed):
        """``(train, held_out)``: whole chunks are held out, chosen at random."""
        rng = np.random.default_rng(seed)
        starts, n_rows = chunk_starts(self)
        is_out = np.zeros(len(starts), dtype=bool)
        # Never the last chunk, which may be short.
        is_out[rng.permutation(len(starts) - 1)[: round(fraction * len(starts))]] = True
        return self._chunks(starts[~is_out], n_rows), self._chunks(starts[is_out], n_rows)

    def _chunks(self, starts, n_rows):
        """The rows of some chunks, as `DiskRows`."""
        shape = sum(min(n_rows, len(self) - start) for start in starts), self.shape[1]
        return DiskRows(_Chunks(self, starts, n_rows), shape, self.dtype, limits=self.limits)

    def _with(self, **changes):
        return DiskRows(**vars(self) | changes)


def chunk_starts(X):
    """``(starts, n_rows)``: the first row of each chunk, and the length of all but the last."""
    n_rows = max(1, CHUNK_BYTES * len(X) // X.nbytes)
    return np.arange(0, len(X), n_rows), n_rows


class _Chunks:
    """Reads some chunks of a `DiskRows` as if they were consecutive. Only the last may be short."""

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
    """X as `DiskRows` if it is a large memory map or sliced like one, or else as given.

    A memory map of up to `MAX_READ_BYTES` is read.
    """
    # Arrays computed from a map have its class too, but no file.
    is_map = isinstance(X, np.memmap) and X._mmap is not None
    if not (is_map or _is_sliced_by_rows(X)) or len(X.shape) != 2 or X.dtype.kind not in "biuf":
        return X
    dtype = np.float32 if X.dtype.kind == "f" and X.dtype.itemsize == 4 else np.float64
    rows_at = _file_of(X) if is_map else None
    source = DiskRows(rows_at or _Slices(X), X.shape, dtype)
    if source.nbytes > MAX_READ_BYTES:
        return source
    return source.read() if is_map and len(source) else X


def _is_sliced_by_rows(X):
    """True for anything with a NumPy dtype, sliced like an array, that is not in memory."""
    return (
        isinstance(getattr(X, "dtype", None), np.dtype)
        and hasattr(X, "shape")
        and hasattr(X, "__getitem__")
        and not hasattr(X, "format")
        and not isinstance(X, np.ndarray | np.generic | DiskRows)
    )


class _Slices:
    """Reads rows by slicing X, in one thread at a time: not every library of files allows more."""

    def __init__(self, X):
        self.X, self.lock = X, Lock()
        self.path, self.before = getattr(X, "filename", None), None
        if isinstance(X, np.memmap) and self.path is not None and os.path.exists(self.path):
            self.before = os.stat(self.path)

    def __call__(self, start, stop):
        with self.lock:
            if self.before is not None and os.path.exists(self.path):
                now = os.stat(self.path)
                # Another file under the same name does not affect the map.
                if _identity(now) == _identity(self.before):
                    _check_unchanged(self.path, self.before, now)
            return np.array(self.X[start:stop])


def _identity(stat):
    return stat.st_dev, stat.st_ino


def _check_unchanged(path, before, now):
    """Raise ValueError if the size or the modification time of a file has changed."""
    changes = []
    if now.st_size != before.st_size:
        changes.append(f"it had {before.st_size} bytes and has {now.st_size}")
    if now.st_mtime_ns != before.st_mtime_ns:
        seconds = (now.st_mtime_ns - before.st_mtime_ns) / 1e9
        changes.append(f"its modification time differs by {seconds:+.3g} s")
    if changes:
        raise ValueError(
            f"{path} changed while it was read: {', and '.join(changes)}. Nothing may write to X "
            "during a fit."
        )


def _path_of(rows_at):
    """The path from which `rows_at` reads, for messages."""
    path = getattr(rows_at, "path", None)
    return "the file" if path is None else path


class _File:
    """Reads rows from a file that contains only rows after `offset` bytes.

    Where rows are missing, a read is short; it does not crash. The file is opened once, so all rows
    come from the same file, even if another file replaces it.
    """

    def __init__(self, path, offset, shape, dtype):
        self.path, self.offset, self.shape, self.dtype = path, offset, shape, dtype
        self.lock, self.descriptor = Lock(), os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        finalize(self, os.close, self.descriptor)
        self.before = os.fstat(self.descriptor)

    def __call__(self, start, stop):
        X, now = self.read(start, stop), os.fstat(self.descriptor)
        # A file that has become shorter is reported when its missing rows are needed.
        if now.st_size >= self.before.st_size:
            _check_unchanged(self.path, self.before, now)
        return X

    def read(self, start, stop):
        """The rows from `start` to `stop`, or those that there are, in the dtype of the file."""
        flat = np.empty((stop - start) * self.bytes_per_row, np.uint8)
        n_bytes = self._read_into(memoryview(flat), self.offset + start * self.bytes_per_row)
        n_bytes -= n_bytes % self.bytes_per_row
        return flat[:n_bytes].view(self.dtype).reshape(-1, self.shape[1])

    def _read_into(self, buffer, at):
        """Fill `buffer` from the file at byte `at`. Return the number of bytes that were there.

        The system may return fewer bytes than asked for, also before the end of the file.
        """
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
        with self.lock:  # on Windows, seeking and reading are two steps
            os.lseek(self.descriptor, at, os.SEEK_SET)
            part = os.read(self.descriptor, len(buffer))
        buffer[: len(part)] = part
        return len(part)

    @property
    def bytes_per_row(self):
        return self.shape[1] * self.dtype.itemsize

    def check_size(self):
        """Raise ValueError if the file is too short for its rows."""
        n_bytes = self.before.st_size
        n_rows = max(0, n_bytes - self.offset) // self.bytes_per_row
        if n_rows < self.shape[0]:
            raise ValueError(
                f"X is a memory map of {self.shape[0]} rows, but {self.path} ends within row "
                f"{n_rows}: it has {n_bytes} bytes and would need "
                f"{self.offset + self.shape[0] * self.bytes_per_row}. Rows {n_rows} to "
                f"{self.shape[0] - 1} are missing."
            )


def _file_of(X):
    """The `_File` under a memory map, or None if the map itself has to be read.

    Reading the file keeps its pages out of the process's memory, and a file that is truncated in
    the meantime cannot end the process (SIGBUS). The map has to be read if its changes are private
    (mode "c"), if it does not consist of whole rows in order, or if another file has taken its
    name.
    """
    if not (X.flags.c_contiguous and X.size) or X.filename is None:
        return None
    if not os.path.exists(X.filename):
        return None
    file = _File(X.filename, _offset_in_file(X), X.shape, X.dtype)
    file.check_size()
    if X.mode == "c":
        return None
    if X.mode != "r":
        X.flush()
        file.before = os.fstat(file.descriptor)
    is_same = all(
        np.array_equal(file.read(row, row + 1).view(np.uint8), X[row : row + 1].view(np.uint8))
        for row in (0, len(X) - 1)
    )
    return file if is_same else None


def _offset_in_file(X):
    """The offset of the first row in the file, in bytes.

    A slice of a map keeps its parent's `offset`, so addresses in memory are compared.
    """
    mapped = np.frombuffer(X._mmap, dtype=np.uint8)
    start = X.offset - X.offset % ALLOCATIONGRANULARITY
    return start + X.__array_interface__["data"][0] - mapped.__array_interface__["data"][0]
