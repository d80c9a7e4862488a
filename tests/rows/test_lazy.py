import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix, issparse

from skl_sparse_ae._rows.lazy import Centred, LazyRows, is_in_memory, read

RNG = np.random.default_rng(0)
X = np.round(RNG.normal(size=(9, 5))) * (RNG.uniform(size=(9, 5)) < 0.5)
KINDS = pytest.mark.parametrize("kind", [np.asarray, csr_array, csr_matrix])


class OnDisk(LazyRows):
    """Rows that are made when they are read."""

    is_in_memory = False

    def __init__(self, rows):
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def read(self):
        return self.rows.copy()


def as_array(rows):
    return rows.toarray() if issparse(rows) else rows


@KINDS
def test_rows_are_read_less_their_origin(kind):
    origin = np.array([0, 0.25, 0, -3, 0])
    rows = Centred(kind(X), origin)
    assert (rows.shape, rows.dtype) == (X.shape, X.dtype)
    np.testing.assert_array_equal(as_array(rows.read()), X - origin)
    np.testing.assert_array_equal(as_array(read(rows)), X - origin)


@KINDS
def test_a_slice_of_rows_less_an_origin_is_that_of_the_rows(kind):
    origin = np.array([0, 0.25, 0, -3, 0])
    rows = Centred(kind(X), origin)[2:5]
    assert rows.shape == (3, 5)
    np.testing.assert_array_equal(as_array(rows.read()), X[2:5] - origin)


def test_sparse_rows_stay_sparse_where_the_origin_is_0():
    rows = Centred(csr_array(X), np.array([0, 0, 5.0, 0, 0])).read()
    assert issparse(rows)
    assert rows.nnz == np.count_nonzero(np.delete(X, 2, axis=1)) + np.count_nonzero(X[:, 2] != 5)


def test_arrays_are_read_as_themselves():
    assert read(X) is X
    assert is_in_memory(X)


def test_rows_on_disk_are_not_in_memory_less_an_origin_either():
    rows = OnDisk(X)
    assert not is_in_memory(rows)
    np.testing.assert_array_equal(read(rows), X)
    centred = Centred(rows, np.ones(5))
    assert not is_in_memory(centred)
    np.testing.assert_array_equal(centred.read(), X - 1)
    assert is_in_memory(Centred(X, np.ones(5)))
