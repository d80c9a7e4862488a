import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal

from skl_sparse_ae import _rows
from skl_sparse_ae._nn.activations import Identity, Tanh
from skl_sparse_ae._variational.likelihoods import Bernoulli, Gaussian
from skl_sparse_ae._variational.objective import Objective, Shape, unflatten
from skl_sparse_ae._variational.predict import (
    Draws,
    Model,
    elbo,
    evaluate,
    evidence_bounds,
    importance_weighted,
    posterior_of,
    reconstruct,
    rows_of,
)

pytestmark = pytest.mark.usefixtures("quiet")

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(17, 6))
DRAWS = Draws(4, 0)


@pytest.fixture(params=[4, 4096], ids=["small blocks", "one block"], autouse=True)
def any_blocks(request, monkeypatch):
    monkeypatch.setattr(_rows.blocks, "FEWEST_ROWS", request.param)
    monkeypatch.setattr(_rows.blocks, "MOST_ROWS", request.param)


@pytest.fixture(params=[Gaussian, Bernoulli])
def model(request):
    shape = Shape(6, (5,), 3, request.param.n_parameters)
    theta = 0.5 * np.random.default_rng(1).normal(size=shape.n_weights)
    return Model(unflatten(theta, shape), shape, Objective(request.param, Tanh, 0.5))


def linear_model():
    """Probabilistic PCA with its exact posterior: x = W z + mean + noise of variance v."""
    W, mean, v = RNG.normal(size=(2, 6)), RNG.normal(size=6), 0.3
    inverse = np.linalg.inv(W @ W.T + v * np.eye(2))
    shape = Shape(6, (), 2, 1)
    networks = unflatten(np.zeros(shape.n_weights), shape)
    rotation = np.linalg.eigh(W @ W.T)[1]  # the posterior's covariance is diagonal in these units
    W = rotation.T @ W
    inverse = rotation.T @ inverse @ rotation
    networks.encoder[0].coef[:, :2] = W.T @ inverse
    networks.encoder[0].intercept[:2] = -mean @ W.T @ inverse
    networks.encoder[0].intercept[2:] = 20 * np.arctanh(np.log(v * np.diag(inverse)) / 20)
    networks.decoder[0].coef[...], networks.decoder[0].intercept[...] = W, mean
    networks.log_variance[...] = np.log(v)
    marginal = multivariate_normal(mean, W.T @ W + v * np.eye(6))
    return Model(networks, shape, Objective(Gaussian, Identity, 1.0)), marginal


def test_both_bounds_are_tight_where_the_posterior_is_exact():
    model, marginal = linear_model()
    rows = marginal.rvs(200, random_state=0)
    exact = marginal.logpdf(rows)
    np.testing.assert_allclose(
        evidence_bounds(model, rows, Draws(1, 0), importance_weighted), exact, rtol=1e-9
    )
    np.testing.assert_allclose(evidence_bounds(model, rows, Draws(500, 0), elbo), exact, atol=0.15)


def test_the_importance_weighted_bound_is_between_the_elbo_and_the_likelihood():
    model, marginal = linear_model()
    model.networks.encoder[0].intercept[2:] += 1.0  # a posterior that is too wide
    rows = marginal.rvs(200, random_state=0)
    lower, tighter = (
        evidence_bounds(model, rows, Draws(50, 0), bound).mean()
        for bound in (elbo, importance_weighted)
    )
    assert lower + 0.2 < tighter < marginal.logpdf(rows).mean() + 0.02


def test_the_figures_are_the_bounds(model):
    figures = evaluate(model, X, DRAWS)
    mean, _ = posterior_of(model, X)
    expected = -evidence_bounds(model, X, DRAWS, elbo).mean()
    assert figures.reconstruction + figures.kl_divergence / 0.5 == pytest.approx(
        expected, rel=1e-12
    )
    np.testing.assert_allclose(figures.mean, mean.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(figures.variance, mean.var(axis=0), rtol=1e-9)


@pytest.mark.parametrize("bound", [elbo, importance_weighted])
def test_a_rows_bound_does_not_depend_on_the_rows_around_it(model, bound):
    order = np.random.default_rng(2).permutation(17)[:5]
    bounds = evidence_bounds(model, X, DRAWS, bound)
    np.testing.assert_allclose(
        evidence_bounds(model, X[order], DRAWS, bound), bounds[order], rtol=1e-12
    )
    np.testing.assert_allclose(
        evidence_bounds(model, csr_array(X), DRAWS, bound), bounds, rtol=1e-12
    )


def test_reconstructing_is_decoding_the_posterior_means(model):
    mean, _ = posterior_of(model, X)
    np.testing.assert_allclose(reconstruct(model, X), rows_of(model, mean), rtol=1e-12)
    np.testing.assert_allclose(reconstruct(model, csr_array(X)), reconstruct(model, X), rtol=1e-12)


def test_what_overflows_is_said_in_words():
    model, _ = linear_model()
    model.networks.encoder[0].coef[:, :2] = model.networks.decoder[0].coef[...] = 2.0
    with pytest.raises(ValueError, match=r"The code overflows: X has values up to 1.7e"):
        posterior_of(model, np.full((1, 6), 1.7e308))
    with pytest.raises(
        ValueError, match=r"The reconstruction overflows: the code has values up to 1.7e"
    ):
        rows_of(model, np.full((1, 2), 1.7e308))
    with pytest.raises(ValueError, match=r"The bounds overflow: X has values up to 1e\+200"):
        evidence_bounds(model, np.full((1, 6), 1e200), DRAWS, elbo)
