"""The learning rate of each step: constant at first, then falling linearly to 0.

At a constant rate Adam does not converge: the noise of the mini-batches keeps it at a distance from
the minimum that grows with the rate. The fall removes that distance. The number of steps need not
be known in advance: the fall may begin when the objective stops improving.
"""

from math import ceil, inf
from typing import NamedTuple


class LearningRate(NamedTuple):
    """The rate is `initial`, and falls linearly over the last `falling_share` of `n_steps`."""

    initial: float
    falling_share: float = 0.0  # below 1; with 0 the rate never falls
    n_steps: float = inf

    def is_falling(self, step):
        """Whether the rate of this step, which is counted from 0, is below `initial`."""
        return self.falling_share > 0 and step > (1 - self.falling_share) * self.n_steps

    def at(self, step):
        """The rate of this step, 0 from step `n_steps` on."""
        if not self.is_falling(step):
            return self.initial
        return self.initial * max(0.0, self.n_steps - step) / (self.falling_share * self.n_steps)

    def last_epoch(self, number):
        """The last epoch if the rate begins to fall after epoch `number`."""
        return ceil(number / (1 - self.falling_share))
