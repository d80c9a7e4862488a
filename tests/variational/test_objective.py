from functools import partial

import mpmath
import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit

from skl_sparse_ae._variational.objective import (
    LOG_VARIANCE_BOUND,
    Architecture,
    Objective,
    Terms,
    bounded,
    bounded_slope,
    draw,
    flatten,
    kl_divergence,
    posterior,
    unflatten,
    value_and_gradient,
)

pytestmark = pytest.mark.usefixtures("quiet")

RNG = np.random.default_rng(0)
X, NOISE = RNG.uniform(size=(11, 6)), RNG.normal(size=(11, 2))
ACTIVATION = pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu", "elu"])


def is_gaussian(likelihood):
    return likelihood.n_parameters == 1


def architecture_of(likelihood, hidden=(5, 4)):
    return Architecture(6, hidden, 2, likelihood.n_parameters)


def weights(architecture, scale=0.7):
    return scale * np.random.default_rng(1).normal(size=architecture.n_weights)


@pytest.fixture(scope="module")
def value(core):
    """A function that returns value, gradient and terms at flat weights, in a trivial frame."""
    frame = core.variational_frame.VariationalFrame(np.zeros(6), 1.0, np.zeros(6), 1.0)

    def evaluate(likelihood, activation, theta, architecture, blocks=((X, NOISE),), kl_weight=1.0):
        activation = core.activations.ACTIVATIONS[activation]
        objective = Objective(likelihood, activation, kl_weight)
        rows, noise = zip(*blocks, strict=True)
        networks, rows = unflatten(theta, architecture), core.RowBlocks(list(rows))
        return value_and_gradient(objective, frame, networks, architecture, rows, list(noise))

    return evaluate


def by_hand(networks, likelihood, x, noise, activation):
    """J of one row, from the formulas in the module's docstring, number by number."""

    def run(layers, a):
        for i, (coef, intercept) in enumerate(layers):
            a = a @ coef + intercept
            a = activation(a) if i + 1 < len(layers) else a
        return a

    mu, r = np.split(run(networks.encoder, x), 2)
    log_variance = 20 * np.tanh(r / 20)
    raw = run(networks.decoder, mu + np.exp(log_variance / 2) * noise)
    kl = 0.5 * (mu**2 + np.exp(log_variance) - 1 - log_variance).sum()
    if is_gaussian(likelihood):
        v = np.exp(networks.log_variance[0])
        return 0.5 * ((x - raw) ** 2 / v + np.log(2 * np.pi * v)).sum(), kl
    return -(x * np.log(expit(raw)) + (1 - x) * np.log(1 - expit(raw))).sum(), kl


def test_the_value_is_that_of_the_formulas(value, likelihood):
    architecture = architecture_of(likelihood)
    theta = weights(architecture)
    networks = unflatten(theta, architecture)
    rows = [by_hand(networks, likelihood, *row, np.tanh) for row in zip(X, NOISE, strict=True)]
    fit, kl = np.mean(rows, axis=0)
    for kl_weight in (0.0, 1.0, 4.0):
        total, _, terms = value(likelihood, "tanh", theta, architecture, kl_weight=kl_weight)
        assert terms == pytest.approx((fit, kl_weight * kl), rel=1e-12)
        assert total == pytest.approx(fit + kl_weight * kl, rel=1e-12)


@ACTIVATION
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)], ids=str)
def test_gradient_is_that_of_the_value_with_the_noise_fixed(
    value, likelihood, activation, hidden, central_differences
):
    architecture = architecture_of(likelihood, hidden)
    theta, at = weights(architecture), partial(value, likelihood, activation)
    _, gradient, _ = at(theta, architecture, kl_weight=0.7)
    expected = central_differences(lambda x: at(x, architecture, kl_weight=0.7)[0], theta)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


@ACTIVATION
def test_gradient_is_that_of_autograd(value, likelihood, activation):
    torch = pytest.importorskip("torch")
    architecture = architecture_of(likelihood)
    theta = torch.tensor(weights(architecture), requires_grad=True)
    networks = unflatten(theta, architecture)
    function = {
        "identity": lambda z: z,
        "logistic": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
    }.get(activation, torch.nn.functional.elu)

    def run(layers, A):
        for layer in layers[:-1]:
            A = function(A @ layer.coef + layer.intercept)
        return A @ layers[-1].coef + layers[-1].intercept

    rows = torch.tensor(X)
    mu, r = run(networks.encoder, rows).chunk(2, dim=1)
    q = torch.distributions.Normal(mu, torch.exp(10 * torch.tanh(r / 20)))
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0, 1))
    raw = run(networks.decoder, q.mean + q.stddev * torch.tensor(NOISE))
    if is_gaussian(likelihood):
        fit = -torch.distributions.Normal(raw, torch.exp(0.5 * networks.log_variance)).log_prob(
            rows
        )
    else:
        fit = torch.nn.functional.binary_cross_entropy_with_logits(raw, rows, reduction="none")
    total = (fit.sum() + kl.sum()) / len(rows)
    total.backward()
    got, gradient, _ = value(likelihood, activation, theta.detach().numpy(), architecture)
    assert got == pytest.approx(total.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, theta.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_blocks_are_added(value, likelihood):
    architecture = architecture_of(likelihood)
    whole = value(likelihood, "relu", weights(architecture), architecture)
    blocks = [(X[:1], NOISE[:1]), (X[1:6], NOISE[1:6]), (csr_array(X[6:]), NOISE[6:])]
    for got, expected in zip(
        value(likelihood, "relu", weights(architecture), architecture, blocks), whole, strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_float32_stays_float32(value, likelihood):
    architecture = architecture_of(likelihood)
    theta = weights(architecture)
    _, gradient, terms = value(likelihood, "elu", theta, architecture)
    block = (X.astype(np.float32), NOISE.astype(np.float32))
    theta = theta.astype(np.float32)
    _, single, single_terms = value(likelihood, "elu", theta, architecture, [block])
    assert single.dtype == np.float32
    assert single_terms == pytest.approx(terms, rel=1e-5)
    np.testing.assert_allclose(single, gradient, rtol=0, atol=1e-5 * abs(gradient).max())


def test_nothing_is_written_to(value, likelihood):
    architecture = architecture_of(likelihood)
    theta = weights(architecture)
    for array in (theta, rows := X.copy(), noise := NOISE.copy()):
        array.flags.writeable = False
    value(likelihood, "relu", theta, architecture, [(rows, noise)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("log_variance", [0, 1e-30, 1e-6, -1e-6, 1e-3, -0.1, 0.5, 3, -19.99, 19.99])
@pytest.mark.parametrize("mean", [0, 1e-10, -0.3, 7, 1e4])
def test_kl_is_exact_from_tiny_to_huge(mean, log_variance, dtype):
    mu, lv = (np.full((1, 1), x, dtype=dtype) for x in (mean, log_variance))
    with mpmath.workdps(50):
        m, s = mpmath.mpf(float(mu.item())), mpmath.mpf(float(lv.item()))
        expected = float((m**2 + mpmath.exp(s) - 1 - s) / 2)
    (got,) = kl_divergence(mu, lv)
    assert got.dtype == np.float64
    assert got == pytest.approx(expected, rel=1e-13, abs=1e-16 * abs(log_variance))
    assert got >= 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bound_is_smooth_and_never_reached_by_gradients_of_zero(dtype):
    r = np.array([[-60.0, -20, -5, 0, 1e-3, 5, 20, 60]], dtype=dtype)
    lv = bounded(r)
    assert (abs(lv) <= LOG_VARIANCE_BOUND).all()
    assert (np.diff(lv) > 0).all()
    assert (bounded_slope(lv) > 0).all()
    np.testing.assert_allclose(bounded(np.array([0.1, 6])), [0.1, 6], rtol=0.03)
    h = 1e-6
    slope = (bounded(r.astype(float) + h) - bounded(r.astype(float) - h)) / (2 * h)
    np.testing.assert_allclose(bounded_slope(bounded(r.astype(float))), slope, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("raw", [1e30, -1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_log_variance_overflows(raw, dtype):
    mean, lv = posterior(np.array([[0, raw]], dtype=dtype))
    assert np.isfinite(kl_divergence(mean, lv)).all()
    z, deviation = draw(mean, lv, np.full((1, 1), 5, dtype=dtype))
    assert np.isfinite(z).all()
    assert z.dtype == deviation.dtype == dtype


def test_draws_have_the_posteriors_mean_and_variance():
    noise = np.random.default_rng(2).standard_normal((200_000, 2))
    mean, log_variance = (np.tile(row, (200_000, 1)) for row in ([1.0, -2.0], np.log([4.0, 0.25])))
    z, _ = draw(mean, log_variance, noise)
    np.testing.assert_allclose(z.mean(axis=0), [1, -2], atol=0.02)
    np.testing.assert_allclose(z.var(axis=0), [4, 0.25], rtol=0.02)


def test_flat_weights_and_back():
    architecture = Architecture(6, (5, 4), 2, 1)
    theta = weights(architecture)
    np.testing.assert_array_equal(flatten(unflatten(theta, architecture)), theta)
    assert architecture.encoder == (6, 5, 4, 4)
    assert architecture.decoder == (2, 4, 5, 6)
    assert architecture.widest == 6
    assert Terms._fields == ("reconstruction", "kl_divergence")
