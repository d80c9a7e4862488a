from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skl_sparse_ae.plotting import DensityDisplay

pytestmark = pytest.mark.usefixtures("no_figure_left")
DENSITY = np.array([0, 0, 0.001, 0.012, 0.013, 0.5, 1])


def heights(display):
    """{left edge of a bar: its height}, without empty bars."""
    return {
        round(float(bar.get_x()), 2): bar.get_height()
        for bar in display.bars_
        if bar.get_height() > 0
    }


def test_bars_count_units_by_the_logarithm_of_their_density():
    display = DensityDisplay(DENSITY).plot()
    assert heights(display) == {-3.0: 1, -2.0: 2, -0.4: 1, -0.2: 1}


def test_dead_units_have_a_hatched_bar_of_their_own():
    display = DensityDisplay(DENSITY).plot()
    (bar,) = display.dead_
    assert bar.get_height() == 2
    assert bar.get_hatch()
    assert bar.get_x() + bar.get_width() < -3
    texts = {text.get_text() for text in display.legend_.get_texts()}
    assert texts == {"dead units", "mean of all units"}


def test_there_is_no_bar_without_dead_units():
    display = DensityDisplay(DENSITY[2:]).plot()
    assert display.dead_ is None
    assert display.ax_.get_xticks().tolist() == [-3, -2, -1, 0]


def test_a_code_without_any_active_unit_can_be_drawn():
    display = DensityDisplay.from_predictions(csr_matrix((5, 3)))
    assert heights(display) == {}
    assert display.dead_[0].get_height() == 3


def test_ticks_are_shares_of_the_rows():
    display = DensityDisplay(DENSITY, n_rows=2000).plot()
    texts = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert texts == ["0", "0.1%", "1%", "10%", "100%"]
    assert display.ax_.get_xlabel() == "share of the 2,000 rows that use the unit"


def test_labels_do_not_overlap_over_many_decades():
    display = DensityDisplay(np.append(10.0 ** np.arange(-7, 1), 0)).plot()
    display.figure_.draw_without_rendering()
    boxes = [text.get_window_extent() for text in display.ax_.get_xticklabels()]
    assert len(boxes) == 5
    for left, right in pairwise(sorted(boxes, key=lambda box: box.x0)):
        assert left.x1 < right.x0


def test_the_line_is_the_mean_density():
    display = DensityDisplay(DENSITY).plot()
    np.testing.assert_allclose(display.mean_.get_xdata(), np.log10(DENSITY.mean()))


def test_the_density_in_training_is_drawn_without_rows(topk, images):
    np.testing.assert_array_equal(DensityDisplay.from_estimator(topk).density, topk.density_)
    of_rows = DensityDisplay.from_estimator(topk, images)
    np.testing.assert_array_equal(of_rows.density, topk.density_)
    assert of_rows.n_rows == len(images)


def test_steps_before_the_autoencoder_are_applied(topk, images):
    pipeline = make_pipeline(FunctionTransformer(lambda X: X / 2), topk)
    display = DensityDisplay.from_estimator(pipeline, 2 * images)
    np.testing.assert_array_equal(display.density, topk.density_)


def test_other_families_need_rows(autoencoder, images):
    with pytest.raises(TypeError, match="SparseAutoencoderTransformer has no 'density_' to draw"):
        DensityDisplay.from_estimator(autoencoder)
    code = autoencoder.transform(images)
    display = DensityDisplay.from_predictions(code > 0.5)
    np.testing.assert_array_equal(display.density, (code > 0.5).mean(axis=0))


@pytest.mark.parametrize("density", [[], [[0.5]], [0.1, 1.2], [-0.1], [np.nan]])
def test_what_is_no_density_is_refused(density):
    with pytest.raises(ValueError, match="numbers between 0 and 1"):
        DensityDisplay(density).plot()
    assert not plt.get_fignums()
