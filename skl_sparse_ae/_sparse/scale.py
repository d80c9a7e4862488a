"""Natural units: penalty weights that suit a table, from by-products of its column moments.

J adds terms of different units. If X is multiplied by c, the loss grows by c^2, ||We||^2 shrinks
by c^2, ||Wd||^2 grows by c^2, and the divergences stay. So no number suits pixels, standardised
columns and embeddings at once. Three quantities do:

    v    variance of the inputs, mean over columns
    u    loss of the best constant row minus that of a perfect reconstruction
    c    curvature of the loss in the decoder's raw output, in units of that of the squared error

    sparsity_weight = 0.2 u
    encoder_alpha   = min(0.01 d / n, 0.03) d v u
    decoder_alpha   = 0.02 c

With these, ``factor * X`` has the code of X. The encoder's term of J is
``min(0.01 d / n, 0.03) / 2 * u * v ||We||^2``, a price on the variance of the pre-activations. It
does not depend on the number of columns, and falls with the number of rows, as a prior should.
`docs/defaults.md` has the study behind the four constants.
"""

import re
from numbers import Real
from typing import NamedTuple

import numpy as np

SPARSITY = 0.2
ENCODER, MAX_ENCODER = 0.01, 0.03
DECODER = 0.02
NAMES = ("sparsity_weight", "encoder_alpha", "decoder_alpha")
MULTIPLE = re.compile(r"(?:(?P<factor>[^*]+)\*)?\s*scale\s*")


class Scale(NamedTuple):
    """What "scale" means for one table: the three weights, and the unit u of the objective."""

    sparsity_weight: float
    encoder_alpha: float
    decoder_alpha: float
    loss: float

    @classmethod
    def of(cls, moments, loss):
        """The scale for rows of these `Moments`, and a loss of `_nn.losses`."""
        n_features, v = len(moments.mean), float(moments.variance.mean())
        u = max(float(loss.of_constant(moments.mean, moments.variance)) - moments.floor, 0.0)
        encoder = min(ENCODER * n_features / moments.n_rows, MAX_ENCODER) * n_features
        # v * u overflows for rows of 1e80, where the decay underflows in any case
        encoder = min(encoder * v * u, float(np.finfo(np.float64).max))
        return cls(SPARSITY * u, encoder, DECODER * float(loss.curvature(moments.mean)), u)

    def resolve(self, name, value):
        """The number that parameter `name` stands for: itself, or a multiple of the scale."""
        return float(value) if isinstance(value, Real) else factor_of(value) * getattr(self, name)


def factor_of(text):
    """The factor of "scale" or of a multiple such as "0.5*scale"; None for any other text."""
    match = MULTIPLE.fullmatch(text)
    if match is None:
        return None
    try:
        factor = float(match["factor"] or 1)
    except ValueError:
        return None
    return factor if 0 <= factor < np.inf else None
