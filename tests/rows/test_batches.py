import numpy as np
import pytest
from scipy.sparse import csr_array, issparse

from skl_sparse_ae._rows.batches import AutomaticSize, mini_batches


@pytest.mark.parametrize("n_rows", [1, 9, 10, 11, 23, 101])
@pytest.mark.parametrize("batch_size", [1, 5, 10, 200])
def test_mini_batches_visit_each_row_once_in_batches_of_one_size(n_rows, batch_size):
    X = np.arange(3.0 * n_rows, dtype=np.float32).reshape(n_rows, 3)
    batches = [batch.copy() for batch in mini_batches(X, batch_size, np.random.default_rng(0))]
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert len(batches) == -(-n_rows // batch_size)
    assert all(batch.dtype == X.dtype for batch in batches)
    rows = np.vstack(batches)
    np.testing.assert_array_equal(rows[np.argsort(rows[:, 0])], X)


def test_mini_batches_are_shuffled_anew_and_leave_X_alone():
    X = np.arange(100.0).reshape(50, 2)
    X.flags.writeable = False
    rng = np.random.default_rng(0)
    first, second = (
        np.vstack([batch.copy() for batch in mini_batches(X, 8, rng)]) for _ in range(2)
    )
    assert not np.array_equal(first, X)
    assert not np.array_equal(first, second)
    again = np.vstack([batch.copy() for batch in mini_batches(X, 8, np.random.default_rng(0))])
    np.testing.assert_array_equal(first, again)


def test_sparse_batches_are_the_dense_ones_in_csr():
    X = np.arange(100.0).reshape(50, 2) % 3
    dense = mini_batches(X, 8, np.random.default_rng(0))
    sparse = mini_batches(csr_array(X), 8, np.random.default_rng(0))
    for batch, rows in zip(sparse, dense, strict=True):
        assert issparse(batch)
        np.testing.assert_array_equal(batch.toarray(), rows)


@pytest.mark.parametrize(
    ("n_rows", "size"), [(1, 4), (39, 4), (40, 4), (59, 5), (60, 6), (200, 20), (10**9, 20)]
)
def test_an_automatic_size_is_a_share_of_the_rows_within_limits(n_rows, size):
    assert AutomaticSize(10, least=4, most=20).of(n_rows) == size
