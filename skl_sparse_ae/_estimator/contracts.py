"""What a family of autoencoders supplies: the contracts between `base` and the families.

A family implements `Spec` and a `SavedFrame`, and problems for the solvers (`_solvers.problem`).
"""

from typing import Any, NamedTuple, Protocol

import numpy as np


class ChangeOfVariables(Protocol):
    """The way between the params of a search and weights in the units of the rows.

    It makes the search easy without changing the problem. `shape` is whatever the family needs to
    find its weights in a flat vector.
    """

    def to_user(self, params: np.ndarray, shape: Any) -> np.ndarray:
        """The weights that `params` stand for: a new vector, no less precise than `params`."""

    def from_user(self, weights: np.ndarray, shape: Any) -> np.ndarray:
        """The inverse of `to_user`: a new vector, float64."""


class GradientFrame(ChangeOfVariables, Protocol):
    """A change of variables whose problem computes gradients with respect to the user's weights.

    A problem that changes the rows instead needs no such method.
    """

    def pull_back(self, gradient: np.ndarray, shape: Any) -> np.ndarray:
        """The gradient with respect to params, given that to the weights, which is overwritten.

        The transpose of the derivative of `to_user`.
        """


class SavedFrame(ChangeOfVariables, Protocol):
    """A named tuple of numbers and arrays, which is saved between calls of `partial_fit`."""

    input_mean: np.ndarray  # (n_features,) float64
    input_scale: float
    total_variance: float  # of the inputs that the network in the frame reads
    _fields: tuple[str, ...]

    def _asdict(self) -> dict[str, Any]:
        """The fields by name."""

    @staticmethod
    def limits(n_features: int) -> tuple[dict, dict]:
        """Valid fields of a saved frame: ``{number: (type, lowest, highest)}, {array: shape}``."""


class Summary(NamedTuple):
    """The terms of the objective at all rows, and moments over rows of each code unit."""

    terms: Any  # named tuple of floats
    code_mean: np.ndarray  # (n_components,) float64
    code_variance: np.ndarray  # (n_components,) float64


class Spec(Protocol):
    """What all forms of a family's problem share; each form has it as its attribute `spec`."""

    frame: SavedFrame

    def summarize(self, weights: np.ndarray, rows: Any) -> Any:
        """A `Summary` of flat weights at `Rows`, or the family's own: an object with `terms`."""


def is_out_of_date(frame: SavedFrame, suited: SavedFrame) -> bool:
    """True if `frame` does not suit rows for which `suited` was made.

    That is so if their spreads differ by a factor of 2, or their means by more than the spread.
    """
    ratio = frame.input_scale / suited.input_scale
    shift = np.linalg.norm(frame.input_mean - suited.input_mean)
    return not 0.5 <= ratio <= 2 or bool(
        shift > suited.input_scale * np.sqrt(suited.total_variance)
    )
