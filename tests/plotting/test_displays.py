"""What all displays share: scikit-learn's conventions, and matplotlib imported only if needed."""

import builtins
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import plotting
from skl_sparse_ae.plotting import (
    ActivationsDisplay,
    DensityDisplay,
    FeaturesDisplay,
    LatentPlaneDisplay,
    LossCurveDisplay,
    ReconstructionsDisplay,
    SamplesDisplay,
    TopRowsDisplay,
    TradeOffDisplay,
)

pytestmark = pytest.mark.usefixtures("no_figure_left")
FROM_ESTIMATOR = {
    "features": lambda model, X, **kw: FeaturesDisplay.from_estimator(model, (8, 8), **kw),
    "reconstructions": lambda model, X, **kw: ReconstructionsDisplay.from_estimator(
        model, X, (8, 8), **kw
    ),
    "loss curve": lambda model, X, **kw: LossCurveDisplay.from_estimator(model, **kw),
    "density": lambda model, X, **kw: DensityDisplay.from_estimator(model, X, **kw),
    "activations": lambda model, X, **kw: ActivationsDisplay.from_estimator(model, X, **kw),
    "top rows": lambda model, X, **kw: TopRowsDisplay.from_estimator(
        model, X, 2, image_shape=(8, 8), **kw
    ),
    "top rows as bars": lambda model, X, **kw: TopRowsDisplay.from_estimator(model, X, 2, **kw),
}
FROM_ESTIMATOR |= {
    "latent plane": lambda model, X, **kw: LatentPlaneDisplay.from_estimator(
        model, X, X[:, 20] > 0.5, **kw
    ),
    "latent grid": lambda model, X, **kw: LatentPlaneDisplay.from_grid(model, (8, 8), **kw),
}
DISPLAYS = FROM_ESTIMATOR | {
    "trade-off": lambda model, X, **kw: TradeOffDisplay([1, 2], [0.9, 0.8], [0.3, 0.5]).plot(**kw),
    "samples": lambda model, X, **kw: SamplesDisplay(X[:8], X[8:16], image_shape=(8, 8)).plot(**kw),
}
# Their lines or halves have names instead.
UNTITLED = {DISPLAYS["reconstructions"], DISPLAYS["samples"]}
every_display = pytest.mark.parametrize("draw", DISPLAYS.values(), ids=DISPLAYS)
every_estimator_display = pytest.mark.parametrize(
    "draw", FROM_ESTIMATOR.values(), ids=FROM_ESTIMATOR
)


@every_display
def test_a_display_makes_one_figure_of_its_own(autoencoder, images, draw):
    display = draw(autoencoder, images)
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_.figure is display.figure_
    assert display.figure_.axes == [display.ax_]


@every_display
def test_a_display_draws_in_the_axes_it_is_given(autoencoder, images, draw):
    figure, axes = plt.subplots(1, 2)
    display = draw(autoencoder, images, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert axes[1].has_data()
    assert not axes[0].has_data()


@every_display
def test_plot_returns_the_display_and_can_be_called_again(autoencoder, images, draw):
    display = draw(autoencoder, images)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


@every_display
def test_settings_of_matplotlib_stay(autoencoder, images, draw):
    before = dict(mpl.rcParams)
    draw(autoencoder, images).figure_.draw_without_rendering()
    assert dict(mpl.rcParams) == before


@every_display
def test_a_display_can_be_drawn_in_a_subfigure(autoencoder, images, draw):
    left, _ = plt.figure().subfigures(1, 2)
    assert draw(autoencoder, images, ax=left.subplots()).figure_ is left


@every_estimator_display
def test_estimators_have_to_be_fitted(autoencoder, images, draw):
    for estimator in (clone(autoencoder), make_pipeline(StandardScaler(), clone(autoencoder))):
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            draw(estimator, images)
    assert not plt.get_fignums()


@every_estimator_display
def test_what_is_no_autoencoder_is_refused(images, draw):
    with pytest.raises(
        TypeError, match="PCA is not an autoencoder: it has no method `reconstruct`"
    ):
        draw(PCA().fit(images), images)


@every_estimator_display
def test_neither_rows_nor_estimator_are_touched(autoencoder, images, draw):
    before = {
        name: np.copy(value)
        for name, value in vars(autoencoder).items()
        if isinstance(value, np.ndarray)
    }
    draw(autoencoder, images)  # which is read-only
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(autoencoder, name), value)


@pytest.fixture
def without(monkeypatch):
    """Refuse to import a package."""

    def refuse_package(package):
        import_module = builtins.__import__

        def refuse(name, *args):
            if name.split(".")[0] == package:
                raise ImportError(name)
            return import_module(name, *args)

        monkeypatch.setattr(builtins, "__import__", refuse)

    return refuse_package


@every_display
def test_a_title_says_what_the_picture_shows_and_gives_way_to_a_title_of_the_user(
    autoencoder, images, draw
):
    title = draw(autoencoder, images).ax_.get_title()
    assert title[:1].isupper() or draw in UNTITLED
    _, ax = plt.subplots()
    ax.set_title("mine")
    assert draw(autoencoder, images, ax=ax).ax_.get_title() == "mine"


@every_display
def test_pandas_is_not_needed(autoencoder, images, draw, without):
    without("pandas")
    draw(autoencoder, images).figure_.draw_without_rendering()


@every_display
def test_without_matplotlib_the_error_says_what_to_install(autoencoder, images, draw, without):
    without("matplotlib")
    message = r"Display requires matplotlib\. .*pip install matplotlib"
    with pytest.raises(ImportError, match=message):
        draw(autoencoder, images)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("skl_sparse_ae", ("matplotlib", "skl_sparse_ae.plotting")),
        ("skl_sparse_ae.plotting", ("matplotlib",)),
    ],
)
def test_import_loads_nothing_that_is_not_needed(module, absent):
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_classes_live_in_the_public_module():
    assert {getattr(plotting, name).__module__ for name in plotting.__all__} == {
        "skl_sparse_ae.plotting"
    }


def test_the_other_autoencoder_has_these_pictures_or_says_why_not(generator, images):
    for name, draw in FROM_ESTIMATOR.items():
        if name == "features":
            with pytest.raises(
                TypeError, match="VariationalAutoencoderTransformer has no 'components_' to draw"
            ):
                draw(generator, images)
        else:
            assert draw(generator, images).ax_.has_data()
    assert LossCurveDisplay.from_estimator(generator).ax_.get_xlabel() == "epoch"
    assert ActivationsDisplay.from_estimator(generator, images).target is None
