"""What happens while a solver runs, and how an estimator runs one: history, printing, early stopping, resuming."""

from contextlib import contextmanager
from functools import partial

import numpy as np

from skl_sparse_ae._rows.batches import mini_batches
from skl_sparse_ae._rows.blocks import rooms_for_code
from skl_sparse_ae._rows.executor import WORK_OF_A_WORKER, block_workers, row_workers
from skl_sparse_ae._solvers.adam import ADAM_EPSILON, adam_epoch, adam_start, minimize_adam
from skl_sparse_ae._solvers.lbfgs import minimize_lbfgs
from skl_sparse_ae._solvers.solution import Iterate


def run_lbfgs(problem, X, start, *, max_iter, patience, watch):
    """The exact objective over all rows of X by L-BFGS: a `Solution`."""
    blocks = problem.row_blocks(X)
    rooms = rooms_for_code(blocks, problem.n_components)
    with block_workers(blocks) as (map, _):
        function = partial(problem, blocks=blocks, rooms=rooms, map=map)
        return minimize_lbfgs(function, start, max_iter=max_iter, patience=patience, watch=watch)


def run_adam(
    problem, X, start, rng, *, batch_size, learning_rate, max_iter, patience, watch, memory=()
):
    """The objective of shuffled mini-batches of X by Adam: a `Solution`, and the optimiser's state at its end."""
    with _epoch_over(problem, X, rng, batch_size, learning_rate) as epoch:
        state = adam_start(start.astype(X.dtype), memory)
        return minimize_adam(epoch, state, max_iter=max_iter, patience=patience, watch=watch)


def run_adam_once(problem, X, state, seed, number, *, batch_size, learning_rate, watch):
    """One epoch over X from `state`, whose step counter and `seed` decide all that is random; `watch` sees it as `number`."""
    with _epoch_over(
        problem, X, np.random.default_rng([seed, state.n_steps]), batch_size, learning_rate
    ) as epoch:
        state, value, terms = epoch(state)
    watch(Iterate(number, state.x, value, terms))
    return state


@contextmanager
def _epoch_over(problem, X, rng, batch_size, learning_rate):
    """An epoch over the rows of X, shuffled anew each time, as a function of Adam's state. Rows on a cluster have their own."""
    if hasattr(X, "epoch_on_workers"):
        yield partial(X.epoch_on_workers, problem, rng, batch_size, learning_rate)
        return
    with row_workers(min(batch_size, X.shape[0]) * problem.work_of_a_row // WORK_OF_A_WORKER) as (
        map,
        n_workers,
    ):
        yield partial(epoch_by, map, n_workers, problem, X, rng, batch_size, learning_rate)


def epoch_by(map, n_workers, problem, X, rng, batch_size, learning_rate, state):
    """Adam's state after an epoch over X, and means over rows of the value and its terms."""
    rooms = problem.rooms(min(batch_size, X.shape[0]), n_workers)

    def function(x, batch):
        return problem(x, problem.batch_blocks(batch, n_workers, rng), rooms, map, state.memory)

    batches, epsilon = mini_batches(X, batch_size, rng), ADAM_EPSILON * problem.unit
    return adam_epoch(function, state, batches, learning_rate, problem.strides, epsilon, map)
