"""Limits BLAS to one thread while threads share the row blocks."""

import os
from contextlib import contextmanager
from functools import lru_cache, partial
from threading import RLock

from threadpoolctl import ThreadpoolController  # scikit-learn requires it


@lru_cache(maxsize=1)
def _blas():
    """The thread pools of the loaded BLAS libraries, cached: a search takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


def _take_control(controller):
    """Take ownership of the BLAS limit for this thread.

    threadpoolctl 3.7 and later ignore every thread but the first that set a limit, as long as that
    thread lives. Here the last thread to leave lifts the limit, whichever set it.
    """
    for library in controller.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


class _OneBlasThread:
    """A context that limits BLAS to one thread while any thread is inside.

    The first thread that enters gets the number of threads that BLAS had; all others get 1. The
    limit holds for the whole process: if each fit set and restored it, two fits that overlap in
    threads could leave it set. A signal's handler may raise between any two steps. So `_end` can
    undo the limit after each of them, and may be called again. A fork waits until no thread is
    within a step. In the child process no other thread runs, so nobody is inside.
    """

    def __init__(self):
        self.lock, self.inside, self.limit = RLock(), set(), None
        if hasattr(os, "register_at_fork"):  # Windows has no fork
            child = self._in_child
            os.register_at_fork(
                before=self.lock.acquire, after_in_parent=self.lock.release, after_in_child=child
            )

    @contextmanager
    def __call__(self):
        me = object()
        try:
            try:
                with self.lock:
                    n_threads = 1 if self.inside else self._begin()
                    self.inside.add(me)
                yield n_threads
            finally:
                self._leave(me)
        except BaseException:  # a signal's handler may have interrupted `_leave`
            _insist(partial(self._leave, me))
            raise

    def _leave(self, me):
        with self.lock:
            self.inside.discard(me)
            if not self.inside:
                self._end()

    def _in_child(self):
        self.inside.clear()
        self._end()
        self.lock.release()

    def _begin(self):
        self._end()
        controller = _blas()
        n_threads = [library["num_threads"] for library in controller.info()]
        self.limit = controller.limit(limits=None)  # sets nothing, but saves the old limits
        _take_control(controller)
        controller.limit(limits=1)
        return max(n_threads, default=1)

    def _end(self):
        if self.limit:
            _take_control(_blas())
            self.limit.restore_original_limits()
            _take_control(_blas())  # and release it to the next thread
            self.limit = None


def _insist(function):
    """Call a function until no exception interrupts it. Raise the last exception, if any."""
    try:
        function()
    except BaseException:
        _insist(function)
        raise


one_blas_thread = _OneBlasThread()
