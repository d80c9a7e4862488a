"""A `map` on several threads that never waits for a missing thread.

The calling thread works too, and helpers take calls from it: the thread that claims a call makes
it. So the results come even if a helper cannot be started, dies before it has claimed a call, or is
left behind by a fork. In these cases `concurrent.futures.ThreadPoolExecutor` would wait forever,
and it refuses work when the interpreter shuts down.
"""

import os
import sys
from _thread import allocate_lock, start_new_thread
from collections import deque
from contextlib import contextmanager
from functools import partial
from itertools import islice
from queue import SimpleQueue

# Bytes of address space that a thread may need, for its stack and an arena of the allocator. With
# less, NumPy and BLAS crash in the thread instead of raising MemoryError.
SPACE_OF_A_THREAD = 2**28
MAX_WAIT = 1.0  # seconds in which an idle helper has to end


class _Call:
    """A call that one thread claims and makes. `done` is locked until then."""

    __slots__ = ("done", "error", "function", "owner", "result")

    def __init__(self, function):
        self.function, self.owner, self.done = function, {}, allocate_lock()
        self.result = self.error = None
        self.done.acquire()

    def is_claimed_by(self, who):
        """Claim the call if it is free; return True if `who` has it.

        This is one step, and can be repeated: a signal's handler may raise at any point.
        """
        return self.owner.setdefault("", who) is who

    def make(self, who, caught=BaseException):
        """Make the call, unless it has been made or another thread has claimed it.

        Exceptions of type `caught` are kept for `outcome`, which raises them in order.
        """
        try:
            if self.done.locked() and self.is_claimed_by(who):
                self.result = self.function()
        except caught as error:
            self.error = error
        finally:
            if self.owner.get("") is who and self.done.locked():
                self.done.release()

    def outcome(self):
        """Return the result, or raise the call's exception. Neither is kept.

        A late helper may still hold this object, but not the memory of its result.
        """
        result, error = self.result, self.error
        self.function = self.result = self.error = None
        try:
            if error is not None:
                raise error
            return result
        finally:
            del error  # its traceback refers to this frame

    def give_up(self, who):
        """Keep other threads from making the call, or wait for the one that is making it."""
        if not self.is_claimed_by(who):
            with self.done:
                pass


@contextmanager
def thread_pool(n_threads):
    """Yield a `map` on up to `n_threads` threads, the calling one included."""
    calls, live, me = SimpleQueue(), set(), object()
    helpers = _start_helpers(n_threads - 1, calls)
    try:
        yield partial(_map_in_order, calls, live, me, 2 * n_threads)
    finally:
        for call in list(live):
            call.give_up(me)
        for _ in helpers:
            calls.put(None)
        for gone in helpers:
            gone.acquire(timeout=MAX_WAIT)


def _start_helpers(n, calls):
    """Start up to `n` helpers. Return a lock for each, which it releases when it ends."""
    helpers = []
    for _ in range(n if _has_space(n) else 0):
        gone = allocate_lock()
        gone.acquire()
        try:
            start_new_thread(_help, (calls, gone))
        # No more threads or memory, or the interpreter is shutting down.
        except (RuntimeError, MemoryError):
            break
        helpers.append(gone)
    return helpers


def _help(calls, gone):
    """The body of a helper thread: make calls until None comes."""
    try:
        while (call := calls.get()) is not None:
            call.make(gone)
            del call  # frees its result, which may be as large as the weights
    finally:
        gone.release()


def _has_space(n_threads):
    """True if the process may have the address space for `n_threads` more threads."""
    if not sys.platform.startswith("linux"):
        return True
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return True
    return _address_space() + n_threads * SPACE_OF_A_THREAD <= limit


def _address_space():
    """The address space of this process in bytes; 0 if the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _map_in_order(calls, live, me, n_ahead, function, *iterables):
    """As the built-in `map`, with at most `n_ahead` results in memory, and in order.

    Each result may be as large as the weights.
    """
    arguments, pending = zip(*iterables, strict=True), deque()
    try:
        while True:
            for args in islice(arguments, n_ahead - len(pending)):
                call = _Call(partial(function, *args))
                live.add(call)
                pending.append(call)
                calls.put(call)
            if not pending:
                return
            yield _first_result(pending, live, me)
    finally:
        for call in pending:
            call.give_up(me)
        live.difference_update(pending)


def _first_result(pending, live, me):
    """The result of the first call. While another thread makes it, this one makes pending calls."""
    first = pending[0]
    for call in pending:
        if not first.done.locked():
            break
        call.make(me, Exception)
    with first.done:
        live.discard(pending.popleft())
    return first.outcome()
