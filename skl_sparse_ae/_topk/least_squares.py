"""The best non-negative code on given supports, for all rows of a block at once.

A row with the support S minimises ``||x - bd - a Wd||^2`` over its code a, which is 0 outside S:

    G a = b        G = Wd_S Wd_S', the Gram matrix of its atoms        b = Wd_S (x - bd)

Units whose value would be negative leave S, and the rest is solved for again. Systems are small and
many, so a step of Cholesky's method is taken for hundreds of rows at a time: arrays have the rows
as their last axis. LAPACK, called for each row, takes several times as long.
"""

import numpy as np

from skl_sparse_ae._topk.codes import without_zeros

# Added to the diagonal of the Gram matrices of unit atoms: two equal atoms share the code.
RIDGE = 1e-4
# Solves of each row. After each but the last, units with negative codes leave the support: the
# first round finds nearly all.
ROUNDS = 3
SOLVED = 2**17  # elements of the Gram matrices that are solved at a time: they stay in the cache


def refit(w, X, A, gram=None):
    """The code with the support of A that minimises the squared error, non-negative.

    Units whose value would be negative leave the support. A row for which that does not lower the
    error keeps its code. `gram` are the products of all atoms. Without it, those of the atoms in A
    are computed, which is faster for few rows.
    """
    if gram is None:
        is_used = np.bincount(A.indices, minlength=A.shape[1]) > 0
        places = (np.cumsum(is_used) - 1)[A.indices]
        atoms = w.Wd[is_used]
        gram = atoms @ atoms.T
    else:
        atoms, places = w.Wd, A.indices
    target = X @ atoms.T
    target -= atoms @ w.bd
    out, counts = A.copy(), np.diff(A.indptr)
    for rows in _alike(counts):
        _refit(gram, target, places, A.data, A.indptr[rows], counts[rows], rows, out.data)
    return without_zeros(out)


def _alike(counts):
    """Yield arrays of rows with similar numbers of active units, at least 1, as `SOLVED` allows."""
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] > 0]
    while len(order):
        # up to a quarter larger than the smallest
        least = int(counts[order[0]])
        n_alike = int(np.searchsorted(counts[order], least + least // 4, side="right"))
        largest = int(counts[order[n_alike - 1]])
        rows, order = np.split(order, [min(n_alike, max(1, SOLVED // largest**2))])
        yield rows


def _refit(gram, target, places, values, starts, counts, rows, out):
    """Solve for these rows, whose elements of the code begin at `starts`; write them to `out`."""
    numbers = np.arange(counts.max())[:, np.newaxis]
    is_stored = numbers < counts
    where = np.minimum(starts + numbers, len(values) - 1)
    units = places[where]
    G, b = gram[units[:, np.newaxis], units], target[rows, units]
    code = _non_negative(G, b, is_stored)
    before = np.where(is_stored, values[where], 0)
    is_better = _excess(G, b, code) <= _excess(G, b, before)
    out[where[is_stored]] = np.where(is_better, code, before)[is_stored]


def _non_negative(G, b, is_free):
    """Codes (size, n_rows) for Gram matrices G (size, size, n_rows) and products b."""
    code = solve(G, b, is_free)
    for _ in range(ROUNDS - 1):
        again = np.flatnonzero((code < 0).any(axis=0))
        if not len(again):
            break
        code[:, again] = solve(G[:, :, again], b[:, again], code[:, again] > 0)
    return np.maximum(code, 0)


def _excess(G, b, code):
    """The squared error (n_rows,) of codes (size, n_rows), less that of no code at all."""
    image = np.einsum("ijn,jn->in", G, code)
    image -= 2 * b
    return np.einsum("in,in->n", code, image)


def solve(G, b, is_free):
    """Solutions (size, n_rows) of ``(G + RIDGE) x = b`` among the free units, 0 at the others.

    By Cholesky's method: ``G = U' U``, ``U' y = b``, ``U x = y``.
    """
    U = np.where(is_free[:, np.newaxis] & is_free, G, 0)
    diagonal = np.arange(len(b))
    U[diagonal, diagonal] = np.where(is_free, U[diagonal, diagonal] + U.dtype.type(RIDGE), 1)
    x = np.where(is_free, b, 0)
    for j in diagonal:
        U[j, j:] -= np.einsum("tn,tin->in", U[:j, j], U[:j, j:])
        U[j, j:] /= np.sqrt(U[j, j])
        x[j] -= np.einsum("tn,tn->n", U[:j, j], x[:j])
        x[j] /= U[j, j]
    for j in diagonal[::-1]:
        x[j] -= np.einsum("tn,tn->n", U[j, j + 1 :], x[j + 1 :])
        x[j] /= U[j, j]
    return x
