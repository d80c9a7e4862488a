"""Learned features as images."""

from typing import Any, Literal, Self

import numpy as np

from skl_sparse_ae.plotting._calls import check_calls
from skl_sparse_ae.plotting._canvas import TITLE_INCHES, axes_of, entitle, require_matplotlib
from skl_sparse_ae.plotting._checks import check_choice, check_count, chosen_units, fitted_with
from skl_sparse_ae.plotting._docstrings import fill_docstrings
from skl_sparse_ae.plotting._images import (
    CAPTION_INCHES,
    draw,
    figsize,
    gap_of,
    signed,
    square,
    tiles_of,
)

# Relative to the largest norm. Weight decay has shrunk the weights of unused units below it.
MIN_RELATIVE_NORM = 0.01

TITLES = {
    "encoder": "What activates each unit most",
    "decoder": "What each unit adds to the reconstruction",
}
TITLE_WIDTH = 3.2  # inches

SORTED_BY = {"mean_activation": "mean_activations_", "density": "density_"}


@check_calls
@fill_docstrings
class FeaturesDisplay:
    """Learned features as images: for each unit, the input that activates it most.

    Among all inputs with a norm of at most 1, unit j is most active for ``We_j / ||We_j||``, where
    We are the encoder weights [1]_. Each image has its own scale, with 0 as mid-grey: light pixels
    raise the activation, dark pixels lower it, and the unit ignores grey pixels. A unit that has
    lost its weights is entirely grey.

    Parameters
    ----------
    features : ndarray of shape (n_units, n_features)
        One image per row, in drawing order. Each row has norm 1 or 0.
    units : ndarray of shape (n_units,)
        Index of each row's unit.
    {image_shape}
    weights : {"encoder", "decoder"}, default="encoder"
        The weights that the features are, for the title.

    Attributes
    ----------
    {axes_and_figure}
    image_ : matplotlib AxesImage
        The mosaic of all features, as a single image.
    text_ : list of matplotlib Text
        The indices of the units; empty without `numbers`.

    See Also
    --------
    TopRowsDisplay : The rows of X that activate a unit most.

    References
    ----------
    .. [1] A. Ng, Sparse autoencoder, CS294A lecture notes, Stanford (2011), section "Visualizing a
       trained autoencoder".

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.plotting import FeaturesDisplay
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0).fit(X)
    >>> display = FeaturesDisplay.from_estimator(model, image_shape=(8, 8))
    >>> display.features.shape
    (16, 64)
    """

    def __init__(
        self,
        features: np.ndarray,
        *,
        units: np.ndarray,
        image_shape: tuple[int, ...],
        weights: Literal["encoder", "decoder"] = "encoder",
    ):
        self.features = features
        self.units = units
        self.image_shape = image_shape
        self.weights = weights

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        image_shape: tuple[int, ...],
        *,
        units: Any = None,
        order: Literal["norm", "mean_activation", "density"] | None = None,
        weights: Literal["encoder", "decoder"] = "encoder",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the features of a fitted autoencoder.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or a fitted pipeline that contains one. The features are those of
            the rows that reach the autoencoder.
        {image_shape}
        units : int or sequence of int, default=None
            The number of units, or their indices; None draws all.
        order : {"norm", "mean_activation", "density"} or None, default=None
            Sort the units, in descending order, by the norm of their weights, by their mean
            activation in training, or by the share of the training rows that use them.
            "mean_activation" needs a `SparseAutoencoderTransformer`, "density" needs a
            `TopKAutoencoderTransformer`. None keeps the order of `units`. If `units` is an int,
            units are counted after sorting.
        weights : {"encoder", "decoder"}, default="encoder"
            "encoder" draws what activates a unit, "decoder" what it adds to the reconstruction.
            If neighbouring pixels hardly differ, as in photographs, "decoder" is far less noisy.
        {ax}
        {plot_kwargs}

        Returns
        -------
        display : FeaturesDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `image_shape` has another number of pixels than X had features, or a unit does not
            exist.
        TypeError
            If the estimator contains no autoencoder, or one without `components_` or without the
            attribute that `order` needs.
        {raises_matplotlib}
        """
        require_matplotlib(cls.__name__)
        check_choice("order", order, (None, "norm", *SORTED_BY))
        check_choice("weights", weights, ("encoder", "decoder"))
        _, autoencoder = fitted_with(estimator, "components_")
        W = autoencoder.components_ if weights == "encoder" else autoencoder.decoder_components_
        tiles_of(W[:1], image_shape, "the estimator")
        norms = np.linalg.norm(W, axis=1)
        units = _sorted_units(units, _sort_keys(estimator, order, norms), len(W))
        is_used = (norms > MIN_RELATIVE_NORM * norms.max())[:, None]
        features = np.divide(W, norms[:, None], out=np.zeros_like(W), where=is_used)
        options = {"units": units, "image_shape": image_shape, "weights": weights}
        return cls(features[units], **options).plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        n_columns: int | None = None,
        numbers: bool = False,
        **imshow_kw: Any,
    ) -> Self:
        """Draw the mosaic.

        Parameters
        ----------
        {ax}
        n_columns : int, default=None
            Features per row; None makes the mosaic about square.
        numbers : bool, default=False
            Write the index of the unit below each feature.
        **imshow_kw : dict
            Passed to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : FeaturesDisplay

        Raises
        ------
        ValueError
            If `image_shape` does not match the features.
        {raises_matplotlib}
        """
        tiles = signed(tiles_of(self.features, self.image_shape, "the display"))
        n_columns, gap = square(len(tiles)) if n_columns is None else n_columns, gap_of(tiles)
        check_count("n_columns", n_columns)
        gaps = (max(gap, tiles.shape[2] // 3), gap) if numbers else (gap, gap)
        margins = 0, CAPTION_INCHES * numbers + TITLE_INCHES
        ax = axes_of(self, ax, figsize(tiles, n_columns, gaps, margins, TITLE_WIDTH))
        captions = [str(unit) for unit in self.units] if numbers else None
        self.image_, self.text_ = draw(ax, tiles, n_columns, gaps, captions, **imshow_kw)
        entitle(ax, TITLES[self.weights])
        return self


def _sort_keys(estimator, order, norms):
    """What to sort units by, or None."""
    if order is None:
        return None
    if order == "norm":
        return norms
    return getattr(fitted_with(estimator, SORTED_BY[order])[1], SORTED_BY[order])


def _sorted_units(units, keys, n_units):
    """The chosen units by descending keys, if given. An int counts the units after sorting."""
    if keys is None:
        return chosen_units(units, n_units)
    if np.ndim(units) == 0:
        return np.argsort(-keys, kind="stable")[: len(chosen_units(units, n_units))]
    units = chosen_units(units, n_units)
    return units[np.argsort(-keys[units], kind="stable")]
