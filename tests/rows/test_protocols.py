"""Each implementation has every member that its protocol names, with the same parameters."""

import inspect

import numpy as np
import pytest
from scipy.sparse import csr_array

from skl_sparse_ae._rows.blocks import BatchBlocks, row_blocks
from skl_sparse_ae._rows.disk import DiskRows
from skl_sparse_ae._rows.executor import Executor
from skl_sparse_ae._rows.in_memory import ArrayRows
from skl_sparse_ae._rows.protocols import Blocks, LocalBlocks, Rows
from skl_sparse_ae.dask.rows import DaskRows, WorkerBlocks

X = np.random.default_rng(0).normal(size=(20, 4))


def disk_rows():
    return DiskRows(lambda start, stop: X[start:stop], X.shape, X.dtype, limits=(-9, 9))


def dask_rows():
    return DaskRows(None, ["part"], [20], X[:1], X.dtype, (X.min(), X.max()))


ROWS = {
    "array": lambda: ArrayRows(X),
    "CSR matrix": lambda: ArrayRows(csr_array(X)),
    "disk": disk_rows,
    "Dask": dask_rows,
}
BLOCKS = {
    "array": lambda: row_blocks(X, 4),
    "CSR matrix": lambda: row_blocks(csr_array(X), 4),
    "disk": lambda: row_blocks(disk_rows(), 4),
    "mini-batch": lambda: BatchBlocks(X, Executor()),
    "Dask": lambda: WorkerBlocks(None, 4, [("worker", 1, dask_rows())]),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_keep_their_contract(name, fulfils):
    rows = ROWS[name]()
    fulfils(rows, Rows)
    assert rows.shape == (20, 4)
    assert rows.dtype == np.float64


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_keep_their_contract(name, fulfils):
    blocks = BLOCKS[name]()
    fulfils(blocks, Blocks if name == "Dask" else LocalBlocks)
    assert (blocks.n_rows, blocks.n_features, blocks.dtype) == (20, 4, np.float64)


@pytest.mark.parametrize("name", BLOCKS)
def test_the_first_row_is_that_of_the_blocks_also_less_an_origin(name):
    origin = np.arange(4.0)
    np.testing.assert_array_equal(BLOCKS[name]().first_row(), X[0])
    np.testing.assert_array_equal(BLOCKS[name]().centred(origin).first_row(), X[0] - origin)


def test_the_check_sees_what_is_missing_and_what_has_another_parameter(fulfils):
    class Half(ArrayRows):
        clip = None

        def hold_out(self, share, seed):
            return self, self

    with pytest.raises(AssertionError, match="clip"):
        fulfils(Half(X), Rows)
    Half.clip = ArrayRows.clip
    with pytest.raises(AssertionError, match="hold_out"):
        fulfils(Half(X), Rows)
    assert inspect.signature(ArrayRows.hold_out) != inspect.signature(Half.hold_out)
