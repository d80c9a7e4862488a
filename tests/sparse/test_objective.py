from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, logsumexp

from skl_sparse_ae._nn.losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.blocks import rooms_for_batches
from skl_sparse_ae._sparse.objective import Objective, Terms, evaluate, value_and_gradient
from skl_sparse_ae._sparse.weights import Weights, flatten, n_weights, unflatten

pytestmark = pytest.mark.usefixtures("quiet")

LOSSES = [SquaredError, LogisticSquaredError, CrossEntropy]
PLAIN = [0.3, -1, 0.1, -2, 0.5]
SATURATED = [-60, 60, -800, 800, 3]
BIASES = pytest.mark.parametrize("biases", [PLAIN, SATURATED], ids=["plain", "saturated"])
LOSS = pytest.mark.parametrize("loss", LOSSES)
DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])
RHO, WEIGHT = 0.05, 0.7


def objective_of(loss, weight=WEIGHT):
    return Objective(loss, KullbackLeibler(RHO, weight), 0.3, 0.02)


def in_blocks(X, size):
    return [X[start : start + size] for start in range(0, len(X), size)]


def naive_terms(loss, w, X, weight=WEIGHT):
    """The formula of `_objective`, written down in logarithms for all rows at once."""
    n_rows, n_features = X.shape
    Z = X @ w.We.T + w.be
    raw = expit(Z) @ w.Wd + w.bd
    if loss is CrossEntropy:
        errors = X * np.logaddexp(0, -raw) + (1 - X) * np.logaddexp(0, raw)
    else:
        errors = ((raw if loss is SquaredError else expit(raw)) - X) ** 2
    log_on = logsumexp(-np.logaddexp(0, -Z), axis=0) - np.log(n_rows)
    log_off = logsumexp(-np.logaddexp(0, Z), axis=0) - np.log(n_rows)
    divergence = RHO * (np.log(RHO) - log_on) + (1 - RHO) * (np.log(1 - RHO) - log_off)
    decay = (0.3 * (w.We**2).sum() + 0.02 * (w.Wd**2).sum()) / (2 * n_features)
    return Terms(errors.sum() / (n_rows * n_features), weight * divergence.sum(), decay)


@LOSS
@BIASES
def test_objective_is_the_formula(network, loss, biases):
    w = network.with_biases(biases)
    J, _, terms = value_and_gradient(objective_of(loss), w, in_blocks(network.X, 7))
    np.testing.assert_allclose(terms, naive_terms(loss, w, network.X), rtol=1e-12)
    assert pytest.approx(sum(naive_terms(loss, w, network.X)), rel=1e-12) == J


@LOSS
@BIASES
@pytest.mark.parametrize("size", [5, 17])
def test_gradient_is_that_of_the_value(network, central_differences, loss, biases, size):
    objective, blocks = objective_of(loss), in_blocks(network.X, size)
    theta = flatten(network.with_biases(biases))
    _, gradient, _ = value_and_gradient(objective, unflatten(theta, 5, 6), blocks)
    expected = central_differences(
        lambda t: value_and_gradient(objective, unflatten(t, 5, 6), blocks)[0], theta
    )
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


@LOSS
@BIASES
@pytest.mark.parametrize("size", [1, 7])
def test_blocks_change_nothing(network, loss, biases, size):
    objective, w, X = objective_of(loss), network.with_biases(biases), network.X
    J, gradient, _ = value_and_gradient(objective, w, [X])
    J_blocks, gradient_blocks, _ = value_and_gradient(objective, w, in_blocks(X, size))
    assert pytest.approx(J, rel=1e-12) == J_blocks
    np.testing.assert_allclose(
        gradient_blocks, gradient, rtol=1e-12, atol=1e-12 * abs(gradient).max()
    )


@LOSS
@BIASES
def test_order_and_repetition_of_rows_change_nothing(network, loss, biases):
    objective, w, X = objective_of(loss), network.with_biases(biases), network.X
    J, gradient, _ = value_and_gradient(objective, w, [X])
    for other in (X[np.random.default_rng(0).permutation(len(X))], np.repeat(X, 3, axis=0)):
        J_other, gradient_other, _ = value_and_gradient(objective, w, in_blocks(other, 10))
        assert pytest.approx(J, rel=1e-12) == J_other
        np.testing.assert_allclose(
            gradient_other, gradient, rtol=1e-12, atol=1e-12 * abs(gradient).max()
        )


@LOSS
@BIASES
def test_order_of_units_permutes_the_gradient(network, loss, biases):
    objective, w, X = objective_of(loss), network.with_biases(biases), network.X
    order = [3, 0, 4, 2, 1]
    J, gradient, _ = value_and_gradient(objective, w, [X])
    J_permuted, permuted, _ = value_and_gradient(
        objective, Weights(w.We[order], w.be[order], w.Wd[order], w.bd), [X]
    )
    g = unflatten(gradient, 5, 6)
    expected = flatten(Weights(g.We[order], g.be[order], g.Wd[order], g.bd))
    assert pytest.approx(J, rel=1e-12) == J_permuted
    np.testing.assert_allclose(permuted, expected, rtol=1e-12, atol=1e-12 * abs(gradient).max())


@LOSS
@BIASES
def test_float32_is_close_to_float64(network, loss, biases):
    objective, blocks = objective_of(loss), in_blocks(network.X.astype(np.float32), 7)
    w = network.astype(np.float32).with_biases(biases)
    J, gradient, _ = value_and_gradient(objective, w, blocks)
    exact = value_and_gradient(
        objective, Weights(*(part.astype(float) for part in w)), [b.astype(float) for b in blocks]
    )
    assert pytest.approx(exact[0], rel=1e-6) == J
    np.testing.assert_allclose(gradient, exact[1], rtol=0, atol=2e-6 * abs(gradient).max())


@DTYPE
def test_dtype_of_the_gradient(network, dtype):
    objective, (X, theta) = objective_of(SquaredError), network.astype(dtype)
    w = unflatten(theta, 5, 6)
    assert value_and_gradient(objective, w, [X])[1].dtype == dtype
    assert value_and_gradient(objective, w, in_blocks(X, 5))[1].dtype == dtype  # 4 blocks
    assert value_and_gradient(objective, w, in_blocks(X, 4))[1].dtype == np.float64  # 5
    assert isinstance(value_and_gradient(objective, w, [X])[0], float)


@LOSS
@BIASES
def test_evaluate_gives_the_same_terms(network, loss, biases):
    objective, w, blocks = objective_of(loss), network.with_biases(biases), in_blocks(network.X, 7)
    terms, mean, variance = evaluate(objective, w, blocks)
    np.testing.assert_allclose(terms, value_and_gradient(objective, w, blocks)[2], rtol=1e-13)
    A = expit(network.X @ w.We.T + w.be)
    np.testing.assert_allclose(mean, A.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, A.var(axis=0), rtol=1e-12, atol=1e-15)
    assert (variance >= 0).all()


@BIASES
def test_threads_give_the_same_bits(network, biases):
    objective, w, blocks = (
        objective_of(CrossEntropy),
        network.with_biases(biases),
        in_blocks(network.X, 3),
    )
    with ThreadPoolExecutor(3, initializer=partial(np.seterr, all="ignore")) as pool:
        threaded = value_and_gradient(objective, w, blocks, map=pool.map)
        threaded_terms = evaluate(objective, w, blocks, map=pool.map)
    serial = value_and_gradient(objective, w, blocks)
    assert threaded[0] == serial[0]
    np.testing.assert_array_equal(threaded[1], serial[1])
    for a, b in zip(threaded_terms, evaluate(objective, w, blocks), strict=True):
        np.testing.assert_array_equal(a, b)


@LOSS
def test_what_was_in_the_rooms_changes_nothing(network, loss):
    objective, w, blocks = objective_of(loss), network.weights, in_blocks(network.X, 9)
    rooms = rooms_for_batches(17, 2, (5, 6), n_weights(5, 6), network.X.dtype)
    rooms = [room.of(len(block)) for room, block in zip(rooms, blocks, strict=True)]
    for array in (part for room in rooms for part in room):
        array.fill(np.nan)
    J, gradient, terms = value_and_gradient(objective, w, blocks, rooms)
    assert np.shares_memory(gradient, rooms[0].gradient)
    others = value_and_gradient(objective, w, blocks)
    assert (J, terms) == (others[0], others[2])
    np.testing.assert_array_equal(gradient, others[1])


@DTYPE
@LOSS
@BIASES
@pytest.mark.parametrize("function", [value_and_gradient, evaluate])
def test_inputs_are_left_alone(network, function, loss, biases, dtype):
    X, theta = network.X.astype(dtype), flatten(network.with_biases(biases), dtype)
    before = X.copy(), theta.copy()
    function(objective_of(loss), unflatten(theta, 5, 6), in_blocks(X, 7))
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(theta, before[1])


def penalty_gradient(w, blocks, weight):
    """What the penalty alone asks of the weights."""
    objectives = [
        Objective(SquaredError, KullbackLeibler(RHO, share), 0, 0) for share in (weight, 0)
    ]
    with_penalty, without = (
        value_and_gradient(objective, w, blocks)[1] for objective in objectives
    )
    return unflatten(with_penalty - without, *w.We.shape)


@DTYPE
@pytest.mark.parametrize("spread", [0, 1])
def test_penalty_pulls_dead_and_full_units_back(network, dtype, spread):
    X, theta = network.astype(dtype)
    w = unflatten(theta, 5, 6)
    w = w._replace(We=spread * w.We, be=np.array([-200, 200, -2000, 2000, 0], dtype=dtype))
    pull = penalty_gradient(w, in_blocks(X, 7), WEIGHT)
    bounds = np.array([-RHO, 1 - RHO, -RHO, 1 - RHO]) * WEIGHT
    np.testing.assert_allclose(pull.be[:4], bounds, rtol=1e-5)
    assert (np.sign(pull.We[:4]) == np.sign(bounds)[:, None]).all()  # X is positive
    if spread == 0:  # every row pulls alike
        np.testing.assert_allclose(pull.We[:4], np.outer(bounds, X.mean(axis=0)), rtol=1e-5)


@DTYPE
@LOSS
def test_a_step_down_the_gradient_moves_dead_and_full_units_to_the_target(network, loss, dtype):
    w = network.astype(dtype).with_biases([-200, 200, -200, 200, 0])
    _, gradient, _ = value_and_gradient(objective_of(loss), w, [network.X.astype(dtype)])
    g = unflatten(gradient, 5, 6)
    assert (g.be[[0, 2]] < -0.9 * WEIGHT * RHO).all()
    assert (g.be[[1, 3]] > 0.9 * WEIGHT * (1 - RHO)).all()


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    be=hnp.arrays(np.float64, 5, elements=st.floats(-1e4, 1e4)),
    spread=st.floats(0, 100),
    weight=st.floats(0.01, 10),
)
def test_penalty_gradient_is_bounded(network, be, spread, weight):
    w = network.weights._replace(We=spread * network.weights.We, be=be, Wd=np.zeros((5, 6)))
    pull = penalty_gradient(w, in_blocks(network.X, 7), weight)
    assert (pull.be >= -weight * RHO * (1 + 1e-12)).all()
    assert (pull.be <= weight * (1 - RHO) * (1 + 1e-12)).all()


@DTYPE
@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    be=hnp.arrays(np.float64, 5, elements=st.floats(-1e4, 1e4)),
    We=hnp.arrays(np.float64, (5, 6), elements=st.floats(-100, 100)),
    Wd=hnp.arrays(np.float64, (5, 6), elements=st.floats(-100, 100)),
    loss=st.sampled_from(LOSSES),
)
def test_everything_is_finite(network, dtype, be, We, Wd, loss):
    w = Weights(*(part.astype(dtype) for part in (We, be, Wd, network.weights.bd)))
    J, gradient, terms = value_and_gradient(
        objective_of(loss), w, in_blocks(network.X.astype(dtype), 7)
    )
    assert np.isfinite([J, *terms]).all()
    assert np.isfinite(gradient).all()
    assert min(terms) >= 0
