from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, logsumexp

from skl_sparse_ae._sparse.objective import Terms, summarize, value_and_gradient

pytestmark = pytest.mark.usefixtures("quiet")

PLAIN = [0.3, -1, 0.1, -2, 0.5]
SATURATED = [-60, 60, -800, 800, 3]
BIASES = pytest.mark.parametrize("biases", [PLAIN, SATURATED], ids=["plain", "saturated"])
DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])
RHO, WEIGHT = 0.05, 0.7


@pytest.fixture(scope="module")
def kl_objective(objective_of):
    """A function that makes the objective of a loss, with the penalty and decays of this module."""
    return partial(objective_of, target=RHO, weight=WEIGHT)


@pytest.fixture(scope="module")
def flat(core):
    """Functions between flat weights and `Weights` of 5 units and 6 features."""

    class Flat:
        to_weights = staticmethod(lambda theta: core.weights.unflatten(theta, 5, 6))
        of = staticmethod(core.weights.flatten)

    return Flat


def naive_terms(loss, w, X):
    """The formula of the module's docstring, in logarithms, for all rows at once."""
    n_rows, n_features = X.shape
    Z = X @ w.We.T + w.be
    raw = expit(Z) @ w.Wd + w.bd
    if loss.__name__ == "CrossEntropy":
        errors = X * np.logaddexp(0, -raw) + (1 - X) * np.logaddexp(0, raw)
    else:
        errors = ((raw if loss.__name__ == "SquaredError" else expit(raw)) - X) ** 2
    log_on = logsumexp(-np.logaddexp(0, -Z), axis=0) - np.log(n_rows)
    log_off = logsumexp(-np.logaddexp(0, Z), axis=0) - np.log(n_rows)
    divergence = RHO * (np.log(RHO) - log_on) + (1 - RHO) * (np.log(1 - RHO) - log_off)
    decay = (0.3 * (w.We**2).sum() + 0.02 * (w.Wd**2).sum()) / (2 * n_features)
    return Terms(errors.sum() / (n_rows * n_features), WEIGHT * divergence.sum(), decay)


@BIASES
def test_objective_is_the_formula(network, kl_objective, in_blocks, loss, biases):
    w = network.with_biases(biases)
    J, _, terms = value_and_gradient(kl_objective(loss), w, in_blocks(network.X, 7))
    expected = naive_terms(loss, w, network.X)
    np.testing.assert_allclose(terms, expected, rtol=1e-12)
    assert pytest.approx(sum(expected), rel=1e-12) == J


@BIASES
@pytest.mark.parametrize("size", [5, 17])
def test_gradient_is_that_of_the_value(
    network, kl_objective, flat, in_blocks, central_differences, loss, biases, size
):
    objective, blocks = kl_objective(loss), in_blocks(network.X, size)
    theta = flat.of(network.with_biases(biases))
    _, gradient, _ = value_and_gradient(objective, flat.to_weights(theta), blocks)
    expected = central_differences(
        lambda t: value_and_gradient(objective, flat.to_weights(t), blocks)[0], theta
    )
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


@BIASES
@pytest.mark.parametrize("size", [1, 7])
def test_blocks_change_nothing(network, kl_objective, in_blocks, loss, biases, size):
    objective, w, X = kl_objective(loss), network.with_biases(biases), network.X
    J, gradient, _ = value_and_gradient(objective, w, in_blocks(X))
    J_blocks, gradient_blocks, _ = value_and_gradient(objective, w, in_blocks(X, size))
    assert pytest.approx(J, rel=1e-12) == J_blocks
    atol = 1e-12 * abs(gradient).max()
    np.testing.assert_allclose(gradient_blocks, gradient, rtol=1e-12, atol=atol)


@BIASES
def test_order_and_repetition_of_rows_change_nothing(
    network, kl_objective, in_blocks, loss, biases
):
    objective, w, X = kl_objective(loss), network.with_biases(biases), network.X
    J, gradient, _ = value_and_gradient(objective, w, in_blocks(X))
    atol = 1e-12 * abs(gradient).max()
    for other in (X[np.random.default_rng(0).permutation(len(X))], np.repeat(X, 3, axis=0)):
        J_other, gradient_other, _ = value_and_gradient(objective, w, in_blocks(other, 10))
        assert pytest.approx(J, rel=1e-12) == J_other
        np.testing.assert_allclose(gradient_other, gradient, rtol=1e-12, atol=atol)


@BIASES
def test_order_of_units_permutes_the_gradient(network, kl_objective, flat, in_blocks, loss, biases):
    objective, blocks, order = kl_objective(loss), in_blocks(network.X), [3, 0, 4, 2, 1]

    def permuted(w):
        return w._replace(We=w.We[order], be=w.be[order], Wd=w.Wd[order])

    w = network.with_biases(biases)
    J, gradient, _ = value_and_gradient(objective, w, blocks)
    J_permuted, gradient_permuted, _ = value_and_gradient(objective, permuted(w), blocks)
    expected = flat.of(permuted(flat.to_weights(gradient)))
    assert pytest.approx(J, rel=1e-12) == J_permuted
    atol = 1e-12 * abs(gradient).max()
    np.testing.assert_allclose(gradient_permuted, expected, rtol=1e-12, atol=atol)


@BIASES
def test_float32_is_close_to_float64(network, kl_objective, in_blocks, loss, biases):
    objective, X = kl_objective(loss), network.X.astype(np.float32)
    w = network.astype(np.float32).with_biases(biases)
    J, gradient, _ = value_and_gradient(objective, w, in_blocks(X, 7))
    w = w._replace(**{name: part.astype(float) for name, part in w._asdict().items()})
    exact = value_and_gradient(objective, w, in_blocks(X.astype(float), 7))
    assert pytest.approx(exact[0], rel=1e-6) == J
    np.testing.assert_allclose(gradient, exact[1], rtol=0, atol=2e-6 * abs(gradient).max())


@DTYPE
def test_dtype_of_the_gradient(network, kl_objective, in_blocks, dtype):
    objective, X, w = kl_objective(), network.astype(dtype).X, network.astype(dtype).weights
    assert value_and_gradient(objective, w, in_blocks(X))[1].dtype == dtype
    assert value_and_gradient(objective, w, in_blocks(X, 5))[1].dtype == dtype  # 4 blocks
    assert value_and_gradient(objective, w, in_blocks(X, 4))[1].dtype == np.float64  # 5
    assert isinstance(value_and_gradient(objective, w, in_blocks(X))[0], float)


@BIASES
def test_the_summary_has_the_same_terms(network, kl_objective, in_blocks, loss, biases):
    objective, w = kl_objective(loss), network.with_biases(biases)
    blocks = in_blocks(network.X, 7)
    terms, mean, variance = summarize(objective, w, blocks)
    np.testing.assert_allclose(terms, value_and_gradient(objective, w, blocks)[2], rtol=1e-13)
    A = expit(network.X @ w.We.T + w.be)
    np.testing.assert_allclose(mean, A.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, A.var(axis=0), rtol=1e-12, atol=1e-15)
    assert (variance >= 0).all()


@BIASES
def test_threads_give_the_same_bits(network, kl_objective, in_threads, in_blocks, biases):
    objective, w = kl_objective("CrossEntropy"), network.with_biases(biases)
    serial, blocks = in_blocks(network.X, 3), in_threads(in_blocks(network.X, 3), 3)
    threaded = value_and_gradient(objective, w, blocks)
    expected = value_and_gradient(objective, w, serial)
    assert threaded[0] == expected[0]
    np.testing.assert_array_equal(threaded[1], expected[1])
    summaries = summarize(objective, w, blocks), summarize(objective, w, serial)
    for a, b in zip(*summaries, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_was_in_the_buffers_of_a_batch_changes_nothing(
    network, kl_objective, in_blocks, batch_blocks, loss
):
    objective, w = kl_objective(loss), network.weights
    blocks = batch_blocks(network.X, n_workers=2)
    assert [len(rows) for rows in blocks.rows] == [9, 8]
    gradients = blocks.gradient_buffers(len(network.theta))
    for array in (*blocks.code_buffers(5), *gradients):
        array.fill(np.nan)
    J, gradient, terms = value_and_gradient(objective, w, blocks)
    assert np.shares_memory(gradient, gradients[0])
    expected = value_and_gradient(objective, w, in_blocks(network.X, 9))
    assert (J, terms) == (expected[0], expected[2])
    np.testing.assert_array_equal(gradient, expected[1])


@DTYPE
@BIASES
@pytest.mark.parametrize("function", [value_and_gradient, summarize])
def test_inputs_are_left_alone(
    network, kl_objective, flat, in_blocks, function, loss, biases, dtype
):
    X, theta = network.X.astype(dtype), flat.of(network.with_biases(biases), dtype)
    before = X.copy(), theta.copy()
    function(kl_objective(loss), flat.to_weights(theta), in_blocks(X, 7))
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(theta, before[1])


# ----------------------------------------------------------------------------------- the penalty


@pytest.fixture(scope="module")
def penalty_gradient(objective_of, flat, in_blocks):
    """A function that returns the gradient of the penalty alone, as `Weights`."""

    def gradient(w, X, weight):
        objectives = [
            objective_of(target=RHO, weight=share, decays=(0, 0)) for share in (weight, 0)
        ]
        with_penalty, without = (
            value_and_gradient(objective, w, in_blocks(X, 7))[1] for objective in objectives
        )
        return flat.to_weights(with_penalty - without)

    return gradient


@DTYPE
@pytest.mark.parametrize("spread", [0, 1])
def test_penalty_pulls_dead_and_full_units_back(network, penalty_gradient, dtype, spread):
    X, w = network.astype(dtype).X, network.astype(dtype).weights
    w = w._replace(We=spread * w.We, be=np.array([-200, 200, -2000, 2000, 0], dtype=dtype))
    pull = penalty_gradient(w, X, WEIGHT)
    bounds = np.array([-RHO, 1 - RHO, -RHO, 1 - RHO]) * WEIGHT
    np.testing.assert_allclose(pull.be[:4], bounds, rtol=1e-5)
    assert (np.sign(pull.We[:4]) == np.sign(bounds)[:, None]).all()  # X is positive
    if spread == 0:  # every row pulls alike
        np.testing.assert_allclose(pull.We[:4], np.outer(bounds, X.mean(axis=0)), rtol=1e-5)


@DTYPE
def test_a_step_down_the_gradient_moves_dead_and_full_units_to_the_target(
    network, kl_objective, flat, in_blocks, loss, dtype
):
    w = network.astype(dtype).with_biases([-200, 200, -200, 200, 0])
    blocks = in_blocks(network.X.astype(dtype))
    _, gradient, _ = value_and_gradient(kl_objective(loss), w, blocks)
    g = flat.to_weights(gradient)
    assert (g.be[[0, 2]] < -0.9 * WEIGHT * RHO).all()
    assert (g.be[[1, 3]] > 0.9 * WEIGHT * (1 - RHO)).all()


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    be=hnp.arrays(np.float64, 5, elements=st.floats(-1e4, 1e4)),
    spread=st.floats(0, 100),
    weight=st.floats(0.01, 10),
)
def test_penalty_gradient_is_bounded(network, penalty_gradient, be, spread, weight):
    w = network.weights._replace(We=spread * network.weights.We, be=be, Wd=np.zeros((5, 6)))
    pull = penalty_gradient(w, network.X, weight)
    assert (pull.be >= -weight * RHO * (1 + 1e-12)).all()
    assert (pull.be <= weight * (1 - RHO) * (1 + 1e-12)).all()


@DTYPE
@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    be=hnp.arrays(np.float64, 5, elements=st.floats(-1e4, 1e4)),
    We=hnp.arrays(np.float64, (5, 6), elements=st.floats(-100, 100)),
    Wd=hnp.arrays(np.float64, (5, 6), elements=st.floats(-100, 100)),
)
def test_everything_is_finite(network, kl_objective, in_blocks, loss, dtype, be, We, Wd):
    w = network.weights._replace(We=We, be=be, Wd=Wd)
    w = w._replace(**{name: part.astype(dtype) for name, part in w._asdict().items()})
    blocks = in_blocks(network.X.astype(dtype), 7)
    J, gradient, terms = value_and_gradient(kl_objective(loss), w, blocks)
    assert np.isfinite([J, *terms]).all()
    assert np.isfinite(gradient).all()
    assert min(terms) >= 0


# ----------------------------------------------------- another activation, and rows in another unit


def l1(log_on, log_off):
    """Half of the sum of the means, for a code that is never negative."""
    mean = np.exp(log_on)
    return 0.5 * float(mean.sum()), 0.5 * mean, 0 * mean


@pytest.mark.parametrize("size", [5, 17])
def test_relu_units_with_an_l1_penalty(
    network, objective_of, flat, in_blocks, central_differences, loss, size
):
    """The value is the formula and the gradient its derivative, with a dead unit, too."""
    X, w = network.X, network.with_biases([0.3, -100, 0.1, -0.2, 2.0])
    objective, blocks = objective_of(loss, activation="relu", penalty=l1), in_blocks(X, size)
    J, gradient, terms = value_and_gradient(objective, w, blocks)
    A = np.maximum(X @ w.We.T + w.be, 0)
    assert not A[:, 1].any()
    assert (A > 0).any(axis=0)[[0, 2, 3, 4]].all()
    assert terms.sparsity == pytest.approx(0.5 * A.mean(axis=0).sum(), rel=1e-12)
    reconstruction = loss.per_row(A @ w.Wd + w.bd, X).mean()
    assert terms.reconstruction == pytest.approx(reconstruction, rel=1e-12)
    assert pytest.approx(sum(terms), rel=1e-15) == J
    expected = central_differences(
        lambda theta: value_and_gradient(objective, flat.to_weights(theta), blocks)[0], flat.of(w)
    )
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())
    g = flat.to_weights(gradient)
    np.testing.assert_allclose(g.We[1], 0.3 / 6 * w.We[1], rtol=1e-12)  # the decay alone
    assert g.be[1] == 0


def test_a_loss_weight_is_the_loss_of_rows_in_another_unit(network, objective_of, in_blocks):
    """With rows, decoder and biases halved, a weight of 4 restores the squared error."""
    w, X = network.weights, network.X
    small = w._replace(We=2 * w.We, Wd=w.Wd / 2, bd=w.bd / 2)
    objective = objective_of()
    in_small_unit = objective_of(decays=(0.3 / 4, 0.02 * 4), loss_weight=4.0)
    value, gradient, terms = value_and_gradient(objective, w, in_blocks(X))
    other = value_and_gradient(in_small_unit, small, in_blocks(X / 2))
    assert other[0] == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(other[2], terms, rtol=1e-13)
    n = w.We.size
    k = len(w.be)
    scale = np.concatenate([np.full(n, 0.5), np.ones(k), np.full(n + 6, 2.0)])
    np.testing.assert_allclose(other[1], scale * gradient, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("kind", ["dense", "by products"])
def test_a_loss_weight_multiplies_the_loss_and_its_gradient(
    core, network, objective_of, in_blocks, very_sparse_rows, kind
):
    if kind == "dense":
        X, w = network.X, network.weights
    else:
        X, shape = very_sparse_rows(90, 50), (4, 50)
        flat = np.random.default_rng(0).normal(size=core.weights.n_weights(*shape))
        w = core.weights.unflatten(flat, *shape)
    one, three, none = (
        value_and_gradient(objective_of(loss_weight=weight), w, in_blocks(X))
        for weight in (1.0, 3.0, 0.0)
    )
    assert three[2].reconstruction == pytest.approx(3 * one[2].reconstruction, rel=1e-13)
    assert (three[2].sparsity, three[2].weight_decay) == (one[2].sparsity, one[2].weight_decay)
    expected = none[1] + 3 * (one[1] - none[1])
    np.testing.assert_allclose(three[1], expected, rtol=0, atol=1e-13 * abs(expected).max())
