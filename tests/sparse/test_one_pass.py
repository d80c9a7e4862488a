import numpy as np
import pytest

from skl_sparse_ae._nn.losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._sparse.objective import Objective, value_and_gradient
from skl_sparse_ae._sparse.one_pass import value_and_gradient_in_one_pass

pytestmark = pytest.mark.usefixtures("quiet")

PLAIN, SATURATED = [-2.0, -1.0, 0.0, 1.0, 2.0], [-2000.0, -1.0, 0.0, 1.0, 2000.0]


class Counted:
    """The built-in `map`, and how often it was called."""

    n_calls = 0

    def __call__(self, *args):
        self.n_calls += 1
        return map(*args)


@pytest.mark.parametrize(
    ("biases", "n_passes"), [(PLAIN, 1), (SATURATED, 3)], ids=["plain", "saturated"]
)
@pytest.mark.parametrize("loss", [SquaredError, LogisticSquaredError, CrossEntropy])
def test_value_and_gradient_are_those_of_two_passes(network, loss, biases, n_passes):
    objective, w = (
        Objective(loss, KullbackLeibler(0.1, 0.5), 0.3, 0.02),
        network.with_biases(biases),
    )
    blocks, counted = [network.X[:9], network.X[9:]], Counted()
    value, gradient, terms = value_and_gradient_in_one_pass(objective, w, blocks, counted)
    expected_value, expected, expected_terms = value_and_gradient(objective, w, blocks)
    assert value == pytest.approx(expected_value, rel=1e-13)
    np.testing.assert_allclose(terms, expected_terms, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-13 * abs(expected).max())
    assert counted.n_calls == n_passes


def test_float32_rows_are_added_in_float64(network):
    single = network.astype(np.float32)
    objective = Objective(SquaredError, KullbackLeibler(0.1, 0.5), 0.3, 0.02)
    value, gradient, _ = value_and_gradient_in_one_pass(
        objective, single.weights, [single.X[:9], single.X[9:]]
    )
    expected_value, expected, _ = value_and_gradient(objective, network.weights, [network.X])
    assert gradient.dtype == np.float64
    assert value == pytest.approx(expected_value, rel=1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-5 * abs(expected).max())
