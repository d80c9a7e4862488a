import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae.plotting import ReconstructionsDisplay

pytestmark = pytest.mark.usefixtures("no_figure_left")


def test_the_first_rows_stand_above_what_the_model_makes_of_them(autoencoder, images):
    display = ReconstructionsDisplay.from_estimator(autoencoder, images, (8, 8), n_rows=3)
    np.testing.assert_array_equal(display.X, images[:3])
    np.testing.assert_allclose(display.X_hat, autoencoder.reconstruct(images[:3]))
    picture = display.image_.get_array()[..., 0]
    low, high = images[:3].min(), images[:3].max()
    np.testing.assert_allclose(picture[:8, 9:17], (images[1].reshape(8, 8) - low) / (high - low))
    shown = np.clip((display.X_hat[1].reshape(8, 8) - low) / (high - low), 0, 1)
    np.testing.assert_allclose(picture[9:17, 9:17], shown)


def test_every_line_of_images_is_named(autoencoder, images):
    display = ReconstructionsDisplay.from_estimator(
        autoencoder, images, (8, 8), n_rows=5, n_columns=3
    )
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["original", "reconstruction"] * 2
    picture = display.image_.get_array()
    for y in display.ax_.get_yticks():  # in the middle of a line of opaque pixels
        np.testing.assert_array_equal(picture[int(y - 3.5) : int(y + 4.5), :8, 3], 1)


def test_there_are_no_more_pairs_than_rows(autoencoder, images):
    assert len(ReconstructionsDisplay.from_estimator(autoencoder, images[:4], (8, 8)).X) == 4


def test_limits_set_black_and_white(images):
    display = ReconstructionsDisplay.from_predictions(
        images[:1], images[:1], (8, 8), limits=(-1, 1)
    )
    assert display.image_.get_array()[..., 0].min() == 0.5


@pytest.mark.parametrize(
    "container", [pd.DataFrame, csr_array, np.ndarray.tolist], ids=["DataFrame", "CSR", "list"]
)
def test_rows_may_come_in_other_containers(autoencoder, images, container):
    X, model = container(images), autoencoder
    if container is pd.DataFrame:
        X.columns = [f"pixel {i}" for i in range(64)]
        model = _fit(clone(autoencoder), X)
    display = ReconstructionsDisplay.from_estimator(model, X, (8, 8))
    np.testing.assert_array_equal(display.X, images[:10])


def test_reconstructions_of_a_pipeline_are_in_the_unit_of_its_input(autoencoder, images):
    X = 16 * images
    pipeline = _fit(make_pipeline(StandardScaler(), clone(autoencoder)), X)
    display = ReconstructionsDisplay.from_estimator(pipeline, X, (8, 8))
    np.testing.assert_array_equal(display.X, X[:10])
    error = ((display.X_hat - X[:10]) ** 2).sum() / ((X[:10] - X.mean(axis=0)) ** 2).sum()
    assert error < 0.8


def _fit(estimator, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X)


def test_a_shape_that_does_not_fit_is_refused(autoencoder, images):
    with pytest.raises(ValueError, match=r"image_shape=\(8, 9\) has 72 pixels, X has 64 features"):
        ReconstructionsDisplay.from_estimator(autoencoder, images, (8, 9))


def test_rows_and_reconstructions_have_to_match(images):
    with pytest.raises(ValueError, match=r"X has shape \(3, 64\), but X_hat has shape \(2, 64\)"):
        ReconstructionsDisplay.from_predictions(images[:3], images[:2], (8, 8))


@pytest.mark.parametrize("options", [{"n_rows": 0}, {"n_rows": 2.5}, {"n_columns": 0}])
def test_counts_are_positive_integers(autoencoder, images, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be an int of at least 1"):
        ReconstructionsDisplay.from_estimator(autoencoder, images, (8, 8), **options)
