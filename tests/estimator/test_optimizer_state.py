from typing import NamedTuple

import numpy as np
import pytest

from skl_sparse_ae._estimator.optimizer_state import (
    LATER_NAMES,
    adam_state_from_dict,
    check_optimizer_state,
    optimizer_state_to_dict,
    resume,
)
from skl_sparse_ae._rows.moments import Moments
from skl_sparse_ae._solvers.adam import adam_start, adam_step
from skl_sparse_ae._solvers.learning_rate import LearningRate

X = np.random.default_rng(0).random((40, 6))
SEEN = Moments(40, X.mean(axis=0), X.var(axis=0), 0.25)
PARAMS = np.random.default_rng(1).normal(size=9)
RATE = LearningRate(0.02)
MEMORY = {"running_mean": np.full(4, 0.1)}


class Frame(NamedTuple):
    input_mean: np.ndarray
    input_scale: float

    @staticmethod
    def limits(n_features):
        return {"input_scale": (float, 0, np.inf)}, {"input_mean": (n_features,)}


FRAME = Frame(X.mean(axis=0), 0.3)


def saved(state=None):
    return optimizer_state_to_dict(state or adam_start(PARAMS, MEMORY), FRAME, 3, SEEN)


def check(state):
    check_optimizer_state(state, Frame, len(PARAMS), 6, {"running_mean": (4,)}, "Model")


def equal(mine, theirs):
    for part, other in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(part, other)


def some_steps(state, n_steps, seed):
    rng = np.random.default_rng(seed)
    for _ in range(n_steps):
        state = adam_step(state, rng.normal(size=len(PARAMS)), 0.01)
        state.memory["running_mean"] += 0.1 * rng.random(4)
    return state


def plain_parts(value):
    return (
        [part for item in value.values() for part in plain_parts(item)]
        if (isinstance(value, dict))
        else [value]
    )


def test_steps_after_saving_are_the_same_steps():
    state = some_steps(adam_start(PARAMS, MEMORY), 4, seed=0)
    kept = saved(state)
    assert (kept["memory"]["running_mean"] != MEMORY["running_mean"]).all()
    assert all(isinstance(part, np.ndarray | float | int) for part in plain_parts(kept))
    again = adam_state_from_dict(kept, state.params.copy(), MEMORY, RATE)
    straight, again = (some_steps(part, 4, seed=1) for part in (state, again))
    equal(again[:3], straight[:3])
    equal(again.memory.values(), straight.memory.values())
    assert again.n_steps == straight.n_steps == 8
    assert again.learning_rate is RATE  # that of the estimator now, not that of the file


def test_frame_seed_and_moments_come_back_as_copies():
    kept = saved()
    frame, seed, seen = resume(kept, Frame)
    assert seed == 3
    equal(frame, FRAME)
    equal(seen, SEEN)
    assert not np.shares_memory(frame.input_mean, kept["input_mean"])


def test_the_state_that_goes_on_is_a_copy():
    kept = saved()
    state = adam_state_from_dict(kept, PARAMS, MEMORY, RATE)
    state.first_moment[0] = state.memory["running_mean"][0] = 5
    assert (kept["first_moment"][0], kept["memory"]["running_mean"][0]) == (0, 0.1)


def test_files_without_a_memory_begin_with_another_and_have_seen_nothing():
    old = {name: value for name, value in saved().items() if name not in LATER_NAMES}
    check(old)
    assert resume(old, Frame).seen is None
    other = {"running_mean": np.full(4, 0.2)}
    equal(adam_state_from_dict(old, PARAMS, other, RATE).memory.values(), other.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory", {}),
        ("memory", MEMORY["running_mean"]),
        ("memory", {"running_mean": MEMORY["running_mean"], "more": np.zeros(3)}),
        ("running_mean", MEMORY["running_mean"][:2]),
        ("running_mean", np.full(4, np.nan)),
        ("seen_n_rows", 0),
        ("seen_variance", None),
        ("seen_floor", -1.0),
        ("first_moment", np.zeros(8)),
        ("input_scale", -1.0),
        ("input_mean", np.zeros(5)),
        ("n_steps", -1),
        ("seed", 0.5),
    ],
)
def test_a_saved_state_is_checked_whole(name, value):
    check(saved())
    damage = {"memory": {name: value}} if name == "running_mean" else {name: value}
    with pytest.raises(ValueError, match=f"corrupted: attribute '{name}'"):
        check(saved() | damage)


def test_a_state_is_a_dict():
    with pytest.raises(ValueError, match="'_optimizer_state' is not a dict"):
        check([1])
