"""The objective of the variational autoencoder, its parts and its gradient, in nats.

    mu, r  = encoder(X)                                   the two halves of its raw output
    l      = B tanh(r / B)                                the log-variance, B = LOG_VARIANCE_BOUND
    z      = mu + exp(l / 2) * noise                      a draw from q(z | x) = N(mu, diag exp(l))
    raw    = decoder(z)

    J = mean over rows of  -log p(x | z)  +  kl_weight * KL(q(z | x) || N(0, I))

    KL(q || N(0, I))  = 1/2 sum_j (mu_j^2 + exp(l_j) - 1 - l_j)
    -log p(x | z)     = 1/2 sum_i ((x_i - raw_i)^2 / v + log(2 pi v))             squared error
    -log p(x | z)     = -sum_i (x_i log s_i + (1 - x_i) log(1 - s_i))             cross-entropy

    The first is Gaussian, the second Bernoulli with s = sigmoid(raw).

| here    | shape         | is                                     | public name                   |
|---------|---------------|----------------------------------------|-------------------------------|
| X       | (n, d)        | rows                                   |                               |
| encoder | d to 2k       | hidden layers, then mu and r           | `encoder_coefs_/_intercepts_` |
| decoder | k to d        | hidden layers in reverse, then raw     | `decoder_coefs_/_intercepts_` |
| mu      | (n, k)        | posterior mean                         | `transform(X)`                |
| exp(l)  | (n, k)        | posterior variance                     | `posterior(X)[1]`             |
| v       | scalar        | variance of X about its reconstruction | `noise_variance_`             |
| noise   | (n, k)        | drawn from N(0, I), given              |                               |

Sums are over features and over units, means over rows only. Given the noise, J is a deterministic
function, and its gradient is the one computed here: the reparametrisation of D. P. Kingma & M.
Welling, Auto-Encoding Variational Bayes (2014), eq. 10.

The log-variance has a smooth bound. A clipped one would have no gradient, and the exponential of an
unbounded one overflows in float32 from 88. The bound hardly changes small values: it reduces a
log-variance of 6 by 3%.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skl_sparse_ae._nn.activations import Activation
from skl_sparse_ae._nn.layers import Layer, backward, count_weights, forward, stack
from skl_sparse_ae._rows.products import dense
from skl_sparse_ae._variational.likelihoods import Likelihood

# Variances from 2e-9 to 5e8: float32 can square their roots and their products with X.
LOG_VARIANCE_BOUND = 20.0


class Objective(NamedTuple):
    """What is minimised."""

    likelihood: type[Likelihood]
    activation: type[Activation]
    kl_weight: float


class Terms(NamedTuple):
    """The two terms of J, the second with its weight; nats, mean over rows."""

    reconstruction: float
    kl_divergence: float


class Architecture(NamedTuple):
    """The sizes of both networks."""

    n_features: int
    hidden: tuple[int, ...]  # units in the hidden layers
    n_components: int
    n_parameters: int  # of the likelihood

    @property
    def encoder(self):
        """Layer sizes from X to the two halves of the encoder's raw output."""
        return self.n_features, *self.hidden, 2 * self.n_components

    @property
    def decoder(self):
        """Layer sizes from the code to the decoder's raw output."""
        return self.n_components, *reversed(self.hidden), self.n_features

    @property
    def widest(self):
        """The size of the largest layer."""
        return max(*self.encoder, *self.decoder)

    @property
    def n_weights(self):
        """The length of the flat vector."""
        return count_weights(self.encoder) + count_weights(self.decoder) + self.n_parameters


class Networks(NamedTuple):
    """Both networks, and the parameter of the likelihood."""

    encoder: list[Layer]
    decoder: list[Layer]
    log_variance: np.ndarray


def unflatten(flat, architecture):
    """`Networks` that are views into `flat`: writing to them writes to it."""
    middle = count_weights(architecture.encoder)
    end = architecture.n_weights - architecture.n_parameters
    encoder = stack(flat[:middle], architecture.encoder)
    return Networks(encoder, stack(flat[middle:end], architecture.decoder), flat[end:])


def flatten(networks, dtype=np.float64):
    """`Networks` as a new flat vector."""
    layers = [part.ravel() for layer in (*networks.encoder, *networks.decoder) for part in layer]
    return np.concatenate([*layers, networks.log_variance]).astype(dtype, copy=False)


def bounded(r):
    """``B tanh(r / B)``."""
    return LOG_VARIANCE_BOUND * np.tanh(r / LOG_VARIANCE_BOUND)


def bounded_slope(log_variance):
    """The derivative of `bounded`, given its value."""
    return 1 - np.square(log_variance / LOG_VARIANCE_BOUND)


def posterior(raw):
    """Mean and log-variance (n_rows, n_components), given the encoder's raw output."""
    mean, r = np.split(raw, 2, axis=1)
    return mean, bounded(r)


def kl_divergence(mean, log_variance):
    """KL(N(mean, exp(log_variance)) || N(0, I)) of each row (n_rows,), float64, summed over units.

    ``exp(l) - 1 - l`` is computed by `expm1`: otherwise a float32 posterior near the prior has no
    correct digit.
    """
    excess = np.expm1(log_variance, dtype=np.float64) - log_variance
    return 0.5 * (np.einsum("ij,ij->i", mean, mean, dtype=np.float64) + excess.sum(axis=1))


def draw(mean, log_variance, noise):
    """``(z, z - mean)``, given noise of their shape."""
    deviation = np.exp(0.5 * log_variance)
    deviation *= noise
    return mean + deviation, deviation


def backpropagate(objective, frame, networks, architecture, scale, X, noise):
    """``(fit, divergence, gradient)`` of one block of rows.

    The first two are the terms of J, summed over rows. The flat gradient is that of `scale` times
    their sum. The encoder sees ``frame.inputs(X)``, the decoder reproduces ``frame.targets(X)``.
    """
    X = dense(X)
    likelihood, activation, kl_weight = objective
    gradient = np.empty(architecture.n_weights, dtype=X.dtype)
    g = unflatten(gradient, architecture)
    hidden = forward(networks.encoder, activation, frame.inputs(X))
    mean, log_variance = posterior(hidden[-1])
    z, deviation = draw(mean, log_variance, noise)
    outputs = forward(networks.decoder, activation, z)
    fit, d_raw, g.log_variance[...] = likelihood.backward(
        outputs[-1], frame.targets(X), networks.log_variance, scale
    )
    d_first = backward(networks.decoder, activation, outputs, d_raw, g.decoder)
    d_z = d_first @ networks.decoder[0].coef.T
    d_posterior = to_posterior(mean, log_variance, deviation, d_z, kl_weight * scale)
    backward(networks.encoder, activation, hidden, d_posterior, g.encoder)
    return fit, kl_weight * kl_divergence(mean, log_variance).sum(), gradient


def to_posterior(mean, log_variance, deviation, d_z, kl_scale):
    """The gradient with respect to the encoder's raw output (n_rows, 2 n_components).

    `d_z` is that of the loss with respect to z; `kl_scale` is the factor of the KL.
    """
    d_log_variance = d_z * deviation
    d_log_variance += kl_scale * np.expm1(log_variance)
    d_log_variance *= 0.5 * bounded_slope(log_variance)
    return np.concatenate([d_z + kl_scale * mean, d_log_variance], axis=1)


def value_and_gradient(objective, frame, networks, architecture, blocks, noise):
    """``(J, gradient, Terms)`` over the rows of `blocks`; `noise` has an array for each block."""
    scale = 1 / blocks.n_rows
    step = partial(backpropagate, objective, frame, networks, architecture, scale)
    fit, divergence, gradient = blocks.sum(step, noise, dtype=None)
    terms = Terms(fit / blocks.n_rows, divergence / blocks.n_rows)
    return sum(terms), gradient, terms
