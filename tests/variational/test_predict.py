import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal

from skl_sparse_ae._variational.predict import (
    MonteCarlo,
    TrainedModel,
    elbo,
    evidence_bounds,
    importance_weighted,
    posterior_of,
    reconstruct,
    rows_of,
    summarize,
)

pytestmark = pytest.mark.usefixtures("quiet")

X = np.random.default_rng(0).uniform(size=(17, 6))
DRAWS = MonteCarlo(4, 0)


@pytest.fixture(params=[4, 4096], ids=["small blocks", "one block"], autouse=True)
def any_blocks(request, limit_blocks):
    limit_blocks(request.param)


@pytest.fixture
def model(core, likelihood):
    objective = core.variational_objective
    architecture = objective.Architecture(6, (5,), 3, likelihood.n_parameters)
    theta = 0.5 * np.random.default_rng(1).normal(size=architecture.n_weights)
    networks = objective.unflatten(theta, architecture)
    of_model = objective.Objective(likelihood, core.activations.Tanh, 0.5)
    return TrainedModel(networks, architecture, of_model)


@pytest.fixture
def rows(core):
    return core.as_rows(X)


@pytest.fixture
def pca(core):
    """Probabilistic PCA as a `TrainedModel` with its exact posterior, and the density of rows.

    Rows are ``x = W z + mean + noise`` of variance v.
    """
    rng = np.random.default_rng(0)
    W, mean, v = rng.normal(size=(2, 6)), rng.normal(size=6), 0.3
    inverse = np.linalg.inv(W @ W.T + v * np.eye(2))
    # in these units of the code, the covariance of the posterior is diagonal
    rotation = np.linalg.eigh(W @ W.T)[1]
    W = rotation.T @ W
    inverse = rotation.T @ inverse @ rotation
    objective = core.variational_objective
    architecture = objective.Architecture(6, (), 2, 1)
    networks = objective.unflatten(np.zeros(architecture.n_weights), architecture)
    encoder, decoder = networks.encoder[0], networks.decoder[0]
    encoder.coef[:, :2] = W.T @ inverse
    encoder.intercept[:2] = -mean @ W.T @ inverse
    encoder.intercept[2:] = 20 * np.arctanh(np.log(v * np.diag(inverse)) / 20)
    decoder.coef[...], decoder.intercept[...] = W, mean
    networks.log_variance[...] = np.log(v)
    marginal = multivariate_normal(mean, W.T @ W + v * np.eye(6))
    of_model = objective.Objective(core.likelihoods.Gaussian, core.activations.Identity, 1.0)
    return TrainedModel(networks, architecture, of_model), marginal


def test_both_bounds_are_tight_where_the_posterior_is_exact(core, pca):
    model, marginal = pca
    X = marginal.rvs(200, random_state=0)
    rows, exact = core.as_rows(X), marginal.logpdf(X)
    tight = evidence_bounds(model, rows, MonteCarlo(1, 0), importance_weighted)
    np.testing.assert_allclose(tight, exact, rtol=1e-9)
    bounds = evidence_bounds(model, rows, MonteCarlo(500, 0), elbo)
    np.testing.assert_allclose(bounds, exact, atol=0.15)


def test_the_importance_weighted_bound_is_between_the_elbo_and_the_likelihood(core, pca):
    model, marginal = pca
    model.networks.encoder[0].intercept[2:] += 1.0  # a posterior that is too wide
    X = marginal.rvs(200, random_state=0)
    lower, tighter = (
        evidence_bounds(model, core.as_rows(X), MonteCarlo(50, 0), bound).mean()
        for bound in (elbo, importance_weighted)
    )
    assert lower + 0.2 < tighter < marginal.logpdf(X).mean() + 0.02


def test_the_summary_is_that_of_the_bounds(model, rows):
    summary = summarize(model, rows, DRAWS)
    mean, _ = posterior_of(model, rows)
    expected = -evidence_bounds(model, rows, DRAWS, elbo).mean()
    terms = summary.terms
    bound = terms.reconstruction + terms.kl_divergence / 0.5  # without the weight of the KL
    assert bound == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(summary.code_mean, mean.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(summary.code_variance, mean.var(axis=0), rtol=1e-9)


@pytest.mark.parametrize("bound", [elbo, importance_weighted])
def test_a_rows_bound_does_not_depend_on_the_rows_around_it(core, model, rows, bound):
    order = np.random.default_rng(2).permutation(17)[:5]
    bounds = evidence_bounds(model, rows, DRAWS, bound)
    some = evidence_bounds(model, core.as_rows(X[order]), DRAWS, bound)
    np.testing.assert_allclose(some, bounds[order], rtol=1e-12)
    sparse = evidence_bounds(model, core.as_rows(csr_array(X)), DRAWS, bound)
    np.testing.assert_allclose(sparse, bounds, rtol=1e-12)


def test_reconstructing_is_decoding_the_posterior_means(core, model, rows):
    mean, _ = posterior_of(model, rows)
    X_hat = reconstruct(model, rows)
    np.testing.assert_allclose(X_hat, rows_of(model, mean), rtol=1e-12)
    of_sparse = reconstruct(model, core.as_rows(csr_array(X)))
    np.testing.assert_allclose(of_sparse, X_hat, rtol=1e-12)


def test_overflow_is_an_error_that_names_the_values(core, pca):
    model, _ = pca
    model.networks.encoder[0].coef[:, :2] = model.networks.decoder[0].coef[...] = 2.0
    huge, large = (core.as_rows(np.full((1, 6), value)) for value in (1.7e308, 1e200))
    with pytest.raises(ValueError, match=r"The code overflows: X has values up to 1.7e"):
        posterior_of(model, huge)
    message = r"The reconstruction overflows: the code has values up to 1.7e"
    with pytest.raises(ValueError, match=message):
        rows_of(model, np.full((1, 2), 1.7e308))
    with pytest.raises(ValueError, match=r"The bounds overflow: X has values up to 1e\+200"):
        evidence_bounds(model, large, DRAWS, elbo)
