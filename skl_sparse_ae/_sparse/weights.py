"""The weights of the sparse autoencoder, and their flat vector: We, be, Wd, bd, each row-major."""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._nn.origin import bias_at


class Weights(NamedTuple):
    """Encoder ``X @ We.T + be`` and decoder ``A @ Wd + bd``. Row j of both is code unit j."""

    We: np.ndarray  # (n_components, n_features)
    be: np.ndarray  # (n_components,)
    Wd: np.ndarray  # (n_components, n_features)
    bd: np.ndarray  # (n_features,)


def n_weights(n_components, n_features):
    """The length of the flat vector."""
    return 2 * n_components * n_features + n_components + n_features


def unflatten(flat, n_components, n_features):
    """`Weights` that are views into `flat`: writing to them writes to it."""
    k, d = n_components, n_features
    decoder = flat[k * d + k :]  # slices: np.split costs as much as a small matrix product
    We, be = flat[: k * d].reshape(k, d), flat[k * d : k * d + k]
    return Weights(We, be, decoder[: k * d].reshape(k, d), decoder[k * d :])


def flatten(weights, dtype=np.float64):
    """`Weights` as a new flat vector."""
    return np.concatenate([part.ravel() for part in weights]).astype(dtype, copy=False)


def of_centred(w, origin):
    """`w` as weights for rows minus `origin`; `w` itself if `origin` is None."""
    if origin is None:
        return w
    return Weights(w.We, bias_at(w.We, w.be, origin), w.Wd, w.bd - origin)


def of_rows(w, origin):
    """The inverse of `of_centred`, for an origin that is not None."""
    return of_centred(w, -origin)
