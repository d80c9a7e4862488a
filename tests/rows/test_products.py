import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

from skl_sparse_ae._rows.products import (
    MAX_DENSITY,
    dense,
    is_very_sparse,
    times,
    transposed_times,
)

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
def test_rows_are_made_dense(kind):
    rows = dense(kind(X))
    assert type(rows) is np.ndarray
    np.testing.assert_array_equal(rows, X)


def test_dense_rows_are_not_copied():
    assert dense(X) is X


@KINDS
def test_the_share_of_stored_elements_decides(kind):
    few, more = np.zeros((10, 20)), np.zeros((10, 20))
    few.flat[: int(200 * MAX_DENSITY)] = more.flat[: int(200 * MAX_DENSITY) + 1] = 1
    assert is_very_sparse(kind(few)) == (kind is not np.asarray)
    assert not is_very_sparse(kind(more))
