from types import SimpleNamespace

import numpy as np
import pytest

from skl_sparse_ae._topk.diagnostics import many_dead_units


def fitted(n_dead):
    return SimpleNamespace(
        density_=np.zeros(50),
        n_dead_=n_dead,
        n_components=50,
        n_nonzero_coefs=3,
        max_iter=7,
        learning_rate_init=0.01,
    )


def test_many_dead_units_are_named_with_cures():
    message = many_dead_units(fitted(13))
    assert message.startswith("13 of 50 units are dead")
    for cure in ("n_components=50", "n_nonzero_coefs=3", "max_iter=7", "learning_rate_init=0.01"):
        assert cure in message


@pytest.mark.parametrize("n_dead", [0, 12])
def test_a_few_dead_units_are_no_reason_to_warn(n_dead):
    assert many_dead_units(fitted(n_dead)) is None
