"""Orthogonal matching pursuit over all atoms, for all rows of a block at once.

In each step every row takes the atom d_j with the largest inner product with its residual r, which
is then made orthogonal to all atoms taken so far. Only products with atoms are needed. With
orthonormal directions q_1, q_2, ... of the atoms taken (Gram-Schmidt), and for all atoms D at once,

    V_s   = D q_s = (D d_j - sum_{t < s} c_t V_t) / norm         c_t = <d_j, q_t> = V_t[j]
    D r   is lowered by <q_s, r> V_s                             <q_s, r> = (D r)[j] / norm

with ``norm^2 = 1 - sum_t c_t^2`` for atoms of norm 1. ``D d_j`` is a row of the Gram matrix. So a
step costs s vectors of the size of D r, and no linear system. Codes are not negative: no atom is
taken for a negative inner product.

Sources: Y. Pati, R. Rezaiifar & P. Krishnaprasad, Orthogonal Matching Pursuit (1993); R.
Rubinstein, M. Zibulevsky & M. Elad, Efficient implementation of the K-SVD algorithm using batch
orthogonal matching pursuit (2008), who update Cholesky factors instead.
"""

import numpy as np

from skl_sparse_ae._topk.codes import canonical

# Elements of the vectors V of the rows that are pursued together: more do not fit the cache.
PURSUED = 2**21
# An atom whose part orthogonal to those taken is smaller than this adds nothing but rounding.
MIN_NORM = 1e-3
# Inner products below this many roundings of the largest one are those of a reconstructed row.
ROUNDINGS = 100


def supports(gram, products, n_steps):
    """The atoms that at most `n_steps` steps take for each row: a code of ones, CSR.

    `gram` are the inner products of the atoms (n_components, n_components). `products` are those of
    the rows, less the decoder's biases, with all atoms (n_rows, n_components); they are
    overwritten.
    """
    n_atoms = len(gram)
    n_rows = max(1, PURSUED // (n_steps * n_atoms))
    starts = range(0, len(products), n_rows)
    taken = [_pursue(gram, products[start : start + n_rows], n_steps) for start in starts]
    atoms = np.concatenate(taken)
    atoms.sort(axis=1)  # absent ones last
    counts = (atoms < n_atoms).sum(axis=1)
    columns = atoms[atoms < n_atoms]
    first = np.concatenate([[0], np.cumsum(counts)])
    ones = np.ones(len(columns), dtype=products.dtype)
    return canonical(ones, columns, first, products.shape)


def _pursue(gram, products, n_steps):
    """The atoms taken for each row (n_rows, n_steps); n_atoms stands for none.

    `products` are the inner products D r (n_rows, n_atoms), which are overwritten.
    """
    n_rows, n_atoms = products.shape
    taken, rows = np.full((n_rows, n_steps), n_atoms), np.arange(n_rows)
    V = np.empty((n_rows, n_steps, n_atoms), dtype=products.dtype)
    least = ROUNDINGS * np.finfo(products.dtype).eps * np.abs(products).max(axis=1)
    for step in range(n_steps):
        atom = products.argmax(axis=1)
        gain = products[np.arange(len(rows)), atom]
        is_open = gain > least
        if not is_open.all():  # rows that are reconstructed leave
            rows, products, V, least = (part[is_open] for part in (rows, products, V, least))
            atom, gain = atom[is_open], gain[is_open]
        each = np.arange(len(rows))
        taken[rows, step] = atom
        c = V[each, :step, atom]
        norm = np.sqrt(np.maximum(1 - np.einsum("bt,bt->b", c, c), MIN_NORM**2))
        v = np.matmul(c[:, np.newaxis], V[:, :step])[:, 0]
        np.subtract(gram[atom], v, out=v)
        v /= norm[:, np.newaxis]
        V[:, step] = v
        v *= (gain / norm)[:, np.newaxis]
        products -= v
        products[each, atom] = -np.inf  # taken; rounding leaves it near 0
    return taken
