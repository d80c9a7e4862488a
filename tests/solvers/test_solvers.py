import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer
from threadpoolctl import threadpool_limits

from skl_sparse_ae import _solvers
from skl_sparse_ae._solvers.adam import adam_epoch, adam_start, adam_step, minimize_adam
from skl_sparse_ae._solvers.lbfgs import LBFGS_MOST_PARAMETERS, minimize_lbfgs
from skl_sparse_ae._solvers.solution import Patience

START = np.zeros(20)
BAD = (np.inf, np.nan)
FAULTS = [
    (-np.inf, 0),
    *[fault for bad in BAD for fault in ((bad, 0), (0, bad), (bad, bad))],
]  # added to (value, gradient)


def rosenbrock(x):
    step, rest = x[1:] - x[:-1] ** 2, 1 - x[:-1]  # a third of the time of rosen and rosen_der
    gradient = np.zeros_like(x)
    gradient[1:] = 200 * step
    gradient[:-1] -= 400 * x[:-1] * step + 2 * rest
    return 100 * (step @ step) + rest @ rest, gradient, "details"


def rosenbrock_with_faults(is_faulty, fault):
    """Its n-th call (from 1) gives something not finite if ``is_faulty(n)``."""
    n_calls = 0

    def function(x):
        nonlocal n_calls
        n_calls += 1
        value, gradient, details = rosenbrock(x)
        if is_faulty(n_calls):
            value += fault[0]
            gradient[3] += fault[1]
        return value, gradient, details

    return function


def run_lbfgs(function, *, max_iter=2000, start=START, patience=None, watch=None):
    """The solution, and all iterates that were reported."""
    iterates = []

    def record(iterate):
        iterates.append(iterate)
        return iterate.value if watch is None else watch(iterate)

    patience = patience or Patience(0, 10)
    return minimize_lbfgs(
        function, start, max_iter=max_iter, patience=patience, watch=record
    ), iterates


# --- Patience ---


def test_patience_without_tolerance_never_ends():
    patience = Patience(0, 1)
    assert not any(patience.is_exhausted_by(value) for value in [1.0, 1.0, 2.0, 3.0] * 5)


def test_patience_counts_consecutive_updates_only():
    patience = Patience(0.01, 2)
    assert [patience.is_exhausted_by(v) for v in [10, 10, 5, 5, 4, 4, 4]] == [False] * 6 + [True]


def is_exhausted_after(*values):
    patience = Patience(0.01, 1)
    return [patience.is_exhausted_by(value) for value in values][-1]


@pytest.mark.parametrize("unit", [1e-20, 1, 1e20])
@pytest.mark.parametrize("offset", [-3, 0, 1])
def test_patience_is_measured_in_its_unit(unit, offset):
    for step, expected in ((0.02, False), (0.005, True)):
        patience = Patience(0.01, 1, unit)
        assert [patience.is_exhausted_by((offset - i * step) * unit) for i in range(2)] == [
            False,
            expected,
        ]


def test_a_unit_of_0_is_the_size_of_the_first_value():
    patience = Patience(0.01, 1, unit=0.0)
    assert [patience.is_exhausted_by(value) for value in (-5.0, -5.06, -5.10)] == [
        False,
        False,
        True,
    ]


def test_small_improvements_do_not_move_patience_but_their_sum_does():
    patience = Patience(0.01, 3)
    assert not any(patience.is_exhausted_by(v) for v in [1, 0.995, 0.98, 0.975, 0.96])


# --- L-BFGS ---


def test_lbfgs_reaches_the_minimum():
    solution, iterates = run_lbfgs(rosenbrock)
    assert solution.status == "converged"
    assert solution.best.value < 1e-20
    np.testing.assert_allclose(solution.best.x, 1, atol=1e-9)
    assert [iterate.number for iterate in iterates] == list(range(1, solution.n_iter + 1))


@pytest.mark.parametrize("unit", [1e-200, 1e-12, 1e12, 1e200])
def test_lbfgs_does_not_care_for_the_unit_of_the_value(unit):
    solution, _ = run_lbfgs(lambda x: (unit * rosen(x), unit * rosen_der(x), None))
    assert solution.best.value < 1e-20 * unit


def test_lbfgs_reports_points_with_their_own_value_and_details():
    solution, iterates = run_lbfgs(lambda x: (rosen(x), rosen_der(x), x.sum()), max_iter=20)
    for iterate in [*iterates, solution.best]:
        assert iterate.value == rosen(iterate.x)
        assert iterate.details == iterate.x.sum()
    assert solution.best is iterates[-1]


@pytest.mark.parametrize("max_iter", [1, 2, 7])
def test_lbfgs_makes_exactly_max_iter_iterations(max_iter):
    solution, iterates = run_lbfgs(rosenbrock, max_iter=max_iter)
    assert (solution.n_iter, len(iterates), solution.status) == (max_iter, max_iter, "max_iter")


@pytest.mark.parametrize("max_iter", [1, 2, 7])
def test_restarts_do_not_reset_the_iteration_count(max_iter):
    function = rosenbrock_with_faults(lambda n: n in (6, 12), (np.nan, 0))
    solution, iterates = run_lbfgs(function, max_iter=max_iter)
    assert (solution.n_iter, len(iterates), solution.status) == (max_iter, max_iter, "max_iter")
    assert [iterate.number for iterate in iterates] == list(range(1, max_iter + 1))


@pytest.mark.parametrize("fault", FAULTS)
def test_lbfgs_refuses_a_start_that_is_not_finite(fault):
    with pytest.raises(ValueError, match="not finite at the initial parameters"):
        run_lbfgs(rosenbrock_with_faults(lambda n: n == 1, fault))


@pytest.mark.parametrize("call", [2, 3, 10])
@pytest.mark.parametrize("fault", FAULTS)
def test_lbfgs_recovers_from_one_fault(fault, call):
    solution, _ = run_lbfgs(rosenbrock_with_faults(lambda n: n == call, fault))
    assert solution.status == "converged"
    assert solution.best.value < 1e-10


@pytest.mark.parametrize("call", range(3, 40))
def test_lbfgs_restarts_from_the_best_iterate(call):
    points, function = [], rosenbrock_with_faults(lambda n: n == call, (np.nan, 0))
    best_then = START

    def record(x):
        points.append(x.copy())
        return function(x)

    def watch(iterate):
        nonlocal best_then
        if len(points) < call:
            best_then = iterate.x
        return iterate.value

    run_lbfgs(record, watch=watch, max_iter=50)
    np.testing.assert_array_equal(points[call], best_then)  # the evaluation after the fault


@pytest.mark.parametrize(("probability", "least_converged"), [(0.005, 50), (0.02, 40), (0.05, 20)])
@pytest.mark.parametrize("fault", FAULTS)
@threadpool_limits.wrap(
    limits=1, user_api="blas"
)  # as in a fit: SciPy's small systems are slow in several
def test_lbfgs_never_claims_a_false_success(fault, probability, least_converged):
    statuses = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        start = rng.uniform(0, 2, size=20)
        function = rosenbrock_with_faults(
            lambda n, rng=rng: n > 1 and rng.random() < probability, fault
        )
        solution, iterates = run_lbfgs(function, start=start)
        assert solution.best.value == min(
            (iterate.value for iterate in iterates), default=rosenbrock(start)[0]
        )
        assert solution.best.value <= rosenbrock(start)[0]
        assert solution.status in ("converged", "not_finite")
        if solution.status == "converged":
            assert solution.best.value <= 1e-3
        statuses.append(solution.status)
    assert statuses.count("converged") >= least_converged


def test_the_rosenbrock_function_is_scipys():
    x = np.random.default_rng(0).normal(size=20)
    value, gradient, _ = rosenbrock(x)
    assert value == pytest.approx(rosen(x), rel=1e-14)
    np.testing.assert_allclose(gradient, rosen_der(x), rtol=1e-12)


def test_lbfgs_gives_up_when_nothing_is_finite_any_more():
    function = rosenbrock_with_faults(lambda n: n > 10, (np.inf, np.nan))
    solution, iterates = run_lbfgs(function)
    assert solution.status == "not_finite"
    assert solution.best.value == min(iterate.value for iterate in iterates)
    solution, iterates = run_lbfgs(rosenbrock_with_faults(lambda n: n > 1, (np.inf, 0)))
    assert (solution.status, solution.n_iter, iterates) == ("not_finite", 0, [])
    np.testing.assert_array_equal(solution.best.x, START)


def test_scipy_alone_still_claims_success_after_one_inf():
    n_calls = 0

    def function(x):
        nonlocal n_calls
        n_calls += 1
        return (np.inf if n_calls == 2 else rosen(x)), rosen_der(x)

    result = minimize(function, START, jac=True, method="L-BFGS-B")
    assert result.success, (
        "SciPy's L-BFGS-B no longer takes one inf for convergence: is _solvers.lbfgs._Guard still needed?"
    )
    assert result.fun > 1


def test_lbfgs_stops_when_asked_to():
    def stop_at_the_fifth(iterate):
        if iterate.number == 5:
            raise StopIteration
        return iterate.value

    solution, iterates = run_lbfgs(rosenbrock, watch=stop_at_the_fifth)
    assert (solution.status, solution.n_iter, len(iterates)) == ("stopped", 5, 5)
    assert solution.best.value <= iterates[3].value


def test_lbfgs_returns_the_iterate_that_was_watched_lowest():
    watched = [3, 1, 2, 4, 5, 6, 7]
    solution, iterates = run_lbfgs(
        rosenbrock, patience=Patience(0.01, 3), watch=lambda it: watched[it.number - 1]
    )
    assert (solution.status, solution.n_iter, solution.best.number) == ("converged", 5, 2)
    np.testing.assert_array_equal(solution.best.x, iterates[1].x)


def test_lbfgs_at_a_minimum_stays_there():
    solution, _ = run_lbfgs(lambda x: (1 + (x**2).sum(), 2 * x, None))
    assert solution.status == "converged"
    np.testing.assert_array_equal(solution.best.x, START)


def test_lbfgs_hands_on_what_the_function_raises():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_lbfgs(interrupted)


def test_lbfgs_leaves_the_start_alone():
    start = START.copy()
    start.flags.writeable = False
    run_lbfgs(rosenbrock, start=start, max_iter=5)
    np.testing.assert_array_equal(start, START)


def test_too_many_parameters_are_refused_before_scipy_crashes():
    start = np.broadcast_to(0.0, LBFGS_MOST_PARAMETERS + 1)  # takes no memory
    with pytest.raises(
        ValueError, match=f"at most {LBFGS_MOST_PARAMETERS} parameters.*Use solver='adam'"
    ):
        run_lbfgs(pytest.fail, start=start)


# --- Adam ---


def test_adams_first_step_is_the_learning_rate_against_the_sign():
    gradient = np.array([1e-3, -1.0, 50.0, 0.0])
    state = adam_step(adam_start(np.ones(4)), gradient, 0.1)
    np.testing.assert_allclose(state.x, 1 - 0.1 * np.sign(gradient), rtol=1e-5)
    assert state.n_steps == 1


def test_adam_is_scikit_learns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=10)
    state, theirs = adam_start(x), [x.copy()]
    # epsilon off: scikit-learn adds it before the bias correction of the second moment, the paper after
    optimizer = AdamOptimizer(theirs, learning_rate_init=0.01, beta_1=0.8, beta_2=0.99, epsilon=0)
    for _ in range(20):
        gradient = rng.normal(size=10)
        state = adam_step(state, gradient, 0.01, epsilon=0, beta_1=0.8, beta_2=0.99)
        optimizer.update_params(theirs, [gradient])
    np.testing.assert_allclose(state.x, theirs[0], rtol=1e-12)
    np.testing.assert_allclose(state.first_moment * (1 - 0.8), optimizer.ms[0], rtol=1e-12)
    np.testing.assert_allclose(state.second_moment * (1 - 0.99), optimizer.vs[0], rtol=1e-12)


def test_strides_are_units_of_the_parameters():
    """Steps of x with strides are those of x / stride without."""
    rng = np.random.default_rng(0)
    x, gradients = rng.normal(size=5), rng.normal(size=(4, 5))
    stride = np.array([3.0, 3.0, 3.0, 0.2, 0.2])
    with_strides, without = adam_start(x), adam_start(x / stride)
    for gradient in gradients:
        with_strides = adam_step(with_strides, gradient, 0.1, ((3, 3.0), (2, 0.2)))
        without = adam_step(without, stride * gradient, 0.1)
    np.testing.assert_allclose(with_strides.x, stride * without.x, rtol=1e-12)
    for mine, theirs in zip(with_strides[1:3], without[1:3], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_epsilon_is_added_after_the_bias_correction():
    state = adam_step(adam_start(np.zeros(1)), np.array([2.0]), 0.1, epsilon=2.0)
    assert state.x[0] == pytest.approx(-0.1 * 2 / (2 + 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_does_not_depend_on_the_chunk(monkeypatch, dtype):
    def run():
        rng = np.random.default_rng(0)
        state = adam_start(rng.normal(size=10).astype(dtype))
        for _ in range(5):
            state = adam_step(state, rng.normal(size=10).astype(dtype), 0.01)
        return state

    whole = run()
    monkeypatch.setattr(_solvers.adam, "ADAM_CHUNK", 3)
    for a, b in zip(whole, run(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_float32_state_stays_float32_and_in_place():
    state = adam_start(np.ones(5, dtype=np.float32))
    arrays = state[:3]
    for learning_rate in (0.01, np.float64(0.01)):
        state = adam_step(state, np.full(5, 0.1, dtype=np.float32), float(learning_rate))
    assert all(new is old for new, old in zip(state[:3], arrays, strict=True))
    assert {a.dtype for a in state[:3]} == {np.dtype(np.float32)}


def test_adam_start_copies():
    x = np.ones(3)
    adam_step(adam_start(x), np.ones(3), 0.1)
    np.testing.assert_array_equal(x, 1)


@pytest.mark.parametrize(
    ("dtype", "bad"),
    [(np.float32, np.nan), (np.float64, np.inf), (np.float32, 1e20), (np.float64, 1e200)],
)
@pytest.mark.usefixtures("quiet")
def test_a_bad_gradient_leaves_adams_state_as_it_was(dtype, bad):
    state = adam_step(adam_start(np.ones(5, dtype=dtype)), np.arange(5, dtype=dtype), 0.01)
    before = [a.tobytes() for a in state[:3]]
    gradient = np.array([1, 2, 3, 4, bad], dtype=dtype)
    with pytest.raises(FloatingPointError, match="not finite"):
        adam_step(state, gradient, 0.01)
    assert [a.tobytes() for a in state[:3]] == before
    assert state.n_steps == 1


def test_vanishing_gradients_are_no_floating_point_error():
    with np.errstate(all="raise", under="ignore"):
        state = adam_step(
            adam_start(np.ones(3, dtype=np.float32)), np.full(3, 1e-30, dtype=np.float32), 0.1
        )
    assert np.isfinite(state.x).all()


def distance(x, batch):
    """Half the mean squared distance to the rows of a batch; the details are its size, and one."""
    return 0.5 * np.square(x - batch).sum(axis=1).mean(), x - batch.mean(axis=0), (len(batch), 1.0)


def run_adam(
    *, n_epochs=1000, learning_rate=0.05, patience=None, watch=lambda iterate: iterate.value
):
    rows = np.array([[1.0, 2.0], [3.0, 2.0], [2.0, 2.0]])
    options = {"max_iter": n_epochs, "patience": patience or Patience(0, 10), "watch": watch}
    return minimize_adam(
        lambda state: adam_epoch(distance, state, [rows[:2], rows[2:]], learning_rate),
        adam_start(np.zeros(2)),
        **options,
    )


def test_adam_comes_near_the_minimum():
    solution, state = run_adam(learning_rate=0.01)
    assert (solution.status, solution.n_iter, state.n_steps) == ("max_iter", 1000, 2000)
    np.testing.assert_allclose(state.x, [2, 2], atol=0.05)


def test_an_epochs_value_and_details_are_means_over_rows():
    batches = [np.zeros((3, 2)), np.full((1, 2), 4.0)]
    _, value, details = adam_epoch(distance, adam_start(np.zeros(2)), batches, 1e-12)
    assert value == pytest.approx((3 * 0 + 1 * 16) / 4)
    np.testing.assert_allclose(details, [(3 * 3 + 1 * 1) / 4, 1])


def test_adam_returns_the_epoch_that_was_watched_lowest():
    seen, watched = [], [3, 1, 2, 4, 0.5]

    def watch(iterate):
        seen.append(iterate.x.copy())
        return watched[iterate.number - 1]

    solution, state = run_adam(n_epochs=4, watch=watch)
    assert (solution.status, solution.n_iter, solution.best.number) == ("max_iter", 4, 2)
    np.testing.assert_array_equal(solution.best.x, seen[1])
    np.testing.assert_array_equal(state.x, seen[3])
    assert not np.shares_memory(solution.best.x, state.x)


def test_adam_converges_when_patience_ends():
    watched = [3, 2, 2, 2, 2, 2]
    solution, _ = run_adam(
        patience=Patience(0.01, 2), watch=lambda iterate: watched[iterate.number - 1]
    )
    assert (solution.status, solution.n_iter, solution.best.number) == ("converged", 4, 2)


def test_adam_stops_when_asked_to():
    def stop_at_the_third(iterate):
        if iterate.number == 3:
            raise StopIteration
        return iterate.value

    solution, state = run_adam(watch=stop_at_the_third)
    assert (solution.status, solution.n_iter, state.n_steps) == ("stopped", 3, 6)


@pytest.mark.parametrize("measure", [-1000.0, 1000.0])
@pytest.mark.parametrize("solver", [run_lbfgs, run_adam])
def test_the_iterate_of_a_stop_is_not_compared_by_another_measure(solver, measure):
    """`watch` returns a score until it stops; the stopping iterate has none, and its value is no substitute."""

    def watch(iterate):
        if iterate.number == 2:
            raise StopIteration
        return measure

    solution = (
        run_lbfgs(rosenbrock, watch=watch) if solver is run_lbfgs else run_adam(watch=watch)
    )[0]
    assert (solution.status, solution.best.number) == ("stopped", 1)


def test_adam_raises_on_a_function_that_is_not_finite():
    with pytest.raises(FloatingPointError):
        adam_epoch(
            lambda x, batch: (np.nan, np.full(2, np.nan), 0.0),
            adam_start(np.zeros(2)),
            [np.zeros((1, 2))],
            0.1,
        )


def test_a_failed_line_search_after_a_non_finite_value_is_not_convergence(monkeypatch):
    """Only two in a row without progress are: the restart that a non-finite value asked for says nothing of rounding."""
    endings = iter(["not_finite", "abnormal", "not_finite", "max_iter"])
    monkeypatch.setattr(_solvers.lbfgs, "_run_lbfgs", lambda guard, max_iter: next(endings))
    assert run_lbfgs(rosenbrock)[0].status == "max_iter"


def test_a_gradient_whose_square_underflows_ends_the_run():
    """SciPy's own updates would divide by it: without this, a value that falls to 0 looks like one that is not finite."""
    c = np.array([1.0, 2.0, 5.0])
    solution, _ = run_lbfgs(lambda x: (float(c @ x**2), 2 * c * x, 0), start=np.ones(3))
    assert solution.status == "converged"
    assert solution.best.value < 1e-290
