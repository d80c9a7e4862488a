"""The number of BLAS threads, held at one while row blocks are shared among threads."""

import os
from contextlib import contextmanager
from functools import lru_cache, partial
from threading import RLock

from threadpoolctl import ThreadpoolController  # which scikit-learn itself requires


@lru_cache(maxsize=1)
def _blas():
    """The thread pools of the loaded BLAS libraries. Looking for them takes as long as a small epoch."""
    return ThreadpoolController().select(user_api="blas")


def _take_control(controller):
    """Let this thread set the limits: threadpoolctl 3.7 and later ignore all but the first that did, as long as it lives.

    But the last to leave lifts the limit, not the one that set it.
    """
    for library in controller.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


class _OneBlasThread:
    """Holds BLAS to one thread while anyone is inside; yields how many it had to the first, and 1 to whoever joins.

    The limit is the process's. Were each fit to set and restore it, two that overlap in threads
    would leave it set. A signal's handler may raise between any two steps, so each of them leaves
    what `_end` can undo, however often it is called. A fork waits until no thread is in the middle
    of a step, and in the child, where no other thread goes on, nobody is inside.
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
        except BaseException:  # perhaps from a signal's handler before the end of that
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
        self.limit = controller.limit(limits=None)  # sets nothing, but remembers
        _take_control(controller)
        controller.limit(limits=1)
        return max(n_threads, default=1)

    def _end(self):
        if self.limit:
            _take_control(_blas())
            self.limit.restore_original_limits()
            _take_control(_blas())  # and leave it to whoever comes next
            self.limit = None


def _insist(function):
    """Call it, and again if a handler's exception comes before its end, which is then let through."""
    try:
        function()
    except BaseException:
        _insist(function)
        raise


one_blas_thread = _OneBlasThread()
