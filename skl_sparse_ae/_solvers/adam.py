"""Adam: one step, one epoch, and the loop over epochs.

Source: D. P. Kingma & J. Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 1.
"""

from collections import deque
from functools import partial
from math import isfinite
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._solvers.learning_rate import LearningRate
from skl_sparse_ae._solvers.solution import Iterate, Solution

USUAL_RATE = LearningRate(1e-3)  # the paper's
EPSILON = 1e-8  # for gradients of about 1: see `Stochastic.gradient_scale`
# Five arrays of this many elements stay in the cache, which saves a third of the step on one
# thread. On two threads, chunks of 2**16 cost more in GIL contention than they save: 2.3 ms for 1.6
# million params, and 1.5 ms with these.
CHUNK = 2**18


class AdamState(NamedTuple):
    """Everything that Adam remembers: three arrays of one shape and dtype, updated in place.

    The moments are the paper's m / (1 - b1) and v / (1 - b2): their updates do not multiply the
    gradient. `memory` belongs to the problem: float64 arrays by name, which it overwrites.
    """

    params: np.ndarray
    first_moment: np.ndarray
    second_moment: np.ndarray
    n_steps: int
    memory: dict[str, np.ndarray]
    learning_rate: LearningRate


def adam_start(params, memory=None, learning_rate=USUAL_RATE):
    """The state before the first step; `params` and `memory` are copied."""
    zeros = np.zeros_like(params), np.zeros_like(params)
    copied = {name: np.array(value, dtype=np.float64) for name, value in (memory or {}).items()}
    return AdamState(params.copy(), *zeros, 0, copied, learning_rate)


def adam_step(
    state,
    gradient,
    learning_rate,
    step_scales=(),
    epsilon=EPSILON,
    map=map,
    beta_1=0.9,
    beta_2=0.999,
):
    """Take one step of Adam, in place, and return the state with its counter raised.

    ::

        m = b1 m + (1 - b1) g        v = b2 v + (1 - b2) g^2
        params -= learning_rate * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)

    Parameters
    ----------
    state : AdamState
    gradient : ndarray of shape (n_params,)
    learning_rate : float
        A Python float, as all factors: a NumPy float64 would promote float32 arrays.
    step_scales : tuple of (int, float)
        Pairs of a number of neighbouring params and a scale: a step moves them by about `scale`
        times the learning rate. Their moments are those of the gradient with respect to
        ``params / scale``. ``()`` is a scale of 1 for all params.
    epsilon : float
    map : callable
        Runs the chunks; the built-in one, or that of an executor.

    Raises
    ------
    FloatingPointError
        If the gradient is not finite or its square overflows, before anything is changed: either
        would freeze or poison the state for good.
    """
    if not isfinite(np.dot(gradient, gradient)):
        raise FloatingPointError("the gradient is not finite")
    t = state.n_steps + 1
    rate = learning_rate * (1 - beta_1) / (1 - beta_1**t)
    unbias = ((1 - beta_2) / (1 - beta_2**t)) ** 0.5
    # With an epsilon of 0, a gradient of 0 would be 0 / 0.
    epsilon = max(epsilon, float(np.finfo(state.params.dtype).tiny)) / unbias
    update = partial(_update_chunk, state, gradient, rate / unbias, beta_1, beta_2, epsilon)
    deque(map(update, _chunks(step_scales or ((len(gradient), 1.0),))), maxlen=0)
    return state._replace(n_steps=t)


def _chunks(step_scales):
    """Yield pairs of a slice of the params and their scale."""
    end = 0
    for size, scale in step_scales:
        start, end = end, end + size
        yield from ((slice(i, min(i + CHUNK, end)), scale) for i in range(start, end, CHUNK))


def _update_chunk(state, gradient, rate, beta_1, beta_2, epsilon, chunk):
    where, scale = chunk
    m, v = state.first_moment[where], state.second_moment[where]
    step = gradient[where] * scale
    m *= beta_1
    m += step
    step *= step
    v *= beta_2
    v += step
    np.sqrt(v, out=step)
    step += epsilon
    np.divide(m, step, out=step)
    step *= rate * scale
    params = state.params[where]
    params -= step


def adam_epoch(problem, state, batches, map=map):
    """Take one step of a `Stochastic` problem for each batch. Return ``(state, value, terms)``.

    Value and terms are means over rows, each computed at the params of its batch.
    """
    sizes, values, terms = [], [], []
    step_scales, epsilon = problem.step_scales, EPSILON * problem.gradient_scale
    for batch in batches:
        value, gradient, of_batch = problem.value_and_gradient(state.params, batch, state.memory)
        rate = state.learning_rate.at(state.n_steps)
        state = adam_step(state, gradient, rate, step_scales, epsilon, map)
        state = problem.after_step(state, batch)
        sizes.append(batch.n_rows)
        values.append(value)
        terms.append(of_batch)
    share = np.array(sizes) / sum(sizes)
    return state, share @ values, share @ terms


def minimize_adam(epoch, state, *, max_iter, patience, monitor):
    """Repeat ``epoch(state) -> (state, value, terms)``, for example an `adam_epoch`.

    When patience is exhausted, the learning rate begins to fall if it is to fall at all, and the
    run ends with it. Return ``(Solution, state)``. An iterate's params are those at the end of its
    epoch. Raise FloatingPointError as `adam_step` does.
    """
    best, best_criterion, number, last, status = None, np.inf, 0, max_iter, "max_iter"
    try:
        while number < last:
            number += 1
            state, value, terms = epoch(state)
            iterate = Iterate(number, state.params.copy(), value, terms)
            criterion, stop = monitor(iterate)
            if best is None or criterion < best_criterion:
                best, best_criterion = iterate, criterion
            if stop:
                status = "stopped"
                break
            rate = state.learning_rate
            if not rate.is_falling(state.n_steps) and patience.is_exhausted_by(criterion):
                status = "converged"
                last = min(last, rate.last_epoch(number))
                rate = rate._replace(n_steps=last * state.n_steps / number)
                state = state._replace(learning_rate=rate)
    except KeyboardInterrupt:
        if best is None:
            raise
        status = "interrupted"
    return Solution(best, number, status), state
