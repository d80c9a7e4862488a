"""What rows in memory and rows in a file have in common: this process works on them."""

from contextlib import contextmanager

from skl_sparse_ae._rows.executor import executor


class LocalRows:
    """Implements `epochs` of `protocols.Rows`.

    Subclasses add ``batches(size, rng)``, which yields the rows once, in shuffled mini-batches.
    """

    @contextmanager
    def epochs(self, step, max_workers):
        with executor(max_workers) as workers:

            def epoch(state, rng):
                state, _, value, terms = step(state, self, workers, rng)
                return state, value, terms

            yield epoch
