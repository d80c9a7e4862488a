"""An origin among the rows, from which to measure rows whose offset would cost digits."""

import numpy as np

# Columns are offset if their means are more than this many times their deviations. Products then
# use differences from an origin (`_rows.lazy.Centred`), which costs 6 to 20% of an evaluation.
# Without that, float32 ends 2% above the least J at 1,000 deviations, and 31% at 100,000. Pixels
# and ordinary tables lie within 20. In float64 the products alone would allow more, but the squares
# in `_sparse.sparse_products` lose digits earlier.
MAX_DEVIATIONS = {np.dtype(np.float32): 20.0, np.dtype(np.float64): 1e4}
# The same for fitted weights: the largest term of a pre-activation, which the bias has to cancel,
# in units of the pre-activation.
MAX_TERM = {np.dtype(np.float32): 100.0, np.dtype(np.float64): 1e5}


def origin_of_moments(mean, variance, dtype):
    """An origin (n_features,) for rows of these column moments, or None if 0 is good enough.

    It is 0 in every column that is not offset. So rows of a sparse matrix keep nearly all of their
    zeros: a column that is offset stores nearly all of its elements.
    """
    limit = MAX_DEVIATIONS[np.dtype(dtype)] ** 2
    if not np.square(mean).sum() > limit * variance.sum():
        return None
    return np.where(np.square(mean) > limit * variance, mean, 0).astype(dtype)


def origin_of_weights(We, be, bd, dtype, unit=1.0):
    """An origin (n_features,), or None, from weights alone.

    For squared error with an identity decoder, whose biases `bd` are close to the column means.
    `unit` is the size of pre-activations that matter: about 1 for a sigmoid.
    """
    limit = unit * MAX_TERM[np.dtype(dtype)]
    if not np.abs(be).max() > limit:
        return None
    terms = np.abs(bd) * np.maximum(We.max(axis=0), -We.min(axis=0))
    return np.where(terms > limit, bd, 0).astype(dtype) if terms.max() > limit else None


def bias_at(We, be, origin):
    """The biases for rows minus `origin` that give the pre-activations of the rows with `be`."""
    shift = np.einsum("jd,d->j", We, origin, dtype=np.float64)  # rounded once
    return (be + shift).astype(np.result_type(be, origin))
