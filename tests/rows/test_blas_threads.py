import os
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skl_sparse_ae._rows import blas_threads as module
from skl_sparse_ae._rows.blas_threads import one_blas_thread


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_blas_has_one_thread_inside_and_all_of_them_even_after_an_exception():
    before = blas_threads()

    def fail_inside():
        with one_blas_thread():
            assert set(blas_threads()) == {1}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_inside()
    assert blas_threads() == before


def test_overlapping_fits_leave_the_limit_as_they_found_it():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        first, second = one_blas_thread(), one_blas_thread()
        assert first.__enter__() == 2
        assert second.__enter__() == 1  # the cores are taken
        first.__exit__(None, None, None)
        assert set(blas_threads()) == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before


def test_the_last_to_leave_lifts_the_limit_even_if_the_first_lives_on():
    """The threads of a pool do live on."""
    entered, left, done = threading.Event(), threading.Event(), threading.Event()

    def first():
        with one_blas_thread():
            entered.set()
            second_is_in.wait()
        left.set()
        done.wait()

    second_is_in, thread = threading.Event(), threading.Thread(target=first, daemon=True)
    with threadpool_limits(2, user_api="blas"):
        # taken from this block, so that the first fit gets it
        module._take_control(module._blas())
        before = blas_threads()
        thread.start()
        entered.wait()
        with one_blas_thread():
            second_is_in.set()
            left.wait()
        after = blas_threads()
        done.set()
        thread.join()
    assert after == before


def test_a_limit_set_in_another_thread_is_overruled_for_the_time_of_a_fit():
    seen = []

    def fit():
        with one_blas_thread() as n_threads:
            seen.append((n_threads, set(blas_threads())))

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        thread = threading.Thread(target=fit)
        thread.start()
        thread.join()
        assert blas_threads() == before
    assert seen == [(2, {1})]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_in_the_child_of_a_fork_nobody_is_inside():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with one_blas_thread():
            child = os.fork()
            if not child:
                os._exit(blas_threads() != before or bool(one_blas_thread.inside))
            assert os.waitpid(child, 0)[1] == 0
