import _thread
import os
import subprocess
import sys
import threading
import time
from itertools import chain, count

import pytest

from skl_sparse_ae import _rows
from skl_sparse_ae._rows.thread_pool import thread_pool

N = [1, 2, 4]


def slowly(i):
    time.sleep(0.001 * (i % 3))
    return i**2


@pytest.mark.parametrize("n_threads", N)
def test_results_come_in_order(n_threads):
    with thread_pool(n_threads) as map:
        assert list(map(slowly, range(40))) == [i**2 for i in range(40)]
        assert list(map(pow, range(5), [3] * 5)) == [0, 1, 8, 27, 64]
        assert list(map(slowly, [])) == []
        with pytest.raises(ValueError, match="shorter"):
            list(map(pow, [1, 2], [1]))


@pytest.mark.parametrize("n_threads", N)
def test_each_call_is_made_once(n_threads):
    made = []
    with thread_pool(n_threads) as map:
        assert sum(1 for _ in map(made.append, range(3000))) == 3000
    assert sorted(made) == list(range(3000))


@pytest.mark.parametrize("n_threads", N)
def test_the_first_error_is_raised_and_nothing_is_at_work_then(n_threads):
    at_work = []

    def fail(i):
        at_work.append(i)
        try:
            time.sleep(0.002)
            return 1 // (i - 3)
        finally:
            at_work.remove(i)

    with thread_pool(n_threads) as map:
        with pytest.raises(ZeroDivisionError):
            list(map(fail, range(40)))
        assert not at_work
        assert list(map(slowly, range(5))) == [0, 1, 4, 9, 16]  # it is of use still


def test_several_threads_work_at_once():
    at_once = threading.Barrier(3, timeout=600)
    with thread_pool(3) as map:
        list(map(lambda _: at_once.wait(), range(6)))


@pytest.mark.parametrize("n_threads", N)
def test_an_interrupt_here_ends_the_map(n_threads):
    here = threading.get_ident()

    def interrupted(i):
        if threading.get_ident() == here:
            raise KeyboardInterrupt
        return i

    with thread_pool(n_threads) as map:
        all_of = chain.from_iterable(map(interrupted, range(100)) for _ in count())
        with pytest.raises(KeyboardInterrupt):  # sooner or later there is something to do here
            list(all_of)


def test_few_results_are_in_memory_even_of_helpers_that_never_come(monkeypatch):
    class Result:
        n_alive = 0

        def __init__(self, _):
            Result.n_alive += 1

        def __del__(self):
            Result.n_alive -= 1

    monkeypatch.setattr(_rows.thread_pool, "start_new_thread", lambda function, args: None)
    monkeypatch.setattr(_rows.thread_pool, "MAX_WAIT", 0)
    with thread_pool(2) as map:
        for _ in map(Result, range(50)):
            assert Result.n_alive <= 5


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_without_threads_the_work_is_done_here(monkeypatch, error):
    def refuse(function, args):
        raise error

    monkeypatch.setattr(_rows.thread_pool, "start_new_thread", refuse)
    with thread_pool(4) as map:
        assert set(map(lambda _: threading.get_ident(), range(20))) == {threading.get_ident()}


def test_a_helper_that_dies_is_not_missed(monkeypatch):
    monkeypatch.setattr(_rows.thread_pool, "MAX_WAIT", 0)
    monkeypatch.setattr(_rows.thread_pool, "_help", lambda calls, gone: None)
    with thread_pool(3) as map:
        assert list(map(slowly, range(10))) == [i**2 for i in range(10)]


def test_helpers_are_gone_afterwards():
    before = _thread._count()
    with thread_pool(3) as map:
        list(map(slowly, range(10)))
    deadline = time.monotonic() + 60
    while _thread._count() > before and time.monotonic() < deadline:
        time.sleep(0.001)  # from their last word to their end
    assert _thread._count() <= before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS is not kept everywhere")
def test_no_thread_is_started_where_there_is_no_space_for_one():
    code = """
import resource
from skl_sparse_ae._rows import thread_pool
used, more = thread_pool._address_space(), thread_pool.SPACE_OF_A_THREAD
resource.setrlimit(resource.RLIMIT_AS, (used + more // 2, resource.RLIM_INFINITY))
print(thread_pool._has_space(1))
resource.setrlimit(resource.RLIMIT_AS, (used + 4 * more, resource.RLIM_INFINITY))
print(thread_pool._has_space(1), thread_pool._has_space(5))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600
    )
    assert result.stdout.split() == ["False", "True", "False"], result.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_in_the_child_of_a_fork_the_helpers_are_not_missed():
    with thread_pool(3) as map:
        list(map(slowly, range(10)))
        child = os.fork()
        if not child:
            os._exit(list(map(slowly, range(10))) != [i**2 for i in range(10)])
        assert os.waitpid(child, 0)[1] == 0
