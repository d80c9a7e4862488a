"""Scratch memory for the temporaries of one block of rows, reused for the next."""

from contextlib import contextmanager
from threading import local

import numpy as np


class _Scratch(local):
    """Each thread's own memory for the temporaries of a block of rows, the next of which gets the same."""

    buffers, n_taken = None, 0


_scratch = _Scratch()


@contextmanager
def scratch():
    """Yields a function to call when a block is done with: what `empty` gave out since is given out again.

    Fresh memory has to be cleared by the system first. Mostly the allocator spares us that; but Dask tells it, in its workers,
    to hand back whatever is freed, and an evaluation takes 1.4 times as long.
    """
    _scratch.buffers = []
    try:
        yield _begin
    finally:
        _scratch.buffers = None


def _begin():
    _scratch.n_taken = 0


def empty(shape, dtype):
    """As `np.empty`. Within `scratch`, the memory is that of an earlier block, and must not outlast its own."""
    if _scratch.buffers is None:
        return np.empty(shape, dtype)
    n_bytes, number = shape[0] * shape[1] * np.dtype(dtype).itemsize, _scratch.n_taken
    _scratch.n_taken += 1
    if number == len(_scratch.buffers):
        _scratch.buffers.append(np.empty(0, np.uint8))
    if len(_scratch.buffers[number]) < n_bytes:
        _scratch.buffers[number] = np.empty(n_bytes, np.uint8)
    return _scratch.buffers[number][:n_bytes].view(dtype).reshape(shape)


def empty_code(n_rows, n_units, dtype):
    """An array for what each unit makes of each row: unit after unit in float64, row after row in float32.

    With 50 or 64 units the products that fill it are a sixth faster so than the other way about, on a processor with AVX-512;
    on one with AVX2, and with more units, there is no difference.
    """
    return (
        empty((n_units, n_rows), dtype).T
        if dtype == np.float64
        else empty((n_rows, n_units), dtype)
    )
