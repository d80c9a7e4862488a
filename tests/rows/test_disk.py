import os
import sys

import numpy as np
import pytest
from scipy.special import expit

from skl_sparse_ae._rows.disk import DiskRows, on_disk

posix_files = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows lets no mapped file be replaced or cut short"
)
RNG = np.random.default_rng(0)
ROWS = expit(2 * RNG.normal(size=(3000, 2)) @ RNG.normal(size=(2, 8)))  # a plane, bent


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_map_is_read_as_what_it_maps(mapped, mode):
    X = mapped(ROWS, mode)
    if mode != "r":
        X[5] = 7.0  # private in mode "c", and not yet flushed otherwise
    source = on_disk(X)
    assert isinstance(source, DiskRows)
    np.testing.assert_array_equal(source.read(), X)
    np.testing.assert_array_equal(source[100:200][10:20].read(), X[110:120])
    assert source[2990:].shape == (10, 8)


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize(
    "view",
    [
        lambda X: X[700:],
        lambda X: X[10:20],
        lambda X: X[:, 2:5],
        lambda X: X[::3],
        lambda X: X[:, :1],
    ],
)
def test_views_of_a_map_are_read_as_themselves(mapped, view):
    X = view(mapped(ROWS))
    np.testing.assert_array_equal(on_disk(X).read(), X)


@pytest.mark.usefixtures("always_on_disk")
def test_an_offset_and_the_order_of_columns_are_respected(tmp_path):
    path = tmp_path / "X.bin"
    path.write_bytes(bytes(10_007) + ROWS.astype(">f4").tobytes())
    X = np.memmap(path, dtype=">f4", mode="r", offset=10_007, shape=ROWS.shape)
    assert on_disk(X).dtype == np.float32
    np.testing.assert_array_equal(on_disk(X[3:])[4:9].read(), ROWS[7:12].astype(np.float32))
    fortran = np.memmap(
        tmp_path / "F.bin", dtype=np.float64, mode="w+", shape=ROWS.shape, order="F"
    )
    fortran[:] = ROWS
    np.testing.assert_array_equal(on_disk(fortran)[4:9].read(), ROWS[4:9])


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, bool])
def test_rows_become_floats_as_they_are_read(mapped, dtype):
    X = on_disk(mapped((10 * ROWS).astype(dtype)))
    assert X.dtype == X[:3].read().dtype == (np.float32 if dtype == np.float32 else np.float64)
    np.testing.assert_array_equal(X.read(), (10 * ROWS).astype(dtype).astype(X.dtype))
    assert X.astype(np.float32).read().dtype == np.float32


@pytest.mark.usefixtures("always_on_disk")
@posix_files
def test_the_map_counts_once_its_name_is_another_files(mapped, tmp_path):
    X = mapped(ROWS)
    np.save(tmp_path / "new.npy", ROWS + 1)
    (tmp_path / "new.npy").replace(tmp_path / "X.npy")
    np.testing.assert_array_equal(on_disk(X).read(), ROWS)
    (tmp_path / "X.npy").unlink()
    np.testing.assert_array_equal(on_disk(X).read(), ROWS)


@pytest.mark.usefixtures("always_on_disk")
@posix_files
def test_a_file_cut_short_meanwhile_names_the_rows(mapped, tmp_path):
    source = on_disk(mapped(ROWS))
    with open(tmp_path / "X.npy", "r+b") as file:
        file.truncate(128 + 2000 * 64)
    np.testing.assert_array_equal(source[1900:2000].read(), ROWS[1900:2000])
    with pytest.raises(ValueError, match="Rows 1900 to 2099 of X are only 100 rows"):
        source[1900:2100].read()


def test_what_is_small_or_in_memory_is_an_array(sliced, mapped):
    X = mapped(ROWS)
    assert type(on_disk(X)) is np.ndarray
    np.testing.assert_array_equal(on_disk(X), ROWS)
    in_memory = X + 1  # of the class of maps
    for rows in (
        ROWS,
        in_memory,
        sliced(ROWS),
        [[1.0]],
        mapped(ROWS[0]),
        mapped(ROWS.astype(complex)),
    ):
        assert on_disk(rows) is rows


@pytest.mark.usefixtures("always_on_disk")
def test_rows_are_read_in_their_order_only(sliced):
    with pytest.raises(ValueError, match="in their order"):
        on_disk(sliced(ROWS))[::2]


@pytest.mark.usefixtures("always_on_disk")
def test_adam_sees_each_row_once_an_epoch_in_batches_of_about_one_size_and_far_apart(sliced):
    X = on_disk(sliced(np.arange(3000.0)[:, np.newaxis] * np.ones(8)))
    epochs = [
        [batch[:, 0].copy() for batch in X.batches(100, np.random.default_rng(0))] for _ in range(2)
    ]
    for batches in epochs:
        np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(3000))
        assert {len(batch) for batch in batches} <= set(range(90, 101))
        assert (
            min(len(np.unique(batch // 64)) for batch in batches) > 8
        )  # of the 15 chunks in a pool
    other = list(X.batches(100, np.random.default_rng(1)))
    assert not np.array_equal(other[0][:, 0], epochs[0][0])


@pytest.mark.usefixtures("always_on_disk")
def test_each_row_is_held_out_or_not(sliced):
    X = on_disk(sliced(np.arange(3000.0)[:, np.newaxis] * np.ones(8)))
    train, held_out = X.hold_out(0.2, 0)
    train_rows, out_rows = train.read()[:, 0], held_out.read()[:, 0]
    assert len(train_rows) == train.shape[0]
    assert 0.15 * 3000 < len(out_rows) == held_out.shape[0] < 0.25 * 3000
    assert len(np.unique(out_rows // 64)) == len(out_rows) / 64
    np.testing.assert_array_equal(np.sort(np.concatenate([train_rows, out_rows])), np.arange(3000))
    np.testing.assert_array_equal(train[100:500][7:300].read()[:, 0], train_rows[107:400])


@pytest.mark.usefixtures("always_on_disk")
def test_reading_without_the_systems_positioned_reads(mapped, monkeypatch):
    source = on_disk(mapped(ROWS))
    monkeypatch.delattr(os, "preadv", raising=False)
    np.testing.assert_array_equal(source[700:900].read(), ROWS[700:900])


@pytest.mark.usefixtures("always_on_disk")
def test_rows_have_the_limits_and_the_clip_that_they_are_given(sliced):
    X = on_disk(sliced(ROWS)).with_limits(ROWS.min(), ROWS.max())
    assert (X.min(), X.max()) == (ROWS.min(), ROWS.max())
    np.testing.assert_array_equal(X.clip(0.4, 0.6).read(), np.clip(ROWS, 0.4, 0.6))
    np.testing.assert_array_equal(X[3:9].clip(0.4, 0.6).read(), np.clip(ROWS[3:9], 0.4, 0.6))
    np.testing.assert_array_equal(X.read(), ROWS)
    assert X.data is X
    np.testing.assert_array_equal(np.asarray(X), ROWS)
    with pytest.raises(ValueError, match=r"Rows 0 to 2999 of X changed while they were read"):
        X.with_limits(0.4, 0.6).read()


@pytest.mark.usefixtures("always_on_disk")
def test_blocks_are_not_in_memory_and_their_codes_should_not_be_either(sliced):
    blocks = on_disk(sliced(ROWS)).blocks(3)
    assert not blocks.is_in_memory
    assert blocks.code_buffers(3) == [None] * len(blocks)
    np.testing.assert_array_equal(blocks.first_row(), ROWS[0])
    np.testing.assert_array_equal(np.vstack(list(blocks.map(np.copy))), ROWS)
