"""The weights as one flat vector, their first values, and the frame in which the solvers see them.

Layout of the flat vector: We, be, Wd, bd one after another, row-major.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logit

from skl_sparse_ae._arrays.kernels import subtract_outer
from skl_sparse_ae._rows.moments import least_scale
from skl_sparse_ae._sparse.weights import n_weights, unflatten

# The frame's two units: inputs whose variances sum to this, and outputs of so many standard deviations. Chosen by J after 25 to
# 200 iterations of L-BFGS, among sums of 16, 64 and 256 and a quarter to two deviations, on digits and MNIST. Features of unit
# variance instead need four times the iterations on MNIST, with its 784 (`benchmarks/frames.py`). Bounding the sum also bounds
# what one step of Adam, about the learning rate for every weight at once, can do to a pre-activation, however many features.
TOTAL_VARIANCE = 16.0


OUTPUT_DEVIATIONS = 2.0


class Frame(NamedTuple):
    """A change of variables that makes the problem easy without changing it.

    The solvers search the weights of the network that reads ``(X - input_mean) / input_scale``, sees its own code minus
    `code_mean` and writes in units of `output_scale`; written out, that is another network of the same shape:

        We = We' / input_scale        be = be' - We @ input_mean
        Wd = Wd' * output_scale       bd = bd' * output_scale - code_mean * sum_j Wd_j

    The biases carry no weight decay, so the objective of the primed weights is simply that of the weights they stand
    for, at the same value. What changes is its shape: without the offsets every weight of a unit pulls at its bias, and
    L-BFGS spends half to two thirds of its iterations on undoing it (``docs/solvers.md`` has the figures). Centring X
    itself would do the same for the encoder but copy X, and densify it if it is sparse.
    """

    input_mean: np.ndarray  # (n_features,) float64
    input_scale: float
    code_mean: float
    output_scale: float

    @property
    def total_variance(self):
        """Of the inputs that the network in the frame reads."""
        return TOTAL_VARIANCE

    @classmethod
    def of(cls, mean, variance, code_mean, raw_scale, dtype=np.float64):
        """For data of these column moments (n_features,) and a decoder whose raw output is of the size `raw_scale`.

        Data so small that in `dtype` the weight decay of the weights that magnify them would overflow count as constant.
        """
        input_scale = float(np.sqrt(variance.sum() / TOTAL_VARIANCE))
        input_scale = input_scale if input_scale >= least_scale(dtype) else 1.0
        return cls(mean, input_scale, code_mean, OUTPUT_DEVIATIONS * raw_scale)

    @staticmethod
    def limits(n_features):
        """What a saved frame may hold: type, least and most of its numbers, and the shapes of its arrays."""
        scale = float, np.finfo(np.float64).tiny, np.finfo(np.float64).max
        squared = (
            float,
            np.finfo(np.float64).smallest_subnormal ** 0.5,
            np.finfo(np.float64).max ** 0.5,
        )  # `output_scale` is
        numbers = {"input_scale": scale, "code_mean": (float, 0, 1), "output_scale": squared}
        return numbers, {"input_mean": (n_features,)}

    def to_user(self, theta, dtype):
        """The flat weights, in `dtype`, that the flat primed weights stand for. Computed in theta's own precision."""
        shape = _shape(theta, self.input_mean)
        out = np.empty_like(theta)
        primed, w = unflatten(theta, *shape), unflatten(out, *shape)
        np.divide(primed.We, self.input_scale, out=w.We)
        np.subtract(primed.be, w.We @ self.input_mean.astype(theta.dtype, copy=False), out=w.be)
        np.multiply(primed.Wd, self.output_scale, out=w.Wd)
        np.multiply(primed.bd, self.output_scale, out=w.bd)
        w.bd[...] -= self.code_mean * w.Wd.sum(axis=0)
        return out.astype(dtype, copy=False)

    def rows(self, X):
        """Overwrite rows by those that the network of the primed weights reads; return them."""
        X -= self.input_mean.astype(X.dtype, copy=False)
        X *= 1 / self.input_scale
        return X

    def from_user(self, theta, dtype):
        """The inverse of `to_user`."""
        k, d = _shape(theta, self.input_mean)
        out = theta.astype(np.float64)
        w = unflatten(out, k, d)
        w.bd[...] += self.code_mean * w.Wd.sum(axis=0)
        w.bd[...] /= self.output_scale
        w.Wd[...] /= self.output_scale
        w.be[...] += w.We @ self.input_mean
        w.We[...] *= self.input_scale
        return out.astype(dtype, copy=False)

    def gradient(self, gradient):
        """Turn the gradient to the user's weights into that to the primed ones, in place (the transpose of `to_user`).

        Whether it is finite, the solvers look.
        """
        k, d = _shape(gradient, self.input_mean)
        g = unflatten(gradient, k, d)
        subtract_outer(g.We, g.be, self.input_mean)
        g.We[...] /= self.input_scale
        g.Wd[...] -= self.code_mean * g.bd
        g.Wd[...] *= self.output_scale
        g.bd[...] *= self.output_scale
        return gradient


def _shape(theta, input_mean):
    d = len(input_mean)
    return (len(theta) - d) // (2 * d + 1), d


def initial_weights(n_components, n_features, sparsity_target, raw_output, frame, rng):
    """First weights in the primed frame, flat float64: Glorot-uniform, every unit on target, output `raw_output`.

    Drawn for features and raw outputs of unit variance, in the frame's units, so the start does not depend on those of X.
    Source: X. Glorot & Y. Bengio, Understanding the difficulty of training deep feedforward neural networks (2010), eq. 16.
    """
    k, d = n_components, n_features
    theta = np.empty(n_weights(k, d))
    w = unflatten(theta, k, d)
    limit = np.sqrt(6 / (k + d))
    w.We[...] = rng.uniform(-limit, limit, (k, d)) * np.sqrt(d / TOTAL_VARIANCE)
    w.be[...] = logit(sparsity_target)
    w.Wd[...] = rng.uniform(-limit, limit, (k, d)) / OUTPUT_DEVIATIONS
    w.bd[...] = raw_output / frame.output_scale
    return theta
