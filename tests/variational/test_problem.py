import numpy as np
import pytest

from skl_sparse_ae._nn.activations import Relu
from skl_sparse_ae._variational.frame import VariationalFrame
from skl_sparse_ae._variational.likelihoods import Bernoulli, Gaussian
from skl_sparse_ae._variational.objective import Objective, Shape, unflatten, value_and_gradient
from skl_sparse_ae._variational.predict import Draws
from skl_sparse_ae._variational.problem import VariationalProblem

X = np.random.default_rng(0).uniform(size=(40, 6))
PLAIN = VariationalFrame(np.zeros(6), 1.0, np.zeros(6), 1.0)
LIKELIHOODS = pytest.mark.parametrize("likelihood", [Gaussian, Bernoulli])


def problem_of(likelihood, frame=None, dtype=np.float64):
    frame = frame or VariationalFrame.of(
        X.mean(axis=0), X.var(axis=0), likelihood is Gaussian, dtype
    )
    shape = Shape(6, (5, 4), 2, likelihood.n_parameters)
    return VariationalProblem(Objective(likelihood, Relu, 0.7), frame, shape, dtype, Draws(4, 0))


def start(problem):
    x = problem.first(X.mean(axis=0), np.random.default_rng(1))
    unflatten(x, problem.shape).log_variance[...] = -0.03
    return x


def noise(rows=X):
    return np.random.default_rng(2).normal(size=(len(rows), 2))


@LIKELIHOODS
def test_gradient_is_that_of_the_value_in_the_frame(likelihood, central_differences):
    problem, blocks = problem_of(likelihood), [(X, noise())]
    x = start(problem) + 0.03 * np.random.default_rng(3).normal(size=problem.shape.n_weights)
    _, gradient, _ = problem(x, blocks)
    expected = central_differences(lambda x: problem(x, blocks)[0], x)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


@LIKELIHOODS
def test_the_users_weights_cost_the_same(likelihood):
    problem = problem_of(likelihood)
    theta = problem.weights(start(problem))
    networks = unflatten(theta, problem.shape)
    expected = value_and_gradient(problem.objective, PLAIN, networks, problem.shape, [(X, noise())])
    value, _, terms = problem(start(problem), [(X, noise())])
    assert value == pytest.approx(expected[0], rel=1e-12)
    assert terms == pytest.approx(expected[2], rel=1e-12)


@LIKELIHOODS
def test_resuming_from_the_weights_is_going_on(likelihood):
    problem = problem_of(likelihood)
    np.testing.assert_allclose(
        problem.resume(problem.weights(start(problem))), start(problem), rtol=0, atol=1e-13
    )
    single = problem_of(likelihood, problem.frame, np.float32)
    assert single.weights(start(problem)).dtype == np.float32
    assert single.resume(single.weights(start(problem))).dtype == np.float64


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0), (1e6, 0), (1, 1e6), (1e30, -1e30)])
def test_neither_unit_nor_offset_of_x_makes_a_difference_to_the_search(scale, offset):
    plain, rows = problem_of(Gaussian), scale * X + offset
    frame = VariationalFrame.of(rows.mean(axis=0), rows.var(axis=0), True, np.float64)
    other, x = problem_of(Gaussian, frame), start(plain)
    value, gradient, _ = plain(x, [(X, noise())])
    other_value, other_gradient, _ = other(x, [(rows, noise())])
    assert other_value - 6 * np.log(scale) == pytest.approx(value, rel=1e-8)
    np.testing.assert_allclose(other_gradient, gradient, rtol=0, atol=1e-8 * abs(gradient).max())


def test_a_variance_that_the_frame_does_not_reach_becomes_one_close_to_it():
    problem = problem_of(Gaussian)
    theta = problem.weights(start(problem))
    unflatten(theta, problem.shape).log_variance[...] = 500
    x = problem.resume(theta)
    assert np.isfinite(x).all()
    assert unflatten(problem.weights(x), problem.shape).log_variance > 15


@LIKELIHOODS
def test_the_first_weights_decode_about_the_column_means(likelihood):
    problem = problem_of(likelihood)
    raw = likelihood.loss.raw_of_mean(X.mean(axis=0))
    x = problem.first(raw, np.random.default_rng(0))
    networks = unflatten(problem.weights(x), problem.shape)
    np.testing.assert_allclose(networks.decoder[-1].intercept, raw, rtol=1e-12)
    np.testing.assert_array_equal(x, problem.first(raw, np.random.default_rng(0)))


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_the_noise_of_a_row_does_not_depend_on_the_workers(n_workers):
    problem = problem_of(Bernoulli)
    blocks = problem.batch_blocks(X, n_workers, np.random.default_rng(5))
    assert len(blocks) == n_workers
    np.testing.assert_array_equal(np.concatenate([rows for rows, _ in blocks]), X)
    drawn = np.concatenate([noise for _, noise in blocks])
    np.testing.assert_array_equal(drawn, np.random.default_rng(5).standard_normal((40, 2)))


def test_constant_data_have_a_frame_too():
    for value in (0.0, 3.0, 1e-300):
        frame = VariationalFrame.of(np.full(6, value), np.zeros(6), True, np.float64)
        assert frame.output_scale == 1
        assert not frame.targets(np.full((2, 6), value)).any()


def test_the_value_of_evaluate_is_that_of_many_draws():
    problem = problem_of(Gaussian)
    problem.draws = Draws(200, 0)
    terms, mean, variance = problem.evaluate(problem.weights(start(problem)), X)
    rng = np.random.default_rng(0)
    many = np.mean(
        [problem(start(problem), problem.batch_blocks(X, 1, rng))[0] for _ in range(1000)]
    )
    assert sum(terms) == pytest.approx(many, rel=0.02)
    assert mean.shape == variance.shape == (2,)
