"""Checks of SciPy's sparse formats, whose compiled loops trust their indices."""

import copy

import numpy as np


def canonical_csr(X):
    """A sparse matrix in canonical CSR format, which shares the arrays of X where it can.

    Raise ValueError if the matrix is corrupted: SciPy's compiled loops follow any index, also out
    of bounds.
    """
    if X.format in ("csr", "csc", "bsr"):
        X = copy.copy(X)  # what follows sets attributes, but no elements
    if X.format in SPARSE_CHECKS:
        SPARSE_CHECKS[X.format](X)
    if X.format != "csr":
        X = X.tocsr()
        _check_compressed(X)
    if not _is_canonical(X):
        X = X.copy()
        X.has_sorted_indices = X.has_canonical_format = False  # SciPy caches the old answers
        X.sum_duplicates()
    return X


def _is_canonical(X):
    """True if the column indices of each row increase.

    SciPy's own answer is cached, and the arrays may have changed since.
    """
    increases = X.indices[1:] > X.indices[:-1]
    begins = X.indptr[1:-1]
    increases[begins[(begins > 0) & (begins < len(X.indices))] - 1] = True
    return bool(increases.all())


def _check_compressed(X):
    _check_integral(X.indptr, X.indices)
    steps = np.diff(X.indptr)
    if (steps < 0).any() or X.indptr[-1] != len(X.data):
        raise ValueError(
            "indptr must never decrease and end at the number of stored elements, got "
            f"{X.indptr[-1]} for {len(X.data)} elements: the sparse matrix is corrupted, or it "
            "has unused capacity. In that case, call X.prune()."
        )
    X.check_format(full_check=True)


def _check_coordinates(X):
    _check_integral(X.row, X.col)
    for index, size in zip((X.row, X.col), X.shape, strict=True):
        _check_indices(index, len(X.data), size)


def _check_diagonals(X):
    _check_integral(X.offsets)
    if len(X.offsets) != len(X.data):
        raise ValueError(
            f"X has {len(X.offsets)} offsets for {len(X.data)} diagonals: the sparse matrix is "
            "corrupted."
        )


def _check_lists(X):
    if not len(X.rows) == len(X.data) == X.shape[0]:
        raise ValueError(
            f"X has {len(X.rows)} lists of indices for {X.shape[0]} rows: the sparse matrix is "
            "corrupted."
        )
    lengths = [len(values) for values in X.data]
    if [len(indices) for indices in X.rows] != lengths:
        raise ValueError(
            "A row of X has different numbers of indices and elements: the sparse matrix is "
            "corrupted."
        )
    indices = np.array([index for row in X.rows for index in row] or np.arange(0))
    _check_integral(indices)
    _check_indices(indices, sum(lengths), X.shape[1])


def _check_keys(X):
    keys = list(X.keys())
    if not all(isinstance(key, tuple) and len(key) == 2 for key in keys):
        raise ValueError("keys must be pairs of indices: the sparse matrix is corrupted.")
    for axis, size in enumerate(X.shape):
        indices = np.array([key[axis] for key in keys] or np.arange(0))
        _check_integral(indices)
        _check_indices(indices, len(keys), size)


def _check_integral(*indices):
    for index in indices:
        if index.dtype.kind not in "iu":
            raise ValueError(
                f"indices must be integers, got {index.dtype}: the sparse matrix is corrupted."
            )


def _check_indices(index, n_elements, size):
    if len(index) != n_elements or (len(index) and not 0 <= index.min() <= index.max() < size):
        raise ValueError(
            f"indices must be < {size} and >= 0, one for each element: the sparse matrix is "
            "corrupted."
        )


SPARSE_CHECKS = {
    "csr": _check_compressed,
    "csc": _check_compressed,
    "bsr": _check_compressed,
    "coo": _check_coordinates,
    "dia": _check_diagonals,
    "lil": _check_lists,
    "dok": _check_keys,
}
