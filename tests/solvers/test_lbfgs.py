import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der
from threadpoolctl import threadpool_limits

from skl_sparse_ae._solvers import lbfgs
from skl_sparse_ae._solvers.lbfgs import MAX_PARAMS, minimize_lbfgs
from skl_sparse_ae._solvers.solution import Patience, Verdict

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
    return 100 * (step @ step) + rest @ rest, gradient, "terms"


def rosenbrock_with_faults(is_faulty, fault):
    """The same, but call n (from 1) returns something non-finite if ``is_faulty(n)``."""
    n_calls = 0

    def function(x):
        nonlocal n_calls
        n_calls += 1
        value, gradient, terms = rosenbrock(x)
        if is_faulty(n_calls):
            value += fault[0]
            gradient[3] += fault[1]
        return value, gradient, terms

    return function


def run_lbfgs(function, *, max_iter=2000, start=START, patience=None, monitor=None):
    """The solution, and all iterates that were reported."""
    iterates = []

    def record(iterate):
        iterates.append(iterate)
        return Verdict(iterate.value) if monitor is None else monitor(iterate)

    patience = patience or Patience(0, 10)
    return minimize_lbfgs(
        function, start, max_iter=max_iter, patience=patience, monitor=record
    ), iterates


def test_lbfgs_reaches_the_minimum():
    solution, iterates = run_lbfgs(rosenbrock)
    assert solution.status == "converged"
    assert solution.best.value < 1e-20
    np.testing.assert_allclose(solution.best.params, 1, atol=1e-9)
    assert [iterate.number for iterate in iterates] == list(range(1, solution.n_iter + 1))


@pytest.mark.parametrize("unit", [1e-200, 1e-12, 1e12, 1e200])
def test_lbfgs_does_not_care_for_the_unit_of_the_value(unit):
    solution, _ = run_lbfgs(lambda x: (unit * rosen(x), unit * rosen_der(x), None))
    assert solution.best.value < 1e-20 * unit


def test_lbfgs_reports_points_with_their_own_value_and_terms():
    solution, iterates = run_lbfgs(lambda x: (rosen(x), rosen_der(x), x.sum()), max_iter=20)
    for iterate in [*iterates, solution.best]:
        assert iterate.value == rosen(iterate.params)
        assert iterate.terms == iterate.params.sum()
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

    def monitor(iterate):
        nonlocal best_then
        if len(points) < call:
            best_then = iterate.params
        return Verdict(iterate.value)

    run_lbfgs(record, monitor=monitor, max_iter=50)
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
    np.testing.assert_array_equal(solution.best.params, START)


def test_scipy_alone_still_claims_success_after_one_inf():
    n_calls = 0

    def function(x):
        nonlocal n_calls
        n_calls += 1
        return (np.inf if n_calls == 2 else rosen(x)), rosen_der(x)

    result = minimize(function, START, jac=True, method="L-BFGS-B")
    assert result.success, (
        "SciPy's L-BFGS-B no longer takes one inf for convergence: is lbfgs._Guard still needed?"
    )
    assert result.fun > 1


def test_lbfgs_stops_when_asked_to():
    def stop_at_the_fifth(iterate):
        return Verdict(iterate.value, stop=iterate.number == 5)

    solution, iterates = run_lbfgs(rosenbrock, monitor=stop_at_the_fifth)
    assert (solution.status, solution.n_iter, len(iterates)) == ("stopped", 5, 5)
    assert solution.best.value <= iterates[3].value


def test_lbfgs_returns_the_iterate_that_was_judged_lowest():
    judged = [3, 1, 2, 4, 5, 6, 7]
    solution, iterates = run_lbfgs(
        rosenbrock,
        patience=Patience(0.01, 3),
        monitor=lambda iterate: Verdict(judged[iterate.number - 1]),
    )
    assert (solution.status, solution.n_iter, solution.best.number) == ("converged", 5, 2)
    np.testing.assert_array_equal(solution.best.params, iterates[1].params)


def test_lbfgs_at_a_minimum_stays_there():
    solution, _ = run_lbfgs(lambda x: (1 + (x**2).sum(), 2 * x, None))
    assert solution.status == "converged"
    np.testing.assert_array_equal(solution.best.params, START)


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
    start = np.broadcast_to(0.0, MAX_PARAMS + 1)  # takes no memory
    with pytest.raises(ValueError, match=f"at most {MAX_PARAMS} parameters.*Use solver='adam'"):
        run_lbfgs(pytest.fail, start=start)


def test_a_failed_line_search_after_a_non_finite_value_is_not_convergence(monkeypatch):
    """Only two failures in a row are, if no restart for a non-finite value lies between."""
    endings = iter(["not_finite", "abnormal", "not_finite", "max_iter"])
    monkeypatch.setattr(lbfgs, "_run_scipy", lambda guard, max_iter: next(endings))
    assert run_lbfgs(rosenbrock)[0].status == "max_iter"


def test_a_gradient_whose_square_underflows_ends_the_run():
    """SciPy's own updates would divide by it.

    Without this, a value that falls to 0 looks like one that is not finite.
    """
    c = np.array([1.0, 2.0, 5.0])
    solution, _ = run_lbfgs(lambda x: (float(c @ x**2), 2 * c * x, 0), start=np.ones(3))
    assert solution.status == "converged"
    assert solution.best.value < 1e-290


@pytest.mark.parametrize(("criterion", "expected"), [(-1000.0, 2), (1000.0, 1)])
def test_the_iterate_of_a_stop_is_judged_by_its_criterion(criterion, expected):
    """Not by its value."""

    def monitor(iterate):
        is_second = iterate.number == 2
        return Verdict(criterion if is_second else 0.0, stop=is_second)

    solution, _ = run_lbfgs(rosenbrock, monitor=monitor)
    assert (solution.status, solution.best.number) == ("stopped", expected)


def test_a_full_history_is_kept_unless_there_are_very_many_params(monkeypatch):
    sizes = []
    run = lbfgs.minimize

    def note(*args, options, **kwargs):
        sizes.append(options["maxcor"])
        return run(*args, options=options, **kwargs)

    monkeypatch.setattr(lbfgs, "minimize", note)
    run_lbfgs(rosenbrock, max_iter=2)
    monkeypatch.setattr(lbfgs, "MANY_PARAMS", 19)
    run_lbfgs(rosenbrock, max_iter=2)
    assert sizes == [lbfgs.HISTORY, lbfgs.SHORT_HISTORY]


def test_ctrl_c_after_the_first_iterate_ends_the_run_with_the_best():
    def interrupt(iterate):
        if iterate.number == 5:
            raise KeyboardInterrupt
        return Verdict(iterate.value)

    solution, iterates = run_lbfgs(rosenbrock, monitor=interrupt)
    assert (solution.status, solution.best.number) == ("interrupted", 4)
    np.testing.assert_array_equal(solution.best.params, iterates[3].params)
