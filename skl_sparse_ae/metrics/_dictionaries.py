"""Comparisons of two dictionaries: how similar they are, and which atoms were found."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix, issparse
from sklearn.preprocessing import normalize
from sklearn.utils import check_array, check_scalar
from sklearn.utils.extmath import safe_sparse_dot

from skl_sparse_ae._estimator.containers import refuse_times
from skl_sparse_ae._estimator.sparse_formats import canonical_csr
from skl_sparse_ae._estimator.transaction import ignore_fp_warnings
from skl_sparse_ae._estimator.validation import check_real
from skl_sparse_ae.metrics._codes import element_index


def matched_cosine(
    atoms: ArrayLike, other_atoms: ArrayLike, *, average: bool = True, absolute: bool = False
) -> float | np.ndarray:
    """Cosines between the atoms of two dictionaries, matched one to one.

    The matching maximises the sum of the cosines (Hungarian algorithm). Each atom has at most one
    partner. The mean over two fits with different seeds measures their stability. The order and the
    norms of the atoms do not matter. Remove dead units first, because their atoms have no meaning.

    Memory grows with the product of the numbers of atoms, and time with the cube of the smaller
    one.

    Parameters
    ----------
    atoms : array-like or sparse matrix of shape (n_atoms, n_features)
        A dictionary, for example `decoder_components_`.
    other_atoms : array-like or sparse matrix of shape (n_other_atoms, n_features)
        Another dictionary. If the numbers of atoms differ, some atoms have no partner.
    average : bool, default=True
        If True, return the mean over pairs, otherwise the cosine for each row of `atoms`.
    absolute : bool, default=False
        If True, use the absolute cosine: an atom and its negative then count as equal, which suits
        codes of any sign.

    Returns
    -------
    cosine : float, or ndarray of shape (n_atoms,), float64
        Between -1 and 1. NaN for an atom without a partner; the mean ignores it. An atom of zeros
        has cosine 0 with all others.

    Raises
    ------
    ValueError
        If the dictionaries are not matrices of finite numbers, or their numbers of features differ.

    See Also
    --------
    atom_recovery : The fraction of known atoms that were found.

    References
    ----------
    Paulo, G. and Belrose, N., Sparse autoencoders trained on the same data learn different
    features, arXiv:2501.16615 (2025).

    Examples
    --------
    >>> from skl_sparse_ae.metrics import matched_cosine
    >>> matched_cosine([[1, 0], [0, 1]], [[3, 4], [2, 0]], average=False)
    array([1. , 0.8])
    """
    for name, value in {"average": average, "absolute": absolute}.items():
        check_scalar(value, name, (bool, np.bool_))
    cosines = _cosines(_check_atoms(atoms, "atoms"), _check_atoms(other_atoms, "other_atoms"))
    if absolute:
        cosines = np.abs(cosines)
    pairs = linear_sum_assignment(cosines, maximize=True)
    if average:
        return float(cosines[pairs].mean())
    matched = np.full(len(cosines), np.nan)
    matched[pairs[0]] = cosines[pairs]
    return matched


def atom_recovery(
    atoms: ArrayLike, learned_atoms: ArrayLike, threshold: float = 0.9, *, absolute: bool = False
) -> float:
    """Fraction of the known atoms that a learned dictionary contains.

    An atom is recovered if the cosine with its partner in `matched_cosine` is above `threshold`. A
    learned atom recovers at most one known atom, so the fraction cannot exceed
    ``n_learned_atoms / n_atoms``.

    Parameters
    ----------
    atoms : array-like or sparse matrix of shape (n_atoms, n_features)
        The known atoms, for example from `skl_sparse_ae.datasets.make_superposed_features`.
    learned_atoms : array-like or sparse matrix of shape (n_learned_atoms, n_features)
        The dictionary, for example `decoder_components_`.
    threshold : float in [-1, 1], default=0.9
        Cosine above which an atom counts as recovered.
    absolute : bool, default=False
        If True, an atom and its negative count as equal, which suits codes of any sign.

    Returns
    -------
    recovery : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the dictionaries are not matrices of finite numbers, their numbers of features differ, or
        `threshold` is out of range.
    TypeError
        If `threshold` is not a number.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import atom_recovery
    >>> atom_recovery([[1, 0], [0, 1]], [[5, 1], [5, 0.1], [-1, 1]])
    0.5
    """
    threshold = check_real(threshold, "threshold", min_val=-1, max_val=1)
    cosines = matched_cosine(atoms, learned_atoms, average=False, absolute=absolute)
    return float((cosines > threshold).mean())


def _check_atoms(atoms, name):
    refuse_times(atoms, "A measure of dictionaries")
    atoms = canonical_csr(atoms) if issparse(atoms) and atoms.ndim == 2 else atoms
    return check_array(atoms, dtype=np.float64, accept_sparse="csr", input_name=name)


@ignore_fp_warnings
def _cosines(atoms, other_atoms):
    """Cosines of shape (n_atoms, n_other_atoms)."""
    if atoms.shape[1] != other_atoms.shape[1]:
        raise ValueError(
            f"atoms has {atoms.shape[1]} features, but other_atoms has {other_atoms.shape[1]}. "
            "The numbers must be equal."
        )
    units, other_units = normalize(_scaled_to_1(atoms)), normalize(_scaled_to_1(other_atoms))
    return np.clip(safe_sparse_dot(units, other_units.T, dense_output=True), -1, 1)


def _scaled_to_1(atoms):
    """The atoms divided by their largest absolute value, so that no square over- or underflows."""
    largest = abs(atoms).max(axis=1)
    largest = largest.toarray().ravel() if issparse(atoms) else largest
    divisors = np.where(largest == 0, 1, largest)
    if not issparse(atoms):
        return atoms / divisors[:, None]
    data = atoms.data / divisors[element_index(atoms, axis=1)]
    return csr_matrix((data, atoms.indices, atoms.indptr), atoms.shape)
