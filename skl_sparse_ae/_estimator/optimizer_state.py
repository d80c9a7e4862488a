"""Adam's state between calls of `partial_fit`, as a dict of plain arrays and numbers.

It pickles, adds no type to a skops file, and resumes bit for bit. The params are not in it: the
estimator's own weights are. Nor is the learning rate, a parameter of the estimator.
"""

from typing import NamedTuple

import numpy as np

from skl_sparse_ae._estimator.persistence import check_arrays, check_numbers, corrupted
from skl_sparse_ae._rows.moments import Moments
from skl_sparse_ae._solvers.adam import AdamState

GIVEN = ("params", "learning_rate")  # what the estimator gives to each call
SEEN = "seen_"  # prefix of the names of the moments of all rows so far
# Files of version 0.1 have none of these.
LATER_NAMES = {"memory", *(SEEN + name for name in Moments._fields)}


class Resumed(NamedTuple):
    """What `partial_fit` continues with, besides Adam's state."""

    frame: NamedTuple
    seed: int
    seen: Moments | None  # of all rows so far; None in files of version 0.1


def optimizer_state_to_dict(state, frame, seed, seen):
    """A dict of all that the next epoch needs; `seen` are the `Moments` of all rows so far."""
    optimizer = {name: value for name, value in state._asdict().items() if name not in GIVEN}
    moments = {SEEN + name: value for name, value in seen._asdict().items()}
    return optimizer | frame._asdict() | {"seed": seed} | moments


def resume(saved, frame_type):
    """The `Resumed` of a saved state. Arrays are copied: saved ones may be memory maps."""
    frame = frame_type(*(_copied(saved[field]) for field in frame_type._fields))
    if SEEN + "n_rows" not in saved:
        return Resumed(frame, saved["seed"], None)
    return Resumed(
        frame, saved["seed"], Moments(*(saved[SEEN + field] for field in Moments._fields))
    )


def adam_state_from_dict(saved, params, memory, learning_rate):
    """The `AdamState` at `params`; `memory` is for files that have none. Arrays are copies."""
    memory = {name: np.array(value) for name, value in saved.get("memory", memory).items()}
    moments = np.array(saved["first_moment"]), np.array(saved["second_moment"])
    return AdamState(params, *moments, saved["n_steps"], memory, learning_rate)


def _copied(value):
    return np.array(value) if isinstance(value, np.ndarray) else value


def check_optimizer_state(saved, frame_type, n_params, n_features, memory_shapes, name):
    """Raise ValueError unless an estimator called `name`, of these sizes, may have saved this.

    `memory_shapes` are the shapes of the arrays in the problem's memory, by name.
    """
    if not isinstance(saved, dict):
        raise corrupted(name, "_optimizer_state", "a dict")
    ranges, shapes = frame_type.limits(n_features)
    counts = {"n_steps": (int, 0, np.inf), "seed": (int, 0, np.inf)}
    check_numbers(saved, counts | ranges, name)
    moments = dict.fromkeys(("first_moment", "second_moment"), (n_params,))
    check_arrays(saved, moments | shapes, name)
    if LATER_NAMES & saved.keys():
        huge = float(np.finfo(np.float64).max)
        rows = {SEEN + "n_rows": (int, 1, np.inf), SEEN + "floor": (float, 0, huge)}
        check_numbers(saved, rows, name)
        check_arrays(saved, dict.fromkeys((SEEN + "mean", SEEN + "variance"), (n_features,)), name)
        memory = saved.get("memory")
        if not isinstance(memory, dict) or memory.keys() != memory_shapes.keys():
            raise corrupted(name, "memory", f"a dict of {sorted(memory_shapes)}")
        check_arrays(memory, memory_shapes, name)
