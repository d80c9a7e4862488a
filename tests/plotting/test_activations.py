import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skl_sparse_ae.plotting import ActivationsDisplay

pytestmark = pytest.mark.usefixtures("no_figure_left")


@pytest.fixture
def code():
    """Unit 0 hovers, unit 1 is on for one row in ten, unit 2 in between."""
    rows = np.arange(100)
    return np.column_stack([0.1 + 1e-4 * rows, np.where(rows % 10, 0.01, 0.91), rows / 300])


def test_the_most_variable_unit_comes_first(code):
    display = ActivationsDisplay.from_predictions(code)
    np.testing.assert_array_equal(display.units, [1, 2, 0])
    np.testing.assert_allclose(display.means, code.mean(axis=0)[[1, 2, 0]])
    np.testing.assert_allclose(
        display.quantiles, np.quantile(code, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)[:, [1, 2, 0]]
    )


def test_bands_lines_and_target_are_where_the_numbers_are(code):
    display = ActivationsDisplay.from_predictions(code, target=0.1)
    q = display.quantiles
    for band, low, high in zip(display.bands_, q[:2], q[[4, 3]], strict=True):
        heights = band.get_paths()[0].vertices[:, 1]
        assert set(np.round(heights, 12)) == set(np.round([*low, *high], 12))
    np.testing.assert_array_equal(display.median_.get_ydata()[:-1], q[2])
    np.testing.assert_array_equal(display.mean_.get_ydata(), display.means)
    assert set(display.target_.get_ydata()) == {0.1}


def test_a_collapsed_code_looks_as_thin_as_it_is(code):
    collapsed = ActivationsDisplay.from_predictions(np.tile(code[:, :1], 5), target=0.1)
    assert collapsed.ax_.get_ylim() == (0, 1)
    heights = collapsed.bands_[0].get_paths()[0].vertices[:, 1]
    assert np.ptp(heights) < 0.01


def test_a_code_beyond_the_unit_interval_is_not_cut(code):
    low, high = ActivationsDisplay.from_predictions(30 * code - 2).ax_.get_ylim()
    assert low < -1
    assert high > 20


def test_the_estimators_code_and_target_are_drawn(autoencoder, images):
    display = ActivationsDisplay.from_estimator(autoencoder, images)
    np.testing.assert_allclose(np.sort(display.means), np.sort(autoencoder.mean_activations_))
    assert display.target == autoencoder.sparsity_target


def test_steps_before_the_autoencoder_are_applied(autoencoder, images):
    pipeline = make_pipeline(FunctionTransformer(lambda X: X / 2), autoencoder)
    display = ActivationsDisplay.from_estimator(pipeline, pd.DataFrame(2 * images))
    np.testing.assert_allclose(np.sort(display.means), np.sort(autoencoder.mean_activations_))


def test_everything_drawn_is_in_the_legend_and_told_apart_without_colour(code):
    display = ActivationsDisplay.from_predictions(code, target=0.1)
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts == ["5% to 95% of rows", "25% to 75%", "median", "mean", "target of the mean"]
    greys = [band.get_facecolor()[0] for band in display.bands_]
    assert greys[0][0] - greys[1][0] > 0.2
    styles = {line.get_linestyle() for line in (display.median_, display.mean_, display.target_)}
    assert len(styles) == 3


def test_there_is_no_target_without_one(code):
    display = ActivationsDisplay.from_predictions(code)
    assert display.target_ is None
    assert len(display.legend_.get_texts()) == 4


def test_a_code_with_nan_is_refused(code):
    with pytest.raises(ValueError, match="NaN"):
        ActivationsDisplay.from_predictions(np.where(code > 0.5, np.nan, code))
