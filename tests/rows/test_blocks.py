import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info, threadpool_limits

from skl_sparse_ae import SparseAutoencoderTransformer, _rows
from skl_sparse_ae._rows.batches import mini_batches
from skl_sparse_ae._rows.blocks import (
    BLOCK_BYTES,
    FEWEST_ROWS,
    MOST_ROWS,
    batch_blocks,
    rooms_for_batches,
    row_blocks,
)
from skl_sparse_ae._rows.executor import map_rows, row_workers
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._rows.sums import sum_over


@pytest.mark.parametrize("n_rows", [1, 255, 4096, 4097, 10_000])
@pytest.mark.parametrize("n_components", [2, 500, 5000])
def test_row_blocks_are_views_of_all_rows_in_order(n_rows, n_components):
    X = np.arange(2.0 * n_rows).reshape(n_rows, 2)
    blocks = row_blocks(X, n_components)
    np.testing.assert_array_equal(np.vstack(blocks), X)
    assert all(np.shares_memory(block, X) for block in blocks)
    assert all(len(block) == len(blocks[0]) for block in blocks[:-1])


@pytest.mark.parametrize(
    ("dtype", "n_features", "n_components", "expected"),
    [
        (np.float64, 2, 2, MOST_ROWS),
        (np.float64, 2, 10_000, FEWEST_ROWS),
        (np.float64, 128, 16, BLOCK_BYTES // (8 * 128)),
        (np.float64, 16, 128, BLOCK_BYTES // (8 * 128)),
        (np.float32, 128, 16, BLOCK_BYTES // (4 * 128)),
    ],
)
def test_row_blocks_suit_the_cache(dtype, n_features, n_components, expected):
    X = np.broadcast_to(np.zeros(1, dtype), (9000, n_features))
    lengths = [len(block) for block in row_blocks(X, n_components)]
    assert expected / 2 < max(lengths) <= expected


@pytest.mark.parametrize(
    ("n_rows", "expected"), [(400, [400]), (1000, [500, 500]), (4000, [1000] * 4)]
)
def test_blocks_are_even(n_rows, expected):
    """1,500 rows of 1,400 bytes suit the cache; 400 rows are too few to share."""
    assert [len(block) for block in row_blocks(np.zeros((n_rows, 175)), 2)] == expected


@pytest.mark.parametrize("n_blocks", [1, 5, 8, 30, 70])
def test_the_sum_over_blocks_is_that_over_rows_whoever_works_on_them(n_blocks):
    X = np.random.default_rng(0).normal(size=(n_blocks * 4, 3))
    blocks, factors = np.split(X, n_blocks), list(range(n_blocks))

    def function(block, factor):
        return block.sum(axis=0) * factor, len(block)

    total, n_rows = sum_over(function, blocks, factors)
    np.testing.assert_allclose(total, np.repeat(factors, 4) @ X, rtol=1e-12)
    assert n_rows == len(X)
    with ThreadPoolExecutor(3) as pool:
        np.testing.assert_array_equal(sum_over(function, blocks, factors, map=pool.map)[0], total)


def test_rooms_are_for_as_many_rows_as_a_worker_has_and_not_for_many_blocks():
    rooms = rooms_for_batches(17, 2, (5, 6), 77, np.float32)
    assert [[part.shape for part in room] for room in rooms] == [
        [(9, 5), (9, 6), (9, 5), (77,)]
    ] * 2
    assert rooms_for_batches(3 * MOST_ROWS, 2, (5, 6), 77, np.float32) is None


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


@pytest.mark.parametrize(
    ("n_rows", "n_workers", "expected"),
    [(200, 1, [200]), (201, 2, [101, 100]), (5000, 1, [4096, 904]), (1, 2, [1])],
)
def test_a_mini_batch_is_one_block_a_worker_unless_float32_forbids(n_rows, n_workers, expected):
    batch = np.arange(n_rows)[:, None]
    blocks = batch_blocks(batch, n_workers)
    assert [len(block) for block in blocks] == expected
    np.testing.assert_array_equal(np.concatenate(blocks), batch)


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


@pytest.mark.parametrize("cuts", [[], [1], [400, 900]])
def test_column_moments_are_those_of_all_rows(cuts):
    X = np.random.default_rng(0).normal(size=(1000, 4)) * [1, 10, 0.1, 0] + [0, 1e6, -3, 5]
    X.flags.writeable = False
    mean, variance = column_moments(np.split(X, cuts))
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-9)
    assert variance[3] == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_constant_columns_have_no_variance_at_all(dtype):
    X = np.full(
        (1000, 2), [0.1, 1e8 / 3], dtype=dtype
    )  # 0.1 summed 1000 times and divided is not 0.1
    mean, variance = column_moments(row_blocks(X, 2))
    np.testing.assert_array_equal(mean, X[0])
    assert not variance.any()


def test_column_moments_of_many_float32_rows_keep_float64_digits():
    X = (1000 + np.random.default_rng(0).normal(size=(300_000, 2))).astype(np.float32)
    mean, variance = column_moments(row_blocks(X, 2))
    assert mean.dtype == variance.dtype == np.float64
    np.testing.assert_allclose(mean, X.mean(axis=0, dtype=np.float64), rtol=1e-13)
    np.testing.assert_allclose(variance, X.var(axis=0, dtype=np.float64), rtol=1e-10)


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_workers_hold_blas_to_one_thread_and_let_go_even_of_an_exception():
    before = blas_threads()

    def fail_inside():
        with row_workers(4):
            assert set(blas_threads()) == {1}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_inside()
    assert blas_threads() == before


def test_overlapping_fits_leave_the_limit_as_they_found_it():
    before = blas_threads()
    first, second = row_workers(4), row_workers(4)
    first.__enter__()
    assert second.__enter__() == (map_rows, 1)  # the cores are taken
    first.__exit__(None, None, None)
    assert set(blas_threads()) == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before


def test_the_last_to_leave_lifts_the_limit_even_if_the_first_lives_on():
    """As the threads of a pool do."""
    entered, left, done = threading.Event(), threading.Event(), threading.Event()

    def first():
        with row_workers(4):
            entered.set()
            second_is_in.wait()
        left.set()
        done.wait()

    second_is_in, thread = threading.Event(), threading.Thread(target=first, daemon=True)
    with threadpool_limits(2, user_api="blas"):
        _rows.blas_threads._take_control(
            _rows.blas_threads._blas()
        )  # from this block, so that the first fit has it
        before = blas_threads()
        thread.start()
        entered.wait()
        with row_workers(4):
            second_is_in.set()
            left.wait()
        after = blas_threads()
        done.set()
        thread.join()
    assert after == before


def test_a_limit_set_in_another_thread_is_overruled_for_the_time_of_a_fit():
    seen = []

    def fit():
        with row_workers(4) as (_, n_workers):
            seen.append((n_workers, set(blas_threads())))

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        thread = threading.Thread(target=fit)
        thread.start()
        thread.join()
        assert blas_threads() == before
    assert seen == [(2, {1})]


def test_workers_keep_the_order_and_pass_errors_on():
    with threadpool_limits(3, user_api="blas"), row_workers(4) as (parallel_map, _):
        assert list(parallel_map(pow, range(50), [2] * 50)) == [i**2 for i in range(50)]
        with pytest.raises(ZeroDivisionError):
            list(parallel_map(lambda i: 1 // (i - 7), range(50)))


def test_few_results_are_in_memory_at_a_time():
    started = []
    with threadpool_limits(2, user_api="blas"), row_workers(4) as (parallel_map, _):
        results = parallel_map(started.append, range(50))
        next(results)
        assert len(started) <= 6
        assert len(list(results)) == 49


@pytest.mark.filterwarnings("ignore::UserWarning")  # short fits
def test_a_search_in_threads_has_one_fit_with_workers_at_a_time(images, monkeypatch):
    """Where cores are taken, a fit does its blocks itself: jobs and workers never multiply."""
    pools, most = [], []

    @contextmanager
    def thread_pool(n_threads):
        pools.append(n_threads)
        most.append(len(pools))
        try:
            with _rows.thread_pool.thread_pool(n_threads) as map:
                yield map
        finally:
            pools.pop()

    monkeypatch.setattr(_rows.executor, "thread_pool", thread_pool)
    monkeypatch.setattr(_rows.blocks, "MOST_ROWS", 64)
    monkeypatch.setattr(_rows.blocks, "FEWEST_ROWS", 64)
    model = SparseAutoencoderTransformer(4, max_iter=10, tol=0, random_state=0)
    with threadpool_limits(2, user_api="blas"), parallel_config("threading"):
        GridSearchCV(model, {"sparsity_weight": [0.1, 0.2, 0.3]}, cv=2, n_jobs=3).fit(images)
    assert set(most) == {1}


def test_processes_of_a_search_share_the_cores():
    def count():
        with row_workers(99) as (_, n_workers):
            return n_workers

    counts = Parallel(n_jobs=2, backend="loky")(delayed(count)() for _ in range(4))
    assert max(counts) <= max(1, cpu_count() // 2)


def test_workers_are_as_quiet_as_the_estimators():
    with threadpool_limits(2, user_api="blas"), row_workers(2) as (parallel_map, n_workers):
        assert n_workers == 2
        np.testing.assert_array_equal(list(parallel_map(np.exp, [np.full(3, 1e3)] * 4)), np.inf)
