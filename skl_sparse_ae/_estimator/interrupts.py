"""What Ctrl-C means during a fit: the end of its training, or of whatever calls it as well."""

import sys
from time import monotonic

import numpy as np

SECONDS_TO_PRESS_TWICE = 2.0
# Modules that fit copies of an estimator. Users do not get those back, and they are compared as
# whole fits, so half-trained ones are of no use.
SEARCHES = ("sklearn.model_selection.", "skl_sparse_ae.model_selection")


class CtrlC:
    """Decides what happens after a Ctrl-C has ended the training of a fit."""

    def __init__(self):
        self.pressed_at = -np.inf

    def pass_on(self):
        """Raise KeyboardInterrupt within a search, or if the last call was in the last 2 s."""
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
