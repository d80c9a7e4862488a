"""What given networks do to rows, block by block: posteriors, reconstructions, bounds on the likelihood, draws of new rows.

A `Model` holds the networks in the user's frame, in the dtype of X.
"""

from collections import deque
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from skl_sparse_ae._nn.layers import forward
from skl_sparse_ae._nn.losses import SquaredError
from skl_sparse_ae._nn.origin import bias_at, origin_of_weights
from skl_sparse_ae._rows.blocks import centred_blocks, row_blocks
from skl_sparse_ae._rows.executor import row_workers
from skl_sparse_ae._rows.lazy import Centred, read
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._variational.noise import noise_of_rows
from skl_sparse_ae._variational.objective import Networks, Shape, draw, kl_divergence, posterior


class Model(NamedTuple):
    """Networks, their shape, and the objective they were made for."""

    networks: Networks
    shape: Shape
    objective: Any


def centred(model, dtype):
    """The model of rows less an origin, and that: None where products with the rows lose no digits.

    As `_inference.centred`: with squared error, the decoder's last biases say where the rows are.
    """
    encoder, decoder = model.networks.encoder, model.networks.decoder
    We, be, bd = encoder[0].coef.T, encoder[0].intercept, decoder[-1].intercept
    is_squared = model.objective.likelihood.loss is SquaredError
    origin = origin_of_weights(We, be, bd, dtype) if is_squared else None
    if origin is None:
        return model, None
    encoder = [encoder[0]._replace(intercept=bias_at(We, be, origin)), *encoder[1:]]
    decoder = [*decoder[:-1], decoder[-1]._replace(intercept=bd - origin)]
    return model._replace(
        networks=model.networks._replace(encoder=encoder, decoder=decoder)
    ), origin


def _less(X, origin):
    """The rows of a block less an origin, if there is one."""
    return X if origin is None else Centred(X, origin).read()


def posterior_of(model, X):
    """Mean and log-variance of the posterior of every row, both (n_rows, n_components)."""
    k = model.shape.n_components
    model, origin = centred(model, X.dtype)
    blocks = centred_blocks(row_blocks(X, model.shape.widest), origin)
    both = np.empty((2, X.shape[0], k), dtype=X.dtype)
    parts = np.split(both, np.cumsum([block.shape[0] for block in blocks])[:-1], axis=1)
    if len(blocks) == 1:  # a row or two of a service: setting up workers would be most of its time
        _encode_into(model, read(blocks[0]), both)
        return both
    with row_workers(len(blocks)) as (map, _):
        deque(map(partial(_encode_into, model), blocks, parts), maxlen=0)
    return both


def rows_of(model, Z):
    """The rows that codes Z (n_rows, n_components) stand for: the means of p(x | z)."""
    X_hat = np.empty((Z.shape[0], model.shape.n_features), dtype=Z.dtype)
    for start, block in _numbered(row_blocks(Z, model.shape.widest)):
        X_hat[start : start + len(block)] = model.objective.likelihood.loss.output(
            _decode(model, block)
        )
    if not np.isfinite(X_hat).all():
        raise ValueError(
            f"The reconstruction overflows: the code has values up to {_largest(Z)}. A code that `transform` returns is "
            "hardly ever beyond 10."
        )
    return X_hat


def reconstruct(model, X):
    """``rows_of`` the posterior means, without the code of all rows in memory."""
    X_hat = np.empty(X.shape, dtype=X.dtype)
    seen, origin = centred(model, X.dtype)
    for start, block in _numbered(centred_blocks(row_blocks(X, model.shape.widest), origin)):
        X_hat[start : start + block.shape[0]] = rows_of(model, _encode(seen, block)[0])
    return X_hat


class Draws(NamedTuple):
    """How an expectation over the code of each row is taken: see `noise_of_rows`."""

    n_draws: int
    seed: int

    def noise(self, X, n_components):
        return noise_of_rows(X, self.n_draws, n_components, self.seed)


def evidence_bounds(model, X, draws, bound):
    """`bound` on log p(x) of every row (n_rows,), in nats: a function of (model, dense rows, mean, log_variance, noise)."""
    bounds, (model, origin) = [], centred(model, X.dtype)
    for block in map(read, row_blocks(X, model.shape.widest)):
        noise, rows = draws.noise(dense(block), model.shape.n_components), _less(block, origin)
        bounds.append(bound(model, dense(rows), *_encode(model, rows), noise))
    return _finite(np.concatenate(bounds), X)


def elbo(model, X, mean, log_variance, noise):
    """``E log p(x | z) - KL(q || p)``: the evidence lower bound."""
    return -reconstruction_losses(model, X, mean, log_variance, noise) - kl_divergence(
        mean, log_variance
    )


def importance_weighted(model, X, mean, log_variance, noise):
    """``log mean over draws of p(x, z) / q(z | x)``: tighter than `elbo`, and tight with many draws.

    Source: Y. Burda, R. Grosse & R. Salakhutdinov, Importance Weighted Autoencoders (2016), eq. 8.
    """
    log_weights = np.empty(noise.shape[:2])
    for weights, one in zip(log_weights, noise, strict=True):
        z, _ = draw(mean, log_variance, one)
        log_prior = -0.5 * np.einsum("ij,ij->i", z, z, dtype=np.float64)
        log_posterior = -0.5 * (
            log_variance.sum(axis=1, dtype=np.float64)
            + np.einsum("ij,ij->i", one, one, dtype=np.float64)
        )
        weights[...] = log_prior - log_posterior - _losses(model, X, z)
    return logsumexp(log_weights, axis=0) - np.log(len(noise))


def reconstruction_losses(model, X, mean, log_variance, noise):
    """``-E log p(x | z)`` of each row (n_rows,), over the draws of `noise` (n_draws, n_rows, n_components)."""
    return sum(_losses(model, X, draw(mean, log_variance, one)[0]) for one in noise) / len(noise)


class Figures(NamedTuple):
    """Means over rows: both terms of J, and for each code unit the mean and variance of its posterior mean."""

    reconstruction: float
    kl_divergence: float
    mean: np.ndarray
    variance: np.ndarray


def evaluate(model, X, draws):
    """`Figures` of all rows."""
    totals, n_rows, (model, origin) = [0.0, 0.0, 0.0, 0.0], X.shape[0], centred(model, X.dtype)
    for block in map(read, row_blocks(X, model.shape.widest)):
        noise, rows = draws.noise(dense(block), model.shape.n_components), _less(block, origin)
        mean, log_variance = _encode(model, rows)
        means = mean.astype(np.float64)
        totals[0] += reconstruction_losses(model, dense(rows), mean, log_variance, noise).sum()
        totals[1] += kl_divergence(mean, log_variance).sum()
        totals[2] = totals[2] + means.sum(axis=0)
        totals[3] = totals[3] + np.square(means).sum(axis=0)
    fit, divergence, mean, square = (total / n_rows for total in totals)
    return Figures(
        float(fit), float(model.objective.kl_weight * divergence), mean, square - np.square(mean)
    )


def _encode(model, X):
    raw = forward(model.networks.encoder, model.objective.activation, X)[-1]
    if not np.isfinite(raw).all():
        raise ValueError(
            f"The code overflows: X has values up to {_largest(X)}. Scale X as the rows given to fit were."
        )
    return posterior(raw)


def _encode_into(model, X, out):
    out[0], out[1] = _encode(model, X)


def _decode(model, Z):
    return forward(model.networks.decoder, model.objective.activation, Z)[-1]


def _losses(model, X, Z):
    return model.objective.likelihood.per_row(_decode(model, Z), X, model.networks.log_variance)


def _numbered(blocks):
    """Each block with the number of its first row."""
    start = 0
    for block in map(read, blocks):
        yield start, block
        start += block.shape[0]


def _finite(bounds, X):
    if not np.isfinite(bounds).all():
        raise ValueError(
            f"The bounds overflow: X has values up to {_largest(X)}. Scale X as the rows given to fit were."
        )
    return bounds


def _largest(X):
    return f"{max(abs(float(X.min())), abs(float(X.max()))):.3g}"
