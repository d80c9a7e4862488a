"""Displays take codes that are CSR matrices, and never make one dense as a whole."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skl_sparse_ae.metrics import explained_variance_scorer, l0_norm
from skl_sparse_ae.plotting import (
    ActivationsDisplay,
    FeaturesDisplay,
    LossCurveDisplay,
    ReconstructionsDisplay,
    TopRowsDisplay,
    TradeOffDisplay,
    _activations,
)

pytestmark = pytest.mark.usefixtures("no_figure_left")


@pytest.fixture
def never_dense(monkeypatch):
    """Refuse to make a code of 24 units dense."""
    toarray = csr_matrix.toarray

    def refuse(self, *args, **kwargs):
        assert self.shape[1] != 24
        return toarray(self, *args, **kwargs)

    monkeypatch.setattr(csr_matrix, "toarray", refuse)


@pytest.mark.parametrize("image_shape", [(8, 8), None])
def test_top_rows(dictionary, images, image_shape, never_dense):
    display = TopRowsDisplay.from_estimator(dictionary, images, 3, image_shape=image_shape)
    activations = dictionary.transform(images)[:, [3]].toarray().ravel()
    np.testing.assert_array_equal(display.activations, np.sort(activations)[::-1][:10])
    np.testing.assert_array_equal(activations[display.indices], display.activations)


def test_activations_in_blocks_of_units(monkeypatch):
    code = random(200, 24, density=0.3, format="csr", random_state=0)
    monkeypatch.setattr(_activations, "MAX_DENSE", 1000)
    sparse, dense = map(ActivationsDisplay.from_predictions, (code, code.toarray()))
    np.testing.assert_array_equal(sparse.units, dense.units)
    np.testing.assert_array_equal(sparse.quantiles, dense.quantiles)
    np.testing.assert_allclose(sparse.means, dense.means, rtol=1e-14)


def test_activations_of_an_estimator(dictionary, images):
    display = ActivationsDisplay.from_estimator(dictionary, images)
    np.testing.assert_allclose(
        display.means, dictionary.transform(images).toarray().mean(axis=0)[display.units]
    )
    assert display.target is None


def test_features_by_density(dictionary):
    display = FeaturesDisplay.from_estimator(dictionary, (8, 8), order="density", units=5)
    np.testing.assert_array_equal(
        display.units, np.argsort(-dictionary.density_, kind="stable")[:5]
    )
    atoms = FeaturesDisplay.from_estimator(dictionary, (8, 8), weights="decoder").features
    np.testing.assert_allclose(atoms, dictionary.decoder_components_, atol=1e-12)


def test_an_order_that_the_family_does_not_know(dictionary, autoencoder):
    with pytest.raises(TypeError, match="has no 'mean_activations_' to draw"):
        FeaturesDisplay.from_estimator(dictionary, (8, 8), order="mean_activation")
    with pytest.raises(TypeError, match="has no 'density_' to draw"):
        FeaturesDisplay.from_estimator(autoencoder, (8, 8), order="density")


def test_reconstructions_and_loss(dictionary, images, never_dense):
    display = ReconstructionsDisplay.from_estimator(dictionary, images, (8, 8), n_rows=4)
    np.testing.assert_array_equal(display.X_hat, dictionary.reconstruct(images[:4]))
    assert LossCurveDisplay.from_estimator(dictionary).ax_.get_xlabel() == "epoch"


def r2_and_l0(model, X, y=None):
    return {"r2": explained_variance_scorer(model, X), "l0": l0_norm(model.transform(X))}


@pytest.mark.parametrize(
    ("x", "label"),
    [
        ("mean_test_l0", "active units of a row (l0)"),
        ("param_n_nonzero_coefs", "active units of a row (n nonzero coefs)"),
    ],
)
def test_trade_off_of_a_search_over_active_units(dictionary, images, x, label):
    search = GridSearchCV(
        clone(dictionary), {"n_nonzero_coefs": [2, 4, 8]}, scoring=r2_and_l0, refit=False, cv=2
    ).fit(images)
    display = TradeOffDisplay.from_cv_results(
        search.cv_results_, x=x, parameter="param_n_nonzero_coefs"
    )
    assert display.ax_.get_xlabel() == label
    assert [text.get_text() for text in display.text_] == ["2", "4", "8"]
    np.testing.assert_allclose(display.sparsity, [2, 4, 8], rtol=0.15)
    assert (np.diff(display.reconstruction) > 0).all()
