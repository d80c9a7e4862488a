"""The record of a fit: objective, terms and validation scores of each iteration."""


class Watch:
    """Follows a fit, iterate by iterate, and says what should fall: the objective, or minus the validation score.

    `record_of` is the named tuple of the objective's terms, which are an iterate's details. `score`, if any, is called with an
    iterate's x; `notify`, if any, with the iterate, and stops the fit by True. Each iterate is recorded in one step, so that
    Ctrl-C, which may come between any two, never leaves half a record.
    """

    def __init__(self, record_of, verbose, score=None, notify=None):
        self.record_of, self.verbose, self.score, self.notify, self.records = (
            record_of,
            verbose,
            score,
            notify,
            [],
        )

    def __call__(self, iterate):
        watched = self.record(iterate)
        if self.notify is not None and self.notify(iterate):
            raise StopIteration(watched)
        return watched

    def record(self, iterate):
        score = None if self.score is None else self.score(iterate.x)
        self.records.append(
            (float(iterate.value), self.record_of(*map(float, iterate.details)), score)
        )
        self._print(f"Iteration {iterate.number}, loss = {iterate.value:.8f}")
        if score is not None:
            self._print(f"Validation score: {score:f}")
        return iterate.value if score is None else -score

    def _print(self, line):
        if self.verbose:
            try:
                print(line)
            except (
                OSError,
                ValueError,
            ):  # the reader of a pipe has gone, or the file is closed: no reason to lose a fit
                self.verbose = 0

    @property
    def values(self):
        return [value for value, _, _ in self.records]

    @property
    def terms(self):
        """A list for each of the objective's terms."""
        return {
            name: [getattr(terms, name) for _, terms, _ in self.records]
            for name in self.record_of._fields
        }

    @property
    def scores(self):
        return [score for _, _, score in self.records]
