from types import SimpleNamespace

import numpy as np
import pytest

from skl_sparse_ae._diagnostics import collapsed_posterior, learned_nothing, not_converged, poor_code, unlike_scales

ESTIMATOR = SimpleNamespace(
    n_iter_=7,
    max_iter=7,
    tol=1e-4,
    loss_=0.5,
    learning_rate_init=0.1,
    batch_size=8,
    sparsity_target=0.1,
    sparsity_weight=0.2,
    encoder_alpha=1e-4,
    decoder_alpha=1e-2,
)
ON_TARGET, LIVELY = np.full(4, 0.1), np.full(4, 0.03)


@pytest.mark.parametrize("status", ["converged", "stopped"])
def test_an_end_that_was_wanted_needs_no_words(status):
    assert not_converged(ESTIMATOR, "adam", status) is None


@pytest.mark.parametrize(
    ("status", "word"), [("max_iter", "max_iter=7"), ("not_finite", "Scale the data"), ("diverged", "learning_rate_init=0.1")]
)
def test_another_end_names_what_to_change(status, word):
    assert word in not_converged(ESTIMATOR, "adam", status)


def test_reaching_max_iter_is_what_tol_0_asks_for():
    assert not_converged(SimpleNamespace(**vars(ESTIMATOR) | {"tol": 0}), "adam", "max_iter") is None


@pytest.mark.parametrize(("r2", "scale", "speaks"), [(0.0, 3.0, True), (-2.0, 3.0, True), (0.1, 3.0, False), (0.0, 0.0, False)])
def test_a_model_no_better_than_the_means_is_named_unless_there_is_nothing_to_learn(r2, scale, speaks):
    message = learned_nothing(r2, scale)
    assert (message is not None) == speaks
    assert not speaks or "scale 3" in message


def test_a_code_on_target_that_varies_is_good():
    assert poor_code(ESTIMATOR, ON_TARGET, LIVELY, 1.0) is None


def test_a_code_on_target_that_does_not_vary_has_collapsed():
    assert "collapsed" in poor_code(ESTIMATOR, ON_TARGET, LIVELY / 100, 1.0)
    assert poor_code(ESTIMATOR, ON_TARGET, LIVELY * 0, 0.0) is None  # constant data have no other code


def test_a_code_off_target_names_the_distance_unless_no_target_was_asked_for():
    assert "0.3 away" in poor_code(ESTIMATOR, ON_TARGET + 0.3, LIVELY, 1.0)
    without = SimpleNamespace(**vars(ESTIMATOR) | {"sparsity_weight": 0})
    assert poor_code(without, ON_TARGET + 0.3, LIVELY * 4, 1.0) is None


@pytest.mark.parametrize(("largest", "scale", "speaks"), [(0.0099, 3.0, True), (0.0101, 3.0, False), (0.0, 0.0, False)])
def test_a_collapse_is_that_of_all_units(largest, scale, speaks):
    estimator = SimpleNamespace(kl_weight=1.5, max_iter=7, learning_rate_init=0.1)
    message = collapsed_posterior(estimator, np.array([0.001, largest]), scale)
    assert (message is not None) == speaks
    if speaks:
        assert (
            f"none of the 2 code units varies over the rows (variance of the posterior means at most {largest:.2g}" in message
        )
        assert "kl_weight=1.5" in message
        assert "scale is 3" in message


def test_columns_in_the_noise_of_others_are_said_to_be_there():
    alike = np.array([1.0, 2, 0.5, 0, 1e-9, 3, 4, 5])  # a constant column and the edge of an image
    assert unlike_scales(0.5, alike) is None
    message = unlike_scales(1e7, 10.0 ** np.arange(-12, 12, 2.5))
    assert "7 of 10 have less than 0.001 times the variance noise_variance_=1e+07" in message
    assert "StandardScaler" in message
