import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae.plotting import TopRowsDisplay

pytestmark = pytest.mark.usefixtures("no_figure_left")


@pytest.fixture
def table():
    """Forty rows: the code's unit 1 is high where column "b" is low; "c" is constant."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=40), 100 + 7 * rng.normal(size=40), np.full(40, 5.0)])
    return X, np.column_stack([rng.uniform(size=40), 1 / (1 + np.exp(X[:, 1] - 100))])


def test_the_rows_with_the_highest_activation_come_first(autoencoder, images):
    display = TopRowsDisplay.from_estimator(autoencoder, images, 2, n_rows=4, image_shape=(8, 8))
    activations = autoencoder.transform(images)[:, 2]
    np.testing.assert_allclose(display.activations, np.sort(activations)[::-1][:4])
    np.testing.assert_array_equal(display.rows, images[display.indices])
    assert [text.get_text() for text in display.text_] == [f"{a:.2f}" for a in display.activations]
    assert display.ax_.get_title() == "Rows that activate unit 2 most"


def test_what_the_unit_adds_can_stand_before_its_rows(autoencoder, images):
    display = TopRowsDisplay.from_estimator(
        autoencoder, images, 2, n_rows=5, image_shape=(8, 8), feature=True, n_columns=3
    )
    code = np.zeros((2, 7))
    code[1, 2] = 1
    off, on = autoencoder.inverse_transform(code)
    np.testing.assert_allclose(display.feature, on - off)
    picture, added = display.image_.get_array(), (on - off).reshape(8, 8)
    # Five columns of 9 pixels: the feature, a gap and three rows. Lines are 10 pixels apart.
    np.testing.assert_allclose(picture[:8, :8, 0], 0.5 + added / (2 * np.abs(added).max()))
    shown, (low, high) = display.rows[3].reshape(8, 8), (display.rows.min(), display.rows.max())
    np.testing.assert_allclose(picture[10:18, 18:26, 0], (shown - low) / (high - low))
    assert not picture[:, 9:17, 3].any()
    assert not picture[10:, :8, 3].any()
    captions = [text.get_text() for text in display.text_]
    assert captions[:3] == ["feature", "", f"{display.activations[0]:.2f}"]
    assert captions[5:8] == ["", "", f"{display.activations[3]:.2f}"]


def test_the_feature_of_a_pipeline_is_in_the_unit_of_its_input(autoencoder, generator, images):
    scaler = StandardScaler().fit(images)
    for model in (autoencoder, generator):
        feature = [
            TopRowsDisplay.from_estimator(
                estimator, images, 1, image_shape=(8, 8), feature=True
            ).feature
            for estimator in (make_pipeline(scaler, model), model)
        ]
        np.testing.assert_allclose(feature[0], feature[1] * scaler.scale_, atol=1e-12)


def test_a_feature_of_another_width_is_refused(images):
    with pytest.raises(ValueError, match="has 64 pixels, the unit has 3 features"):
        TopRowsDisplay.from_predictions(
            images, images[:, :1], 0, image_shape=(8, 8), feature=np.ones(3)
        )


def test_images_are_shown_as_they_were_before_scaling(autoencoder, images):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = make_pipeline(StandardScaler(), clone(autoencoder)).fit(images)
    display = TopRowsDisplay.from_estimator(pipeline, images, 2, image_shape=(8, 8))
    np.testing.assert_array_equal(display.rows, images[display.indices])
    np.testing.assert_allclose(display.activations, pipeline.transform(images)[display.indices, 2])


@pytest.mark.parametrize("container", [np.asarray, csr_array, pd.DataFrame])
def test_bars_are_mean_differences_in_standard_deviations_largest_first(table, container):
    X, code = table
    display = TopRowsDisplay.from_predictions(
        container(X), code, 1, n_rows=5, feature_names=["a", "b", "c"]
    )
    top = X[np.argsort(-code[:, 1])[:5]]
    expected = (top.mean(axis=0)[:2] - X.mean(axis=0)[:2]) / X.std(axis=0)[:2]
    np.testing.assert_allclose(display.bars_.datavalues, [expected[1], expected[0], 0])
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["b", "a", "c"]
    low, high = display.ax_.get_ylim()
    assert low > high  # the first bar is on top


def test_each_row_has_its_own_mark_on_the_bars(table):
    display = TopRowsDisplay.from_predictions(*table, 1, n_rows=5)
    marks = [line.get_xdata() for line in display.ax_.lines if line.get_marker() == "|"]
    np.testing.assert_allclose(np.mean(marks, axis=0), display.bars_.datavalues, atol=1e-12)
    assert len(marks) == 5


def test_there_are_as_many_bars_as_asked_for(table):
    assert len(TopRowsDisplay.from_predictions(*table, 1, n_features=1).bars_) == 1


def test_column_names_are_found_behind_a_scaler(autoencoder, table):
    X = pd.DataFrame(table[0], columns=["a", "b", "c"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = make_pipeline(StandardScaler(), clone(autoencoder)).fit(X)
    display = TopRowsDisplay.from_estimator(pipeline, X, 0)
    assert list(display.feature_names) == ["a", "b", "c"]


def test_columns_without_names_are_numbered(table):
    labels = TopRowsDisplay.from_predictions(*table, 1).ax_.get_yticklabels()
    assert labels[0].get_text() == "x1"


def test_there_are_no_more_rows_than_there_are(table):
    X, code = table
    assert len(TopRowsDisplay.from_predictions(X[:3], code[:3], 0).rows) == 3


@pytest.mark.parametrize("unit", [7, -1, 1.5, True])
def test_a_unit_that_there_is_not(autoencoder, images, unit):
    with pytest.raises(
        ValueError, match=f"unit={unit} is out of range: there are 7, with indices 0 to 6"
    ):
        TopRowsDisplay.from_estimator(autoencoder, images, unit)


def test_arguments_that_do_not_fit(table):
    X, code = table
    with pytest.raises(ValueError, match=r"image_shape=\(2, 2\) has 4 pixels, X has 3 features"):
        TopRowsDisplay.from_predictions(X, code, 0, image_shape=(2, 2))
    with pytest.raises(ValueError, match="X, code have 40, 39 rows"):
        TopRowsDisplay.from_predictions(X, code[1:], 0)
    with pytest.raises(ValueError, match="feature_names has 1 names, X has 3 features"):
        TopRowsDisplay.from_predictions(X, code, 0, feature_names=["a"])
    with pytest.raises(ValueError, match="n_rows must be an int of at least 1, got 0"):
        TopRowsDisplay.from_predictions(X, code, 0, n_rows=0)


def test_columns_whose_names_look_like_mathematics_are_drawn(images):
    code = images[:, 20:21]
    names = [r"$\\frac{$" if i % 2 else r"$\\badcmd$" for i in range(64)]
    display = TopRowsDisplay.from_predictions(images, code, 0, feature_names=names)
    display.figure_.canvas.draw()
