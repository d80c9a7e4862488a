"""Fits of rows in files: those of the same rows in memory, or an error that names the file."""

import os
import re
import sys
from functools import partial

import numpy as np
import pytest
from scipy.special import expit

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # short fits
posix_files = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows lets no mapped file be replaced or cut short"
)
RNG = np.random.default_rng(0)
TOPK = partial(TopKAutoencoderTransformer, n_nonzero_coefs=2)
ROWS = expit(2 * RNG.normal(size=(3000, 2)) @ RNG.normal(size=(2, 8)))  # a plane, bent


@pytest.mark.usefixtures("either_way_of_reading")
@pytest.mark.parametrize("mode", ["r", "c"])
@posix_files
def test_a_file_that_ends_early_is_an_error_and_no_crash(mapped, tmp_path, mode):
    X = mapped(ROWS, mode)
    with open(tmp_path / "X.npy", "r+b") as file:
        file.truncate(128 + 2000 * 64 + 5)
    with pytest.raises(ValueError, match=r"ends within row 2000.*Rows 2000 to 2999 are missing"):
        SparseAutoencoderTransformer(4).fit(X)


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "options", [{}, {"loss": "cross_entropy"}, {"decoder_activation": "logistic"}]
)
def test_a_fit_from_disk_is_the_fit_in_memory(sliced, mapped, dtype, options):
    model = SparseAutoencoderTransformer(
        6, max_iter=12, tol=0, sparsity_weight=0.01, random_state=0, **options
    )
    X = ROWS.astype(dtype)
    expected, tolerance = model.fit(X).loss_, 1e-8 if dtype == np.float64 else 1e-4
    weights, code = model.components_, model.transform(X)
    for rows in (mapped(X), sliced(X)):
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
def test_iterations_read_the_rows_so_many_times(sliced, solver, evaluations_read):
    def rows_given(max_iter, **options):
        rows = sliced(ROWS)
        SparseAutoencoderTransformer(
            6, solver=solver, max_iter=max_iter, tol=0, random_state=0, **options
        ).fit(rows)
        return rows.n_given / len(ROWS)

    evaluations = 4 if solver == "adam" else 5  # the line search may need one more
    assert 4 * evaluations_read <= rows_given(12) - rows_given(8) <= evaluations * evaluations_read
    if solver == "lbfgs":
        options = {"loss": "cross_entropy"}
        assert 4 <= rows_given(12, **options) - rows_given(8, **options) <= 5


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
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_topk_fit_from_disk(sliced, mapped, dtype, early_stopping):
    X = ROWS.astype(dtype)
    model = TOPK(6, max_iter=5, early_stopping=early_stopping, random_state=0)
    for rows in (mapped(X), sliced(X)):
        assert model.fit(rows).loss_ < 0.1 * X.var(axis=0).mean()
        code = model.transform(rows)
        if not early_stopping:
            assert code.nnz == 2 * len(X)
        assert (code != model.transform(X)).nnz == 0
        assert model.score(rows) == pytest.approx(model.score(X), rel=1e-6)
        np.testing.assert_allclose(model.score_samples(rows), model.score_samples(X), rtol=1e-6)
        np.testing.assert_allclose(model.reconstruct(rows), model.reconstruct(X), rtol=1e-6)
        assert model.partial_fit(rows).n_iter_ == 6


@pytest.mark.usefixtures("always_on_disk")
def test_the_variational_autoencoder_reads_files_too(mapped):
    model = VariationalAutoencoderTransformer(2, max_iter=2, random_state=0).fit(mapped(ROWS))
    np.testing.assert_allclose(
        model.transform(mapped(ROWS)), model.transform(ROWS), rtol=1e-6, atol=1e-9
    )
    assert model.score(mapped(ROWS)) == pytest.approx(model.score(ROWS), rel=1e-6)
    np.testing.assert_allclose(model.reconstruct(mapped(ROWS)), model.reconstruct(ROWS), rtol=1e-6)


# --------------------------------------------------------------- files that change under a fit


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@posix_files
def test_a_file_that_is_replaced_during_a_fit_changes_nothing(mapped, tmp_path, at_reading, solver):
    model = SparseAutoencoderTransformer(4, solver=solver, max_iter=4, tol=0, random_state=0)
    expected = model.fit(mapped(ROWS)).loss_curve_
    np.save(tmp_path / "new.npy", ROWS + 50)
    at_reading(40, lambda: (tmp_path / "new.npy").replace(tmp_path / "X.npy"))
    assert model.fit(np.load(tmp_path / "X.npy", mmap_mode="r")).loss_curve_ == expected


def later(path, seconds=5):
    """Set the time of the last change later. The clock of a file system may be coarse."""
    stat = os.stat(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + seconds * 10**9))


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("view", [lambda X: X, lambda X: X[:, :5]], ids=["file", "memory"])
@pytest.mark.parametrize(
    "kind", [SparseAutoencoderTransformer, VariationalAutoencoderTransformer, TOPK]
)
def test_a_file_that_is_written_to_during_a_fit_is_an_error_that_names_it(
    mapped, tmp_path, at_reading, view, kind
):
    X, path, model = (
        view(mapped(ROWS)),
        tmp_path / "X.npy",
        kind(2, max_iter=2, tol=0, random_state=0),
    )
    before = dict(vars(model))
    at_reading(40, lambda: later(path))
    with pytest.raises(
        ValueError, match=rf"{re.escape(str(path))} changed while.*differs by \+5 s"
    ):
        model.fit(X)
    assert vars(model) == before


@pytest.mark.usefixtures("always_on_disk")
@posix_files
def test_a_map_whose_file_is_cut_short_between_two_readings_is_an_error_too(
    mapped, tmp_path, at_reading
):
    X = mapped(ROWS)[:, :5]
    at_reading(40, lambda: os.truncate(tmp_path / "X.npy", 5000))
    with pytest.raises(ValueError, match=r"changed while.*it had 192128 bytes and has 5000"):
        SparseAutoencoderTransformer(4, max_iter=2, tol=0, random_state=0).fit(X)


@pytest.mark.usefixtures("always_on_disk")
@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5, -3.0])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SparseAutoencoderTransformer, {}),
        (SparseAutoencoderTransformer, {"loss": "cross_entropy"}),
        (SparseAutoencoderTransformer, {"solver": "adam"}),
        (TOPK, {}),
    ],
)
def test_values_that_leave_their_range_during_a_fit_are_an_error(
    sliced, at_reading, value, kind, options
):
    rows = ROWS.copy()
    at_reading(40, lambda: rows.__setitem__((1500, 3), value))
    with pytest.raises(
        ValueError,
        match=r"Rows \d+ to \d+ of X changed while they were read: values were in \[",
    ):
        kind(4, max_iter=3, tol=0, random_state=0, **options).fit(sliced(rows))


@pytest.mark.usefixtures("always_on_disk")
def test_slices_of_another_width_are_said_to_be_so(sliced):
    class Narrow(sliced):
        def __getitem__(self, rows):
            return self.X[rows, :4]

    with pytest.raises(ValueError, match=r"Rows 0 to 1023 of X have columns of shape \(4,\)"):
        SparseAutoencoderTransformer(4).fit(Narrow(ROWS))


def descriptors_of(path):
    """The number of this process's descriptors of a file; others come and go with other tests."""
    opened = (os.path.realpath(f"/dev/fd/{number}") for number in os.listdir("/dev/fd"))
    return sum(name == os.path.realpath(path) for name in opened)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no list of descriptors")
@pytest.mark.usefixtures("always_on_disk")
def test_a_file_is_closed_after_the_fit(mapped):
    X, model = mapped(ROWS), SparseAutoencoderTransformer(4, max_iter=2, tol=0, random_state=0)
    model.fit(X)
    before = descriptors_of(X.filename)
    model.fit(X).transform(X)
    assert descriptors_of(X.filename) == before
