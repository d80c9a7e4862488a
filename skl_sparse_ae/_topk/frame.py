"""The change of variables in which Adam searches the network."""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._rows.moments import least_scale
from skl_sparse_ae._topk.objective import flatten, unflatten


class TopKFrame(NamedTuple):
    """Adam searches the network that sees and reproduces ``(X - input_mean) / input_scale``.

    The scale is one number, so atoms have the same directions in both units, and norm 1. Encoder
    weights are the same as well. So neither an offset nor a unit of X matters to the search. See
    `ChangeOfVariables`; `shape` is a `Shape`.

    Centring is not optional: an offset that the columns share would have to be explained by active
    units, and the more of the squares of X it is, the more units are never selected.
    """

    input_mean: np.ndarray  # (n_features,) float64
    input_scale: float

    @property
    def total_variance(self):
        """The sum of the variances of the inputs that the network in the frame reads."""
        return float(len(self.input_mean))

    @classmethod
    def of(cls, mean, variance, dtype):
        """The frame for rows of these column moments (n_features,).

        Rows so close to each other that squares of their deviations underflow in `dtype` count as
        constant.
        """
        deviation = float(np.sqrt(variance.mean()))
        return cls(mean, deviation if deviation >= least_scale(dtype) else 1.0)

    @staticmethod
    def limits(n_features):
        """See `SavedFrame.limits`."""
        scale = float, np.finfo(np.float64).tiny, np.finfo(np.float64).max
        return {"input_scale": scale}, {"input_mean": (n_features,)}

    def standardized(self, X):
        """Dense rows as the network in the frame sees them, in place."""
        X -= self.input_mean.astype(X.dtype, copy=False)
        X *= 1 / self.input_scale
        return X

    def to_user(self, params, shape):
        w = unflatten(params.astype(np.float64), shape)
        return flatten(
            w._replace(
                be=self.input_scale * w.be - w.We @ self.input_mean,
                bd=self.input_scale * w.bd + self.input_mean,
                threshold=self.input_scale * w.threshold,
            )
        )

    def from_user(self, weights, shape):
        w = unflatten(weights.astype(np.float64), shape)
        return flatten(
            w._replace(
                be=(w.be + w.We @ self.input_mean) / self.input_scale,
                bd=(w.bd - self.input_mean) / self.input_scale,
                threshold=w.threshold / self.input_scale,
            )
        )
