from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix, issparse

from skl_sparse_ae._arrays.workspace import empty, scratch
from skl_sparse_ae._rows.lazy import Centred
from skl_sparse_ae._rows.products import dense, take, times, transposed_times

RNG = np.random.default_rng(0)
X = np.round(RNG.normal(size=(9, 5))) * (RNG.uniform(size=(9, 5)) < 0.5)
W, D = RNG.normal(size=(3, 5)), RNG.normal(size=(9, 3))
KINDS = pytest.mark.parametrize("kind", [np.asarray, csr_array, csr_matrix])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@KINDS
@DTYPES
def test_products_are_those_of_the_dense_rows_in_their_precision(kind, dtype):
    rows, weights, deltas = kind(X.astype(dtype)), W.astype(dtype), D.astype(dtype)
    out, gradient = np.empty((9, 3), dtype=dtype), np.empty((3, 5), dtype=dtype)
    assert times(rows, weights, out) is out
    transposed_times(deltas, rows, gradient)
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(out, X @ W.T, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(gradient, D.T @ X, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(times(rows, weights), out)
    assert {a.dtype for a in (out, gradient, times(rows, weights), dense(rows))} == {
        np.dtype(dtype)
    }


@KINDS
def test_rows_are_taken_and_made_dense(kind):
    buffer = np.empty((4, 5))
    taken = take(kind(X), np.array([3, 0, 3]), None if kind is not np.asarray else buffer)
    np.testing.assert_array_equal(dense(taken), X[[3, 0, 3]])
    assert type(dense(kind(X))) is np.ndarray


def test_dense_rows_are_not_copied():
    assert dense(X) is X
    assert np.shares_memory(take(X, np.arange(3), buffer := np.empty((9, 5))), buffer)


def test_within_scratch_the_next_block_gets_the_memory_of_the_last():
    with scratch() as begin:
        begin()
        first, second = empty((4, 3), np.float64), empty((4, 3), np.float64)
        assert not np.shares_memory(first, second)
        begin()
        again = empty((2, 5), np.float32)
        assert np.shares_memory(first, again)
        assert (again.shape, again.dtype) == ((2, 5), np.float32)
        larger = empty((40, 30), np.float64)
        assert larger.shape == (40, 30)
        begin()
        with ThreadPoolExecutor(1) as pool:
            assert not np.shares_memory(pool.submit(empty, (4, 3), np.float64).result(), again)
    assert not np.shares_memory(empty((4, 3), np.float64), again)


def test_scratch_ends_with_an_exception():
    given = []

    def fail():
        with scratch():
            given.append(empty((4, 3), np.float64))
            raise MemoryError

    with pytest.raises(MemoryError):
        fail()
    assert not np.shares_memory(empty((4, 3), np.float64), given[0])


@KINDS
def test_rows_are_read_less_their_origin(kind):
    origin = np.array([0, 0.25, 0, -3, 0])
    rows = Centred(kind(X), origin)
    assert (rows.shape, rows.dtype) == (X.shape, X.dtype)
    np.testing.assert_array_equal(dense(rows.read()), X - origin)
    np.testing.assert_array_equal(dense(rows), X - origin)


def test_sparse_rows_stay_sparse_where_the_origin_is_0():
    rows = Centred(csr_array(X), np.array([0, 0, 5.0, 0, 0])).read()
    assert issparse(rows)
    assert rows.nnz == np.count_nonzero(np.delete(X, 2, axis=1)) + np.count_nonzero(X[:, 2] != 5)
