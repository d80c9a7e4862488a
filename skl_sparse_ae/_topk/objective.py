"""The objective of the TopK autoencoder and its gradient, on given supports.

    Z     = X We' + be                       pre-activations
    A     = Z where it is selected and positive, 0 elsewhere
    X_hat = A Wd + bd
    J     = mean over rows and features of (X_hat - X)^2

    dWd = A' G        dA = G Wd' where A > 0        dWe = dA' X        G = 2 (X_hat - X) / (n d)
    dbd = 1' G                                      dbe = 1' dA

| here      | shape  | is                             | public name           |
|-----------|--------|--------------------------------|-----------------------|
| X         | (n, d) | rows                           |                       |
| We        | (k, d) | encoder weights                | `components_`         |
| be        | (k,)   | encoder biases                 | `intercept_`          |
| A         | (n, k) | code, CSR                      | `transform(X)`        |
| Wd        | (k, d) | atoms, of unit norm            | `decoder_components_` |
| bd        | (d,)   | decoder biases                 | `decoder_intercept_`  |
| threshold | (1,)   | what an active unit exceeds    | `threshold_`          |

A unit of positive scale t could have atom ``Wd / t`` and weights ``t We``: nothing but the code
would change. Unit norm removes that freedom, so codes of two units are comparable, and selection by
size is fair. The gradient with respect to an atom is its part along the sphere.

With `nested_components` (Matryoshka), J is the mean of the squared errors of several prefixes of
the code: of its first units alone, and of all of them. So the first units learn what matters most.

The threshold is a weight without a gradient: J does not depend on it within a batch.

Sources: A. Makhzani & B. Frey, k-Sparse Autoencoders (2014); L. Gao et al., Scaling and evaluating
sparse autoencoders (2024); B. Bussmann, P. Leask & N. Nanda, BatchTopK Sparse Autoencoders (2024);
B. Bussmann et al., Learning Multi-Level Features with Matryoshka Sparse Autoencoders (2025).
"""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import column_sum, sum_of_squares

GATHERED = 2**18  # elements of the atoms that are gathered at a time: they stay in the cache


class Terms(NamedTuple):
    """The one term of J."""

    reconstruction: float


class Shape(NamedTuple):
    """The sizes of the network."""

    n_features: int
    n_components: int

    @property
    def n_weights(self):
        """The length of the flat vector."""
        return (2 * self.n_components + 1) * self.n_features + self.n_components + 1


class Weights(NamedTuple):
    """The weights: see the module's docstring."""

    We: np.ndarray
    be: np.ndarray
    Wd: np.ndarray
    bd: np.ndarray
    threshold: np.ndarray


def unflatten(flat, shape):
    """`Weights` that are views into `flat`: writing to them writes to it."""
    d, k = shape
    We, rest = flat[: k * d].reshape(k, d), flat[k * d :]  # np.split takes ten times as long
    be, Wd, rest = rest[:k], rest[k : k + k * d].reshape(k, d), rest[k + k * d :]
    return Weights(We, be, Wd, rest[:d], rest[d:])


def flatten(weights, dtype=np.float64):
    """A new flat vector."""
    return np.concatenate([np.ravel(part) for part in weights]).astype(dtype, copy=False)


def pre_activations(w, X):
    """Z (n_rows, n_components), a new array, for dense or sparse rows."""
    Z = X @ w.We.T
    Z += w.be
    return Z


def decode(w, A):
    """X_hat (n_rows, n_features), a new array, for a dense or sparse code."""
    X_hat = A @ w.Wd
    X_hat += w.bd
    return X_hat


class BlockGradient(NamedTuple):
    """What one block of rows adds to the objective."""

    square_error: float  # summed over rows and features
    n_uses: np.ndarray  # (n_components,): in how many rows a unit is active
    gradient: np.ndarray  # flat


def errors_of_prefixes(w, X, A, nested=()):
    """For each prefix of the code: its own part of A, the units in it, and the prefix's errors.

    `nested` are the numbers of units in the prefixes, ascending; the last prefix, all units, is not
    among them. The part of a prefix is without the units of the one before. Errors are new arrays,
    X_hat - X.
    """
    parts, start, X_hat = [], 0, w.bd
    for end in (*nested, A.shape[1]):
        units = slice(start, end)
        part = A if end - start == A.shape[1] else A[:, units]
        X_hat = part @ w.Wd[units] + X_hat
        parts.append((part, units, X_hat - X))
        start = end
    return parts


def backpropagate(w, shape, scale, X, A, buffer=None, nested=()):
    """The `BlockGradient` of dense rows X with code A, for `scale` times the squared error.

    The gradient is written to `buffer` (n_weights,), or to a new array.
    With several prefixes that is the mean of theirs. A unit has the errors of all prefixes that
    contain it.
    """
    gradient = np.empty(shape.n_weights, dtype=X.dtype) if buffer is None else buffer
    g = unflatten(gradient, shape)
    parts = errors_of_prefixes(w, X, A, nested)
    square_error = sum(sum_of_squares(error) for _, _, error in parts) / len(parts)
    G = np.zeros_like(X)
    for part, units, error in reversed(parts):
        error *= 2 * scale / len(parts)
        G += error
        transposed = part.T
        g.Wd[units] = transposed @ G
        d_A = transposed.data = to_active_units(w.Wd[units], G, part)
        g.We[units] = transposed @ X
        g.be[units] = np.bincount(part.indices, d_A, minlength=part.shape[1])
    remove_radial_part(g.Wd, w.Wd)
    g.bd[...] = column_sum(G)
    g.threshold[...] = 0
    n_uses = np.bincount(A.indices, minlength=shape.n_components)
    return BlockGradient(square_error, n_uses, gradient)


def remove_radial_part(gradient, atoms):
    """Subtract from each row of `gradient` its part along that row of `atoms`, of unit norm."""
    radial = np.einsum("jd,jd->j", gradient, atoms)
    gradient -= radial[:, np.newaxis] * atoms


def to_active_units(atoms, G, A):
    """``G @ atoms.T`` at the stored elements of A, in their order.

    Atoms are gathered, a few at a time. The product with all atoms takes 1.5 times as long with 32
    units for each active one, and ten times with 256, on one thread.
    """
    rows = np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
    out, step = np.empty(A.nnz, dtype=G.dtype), max(1, GATHERED // G.shape[1])
    for start in range(0, A.nnz, step):
        some = slice(start, start + step)
        np.einsum("ij,ij->i", G[rows[some]], atoms[A.indices[some]], out=out[some])
    return out
