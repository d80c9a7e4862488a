"""Rows in blocks of consecutive rows. A mini-batch has one block for each worker."""

from collections import deque
from contextlib import contextmanager
from functools import partial

import numpy as np

from skl_sparse_ae._arrays.workspace import empty_code
from skl_sparse_ae._rows.executor import Executor, executor
from skl_sparse_ae._rows.lazy import Centred, is_in_memory, read
from skl_sparse_ae._rows.products import dense

# A block should fit in the cache, but a product with few rows wastes its set-up, and workers
# contend for the GIL between operations. Measured over 64 to 784 features and 50 to 200 units: one
# thread is within 5% from 0.5 to 4 MiB. Two threads are up to 10% slower with 1 MiB, and with 4
# MiB, where the blocks do not come out even.
BLOCK_BYTES = 2**21
MIN_ROWS, MAX_ROWS = 256, 4096  # float32 sums over more rows lose digits
# So two workers have equally many blocks. It is not the number of workers, on which sums would then
# depend.
BLOCK_COUNT_MULTIPLE = 2


class RowBlocks:
    """Blocks of rows in memory or in a file, and the executor that works on them.

    `rows` is a list of arrays, CSR matrices or `LazyRows`. If an `executor` is given, its workers
    are always there; otherwise `workers` starts them. See `protocols.Blocks`.
    """

    def __init__(self, rows, executor=None):
        self.rows, self._executor, self._is_open = rows, executor, executor is not None
        self.n_rows = sum(block.shape[0] for block in rows)
        self.n_features, self.dtype = rows[0].shape[1], rows[0].dtype
        self.is_in_memory = is_in_memory(rows[0])

    def __len__(self):
        return len(self.rows)

    @property
    def executor(self):
        """The executor in use; outside `workers`, the calling thread."""
        if self._executor is None:
            self._executor = Executor()
        return self._executor

    def first_row(self):
        return dense(read(self.rows[0][:1]))[0]

    @contextmanager
    def workers(self):
        if self._is_open:
            yield
            return
        with executor(len(self.rows)) as workers:
            alone = self._executor
            try:
                self._executor, self._is_open = workers, True
                yield
            finally:
                self._executor, self._is_open = alone, False

    def map(self, function, *others):
        return self.executor.map(function, self.rows, *others)

    def parts_of(self, array, axis=0):
        ends = np.cumsum([block.shape[0] for block in self.rows])
        return np.split(array, ends[:-1], axis=axis)

    def fill(self, function, out, axis=0):
        if len(self) == 1:  # for a row or two, setting up workers would take most of the time
            function(read(self.rows[0]), out)
            return out
        with self.workers():
            deque(self.map(function, self.parts_of(out, axis)), maxlen=0)
        return out

    def sum(self, function, *others, dtype=np.float64):
        return self.executor.sum(function, self.rows, *others, dtype=dtype)

    def code_buffers(self, n_units):
        if not self.is_in_memory:
            return [None] * len(self)
        allocate = partial(empty_code, n_units=n_units, dtype=self.dtype, empty=np.empty)
        return [
            self.executor.buffer(("code", i), allocate, block.shape[0])
            for i, block in enumerate(self.rows)
        ]

    def gradient_buffers(self, size):
        return [None] * len(self)

    def centred(self, origin):
        if origin is None:
            return self
        return RowBlocks([Centred(block, origin) for block in self.rows])


class BatchBlocks(RowBlocks):
    """The rows of a mini-batch, one block for each worker of `executor`, whose memory is reused.

    There are more blocks if a worker's rows are too many for float32 sums. Blocks that suit the
    cache would cost more than they save: each has a gradient, which is larger than its rows.
    """

    def __init__(self, batch, executor):
        n_rows = min(MAX_ROWS, -(-batch.shape[0] // executor.n_workers))
        rows = [batch[i : i + n_rows] for i in range(0, batch.shape[0], n_rows)]
        super().__init__(rows, executor)

    def code_buffers(self, n_units):
        return [None] * len(self) if self._has_many_blocks else super().code_buffers(n_units)

    def gradient_buffers(self, size):
        if self._has_many_blocks:
            return super().gradient_buffers(size)
        allocate = partial(np.empty, dtype=self.dtype)
        return [self.executor.buffer(("gradient", i), allocate, size) for i in range(len(self))]

    @property
    def _has_many_blocks(self):
        """True for more blocks than workers, whose gradients would fill the memory."""
        return len(self.rows) > self.executor.n_workers


def row_blocks(X, width, block_bytes=BLOCK_BYTES):
    """X as `RowBlocks`: equal blocks of consecutive rows that suit the cache, views if X is dense.

    `width` is the number of columns of the widest array, other than X, that is made from a block.
    """
    bytes_per_row = X.dtype.itemsize * max(X.shape[1], width)
    n_rows = min(max(block_bytes // bytes_per_row, MIN_ROWS), MAX_ROWS)
    is_large = X.shape[0] * bytes_per_row > block_bytes // 4
    if X.shape[0] >= BLOCK_COUNT_MULTIPLE * MIN_ROWS and is_large:
        n_blocks = BLOCK_COUNT_MULTIPLE * -(-X.shape[0] // (BLOCK_COUNT_MULTIPLE * n_rows))
        n_rows = -(-X.shape[0] // n_blocks)
    return RowBlocks([X[start : start + n_rows] for start in range(0, X.shape[0], n_rows)])
