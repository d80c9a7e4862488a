"""The frame in which the solvers see the weights, and the first weights in it."""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._arrays.kernels import subtract_outer
from skl_sparse_ae._rows.moments import least_scale
from skl_sparse_ae._sparse.weights import flatten, n_weights, of_centred, of_rows, unflatten

# Input variances are rescaled to sum to TOTAL_VARIANCE; outputs are measured in OUTPUT_DEVIATIONS
# standard deviations. Chosen by J after 25 to 200 iterations of L-BFGS on digits and MNIST, among
# sums of 16, 64 and 256, and a quarter to two deviations. Features of unit variance instead need
# four times the iterations on MNIST, with its 784 features (`benchmarks/study/frames.py`). Bounding
# the sum also bounds what one step of Adam, about the learning rate for every weight at once, can
# do to a pre-activation, however many features there are.
TOTAL_VARIANCE = 16.0
OUTPUT_DEVIATIONS = 2.0


class Frame(NamedTuple):
    """The change of variables of the sparse autoencoder; see `ChangeOfVariables`.

    The solvers search the weights of the network that reads ``(X - input_mean) / input_scale``,
    sees its own code minus `code_mean`, and writes in units of `output_scale`. Written out, that is
    another network of the same shape:

        We = We' / input_scale        be = be' - We @ input_mean
        Wd = Wd' * output_scale       bd = bd' * output_scale - code_mean * sum_j Wd_j

    The primed weights have the objective of the weights that they stand for; only its shape as a
    function changes. Without the offsets every weight of a unit pulls at its bias, and L-BFGS
    spends half to two thirds of its iterations on undoing that (``docs/solvers.md`` has the
    figures). Centring X itself would do the same for the encoder, but copy X, and densify it if it
    is sparse. `shape` is ``(n_components, n_features)``.
    """

    input_mean: np.ndarray  # (n_features,) float64
    input_scale: float
    code_mean: float
    output_scale: float

    @property
    def total_variance(self):
        """The sum of the variances of the inputs that the network in the frame reads."""
        return TOTAL_VARIANCE

    @classmethod
    def of(cls, mean, variance, code_mean, raw_scale, dtype=np.float64):
        """The frame for data of these column moments (n_features,).

        `raw_scale` is the size of the decoder's raw output. Data count as constant if they are so
        small that the decay of weights that magnify them would overflow in `dtype`.
        """
        input_scale = float(np.sqrt(variance.sum() / TOTAL_VARIANCE))
        input_scale = input_scale if input_scale >= least_scale(dtype) else 1.0
        return cls(mean, input_scale, code_mean, OUTPUT_DEVIATIONS * raw_scale)

    @staticmethod
    def limits(n_features):
        """See `SavedFrame.limits`; `output_scale` is squared."""
        tiny, huge = np.finfo(np.float64).tiny, np.finfo(np.float64).max
        squared = float, np.finfo(np.float64).smallest_subnormal ** 0.5, huge**0.5
        scale, mean = (float, tiny, huge), (float, 0, 1)
        numbers = {"input_scale": scale, "code_mean": mean, "output_scale": squared}
        return numbers, {"input_mean": (n_features,)}

    def to_user(self, params, shape):
        out = np.empty_like(params)
        primed, w = unflatten(params, *shape), unflatten(out, *shape)
        np.divide(primed.We, self.input_scale, out=w.We)
        input_mean = self.input_mean.astype(params.dtype, copy=False)
        np.subtract(primed.be, w.We @ input_mean, out=w.be)
        np.multiply(primed.Wd, self.output_scale, out=w.Wd)
        np.multiply(primed.bd, self.output_scale, out=w.bd)
        w.bd[...] -= self.code_mean * w.Wd.sum(axis=0)
        return out

    def from_user(self, weights, shape):
        out = weights.astype(np.float64)
        w = unflatten(out, *shape)
        w.bd[...] += self.code_mean * w.Wd.sum(axis=0)
        w.bd[...] /= self.output_scale
        w.Wd[...] /= self.output_scale
        w.be[...] += w.We @ self.input_mean
        w.We[...] *= self.input_scale
        return out

    def pull_back(self, gradient, shape):
        g = unflatten(gradient, *shape)
        subtract_outer(g.We, g.be, self.input_mean)
        g.We[...] /= self.input_scale
        g.Wd[...] -= self.code_mean * g.bd
        g.Wd[...] *= self.output_scale
        g.bd[...] *= self.output_scale
        return gradient

    def apply(self, X):
        """Overwrite dense rows by what the network in the frame reads, and return them."""
        X -= self.input_mean.astype(X.dtype, copy=False)
        X *= 1 / self.input_scale
        return X


class Translation(NamedTuple):
    """Weights for rows minus `origin` (n_features,) as params; see `ChangeOfVariables`."""

    origin: np.ndarray

    def to_user(self, params, shape):
        return flatten(of_rows(unflatten(params, *shape), self.origin), params.dtype)

    def from_user(self, weights, shape):
        return flatten(of_centred(unflatten(weights, *shape), self.origin))

    def pull_back(self, gradient, shape):
        g = unflatten(gradient, *shape)
        subtract_outer(g.We, g.be, self.origin)
        return gradient


def initial_weights(n_components, n_features, frame, activation, raw_output, rng):
    """First weights in the frame, flat float64: Glorot-uniform, every unit on target.

    `raw_output` (n_features,) is the decoder's output at the start. Weights are drawn for features
    and raw outputs of unit variance, in the units of the frame, so the start does not depend on the
    unit of X. Source: X. Glorot & Y. Bengio, Understanding the difficulty of training deep
    feedforward neural networks (2010), eq. 16.
    """
    k, d = n_components, n_features
    params = np.empty(n_weights(k, d))
    w = unflatten(params, k, d)
    limit = np.sqrt(6 / (k + d))
    w.We[...] = rng.uniform(-limit, limit, (k, d)) * np.sqrt(d / TOTAL_VARIANCE)
    w.be[...] = activation.inverse(frame.code_mean)
    w.Wd[...] = rng.uniform(-limit, limit, (k, d)) / OUTPUT_DEVIATIONS
    w.bd[...] = raw_output / frame.output_scale
    return params
