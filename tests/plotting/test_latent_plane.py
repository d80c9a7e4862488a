import warnings

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae.plotting import LatentPlaneDisplay
from skl_sparse_ae.plotting._latent_plane import MARKERS

pytestmark = pytest.mark.usefixtures("no_figure_left")


def test_points_are_codes_a_collection_for_each_class(generator, images):
    y = np.arange(400) % 3
    display = LatentPlaneDisplay.from_estimator(generator, images, y, units=(2, 0))
    codes = generator.transform(images)[:, [2, 0]]
    np.testing.assert_array_equal(display.codes, codes)
    for label, points in enumerate(display.points_):
        np.testing.assert_array_equal(points.get_offsets(), codes[y == label])
    assert [text.get_text() for text in display.legend_.get_texts()] == ["0", "1", "2"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("unit 2", "unit 0")
    assert display.image_ is None


def test_each_class_has_its_name_at_its_centre(generator, images):
    y = np.arange(400) % 3
    display = LatentPlaneDisplay.from_estimator(generator, images, y)
    assert [text.get_text() for text in display.text_] == ["0", "1", "2"]
    for label, text in enumerate(display.text_):
        np.testing.assert_allclose(
            text.get_position(), np.median(display.codes[y == label], axis=0)
        )


def test_no_two_classes_share_a_colour_or_a_marker(generator, images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display = LatentPlaneDisplay.from_estimator(
            generator, images, np.arange(400) % len(MARKERS)
        )
    shapes = {points.get_paths()[0].vertices.tobytes() for points in display.points_}
    colours = {points.get_facecolor().tobytes() for points in display.points_}
    assert len(shapes) == len(colours) == len(MARKERS)


def test_without_classes_there_are_no_names(generator, images):
    display = LatentPlaneDisplay.from_estimator(generator, images)
    assert len(display.points_) == 1
    assert display.legend_ is None
    assert display.text_ == []


def test_the_grid_is_what_codes_at_equal_shares_of_the_prior_stand_for(generator):
    display = LatentPlaneDisplay.from_grid(generator, (8, 8), n_lines=5, units=(1, 2))
    assert display.image_.get_array().shape == (5 * 9 - 1, 5 * 9 - 1, 4)
    code = np.zeros((2, 3))
    code[:, 1] = -2.0537489, 0  # the 2% quantile, and the median
    code[:, 2] = 2.0537489, 0
    np.testing.assert_allclose(display.grid[[0, 12]], generator.inverse_transform(code), rtol=1e-6)


@pytest.mark.parametrize(("n_lines", "shown"), [(1, [0]), (2, range(-2, 3)), (12, range(-2, 3))])
def test_ticks_of_the_grid_are_whole_numbers_at_their_shares_of_the_prior(
    generator, n_lines, shown
):
    display = LatentPlaneDisplay.from_grid(generator, (8, 8), n_lines=n_lines)
    x = {
        int(label.get_text().replace("\N{MINUS SIGN}", "-")): label.get_position()[0]
        for label in display.ax_.get_xticklabels()
    }
    assert list(x) == list(shown)
    assert x[0] == pytest.approx((9 * n_lines - 1) / 2 - 0.5)  # in the middle
    y = [label.get_position()[1] for label in display.ax_.get_yticklabels()]
    np.testing.assert_allclose(y, list(x.values())[::-1])
    if n_lines > 1:  # the first line is at the 2% quantile, the last at the 98% quantile
        shares = (np.array(list(x.values())) - 3.5) / (9 * (n_lines - 1))
        np.testing.assert_allclose(0.02 + 0.96 * shares, ndtr(list(shown)))


def test_a_pipelines_grid_is_in_the_unit_of_its_input(generator, images):
    pipeline = make_pipeline(StandardScaler(), generator)
    pipeline[0].fit(16 * images)
    grids = [
        LatentPlaneDisplay.from_grid(model, (8, 8), n_lines=2).grid
        for model in (pipeline, generator)
    ]
    np.testing.assert_allclose(grids[0], pipeline[0].inverse_transform(grids[1]))


@pytest.mark.parametrize("units", [(0,), (0, 1, 2), (0, 3), 3, (0.5, 1)])
def test_other_than_two_units_are_refused(generator, images, units):
    with pytest.raises(ValueError, match=r"units must be|out of range"):
        LatentPlaneDisplay.from_estimator(generator, images, units=units)


def test_classes_have_to_fit_and_be_few(generator, images):
    with pytest.raises(ValueError, match="X, y have 400, 5 rows"):
        LatentPlaneDisplay.from_estimator(generator, images, range(5))
    with pytest.raises(ValueError, match="y has 14 classes, but only 13 can be distinguished"):
        LatentPlaneDisplay.from_estimator(generator, images, np.arange(400) % 14)


def test_a_grid_has_lines_and_the_shape_of_rows(generator):
    with pytest.raises(ValueError, match="n_lines must be an int of at least 1"):
        LatentPlaneDisplay.from_grid(generator, (8, 8), n_lines=0)
    with pytest.raises(ValueError, match="has 72 pixels"):
        LatentPlaneDisplay.from_grid(generator, (8, 9))


def test_labels_that_look_like_mathematics_are_drawn(autoencoder, images):
    y = np.where(images[:, 20] > 0.5, r"$\\frac{a$", "_other")
    display = LatentPlaneDisplay.from_estimator(autoencoder, images, y)
    display.figure_.canvas.draw()
    assert len(display.legend_.get_texts()) == 2
