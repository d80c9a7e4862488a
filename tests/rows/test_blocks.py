import numpy as np
import pytest
from scipy.sparse import csr_array

from skl_sparse_ae._rows.blocks import (
    BLOCK_BYTES,
    MAX_ROWS,
    MIN_ROWS,
    BatchBlocks,
    RowBlocks,
    row_blocks,
)
from skl_sparse_ae._rows.executor import Executor

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n_rows", [1, 255, 4096, 4097, 10_000])
@pytest.mark.parametrize("n_components", [2, 500, 5000])
def test_row_blocks_are_views_of_all_rows_in_order(n_rows, n_components):
    X = np.arange(2.0 * n_rows).reshape(n_rows, 2)
    blocks = row_blocks(X, n_components).rows
    np.testing.assert_array_equal(np.vstack(blocks), X)
    assert all(np.shares_memory(block, X) for block in blocks)
    assert all(len(block) == len(blocks[0]) for block in blocks[:-1])


@pytest.mark.parametrize(
    ("dtype", "n_features", "n_components", "expected"),
    [
        (np.float64, 2, 2, MAX_ROWS),
        (np.float64, 2, 10_000, MIN_ROWS),
        (np.float64, 128, 16, BLOCK_BYTES // (8 * 128)),
        (np.float64, 16, 128, BLOCK_BYTES // (8 * 128)),
        (np.float32, 128, 16, BLOCK_BYTES // (4 * 128)),
    ],
)
def test_row_blocks_suit_the_cache(dtype, n_features, n_components, expected):
    X = np.broadcast_to(np.zeros(1, dtype), (9000, n_features))
    lengths = [len(block) for block in row_blocks(X, n_components).rows]
    assert expected / 2 < max(lengths) <= expected


@pytest.mark.parametrize(
    ("n_rows", "expected"), [(400, [400]), (1000, [500, 500]), (4000, [1000] * 4)]
)
def test_blocks_are_even(n_rows, expected):
    """1,500 rows of 1,400 bytes suit the cache; 400 rows are too few to share."""
    assert [len(block) for block in row_blocks(np.zeros((n_rows, 175)), 2).rows] == expected


@pytest.mark.parametrize("as_rows", [np.asarray, csr_array])
def test_blocks_know_what_they_are_blocks_of(as_rows):
    X = RNG.normal(size=(9, 4)).astype(np.float32)
    blocks = RowBlocks([as_rows(X[:5]), as_rows(X[5:])])
    assert (len(blocks), blocks.n_rows, blocks.n_features) == (2, 9, 4)
    assert (blocks.dtype, blocks.is_in_memory) == (np.float32, True)
    np.testing.assert_array_equal(blocks.first_row(), X[0])


@pytest.mark.parametrize("as_rows", [np.asarray, csr_array])
def test_functions_see_each_block_and_what_belongs_to_it(as_rows):
    X = RNG.normal(size=(9, 4))
    blocks = RowBlocks([as_rows(X[:5]), as_rows(X[5:])])
    results = list(blocks.map(lambda rows, factor: factor * rows.sum(axis=0), [2.0, 3.0]))
    np.testing.assert_allclose(results, [2 * X[:5].sum(axis=0), 3 * X[5:].sum(axis=0)])
    total = blocks.sum(lambda rows, factor: factor * rows.sum(axis=0), [2.0, 3.0])
    np.testing.assert_allclose(total, results[0] + results[1])


def test_the_sum_is_in_the_dtype_that_is_asked_for():
    blocks = RowBlocks([np.ones((2, 3), np.float32)] * 2)
    assert blocks.sum(lambda rows: rows.sum(axis=0)).dtype == np.float64
    assert blocks.sum(lambda rows: rows.sum(axis=0), dtype=None).dtype == np.float32


def test_centred_blocks_are_the_same_rows_less_the_origin():
    X, origin = RNG.normal(size=(9, 4)), np.arange(4.0)
    blocks = RowBlocks([X[:5], X[5:]])
    assert blocks.centred(None) is blocks
    centred = blocks.centred(origin)
    np.testing.assert_array_equal(centred.first_row(), X[0] - origin)
    np.testing.assert_array_equal(np.vstack(list(centred.map(np.copy))), X - origin)
    assert centred.is_in_memory


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_code_buffers_are_the_same_memory_at_each_call(dtype):
    blocks = RowBlocks([np.zeros((5, 4), dtype), np.zeros((3, 4), dtype)])
    first, again = blocks.code_buffers(2), blocks.code_buffers(2)
    assert [(buffer.shape, buffer.dtype) for buffer in first] == [((5, 2), dtype), ((3, 2), dtype)]
    assert not np.shares_memory(*first)
    assert all(np.shares_memory(*pair) for pair in zip(first, again, strict=True))


def test_workers_are_one_context_however_often_it_is_entered():
    blocks = RowBlocks([np.zeros((5, 4))] * 2)
    alone = blocks.executor
    with blocks.workers():
        inside = blocks.executor
        assert inside is not alone
        with blocks.workers():
            assert blocks.executor is inside
        assert blocks.executor is inside
    assert blocks.executor is alone


def test_workers_end_with_an_exception():
    blocks = RowBlocks([np.zeros((5, 4))])
    alone = blocks.executor

    def fail_inside():
        with blocks.workers():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_inside()
    assert blocks.executor is alone


# ---------------------------------------------------------------------------------- mini-batches


@pytest.mark.parametrize(
    ("n_rows", "n_workers", "expected"),
    [(200, 1, [200]), (201, 2, [101, 100]), (5000, 1, [4096, 904]), (1, 2, [1])],
)
def test_a_mini_batch_is_one_block_a_worker_unless_float32_forbids(n_rows, n_workers, expected):
    batch = np.arange(n_rows)[:, None]
    blocks = BatchBlocks(batch, Executor(n_workers=n_workers))
    assert [len(block) for block in blocks.rows] == expected
    np.testing.assert_array_equal(np.concatenate(blocks.rows), batch)


def buffers(batch, executor):
    blocks = BatchBlocks(batch, executor)
    return [*blocks.code_buffers(5), *blocks.gradient_buffers(77)]


def test_buffers_of_batches_are_for_as_many_rows_as_a_worker_has():
    executor = Executor(n_workers=2)
    first = buffers(np.zeros((17, 6), np.float32), executor)
    assert [buffer.shape for buffer in first] == [(9, 5), (8, 5), (77,), (77,)]
    assert {buffer.dtype for buffer in first} == {np.dtype(np.float32)}
    smaller = buffers(np.zeros((16, 6), np.float32), executor)
    assert [buffer.shape for buffer in smaller] == [(8, 5), (8, 5), (77,), (77,)]
    assert all(np.shares_memory(*pair) for pair in zip(first, smaller, strict=True))


def test_batches_of_many_blocks_have_no_buffers():
    """The gradients of all blocks would fill the memory."""
    assert buffers(np.zeros((3 * MAX_ROWS, 6), np.float32), Executor(n_workers=2)) == [None] * 6


def test_a_batch_uses_the_executor_of_its_epoch():
    executor = Executor()
    blocks = BatchBlocks(np.zeros((5, 4)), executor)
    with blocks.workers():
        assert blocks.executor is executor


@pytest.mark.parametrize("axis", [0, 1])
def test_results_of_each_block_fill_their_part_of_an_array(axis):
    X = np.arange(14.0).reshape(7, 2)
    for size in (3, 7):
        blocks = RowBlocks([X[i : i + size] for i in range(0, 7, size)])
        out = np.zeros((7, 2) if axis == 0 else (2, 7))

        def write(rows, part):
            part[...] = rows if axis == 0 else rows.T

        assert blocks.fill(write, out, axis) is out
        np.testing.assert_array_equal(out if axis == 0 else out.T, X)
        assert [part.shape[axis] for part in blocks.parts_of(out, axis)] == [
            len(b) for b in blocks.rows
        ]
