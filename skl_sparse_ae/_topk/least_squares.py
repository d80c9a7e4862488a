"""The best non-negative code on given supports, for all rows of a block at once."""

import numpy as np

from skl_sparse_ae._topk.codes import without_zeros

# Added to the diagonal of the Gram matrices of unit atoms: two equal atoms share the code.
RIDGE = 1e-4
# Solves of each row. After each but the last, units with negative codes leave the support: the
# first round finds nearly all.
ROUNDS = 3
SOLVED = 2**22  # elements of the Gram matrices that are solved at a time


def refit(w, X, A, gram=None):
    """The code with the support of A that minimises the squared error, non-negative.

    Units whose value would be negative leave the support. A row for which that does not lower the
    error keeps its code. Rows are solved in order of their number of active units, so that those
    solved together have systems of about the same size.

    `gram` are the products of all atoms. Without it, those of the atoms in A are computed, which is
    faster for few rows.
    """
    if gram is None:
        is_used = np.bincount(A.indices, minlength=A.shape[1]) > 0
        atoms, units = w.Wd[is_used], (np.cumsum(is_used) - 1)[A.indices]
        gram = atoms @ atoms.T
    else:
        atoms, units = w.Wd, A.indices
    target = X @ atoms.T
    target -= atoms @ w.bd
    counts, out = np.diff(A.indptr), A.copy()
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] > 0]
    while len(order):
        size = int(counts[order[0]])
        # systems up to a quarter larger than the smallest, and no more than fit the memory
        n_alike = np.searchsorted(counts[order], size + size // 4, side="right")
        largest = int(counts[order[n_alike - 1]])
        some, order = np.split(order, [min(int(n_alike), max(1, SOLVED // largest**2))])
        _solve(gram, target, units, A, some, out.data)
    return without_zeros(out)


def _solve(gram, target, units, A, rows, out):
    """Solve for these rows of A, which have similar numbers of active units, and write to `out`.

    `units` are the places of the elements of A in `gram` and in the columns of `target`.
    """
    starts, counts = A.indptr[rows], np.diff(A.indptr)[rows]
    places = np.arange(counts.max())
    is_free = places < counts[:, np.newaxis]
    where = np.minimum(starts[:, np.newaxis] + places, len(out) - 1)
    active = units[where]
    G = gram[active[:, :, np.newaxis], active[:, np.newaxis, :]]
    b = target[rows[:, np.newaxis], active]
    code = _solve_free(G, b, is_free)
    for _ in range(ROUNDS - 1):
        again = np.flatnonzero((code < 0).any(axis=1))  # rows from which units leave
        some = code[again] > 0
        code[again] = _solve_free(G[again], b[again], some)
    is_stored = places < counts[:, np.newaxis]
    code = np.where(is_stored, np.maximum(code, 0), 0)
    before = np.where(is_stored, A.data[where], 0)
    is_better = _excess(G, b, code) <= _excess(G, b, before)
    out[where[is_stored]] = np.where(is_better[:, np.newaxis], code, before)[is_stored]


def _excess(G, b, code):
    """The squared error (n_rows,) of codes (n_rows, size), less that of no code at all."""
    return np.einsum("bi,bij,bj->b", code, G, code) - 2 * np.einsum("bi,bi->b", b, code)


def _solve_free(G, b, is_free):
    """Solutions (n_rows, size) of ``G x = b`` among the free units, 0 at the others."""
    both = is_free[:, :, np.newaxis] & is_free[:, np.newaxis, :]
    system = np.where(both, G, 0)
    diagonal = np.arange(b.shape[1])
    system[:, diagonal, diagonal] = np.where(is_free, system[:, diagonal, diagonal] + RIDGE, 1)
    return np.linalg.solve(system, np.where(is_free, b, 0)[:, :, np.newaxis])[:, :, 0]
