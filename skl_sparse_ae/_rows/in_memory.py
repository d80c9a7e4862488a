"""Rows in memory, dense or sparse, and the conversion of any X to `Rows`."""

from typing import Any

import numpy as np
from scipy.sparse import issparse

from skl_sparse_ae._rows.batches import mini_batches
from skl_sparse_ae._rows.blocks import BLOCK_BYTES, row_blocks
from skl_sparse_ae._rows.local import LocalRows
from skl_sparse_ae._rows.products import is_very_sparse


class ArrayRows(LocalRows):
    """An array or a CSR matrix as rows: see `protocols.Rows`."""

    def __init__(self, X):
        self.data, self.shape, self.dtype = X, X.shape, X.dtype
        self.is_sparse, self.is_very_sparse = issparse(X), is_very_sparse(X)

    def min(self):
        return self.data.min()

    def max(self):
        return self.data.max()

    def astype(self, dtype):
        return ArrayRows(self.data.astype(dtype, copy=False))

    def clip(self, low, high):
        if not self.is_sparse:
            return ArrayRows(np.clip(self.data, low, high))
        X = self.data.copy()
        np.clip(X.data, low, high, out=X.data)
        return ArrayRows(X)

    def hold_out(self, fraction, seed):
        """The rows of scikit-learn's `train_test_split` with this `random_state`."""
        n_out = int(np.ceil(fraction * self.shape[0]))
        order = np.random.RandomState(seed).permutation(self.shape[0])
        return ArrayRows(self.data[order[n_out:]]), ArrayRows(self.data[order[:n_out]])

    def blocks(self, width, block_bytes=BLOCK_BYTES):
        return row_blocks(self.data, width, block_bytes)

    def batches(self, size, rng):
        return mini_batches(self.data, size, rng)


def as_rows(X: Any):
    """X as `protocols.Rows`: itself, unless it is an array or a CSR matrix."""
    return ArrayRows(X) if isinstance(X, np.ndarray) or issparse(X) else X
