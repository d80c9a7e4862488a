import numpy as np
import pytest

from skl_sparse_ae._estimator.history import Watch
from skl_sparse_ae._estimator.optimizer_state import (
    LATER_NAMES,
    check_packed,
    is_out_of_date,
    pack,
    unpack_frame,
    unpack_seen,
    unpack_state,
)
from skl_sparse_ae._estimator.training import run_adam, run_adam_once, run_lbfgs
from skl_sparse_ae._nn.losses import SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.moments import Moments
from skl_sparse_ae._solvers.adam import adam_start
from skl_sparse_ae._solvers.solution import Iterate, Patience
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective, Terms
from skl_sparse_ae._sparse.problems import JointProblem, MiniBatchProblem

X = np.random.default_rng(0).random((40, 6))
NEVER = {"tol": 0, "n_iter_no_change": 1}
MEMORY = np.full(4, 0.1)
SEEN = Moments(40, X.mean(axis=0), X.var(axis=0), 0.25)


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
    adam = {"batch_size": 10, "learning_rate": 0.01, "memory": MEMORY}
    for run, form, options in ((run_lbfgs, JointProblem, {}), (run_adam, MiniBatchProblem, adam)):
        problem, watch = problem_of(form), Watch(Terms, 0)
        start = problem.first(X.mean(axis=0), 0.1, np.random.default_rng(0))
        extra = (np.random.default_rng(1),) if run is run_adam else ()
        result = run(
            problem,
            X,
            start,
            *extra,
            max_iter=9,
            patience=Patience(**NEVER),
            watch=watch,
            **options,
        )
        solution = result[0] if run is run_adam else result
        assert (len(watch.values), solution.n_iter, solution.status) == (9, 9, "max_iter")
        assert solution.best.value == min(watch.values) < watch.values[0]


def test_one_epoch_after_packing_is_the_same_epoch(problem, start):
    options = {"batch_size": 10, "learning_rate": 0.01}
    state = run_adam_once(
        problem, X, adam_start(start, MEMORY), 3, 1, watch=Watch(Terms, 0), **options
    )
    assert (state.memory != MEMORY).all()
    packed = pack(state, problem.frame, 3, SEEN)
    assert all(isinstance(value, np.ndarray | float | int) for value in packed.values())
    resumed = unpack_state(packed, state.x.copy(), MEMORY)
    for mine, theirs in zip(unpack_seen(packed), SEEN, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(unpack_frame(Frame, packed), problem.frame, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    straight = run_adam_once(problem, X, state, 3, 2, watch=Watch(Terms, 0), **options)
    again = run_adam_once(problem, X, resumed, packed["seed"], 2, watch=Watch(Terms, 0), **options)
    np.testing.assert_array_equal(straight.x, again.x)
    assert again.n_steps == 8


def test_unpacking_copies_the_moments(problem, start):
    packed = pack(adam_start(start, MEMORY), problem.frame, 3, SEEN)
    state = unpack_state(packed, start, MEMORY)
    state.first_moment[0] = state.memory[0] = 5
    assert (packed["first_moment"][0], packed["memory"][0]) == (0, 0.1)


def test_files_without_a_memory_begin_with_another_and_have_seen_nothing(problem, start):
    packed = pack(adam_start(start, MEMORY), problem.frame, 3, SEEN)
    old = {name: value for name, value in packed.items() if name not in LATER_NAMES}
    check_packed(old, Frame, len(start), 6, 4, "Model")
    assert unpack_seen(old) is None
    np.testing.assert_array_equal(unpack_state(old, start, 2 * MEMORY).memory, 2 * MEMORY)


@pytest.mark.parametrize(
    ("name", "value"), [("memory", MEMORY[:2]), ("seen_n_rows", 0), ("seen_variance", None)]
)
def test_a_packed_state_is_checked_whole(problem, start, name, value):
    packed = pack(adam_start(start, MEMORY), problem.frame, 3, SEEN)
    check_packed(packed, Frame, len(start), 6, 4, "Model")
    with pytest.raises(ValueError, match=f"corrupted: attribute '{name}'"):
        check_packed(packed | {name: value}, Frame, len(start), 6, 4, "Model")


@pytest.mark.parametrize(
    ("scale", "shift"), [(1, 0), (1.9, 0), (2.1, 0), (0.4, 0), (1, 0.9), (1, 1.1)]
)
def test_a_frame_is_out_of_date_if_spread_or_mean_are_far_from_its_own(scale, shift):
    frame = Frame(np.zeros(6), 0.5, 0.1, 1.0)
    suited = frame._replace(input_scale=0.5 * scale)
    total_deviation = 0.5 * scale * np.sqrt(frame.total_variance)
    assert is_out_of_date(
        frame, suited._replace(input_mean=np.eye(6)[0] * shift * total_deviation)
    ) == (not 0.5 <= scale <= 2 or shift > 1)
