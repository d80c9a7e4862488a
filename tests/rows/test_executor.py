import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config
from scipy.sparse import csr_array
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._arrays.workspace import empty
from skl_sparse_ae._rows import blocks, thread_pool
from skl_sparse_ae._rows import executor as module
from skl_sparse_ae._rows.executor import LONGEST_RUN, Executor, executor
from skl_sparse_ae._rows.lazy import Centred


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def workers(request):
    if request.param == 1:
        yield Executor()
        return
    with threadpool_limits(3, user_api="blas"), executor(3) as workers:
        assert workers.n_workers == 3
        yield workers


# ------------------------------------------------------------------------------ map, sum, buffers


@pytest.mark.parametrize("n_blocks", [1, 5, 8, 30, 70])
def test_the_sum_over_blocks_is_that_over_rows_whoever_works_on_them(n_blocks):
    X = np.random.default_rng(0).normal(size=(n_blocks * 4, 3))
    blocks, factors = np.split(X, n_blocks), list(range(n_blocks))

    def function(block, factor):
        return block.sum(axis=0) * factor, len(block)

    total, n_rows = Executor().sum(function, blocks, factors)
    np.testing.assert_allclose(total, np.repeat(factors, 4) @ X, rtol=1e-12)
    assert n_rows == len(X)
    with ThreadPoolExecutor(3) as pool:
        in_threads, _ = Executor(pool.map, 3).sum(function, blocks, factors)
    np.testing.assert_array_equal(in_threads, total)


def test_lazy_blocks_are_read_by_who_works_on_them(workers):
    X, origin = np.arange(12.0).reshape(6, 2), np.array([1.0, 2.0])
    rows = [Centred(X[:4], origin), Centred(X[4:], origin)]
    np.testing.assert_array_equal(np.vstack(list(workers.map(np.copy, rows))), X - origin)
    total = workers.sum(lambda block: block.sum(axis=0), rows)
    np.testing.assert_array_equal(total, (X - origin).sum(axis=0))


def test_workers_keep_the_order_and_pass_errors_on(workers):
    assert list(workers.map(pow, range(50), [2] * 50)) == [i**2 for i in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(workers.map(lambda i: 1 // (i - 7), range(50)))
    with pytest.raises(ZeroDivisionError):
        workers.sum(lambda i: 1 // (i - 7), range(50))


def test_few_results_are_in_memory_at_a_time():
    started = []
    with threadpool_limits(2, user_api="blas"), executor(4) as workers:
        results = workers.map(started.append, range(50))
        next(results)
        assert len(started) <= 6
        assert len(list(results)) == 49


def test_a_worker_adds_up_short_runs():
    """Ctrl-C has to wait for the end of a run."""
    handed_over = []

    def count_results(function, *iterables):
        results = list(map(function, *iterables))
        handed_over.append(len(results))
        return results

    for n_blocks, expected in ((3, 3), (16, 8), (100, 100 // LONGEST_RUN)):
        Executor(count_results).sum(len, [np.zeros(1)] * n_blocks)
        assert handed_over.pop() == expected
    Executor(count_results, longest_run=100).sum(len, [np.zeros(1)] * 100)
    assert handed_over.pop() == -(-100 // (100 // 8))


def test_threads_are_as_quiet_as_the_estimators():
    """Each thread has its own settings. The calling thread keeps those of its caller."""
    blocks = [np.full(3, 1e3)] * 4
    with np.errstate(all="ignore"), threadpool_limits(2, user_api="blas"), executor(2) as workers:
        assert workers.n_workers == 2
        np.testing.assert_array_equal(list(workers.map(np.exp, blocks)), np.inf)
        np.testing.assert_array_equal(list(workers.plain_map(np.exp, blocks)), np.inf)
        assert workers.sum(lambda rows: np.exp(rows).sum(), blocks) == np.inf


def test_a_buffer_is_the_same_memory_as_long_as_it_is_large_enough():
    workers, made = Executor(), []

    def allocate(n_rows):
        made.append(np.empty((n_rows, 2)))
        return made[-1]

    first = workers.buffer("code", allocate, 5)
    assert first is workers.buffer("code", allocate, 5) is made[0]
    smaller = workers.buffer("code", allocate, 3)
    assert smaller.shape == (3, 2)
    assert smaller.base is first
    larger = workers.buffer("code", allocate, 7)
    assert larger.shape == (7, 2)
    assert not np.shares_memory(larger, first)
    assert workers.buffer("code", allocate, 7) is larger
    assert not np.shares_memory(workers.buffer("other", allocate, 7), larger)
    assert not np.shares_memory(Executor().buffer("code", allocate, 7), larger)
    assert [len(array) for array in made] == [5, 7, 7, 7]


# -------------------------------------------------------------------------------- scratch memory


def test_within_a_sum_the_next_block_gets_the_memory_of_the_last():
    addresses = []

    def function(block):
        temporary = empty((4, 3), np.float64)
        addresses.append(temporary.ctypes.data)
        np.multiply(block, 2, out=temporary)
        return temporary.sum()

    assert Executor().sum(function, [np.ones((4, 3))] * 9) == 9 * 24
    assert len(set(addresses)) == 1


def test_what_a_sum_returns_is_no_scratch_memory(workers):
    """Even if blocks are made in scratch memory, and if a result could be a view of it."""
    X, given = np.arange(24.0).reshape(8, 3), []

    def function(rows):
        temporary = empty(rows.shape, rows.dtype)
        given.append(temporary)
        np.multiply(rows, 2, out=temporary)
        return temporary.sum(axis=0), rows.sum(axis=0)

    def total():
        return workers.sum(function, [Centred(X[i : i + 2], np.ones(3)) for i in range(0, 8, 2)])

    first = total()
    before = [part.copy() for part in first]
    again = total()
    for part, expected, later in zip(first, before, again, strict=True):
        np.testing.assert_array_equal(part, expected)
        assert not np.shares_memory(part, later)
        assert not any(np.shares_memory(part, temporary) for temporary in given)
    np.testing.assert_array_equal(first[1], (X - 1).sum(axis=0))


def test_a_map_has_no_scratch_memory_for_its_results_are_kept():
    results = list(Executor().map(lambda block: empty((4, 3), np.float64), [np.zeros(1)] * 5))
    assert not any(np.shares_memory(results[0], other) for other in results[1:])


def test_a_sum_within_a_sum_has_memory_of_its_own():
    outer, inner = Executor(), Executor()

    def nested(block):
        mine = empty((4, 3), np.float64)
        mine[...] = block
        theirs = inner.sum(lambda row: _filled(row, -1.0), list(block))
        after = empty((4, 3), np.float64)
        assert not np.shares_memory(mine, after)
        np.testing.assert_array_equal(mine, block)
        return mine.sum(), theirs

    total, others = outer.sum(nested, [np.full((4, 3), 2.0)] * 5)
    assert total == 5 * 24
    np.testing.assert_array_equal(others, np.full((4, 3), 5 * 4 * -1.0))


def _filled(row, value):
    """A new array. The scratch memory used for it is as large as that of the outer sum."""
    temporary = empty((4, 3), np.float64)
    temporary[...] = value
    return temporary.copy()


def test_after_an_exception_memory_is_allocated_again():
    given = []

    def fail(block):
        given.append(empty((4, 3), np.float64))
        raise MemoryError

    workers = Executor()
    with pytest.raises(MemoryError):
        workers.sum(fail, [np.zeros((4, 3))] * 3)
    fresh = empty((4, 3), np.float64)
    assert not np.shares_memory(fresh, given[0])
    assert not np.shares_memory(empty((4, 3), np.float64), fresh)
    assert workers.sum(len, [np.zeros((4, 3))] * 3) == 12


def test_each_thread_has_scratch_memory_of_its_own():
    both, seen = threading.Barrier(2, timeout=600), {}

    def function(block):
        temporary = empty((4, 3), np.float64)
        seen[threading.get_ident()] = temporary
        both.wait()
        return 0.0

    with threadpool_limits(2, user_api="blas"), executor(2) as workers:
        workers.sum(function, [np.zeros(1)] * 4)
    assert len(seen) == 2
    assert not np.shares_memory(*seen.values())


# ------------------------------------------------------------------------------- how many workers


def test_there_are_no_more_workers_than_blas_had_threads_or_than_blocks():
    with threadpool_limits(2, user_api="blas"):
        for max_workers, expected in ((0, 1), (1, 1), (2, 2), (9, 2)):
            with executor(max_workers) as workers:
                assert workers.n_workers == expected


def test_beside_another_fit_there_is_one_worker():
    with threadpool_limits(2, user_api="blas"), executor(4), executor(4) as second:
        assert second.n_workers == 1  # the cores are taken
        threads = set(second.map(lambda _: threading.get_ident(), range(20)))
        assert threads == {threading.get_ident()}


@pytest.mark.filterwarnings("ignore::UserWarning")  # short fits
def test_a_search_in_threads_has_one_fit_with_workers_at_a_time(images, monkeypatch):
    """If the cores are in use, a fit uses one thread: jobs and workers never multiply."""
    pools, most = [], []

    @contextmanager
    def counted(n_threads):
        pools.append(n_threads)
        most.append(len(pools))
        try:
            with thread_pool.thread_pool(n_threads) as map:
                yield map
        finally:
            pools.pop()

    monkeypatch.setattr(module, "thread_pool", counted)
    monkeypatch.setattr(blocks, "MAX_ROWS", 64)
    monkeypatch.setattr(blocks, "MIN_ROWS", 64)
    model = SparseAutoencoderTransformer(4, max_iter=10, tol=0, random_state=0)
    with threadpool_limits(2, user_api="blas"), parallel_config("threading"):
        GridSearchCV(model, {"sparsity_weight": [0.1, 0.2, 0.3]}, cv=2, n_jobs=3).fit(images)
    assert set(most) == {1}


def test_processes_of_a_search_share_the_cores():
    def count():
        with executor(99) as workers:
            return workers.n_workers

    counts = Parallel(n_jobs=2, backend="loky")(delayed(count)() for _ in range(4))
    assert max(counts) <= max(1, cpu_count() // 2)


@pytest.mark.parametrize("as_rows", [np.asarray, csr_array])
def test_a_sum_over_one_block_is_what_the_function_returns(workers, as_rows):
    X = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(
        workers.sum(lambda rows: rows.sum(axis=0), [as_rows(X)]), X.sum(axis=0)
    )
