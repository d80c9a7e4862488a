import numpy as np
import pytest

from skl_sparse_ae._arrays.kernels import (
    add_multiple,
    column_sum,
    root_and_inverse,
    solve_in_place,
    subtract_outer,
    sum_of_squares,
    times_triangular,
)

RNG = np.random.default_rng(0)
DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def positive_definite(size):
    factor = RNG.normal(size=(size, size))
    return factor @ factor.T + np.eye(size)


def misaligned(shape):
    """An uninitialised float64 array like those that may come from a Dask worker.

    That is a view into the bytes of a message. BLAS wrappers copy such an array.
    """
    n_bytes = 8 * shape[0] * shape[1]
    M = np.frombuffer(bytearray(n_bytes + 1), np.uint8)[1:].view(np.float64).reshape(shape)
    assert not M.flags.aligned
    return M


@DTYPE
@pytest.mark.parametrize("n_rows", [0, 1, 7])
def test_column_sum_adds_up_rows_in_their_dtype(n_rows, dtype):
    A = RNG.integers(-9, 9, size=(n_rows, 3)).astype(dtype)
    total = column_sum(A)
    assert total.dtype == dtype
    np.testing.assert_array_equal(total, A.sum(axis=0))
    np.testing.assert_array_equal(column_sum(np.asfortranarray(A)), A.sum(axis=0))


@DTYPE
def test_the_result_of_column_sum_belongs_to_the_caller(dtype):
    A = np.ones((4, 2), dtype=dtype)
    column_sum(A)[...] = 7
    np.testing.assert_array_equal(column_sum(A), [4, 4])


@DTYPE
def test_sum_of_squares_is_a_float(dtype):
    A = RNG.integers(-9, 9, size=(5, 3)).astype(dtype)
    assert sum_of_squares(A) == np.square(A).sum()
    assert isinstance(sum_of_squares(A), float)


@DTYPE
def test_add_multiple_writes_to_its_first_argument(dtype):
    Y, X = RNG.normal(size=(2, 4, 3)).astype(dtype)
    expected, before = Y + dtype(0.5) * X, X.copy()
    add_multiple(Y, 0.5, X)
    np.testing.assert_allclose(Y, expected, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(X, before)


def test_add_multiple_of_float32_to_float64():
    Y, X = np.zeros((4, 3)), RNG.normal(size=(4, 3)).astype(np.float32)
    add_multiple(Y, 0.1, X)
    np.testing.assert_allclose(Y, 0.1 * X.astype(np.float64), rtol=1e-15)


@DTYPE
def test_subtract_outer_writes_to_its_first_argument(dtype):
    M, u, v = RNG.normal(size=(4, 3)).astype(dtype), np.arange(4, dtype=dtype), np.ones(3, dtype)
    expected = M - np.outer(u, v)
    assert subtract_outer(M, u, v) is M
    np.testing.assert_allclose(M, expected, rtol=4 * np.finfo(dtype).eps)


def test_misaligned_arrays_are_overwritten_too():
    expected, M = RNG.normal(size=(4, 3)), misaligned((4, 3))
    u, v = np.arange(4.0), np.arange(3.0)
    M[...] = expected
    assert subtract_outer(M, u, v) is M
    np.testing.assert_allclose(M, expected - np.outer(u, v), rtol=1e-14)
    M[...] = expected
    add_multiple(M, 0.5, expected)
    np.testing.assert_allclose(M, 1.5 * expected, rtol=1e-14)


@DTYPE
@pytest.mark.parametrize("transposed", [0, 1])
def test_times_triangular_reads_the_lower_triangle_only(transposed, dtype):
    W, T = RNG.normal(size=(4, 5)).astype(dtype), RNG.normal(size=(5, 5)).astype(dtype)
    lower = np.tril(T)
    product = times_triangular(W, T, transposed)
    expected = W @ (lower.T if transposed else lower)
    np.testing.assert_allclose(product, expected, rtol=0, atol=20 * np.finfo(dtype).eps)
    assert product.flags.c_contiguous
    assert product.dtype == dtype


def test_root_and_inverse_are_lower_triangular_factors():
    S = positive_definite(6)
    root, inverse = root_and_inverse(S.copy())
    np.testing.assert_allclose(root @ root.T, S, rtol=1e-12)
    np.testing.assert_allclose(inverse @ root, np.eye(6), atol=1e-12)
    np.testing.assert_array_equal(np.triu(root, 1), 0)
    np.testing.assert_array_equal(np.triu(inverse, 1), 0)


def test_the_solution_takes_the_place_of_the_right_hand_side():
    S, C = positive_definite(5), RNG.normal(size=(5, 7))
    expected, memory = np.linalg.solve(S, C), C.copy()
    solution, explained = solve_in_place(S, memory)
    assert np.shares_memory(solution, memory)
    np.testing.assert_allclose(solution, expected, rtol=1e-10)
    assert explained == pytest.approx(np.vdot(expected, C), rel=1e-12)


@pytest.mark.parametrize(
    "S", [np.diag([1.0, -1.0]), np.diag([1.0, np.nan]), np.full((2, 2), np.inf)]
)
def test_a_system_without_a_solution_gives_nan(S):
    solution, explained = solve_in_place(S, np.ones((2, 3)))
    assert np.isnan(solution).all()
    assert np.isnan(explained)
