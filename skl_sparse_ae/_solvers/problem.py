"""What a solver is given: the contract between the solvers and each form of an objective.

Two words are used throughout. `params` is the flat vector that a solver searches. `weights` is the
flat vector of the network's weights in the units of the rows, which users see. A form of an
objective knows the way between the two: a centred and scaled frame, or fewer parameters.
"""

from typing import Any, Protocol

import numpy as np


class Problem(Protocol):
    """Where a search starts, and what its params stand for."""

    terms: type  # named tuple of the objective's terms, floats that add up to it
    spec: Any  # what all forms of the family's problem share: see `_estimator.contracts.Spec`

    def initial_params(self, rng: np.random.Generator) -> np.ndarray:
        """Random params of a new network, float64."""

    def params_from(self, weights: np.ndarray) -> np.ndarray:
        """The params, float64, that stand for these weights."""

    def to_weights(self, params: np.ndarray) -> np.ndarray:
        """The weights that these params stand for. May read all rows."""


class FullBatch(Problem, Protocol):
    """An objective of all rows, which are bound to it."""

    blocks: Any  # the rows, `_rows.protocols.Blocks`

    def value_and_gradient(self, params: np.ndarray) -> tuple[float, np.ndarray, Any]:
        """``(value, gradient, terms)``; the gradient is a new array."""


class Batch(Protocol):
    """The rows of a mini-batch, and what was done to them."""

    n_rows: int


class Stochastic(Problem, Protocol):
    """An objective of mini-batches."""

    gradient_scale: float  # typical size of a gradient, to which Adam's epsilon is relative
    step_scales: tuple  # pairs of a number of neighbouring params and their scale; () for 1
    flops_per_row: int  # multiplications in the largest product with a row

    def batch(self, rows: Any, executor: Any, rng: np.random.Generator) -> Batch:
        """The mini-batch of these rows, an array that is overwritten or a CSR matrix.

        A problem that needs random numbers or losses in `after_step` may keep them in the batch.
        """

    def value_and_gradient(
        self, params: np.ndarray, batch: Batch, memory: dict[str, np.ndarray]
    ) -> tuple[float, np.ndarray, Any]:
        """``(value, gradient, terms)``; the gradient is valid until the next call.

        `memory` is what the problem keeps between steps: float64 arrays, which it may overwrite.
        """

    def after_step(self, state: Any, batch: Batch) -> Any:
        """The `AdamState` after a step with this batch: projected, say, or with units replaced."""
