"""Write the files of this release that later ones must read: ``python tests/corpus/make.py``.

Run it on the oldest versions that are claimed to work.

There is a folder for each minor version. Its files are made once, at the release, and never again:
they are what users have.
"""

import pickle
import platform
import sys
import warnings
from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
import onnx
import scipy
import skl2onnx
import sklearn
import skops
import skops.io
from sklearn.datasets import load_digits

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
    __version__,
)
from skl_sparse_ae.export import register_converters

FOLDER = Path(__file__).parent / ".".join(__version__.split(".")[:2])
LOSSES = ("squared_error", "cross_entropy")
SHORT = {"max_iter": 30, "random_state": 0}


def rows():
    """Digits of 4 x 4 pixels in [0, 1], (90, 16)."""
    return load_digits().images[:90].reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16) / 16


def fits(X):
    """Names and fitted estimators: float64 by L-BFGS, float32 by Adam."""
    topk = TopKAutoencoderTransformer(6, n_nonzero_coefs=2, sparse_output=False, **SHORT)
    yield "topk", topk.fit(X.astype(np.float32))
    for loss in LOSSES:
        yield f"lbfgs-{loss}", SparseAutoencoderTransformer(5, loss=loss, **SHORT).fit(X)
        yield (
            f"adam-{loss}",
            SparseAutoencoderTransformer(5, loss=loss, solver="adam", **SHORT).fit(
                X.astype(np.float32)
            ),
        )
        network = VariationalAutoencoderTransformer(
            2, hidden_layer_sizes=(6,), activation="elu", loss=loss, **SHORT
        )
        yield f"variational-{loss}", network.fit(X.astype(np.float32))


def main():
    FOLDER.mkdir(exist_ok=True)
    register_converters()
    X = rows()
    expected = {"X": X}
    for name, model in fits(X[:60]):
        (FOLDER / f"{name}.pickle").write_bytes(pickle.dumps(model))
        skops.io.dump(model, FOLDER / f"{name}.skops", compression=ZIP_DEFLATED)
        has_scores = not isinstance(model, VariationalAutoencoderTransformer)
        options = {
            id(model): {"reconstruct": True} | ({"score_samples": True} if has_scores else {})
        }
        (FOLDER / f"{name}.onnx").write_bytes(
            skl2onnx.to_onnx(model, X[:1], options=options).SerializeToString()
        )
        for method in ("transform", "reconstruct", *(["score_samples"] if has_scores else [])):
            expected[f"{name}.{method}"] = getattr(model, method)(X[60:])
        if not name.startswith("lbfgs"):
            expected[f"{name}.resumed"] = model.partial_fit(X[:60].astype(np.float32)).transform(
                X[60:]
            )
    np.savez_compressed(FOLDER / "expected.npz", **expected)
    versions = {
        module.__name__: module.__version__
        for module in (np, scipy, sklearn, skops, skl2onnx, onnx)
    }
    versions = {"skl_sparse_ae": __version__, "python": platform.python_version()} | versions
    (FOLDER / "versions.txt").write_text(
        "".join(f"{name} {version}\n" for name, version in versions.items())
    )


if __name__ == "__main__":
    with warnings.catch_warnings(action="ignore"):  # fits of 30 iterations are not converged
        sys.exit(main())
