import numpy as np
import pytest
from scipy.sparse import csr_matrix

from skl_sparse_ae._topk.codes import (
    Largest,
    Selection,
    above,
    canonical,
    largest_of_rows,
    threshold_for,
    without_zeros,
)

Z = np.random.default_rng(0).normal(size=(30, 12))
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def is_canonical(A):
    """True if the indices of each row increase, and all stored values are positive."""
    fresh = csr_matrix((A.data, A.indices, A.indptr), A.shape)  # without cached answers
    return fresh.has_canonical_format and (A.data > 0).all() and A.indices.dtype == np.int32


@DTYPES
def test_above_keeps_the_values_above_the_threshold(dtype):
    values = Z.astype(dtype)
    A = above(values, 0.3)
    assert A.dtype == dtype
    assert is_canonical(A)
    np.testing.assert_array_equal(A.toarray(), np.where(values > dtype(0.3), values, 0))


@DTYPES
def test_above_is_strict(dtype):
    assert above(np.full((1, 2), 0.3, dtype=dtype), 0.3).nnz == 0
    assert above(np.zeros((1, 2), dtype=dtype), 0.0).nnz == 0


@DTYPES
@pytest.mark.parametrize("n_nonzero", [1, 3, 11, 12, 20])
def test_largest_of_rows_keeps_the_largest_that_are_positive(n_nonzero, dtype):
    values = Z.astype(dtype)
    A = largest_of_rows(values, n_nonzero)
    assert A.dtype == dtype
    assert is_canonical(A)
    for row, code in zip(values, A.toarray(), strict=True):
        largest = np.sort(row)[::-1][:n_nonzero]
        np.testing.assert_array_equal(np.sort(code[code > 0])[::-1], largest[largest > 0])
        assert set(code[code > 0]) <= set(row)
    np.testing.assert_array_equal(A.toarray()[A.toarray() > 0], values[A.toarray() > 0])


def test_rows_without_positive_values_have_empty_codes():
    for A in (above(-np.abs(Z), 0), largest_of_rows(-np.abs(Z), 3)):
        assert A.nnz == 0
        assert A.shape == Z.shape


def test_zeros_and_negative_values_are_removed():
    A = above(Z, 0.3)
    A.data[::3] = 0
    A.data[1::3] *= -1
    expected = np.maximum(A.toarray(), 0)
    B = without_zeros(A)
    assert is_canonical(B)
    np.testing.assert_array_equal(B.toarray(), expected)


def test_a_code_without_zeros_is_returned_as_it_is():
    A = above(Z, 0.3)
    assert without_zeros(A) is A


def test_arrays_that_are_known_to_be_canonical_make_a_matrix():
    A = canonical(np.ones(3), np.array([0, 2, 1]), np.array([0, 2, 3]), (2, 4))
    np.testing.assert_array_equal(A.toarray(), [[1, 0, 1, 0], [0, 1, 0, 0]])
    assert A.has_canonical_format


@DTYPES
@pytest.mark.parametrize("count", [1, 7, 98, 99])
def test_exactly_the_count_exceeds_the_threshold(count, dtype):
    values = np.random.default_rng(1).uniform(0.1, 1, size=100).astype(dtype)
    threshold = threshold_for(values, count)
    assert type(threshold) is float
    assert (values > dtype(threshold)).sum() == count
    larger, below = np.sort(values)[::-1][count - 1 : count + 1]
    assert threshold == pytest.approx((float(larger) + float(below)) / 2, rel=1e-6)


@DTYPES
def test_the_threshold_of_neighbouring_numbers_is_exact(dtype):
    values = np.array([1, np.nextafter(dtype(1), dtype(2))], dtype=dtype)
    assert (values > dtype(threshold_for(values, 1))).sum() == 1


@pytest.mark.parametrize("count", [3, 4])
def test_the_threshold_is_zero_for_too_few_values(count):
    assert threshold_for(np.array([1.0, 2.0, 3.0]), count) == 0


@pytest.mark.parametrize("count", [1, 5, 40, 1000])
def test_the_largest_of_parts_are_the_largest_of_all(count):
    parts = np.random.default_rng(2).uniform(size=(10, 30))
    total = Largest(parts[0], count)
    for part in parts[1:]:
        total = total.plus(Largest(part, count))
        assert len(total.values) <= 2 * count
    assert total.threshold == threshold_for(parts.ravel(), count)


def test_selection_by_row_or_by_threshold():
    by_row = Selection(3, by_row=True).code(Z, 0.5)
    np.testing.assert_array_equal(by_row.toarray(), largest_of_rows(Z, 3).toarray())
    of_batch = Selection(3, by_row=False).code(Z, 0.5)
    np.testing.assert_array_equal(of_batch.toarray(), above(Z, 0.5).toarray())
