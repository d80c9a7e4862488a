"""Adam's state between calls of `partial_fit`, as plain arrays and numbers."""

import numpy as np

from skl_sparse_ae._estimator.persistence import check_arrays, check_numbers, corrupted
from skl_sparse_ae._rows.moments import Moments
from skl_sparse_ae._solvers.adam import AdamState

SEEN = "seen_"  # before the names of the moments of the rows so far


LATER_NAMES = {
    "memory",
    *(SEEN + name for name in Moments._fields),
}  # which files of 0.1 do not have


def pack(state, frame, seed, seen):
    """What `run_adam_once` needs to go on, as plain arrays and numbers; the weights are the estimator's own.

    `seen` are the `Moments` of all rows so far.
    """
    optimizer = {name: value for name, value in state._asdict().items() if name != "x"}
    return (
        optimizer
        | frame._asdict()
        | {"seed": seed}
        | {f"{SEEN}{name}": value for name, value in seen._asdict().items()}
    )


def check_packed(packed, frame_type, n_parameters, n_features, n_memory, name):
    """ValueError unless `packed` is what `pack` may have returned for an estimator of this class and shape.

    Files of 0.1 have neither a memory nor the moments of the rows so far.
    """
    if not isinstance(packed, dict):
        raise corrupted(name, "_optimizer_state", "a dict")
    ranges, shapes = frame_type.limits(n_features)
    check_numbers(packed, {"n_steps": (int, 0, np.inf), "seed": (int, 0, np.inf)} | ranges, name)
    moments = dict.fromkeys(("first_moment", "second_moment"), (n_parameters,))
    check_arrays(packed, moments | shapes, name)
    if LATER_NAMES & packed.keys():
        huge = float(np.finfo(np.float64).max)
        check_numbers(
            packed, {SEEN + "n_rows": (int, 1, np.inf), SEEN + "floor": (float, 0, huge)}, name
        )
        of_columns = dict.fromkeys((SEEN + "mean", SEEN + "variance"), (n_features,))
        check_arrays(packed, {"memory": (n_memory,)} | of_columns, name)


def unpack_frame(frame_type, packed):
    """The frame of `packed`, copied: what is mapped from a file would die with it, and be saved with the next epoch."""
    values = (packed[field] for field in frame_type._fields)
    return frame_type(
        *(np.array(value) if isinstance(value, np.ndarray) else value for value in values)
    )


def unpack_state(packed, x, memory):
    """Adam at x with the moments of `packed`, copied: they may be on their way to be pickled, or mapped read-only.

    `memory` is for files that have none.
    """
    moments = np.array(packed["first_moment"]), np.array(packed["second_moment"])
    return AdamState(x, *moments, packed["n_steps"], np.array(packed.get("memory", memory)))


def is_out_of_date(frame, suited):
    """True if a frame is not that of the rows: their spread is another by a factor of 2, or their mean by all of it."""
    ratio = frame.input_scale / suited.input_scale
    shift = np.linalg.norm(frame.input_mean - suited.input_mean)
    return not 0.5 <= ratio <= 2 or shift > suited.input_scale * np.sqrt(suited.total_variance)


def unpack_seen(packed):
    """The `Moments` of the rows so far; None for files that have none."""
    if SEEN + "n_rows" not in packed:
        return None
    return Moments(*(packed[SEEN + name] for name in Moments._fields))
