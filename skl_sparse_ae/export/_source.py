"""A fitted autoencoder as a NumPy source file and a file of weights."""

import hashlib
import io
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae._topk.estimator import TopKAutoencoderTransformer
from skl_sparse_ae._version import __version__
from skl_sparse_ae.export._model import (
    check_autoencoder,
    code_activation,
    output_activation,
    score_of,
    selection_rule,
)

SOURCE = '''"""A sparse autoencoder of {n_features} features and {n_components} units.

Written by skl_sparse_ae {version}. It needs NumPy, and in the same folder the file of weights that
is named below. Rows X have shape (n_rows, {n_features}) and are float32 or float64. Results have
the dtype of X. Values that are not finite, in X or in a result, raise ValueError.
"""

import hashlib
from pathlib import Path

import numpy as np

with np.load(Path(__file__).with_name({weights})) as _file:
    ENCODER = _file["encoder"]  # ({n_components}, {n_features})
    ENCODER_BIAS = _file["encoder_bias"]  # ({n_components},)
    DECODER = _file["decoder"]  # ({n_components}, {n_features})
    DECODER_BIAS = _file["decoder_bias"]  # ({n_features},)
_digest = "{digest}"
_bytes = b"".join(part.tobytes() for part in (ENCODER, ENCODER_BIAS, DECODER, DECODER_BIAS))
if hashlib.sha256(_bytes).hexdigest() != _digest:
    raise ImportError("These weights belong to another export. Write both files again.")


def transform(X):
    """The code of each row, of shape (n_rows, {n_components})."""
    X = _checked(X, {n_features})
    return _finite({code})


def inverse_transform(code):
    """The rows that codes (n_rows, {n_components}) represent."""
    return _finite({output})


def reconstruct(X):
    """The rows that the codes of X represent."""
    return inverse_transform(transform(X))


def score_samples(X):
    """{score_doc}"""
    X = _checked(X, {n_features})
{score}


def _raw(code):
    """The decoder's output before its activation."""
    return _affine(_checked(code, {n_components}), DECODER, DECODER_BIAS)


def _checked(X, n_columns):
    X = np.asarray(X)
    X = X if X.dtype == np.float32 else X.astype(np.float64)
    if X.ndim != 2 or X.shape[1] != n_columns:
        raise ValueError(f"Expected rows of {{n_columns}} numbers, got shape {{X.shape}}.")
    return _finite(X)


def _affine(X, W, b):
    with np.errstate(all="ignore"):
        return X @ W.astype(X.dtype, copy=False) + b.astype(X.dtype, copy=False)


{functions}def _finite(values):
    if not np.isfinite(values).all():
        raise ValueError("Input or result is not finite.")
    return values
'''
PRE_ACTIVATIONS = "_affine(X, ENCODER.T, ENCODER_BIAS)"
ACTIVATIONS = {
    "identity": "",
    "logistic": """def _logistic(Z):
    with np.errstate(all="ignore"):  # exp(710) = inf, and 1 / inf = 0 is the right answer
        return 1 / (1 + np.exp(-Z))
""",
    "tanh": """def _tanh(Z):
    return np.tanh(Z)
""",
    "relu": """def _relu(Z):
    return np.maximum(Z, 0)
""",
    "elu": """def _elu(Z):
    with np.errstate(all="ignore"):  # underflow
        return np.where(Z > 0, Z, np.expm1(np.minimum(Z, 0)))
""",
}
SELECTIONS = {
    "threshold": """def _selected(Z):
    with np.errstate(all="ignore"):
        return np.where(_finite(Z) > Z.dtype.type({number!r}), Z, 0)
""",
    "top_k": """def _selected(Z):
    units = np.argpartition(_finite(Z), {last}, axis=1)[:, {last}:]  # the {number!r} largest
    code = np.zeros_like(Z)
    values = np.take_along_axis(Z, units, axis=1)
    np.put_along_axis(code, units, np.maximum(values, 0), axis=1)
    return code
""",
}
SCORE_DOCS = {
    "squared_error": (
        "Minus the squared error of each row, mean over features, float64: low for unusual rows."
    ),
    "divergence": """Minus the Kullback-Leibler divergence of each row from its reconstruction.

    Mean over features, float64: low for unusual rows. X must be in [0, 1].
    """,
}
SCORES = {
    "squared_error": """    error = (reconstruct(X) - X).astype(np.float64)
    with np.errstate(all="ignore"):
        return -_finite((error * error).mean(axis=1))""",
    "divergence": """    tolerance = np.sqrt(np.finfo(X.dtype).eps)
    if X.min(initial=0) < -tolerance or X.max(initial=1) > 1 + tolerance:
        low, high = float(X.min()), float(X.max())
        raise ValueError(f"X must be in [0, 1], got values in [{low!r}, {high!r}].")
    X = np.clip(X, 0, 1)
    raw, X = _raw(transform(X)).astype(np.float64), X.astype(np.float64)
    with np.errstate(all="ignore"):
        losses = np.log1p(np.exp(-np.abs(raw))) + np.abs(raw) * np.where(raw > 0, 1 - X, X)
        entropy = -X * np.log(np.where(X > 0, X, 1)) - (1 - X) * np.log(np.where(X < 1, 1 - X, 1))
    return -_finite(np.maximum(losses - entropy, 0).mean(axis=1))""",
}


def to_source(
    model: SparseAutoencoderTransformer | TopKAutoencoderTransformer, path: str | os.PathLike
) -> None:
    """Write the model as a Python file that needs only NumPy, and a file of weights.

    The file has the functions `transform`, `inverse_transform`, `reconstruct` and `score_samples`.
    It is short enough to read, and needs neither this package nor scikit-learn nor SciPy. It
    contains only the autoencoder: apply a preceding scaler yourself. To export a whole Pipeline,
    use `register_converters`. NumPy has no sparse matrices, so the codes of a TopK model are dense
    arrays.

    Parameters
    ----------
    model : SparseAutoencoderTransformer or TopKAutoencoderTransformer
        Fitted.
    path : path-like
        Path of the source file; it must end in ".py". The weights are stored in a file of the same
        name that ends in ".npz", without pickle. Keep both files together: the source rejects other
        weights. Existing files are replaced once both new files are complete.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is another estimator.
    ValueError
        If `path` does not end in ".py", or the model has a code activation, a loss or a
        `transform_algorithm` that cannot be exported.
    OSError
        If the files cannot be written. Existing files are then left unchanged.

    Notes
    -----
    Rows whose offset is more than a thousand standard deviations lose digits in float32. Pass them
    as float64.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.export import to_source
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(32, tol=1e-3, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_source(model, Path(folder) / "digits_encoder.py")
    ...     print(sorted(file.name for file in Path(folder).iterdir()))
    ['digits_encoder.npz', 'digits_encoder.py']
    """
    check_autoencoder(model, "to_source")
    path = Path(path)
    if path.suffix != ".py":
        raise ValueError(f"path must end in '.py', got {str(path)!r}.")
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
    source = _source_code(model, weights.name, digest).encode("ascii")
    _write_together({weights: file.getvalue(), path: source})


def _write_together(contents):
    """Replace files, {path: bytes}, once all new ones are complete; a failure loses no old file."""
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


def _source_code(model, weights, digest):
    n_components, n_features = model.components_.shape
    of_topk = isinstance(model, TopKAutoencoderTransformer)
    return SOURCE.format(
        n_components=int(n_components),
        n_features=int(n_features),
        version=__version__,
        weights=ascii(weights),  # an ASCII literal: no file name can end it or become code
        digest=digest,
        **(_topk_parts if of_topk else _sparse_parts)(model),
    )


def _sparse_parts(model):
    """The parts that only the source of a `SparseAutoencoderTransformer` contains."""
    encoder, decoder, score = code_activation(model), output_activation(model), score_of(model)
    used = [ACTIVATIONS[name] for name in ACTIVATIONS if name in (encoder, decoder)]
    return {
        "code": _call(encoder, PRE_ACTIVATIONS),
        "output": _call(decoder, "_raw(code)"),
        "score_doc": SCORE_DOCS[score],
        "score": SCORES[score],
        "functions": "".join(f"{function}\n\n" for function in used if function),
    }


def _topk_parts(model):
    """The same for a `TopKAutoencoderTransformer`."""
    rule, number = selection_rule(model)
    last = len(model.intercept_) - number if rule == "top_k" else None
    return {
        "code": f"_selected({PRE_ACTIVATIONS})",
        "output": "_raw(code)",
        "score_doc": SCORE_DOCS["squared_error"],
        "score": SCORES["squared_error"],
        "functions": SELECTIONS[rule].format(number=number, last=last) + "\n\n",
    }


def _call(activation, argument):
    return argument if activation == "identity" else f"_{activation}({argument})"
