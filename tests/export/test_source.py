"""The source file is run without this package and must give the same numbers."""

import errno
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.export import _source, to_source

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)
# Run in a process that can import only NumPy and the standard library, with warnings as errors.
ELSEWHERE = """
import sys, warnings
for name in ("skl_sparse_ae", "sklearn", "scipy", "joblib", "threadpoolctl"):
    sys.modules[name] = None
warnings.simplefilter("error")
import numpy as np
np.seterr(all="raise")
sys.path.insert(0, ".")
import exported
X = np.load("X.npy")
code = exported.transform(X)
results = {"transform": code, "inverse_transform": exported.inverse_transform(code)}
results |= {"reconstruct": exported.reconstruct(X), "score_samples": exported.score_samples(X)}
np.savez("results.npz", **results)
"""


def results_elsewhere(model, X, folder):
    to_source(model, folder / "exported.py")
    np.save(folder / "X.npy", X)
    subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=folder, check=True)
    with np.load(folder / "results.npz") as file:
        return dict(file)


def scorable(model, X):
    """The rows for which the loss is defined."""
    return X[((X >= 0) & (X <= 1)).all(axis=1)] if model.loss == "cross_entropy" else X


@every_dtype
def test_the_source_alone_gives_the_same_numbers(any_autoencoder, unseen, dtype, tmp_path, rounded):
    X = scorable(any_autoencoder, unseen).astype(dtype)
    got = results_elsewhere(any_autoencoder, X, tmp_path)
    code = any_autoencoder.transform(X)
    exact_code, exact_rows = rounded(any_autoencoder, X)
    exact_code.check(got["transform"], code)
    exact_rows.check(got["inverse_transform"], any_autoencoder.inverse_transform(code))
    exact_rows.check(got["reconstruct"], any_autoencoder.reconstruct(X))
    # A divergence is as exact as its logits.
    tolerance = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    np.testing.assert_allclose(got["score_samples"], any_autoencoder.score_samples(X), **tolerance)
    assert got["transform"].dtype == got["reconstruct"].dtype == dtype
    assert got["score_samples"].dtype == np.float64


@every_dtype
def test_the_source_of_a_topk_model_has_the_same_codes(topk, unseen, dtype, tmp_path, rounded):
    X = unseen.astype(dtype)
    got = results_elsewhere(topk, X, tmp_path)
    code, rows = rounded(topk, X)
    expected = topk.transform(X).toarray()
    code.check(got["transform"], expected)
    np.testing.assert_array_equal(got["transform"] > 0, expected > 0)
    rows.check(got["inverse_transform"], topk.inverse_transform(expected))
    rows.check(got["reconstruct"], topk.reconstruct(X))
    np.testing.assert_allclose(
        got["score_samples"],
        topk.score_samples(X),
        rtol=10 * TOLERANCE[dtype],
        atol=TOLERANCE[dtype],
    )
    assert got["transform"].dtype == got["reconstruct"].dtype == dtype
    assert got["score_samples"].dtype == np.float64


def test_the_source_of_a_topk_model_refuses_what_the_model_refuses(topk, tmp_path):
    to_source(topk, tmp_path / "exported.py")
    exported = imported(tmp_path / "exported.py")
    for X in (1e308 * np.sign(topk.components_[:2]), np.full((2, 64), np.nan), np.zeros((2, 63))):
        with pytest.raises(ValueError, match=r"overflows|NaN|features"):
            topk.transform(X)
        with pytest.raises(ValueError, match=r"Expected rows of|not finite"):
            exported.transform(X)
    lines = (tmp_path / "exported.py").read_text().splitlines()
    assert len(lines) < 90
    assert max(map(len, lines)) <= 100


@pytest.fixture(scope="module")
def exported(autoencoder, tmp_path_factory):
    """The names that the source of `autoencoder` defines."""
    path = tmp_path_factory.mktemp("exported") / "digits.py"
    to_source(autoencoder, path)
    names = {"__file__": str(path)}
    exec(compile(path.read_text(), path, "exec"), names)
    return names


@pytest.mark.parametrize(
    ("function", "X"),
    [
        ("transform", np.zeros(64)),
        ("transform", np.zeros((2, 63))),
        ("transform", np.full((2, 64), np.nan)),
        ("inverse_transform", np.zeros((2, 64))),
        ("inverse_transform", np.full((2, 7), 1e308)),
        ("score_samples", np.full((2, 64), 1e200)),
    ],
    ids=["one row", "columns", "NaN", "columns of a code", "overflow", "overflow of the loss"],
)
def test_the_source_refuses_what_the_estimator_refuses(autoencoder, exported, function, X):
    with pytest.raises(ValueError):  # noqa: PT011  the same kind of error is what is asked for, each in its own words
        getattr(autoencoder, function)(X)
    with pytest.raises(ValueError, match=r"Expected rows of|not finite"):
        exported[function](X)


@pytest.mark.parametrize("value", [-0.1, 1.1, 16])
def test_the_source_of_a_cross_entropy_refuses_scores_of_other_ranges(images, tmp_path, value):
    with pytest.warns(ConvergenceWarning):
        model = SparseAutoencoderTransformer(
            7, loss="cross_entropy", max_iter=5, random_state=0
        ).fit(images)
    to_source(model, tmp_path / "digits.py")
    names = {"__file__": str(tmp_path / "digits.py")}
    exec(compile((tmp_path / "digits.py").read_text(), "digits.py", "exec"), names)
    rows, rounded = images.copy(), np.clip(1e6 * images, -1e-12, 1 + 1e-12)
    rows[3, 5] = value
    for score_samples in (model.score_samples, names["score_samples"]):
        with pytest.raises(ValueError, match=rf"X must be in \[0, 1\].*got values in .*{value}"):
            score_samples(rows)
        np.testing.assert_allclose(
            score_samples(rounded), score_samples(rounded.clip(0, 1)), rtol=1e-14
        )


def test_lists_and_integers_are_rows_too(autoencoder, exported):
    X = np.arange(128).reshape(2, 64) % 2
    np.testing.assert_allclose(
        exported["transform"](X.tolist()), autoencoder.transform(X), rtol=1e-12
    )


def test_weights_are_no_pickle_and_the_source_is_short(autoencoder, tmp_path):
    to_source(autoencoder, str(tmp_path / "digits.py"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["digits.npz", "digits.py"]
    with np.load(tmp_path / "digits.npz", allow_pickle=False) as file:
        assert {name: file[name].shape for name in file} == {
            "encoder": (7, 64),
            "encoder_bias": (7,),
            "decoder": (7, 64),
            "decoder_bias": (64,),
        }
    lines = (tmp_path / "digits.py").read_text().splitlines()
    assert len(lines) < 90
    assert max(map(len, lines)) <= 100


def test_a_path_without_py_is_refused_before_anything_is_written(autoencoder, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in '\.py'"):
        to_source(autoencoder, tmp_path / "digits")
    assert not list(tmp_path.iterdir())


def imported(path):
    """The module at a path, whatever its name."""
    spec = importlib.util.spec_from_file_location("exported", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NAMES = [
    'a"b',
    "a'b",
    "a\nb",
    "a\\b",
    "\\N{DASH}",
    "{braces}",
    "%s",
    '"""',
    "\ud800",
    "ä",
    "a b",
    "-",
    'x"); boom(',
]


@pytest.mark.skipif(sys.platform == "win32", reason="such names are no names of files there")
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_can_be_imported(autoencoder, images, tmp_path, name):
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        name = os.fsdecode(b"a\xff")
    to_source(autoencoder, tmp_path / f"{name}.py")
    code = imported(tmp_path / f"{name}.py").transform(images)
    np.testing.assert_allclose(code, autoencoder.transform(images), rtol=0, atol=1e-12)
    assert len(list(tmp_path.iterdir())) == 2 + (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize("broken", [1, 2])
@pytest.mark.parametrize("step", ["open", "fsync", "write"])
def test_a_full_disk_leaves_the_files_of_before(
    autoencoder, images, tmp_path, monkeypatch, step, broken
):
    path, calls = tmp_path / "exported.py", []
    to_source(autoencoder, path)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    def full(function):
        def call(*args, **kwargs):
            calls.append(args)
            if len(calls) == broken:
                raise OSError(errno.ENOSPC, "No space left on device")
            return function(*args, **kwargs)

        return call

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full(os.fsync))
    elif step == "open":
        monkeypatch.setattr(Path, "open", full(Path.open))
    else:
        monkeypatch.setattr(_source, "_source_code", full(_source._source_code))
        calls += [None] * (broken - 1)
    other = SparseAutoencoderTransformer(3, max_iter=2, random_state=0)
    with pytest.warns(ConvergenceWarning):
        other.fit(images)
    with pytest.raises(OSError, match="No space left"):
        to_source(other, path)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_weights_of_another_export_are_refused(autoencoder, images, tmp_path):
    to_source(autoencoder, tmp_path / "one.py")
    other = SparseAutoencoderTransformer(3, max_iter=2, random_state=0)
    with pytest.warns(ConvergenceWarning):
        other.fit(images)
    to_source(other, tmp_path / "two.py")
    (tmp_path / "two.npz").replace(tmp_path / "one.npz")
    with pytest.raises(ImportError, match="belong to another export"):
        imported(tmp_path / "one.py")


def test_a_folder_is_not_replaced(autoencoder, tmp_path):
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        to_source(autoencoder, tmp_path / "folder.py")
    assert [file.name for file in tmp_path.iterdir()] == ["folder.py"]


def test_an_export_is_the_same_every_time(autoencoder, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        to_source(autoencoder, tmp_path / name / "exported.py")
    sources = {(tmp_path / name / "exported.py").read_bytes() for name in ("one", "two")}
    assert len(sources) == 1


@pytest.mark.parametrize("activation", ["identity", "tanh", "relu", "elu"])
def test_other_code_activations(with_activation, images, tmp_path, activation):
    model, activate = with_activation(activation)
    to_source(model, tmp_path / "exported.py")
    code = imported(tmp_path / "exported.py").transform(images)
    expected = activate(images @ model.components_.T + model.intercept_)
    np.testing.assert_allclose(code, expected, rtol=1e-10, atol=1e-12)
