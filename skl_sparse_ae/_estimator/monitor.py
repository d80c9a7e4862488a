"""The monitor of a fit: it records every iterate, prints it, scores it, and asks the callbacks."""

from skl_sparse_ae._solvers.solution import Verdict


class FitMonitor:
    """Follows a fit iterate by iterate. See `_solvers.solution.Monitor`.

    Each iterate is recorded in one step, so that Ctrl-C, which may come at any point, does not
    leave half a record.

    Parameters
    ----------
    terms : type
        The named tuple of the objective's terms.
    verbose : int
    score : callable, optional
        ``score(params)`` is the validation score, higher being better. Minus the score is then what
        should fall, in place of the objective.
    notify : callable, optional
        ``notify(iterate)`` returns True to stop the fit.
    """

    def __init__(self, terms, verbose, score=None, notify=None):
        self.terms_type, self.verbose, self.score, self.notify = terms, verbose, score, notify
        self.records = []

    def __call__(self, iterate):
        criterion = self.record(iterate)
        return Verdict(criterion, self.notify is not None and bool(self.notify(iterate)))

    def record(self, iterate):
        """Record and print an iterate; return the number that should fall."""
        score = None if self.score is None else self.score(iterate.params)
        terms = self.terms_type(*map(float, iterate.terms))
        self.records.append((float(iterate.value), terms, score))
        self._print(f"Iteration {iterate.number}, loss = {iterate.value:.8f}")
        if score is not None:
            self._print(f"Validation score: {score:f}")
        return iterate.value if score is None else -score

    def _print(self, line):
        if self.verbose:
            try:
                print(line)
            except (OSError, ValueError):  # a closed pipe or file is no reason to lose a fit
                self.verbose = 0

    @property
    def values(self):
        """The objective at each iterate, a list."""
        return [value for value, _, _ in self.records]

    @property
    def terms(self):
        """The objective's terms at each iterate: a list for each name."""
        names = self.terms_type._fields
        return {name: [getattr(terms, name) for _, terms, _ in self.records] for name in names}

    @property
    def scores(self):
        """The validation score of each iterate, a list; of None without `score`."""
        return [score for _, _, score in self.records]
