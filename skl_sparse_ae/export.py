"""Fitted autoencoders without this package: as one NumPy source file, or as a PyTorch module."""

import hashlib
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from skl_sparse_ae._nn.losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae._version import __version__

__all__ = ["to_source", "to_torch"]

SOURCE = '''"""A sparse autoencoder of {n_features} features and {n_components} units, written by skl_sparse_ae {version}.

It needs NumPy, and the file of weights named below, which has to lie beside this one. Rows X are float32 or float64 of
shape (n_rows, {n_features}); results have their dtype. What is not finite, or overflows, is a ValueError.
"""

import hashlib
from pathlib import Path

import numpy as np

with np.load(Path(__file__).with_name({weights})) as _file:
    ENCODER, ENCODER_BIAS = _file["encoder"], _file["encoder_bias"]  # ({n_components}, {n_features}), ({n_components},)
    DECODER, DECODER_BIAS = _file["decoder"], _file["decoder_bias"]  # ({n_components}, {n_features}), ({n_features},)
_bytes = b"".join(part.tobytes() for part in (ENCODER, ENCODER_BIAS, DECODER, DECODER_BIAS))
if hashlib.sha256(_bytes).hexdigest() != "{digest}":
    raise ImportError("These weights belong to another export. Write both files again.")


def transform(X):
    """The code of each row: between 0 and 1, of shape (n_rows, {n_components})."""
    X = _checked(X, {n_features})
    return _finite(_sigmoid(_affine(X, ENCODER.T, ENCODER_BIAS)))


def inverse_transform(code):
    """The rows that codes (n_rows, {n_components}) stand for."""
    return _finite({output})


def reconstruct(X):
    """The rows that the codes of X stand for."""
    return inverse_transform(transform(X))


def score_samples(X):
    """Minus the {loss}, mean over features, float64: low for rows unlike those of the training."""
    X = _checked(X, {n_features})
{score}


def _raw(code):
    """What the decoder puts out before its activation."""
    return _affine(_checked(code, {n_components}), DECODER, DECODER_BIAS)


def _checked(X, n_columns):
    X = np.asarray(X)
    X = X if X.dtype == np.float32 else X.astype(np.float64)
    if X.ndim != 2 or X.shape[1] != n_columns:
        raise ValueError(f"Expected rows of {{n_columns}} numbers, got an array of shape {{X.shape}}.")
    return _finite(X)


def _affine(X, W, b):
    with np.errstate(all="ignore"):
        return X @ W.astype(X.dtype, copy=False) + b.astype(X.dtype, copy=False)


def _sigmoid(Z):
    with np.errstate(all="ignore"):  # exp(710) = inf, and 1 / inf = 0 is the right answer
        return 1 / (1 + np.exp(-Z))


def _finite(values):
    if not np.isfinite(values).all():
        raise ValueError("Input or result is not finite.")
    return values
'''
SQUARED_ERROR = """    error = (reconstruct(X) - X).astype(np.float64)
    with np.errstate(all="ignore"):
        return -_finite((error * error).mean(axis=1))"""
CROSS_ENTROPY = """    tolerance = np.sqrt(np.finfo(X.dtype).eps)
    if X.min(initial=0) < -tolerance or X.max(initial=1) > 1 + tolerance:
        raise ValueError(f"X must be in [0, 1], got values in [{float(X.min())!r}, {float(X.max())!r}].")
    X = np.clip(X, 0, 1)
    raw, X = _raw(transform(X)).astype(np.float64), X.astype(np.float64)
    with np.errstate(all="ignore"):
        losses = np.log1p(np.exp(-np.abs(raw))) + np.abs(raw) * np.where(raw > 0, 1 - X, X)
        entropy = -X * np.log(np.where(X > 0, X, 1)) - (1 - X) * np.log(np.where(X < 1, 1 - X, 1))
    return -_finite(np.maximum(losses - entropy, 0).mean(axis=1))"""
ERRORS = {
    SquaredError: "squared error of each row",
    LogisticSquaredError: "squared error of each row",
    CrossEntropy: "Kullback-Leibler divergence of each row, which has to be in [0, 1], from its reconstruction",
}


def to_source(model: SparseAutoencoderTransformer, path: str | os.PathLike) -> None:
    """Write a Python file that computes what `model` does, with NumPy alone, and its weights beside it.

    The file has the functions `transform`, `inverse_transform`, `reconstruct` and `score_samples`, is short enough to be read
    before it is trusted, and needs neither this package nor scikit-learn or SciPy. It holds one autoencoder, so a scaler
    in front of it has to be applied as well; for a Pipeline as a whole there is `skl_sparse_ae.onnx`.

    Parameters
    ----------
    model : SparseAutoencoderTransformer
        Fitted.
    path : path-like
        Of the source file, ending in ".py". The weights go into a file of that name ending in ".npz", which is no pickle. Both
        must stay together: the source refuses other weights. Files that exist are replaced, once the new ones are whole.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is no autoencoder.
    ValueError
        If `path` does not end in ".py".
    OSError
        If the files cannot be written. Those of before are still there then.

    Notes
    -----
    Rows whose offset is a thousand deviations or more lose digits in float32 here. Pass them as float64.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.export import to_source
    >>> model = SparseAutoencoderTransformer(32, tol=1e-3, random_state=0).fit(
    ...     load_digits().data / 16
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_source(model, Path(folder) / "digits_encoder.py")
    ...     print(sorted(file.name for file in Path(folder).iterdir()))
    ['digits_encoder.npz', 'digits_encoder.py']
    """
    _check_autoencoder(model, "to_source")
    path = Path(path)
    if path.suffix != ".py":
        raise ValueError(f"path has to end in '.py', got {str(path)!r}.")
    weights = path.with_suffix(".npz")
    arrays = {
        "encoder": model.components_,
        "encoder_bias": model.intercept_,
        "decoder": model.decoder_components_,
        "decoder_bias": model.decoder_intercept_,
    }
    digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays.values())).hexdigest()
    file = io.BytesIO()
    np.savez(file, **arrays)
    source = _source(model, weights.name, digest).encode("ascii")
    _write_together({weights: file.getvalue(), path: source})


def _write_together(contents):
    """Replace files, {path: bytes}, when all of the new ones are whole: whatever fails, no old one is lost before."""
    parts = {path: path.with_name(f"{path.name}.{os.getpid()}.partial") for path in contents}
    if folders := [str(path) for path in contents if path.is_dir()]:
        raise IsADirectoryError(
            f"{', '.join(map(repr, folders))} is a folder. Choose another name."
        )
    try:
        for path, content in contents.items():
            with parts[path].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink()


def _source(model, weights, digest):
    n_components, n_features = model.components_.shape
    return SOURCE.format(
        n_components=int(n_components),
        n_features=int(n_features),
        version=__version__,
        weights=ascii(
            weights
        ),  # a name may hold anything: as a literal, in ASCII, it cannot end or become code
        digest=digest,
        loss=ERRORS[model._loss()],
        output="_raw(code)" if model._loss() is SquaredError else "_sigmoid(_raw(code))",
        score=CROSS_ENTROPY if model._loss() is CrossEntropy else SQUARED_ERROR,
    )


def to_torch(model: SparseAutoencoderTransformer) -> Any:
    """The autoencoder as a `torch.nn.Sequential` of `encoder` and `decoder`, made of torch's own layers only.

    ``module(X)`` is `reconstruct`, ``module.encoder(X)`` is `transform` and ``module.decoder(code)`` is
    `inverse_transform`. The precision is that of the weights, i.e. of the X given to `fit`; ``module.float()`` and
    ``module.double()`` change it. The weights are copies and can be trained on.

    Parameters
    ----------
    model : SparseAutoencoderTransformer
        Fitted.

    Returns
    -------
    module : torch.nn.Sequential

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is no autoencoder.

    Examples
    --------
    >>> module = to_torch(model)  # doctest: +SKIP
    >>> code = module.encoder(torch.from_numpy(X))  # doctest: +SKIP
    """
    _check_autoencoder(model, "to_torch")
    try:
        import torch
    except ImportError as error:
        raise ImportError("to_torch requires PyTorch. Install it by: pip install torch") from error
    encoder = [_linear(torch, model.components_, model.intercept_), torch.nn.Sigmoid()]
    decoder = [_linear(torch, model.decoder_components_.T, model.decoder_intercept_)]
    decoder += [] if model._loss() is SquaredError else [torch.nn.Sigmoid()]
    module = torch.nn.Sequential()
    module.add_module("encoder", torch.nn.Sequential(*encoder))
    module.add_module("decoder", torch.nn.Sequential(*decoder))
    return module


def _linear(torch, W, b):
    """``X @ W.T + b``."""
    weight, bias = (torch.from_numpy(np.array(part, order="C")) for part in (W, b))
    layer = torch.nn.utils.skip_init(
        torch.nn.Linear, W.shape[1], W.shape[0], dtype=weight.dtype
    )  # draws no numbers
    layer.weight.data, layer.bias.data = weight, bias
    return layer


def _check_autoencoder(model, caller):
    if not isinstance(model, SparseAutoencoderTransformer):
        raise TypeError(
            f"{caller} takes a SparseAutoencoderTransformer, e.g. a step of a Pipeline, got {type(model).__name__}."
        )
    model._check_fitted()
