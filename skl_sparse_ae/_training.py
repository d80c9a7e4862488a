"""What happens while a solver runs, and how an estimator runs one: history, printing, early stopping, resuming."""

import sys
from contextlib import contextmanager
from functools import partial
from time import monotonic

import numpy as np

from skl_sparse_ae._blocks import WORK_OF_A_WORKER, block_workers, mini_batches, rooms_for_code, row_workers
from skl_sparse_ae._moments import Moments
from skl_sparse_ae._persistence import check_arrays, check_numbers, corrupted
from skl_sparse_ae._solvers import ADAM_EPSILON, AdamState, Iterate, adam_epoch, adam_start, minimize_adam, minimize_lbfgs

SEEN = "seen_"  # before the names of the moments of the rows so far
LATER_NAMES = {"memory", *(SEEN + name for name in Moments._fields)}  # which files of 0.1 do not have
SECONDS_TO_PRESS_TWICE = 2.0
# Modules that fit copies of an estimator. Nobody gets those back, and they are compared as whole fits.
SEARCHES = ("sklearn.model_selection.", "skl_sparse_ae.model_selection")


class CtrlC:
    """What a Ctrl-C means that has ended the training of a fit: that alone, or whatever calls the fit too."""

    def __init__(self):
        self.pressed_at = -np.inf

    def pass_on(self):
        """KeyboardInterrupt within a search, or if the last one was two seconds ago at most."""
        before, self.pressed_at = self.pressed_at, monotonic()
        if self.pressed_at - before <= SECONDS_TO_PRESS_TWICE or _is_within_a_search():
            raise KeyboardInterrupt


ctrl_c = CtrlC()


def _is_within_a_search():
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(SEARCHES):
            return True
        frame = frame.f_back
    return False


class Watch:
    """Follows a fit, iterate by iterate, and says what should fall: the objective, or minus the validation score.

    `record_of` is the named tuple of the objective's terms, which are an iterate's details. `score`, if any, is called with an
    iterate's x; `notify`, if any, with the iterate, and stops the fit by True. Each iterate is recorded in one step, so that
    Ctrl-C, which may come between any two, never leaves half a record.
    """

    def __init__(self, record_of, verbose, score=None, notify=None):
        self.record_of, self.verbose, self.score, self.notify, self.records = record_of, verbose, score, notify, []

    def __call__(self, iterate):
        watched = self.record(iterate)
        if self.notify is not None and self.notify(iterate):
            raise StopIteration(watched)
        return watched

    def record(self, iterate):
        score = None if self.score is None else self.score(iterate.x)
        self.records.append((float(iterate.value), self.record_of(*map(float, iterate.details)), score))
        self._print(f"Iteration {iterate.number}, loss = {iterate.value:.8f}")
        if score is not None:
            self._print(f"Validation score: {score:f}")
        return iterate.value if score is None else -score

    def _print(self, line):
        if self.verbose:
            try:
                print(line)
            except (OSError, ValueError):  # the reader of a pipe has gone, or the file is closed: no reason to lose a fit
                self.verbose = 0

    @property
    def values(self):
        return [value for value, _, _ in self.records]

    @property
    def terms(self):
        """A list for each of the objective's terms."""
        return {name: [getattr(terms, name) for _, terms, _ in self.records] for name in self.record_of._fields}

    @property
    def scores(self):
        return [score for _, _, score in self.records]


def run_lbfgs(problem, X, start, *, max_iter, patience, watch):
    """The exact objective over all rows of X by L-BFGS: a `Solution`."""
    blocks = problem.row_blocks(X)
    rooms = rooms_for_code(blocks, problem.n_components)
    with block_workers(blocks) as (map, _):
        function = partial(problem, blocks=blocks, rooms=rooms, map=map)
        return minimize_lbfgs(function, start, max_iter=max_iter, patience=patience, watch=watch)


def run_adam(problem, X, start, rng, *, batch_size, learning_rate, max_iter, patience, watch, memory=()):
    """The objective of shuffled mini-batches of X by Adam: a `Solution`, and the optimiser's state at its end."""
    with _epoch_over(problem, X, rng, batch_size, learning_rate) as epoch:
        state = adam_start(start.astype(X.dtype), memory)
        return minimize_adam(epoch, state, max_iter=max_iter, patience=patience, watch=watch)


def run_adam_once(problem, X, state, seed, number, *, batch_size, learning_rate, watch):
    """One epoch over X from `state`, whose step counter and `seed` decide all that is random; `watch` sees it as `number`."""
    with _epoch_over(problem, X, np.random.default_rng([seed, state.n_steps]), batch_size, learning_rate) as epoch:
        state, value, terms = epoch(state)
    watch(Iterate(number, state.x, value, terms))
    return state


@contextmanager
def _epoch_over(problem, X, rng, batch_size, learning_rate):
    """An epoch over the rows of X, shuffled anew each time, as a function of Adam's state. Rows on a cluster have their own."""
    if hasattr(X, "epoch_on_workers"):
        yield partial(X.epoch_on_workers, problem, rng, batch_size, learning_rate)
        return
    with row_workers(min(batch_size, X.shape[0]) * problem.work_of_a_row // WORK_OF_A_WORKER) as (map, n_workers):
        yield partial(epoch_by, map, n_workers, problem, X, rng, batch_size, learning_rate)


def epoch_by(map, n_workers, problem, X, rng, batch_size, learning_rate, state):
    """Adam's state after an epoch over X, and means over rows of the value and its terms."""
    rooms = problem.rooms(min(batch_size, X.shape[0]), n_workers)

    def function(x, batch):
        return problem(x, problem.batch_blocks(batch, n_workers, rng), rooms, map, state.memory)

    batches, epsilon = mini_batches(X, batch_size, rng), ADAM_EPSILON * problem.unit
    return adam_epoch(function, state, batches, learning_rate, problem.strides, epsilon, map)


def pack(state, frame, seed, seen):
    """What `run_adam_once` needs to go on, as plain arrays and numbers; the weights are the estimator's own.

    `seen` are the `Moments` of all rows so far.
    """
    optimizer = {name: value for name, value in state._asdict().items() if name != "x"}
    return optimizer | frame._asdict() | {"seed": seed} | {f"{SEEN}{name}": value for name, value in seen._asdict().items()}


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
        check_numbers(packed, {SEEN + "n_rows": (int, 1, np.inf), SEEN + "floor": (float, 0, huge)}, name)
        of_columns = dict.fromkeys((SEEN + "mean", SEEN + "variance"), (n_features,))
        check_arrays(packed, {"memory": (n_memory,)} | of_columns, name)


def unpack_frame(frame_type, packed):
    """The frame of `packed`, copied: what is mapped from a file would die with it, and be saved with the next epoch."""
    values = (packed[field] for field in frame_type._fields)
    return frame_type(*(np.array(value) if isinstance(value, np.ndarray) else value for value in values))


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
