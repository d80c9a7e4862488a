import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae.plotting import SamplesDisplay

pytestmark = pytest.mark.usefixtures("no_figure_left")


def test_rows_stand_left_of_as_many_samples(generator, images):
    display = SamplesDisplay.from_estimator(
        generator, images, (8, 8), n_samples=7, n_columns=3, random_state=0
    )
    np.testing.assert_array_equal(display.X, images[:7])
    np.testing.assert_array_equal(display.samples, generator.sample(7, random_state=0))
    picture, (low, high) = display.image_.get_array(), (images[:7].min(), images[:7].max())
    assert picture.shape == (3 * 9 - 1, 7 * 9 - 1, 4)
    np.testing.assert_allclose(
        picture[9:17, 9:17, 0], (images[4].reshape(8, 8) - low) / (high - low)
    )
    shown = np.clip((display.samples[4].reshape(8, 8) - low) / (high - low), 0, 1)
    np.testing.assert_allclose(picture[9:17, 45:53, 0], shown)
    assert not picture[:, 27:35, 3].any()
    assert not picture[18:, 9:27, 3].any()
    assert [text.get_text() for text in display.ax_.texts] == ["training rows", "samples"]


def test_each_side_is_named_above_its_middle(generator, images):
    display = SamplesDisplay.from_estimator(generator, images, (8, 8), n_samples=8, n_columns=4)
    left, right = (text.get_position()[0] for text in display.ax_.texts)
    assert left == (4 * 9 - 1) / 2 - 0.5
    assert right == 5 * 9 + (4 * 9 - 1) / 2 - 0.5


def test_samples_of_a_pipeline_are_in_the_unit_of_its_input(generator, images):
    pipeline = make_pipeline(StandardScaler(), generator)
    pipeline[0].fit(16 * images)
    display = SamplesDisplay.from_estimator(
        pipeline, 16 * images, (8, 8), n_samples=3, random_state=0
    )
    np.testing.assert_allclose(
        display.samples, pipeline[0].inverse_transform(generator.sample(3, random_state=0))
    )


def test_what_draws_no_samples_is_refused(autoencoder, images):
    with pytest.raises(TypeError, match="SparseAutoencoderTransformer has no 'sample' to draw"):
        SamplesDisplay.from_estimator(autoencoder, images, (8, 8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (8, 9)}, "has 72 pixels, X has 64 features"),
        ({"n_samples": 0}, "n_samples must be an int of at least 1"),
        ({"n_columns": 0}, "n_columns must be an int of at least 1"),
    ],
)
def test_arguments_out_of_range_are_refused(generator, images, options, message):
    with pytest.raises(ValueError, match=message):
        SamplesDisplay.from_estimator(generator, images, **{"image_shape": (8, 8)} | options)


def test_rows_of_another_width_are_refused(generator, images):
    with pytest.raises(ValueError, match="X has 48 features, but the samples have 64"):
        SamplesDisplay.from_estimator(generator, images[:, :48], (8, 6))
