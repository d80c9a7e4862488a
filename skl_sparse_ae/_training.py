"""What happens while a solver runs, and how an estimator runs one: history, printing, early stopping, resuming."""

from functools import partial

import numpy as np

from skl_sparse_ae._blocks import mini_batches, row_blocks, row_workers
from skl_sparse_ae._objective import Terms
from skl_sparse_ae._solvers import AdamState, Iterate, adam_epoch, adam_start, minimize_adam, minimize_lbfgs
from skl_sparse_ae._weights import Frame


class Watch:
    """Follows a fit, iterate by iterate, and says what should fall: the objective, or minus the validation score.

    `score`, if any, is called with an iterate's x. The lists grow by one an iterate.
    """

    def __init__(self, verbose, score=None):
        self.verbose, self.score = verbose, score
        self.values, self.scores, self.terms = [], [], {name: [] for name in Terms._fields}

    def __call__(self, iterate):
        self.values.append(float(iterate.value))
        for name, term in zip(Terms._fields, iterate.details, strict=True):
            self.terms[name].append(float(term))
        if self.verbose:
            print(f"Iteration {iterate.number}, loss = {iterate.value:.8f}")
        if self.score is None:
            return iterate.value
        self.scores.append(self.score(iterate.x))
        if self.verbose:
            print(f"Validation score: {self.scores[-1]:f}")
        return -self.scores[-1]


def run_lbfgs(problem, X, start, *, max_iter, patience, watch):
    """The exact objective over all rows of X by L-BFGS: a `Solution`."""
    blocks = row_blocks(X, problem.n_components)
    code = np.split(np.empty((len(X), problem.n_components), dtype=X.dtype), np.cumsum([len(b) for b in blocks[:-1]]))
    with row_workers(len(blocks)) as map:
        function = partial(problem, blocks=blocks, code=code, map=map)
        return minimize_lbfgs(function, start, max_iter=max_iter, patience=patience, watch=watch)


def run_adam(problem, X, start, rng, *, batch_size, learning_rate, max_iter, patience, watch):
    """The objective of shuffled mini-batches of X by Adam: a `Solution`, and the optimiser's state at its end."""
    epochs = (mini_batches(X, batch_size, rng) for _ in range(max_iter))
    options = {"learning_rate": learning_rate, "patience": patience, "watch": watch}
    return minimize_adam(_on_batch(problem), adam_start(start.astype(X.dtype)), epochs, **options)


def run_adam_once(problem, X, state, seed, number, *, batch_size, learning_rate, watch):
    """One epoch over X from `state`, whose step counter and `seed` decide the shuffle; `watch` sees it as `number`."""
    batches = mini_batches(X, batch_size, np.random.default_rng([seed, state.n_steps]))
    state, value, terms = adam_epoch(_on_batch(problem), state, batches, learning_rate)
    watch(Iterate(number, state.x, value, terms))
    return state


def _on_batch(problem):
    """The problem as a function of x and one mini-batch, whose own mean activations the penalty then sees."""
    return lambda x, batch: problem(x, row_blocks(batch, problem.n_components))


def pack(state, frame, seed):
    """What `run_adam_once` needs to go on, as plain arrays and numbers; the weights are the estimator's own."""
    moments = {"first_moment": state.first_moment, "second_moment": state.second_moment, "n_steps": state.n_steps}
    return moments | frame._asdict() | {"seed": seed}


def unpack_frame(packed):
    return Frame(*(packed[field] for field in Frame._fields))


def unpack_state(packed, x):
    """Adam at x with the moments of `packed`, copied: they may be on their way to be pickled, or mapped read-only."""
    return AdamState(x, packed["first_moment"].copy(), packed["second_moment"].copy(), packed["n_steps"])
