import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.model_selection import train_test_split

from skl_sparse_ae._rows.batches import mini_batches
from skl_sparse_ae._rows.in_memory import ArrayRows, as_rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4)) * (RNG.uniform(size=(23, 4)) < 0.5)
KINDS = pytest.mark.parametrize("kind", [np.asarray, csr_array])


def as_array(rows):
    return rows.data.toarray() if rows.is_sparse else rows.data


@KINDS
def test_rows_have_what_the_array_has(kind):
    data = kind(X.astype(np.float32))
    rows = ArrayRows(data)
    assert rows.data is data
    assert (rows.shape, rows.dtype, rows.is_sparse) == ((23, 4), np.float32, issparse(data))
    assert (rows.min(), rows.max()) == (data.min(), data.max())


def test_few_stored_elements_are_very_sparse():
    assert not ArrayRows(csr_array(X)).is_very_sparse
    assert ArrayRows(csr_array(np.eye(100))).is_very_sparse
    assert not ArrayRows(np.eye(100)).is_very_sparse


@KINDS
def test_the_dtype_is_changed_in_a_copy_or_not_at_all(kind):
    rows = ArrayRows(kind(X))
    assert np.shares_memory(
        *(
            values.data.data if rows.is_sparse else values.data
            for values in (rows, rows.astype(float))
        )
    )
    single = rows.astype(np.float32)
    assert single.dtype == single.data.dtype == np.float32
    assert rows.dtype == rows.data.dtype == np.float64


@KINDS
def test_clipping_leaves_the_rows_themselves_alone(kind):
    rows = ArrayRows(kind(X))
    np.testing.assert_array_equal(as_array(rows.clip(-0.5, 0.5)), np.clip(X, -0.5, 0.5))
    np.testing.assert_array_equal(as_array(rows), X)


@KINDS
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("seed", [0, 1, 2**31 - 2])
def test_held_out_rows_are_those_of_scikit_learn(kind, fraction, seed):
    split = ArrayRows(kind(X)).hold_out(fraction, seed)
    expected = train_test_split(kind(X), test_size=fraction, random_state=seed)
    for rows, theirs in zip(split, expected, strict=True):
        assert rows.is_sparse == issparse(theirs)
        np.testing.assert_array_equal(
            as_array(rows), theirs.toarray() if issparse(theirs) else theirs
        )


@KINDS
def test_blocks_and_batches_are_those_of_the_array(kind):
    rows = ArrayRows(kind(X))
    blocks = rows.blocks(4, block_bytes=8 * 4 * 5)
    assert blocks.n_rows == sum(block.shape[0] for block in blocks.rows) == 23
    mine = rows.batches(5, np.random.default_rng(0))
    theirs = mini_batches(rows.data, 5, np.random.default_rng(0))
    for batch, expected in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(as_array(ArrayRows(batch)), as_array(ArrayRows(expected)))


@KINDS
def test_arrays_become_rows_and_rows_stay_what_they_are(kind):
    rows = as_rows(kind(X))
    assert type(rows) is ArrayRows
    assert as_rows(rows) is rows
