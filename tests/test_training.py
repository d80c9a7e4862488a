import numpy as np
import pytest

from skl_sparse_ae._losses import SquaredError
from skl_sparse_ae._objective import Objective, Terms
from skl_sparse_ae._penalties import KullbackLeibler
from skl_sparse_ae._problems import JointProblem, MiniBatchProblem
from skl_sparse_ae._solvers import Iterate, Patience, adam_start
from skl_sparse_ae._training import Watch, pack, run_adam, run_adam_once, run_lbfgs, unpack_frame, unpack_state
from skl_sparse_ae._weights import Frame

X = np.random.default_rng(0).random((40, 6))
NEVER = {"tol": 0, "n_iter_no_change": 1}


def problem_of(form):
    frame = Frame(X.mean(axis=0), 0.3, 0.1, 0.4)
    return form(Objective(SquaredError, KullbackLeibler(0.1, 0.2), 1e-3, 1e-3), frame, 4, X.dtype)


@pytest.fixture
def problem():
    return problem_of(MiniBatchProblem)


@pytest.fixture
def start(problem):
    return problem.first(X.mean(axis=0), 0.1, np.random.default_rng(0))


def test_the_watch_records_prints_and_judges_by_the_value(capsys):
    watch = Watch(Terms, verbose=1)
    assert watch(Iterate(1, None, 0.6, Terms(0.1, 0.2, 0.3))) == 0.6
    assert watch.values == [0.6]
    assert watch.terms == {"reconstruction": [0.1], "sparsity": [0.2], "weight_decay": [0.3]}
    assert capsys.readouterr().out == "Iteration 1, loss = 0.60000000\n"


def test_the_watch_judges_by_the_score_if_there_is_one(capsys):
    watch = Watch(Terms, verbose=1, score=lambda x: x + 1)
    assert watch(Iterate(1, 2.0, 0.6, Terms(0.1, 0.2, 0.3))) == -3.0
    assert watch.scores == [3.0]
    assert "Validation score: 3.000000" in capsys.readouterr().out


def test_both_runs_watch_every_iteration_and_lower_the_objective():
    adam = {"batch_size": 10, "learning_rate": 0.01}
    for run, form, options in ((run_lbfgs, JointProblem, {}), (run_adam, MiniBatchProblem, adam)):
        problem, watch = problem_of(form), Watch(Terms, 0)
        start = problem.first(X.mean(axis=0), 0.1, np.random.default_rng(0))
        extra = (np.random.default_rng(1),) if run is run_adam else ()
        result = run(problem, X, start, *extra, max_iter=9, patience=Patience(**NEVER), watch=watch, **options)
        solution = result[0] if run is run_adam else result
        assert (len(watch.values), solution.n_iter, solution.status) == (9, 9, "max_iter")
        assert solution.best.value == min(watch.values) < watch.values[0]


def test_one_epoch_after_packing_is_the_same_epoch(problem, start):
    options = {"batch_size": 10, "learning_rate": 0.01}
    state = run_adam_once(problem, X, adam_start(start), 3, 1, watch=Watch(Terms, 0), **options)
    packed = pack(state, problem.frame, 3)
    assert all(isinstance(value, np.ndarray | float | int) for value in packed.values())
    resumed = unpack_state(packed, state.x.copy())
    for mine, theirs in zip(unpack_frame(Frame, packed), problem.frame, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    straight = run_adam_once(problem, X, state, 3, 2, watch=Watch(Terms, 0), **options)
    again = run_adam_once(problem, X, resumed, packed["seed"], 2, watch=Watch(Terms, 0), **options)
    np.testing.assert_array_equal(straight.x, again.x)
    assert again.n_steps == 8


def test_unpacking_copies_the_moments(problem, start):
    packed = pack(adam_start(start), problem.frame, 3)
    unpack_state(packed, start).first_moment[0] = 5
    assert packed["first_moment"][0] == 0
