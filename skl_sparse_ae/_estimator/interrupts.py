"""What Ctrl-C means during a fit."""

import sys
from time import monotonic

import numpy as np

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
