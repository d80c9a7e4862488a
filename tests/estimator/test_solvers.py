import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._estimator.monitor import FitMonitor
from skl_sparse_ae._estimator.solvers import SOLVERS, Run, epoch_of_part, epochs
from skl_sparse_ae._rows.executor import MIN_FLOPS_PER_WORKER, Executor
from skl_sparse_ae._rows.in_memory import ArrayRows
from skl_sparse_ae._solvers.adam import adam_start
from skl_sparse_ae._solvers.learning_rate import LearningRate
from skl_sparse_ae._solvers.solution import Patience

X = np.random.default_rng(0).random((40, 6))
ROWS = ArrayRows(X)
MEMORY = {"running_mean": np.full(4, 0.1)}


@pytest.fixture(params=SOLVERS)
def run(request, problem_of):
    """A solver, its problem, and a `Run` of 9 iterations."""
    problem = problem_of(SparseAutoencoderTransformer(4, solver=request.param), X)
    start = problem.initial_params(np.random.default_rng(0))
    monitor = FitMonitor(problem.terms, 0)
    patience = Patience(tol=0, n_iter_no_change=1)
    rng = np.random.default_rng(1)
    return (
        SOLVERS[request.param],
        problem,
        Run(start, MEMORY, rng, 10, 0.01, 0.0, 9, patience, monitor),
    )


def test_both_solvers_report_every_iteration_and_lower_the_objective(run):
    solver, problem, options = run
    solution, state = solver.solve(problem, ROWS, options)
    values = options.monitor.values
    assert (len(values), solution.n_iter, solution.status) == (9, 9, "max_iter")
    assert solution.best.value == min(values) < values[0]
    if not solver.is_stochastic:
        assert state is None
        return
    assert state.n_steps == 9 * 4
    assert (state.memory["running_mean"] != MEMORY["running_mean"]).all()
    np.testing.assert_array_equal(MEMORY["running_mean"], 0.1)


def test_the_learning_rate_of_adam_falls_over_the_share_of_its_steps_that_is_asked_for(run):
    solver, problem, options = run
    if not solver.is_stochastic:
        return
    _, state = solver.solve(problem, ROWS, options._replace(falling_share=0.25))
    assert state.learning_rate == LearningRate(0.01, 0.25, 9 * 4)
    assert state.learning_rate.at(state.n_steps) == 0


def test_a_solver_leaves_its_start_alone(run):
    solver, problem, options = run
    before = options.start.copy()
    solver.solve(problem, ROWS, options)
    np.testing.assert_array_equal(options.start, before)


def test_only_lbfgs_has_a_largest_number_of_params():
    SOLVERS["adam"].check_size(10**12)
    SOLVERS["lbfgs"].check_size(10**6)
    with pytest.raises(ValueError, match="Use solver='adam'"):
        SOLVERS["lbfgs"].check_size(10**12)


def test_solvers_say_in_what_they_differ():
    for name, solver in SOLVERS.items():
        assert solver.name == name
        assert solver.is_stochastic == solver.may_end_worse == (name == "adam")
        assert isinstance(solver.iteration, str)


class Problem:
    """Of no rows; it keeps the batches that it is given."""

    gradient_scale, step_scales = 1.0, ()

    def __init__(self, flops_per_row=1):
        self.flops_per_row, self.batches, self.executors = flops_per_row, [], []

    def batch(self, rows, executor, rng):
        self.batches.append(rows.copy())
        self.executors.append(executor)
        return ArrayBatch(len(rows))

    def value_and_gradient(self, params, batch, memory):
        return 0.5, np.ones_like(params), (0.2, 0.3)

    def after_step(self, state, batch):
        return state


class ArrayBatch:
    def __init__(self, n_rows):
        self.n_rows = n_rows


def test_an_epoch_visits_the_rows_of_a_part_once_in_batches():
    problem, executor = Problem(), Executor()
    state, n_rows, value, terms = epoch_of_part(
        problem, 16, adam_start(np.zeros(3)), ROWS, executor, np.random.default_rng(0)
    )
    assert (n_rows, value, state.n_steps) == (40, pytest.approx(0.5), 3)
    np.testing.assert_allclose(terms, [0.2, 0.3])
    rows = np.vstack(problem.batches)
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], X[np.lexsort(X.T)])
    assert set(problem.executors) == {executor}


def test_there_is_a_worker_for_so_many_multiplications_in_a_batch():
    with threadpool_limits(2, user_api="blas"):
        for share, n_workers in ((0.5, 1), (1.5, 1), (2.5, 2)):
            problem = Problem(int(share * MIN_FLOPS_PER_WORKER / 20))
            with epochs(problem, ROWS, 20) as epoch:
                epoch(adam_start(np.zeros(3)), np.random.default_rng(0))
            assert {executor.n_workers for executor in problem.executors} == {n_workers}
