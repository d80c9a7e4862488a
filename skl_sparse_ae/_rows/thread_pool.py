"""A `map` on several threads that never waits for a thread which is not there.

The thread that wants the results works too, and helpers take from it what they can: whoever claims
a call makes it. A helper that cannot be started, that dies before it has claimed anything, or that
a fork has left behind, is not missed. So it is no `concurrent.futures.ThreadPoolExecutor`, whose
results then never come, and which refuses work once the interpreter ends.
"""

import os
import sys
from _thread import allocate_lock, start_new_thread
from collections import deque
from contextlib import contextmanager
from functools import partial
from itertools import islice
from queue import SimpleQueue

# Bytes of address space that a thread may ask for: its stack, and an arena of the allocator. Where
# there is less, NumPy and BLAS crash in the thread instead of raising MemoryError.
SPACE_OF_A_THREAD = 2**28


LONGEST_WAIT = 1.0  # seconds for a helper to leave that has nothing left to do


class _Call:
    """A call that one thread will claim and make; `done` is locked until it has."""

    __slots__ = ("done", "error", "function", "owner", "result")

    def __init__(self, function):
        self.function, self.owner, self.done = function, {}, allocate_lock()
        self.result = self.error = None
        self.done.acquire()

    def is_claimed_by(self, who):
        """Claim it, if nobody has. One step, and the same answer however often it is asked: signals may come in between."""
        return self.owner.setdefault("", who) is who

    def make(self, who, caught=BaseException):
        """Make the call, unless it is made or claimed. Errors that are `caught` are kept, to be raised in order."""
        try:
            if self.done.locked() and self.is_claimed_by(who):
                self.result = self.function()
        except caught as error:
            self.error = error
        finally:
            if self.owner.get("") is who and self.done.locked():
                self.done.release()

    def outcome(self):
        """Its result, or raise its error; neither is kept here, where a helper that has not come yet may find the call."""
        result, error = self.result, self.error
        self.function = self.result = self.error = None
        try:
            if error is not None:
                raise error
            return result
        finally:
            del error  # whose traceback has this frame

    def give_up(self, who):
        """See to it that nobody makes it, or wait for the one who does."""
        if not self.is_claimed_by(who):
            with self.done:
                pass


@contextmanager
def thread_pool(n_threads):
    """A `map` on so many threads, this one included, or on as many as there can be."""
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
            gone.acquire(timeout=LONGEST_WAIT)


def _start_helpers(n, calls):
    """Start so many, or fewer; a lock for each, which it releases when it leaves."""
    helpers = []
    for _ in range(n if _has_space(n) else 0):
        gone = allocate_lock()
        gone.acquire()
        try:
            start_new_thread(_help, (calls, gone))
        except (
            RuntimeError,
            MemoryError,
        ):  # no more threads, no memory for one, or the interpreter is at its end
            break
        helpers.append(gone)
    return helpers


def _help(calls, gone):
    """In a thread of its own: make calls until there is a None."""
    try:
        while (call := calls.get()) is not None:
            call.make(gone)
            del call  # its result may be as large as the weights
    finally:
        gone.release()


def _has_space(n_threads):
    """Whether this process may have the address space for more threads. Without a limit it may."""
    if not sys.platform.startswith("linux"):
        return True
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return True
    return _address_space() + n_threads * SPACE_OF_A_THREAD <= limit


def _address_space():
    """In bytes, of this process; 0 if the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _map_in_order(calls, live, me, n_ahead, function, *iterables):
    """The built-in `map`, at most `n_ahead` results in memory: each may be as large as the weights."""
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
    """Of the first call; while somebody else makes it, those that wait are made."""
    first = pending[0]
    for call in pending:
        if not first.done.locked():
            break
        call.make(me, Exception)
    with first.done:
        live.discard(pending.popleft())
    return first.outcome()
