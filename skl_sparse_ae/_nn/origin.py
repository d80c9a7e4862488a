"""An origin among the rows, for rows whose offset would cost digits."""

import numpy as np

# Columns whose means are more than so many times their deviations are offset. Products then see
# their differences from an origin (`_rows.Centred`), which costs 6 to 20% of an evaluation. Without
# it, float32 ends 2% above the least J at 1,000 deviations, and 31% at 100,000. Pixels and ordinary
# tables lie within 20. In float64 products would do for longer, but squares (`_gram`) would not.
MOST_DEVIATIONS = {np.dtype(np.float32): 20.0, np.dtype(np.float64): 1e4}


# The same of fitted weights: the largest term of a pre-activation, which the bias has to cancel.
MOST_OF_A_TERM = {np.dtype(np.float32): 100.0, np.dtype(np.float64): 1e5}


def origin_of_moments(mean, variance, dtype):
    """Where to measure rows of these column moments (n_features,) from, or None if 0 will do.

    An element is 0 unless its own column is offset. So rows of a sparse matrix keep nearly all of
    their zeros: a column that is offset stores nearly all of its elements.
    """
    limit = MOST_DEVIATIONS[np.dtype(dtype)] ** 2
    if not np.square(mean).sum() > limit * variance.sum():
        return None
    return np.where(np.square(mean) > limit * variance, mean, 0).astype(dtype)


def origin_of_weights(We, be, bd, dtype):
    """The same from the weights alone, for squared error with an identity decoder.

    The biases `bd` of such a decoder are about the column means.
    """
    limit = MOST_OF_A_TERM[np.dtype(dtype)]
    if not np.abs(be).max() > limit:
        return None
    terms = np.abs(bd) * np.maximum(We.max(axis=0), -We.min(axis=0))
    return np.where(terms > limit, bd, 0).astype(dtype) if terms.max() > limit else None


def bias_at(We, be, origin):
    """The biases with which weights `We` do to rows less `origin` what `be` do to the rows."""
    shift = np.einsum("jd,d->j", We, origin, dtype=np.float64)  # rounded once
    return (be + shift).astype(np.result_type(be, origin))
