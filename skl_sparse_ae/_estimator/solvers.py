"""The solvers as an estimator sees them: `SOLVERS` by the names of the parameter `solver`.

Each answers the questions in which they differ: which form of the problem, how to run it, whether
its steps see few rows, and whether its last iterate may be worse than its start.
"""

from functools import partial
from math import ceil
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._rows.executor import MIN_FLOPS_PER_WORKER
from skl_sparse_ae._solvers.adam import adam_epoch, adam_start, minimize_adam
from skl_sparse_ae._solvers.lbfgs import minimize_lbfgs, refuse_too_many_params
from skl_sparse_ae._solvers.learning_rate import LearningRate
from skl_sparse_ae._solvers.solution import Monitor, Patience


class Run(NamedTuple):
    """What a solver needs of an estimator for one fit, besides the problem."""

    start: np.ndarray  # params, float64
    memory: dict  # of a stochastic problem, at the start
    rng: np.random.Generator
    batch_size: int
    learning_rate: float  # at the start
    falling_share: float  # share of the steps, the last ones, over which it falls to 0
    max_iter: int
    patience: Patience
    monitor: Monitor


class Lbfgs:
    """The exact objective over all rows at every step."""

    name, iteration = "lbfgs", "iteration"
    is_stochastic = False
    may_end_worse = False  # L-BFGS does not accept a rise

    @staticmethod
    def check_size(n_params):
        """Raise ValueError for too many params."""
        refuse_too_many_params(n_params)

    @staticmethod
    def problem(family, frame, moments, rows):
        """The form of the problem that this solver searches."""
        return family._full_batch_problem(frame, moments, rows)

    @staticmethod
    def solve(problem, rows, run):
        """``(Solution, None)``: L-BFGS has no state to go on from."""
        with problem.blocks.workers():
            solution = minimize_lbfgs(
                problem.value_and_gradient,
                run.start,
                max_iter=run.max_iter,
                patience=run.patience,
                monitor=run.monitor,
            )
        return solution, None


class Adam:
    """Shuffled mini-batches."""

    name, iteration = "adam", "epoch"
    is_stochastic = True
    may_end_worse = True

    @staticmethod
    def check_size(n_params):
        """Accept any number of params."""

    @staticmethod
    def problem(family, frame, moments, rows):
        """The form of the problem that this solver searches."""
        return family._stochastic_problem(frame, moments, rows)

    @staticmethod
    def solve(problem, rows, run):
        """A `Solution`, and the `AdamState` at its end, from which `partial_fit` can go on."""
        n_steps = run.max_iter * ceil(rows.shape[0] / run.batch_size)
        rate = LearningRate(run.learning_rate, run.falling_share, n_steps)
        state = adam_start(run.start.astype(rows.dtype), run.memory, rate)
        with epochs(problem, rows, run.batch_size) as epoch:
            return minimize_adam(
                lambda state: epoch(state, run.rng),
                state,
                max_iter=run.max_iter,
                patience=run.patience,
                monitor=run.monitor,
            )


SOLVERS = {solver.name: solver for solver in (Lbfgs, Adam)}


def epochs(problem, rows, batch_size):
    """A context that yields ``epoch(state, rng) -> (state, value, terms)``; see `Rows.epochs`."""
    flops = min(batch_size, rows.shape[0]) * problem.flops_per_row
    step = partial(epoch_of_part, problem, batch_size)
    return rows.epochs(step, flops // MIN_FLOPS_PER_WORKER)


def epoch_of_part(problem, batch_size, state, rows, executor, rng):
    """``(state, n_rows, value, terms)`` after an epoch over rows in this process."""
    batches = (problem.batch(X, executor, rng) for X in rows.batches(batch_size, rng))
    state, value, terms = adam_epoch(problem, state, batches, executor.plain_map)
    return state, rows.shape[0], value, terms
