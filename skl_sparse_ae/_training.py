"""What happens while a solver runs, and how the estimators call one: history, printing, early stopping."""

from functools import partial

import numpy as np

from skl_sparse_ae._blocks import mini_batches, row_blocks
from skl_sparse_ae._solvers import adam_start, minimize_adam, minimize_lbfgs


class Watch:
    """Follows a fit, iterate by iterate, and says what should fall: the objective, or minus the validation score.

    `score`, if any, is called with an iterate's x. The lists grow by one an iterate.
    """

    def __init__(self, verbose, score=None):
        self.verbose, self.score = verbose, score
        self.values, self.terms, self.scores = [], [], []

    def __call__(self, iterate):
        self.values.append(float(iterate.value))
        self.terms.append(tuple(float(term) for term in iterate.details))
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
    function = partial(problem, blocks=blocks, code=code)
    return minimize_lbfgs(function, start, max_iter=max_iter, patience=patience, watch=watch)


def run_adam(problem, X, start, *, batch_size, learning_rate, max_iter, patience, watch, rng):
    """The objective of shuffled mini-batches of X by Adam: a `Solution`, and the optimiser's state at its end."""
    epochs = (mini_batches(X, batch_size, rng) for _ in range(max_iter))
    state = adam_start(start.astype(X.dtype))
    options = {"learning_rate": learning_rate, "patience": patience, "watch": watch}
    return minimize_adam(on_batch(problem), state, epochs, **options)


def on_batch(problem):
    """The problem as a function of x and one mini-batch, whose own mean activations the penalty then sees."""
    return lambda x, batch: problem(x, row_blocks(batch, problem.n_components))
