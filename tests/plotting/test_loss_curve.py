from copy import copy

import numpy as np
import pytest

from skl_sparse_ae.plotting import LossCurveDisplay

pytestmark = pytest.mark.usefixtures("no_figure_left")


def test_the_curves_are_those_of_the_fit(autoencoder):
    lines = LossCurveDisplay.from_estimator(autoencoder).lines_
    for name, curve in {"loss": autoencoder.loss_curve_, **autoencoder.loss_terms_}.items():
        np.testing.assert_array_equal(lines[name].get_ydata(), curve)
        np.testing.assert_array_equal(
            lines[name].get_xdata(), np.arange(1, autoencoder.n_iter_ + 1)
        )


def test_curves_are_told_apart_without_colour(autoencoder):
    display = LossCurveDisplay.from_estimator(autoencoder)
    styles = {(line.get_linestyle(), line.get_marker()) for line in display.lines_.values()}
    assert len({style for style, _ in styles}) == len({marker for _, marker in styles}) == 4
    assert [text.get_text() for text in display.text_] == [
        "loss",
        "reconstruction",
        "sparsity",
        "weight decay",
    ]


def test_the_divergence_is_written_as_readers_know_it(generator):
    names = [text.get_text() for text in LossCurveDisplay.from_estimator(generator).text_]
    assert names == ["loss", "reconstruction", "KL divergence"]


@pytest.mark.parametrize("last", [1, 2, 3, 5, 23, 400])
def test_ticks_are_whole_numbers(last):
    ticks = LossCurveDisplay(np.linspace(2, 1, last), {}).plot().ax_.get_xticks()
    assert len(ticks)
    assert (ticks == np.round(ticks)).all()


def test_names_stand_at_the_height_of_their_curves():
    display = LossCurveDisplay([5.0, 3], {"reconstruction": [4.0, 1], "sparsity": [1.0, 2]}).plot()
    heights = {
        text.get_text(): display.ax_.transAxes.transform(text.get_position())[1]
        for text in display.text_
    }
    for name, end in {"loss": 3, "reconstruction": 1, "sparsity": 2}.items():
        assert heights[name] == pytest.approx(display.ax_.transData.transform((2, end))[1])


@pytest.mark.parametrize(
    ("curve", "expected"), [([1, 0.05], "log"), ([1, 0.5], "linear"), ([0, 0], "linear")]
)
def test_the_axis_is_logarithmic_where_the_curves_span_decades(curve, expected):
    assert LossCurveDisplay(curve, {}).plot().ax_.get_yscale() == expected
    assert LossCurveDisplay(curve, {}).plot(yscale="linear").ax_.get_yscale() == "linear"


def test_a_term_that_is_switched_off_is_left_out():
    display = LossCurveDisplay(
        [2.0, 0.1], {"reconstruction": [2.0, 0.1], "sparsity": [0.0, 0]}
    ).plot()
    assert set(display.lines_) == {"loss", "reconstruction"}
    display.figure_.draw_without_rendering()


def test_a_term_that_reaches_zero_is_drawn_on_a_logarithmic_axis():
    display = LossCurveDisplay(
        [2.0, 0.1], {"reconstruction": [1.0, 0.1], "sparsity": [1.0, 0]}
    ).plot()
    display.figure_.draw_without_rendering()
    assert len(display.text_) == 3


def test_a_single_iteration_can_be_drawn():
    LossCurveDisplay([2.0], {"reconstruction": [2.0]}).plot().figure_.draw_without_rendering()


@pytest.mark.parametrize(("solver", "label"), [("adam", "epoch"), ("lbfgs", "iteration")])
def test_adam_counts_epochs(autoencoder, solver, label):
    model = copy(autoencoder).set_params(solver=solver)
    assert LossCurveDisplay.from_estimator(model).ax_.get_xlabel() == label


def test_styles_can_be_changed(autoencoder):
    lines = LossCurveDisplay.from_estimator(autoencoder, linewidth=5).lines_
    assert {line.get_linewidth() for line in lines.values()} == {5}


def test_an_unknown_scale_is_refused(autoencoder):
    with pytest.raises(
        ValueError, match="yscale must be one of 'auto', 'linear', 'log', got 'cubic'"
    ):
        LossCurveDisplay.from_estimator(autoencoder, yscale="cubic")


def test_curves_below_0_are_on_a_linear_scale():
    assert (
        LossCurveDisplay([50.0, 1.0, -2.0], {"kl_divergence": [0.1, 1.0, 2.0]})
        .plot()
        .ax_.get_yscale()
        == "linear"
    )
    assert (
        LossCurveDisplay([50.0, 5.0, 2.0], {"kl_divergence": [0.1, 1.0, 2.0]})
        .plot()
        .ax_.get_yscale()
        == "log"
    )
