from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skl_sparse_ae._arrays.workspace import Workspace, empty, empty_code


def address(array):
    return array.__array_interface__["data"][0]


def take(*shapes, dtype=np.float64):
    return [empty(shape, dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_have_the_shape_and_dtype_asked_for(dtype):
    workspace, shapes = Workspace(), [(3, 2), (0, 5), (7, 1)]
    for _ in range(2):
        for array, shape in zip(
            workspace.run(take, *shapes) + take(*shapes), 2 * shapes, strict=True
        ):
            assert (array.shape, array.dtype) == (shape, np.float64)
            array.fill(1)
    (array,) = workspace.run(lambda: take((3, 2), dtype=dtype))
    assert array.dtype == dtype


def test_run_returns_what_the_function_returns():
    assert Workspace().run(divmod, 7, 2) == (3, 1)


def test_without_a_workspace_every_array_is_new():
    assert not np.shares_memory(*take((3, 2), (3, 2)))


def test_arrays_of_one_run_are_apart_and_the_next_run_reuses_them():
    workspace = Workspace()
    first, second = workspace.run(take, (4, 3), (2, 2)), workspace.run(take, (4, 3), (2, 2))
    assert not np.shares_memory(*first)
    assert [address(array) for array in first] == [address(array) for array in second]


def test_a_buffer_grows_and_serves_smaller_arrays_of_any_dtype():
    workspace = Workspace()
    workspace.run(take, (2, 2))
    (large,) = workspace.run(take, (100, 100))
    (single,) = workspace.run(lambda: take((3, 3), dtype=np.float32))
    assert (single.dtype, single.shape) == (np.float32, (3, 3))
    (other,) = workspace.run(take, (50, 7))
    assert other.shape == (50, 7)
    (again,) = workspace.run(take, (100, 100))
    assert address(single) == address(other) == address(again) == address(large)


def test_a_workspace_within_another_one_leaves_it_as_it_was():
    outer, inner = Workspace(), Workspace()

    def nested():
        (first,) = take((2, 2))
        (within,) = inner.run(take, (2, 2))
        (second,) = take((2, 2))
        return first, within, second

    arrays = outer.run(nested)
    addresses = [address(array) for array in arrays]
    assert len(set(addresses)) == 3
    assert [address(array) for array in outer.run(nested)] == addresses
    first, within, second = addresses
    assert [address(array) for array in outer.run(take, (2, 2), (2, 2))] == [first, second]
    assert address(inner.run(take, (2, 2))[0]) == within


def test_after_an_error_no_workspace_is_in_use():
    workspace = Workspace()
    (before,) = workspace.run(take, (2, 2))
    with pytest.raises(ZeroDivisionError):
        workspace.run(divmod, 1, 0)
    assert not np.shares_memory(*take((2, 2)), before)


def test_each_thread_has_buffers_of_its_own():
    workspace = Workspace()
    (mine,) = workspace.run(take, (5, 5))
    with ThreadPoolExecutor(1) as pool:
        (theirs,) = pool.submit(workspace.run, take, (5, 5)).result()
    assert not np.shares_memory(mine, theirs)


@pytest.mark.parametrize(("dtype", "order"), [(np.float64, "F"), (np.float32, "C")])
def test_a_code_is_laid_out_as_products_are_fastest(dtype, order):
    code = empty_code(6, 4, dtype)
    assert (code.shape, code.dtype) == ((6, 4), dtype)
    assert code.flags[f"{order}_CONTIGUOUS"]
    assert not code.flags[f"{'C' if order == 'F' else 'F'}_CONTIGUOUS"]
