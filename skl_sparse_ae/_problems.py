"""Forms of the objective that a solver can be handed: functions of one flat vector, and the way back to the weights.

A problem has ``first(raw_output, sparsity_target, rng)`` and ``resume(theta)`` for where to start, is called as
``problem(x, blocks, code=None, map=map) -> (J, gradient, Terms)``, and turns any x into flat weights in the user's frame by
``weights(x)``. A solver sees the call alone. Another form of the same objective, searching fewer parameters, is another class
here: it needs no change to a solver, nor to `_objective`.
"""

import numpy as np

from skl_sparse_ae._objective import value_and_gradient
from skl_sparse_ae._weights import initial_weights, unflatten


class JointProblem:
    """All weights free, in a centred and scaled `Frame`."""

    def __init__(self, objective, frame, n_components, dtype):
        self.objective, self.frame = objective, frame
        self.n_components, self.n_features, self.dtype = n_components, len(frame.input_mean), dtype

    def first(self, raw_output, sparsity_target, rng):
        return initial_weights(self.n_components, self.n_features, sparsity_target, raw_output, self.frame, rng)

    def resume(self, theta):
        return self.frame.from_user(theta, np.float64)

    def weights(self, x):
        return self.frame.to_user(x, self.dtype)

    def __call__(self, x, blocks, code=None, map=map):
        w = unflatten(self.weights(x), self.n_components, self.n_features)
        value, gradient, terms = value_and_gradient(self.objective, w, blocks, code, map)
        return value, self.frame.gradient(gradient), terms
