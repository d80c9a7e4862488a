from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skl_sparse_ae.metrics import reconstruction_and_sparsity_scorer
from skl_sparse_ae.model_selection import sparse_autoencoder_path
from skl_sparse_ae.plotting import TradeOffDisplay

pytestmark = pytest.mark.usefixtures("no_figure_left")


@pytest.fixture
def results():
    """Three candidates of a search, out of order, over two splits."""
    return {
        "param_sparsity_weight": np.ma.array([1, 0.1, 10], dtype=object),
        "mean_test_r2": [0.9, 0.95, 0.7],
        "std_test_r2": [0.02, 0.04, 0.06],
        "mean_test_hoyer": [0.5, 0.3, 0.6],
        "std_test_hoyer": [0.01, 0.01, 0.01],
        **{f"split{i}_test_{name}": [0, 0, 0] for i in range(2) for name in ("r2", "hoyer")},
    }


def test_points_are_joined_by_rising_weight(results):
    line = TradeOffDisplay.from_cv_results(results).errorbar_.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [0.3, 0.5, 0.6])
    np.testing.assert_array_equal(line.get_ydata(), [0.95, 0.9, 0.7])
    assert line.get_linestyle() == "-"


def test_weights_stand_beside_their_points(results):
    texts = TradeOffDisplay.from_cv_results(results).text_
    assert {text.get_text(): text.xy for text in texts} == {
        "0.1": (0.3, 0.95),
        "1": (0.5, 0.9),
        "10": (0.6, 0.7),
    }


def test_bars_are_standard_errors_over_the_splits(results):
    display = TradeOffDisplay.from_cv_results(results)
    np.testing.assert_allclose(
        display.reconstruction_error, np.array([0.02, 0.04, 0.06]) / np.sqrt(2)
    )
    vertical = display.errorbar_.lines[2][1].get_segments()
    np.testing.assert_allclose(
        [np.ptp(bar[:, 1]) / 2 for bar in vertical], np.array([0.04, 0.02, 0.06]) / np.sqrt(2)
    )


def test_there_are_no_bars_without_deviations(results):
    short = {key: value for key, value in results.items() if not key.startswith(("std", "split"))}
    assert not TradeOffDisplay.from_cv_results(short).errorbar_.lines[2]


def test_the_chosen_point_has_a_ring(results):
    ring = TradeOffDisplay.from_cv_results(results, chosen=2).chosen_
    assert (ring.get_xdata().item(), ring.get_ydata().item()) == (0.6, 0.7)
    assert TradeOffDisplay.from_cv_results(results).chosen_ is None


def test_names_come_from_the_keys(results):
    results["param_sae__decoder_alpha"] = results["param_sparsity_weight"]
    ax = TradeOffDisplay.from_cv_results(results, parameter="param_sae__decoder_alpha").ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Hoyer sparsity", "R2 of the reconstruction")
    assert ax.get_title() == "Reconstruction against sparsity, by decoder alpha"


def test_other_metrics_have_the_names_of_their_keys(results):
    results["mean_test_median_error"] = results["mean_test_gini"] = results["mean_test_hoyer"]
    display = TradeOffDisplay.from_cv_results(
        results, x="mean_test_gini", y="mean_test_median_error"
    )
    labels = display.ax_.get_xlabel(), display.ax_.get_ylabel()
    assert labels == ("sparsity (gini)", "reconstruction (median error)")


def test_points_of_one_weight_are_not_joined():
    display = TradeOffDisplay([1, 1, 2], [0.9, 0.8, 0.7], [0.3, 0.4, 0.5]).plot()
    assert display.errorbar_.lines[0].get_linestyle() == "None"


def test_a_path_is_drawn_from_its_attributes():
    path = SimpleNamespace(sparsity_weights=[0.1, 1], r2=[0.9, 0.8], hoyer=[0.3, 0.5])
    line = TradeOffDisplay.from_path(path, chosen=0).errorbar_.lines[0]
    np.testing.assert_array_equal(line.get_xydata(), [[0.3, 0.9], [0.5, 0.8]])


def test_the_path_of_model_selection_can_be_drawn(autoencoder, images):
    model = clone(autoencoder).set_params(n_components=3, tol=0.1)
    display = TradeOffDisplay.from_path(sparse_autoencoder_path(images, [0.1, 1], estimator=model))
    assert [text.get_text() for text in display.text_] == ["0.1", "1"]


def test_a_search_can_be_drawn(autoencoder, images):
    scoring = reconstruction_and_sparsity_scorer
    model = clone(autoencoder).set_params(n_components=3, tol=0.1)
    search = GridSearchCV(
        model, {"sparsity_weight": [0.1, 1, 3]}, scoring=scoring, refit=False, cv=2
    ).fit(images)
    display = TradeOffDisplay.from_cv_results(search.cv_results_)
    assert len(display.text_) == 3
    assert display.sparsity_error.shape == (3,)


def test_multiples_of_the_scale_are_sorted_by_their_factors(results):
    results["param_sparsity_weight"] = ["3*scale", "scale", "0.3*scale"]
    display = TradeOffDisplay.from_cv_results(results)
    by_x = sorted(display.text_, key=lambda text: text.xy[0])
    hoyer = np.asarray(results["mean_test_hoyer"], dtype=float)
    written = np.array(["3 scale", "scale", "0.3 scale"])[np.argsort(hoyer)]
    assert [text.get_text() for text in by_x] == list(written)
    assert np.array_equal(display.errorbar_.lines[0].get_xdata(), hoyer[::-1])


def test_other_text_is_no_weight():
    with pytest.raises(ValueError, match="could not convert"):
        TradeOffDisplay(["small"], [0.9], [0.4]).plot()


def test_close_points_get_labels_that_do_not_overlap():
    x = np.array([0.5, 0.503, 0.506, 0.9])
    display = TradeOffDisplay([0.1, 0.2, 0.3, 0.4], 1 - x, x).plot()
    boxes = [text.get_window_extent() for text in display.text_]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0.578, 0.613, 0.624, 0.627, 0.619, 0.642], [0.826, 0.807, 0.797, 0.796, 0.793, 0.77]),
        # Far from the limits of empty axes, in which this line would be horizontal.
        ([100, 200], [0, 1e-3]),
    ],
)
def test_labels_are_clear_of_the_line(x, y):
    display = TradeOffDisplay(np.arange(len(x)), y, x).plot()
    display.figure_.draw_without_rendering()  # the layout is final only now
    steps = np.linspace(0, len(x) - 1, 500)
    places = np.column_stack([np.interp(steps, range(len(x)), values) for values in (x, y)])
    line = display.ax_.transData.transform(places)
    for text in display.text_:
        box = text.get_window_extent()
        assert not ((box.min <= line) & (line <= box.max)).all(axis=1).any()


def test_a_missing_key_is_named_with_those_there_are(results):
    del results["mean_test_hoyer"]
    with pytest.raises(
        KeyError,
        match=r"cv_results has no 'mean_test_hoyer'. Its keys are mean_test_r2, param_sparsity",
    ):
        TradeOffDisplay.from_cv_results(results)


def test_a_chosen_point_has_to_be_there(results):
    with pytest.raises(
        ValueError, match="chosen=3 is out of range: there are 3, with indices 0 to 2"
    ):
        TradeOffDisplay.from_cv_results(results, chosen=3)


def test_lengths_have_to_match():
    with pytest.raises(
        ValueError, match="weights, reconstruction and sparsity have 2, 1 and 2 elements"
    ):
        TradeOffDisplay([1, 2], [0.9], [0.3, 0.5]).plot()
