import numpy as np
import pytest
from scipy.stats import norm

from skl_sparse_ae._variational.likelihoods import Bernoulli, Gaussian, Likelihood

pytestmark = pytest.mark.usefixtures("quiet")

RNG = np.random.default_rng(0)
X, RAW = RNG.uniform(size=(11, 6)), RNG.normal(size=(11, 6))


def log_variance_of(likelihood):
    return np.array([-0.7] * likelihood.n_parameters)


def test_the_loss_of_rows_sums_to_that_of_the_block(likelihood):
    log_variance = log_variance_of(likelihood)
    total, _, _ = likelihood.backward(RAW.copy(), X, log_variance, 1.0)
    rows = likelihood.per_row(RAW.copy(), X, log_variance)
    assert rows.shape == (11,)
    assert rows.dtype == np.float64
    assert rows.sum() == pytest.approx(total, rel=1e-12)


def test_rows_have_the_log_density_of_the_distribution():
    log_density = norm(RAW, np.exp(-0.35)).logpdf(X).sum(axis=1)
    rows = Gaussian.per_row(RAW.copy(), X, np.array([-0.7]))
    np.testing.assert_allclose(rows, -log_density, rtol=1e-12)
    p = 1 / (1 + np.exp(-RAW))
    log_density = (X * np.log(p) + (1 - X) * np.log(1 - p)).sum(axis=1)
    rows = Bernoulli.per_row(RAW.copy(), X, np.empty(0))
    np.testing.assert_allclose(rows, -log_density, rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_gradients_are_those_of_the_scaled_loss(likelihood, central_differences, scale):
    log_variance = log_variance_of(likelihood)

    def value(raw, log_variance=log_variance):
        raw = raw.reshape(X.shape).copy()
        return scale * likelihood.backward(raw, X, log_variance, 1.0)[0]

    _, d_raw, d_log_variance = likelihood.backward(RAW.copy(), X, log_variance, scale)
    expected = central_differences(value, RAW.ravel())
    np.testing.assert_allclose(d_raw.ravel(), expected, rtol=1e-5, atol=1e-6)
    of_variance = central_differences(lambda v: value(RAW, v), log_variance)
    np.testing.assert_allclose(d_log_variance, of_variance.sum(), rtol=1e-6)


def test_the_variance_of_a_gaussian_is_the_mean_square_where_its_gradient_vanishes():
    log_variance = np.log([np.square(RAW - X).mean()])
    gradient = Gaussian.backward(RAW.copy(), X, log_variance, 1.0)[2]
    assert gradient == pytest.approx(0, abs=1e-12)


def test_rows_drawn_about_means():
    rng, means = np.random.default_rng(0), np.full((100_000, 1), 0.3)
    rows = Gaussian.draw(means, np.log([0.04]), rng)
    assert (rows.mean(), rows.std()) == pytest.approx((0.3, 0.2), rel=0.02)
    ones = Bernoulli.draw(means, np.empty(0), rng)
    assert set(np.unique(ones)) == {0, 1}
    assert ones.mean() == pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draws_have_the_dtype_of_the_means(likelihood, dtype):
    means = np.full((3, 2), 0.3, dtype=dtype)
    rows = likelihood.draw(means, log_variance_of(likelihood), np.random.default_rng(0))
    assert rows.dtype == dtype


@pytest.mark.parametrize("likelihood", [Gaussian, Bernoulli])
def test_likelihoods_keep_their_contract(likelihood, fulfils):
    fulfils(likelihood, Likelihood)
