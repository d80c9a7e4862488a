"""Counts of the units that a sparse code uses, that is, whose activation is not exactly 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from skl_sparse_ae.metrics._codes import averaged, check_code, element_index


def l0_norm(code: ArrayLike, *, average: bool = True) -> float | np.ndarray:
    """Number of units that a row uses: the L0 of a sparse code.

    ``#{j : a_ij != 0}`` for row i. Small activations count, stored zeros of a sparse matrix do not.
    Also look at the spread over rows, because a code with a fixed threshold has the right mean by
    construction.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Codes of any sign.
    average : bool, default=True
        If True, return the mean over rows, otherwise the number for each row.

    Returns
    -------
    n_units : float, or ndarray of shape (n_samples,), int64
        Between 0 and `n_components`.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers.

    See Also
    --------
    unit_density : The fraction of the rows that use each unit.

    References
    ----------
    Karvonen, A. et al., SAEBench: a comprehensive benchmark for sparse autoencoders in language
    model interpretability, ICML (2025).

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> from skl_sparse_ae.metrics import l0_norm
    >>> code = csr_matrix([[0, 2, 0, 0.1], [0, 0, 3, 0]])
    >>> l0_norm(code), l0_norm(code, average=False)
    (1.5, array([2, 1]))
    """
    return averaged(_count_used(check_code(code), axis=1), average)


def unit_density(code: ArrayLike) -> np.ndarray:
    """Fraction of the rows that use each unit.

    ``#{i : a_ij != 0} / n_samples`` for unit j. The densities add up to the mean `l0_norm`. They
    often extend over several orders of magnitude, so plot the histogram of their logarithms.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Codes of any sign.

    Returns
    -------
    density : ndarray of shape (n_components,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers.

    See Also
    --------
    active_fraction : The fraction of the rows in which a unit is above a threshold. It is for
        codes that are never exactly 0.

    References
    ----------
    Karvonen, A. et al., SAEBench: a comprehensive benchmark for sparse autoencoders in language
    model interpretability, ICML (2025).

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> from skl_sparse_ae.metrics import unit_density
    >>> unit_density(csr_matrix([[0, 2, 0, 0.1], [0, 0, 3, 0.2]]))
    array([0. , 0.5, 0.5, 1. ])
    """
    code = check_code(code)
    return _count_used(code, axis=0) / code.shape[0]


def dead_fraction(code: ArrayLike) -> tuple[float, int]:
    """Fraction of the units that are never used, and the number of rows.

    ``#{j : a_ij == 0 for all i} / n_components``. Report both numbers: with fewer rows, more units
    are unused by chance.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Codes of any sign.

    Returns
    -------
    fraction : float
        Between 0 and 1.
    n_samples : int
        Number of rows of `code`.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers.

    See Also
    --------
    dead_units : Mask of the units that are not above a threshold in any row.

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> from skl_sparse_ae.metrics import dead_fraction
    >>> dead_fraction(csr_matrix([[0, 2, 0, 0.1], [0, 0, 3, 0.2]]))
    (0.25, 2)
    """
    code = check_code(code)
    return float((_count_used(code, axis=0) == 0).mean()), code.shape[0]


def _count_used(code, axis):
    if not issparse(code):
        return np.count_nonzero(code, axis=axis)
    is_used = code.data != 0
    return np.bincount(element_index(code, axis)[is_used], minlength=code.shape[1 - axis])
