"""The learning rate of each step: constant, and at the end a line that falls to 0.

Adam at a constant rate does not settle: noise of the mini-batches keeps it away from the minimum,
the further the larger the rate. A rate that falls over the last steps takes it there. It needs no
number of steps in advance: the fall may begin whenever the objective has stopped improving.
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
