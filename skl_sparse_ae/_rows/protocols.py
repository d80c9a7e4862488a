"""The contracts of rows: what a fit asks of X, wherever it is.

`Rows` is X. `Blocks` is X in pieces, with the executor that works on them. Formulas see neither:
they are functions of the array or CSR matrix of one block, and return new arrays.

|          | in memory             | in a file          | on a cluster                      |
|----------|-----------------------|--------------------|-----------------------------------|
| `Rows`   | `in_memory.ArrayRows` | `disk.DiskRows`    | `skl_sparse_ae.dask.DaskRows`     |
| `Blocks` | `blocks.RowBlocks`    | `blocks.RowBlocks` | `skl_sparse_ae.dask.WorkerBlocks` |
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

import numpy as np


class Blocks(Protocol):
    """All rows in blocks, and the executor that works on them.

    The executor reads the blocks and owns their arrays: a function may not keep its rows.
    """

    n_rows: int
    n_features: int
    dtype: np.dtype
    is_in_memory: bool  # False: reading the rows costs more than an evaluation computes

    def __len__(self) -> int:
        """The number of blocks."""

    def first_row(self) -> np.ndarray:
        """A dense row (n_features,), to measure the others from."""

    def workers(self) -> AbstractContextManager:
        """A context in which all workers share the blocks; outside, the calling thread is alone."""

    def sum(self, function: Callable, *others: Any, dtype: Any = np.float64) -> Any:
        """The sum of ``function(rows, *others)`` in `dtype`, or for None in that of the results."""

    def code_buffers(self, n_units: int) -> list:
        """For each block an array (rows of the block, n_units): the same memory at each call.

        It is None if there is no such memory: if the rows are not in memory, their code should not
        be there either, and a batch of more blocks than workers would need too much.
        """

    def centred(self, origin: np.ndarray | None) -> Self:
        """The same blocks with `origin` (n_features,) subtracted when they are read."""


class LocalBlocks(Blocks, Protocol):
    """Blocks that this process works on, whose results are kept apart."""

    def map(self, function: Callable, *others: Any) -> Iterator:
        """``function(rows, *others)`` for each block, in order; `others` have an item per block."""

    def parts_of(self, array: np.ndarray, axis: int = 0) -> list[np.ndarray]:
        """Views of the rows of `array` that belong to each block; its rows are along `axis`."""

    def fill(self, function: Callable, out: np.ndarray, axis: int = 0) -> np.ndarray:
        """Call ``function(rows, part)`` for each block and its part of `out`; return `out`."""

    def gradient_buffers(self, size: int) -> list:
        """For each block an array (size,), the same memory at each call; None to make a new one."""


class Rows(Protocol):
    """X, checked: finite, float32 or float64, two-dimensional."""

    shape: tuple[int, int]
    dtype: np.dtype
    data: Any  # what callbacks are shown as X
    is_sparse: bool
    is_very_sparse: bool  # so that sparse products are faster than dense ones

    def min(self) -> float:
        """The least value."""

    def max(self) -> float:
        """The largest value."""

    def astype(self, dtype: Any) -> Self:
        """The same rows in `dtype`."""

    def clip(self, low: float, high: float) -> Self:
        """The same rows with values clipped to [low, high]; the rows themselves are not changed."""

    def hold_out(self, fraction: float, seed: int) -> tuple[Self, Self]:
        """``(train, held_out)``: a random split, with about this fraction of the rows held out."""

    def blocks(self, width: int, block_bytes: int = ...) -> Blocks:
        """All rows in blocks, for work that makes arrays of up to `width` columns."""

    def epochs(self, step: Callable, max_workers: int) -> AbstractContextManager:
        """A context that yields ``epoch(state, rng) -> (state, value, terms)``: one pass.

        ``step(state, rows, executor, rng) -> (state, n_rows, value, terms)`` makes the pass over
        rows in this process, which are `local.LocalRows`. Value and terms are means over rows. On a
        cluster, the partitions are visited in random order, each on a worker that has it.
        """
