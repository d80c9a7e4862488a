"""The weights of the sparse autoencoder as one flat vector: We, be, Wd, bd, row-major."""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._nn.origin import bias_at


class Weights(NamedTuple):
    """Encoder ``sigmoid(X @ We.T + be)`` and decoder ``A @ Wd + bd``. Row j of both matrices is code unit j."""

    We: np.ndarray  # (n_components, n_features)
    be: np.ndarray  # (n_components,)
    Wd: np.ndarray  # (n_components, n_features)
    bd: np.ndarray  # (n_features,)


def n_weights(n_components, n_features):
    return 2 * n_components * n_features + n_components + n_features


def unflatten(theta, n_components, n_features):
    """Views into theta: writing to them writes to theta."""
    k, d = n_components, n_features
    decoder = theta[k * d + k :]  # slices, because np.split costs as much as a small matrix product
    return Weights(
        theta[: k * d].reshape(k, d),
        theta[k * d : k * d + k],
        decoder[: k * d].reshape(k, d),
        decoder[k * d :],
    )


def flatten(weights, dtype=np.float64):
    """A new flat vector."""
    return np.concatenate([part.ravel() for part in weights]).astype(dtype, copy=False)


def of_centred(w, origin):
    """The weights that do to rows less `origin` what `w` do to the rows."""
    if origin is None:
        return w
    return Weights(w.We, bias_at(w.We, w.be, origin), w.Wd, w.bd - origin)


def of_rows(w, origin):
    """The inverse of `of_centred`."""
    return of_centred(w, -origin)
