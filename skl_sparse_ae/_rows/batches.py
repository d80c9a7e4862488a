"""Shuffled mini-batches of rows, in memory or on disk."""

from itertools import pairwise

import numpy as np
from scipy.sparse import issparse

from skl_sparse_ae._rows.disk import POOL_BYTES, RowSource, chunk_starts
from skl_sparse_ae._rows.products import take


def mini_batches(X, batch_size, rng):
    """Shuffled rows of X, each row once, in batches of `batch_size` rows or slightly fewer.

    All of one size, give or take a row: the mean activation of a last batch of five rows says nothing, and a step made
    from it would undo many. One buffer serves all batches, so a batch is valid until the next one is drawn.

    Of rows on disk, chunks of consecutive rows are read in random order and shuffled, a pool of `POOL_BYTES` at a time.
    """
    if isinstance(X, RowSource):
        yield from (
            batch for pool in _pools(X, rng) for batch in mini_batches(pool, batch_size, rng)
        )
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
        for chunk, part in zip(
            chunks, np.split(pool, np.cumsum([len(chunk) for chunk in chunks])[:-1]), strict=True
        ):
            part[...] = chunk.read()
        yield pool
