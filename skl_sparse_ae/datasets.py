"""Generators of rows whose features are known, for tests and benchmarks."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_matrix
from scipy.special import ndtr, ndtri
from sklearn.utils import check_random_state, check_scalar

from skl_sparse_ae._estimator.validation import check_real

__all__ = ["make_superposed_features"]

BLOCK_SIZE = 2**20  # random numbers drawn at a time
TINY = np.finfo(np.float32).tiny


def make_superposed_features(
    n_samples: int = 1000,
    n_features: int = 64,
    n_atoms: int = 128,
    *,
    n_active: float = 4.0,
    frequency_exponent: float = 0.0,
    magnitude_std: float = 0.5,
    correlation: float = 0.0,
    n_groups: int = 8,
    noise: float = 0.0,
    dtype: DTypeLike = np.float64,
    random_state: Any = None,
) -> tuple[np.ndarray, csr_matrix, np.ndarray]:
    """Make sparse, non-negative combinations of known atoms: ``X = codes @ atoms + noise``.

    With more atoms than columns the atoms cannot be orthogonal: the features are superposed. A
    method that finds features should find `atoms`, each with cosine near 1. See
    `skl_sparse_ae.metrics.atom_recovery`.

    - Atoms are uniformly distributed directions.
    - Atom j is active in a row with probability
      ``p_j = min(1, c * (j + 1) ** -frequency_exponent)``, where c makes these add up to
      `n_active`. Atom 0 is the most frequent.
    - The magnitudes of active atoms follow a gamma distribution of mean 1.
    - With ``correlation=0`` atoms are active independently of each other. Otherwise atom j is
      active if a standard normal variable is below the quantile of `p_j`, and these variables have
      pairwise correlation `correlation` within a group of atoms (a Gaussian copula). Groups are
      independent. The probabilities `p_j` do not change, but the number of active atoms varies
      more from row to row.

    To get test rows with the same atoms, split the rows: another seed draws other atoms.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=64
        Number of columns of X.
    n_atoms : int, default=128
        Number of atoms, less than, equal to or greater than `n_features`.
    n_active : float, default=4.0
        Expected number of active atoms in a row, in (0, n_atoms]. A row may have none.
    frequency_exponent : float in [0, 10], default=0.0
        0 makes all atoms equally frequent, 1 follows Zipf's law.
    magnitude_std : float in [0, 1], default=0.5
        Standard deviation of the magnitudes of active atoms, whose mean is 1. 0 makes them all
        equal to 1, and 1 distributes them exponentially.
    correlation : float in [0, 1), default=0.0
        Correlation of the normal variables of two atoms of the same group.
    n_groups : int, default=8
        Number of groups, used if `correlation` is not 0. Atom j belongs to group ``j % n_groups``.
    noise : float >= 0, default=0.0
        Standard deviation of the Gaussian noise added to each element of X. An atom of magnitude 1
        has a mean square of ``1 / n_features`` over the elements of a row.
    dtype : {np.float64, np.float32}, default=np.float64
        Type of all three results. The same numbers are drawn for both.
    random_state : int, RandomState instance or None, default=None
        Pass an int for reproducible results.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    codes : CSR matrix of shape (n_samples, n_atoms)
        The magnitudes of the active atoms of each row, with sorted indices and no stored zeros.
    atoms : ndarray of shape (n_atoms, n_features)
        Rows of unit norm.

    Raises
    ------
    TypeError
        If a parameter is not a number.
    ValueError
        If a parameter is out of range.

    See Also
    --------
    sklearn.datasets.make_sparse_coded_signal : Signed codes with equally many atoms in each row.

    References
    ----------
    Elhage, N. et al., Toy models of superposition, Transformer Circuits Thread (2022).

    Chanin, D. and Garriga-Alonso, A., SynthSAEBench: evaluating sparse autoencoders on scalable
    realistic synthetic data, arXiv:2602.14687 (2026), for Zipf's law and the Gaussian copula.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sparse_ae.datasets import make_superposed_features
    >>> X, codes, atoms = make_superposed_features(500, 32, 100, n_active=3, random_state=0)
    >>> X.shape, codes.shape, atoms.shape
    ((500, 32), (500, 100), (100, 32))
    >>> np.allclose(X, codes @ atoms), round(codes.nnz / 500)
    (True, 3)
    """
    _check_counts(n_samples=n_samples, n_features=n_features, n_atoms=n_atoms, n_groups=n_groups)
    n_active = check_real(
        n_active, "n_active", min_val=0, max_val=n_atoms, include_boundaries="right"
    )
    exponent = check_real(frequency_exponent, "frequency_exponent", min_val=0, max_val=10)
    magnitude_std = check_real(magnitude_std, "magnitude_std", min_val=0, max_val=1)
    correlation = check_real(
        correlation, "correlation", min_val=0, max_val=1, include_boundaries="left"
    )
    noise = check_real(noise, "noise", min_val=0)
    dtype = _check_dtype(dtype)

    random = check_random_state(random_state)
    atoms = _directions(random, n_atoms, n_features)
    frequencies = _frequencies(n_atoms, n_active, exponent)
    is_active = _draw_active(random, n_samples, frequencies, correlation, n_groups)
    magnitudes = _draw_magnitudes(random, is_active.nnz, magnitude_std)
    codes = csr_matrix(
        (magnitudes.astype(dtype), is_active.indices, is_active.indptr), is_active.shape
    )
    atoms = atoms.astype(dtype)
    X = codes @ atoms
    if noise:
        for block in _blocks(n_samples, n_features):
            X[block] += noise * random.standard_normal(X[block].shape)
    return X, codes, atoms


def _check_counts(**counts):
    for name, value in counts.items():
        check_scalar(value, name, Integral, min_val=1)
        if isinstance(value, bool):
            raise ValueError(f"{name} must be an int, got {value!r}.")


def _check_dtype(dtype):
    if np.dtype(dtype) not in (np.float64, np.float32):
        raise ValueError(f"dtype must be np.float64 or np.float32, got {dtype!r}.")
    return np.dtype(dtype)


def _blocks(n_rows, width):
    step = max(1, BLOCK_SIZE // width)
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def _directions(random, n_atoms, n_features):
    atoms = random.standard_normal((n_atoms, n_features))
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


def _frequencies(n_atoms, n_active, exponent):
    """``min(1, c * (j + 1) ** -exponent)`` of sum `n_active`.

    If the first m atoms are always active, the others share ``n_active - m`` in proportion to their
    weights. The right m is the smallest that leaves no frequency above 1.
    """
    weights = np.arange(1.0, n_atoms + 1) ** -exponent
    n_certain = np.arange(min(n_atoms, int(np.ceil(n_active))))
    shares = (n_active - n_certain) / np.cumsum(weights[::-1])[::-1][n_certain]
    is_feasible = shares * weights[n_certain] <= 1
    m = int(is_feasible.argmax()) if is_feasible.any() else n_certain[-1]
    return np.where(np.arange(n_atoms) < m, 1.0, np.minimum(1, shares[m] * weights))


def _draw_active(random, n_samples, frequencies, correlation, n_groups):
    """A CSR matrix (n_samples, n_atoms) that stores an element for each active atom."""
    n_atoms, atoms, counts = len(frequencies), [], [[0]]
    for block in _blocks(n_samples, n_atoms):
        n_rows = block.stop - block.start
        probabilities = frequencies
        if correlation:
            probabilities = _given_factors(random, n_rows, frequencies, correlation, n_groups)
        is_active = random.random_sample((n_rows, n_atoms)) < probabilities
        atoms.append(np.nonzero(is_active)[1].astype(np.int32))
        counts.append(np.count_nonzero(is_active, axis=1))
    atoms, starts = np.concatenate(atoms), np.cumsum(np.concatenate(counts))
    return csr_matrix((np.ones(len(atoms), dtype=bool), atoms, starts), (n_samples, n_atoms))


def _given_factors(random, n_rows, frequencies, correlation, n_groups):
    """The probability of each atom in each row, given one normal factor per group and row."""
    factors = random.standard_normal((n_rows, n_groups))
    shared = np.sqrt(correlation) * factors[:, np.arange(len(frequencies)) % n_groups]
    return ndtr((ndtri(frequencies) - shared) / np.sqrt(1 - correlation))


def _draw_magnitudes(random, n_magnitudes, std):
    """Gamma variables of mean 1. None is 0, so that the code is not 0 where an atom is active."""
    if std < 1e-100:  # the shape would overflow
        return np.ones(n_magnitudes)
    return np.maximum(random.standard_gamma(std**-2, n_magnitudes) * std**2, TINY)
