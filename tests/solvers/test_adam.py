from typing import NamedTuple

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

from skl_sparse_ae._solvers import adam
from skl_sparse_ae._solvers.adam import adam_epoch, adam_start, adam_step, minimize_adam
from skl_sparse_ae._solvers.learning_rate import LearningRate
from skl_sparse_ae._solvers.solution import Patience, Verdict


class Batch(NamedTuple):
    rows: np.ndarray

    @property
    def n_rows(self):
        return len(self.rows)


class Distance:
    """Half the mean squared distance to the rows of a batch. Terms: its size, and one."""

    gradient_scale, step_scales = 1.0, ()

    def value_and_gradient(self, params, batch, memory):
        value = 0.5 * np.square(params - batch.rows).sum(axis=1).mean()
        return value, params - batch.rows.mean(axis=0), (batch.n_rows, 1.0)

    def after_step(self, state, batch):
        return state


ROWS = np.array([[1.0, 2.0], [3.0, 2.0], [2.0, 2.0]])
BATCHES = [Batch(ROWS[:2]), Batch(ROWS[2:])]


def start(learning_rate=0.05, memory=None, *falling):
    """The state at 0, with this rate, falling or not."""
    return adam_start(np.zeros(2), memory, LearningRate(learning_rate, *falling))


def run_adam(*, n_epochs=1000, learning_rate=0.05, patience=None, monitor=None, falling=()):
    return minimize_adam(
        lambda state: adam_epoch(Distance(), state, BATCHES),
        start(learning_rate, None, *falling),
        max_iter=n_epochs,
        patience=patience or Patience(0, 10),
        monitor=monitor or (lambda iterate: Verdict(iterate.value)),
    )


def test_adams_first_step_is_the_learning_rate_against_the_sign():
    gradient = np.array([1e-3, -1.0, 50.0, 0.0])
    state = adam_step(adam_start(np.ones(4)), gradient, 0.1)
    np.testing.assert_allclose(state.params, 1 - 0.1 * np.sign(gradient), rtol=1e-5)
    assert state.n_steps == 1


def test_adam_is_scikit_learns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=10)
    state, theirs = adam_start(x), [x.copy()]
    # epsilon is 0: the paper adds it after the bias correction of the second moment, and
    # scikit-learn before
    optimizer = AdamOptimizer(theirs, learning_rate_init=0.01, beta_1=0.8, beta_2=0.99, epsilon=0)
    for _ in range(20):
        gradient = rng.normal(size=10)
        state = adam_step(state, gradient, 0.01, epsilon=0, beta_1=0.8, beta_2=0.99)
        optimizer.update_params(theirs, [gradient])
    np.testing.assert_allclose(state.params, theirs[0], rtol=1e-12)
    np.testing.assert_allclose(state.first_moment * (1 - 0.8), optimizer.ms[0], rtol=1e-12)
    np.testing.assert_allclose(state.second_moment * (1 - 0.99), optimizer.vs[0], rtol=1e-12)


def test_step_scales_are_units_of_the_params():
    """A step of params with scales is a step of ``params / scale`` without scales."""
    rng = np.random.default_rng(0)
    x, gradients = rng.normal(size=5), rng.normal(size=(4, 5))
    scale = np.array([3.0, 3.0, 3.0, 0.2, 0.2])
    with_scales, without = adam_start(x), adam_start(x / scale)
    for gradient in gradients:
        with_scales = adam_step(with_scales, gradient, 0.1, ((3, 3.0), (2, 0.2)))
        without = adam_step(without, scale * gradient, 0.1)
    np.testing.assert_allclose(with_scales.params, scale * without.params, rtol=1e-12)
    for mine, theirs in zip(with_scales[1:3], without[1:3], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_epsilon_is_added_after_the_bias_correction():
    state = adam_step(adam_start(np.zeros(1)), np.array([2.0]), 0.1, epsilon=2.0)
    assert state.params[0] == pytest.approx(-0.1 * 2 / (2 + 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_does_not_depend_on_the_chunk(monkeypatch, dtype):
    def run():
        rng = np.random.default_rng(0)
        state = adam_start(rng.normal(size=10).astype(dtype))
        for _ in range(5):
            state = adam_step(state, rng.normal(size=10).astype(dtype), 0.01)
        return state

    whole = run()
    monkeypatch.setattr(adam, "CHUNK", 3)
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
    assert np.isfinite(state.params).all()


def test_adam_comes_near_the_minimum():
    solution, state = run_adam(learning_rate=0.01)
    assert (solution.status, solution.n_iter, state.n_steps) == ("max_iter", 1000, 2000)
    np.testing.assert_allclose(state.params, [2, 2], atol=0.05)


def test_an_epochs_value_and_terms_are_means_over_rows():
    batches = [Batch(np.zeros((3, 2))), Batch(np.full((1, 2), 4.0))]
    _, value, terms = adam_epoch(Distance(), start(1e-12), batches)
    assert value == pytest.approx((3 * 0 + 1 * 16) / 4)
    np.testing.assert_allclose(terms, [(3 * 3 + 1 * 1) / 4, 1])


def test_adam_returns_the_epoch_that_was_judged_lowest():
    seen, judged = [], [3, 1, 2, 4, 0.5]

    def monitor(iterate):
        seen.append(iterate.params.copy())
        return Verdict(judged[iterate.number - 1])

    solution, state = run_adam(n_epochs=4, monitor=monitor)
    assert (solution.status, solution.n_iter, solution.best.number) == ("max_iter", 4, 2)
    np.testing.assert_array_equal(solution.best.params, seen[1])
    np.testing.assert_array_equal(state.params, seen[3])
    assert not np.shares_memory(solution.best.params, state.params)


def test_adam_converges_when_patience_ends():
    judged = [3, 2, 2, 2, 2, 2]
    solution, _ = run_adam(
        patience=Patience(0.01, 2), monitor=lambda iterate: Verdict(judged[iterate.number - 1])
    )
    assert (solution.status, solution.n_iter, solution.best.number) == ("converged", 4, 2)


@pytest.mark.parametrize(("max_iter", "last"), [(50, 8), (7, 7)])
def test_when_patience_ends_the_rate_begins_to_fall_and_the_run_ends_with_it(max_iter, last):
    """Patience ends after epoch 6, so that 8 epochs have a falling last quarter."""
    judged, rates = [3, 2, 1, 1, 1, 1, 5, 4], []

    def epoch(state):
        rates.append([state.learning_rate.at(state.n_steps + i) for i in range(2)])
        return adam_epoch(Distance(), state, BATCHES)

    solution, state = minimize_adam(
        epoch,
        start(0.1, None, 0.25),
        max_iter=max_iter,
        patience=Patience(0.01, 3),
        monitor=lambda iterate: Verdict(judged[iterate.number - 1]),
    )
    assert (solution.status, solution.n_iter, state.n_steps) == ("converged", last, 2 * last)
    np.testing.assert_allclose(rates[:6], 0.1)
    expected = {8: [[0.1, 0.075], [0.05, 0.025]], 7: [[0.2 / 3.5, 0.1 / 3.5]]}
    np.testing.assert_allclose(rates[6:], expected[last])


def test_while_the_rate_falls_patience_does_not_end_the_run():
    solution, _ = run_adam(
        n_epochs=20,
        falling=(0.9, 40),
        patience=Patience(0.01, 3),
        monitor=lambda iterate: Verdict(1.0),
    )
    assert (solution.status, solution.n_iter) == ("max_iter", 20)


def test_a_falling_rate_comes_nearer_to_the_minimum():
    rows = np.random.default_rng(0).normal(size=(1000, 1, 2))
    states = [start(0.1), start(0.1, None, 0.5, 1000)]
    for state in states:
        adam_epoch(Distance(), state, map(Batch, rows))  # in place
    constant, falling = (abs(state.params).max() for state in states)
    assert falling < 0.6 * constant


def test_adam_stops_when_asked_to():
    def stop_at_the_third(iterate):
        return Verdict(iterate.value, stop=iterate.number == 3)

    solution, state = run_adam(monitor=stop_at_the_third)
    assert (solution.status, solution.n_iter, state.n_steps) == ("stopped", 3, 6)


def test_adam_raises_on_a_function_that_is_not_finite():
    class NotFinite(Distance):
        def value_and_gradient(self, params, batch, memory):
            return np.nan, np.full(2, np.nan), 0.0

    with pytest.raises(FloatingPointError):
        adam_epoch(NotFinite(), start(), [Batch(np.zeros((1, 2)))])


@pytest.mark.parametrize(("criterion", "expected"), [(-1000.0, 2), (1000.0, 1)])
def test_the_iterate_of_a_stop_is_judged_by_its_criterion(criterion, expected):
    """Not by its value."""

    def monitor(iterate):
        is_second = iterate.number == 2
        return Verdict(criterion if is_second else 0.0, stop=is_second)

    solution, _ = run_adam(monitor=monitor)
    assert (solution.status, solution.best.number) == ("stopped", expected)


def test_ctrl_c_after_the_first_epoch_ends_the_run_with_the_best():
    def interrupt(iterate):
        if iterate.number == 5:
            raise KeyboardInterrupt
        return Verdict(iterate.value)

    solution, state = run_adam(monitor=interrupt)
    assert (solution.status, solution.best.number, state.n_steps) == ("interrupted", 4, 10)


def test_ctrl_c_before_the_first_epoch_is_over_is_raised():
    def interrupt(iterate):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_adam(monitor=interrupt)


# ------------------------------------------------------------------ after a step, and the memory


class Projected(Distance):
    """Counts its steps in its memory, and projects the params onto the unit ball."""

    def __init__(self):
        self.seen = []

    def after_step(self, state, batch):
        self.seen.append((state.n_steps, state.params.copy(), batch))
        state.memory["n_rows"] += batch.n_rows
        state.params[...] /= max(1.0, np.linalg.norm(state.params))
        return state


def test_after_step_is_called_once_a_step_with_the_state_after_it():
    problem, plain = Projected(), start()
    adam_epoch(problem, start(0.05, {"n_rows": 0}), BATCHES)
    assert [n_steps for n_steps, _, _ in problem.seen] == [1, 2]
    assert [batch for _, _, batch in problem.seen] == BATCHES
    for (_, params, batch), gradient in zip(problem.seen, (-1, -1), strict=True):
        plain = adam_step(plain, Distance().value_and_gradient(plain.params, batch, {})[1], 0.05)
        np.testing.assert_array_equal(params, plain.params)
        assert np.sign(params[0]) == -gradient


def test_after_step_may_change_params_and_memory():
    state = start(0.05, {"n_rows": 0})
    for _ in range(200):
        state, _, _ = adam_epoch(Projected(), state, BATCHES)
    assert np.linalg.norm(state.params) == pytest.approx(1)
    assert state.memory["n_rows"] == 200 * 3
    assert state.n_steps == 400


def test_after_step_may_return_another_state():
    class Restarted(Distance):
        def after_step(self, state, batch):
            return adam_start(state.params, state.memory, state.learning_rate)

    state, _, _ = adam_epoch(Restarted(), start(), BATCHES)
    assert state.n_steps == 0
    np.testing.assert_allclose(state.params, 0.1)  # two first steps
    assert not state.first_moment.any()


def test_the_problem_sees_the_memory_of_the_state_and_may_overwrite_it():
    class Remembers(Distance):
        def value_and_gradient(self, params, batch, memory):
            memory["mean"] += 0.5 * (batch.rows.mean(axis=0) - memory["mean"])
            return super().value_and_gradient(params, batch, memory)

    before = {"mean": np.zeros(2)}
    state, _, _ = adam_epoch(Remembers(), start(0.05, before), BATCHES)
    np.testing.assert_array_equal(state.memory["mean"], [1.5, 1.5])
    np.testing.assert_array_equal(before["mean"], 0)  # a copy


def test_memory_is_kept_in_float64():
    state = adam_start(np.zeros(2, np.float32), {"mean": np.zeros(2, np.float32), "n": 1})
    assert {value.dtype for value in state.memory.values()} == {np.dtype(np.float64)}
    assert adam_start(np.zeros(2)).memory == {}


def test_epsilon_is_relative_to_the_scale_of_the_gradient(monkeypatch):
    """Which gradients are small compared with epsilon depends on it."""
    monkeypatch.setattr(adam, "EPSILON", 1.0)

    class Scaled(Distance):
        gradient_scale = 1e-6

        def value_and_gradient(self, params, batch, memory):
            value, gradient, terms = super().value_and_gradient(params, batch, memory)
            return value, 1e-6 * gradient, terms

    ordinary, scaled = (
        adam_epoch(problem, start(), BATCHES)[0].params for problem in (Distance(), Scaled())
    )
    np.testing.assert_allclose(scaled, ordinary, rtol=1e-9)
