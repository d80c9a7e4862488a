"""The first atoms: directions of rows, then of what these atoms do not explain of other rows."""

import numpy as np

from skl_sparse_ae._topk.objective import Weights, decode
from skl_sparse_ae._topk.predict import TrainedModel, by_pursuit

GROUPS = 8
PURSUED = 2**12  # atoms by which rows are pursued: their Gram matrix takes 128 MiB
NEGLIGIBLE = 1e-3  # share of a row: least squares leave as much of a row that they reconstruct


def initial_atoms(rows, n_atoms, n_nonzero, rng):
    """Unit vectors (n_atoms, n_features), from rows (n_rows, n_features).

    The first eighth of the atoms are directions of rows. The atoms of each later eighth are
    directions of residuals: what orthogonal matching pursuit leaves of further rows with
    `n_nonzero` of the earlier atoms.
    """
    atoms = np.concatenate([rows[:n_atoms], mixtures(rows, max(0, n_atoms - len(rows)), rng)])
    for group in np.array_split(np.arange(n_atoms), min(GROUPS, n_atoms)):
        left = residuals(atoms[group], atoms[: min(group[0], PURSUED)], n_nonzero)
        is_zero = ~left.any(axis=1)
        left[is_zero] = mixtures(rows, is_zero.sum(), rng)
        atoms[group] = normalize(left)
    return atoms


def residuals(X, atoms, n_nonzero):
    """What orthogonal matching pursuit leaves of rows X, 0 where that is negligible."""
    if not len(atoms):
        return X.copy()
    k, d = atoms.shape
    w = Weights(atoms, np.zeros(k), atoms, np.zeros(d), np.zeros(1))
    left = X - decode(w, by_pursuit(TrainedModel(w, n_nonzero, "omp"), X))
    left[norms(left) < NEGLIGIBLE * norms(X)] = 0
    return left


def mixtures(rows, count, rng):
    """Random combinations (count, n_features) of rows; of random rows if these are all zero."""
    rows = rows if rows.any() else np.eye(rows.shape[1])
    return rng.standard_normal((count, len(rows))) @ rows


def norms(vectors):
    """The Euclidean norm of each vector (n,)."""
    return np.sqrt(np.einsum("jd,jd->j", vectors, vectors))


def normalize(atoms):
    """The atoms with norm 1, in place; those of norm 0 keep it."""
    size = norms(atoms)
    atoms /= np.where(size > 0, size, 1)[:, np.newaxis]
    return atoms
