from copy import copy

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skl_sparse_ae.plotting import FeaturesDisplay

pytestmark = pytest.mark.usefixtures("no_figure_left")


def features(model, **options):
    return FeaturesDisplay.from_estimator(model, (8, 8), **options)


def test_no_other_input_of_unit_norm_activates_a_unit_more(autoencoder):
    shown = features(autoencoder).features
    np.testing.assert_allclose(np.linalg.norm(shown, axis=1), 1)
    others = (
        np.random.default_rng(0).normal(size=(1000, 64)) + 3 * np.repeat(shown, 143, axis=0)[:1000]
    )
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert (
        np.diag(autoencoder.transform(shown)) >= autoencoder.transform(others).max(axis=0)
    ).all()


def test_pixels_of_the_picture_are_the_weights_around_mid_grey(autoencoder):
    picture = features(autoencoder).image_.get_array()
    # Three columns with gaps of one pixel: feature 4 is in row 1, column 1.
    W = autoencoder.components_[4].reshape(8, 8)
    np.testing.assert_allclose(picture[9:17, 9:17, 1], 0.5 + W / (2 * np.abs(W).max()), atol=1e-12)


def test_decoder_weights_can_be_shown(autoencoder):
    W = autoencoder.decoder_components_
    np.testing.assert_allclose(
        features(autoencoder, weights="decoder").features, W / np.linalg.norm(W, axis=1)[:, None]
    )


@pytest.mark.parametrize("order", ["norm", "mean_activation"])
def test_units_are_ordered_before_the_first_are_taken(autoencoder, order):
    norms = np.linalg.norm(autoencoder.components_, axis=1)
    values = {"norm": norms, "mean_activation": autoencoder.mean_activations_}[order]
    np.testing.assert_array_equal(
        features(autoencoder, order=order, units=3).units, np.argsort(-values)[:3]
    )


def test_named_units_are_ordered_among_themselves(autoencoder):
    units = features(autoencoder, order="norm", units=[1, 5, 2]).units
    assert sorted(units) == [1, 2, 5]
    assert (np.diff(np.linalg.norm(autoencoder.components_[units], axis=1)) <= 0).all()


@pytest.mark.parametrize(
    ("weights", "title"),
    [
        ("encoder", "What activates each unit most"),
        ("decoder", "What each unit adds to the reconstruction"),
    ],
)
def test_the_title_says_what_is_drawn_and_fits_a_small_figure(autoencoder, weights, title):
    display = features(autoencoder, weights=weights, units=1)
    assert display.ax_.get_title() == title
    display.figure_.draw_without_rendering()
    box = display.ax_.title.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= display.figure_.bbox.width


def test_named_units_without_order_stay_as_they_are(autoencoder):
    display = features(autoencoder, units=[5, 1], numbers=True)
    np.testing.assert_array_equal(display.units, [5, 1])
    assert [text.get_text() for text in display.text_] == ["5", "1"]


def test_a_unit_that_decay_has_emptied_is_grey_rather_than_amplified_noise(autoencoder):
    model = copy(autoencoder)
    model.components_ = autoencoder.components_ * np.array([1, 1e-4, 0, 1, 1, 1, 1])[:, None]
    display = features(model)
    np.testing.assert_array_equal(display.features[1:3], 0)
    np.testing.assert_array_equal(display.image_.get_array()[:8, 9:17, :3], 0.5)


def test_an_encoder_without_any_weights_is_all_grey(autoencoder):
    model = copy(autoencoder)
    model.components_ = np.zeros((7, 64))
    np.testing.assert_array_equal(features(model).features, 0)


def test_colour_and_oblong_shapes(autoencoder):
    assert FeaturesDisplay.from_estimator(
        autoencoder, (4, 16), n_columns=7
    ).image_.get_array().shape == (4, 7 * 18 - 2, 4)
    model = copy(autoencoder)
    model.components_ = np.random.default_rng(0).normal(size=(7, 48))
    picture = FeaturesDisplay.from_estimator(model, (4, 4, 3)).image_.get_array()[:4, :4, :3]
    assert (np.ptp(picture, axis=2) > 0).any()


def test_a_pipeline_shows_the_features_of_its_autoencoder(autoencoder):
    pipeline = make_pipeline(FunctionTransformer(), autoencoder)
    np.testing.assert_array_equal(features(pipeline).features, features(autoencoder).features)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 8}, "units=8 is out of range: the estimator has 7 units"),
        ({"units": 8, "order": "norm"}, "units=8 is out of range: the estimator has 7 units"),
        (
            {"order": "size"},
            "order must be one of None, 'norm', 'mean_activation', 'density', got 'size'",
        ),
        ({"weights": "both"}, "weights must be one of 'encoder', 'decoder', got 'both'"),
        ({"n_columns": 0}, "n_columns must be an int of at least 1, got 0"),
    ],
)
def test_options_that_make_no_sense(autoencoder, options, message):
    with pytest.raises(ValueError, match=message):
        features(autoencoder, **options)


def test_a_shape_that_does_not_fit_is_refused(autoencoder):
    with pytest.raises(
        ValueError, match=r"image_shape=\(8, 9\) has 72 pixels, the estimator has 64 features"
    ):
        FeaturesDisplay.from_estimator(autoencoder, (8, 9))
