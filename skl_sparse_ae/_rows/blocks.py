"""Rows in pieces: blocks for the exact objective, shuffled mini-batches for Adam, and who works on the blocks."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from skl_sparse_ae._arrays.workspace import empty_code
from skl_sparse_ae._rows.lazy import Centred

# A block should stay in the cache, but a matrix product on a handful of rows wastes its set-up, and workers take turns at the
# interpreter between any two operations. Measured over 64 to 784 features and 50 to 200 units, one thread cares little between
# 0.5 and 4 MiB (within 5%); two are up to 10% slower with 1 MiB and, by blocks that do not come out even, with 4.
BLOCK_BYTES = 2**21


FEWEST_ROWS, MOST_ROWS = (
    256,
    4096,
)  # more rows than that would lose float32 digits in the block's own sums


EVEN = 2  # blocks come in multiples of this, for two workers to have equally many; no sum depends on how many there are


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
    return (
        blocks.centred(origin)
        if hasattr(blocks, "centred")
        else [Centred(block, origin) for block in blocks]
    )


def on_centred(origin, function, X, *others):
    """The function of the rows of one block less `origin`."""
    return function(Centred(X, origin).read(), *others)


def batch_blocks(batch, n_workers):
    """A mini-batch as one block for each worker, unless those have too many rows for float32 sums.

    Blocks that suit the cache cost more than they save here: the gradients of a few blocks are the larger arrays to add.
    """
    n_rows = min(MOST_ROWS, -(-batch.shape[0] // n_workers))
    return [batch[start : start + n_rows] for start in range(0, batch.shape[0], n_rows)]


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


def is_in_memory(blocks):
    rows = getattr(blocks[0], "rows", blocks[0])  # of `Centred` ones
    return isinstance(rows, np.ndarray) or issparse(rows)


def count_rows(blocks):
    return sum(X.shape[0] for X in blocks)
