"""Standard normal noise that is a function of the row it is for: what is estimated with it depends on nothing else.

An expectation over the code of a row takes draws. Were they one generator's, in order, the score of a row would depend on the
rows above it; were they the same for all rows, their errors would be the same for all rows, and not average out: 0.4 nats with
four draws and three units. So each row seeds its own.
"""

import numpy as np
from scipy.special import ndtri

GOLDEN = np.uint64(
    0x9E3779B97F4A7C15
)  # 2**64 over the golden ratio, the step of the generator below


def noise_of_rows(X, n_draws, n_components, seed):
    """(n_draws, n_rows, n_components) in the dtype of X, dense. Equal rows have equal noise, in float32 and float64 alike.

    Each draw is from N(0, I). Those of one unit and row are equally spaced in probability from a random start, in random order:
    a mean over them is unbiased, and what is a sum over units has a far smaller error than with independent draws.
    Source: M. Stein, Large Sample Properties of Simulations Using Latin Hypercube Sampling (1987).
    """
    multipliers = np.random.default_rng(seed).integers(2**64, size=X.shape[1], dtype=np.uint64)
    with np.errstate(all="ignore"):
        bits = (X.astype(np.float32) + np.float32(0)).view(
            np.uint32
        )  # + 0 turns -0 into 0, its equal
    keys = bits.astype(np.uint64) @ (multipliers | np.uint64(1))
    steps = np.arange(1, (n_draws + 1) * n_components + 1, dtype=np.uint64).reshape(
        n_draws + 1, 1, n_components
    )
    random = _mixed(keys[:, np.newaxis] + GOLDEN * steps)
    starts, order = (random[0] >> np.uint64(11)) * 2.0**-53, random[1:].argsort(axis=0)
    shares = (starts + order / n_draws) % 1
    return ndtri(np.clip(shares, 2.0**-54, 1 - 2.0**-53)).astype(X.dtype)


def _mixed(states):
    """The output function of splitmix64. Source: G. Steele, D. Lea & C. Flood, Fast Splittable Pseudorandom ... (2014)."""
    states = (states ^ (states >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    states = (states ^ (states >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return states ^ (states >> np.uint64(31))
