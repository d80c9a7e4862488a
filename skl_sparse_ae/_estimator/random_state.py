"""The parameter `random_state`: one seed for a fit, and generators that files may hold."""

import numpy as np
from sklearn.utils import check_random_state


def draw_seed(random_state):
    """An int that seeds the whole fit, so that no generator has to be stored or shared."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


# By the name of NumPy's bit generator: its index into the numbers drawn ahead, given its state, and
# the largest valid index. A larger one reads memory out of bounds, and NumPy accepts any from a
# file.
INDICES = {
    "MT19937": (lambda state: state["state"]["pos"], 624),
    "Philox": (lambda state: state["buffer_pos"], 4),
    "PCG64": (lambda state: 0, 0),
    "PCG64DXSM": (lambda state: 0, 0),
    "SFC64": (lambda state: 0, 0),
}


def is_valid_random_state(value):
    """False for a generator that scikit-learn does not take, or that reads out of bounds."""
    if not isinstance(value, np.random.RandomState):
        return not isinstance(value, np.random.Generator | np.random.BitGenerator)
    state = value.get_state(legacy=False)
    index_of, largest = INDICES.get(state["bit_generator"], (lambda state: -1, 0))
    return 0 <= index_of(state) <= largest
