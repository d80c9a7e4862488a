"""Shuffled mini-batches of rows in memory."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse


class AutomaticSize(NamedTuple):
    """The number of rows in a mini-batch, as a share of all rows within limits."""

    n_batches: int  # in an epoch, if the limits allow
    least: int
    most: int

    def of(self, n_rows):
        """The size for so many rows."""
        return min(max(n_rows // self.n_batches, self.least), self.most)


def mini_batches(X, batch_size, rng):
    """Yield the rows of X in random order, each once, in batches of `batch_size` rows or fewer.

    The sizes differ by one row at most. The mean activation of a last batch of five rows would be
    meaningless, and its step would undo many others. Dense batches share one buffer, so a batch is
    valid until the next one is drawn, and may be overwritten.
    """
    n_rows, n_features = X.shape
    order = rng.permutation(n_rows)
    n_batches = -(-n_rows // batch_size)
    ends = [n_rows * i // n_batches for i in range(n_batches + 1)]
    if issparse(X):
        yield from (X[order[start:end]] for start, end in pairwise(ends))
        return
    buffer = np.empty((min(batch_size, n_rows), n_features), dtype=X.dtype)
    for start, end in pairwise(ends):
        yield X.take(order[start:end], 0, buffer[: end - start], "clip")
