from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skl_sparse_ae._arrays.workspace import Workspace, empty, empty_code


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_have_the_shape_and_dtype_asked_for(dtype):
    workspace = Workspace()
    assert empty((3, 2), dtype).shape == (3, 2)
    with workspace.for_block():
        for shape in ((3, 2), (0, 5), (7, 1)):
            array = empty(shape, dtype)
            array.fill(1)
            assert (array.shape, array.dtype) == (shape, dtype)


def test_without_a_workspace_every_array_is_new():
    first, second = empty((3, 2), float), empty((3, 2), float)
    assert not np.shares_memory(first, second)


def test_arrays_of_one_block_are_apart_and_the_next_block_reuses_them():
    workspace, seen = Workspace(), []
    for _ in range(2):
        with workspace.for_block():
            arrays = [empty((4, 3), np.float64), empty((2, 2), np.float32)]
            assert not np.shares_memory(*arrays)
            seen.append([address(array) for array in arrays])
    assert seen[0] == seen[1]


def test_a_buffer_grows_and_serves_smaller_arrays_of_any_dtype():
    workspace = Workspace()
    with workspace.for_block():
        small = address(empty((2, 2), np.float64))
    with workspace.for_block():
        large = address(empty((100, 100), np.float64))
    with workspace.for_block():
        assert address(empty((3, 3), np.float32)) == large
    assert len(workspace.buffers) == 1
    assert small  # a null pointer would be no memory at all


def test_a_workspace_within_another_one_leaves_it_as_it_was():
    outer, inner = Workspace(), Workspace()
    with outer.for_block():
        first = empty((2, 2), float)
        with inner.for_block():
            assert not np.shares_memory(empty((2, 2), float), first)
        assert not np.shares_memory(empty((2, 2), float), first)
    assert (len(outer.buffers), len(inner.buffers)) == (2, 1)


def test_after_an_error_no_workspace_is_in_use():
    workspace = Workspace()
    with pytest.raises(ZeroDivisionError), workspace.for_block():
        raise ZeroDivisionError
    empty((2, 2), float)
    assert workspace.buffers == []


def test_each_thread_has_buffers_of_its_own():
    workspace = Workspace()

    def take():
        with workspace.for_block():
            return empty((5, 5), float)

    mine = take()
    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(take).result()
    assert not np.shares_memory(mine, theirs)


@pytest.mark.parametrize(("dtype", "order"), [(np.float64, "F"), (np.float32, "C")])
def test_a_code_is_laid_out_as_products_are_fastest(dtype, order):
    code = empty_code(6, 4, dtype)
    assert (code.shape, code.dtype) == ((6, 4), dtype)
    assert code.flags[f"{order}_CONTIGUOUS"]
    assert not code.flags[f"{'C' if order == 'F' else 'F'}_CONTIGUOUS"]
