import numpy as np
import pytest
from scipy.sparse import csr_array

from skl_sparse_ae._nn.layers import backward, count_weights, forward, initialize, stack

pytestmark = pytest.mark.usefixtures("quiet")

SIZES = (4, 5, 3, 2)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 4))
THETA = RNG.normal(size=count_weights(SIZES))


def test_a_stack_is_views_in_order():
    theta = np.arange(count_weights(SIZES), dtype=float)
    layers = stack(theta, SIZES)
    flat = np.concatenate([part.ravel() for layer in layers for part in layer])
    np.testing.assert_array_equal(flat, theta)
    assert [layer.coef.shape for layer in layers] == [(4, 5), (5, 3), (3, 2)]
    layers[1].intercept[...] = -1
    assert (theta == -1).sum() == 3


def test_forward_is_the_layers_one_after_another(core):
    layers, activation = stack(THETA, SIZES), core.activations.Tanh
    outputs = forward(layers, activation, X)
    A = X
    for layer in layers[:-1]:
        A = np.tanh(A @ layer.coef + layer.intercept)
    np.testing.assert_allclose(outputs[-1], A @ layers[-1].coef + layers[-1].intercept, rtol=1e-12)
    assert outputs[0] is X
    of_sparse_rows = forward(layers, activation, csr_array(X))[-1]
    np.testing.assert_allclose(of_sparse_rows, outputs[-1], rtol=1e-12)


@pytest.mark.parametrize("name", ["identity", "logistic", "tanh", "relu", "elu"])
@pytest.mark.parametrize("sizes", [SIZES, (4, 2)], ids=["deep", "linear"])
def test_backward_is_the_gradient(core, name, sizes, central_differences):
    activation = core.activations.ACTIVATIONS[name]
    theta, target = THETA[: count_weights(sizes)], RNG.normal(size=(9, 2))

    def value(theta, X=X):
        return 0.5 * np.square(forward(stack(theta, sizes), activation, X)[-1] - target).sum()

    layers, gradient = stack(theta, sizes), np.empty_like(theta)
    outputs = forward(layers, activation, X)
    d_first = backward(layers, activation, outputs, outputs[-1] - target, stack(gradient, sizes))
    np.testing.assert_allclose(gradient, central_differences(value, theta), rtol=1e-5, atol=1e-6)
    expected = central_differences(lambda flat: value(theta, flat.reshape(X.shape)), X.ravel())
    np.testing.assert_allclose((d_first @ layers[0].coef.T).ravel(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "gain"), [("identity", 1), ("relu", 2)])
def test_first_weights_keep_the_variance(core, name, gain):
    activation = core.activations.ACTIVATIONS[name]
    layers = stack(np.empty(count_weights((400, 400, 400))), (400, 400, 400))
    initialize(layers, activation, np.random.default_rng(0))
    assert layers[0].coef.var() == pytest.approx(gain / 400, rel=0.02)
    assert layers[1].coef.var() == pytest.approx(1 / 400, rel=0.02)
    assert not layers[0].intercept.any()
