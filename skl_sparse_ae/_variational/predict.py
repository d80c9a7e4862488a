"""Functions of trained networks and rows, block by block: posteriors, reconstructions, bounds."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from skl_sparse_ae._estimator.contracts import Summary
from skl_sparse_ae._estimator.diagnostics import largest, overflow
from skl_sparse_ae._nn.layers import forward
from skl_sparse_ae._nn.origin import bias_at, origin_of_weights
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.lazy import Centred
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._variational.noise import noise_of_rows
from skl_sparse_ae._variational.objective import (
    Architecture,
    Networks,
    Objective,
    Terms,
    draw,
    kl_divergence,
    posterior,
)


class TrainedModel(NamedTuple):
    """Networks for rows in their own units, and in their dtype."""

    networks: Networks
    architecture: Architecture
    objective: Objective


class MonteCarlo(NamedTuple):
    """How an expectation over the code of each row is computed: see `noise_of_rows`."""

    n_draws: int
    seed: int

    def noise(self, X, n_components):
        """Noise (n_draws, n_rows, n_components) for dense rows."""
        return noise_of_rows(X, self.n_draws, n_components, self.seed)


def centred(model, dtype):
    """``(model, origin)``: the model for rows minus an origin, which is None if 0 is good enough.

    Only squared error allows an origin: the biases of the last layer then tell where the rows are.
    """
    encoder, decoder = model.networks.encoder, model.networks.decoder
    We, be, bd = encoder[0].coef.T, encoder[0].intercept, decoder[-1].intercept
    is_quadratic = model.objective.likelihood.loss.is_quadratic
    origin = origin_of_weights(We, be, bd, dtype) if is_quadratic else None
    if origin is None:
        return model, None
    encoder = [encoder[0]._replace(intercept=bias_at(We, be, origin)), *encoder[1:]]
    decoder = [*decoder[:-1], decoder[-1]._replace(intercept=bd - origin)]
    networks = model.networks._replace(encoder=encoder, decoder=decoder)
    return model._replace(networks=networks), origin


def posterior_of(model, rows):
    """Mean and log-variance of the posterior of every row: (2, n_rows, n_components)."""
    k = model.architecture.n_components
    model, origin = centred(model, rows.dtype)
    blocks = rows.blocks(model.architecture.widest).centred(origin)
    both = np.empty((2, rows.shape[0], k), dtype=rows.dtype)
    return blocks.fill(partial(_encode_into, model), both, axis=1)


def rows_of(model, Z):
    """The rows that codes Z (n_rows, n_components) decode to: the means of p(x | z)."""
    blocks = row_blocks(Z, model.architecture.widest)
    X_hat = np.concatenate(list(blocks.map(partial(_decode_to_mean, model))))
    if not np.isfinite(X_hat).all():
        raise ValueError(
            f"The reconstruction overflows: the code has values up to {largest(Z)}. Codes "
            "returned by `transform` rarely exceed 10."
        )
    return X_hat


def reconstruct(model, rows):
    """``rows_of`` the posterior means, without the code of all rows in memory."""
    encoder, origin = centred(model, rows.dtype)
    blocks = rows.blocks(model.architecture.widest).centred(origin)
    posteriors = blocks.map(partial(_encode, encoder))
    return np.concatenate([rows_of(model, mean) for mean, _ in posteriors])


def evidence_bounds(model, rows, expectation, bound):
    """A bound on log p(x) of every row (n_rows,), in nats.

    `bound` is `elbo` or `importance_weighted`: a function of the model, dense rows, their posterior
    mean and log-variance, and noise.
    """
    step = partial(_apply, bound, *centred(model, rows.dtype), expectation)
    bounds = np.concatenate(list(rows.blocks(model.architecture.widest).map(step)))
    if not np.isfinite(bounds).all():
        raise overflow("bounds overflow", rows)
    return bounds


def _apply(function, model, origin, expectation, X):
    """A function with the arguments of a bound, for a block of rows, minus an origin if needed."""
    noise = expectation.noise(dense(X), model.architecture.n_components)
    X = X if origin is None else Centred(X, origin).read()
    return function(model, dense(X), *_encode(model, X), noise)


def elbo(model, X, mean, log_variance, noise):
    """``E log p(x | z) - KL(q || p)``: the evidence lower bound."""
    losses = reconstruction_losses(model, X, mean, log_variance, noise)
    return -losses - kl_divergence(mean, log_variance)


def importance_weighted(model, X, mean, log_variance, noise):
    """``log mean over draws of p(x, z) / q(z | x)``: tighter than `elbo`, exact with many draws.

    Source: Y. Burda, R. Grosse & R. Salakhutdinov, Importance Weighted Autoencoders (2016), eq. 8.
    """
    log_weights = np.empty(noise.shape[:2])
    log_deviations = log_variance.sum(axis=1, dtype=np.float64)
    for weights, one in zip(log_weights, noise, strict=True):
        z, _ = draw(mean, log_variance, one)
        log_prior = -0.5 * _squared_norms(z)
        log_posterior = -0.5 * (log_deviations + _squared_norms(one))
        weights[...] = log_prior - log_posterior - _losses(model, X, z)
    return logsumexp(log_weights, axis=0) - np.log(len(noise))


def _squared_norms(Z):
    return np.einsum("ij,ij->i", Z, Z, dtype=np.float64)


def reconstruction_losses(model, X, mean, log_variance, noise):
    """``-E log p(x | z)`` of each row (n_rows,), over the draws of `noise`."""
    total = sum(_losses(model, X, draw(mean, log_variance, one)[0]) for one in noise)
    return total / len(noise)


def summarize(model, rows, expectation):
    """The `Summary` of all rows: both terms of J, and moments of the posterior means."""
    step = partial(_apply, _sums, *centred(model, rows.dtype), expectation)
    totals = rows.blocks(model.architecture.widest).sum(step)
    fit, divergence, mean, square = (total / rows.shape[0] for total in totals)
    terms = Terms(float(fit), float(model.objective.kl_weight * divergence))
    return Summary(terms, mean, square - np.square(mean))


def _sums(model, X, mean, log_variance, noise):
    """Sums over rows: both terms of J, the posterior means and their squares."""
    fit = reconstruction_losses(model, X, mean, log_variance, noise).sum()
    means = mean.astype(np.float64)
    divergence = kl_divergence(mean, log_variance).sum()
    return fit, divergence, means.sum(axis=0), np.square(means).sum(axis=0)


def _encode(model, X):
    raw = forward(model.networks.encoder, model.objective.activation, X)[-1]
    if not np.isfinite(raw).all():
        raise overflow("code overflows", X)
    return posterior(raw)


def _encode_into(model, X, out):
    out[0], out[1] = _encode(model, X)


def _decode_to_mean(model, Z):
    return model.objective.likelihood.loss.output(_decode(model, Z))


def _decode(model, Z):
    return forward(model.networks.decoder, model.objective.activation, Z)[-1]


def _losses(model, X, Z):
    raw = _decode(model, Z)
    return model.objective.likelihood.per_row(raw, X, model.networks.log_variance)
