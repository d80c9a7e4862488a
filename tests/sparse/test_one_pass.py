import numpy as np
import pytest

from skl_sparse_ae._sparse.one_pass import value_and_gradient_in_one_pass

pytestmark = pytest.mark.usefixtures("quiet")

PLAIN, SATURATED = [-2.0, -1.0, 0.0, 1.0, 2.0], [-2000.0, -1.0, 0.0, 1.0, 2000.0]


class Counted:
    """The built-in `map`, and the number of calls of it."""

    n_calls = 0

    def __call__(self, *args):
        self.n_calls += 1
        return map(*args)


@pytest.mark.parametrize(
    ("biases", "n_passes"), [(PLAIN, 1), (SATURATED, 3)], ids=["plain", "saturated"]
)
def test_value_and_gradient_are_those_of_two_passes(
    core, network, objective_of, in_blocks, loss, biases, n_passes
):
    objective, w = objective_of(loss), network.with_biases(biases)
    blocks, counted = in_blocks(network.X, 9), Counted()
    blocks = core.RowBlocks(blocks.rows, core.Executor(counted))
    value, gradient, terms = value_and_gradient_in_one_pass(objective, w, blocks)
    assert counted.n_calls == n_passes
    expected_value, expected, expected_terms = core.objective.value_and_gradient(
        objective, w, in_blocks(network.X, 9)
    )
    assert value == pytest.approx(expected_value, rel=1e-13)
    np.testing.assert_allclose(terms, expected_terms, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-13 * abs(expected).max())


def test_any_activation_of_the_code_will_do(core, network, objective_of, in_blocks, loss):
    def penalty(log_on, log_off):
        mean = np.exp(log_on)
        return float(mean.sum()), mean, 0 * mean

    objective = objective_of(loss, activation="relu", penalty=penalty)
    w, blocks = network.with_biases([0.3, -100, 0.1, -0.2, 2.0]), in_blocks(network.X, 9)
    value, gradient, _ = value_and_gradient_in_one_pass(objective, w, blocks)
    expected_value, expected, _ = core.objective.value_and_gradient(objective, w, blocks)
    assert value == pytest.approx(expected_value, rel=1e-13)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-13 * abs(expected).max())


def test_float32_rows_are_added_in_float64(core, network, objective_of, in_blocks):
    single, objective = network.astype(np.float32), objective_of()
    value, gradient, _ = value_and_gradient_in_one_pass(
        objective, single.weights, in_blocks(single.X, 9)
    )
    expected_value, expected, _ = core.objective.value_and_gradient(
        objective, network.weights, in_blocks(network.X)
    )
    assert gradient.dtype == np.float64
    assert value == pytest.approx(expected_value, rel=1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-5 * abs(expected).max())
