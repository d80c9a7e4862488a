"""Standard normal noise that depends only on the row and a seed.

The expectation over the code of a row is a mean of draws. If one generator drew them in order, the
score of a row would depend on the rows above it. If all rows had the same draws, they would have
the same error, which would not average out: 0.4 nats with four draws and three units. So each row
is its own seed.
"""

import numpy as np
from scipy.special import ndtri

# 2**64 divided by the golden ratio: the step of splitmix64.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def noise_of_rows(X, n_draws, n_components, seed):
    """Noise (n_draws, n_rows, n_components) in the dtype of X, which is dense.

    Equal rows have equal noise, in float32 and float64 alike. Each draw is from N(0, I). The draws
    of one unit and row are equally spaced in probability from a random start, in random order. A
    mean over them is unbiased, and a sum over units has a far smaller error than with independent
    draws. Source: M. Stein, Large Sample Properties of Simulations Using Latin Hypercube Sampling
    (1987).
    """
    multipliers = np.random.default_rng(seed).integers(2**64, size=X.shape[1], dtype=np.uint64)
    with np.errstate(all="ignore"):
        single = X.astype(np.float32) + np.float32(0)  # + 0 turns -0 into 0, its equal
    keys = single.view(np.uint32).astype(np.uint64) @ (multipliers | np.uint64(1))
    steps = np.arange(1, (n_draws + 1) * n_components + 1, dtype=np.uint64)
    steps = steps.reshape(n_draws + 1, 1, n_components)
    random = _mixed(keys[:, np.newaxis] + GOLDEN * steps)
    starts, order = (random[0] >> np.uint64(11)) * 2.0**-53, random[1:].argsort(axis=0)
    shares = (starts + order / n_draws) % 1
    return ndtri(np.clip(shares, 2.0**-54, 1 - 2.0**-53)).astype(X.dtype)


def _mixed(states):
    """The output function of splitmix64.

    Source: G. Steele, D. Lea & C. Flood, Fast Splittable Pseudorandom Number Generators (2014).
    """
    states = (states ^ (states >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    states = (states ^ (states >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return states ^ (states >> np.uint64(31))
