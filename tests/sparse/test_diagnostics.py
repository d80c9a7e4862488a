from types import SimpleNamespace

import numpy as np
import pytest

from skl_sparse_ae._sparse.diagnostics import (
    learned_nothing,
    out_of_reach,
    poor_code,
    unlike_columns,
)

# the weights that "scale" stands for, and the loss that there is to explain
SCALE = SimpleNamespace(sparsity_weight=0.2, encoder_alpha=1e-3, decoder_alpha=0.02, loss=1.0)
NOTHING = SimpleNamespace(**vars(SCALE) | {"loss": 0.0})  # constant rows
ESTIMATOR = SimpleNamespace(
    n_components=20,
    sparsity_target=0.1,
    sparsity_weight="scale",
    encoder_alpha="scale",
    decoder_alpha="scale",
    sparsity_weight_=0.2,
    encoder_alpha_=1e-3,
    decoder_alpha_=0.02,
)
ON_TARGET, LIVELY = np.full(20, 0.1), np.full(20, 0.03)
UNIT = 0.0, 1.0  # the bounds of an activation


def changed(**parameters):
    """The estimator with other numbers, as parameters and as what was used."""
    used = {f"{name}_": value for name, value in parameters.items() if name in vars(SCALE)}
    return SimpleNamespace(**vars(ESTIMATOR) | parameters | used)


@pytest.mark.parametrize(
    ("r2", "scale", "speaks"),
    [(0.0, SCALE, True), (-2.0, SCALE, True), (0.1, SCALE, False), (0.0, NOTHING, False)],
)
def test_a_model_no_better_than_the_means_is_named_unless_there_is_nothing_to_learn(
    r2, scale, speaks
):
    message = learned_nothing(ESTIMATOR, r2, scale)
    assert (message is not None) == speaks
    assert not speaks or "n_components=20: raise it" in message  # nothing else is to blame


def test_all_that_is_to_blame_is_named_and_nothing_else():
    message = learned_nothing(
        changed(encoder_alpha=0.5, sparsity_weight=3.0, sparsity_target=0.01), 0.0, SCALE
    )
    assert message.endswith(
        "Raise sparsity_target=0.01: it means 0.2 active units per row. Try 0.1. "
        'Lower sparsity_weight=3.0: "scale" is 0.2 here. '
        'Lower encoder_alpha=0.5: "scale" is 0.001 here.'
    )


def test_a_code_on_target_that_varies_is_good():
    assert poor_code(ESTIMATOR, ON_TARGET, LIVELY, UNIT, SCALE) is None


@pytest.mark.parametrize(
    ("parameters", "advice"),
    [
        ({"decoder_alpha": 0.0}, 'Raise decoder_alpha=0.0, e.g. to "scale", here 0.02'),
        ({"encoder_alpha": 0.1}, 'Lower encoder_alpha=0.1: "scale" is 0.001 here'),
        ({"sparsity_weight": 10.0}, 'Lower sparsity_weight=10.0: "scale" is 0.2 here'),
        (
            {"sparsity_target": 0.001},
            "Raise sparsity_target=0.001: it means 0.02 active units per row",
        ),
    ],
)
def test_a_code_that_hardly_varies_has_collapsed_and_whose_fault_it_is(parameters, advice):
    estimator = changed(**parameters)
    mean = np.full(20, estimator.sparsity_target)
    variance = 0.05 * mean * (1 - mean)
    assert advice in poor_code(estimator, mean, variance, UNIT, SCALE)
    mean, variance = ON_TARGET, 0.05 * ON_TARGET * (1 - ON_TARGET)
    # weights on their scale: many columns and few rows
    assert poor_code(ESTIMATOR, mean, variance, UNIT, SCALE) is None
    assert "n_components=20 may be too many" in poor_code(
        ESTIMATOR, mean, variance / 10, UNIT, SCALE
    )
    assert poor_code(estimator, mean, 0 * variance, UNIT, NOTHING) is None


def test_a_code_without_bounds_has_no_variance_that_its_mean_allows():
    estimator, mean = changed(decoder_alpha=0.0), ON_TARGET
    variance = 0.05 * mean * (1 - mean)
    assert "have collapsed" in poor_code(estimator, mean, variance, UNIT, SCALE)
    assert poor_code(estimator, mean, variance, (0.0, np.inf), SCALE) is None
    # between -1 and 1 the same variance is a smaller share
    assert "have collapsed" in poor_code(estimator, mean, 2 * variance, (-1.0, 1.0), SCALE)


def test_a_code_off_target_is_named_unless_no_target_was_asked_for():
    off = ON_TARGET + 0.3
    assert "means 2 active units per row. Raise sparsity_target or n_components" in poor_code(
        ESTIMATOR, off, LIVELY, UNIT, SCALE
    )
    message = poor_code(changed(sparsity_weight=0.01), off, LIVELY, UNIT, SCALE)
    assert message.startswith(
        "The mean activations are 0.4 on average, far from sparsity_target=0.1. "
        "Raise sparsity_weight=0.01"
    )
    assert poor_code(changed(sparsity_weight=0.0), off, 4 * LIVELY, UNIT, SCALE) is None


def test_one_active_unit_in_a_row_is_no_excess():
    assert poor_code(ESTIMATOR, ON_TARGET[:3] + 0.2, LIVELY[:3], UNIT, SCALE) is None


def test_rows_out_of_the_decoders_reach_are_named(core):
    moments = core.moments.Moments(10, np.zeros(2), np.ones(2), 0.4)
    rows = core.as_rows(np.array([[-2.5, 1], [3, 0]]))
    message = out_of_reach(moments, 1.0, rows)
    assert "X has values in [-2.5, 3]: 40% of" in message
    assert out_of_reach(moments._replace(floor=0.01), 1.0, rows) is None
    assert out_of_reach(moments, 1.0, core.as_rows(np.eye(2))) is None


def test_columns_that_are_ignored_for_their_unit_are_counted():
    variance = np.array([1e4, 1e-3, 1e-3, 1.0, 0.0])
    ignored = np.array([1e2, 1e-3, 1e-3, 1.0, 0.0])
    message = unlike_columns(ignored, variance, is_sparse=False)
    assert "Only 1 of 4 columns" in message
    assert "range from 0.03 to 100" in message
    assert "e.g. with StandardScaler." in message
    assert "StandardScaler(with_mean=False)" in unlike_columns(ignored, variance, is_sparse=True)
    # all are reconstructed
    assert unlike_columns(variance / 10, variance, is_sparse=False) is None
    # none is, but not for their units
    assert unlike_columns(np.ones(4), np.ones(4), is_sparse=False) is None
    assert unlike_columns(np.zeros(2), np.zeros(2), is_sparse=False) is None
