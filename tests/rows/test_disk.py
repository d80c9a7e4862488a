import os
import re
import sys
from itertools import count

import numpy as np
import pytest
from scipy.special import expit

from skl_sparse_ae import SparseAutoencoderTransformer, VariationalAutoencoderTransformer, _rows
from skl_sparse_ae._rows.disk import RowSource, on_disk

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # short fits
posix_files = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows lets no mapped file be replaced or cut short"
)
RNG = np.random.default_rng(0)
ROWS = expit(2 * RNG.normal(size=(3000, 2)) @ RNG.normal(size=(2, 8)))  # a plane, bent


@pytest.fixture
def always_on_disk(monkeypatch):
    """Files are read block by block however small, in blocks of 256 rows, chunks of 64 and pools of 1,024."""
    monkeypatch.setattr(_rows.disk, "POOL_BYTES", 0)
    monkeypatch.setattr(_rows.batches, "POOL_BYTES", 1024 * 8 * 8)
    monkeypatch.setattr(_rows.disk, "CHUNK_BYTES", 64 * 8 * 8)
    monkeypatch.setattr(_rows.blocks, "MOST_ROWS", 256)


@pytest.fixture
def mapped(tmp_path):
    """A function that maps an array from a file."""

    def make(X, mode="r", **options):
        np.save(tmp_path / "X.npy", X)
        return np.load(tmp_path / "X.npy", mmap_mode=mode, **options)

    return make


class Sliced:
    """What HDF5 and Zarr data sets are to us: a shape, a dtype, and slices of rows. Counts the rows it gave."""

    def __init__(self, X):
        self.X, self.shape, self.dtype, self.n_given = X, X.shape, X.dtype, 0

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        self.n_given += len(self.X[rows])
        return self.X[rows]


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_map_is_read_as_what_it_maps(mapped, mode):
    X = mapped(ROWS, mode)
    if mode != "r":
        X[5] = 7.0  # private in mode "c", and not yet flushed otherwise
    source = on_disk(X)
    assert isinstance(source, RowSource)
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


@pytest.mark.parametrize("threshold", [0, 2**28])
@pytest.mark.parametrize("mode", ["r", "c"])
@posix_files
def test_a_file_that_ends_early_is_an_error_and_no_crash(
    mapped, tmp_path, monkeypatch, threshold, mode
):
    monkeypatch.setattr(_rows.disk, "POOL_BYTES", threshold)
    X = mapped(ROWS, mode)
    with open(tmp_path / "X.npy", "r+b") as file:
        file.truncate(128 + 2000 * 64 + 5)
    with pytest.raises(ValueError, match=r"ends within row 2000.*Rows 2000 to 2999 are missing"):
        SparseAutoencoderTransformer(4).fit(X)


@pytest.mark.usefixtures("always_on_disk")
@posix_files
def test_a_file_cut_short_meanwhile_names_the_rows(mapped, tmp_path):
    source = on_disk(mapped(ROWS))
    with open(tmp_path / "X.npy", "r+b") as file:
        file.truncate(128 + 2000 * 64)
    np.testing.assert_array_equal(source[1900:2000].read(), ROWS[1900:2000])
    with pytest.raises(ValueError, match="Rows 1900 to 2099 of X came as 100 rows"):
        source[1900:2100].read()


def test_what_is_small_or_in_memory_is_an_array(mapped):
    X = mapped(ROWS)
    assert type(on_disk(X)) is np.ndarray
    np.testing.assert_array_equal(on_disk(X), ROWS)
    in_memory = X + 1  # of the class of maps
    for rows in (
        ROWS,
        in_memory,
        Sliced(ROWS),
        [[1.0]],
        mapped(ROWS[0]),
        mapped(ROWS.astype(complex)),
    ):
        assert on_disk(rows) is rows


@pytest.mark.usefixtures("always_on_disk")
def test_rows_are_read_in_their_order_only():
    with pytest.raises(ValueError, match="in their order"):
        on_disk(Sliced(ROWS))[::2]


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "options", [{}, {"loss": "cross_entropy"}, {"decoder_activation": "logistic"}]
)
def test_a_fit_from_disk_is_the_fit_in_memory(mapped, dtype, options):
    model = SparseAutoencoderTransformer(
        6, max_iter=12, tol=0, sparsity_weight=0.01, random_state=0, **options
    )
    X = ROWS.astype(dtype)
    expected, tolerance = model.fit(X).loss_, 1e-8 if dtype == np.float64 else 1e-4
    weights, code = model.components_, model.transform(X)
    for rows in (mapped(X), Sliced(X)):
        model.fit(rows)
        assert model.loss_ == pytest.approx(expected, rel=tolerance)
        np.testing.assert_allclose(model.transform(rows), model.transform(X), rtol=1e-6)
        assert model.score(rows) == pytest.approx(model.score(X), rel=1e-6)
        np.testing.assert_allclose(model.score_samples(rows), model.score_samples(X), rtol=1e-6)
        np.testing.assert_allclose(model.reconstruct(rows), model.reconstruct(X), rtol=1e-6)
    if not options and dtype == np.float64:  # the same blocks in the same order
        np.testing.assert_array_equal(model.components_, weights)
        np.testing.assert_array_equal(model.transform(X), code)


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize(("solver", "evaluations_read"), [("lbfgs", 2), ("adam", 1)])
def test_iterations_read_the_rows_so_many_times(solver, evaluations_read):
    def rows_given(max_iter, **options):
        rows = Sliced(ROWS)
        SparseAutoencoderTransformer(
            6, solver=solver, max_iter=max_iter, tol=0, random_state=0, **options
        ).fit(rows)
        return rows.n_given / len(ROWS)

    evaluations = 4 if solver == "adam" else 5  # the line search may need one more
    assert 4 * evaluations_read <= rows_given(12) - rows_given(8) <= evaluations * evaluations_read
    if solver == "lbfgs":
        options = {"loss": "cross_entropy"}
        assert 4 <= rows_given(12, **options) - rows_given(8, **options) <= 5


@pytest.mark.usefixtures("always_on_disk")
def test_adam_sees_each_row_once_an_epoch_in_batches_of_about_one_size_and_far_apart():
    X = on_disk(Sliced(np.arange(3000.0)[:, np.newaxis] * np.ones(8)))
    epochs = [
        [
            batch[:, 0].copy()
            for batch in _rows.batches.mini_batches(X, 100, np.random.default_rng(0))
        ]
        for _ in range(2)
    ]
    for batches in epochs:
        np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(3000))
        assert {len(batch) for batch in batches} <= set(range(90, 101))
        assert (
            min(len(np.unique(batch // 64)) for batch in batches) > 8
        )  # of the 15 chunks in a pool
    other = list(_rows.batches.mini_batches(X, 100, np.random.default_rng(1)))
    assert not np.array_equal(other[0][:, 0], epochs[0][0])


def test_a_file_of_one_pool_is_shuffled_as_in_memory(mapped):
    model = SparseAutoencoderTransformer(
        6, solver="adam", max_iter=2, random_state=0, early_stopping=True
    )
    expected = model.fit(ROWS).components_
    np.testing.assert_array_equal(model.fit(mapped(ROWS)).components_, expected)


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_rows_of_a_file_are_held_out_in_chunks(mapped, solver):
    model = SparseAutoencoderTransformer(
        6, solver=solver, max_iter=5, random_state=0, early_stopping=True
    ).fit(mapped(ROWS))
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)


@pytest.mark.usefixtures("always_on_disk")
def test_each_row_is_held_out_or_not():
    X = on_disk(Sliced(np.arange(3000.0)[:, np.newaxis] * np.ones(8)))
    train, held_out = X.hold_out(0.2, np.random.default_rng(0))
    train_rows, out_rows = train.read()[:, 0], held_out.read()[:, 0]
    assert len(train_rows) == train.shape[0]
    assert 0.15 * 3000 < len(out_rows) == held_out.shape[0] < 0.25 * 3000
    assert len(np.unique(out_rows // 64)) == len(out_rows) / 64
    np.testing.assert_array_equal(np.sort(np.concatenate([train_rows, out_rows])), np.arange(3000))
    np.testing.assert_array_equal(train[100:500][7:300].read()[:, 0], train_rows[107:400])


@pytest.mark.usefixtures("always_on_disk")
def test_partial_fit_from_disk(mapped):
    model = SparseAutoencoderTransformer(6, solver="adam", random_state=0)
    model.partial_fit(ROWS[:100].astype(np.float32)).partial_fit(mapped(ROWS))
    assert model.components_.dtype == np.float32
    assert model.loss_ == pytest.approx(
        SparseAutoencoderTransformer.score_samples(model, ROWS).mean() * -1, rel=1
    )


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "contains NaN"), (np.inf, "contains infinity")]
)
def test_what_is_not_finite_is_refused_naming_rows(mapped, value, message):
    X = ROWS.copy()
    X[2500, 3] = value
    model = SparseAutoencoderTransformer(4)
    with pytest.raises(ValueError, match=rf"(?s)Rows 2048 to 2999: .*{message}"):
        model.fit(mapped(X))
    assert not hasattr(model, "components_")


@pytest.mark.usefixtures("always_on_disk")
def test_the_range_of_cross_entropy_is_that_of_all_rows(mapped):
    model = SparseAutoencoderTransformer(4, loss="cross_entropy", max_iter=3, tol=0, random_state=0)
    X = ROWS.copy()
    X[2500, 3] = 1 + 1e-10  # a rounding error
    assert model.fit(mapped(X)).loss_ == pytest.approx(model.fit(X).loss_, rel=1e-9)
    X[2500, 3] = 1.5
    with pytest.raises(ValueError, match=r"in \[0, 1\].*1\.5"):
        model.fit(mapped(X))


@pytest.mark.usefixtures("always_on_disk")
def test_columns_are_counted(mapped):
    model = SparseAutoencoderTransformer(4, max_iter=2, tol=0).fit(ROWS)
    with pytest.raises(
        ValueError, match="X has 7 features, but SparseAutoencoderTransformer is expecting 8"
    ):
        model.transform(mapped(ROWS[:, :7].copy()))


@pytest.mark.usefixtures("always_on_disk")
def test_the_variational_autoencoder_reads_files_too(mapped):
    model = VariationalAutoencoderTransformer(2, max_iter=2, random_state=0).fit(mapped(ROWS))
    np.testing.assert_allclose(
        model.transform(mapped(ROWS)), model.transform(ROWS), rtol=1e-6, atol=1e-9
    )
    assert model.score(mapped(ROWS)) == pytest.approx(model.score(ROWS), rel=1e-6)
    np.testing.assert_allclose(model.reconstruct(mapped(ROWS)), model.reconstruct(ROWS), rtol=1e-6)


# ------------------------------------------------------------------------------------ files that change under a fit


def at_evaluation(monkeypatch, number, change):
    """From now on, `change` comes before so many readings of blocks."""
    read, numbers = RowSource.read, count(1)

    def read_later(self):
        if next(numbers) == number:
            change()
        return read(self)

    monkeypatch.setattr(RowSource, "read", read_later)


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@posix_files
def test_a_file_that_is_replaced_during_a_fit_changes_nothing(
    mapped, tmp_path, monkeypatch, solver
):
    model = SparseAutoencoderTransformer(4, solver=solver, max_iter=4, tol=0, random_state=0)
    expected = model.fit(mapped(ROWS)).loss_curve_
    np.save(tmp_path / "new.npy", ROWS + 50)
    at_evaluation(monkeypatch, 40, lambda: (tmp_path / "new.npy").replace(tmp_path / "X.npy"))
    assert model.fit(np.load(tmp_path / "X.npy", mmap_mode="r")).loss_curve_ == expected


def later(path, seconds=5):
    """As if it had been written so much later: the clock of a file system may be a coarse one."""
    stat = os.stat(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + seconds * 10**9))


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("view", [lambda X: X, lambda X: X[:, :5]], ids=["file", "memory"])
@pytest.mark.parametrize("kind", [SparseAutoencoderTransformer, VariationalAutoencoderTransformer])
def test_a_file_that_is_written_to_during_a_fit_is_an_error_that_names_it(
    mapped, tmp_path, monkeypatch, view, kind
):
    X, path, model = (
        view(mapped(ROWS)),
        tmp_path / "X.npy",
        kind(2, max_iter=2, tol=0, random_state=0),
    )
    before = dict(vars(model))
    at_evaluation(monkeypatch, 40, lambda: later(path))
    with pytest.raises(
        ValueError, match=rf"{re.escape(str(path))} has changed.*last changed \+5 s"
    ):
        model.fit(X)
    assert vars(model) == before


@pytest.mark.usefixtures("always_on_disk")
@posix_files
def test_a_map_whose_file_is_cut_short_between_two_readings_is_an_error_too(
    mapped, tmp_path, monkeypatch
):
    X = mapped(ROWS)[:, :5]
    at_evaluation(monkeypatch, 40, lambda: os.truncate(tmp_path / "X.npy", 5000))
    with pytest.raises(ValueError, match=r"has changed.*it had 192128 bytes and has 5000"):
        SparseAutoencoderTransformer(4, max_iter=2, tol=0, random_state=0).fit(X)


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5, -3.0])
@pytest.mark.parametrize("options", [{}, {"loss": "cross_entropy"}, {"solver": "adam"}])
def test_values_that_leave_their_range_during_a_fit_are_an_error(monkeypatch, value, options):
    rows = ROWS.copy()
    at_evaluation(monkeypatch, 40, lambda: rows.__setitem__((1500, 3), value))
    with pytest.raises(
        ValueError,
        match=r"Rows \d+ to \d+ of X have changed while they were read: values were in \[",
    ):
        SparseAutoencoderTransformer(4, max_iter=3, tol=0, random_state=0, **options).fit(
            Sliced(rows)
        )


@pytest.mark.usefixtures("always_on_disk")
def test_slices_of_another_width_are_said_to_be_so():
    class Narrow(Sliced):
        def __getitem__(self, rows):
            return self.X[rows, :4]

    with pytest.raises(ValueError, match=r"Rows 0 to 1023 of X came with \(4,\) columns"):
        SparseAutoencoderTransformer(4).fit(Narrow(ROWS))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no list of descriptors")
@pytest.mark.usefixtures("always_on_disk")
def test_a_file_is_closed_after_the_fit(mapped):
    X, model = mapped(ROWS), SparseAutoencoderTransformer(4, max_iter=2, tol=0, random_state=0)
    model.fit(X)
    before = len(os.listdir("/dev/fd"))
    model.fit(X).transform(X)
    assert len(os.listdir("/dev/fd")) <= before  # less, if something else was collected meanwhile


@pytest.mark.usefixtures("always_on_disk")
def test_reading_without_the_systems_positioned_reads(mapped, monkeypatch):
    source = on_disk(mapped(ROWS))
    monkeypatch.delattr(os, "preadv", raising=False)
    np.testing.assert_array_equal(source[700:900].read(), ROWS[700:900])
