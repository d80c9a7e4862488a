"""Files of earlier releases, and of this one on the oldest dependencies, give the same results."""

import pickle
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from skl_sparse_ae import InconsistentVersionWarning, __version__

CORPUS = Path(__file__).parent / "corpus"
RELEASES = sorted(folder.name for folder in CORPUS.iterdir() if (folder / "expected.npz").exists())
NAMES = [
    "topk",
    *(
        f"{fit}-{loss}"
        for fit in ("lbfgs", "adam", "variational")
        for loss in ("squared_error", "cross_entropy")
    ),
]
KINDS = {"topk": "TopK", "lbfgs": "Sparse", "adam": "Sparse", "variational": "Variational"}
OUTPUTS = {
    "transform": "code",
    "reconstruct": "reconstruction",
    "score_samples": "score",
}  # of methods, in the graphs
every_release = pytest.mark.parametrize("release", RELEASES)
every_name = pytest.mark.parametrize("name", NAMES)


def from_pickle(path):
    return pickle.loads(path.with_name(f"{path.name}.pickle").read_bytes())


def from_skops(path):
    sio = pytest.importorskip("skops.io", reason="skops files are NOT TESTED without skops")
    kind = KINDS[path.name.partition("-")[0]]
    return sio.load(
        path.with_name(f"{path.name}.skops"),
        trusted=[f"skl_sparse_ae.{kind}AutoencoderTransformer"],
    )


def load(loader, release, name):
    """The estimator. Files of another minor version give our own warning, and no other.

    scikit-learn warns for its own classes only, and the files contain none.
    """
    is_same = release == ".".join(__version__.split(".")[:2])
    with (
        nullcontext()
        if is_same
        else pytest.warns(InconsistentVersionWarning, match=f"saved by skl_sparse_ae {release}")
    ):
        return loader(CORPUS / release / name)


def expected(release):
    with np.load(CORPUS / release / "expected.npz") as file:
        return dict(file)


def methods(name, want):
    """The methods whose results are stored."""
    return [method for method in OUTPUTS if f"{name}.{method}" in want]


def test_there_are_files_and_they_are_small():
    assert RELEASES
    assert sum(file.stat().st_size for file in CORPUS.rglob("*") if file.is_file()) < 200_000


@every_release
@every_name
@pytest.mark.parametrize("loader", [from_pickle, from_skops])
def test_estimators_compute_what_they_computed(release, name, loader):
    model, want = load(loader, release, name), expected(release)
    for method in methods(name, want):
        np.testing.assert_allclose(
            getattr(model, method)(want["X"][60:]), want[f"{name}.{method}"], rtol=1e-12, atol=1e-14
        )


@every_release
@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("lbfgs")])
@pytest.mark.parametrize("loader", [from_pickle, from_skops])
def test_training_goes_on_as_it_would_have(release, name, loader):
    model, want = load(loader, release, name), expected(release)
    with warnings.catch_warnings(action="ignore"):
        model.partial_fit(want["X"][:60].astype(np.float32))
    np.testing.assert_allclose(model.transform(want["X"][60:]), want[f"{name}.resumed"], rtol=1e-4)


@every_release
@every_name
def test_graphs_compute_what_they_computed(release, name):
    runtime = pytest.importorskip(
        "onnxruntime", reason="the ONNX files are NOT TESTED without onnxruntime"
    )
    path, want = CORPUS / release / f"{name}.onnx", expected(release)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for method in methods(name, want):
        (got,) = session.run([OUTPUTS[method]], {"X": want["X"][60:]})
        np.testing.assert_allclose(got, want[f"{name}.{method}"], rtol=1e-12, atol=1e-14)
