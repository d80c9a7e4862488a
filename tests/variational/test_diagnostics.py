from types import SimpleNamespace

import numpy as np
import pytest

from skl_sparse_ae._variational.diagnostics import collapsed_posterior, unlike_scales


@pytest.mark.parametrize(
    ("largest", "scale", "speaks"), [(0.0099, 3.0, True), (0.0101, 3.0, False), (0.0, 0.0, False)]
)
def test_a_collapse_is_that_of_all_units(largest, scale, speaks):
    estimator = SimpleNamespace(kl_weight=1.5, max_iter=7, learning_rate_init=0.1)
    message = collapsed_posterior(estimator, np.array([0.001, largest]), scale)
    assert (message is not None) == speaks
    if speaks:
        assert "none of the 2 code units varies over the rows" in message
        assert f"(variance of the posterior means at most {largest:.2g}" in message
        assert "kl_weight=1.5" in message
        assert "standard deviation of X is 3" in message


def test_columns_in_the_noise_of_others_are_counted():
    alike = np.array([1.0, 2, 0.5, 0, 1e-9, 3, 4, 5])  # a constant column and the edge of an image
    assert unlike_scales(0.5, alike) is None
    message = unlike_scales(1e7, 10.0 ** np.arange(-12, 12, 2.5))
    assert "those of 7 of 10 are below 0.001 times noise_variance_=1e+07" in message
    assert "StandardScaler" in message
