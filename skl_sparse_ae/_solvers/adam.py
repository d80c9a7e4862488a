"""Adam: one step, one epoch, and the loop over epochs."""

from collections import deque
from functools import partial
from math import isfinite
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._solvers.solution import Iterate, Solution

ADAM_EPSILON = 1e-8  # for gradients of about 1: in another unit it has to be another number


# Elements: five arrays of that many stay in the cache, which saves a third of the step on one thread. On two, pieces of 2**16
# cost more in turns at the interpreter than they save: 2.3 ms for 1.6 million weights, and 1.5 ms with these.
ADAM_CHUNK = 2**18


class AdamState(NamedTuple):
    """Everything Adam remembers: arrays of one shape and dtype, updated in place, and the number of steps made.

    The moments are the paper's m / (1 - b1) and v / (1 - b2), whose updates need no multiplication of the gradient.
    `memory` belongs to the function that is minimised: float64, updated in place by it.
    """

    x: np.ndarray
    first_moment: np.ndarray
    second_moment: np.ndarray
    n_steps: int
    memory: np.ndarray


def adam_start(x, memory=()):
    return AdamState(
        x.copy(), np.zeros_like(x), np.zeros_like(x), 0, np.array(memory, dtype=np.float64)
    )


def adam_step(
    state,
    gradient,
    learning_rate,
    strides=(),
    epsilon=ADAM_EPSILON,
    map=map,
    beta_1=0.9,
    beta_2=0.999,
):
    """One step of Adam, in place; return the state with its counter raised.

    It steps in ``x / stride``, and its moments are of the gradient to that: `strides` are pairs of a number of neighbouring
    parameters and their stride, or none, which is 1 for all.

    ``m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  x -= lr * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)``:
    Kingma & Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 1. Raises FloatingPointError, before
    anything is changed, if the gradient is not finite or its square overflows: either would freeze or poison the state
    for good. Factors are Python floats, since a NumPy float64 would promote float32 arrays. `map` runs the chunks.
    """
    if not isfinite(np.dot(gradient, gradient)):
        raise FloatingPointError("the gradient is not finite")
    t = state.n_steps + 1
    rate = learning_rate * (1 - beta_1) / (1 - beta_1**t)
    unbias = ((1 - beta_2) / (1 - beta_2**t)) ** 0.5
    epsilon = max(
        epsilon, float(np.finfo(state.x.dtype).tiny)
    )  # 0 / 0 where the gradient is 0 otherwise
    update = partial(
        _update_chunk, state, gradient, rate / unbias, beta_1, beta_2, epsilon / unbias
    )
    deque(map(update, _chunks(strides or ((len(gradient), 1.0),))), maxlen=0)
    return state._replace(n_steps=t)


def _chunks(strides):
    """Pairs of a slice of the parameters and their stride."""
    end = 0
    for size, stride in strides:
        start, end = end, end + size
        yield from (
            (slice(i, min(i + ADAM_CHUNK, end)), stride) for i in range(start, end, ADAM_CHUNK)
        )


def _update_chunk(state, gradient, rate, beta_1, beta_2, epsilon, chunk):
    where, stride = chunk
    x, m, v, g = (
        state.x[where],
        state.first_moment[where],
        state.second_moment[where],
        gradient[where],
    )
    s = g * stride
    m *= beta_1
    m += s
    s *= s
    v *= beta_2
    v += s
    np.sqrt(v, out=s)
    s += epsilon
    np.divide(m, s, out=s)
    s *= rate * stride
    x -= s


def adam_epoch(function, state, batches, learning_rate, strides=(), epsilon=ADAM_EPSILON, map=map):
    """One step for each batch. Return the state, and value and details averaged over rows."""
    sizes, values, details = [], [], []
    for batch in batches:
        value, gradient, of_batch = function(state.x, batch)
        state = adam_step(state, gradient, learning_rate, strides, epsilon, map)
        sizes.append(batch.shape[0])
        values.append(value)
        details.append(of_batch)
    share = np.array(sizes) / sum(sizes)
    return state, share @ values, share @ details


def minimize_adam(epoch, state, *, max_iter, patience, watch):
    """Repeat ``epoch(state) -> (state, value, details)``, say an `adam_epoch`; return (Solution, state).

    An iterate's value and details are the epoch's means over rows, taken while x was moving; its x is where the epoch ended.
    Raises FloatingPointError as `adam_step` does.
    """
    best, best_watched, number, status = None, np.inf, 0, "max_iter"
    try:
        for number in range(1, max_iter + 1):
            state, value, details = epoch(state)
            iterate = Iterate(number, state.x.copy(), value, details)
            try:
                watched = watch(iterate)
            except StopIteration as stop:
                watched, status = np.inf if stop.value is None else stop.value, "stopped"
            if best is None or watched < best_watched:
                best, best_watched = iterate, watched
            if status == "stopped":
                break
            if patience.is_exhausted_by(watched):
                status = "converged"
                break
    except KeyboardInterrupt:
        if best is None:
            raise
        status = "interrupted"
    return Solution(best, number, status), state
