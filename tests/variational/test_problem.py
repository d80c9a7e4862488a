import numpy as np
import pytest

from skl_sparse_ae._variational.problem import NoisyBatch, VariationalProblem, VariationalSpec

X = np.random.default_rng(0).uniform(size=(40, 6))


@pytest.fixture(scope="module")
def frame_of(core):
    """A function that returns the frame of rows, for a likelihood."""
    of = core.variational_frame.VariationalFrame.of

    def frame(likelihood, rows=X, dtype=np.float64):
        is_scaled = likelihood is core.likelihoods.Gaussian
        return of(rows.mean(axis=0), rows.var(axis=0), is_scaled, dtype)

    return frame


@pytest.fixture(scope="module")
def problem_of(core, frame_of):
    """A function that makes the problem of 2 units and two hidden layers."""

    def make(likelihood, frame=None, dtype=np.float64, n_draws=4):
        architecture = core.variational_objective.Architecture(
            6, (5, 4), 2, likelihood.n_parameters
        )
        objective = core.variational_objective.Objective(likelihood, core.activations.Relu, 0.7)
        frame = frame or frame_of(likelihood)
        expectation = core.variational_predict.MonteCarlo(n_draws, 0)
        spec = VariationalSpec(objective, frame, architecture, np.dtype(dtype), expectation)
        return VariationalProblem(spec)

    return make


@pytest.fixture(scope="module")
def networks_of(core):
    """A function that returns the `Networks` that are views into flat weights of a problem."""

    def networks(problem, flat):
        return core.variational_objective.unflatten(flat, problem.spec.architecture)

    return networks


@pytest.fixture(scope="module")
def start(networks_of):
    """A function that returns first params of a problem."""

    def params(problem):
        params = problem.initial_params(np.random.default_rng(1))
        networks_of(problem, params).log_variance[...] = -0.03
        return params

    return params


@pytest.fixture(scope="module")
def batch_of(core):
    """A function that makes a batch of rows with fixed noise."""

    def make(rows=X):
        noise = np.random.default_rng(2).normal(size=(len(rows), 2))
        return NoisyBatch(core.RowBlocks([rows]), [noise])

    return make


def test_gradient_is_that_of_the_value_in_the_frame(
    problem_of, start, batch_of, likelihood, central_differences
):
    problem, batch = problem_of(likelihood), batch_of()
    params = start(problem)
    params += 0.03 * np.random.default_rng(3).normal(size=len(params))
    _, gradient, _ = problem.value_and_gradient(params, batch, {})
    expected = central_differences(lambda x: problem.value_and_gradient(x, batch, {})[0], params)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


def test_the_users_weights_cost_the_same(
    core, problem_of, networks_of, start, batch_of, likelihood
):
    problem, batch = problem_of(likelihood), batch_of()
    networks = networks_of(problem, problem.to_weights(start(problem)))
    plain = core.variational_frame.VariationalFrame(np.zeros(6), 1.0, np.zeros(6), 1.0)
    expected = core.variational_objective.value_and_gradient(
        problem.spec.objective, plain, networks, problem.spec.architecture, *batch
    )
    value, _, terms = problem.value_and_gradient(start(problem), batch, {})
    assert value == pytest.approx(expected[0], rel=1e-12)
    assert terms == pytest.approx(expected[2], rel=1e-12)


def test_params_from_the_weights_are_those_that_the_weights_came_from(
    problem_of, start, likelihood
):
    problem = problem_of(likelihood)
    params = start(problem)
    again = problem.params_from(problem.to_weights(params))
    np.testing.assert_allclose(again, params, rtol=0, atol=1e-13)
    single = problem_of(likelihood, problem.spec.frame, np.float32)
    assert single.to_weights(params).dtype == np.float32
    assert single.params_from(single.to_weights(params)).dtype == np.float64


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0), (1e6, 0), (1, 1e6), (1e30, -1e30)])
def test_neither_unit_nor_offset_of_x_makes_a_difference_to_the_search(
    core, problem_of, frame_of, start, batch_of, scale, offset
):
    gaussian, rows = core.likelihoods.Gaussian, scale * X + offset
    plain, other = problem_of(gaussian), problem_of(gaussian, frame_of(gaussian, rows))
    params = start(plain)
    value, gradient, _ = plain.value_and_gradient(params, batch_of(), {})
    other_value, other_gradient, _ = other.value_and_gradient(params, batch_of(rows), {})
    assert other_value - 6 * np.log(scale) == pytest.approx(value, rel=1e-8)
    np.testing.assert_allclose(other_gradient, gradient, rtol=0, atol=1e-8 * abs(gradient).max())


def test_a_variance_that_the_frame_does_not_reach_becomes_one_close_to_it(
    core, problem_of, networks_of, start
):
    problem = problem_of(core.likelihoods.Gaussian)
    weights = problem.to_weights(start(problem))
    networks_of(problem, weights).log_variance[...] = 500
    params = problem.params_from(weights)
    assert np.isfinite(params).all()
    assert networks_of(problem, problem.to_weights(params)).log_variance > 15


def test_the_first_weights_decode_about_the_column_means(problem_of, networks_of, likelihood):
    problem = problem_of(likelihood)
    raw = likelihood.loss.raw_of_mean(X.mean(axis=0))
    params = problem.initial_params(np.random.default_rng(0))
    networks = networks_of(problem, problem.to_weights(params))
    np.testing.assert_allclose(networks.decoder[-1].intercept, raw, rtol=1e-12)
    np.testing.assert_array_equal(params, problem.initial_params(np.random.default_rng(0)))


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_the_noise_of_a_row_does_not_depend_on_the_workers(core, problem_of, n_workers):
    problem = problem_of(core.likelihoods.Bernoulli)
    workers = core.Executor(n_workers=n_workers)
    batch = problem.batch(X, workers, np.random.default_rng(5))
    assert batch.n_rows == 40
    assert len(batch.blocks) == len(batch.noise) == n_workers
    np.testing.assert_array_equal(np.concatenate(batch.blocks.rows), X)
    expected = np.random.default_rng(5).standard_normal((40, 2))
    np.testing.assert_array_equal(np.concatenate(batch.noise), expected)


def test_nothing_happens_after_a_step(problem_of, batch_of, likelihood):
    state = object()
    assert problem_of(likelihood).after_step(state, batch_of()) is state


def test_the_summary_has_the_value_of_many_draws(core, problem_of, start):
    problem = problem_of(core.likelihoods.Gaussian, n_draws=200)
    params = start(problem)
    summary = problem.spec.summarize(problem.to_weights(params), core.as_rows(X))
    rng, alone = np.random.default_rng(0), core.Executor()
    batches = (problem.batch(X, alone, rng) for _ in range(1000))
    many = [problem.value_and_gradient(params, batch, {})[0] for batch in batches]
    assert sum(summary.terms) == pytest.approx(np.mean(many), rel=0.02)
    assert summary.code_mean.shape == summary.code_variance.shape == (2,)
