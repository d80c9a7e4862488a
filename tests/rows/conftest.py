"""Fixtures that read small files as large ones are read, and that change files during a fit.

Tests of fits from files name no private module: these fixtures do.
"""

from itertools import count

import numpy as np
import pytest

from skl_sparse_ae._rows import blocks, disk


@pytest.fixture
def always_on_disk(monkeypatch):
    """All files are read block by block, however small they are.

    Blocks have 256 rows, chunks 64 and pools 1,024, of 8 columns in float64.
    """
    monkeypatch.setattr(disk, "MAX_READ_BYTES", 0)
    monkeypatch.setattr(disk, "POOL_BYTES", 1024 * 8 * 8)
    monkeypatch.setattr(disk, "CHUNK_BYTES", 64 * 8 * 8)
    monkeypatch.setattr(blocks, "MAX_ROWS", 256)


@pytest.fixture(params=[0, 2**28], ids=["block by block", "at once"])
def either_way_of_reading(request, monkeypatch):
    """Files are read block by block, or as a whole."""
    monkeypatch.setattr(disk, "MAX_READ_BYTES", request.param)


@pytest.fixture
def at_reading(monkeypatch):
    """A function that arranges a call of ``change()`` before block number `number` is read."""

    def arrange(number, change):
        read, numbers = disk.DiskRows.read, count(1)

        def read_later(self):
            if next(numbers) == number:
                change()
            return read(self)

        monkeypatch.setattr(disk.DiskRows, "read", read_later)

    return arrange


@pytest.fixture
def mapped(tmp_path):
    """A function that maps an array from a file."""

    def make(X, mode="r", **options):
        np.save(tmp_path / "X.npy", X)
        return np.load(tmp_path / "X.npy", mmap_mode=mode, **options)

    return make


class Sliced:
    """Like an HDF5 or Zarr data set: it has a shape and a dtype, and is sliced by rows.

    It counts the rows that it returns.
    """

    def __init__(self, X):
        self.X, self.shape, self.dtype, self.n_given = X, X.shape, X.dtype, 0

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        self.n_given += len(self.X[rows])
        return self.X[rows]


@pytest.fixture(scope="session")
def sliced():
    """The class of data sets that are sliced by rows."""
    return Sliced
