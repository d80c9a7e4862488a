"""What each unit looks for, as images."""

from typing import Any, Literal, Self

import numpy as np

from skl_sparse_ae.plotting._canvas import axes_of, require_matplotlib
from skl_sparse_ae.plotting._checks import check_choice, check_count, chosen_units, fitted_with
from skl_sparse_ae.plotting._images import (
    CAPTION_INCHES,
    draw,
    figsize,
    gap_of,
    signed,
    square,
    tiles_of,
)

LEAST_SHARE = (
    0.01  # of the largest norm: weights below it are what decay has left of an unused unit
)


class FeaturesDisplay:
    """Learned features as images: for each unit the input that activates it most.

    Among all inputs of at most unit norm, unit j is most active for ``We_j / ||We_j||``, We being the encoder weights [1]_.
    Each image has its own scale with 0 as mid-grey: light pixels raise the activation, dark ones lower it, and inputs that
    the unit ignores are grey. A unit that has lost its weights is grey all over.

    Parameters
    ----------
    features : ndarray of shape (n_units, n_features)
        One image a row, in the order in which they are drawn, of unit norm or zero.
    units : ndarray of shape (n_units,)
        Index of the unit that each one belongs to.
    image_shape : tuple of int
        ``(height, width)``, or ``(height, width, 3)`` for rows that hold red, green and blue for each pixel.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes drawn in, after `plot`.
    figure_ : matplotlib Figure
        Its figure.
    image_ : matplotlib AxesImage
        The mosaic of all features, a single image.
    text_ : list of matplotlib Text
        The numbers of the units, empty without them.

    See Also
    --------
    TopRowsDisplay : The rows of X, rather than any input, that activate a unit most.

    References
    ----------
    .. [1] A. Ng, Sparse autoencoder, CS294A lecture notes, Stanford (2011), section "Visualizing a trained autoencoder".

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

    def __init__(self, features: np.ndarray, *, units: np.ndarray, image_shape: tuple[int, ...]):
        self.features = features
        self.units = units
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        image_shape: tuple[int, ...],
        *,
        units: Any = None,
        order: Literal["norm", "mean_activation"] | None = None,
        weights: Literal["encoder", "decoder"] = "encoder",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the features of a fitted autoencoder.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or a fitted pipeline with one: then the features are those of what reaches it.
        image_shape : tuple of int
            ``(height, width)`` or ``(height, width, 3)``.
        units : int or sequence of int, default=None
            How many units, or which; None draws all.
        order : {"norm", "mean_activation"} or None, default=None
            Draw the units with the largest weights, or those most active in training, first. None keeps the order of
            `units`, and an int there is the number of units after ordering.
        weights : {"encoder", "decoder"}, default="encoder"
            What activates a unit, or what it adds to the reconstruction. Where neighbouring pixels hardly differ, as in
            photographs, "decoder" is far less noisy.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : FeaturesDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `image_shape` does not have as many pixels as X had features, or for units that there are not.
        TypeError
            If the estimator is no autoencoder, or one whose units are no images of weights.
        ImportError
            Without matplotlib.
        """
        require_matplotlib(cls.__name__)
        check_choice("order", order, (None, "norm", "mean_activation"))
        check_choice("weights", weights, ("encoder", "decoder"))
        _, autoencoder = fitted_with(estimator, "components_")
        W = autoencoder.components_ if weights == "encoder" else autoencoder.decoder_components_
        tiles_of(W[:1], image_shape, "the estimator")
        norms = np.linalg.norm(W, axis=1)
        values = {None: None, "norm": norms, "mean_activation": autoencoder.mean_activations_}[
            order
        ]
        units = _ordered(units, values, len(W))
        features = np.divide(
            W,
            norms[:, None],
            out=np.zeros_like(W),
            where=(norms > LEAST_SHARE * norms.max())[:, None],
        )
        return cls(features[units], units=units, image_shape=image_shape).plot(ax, **kwargs)

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
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        n_columns : int, default=None
            Features in a row; None makes the mosaic about square.
        numbers : bool, default=False
            Write the index of its unit below each feature.
        **imshow_kw : dict
            Passed to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : FeaturesDisplay

        Raises
        ------
        ValueError
            If `image_shape` does not fit the features.
        ImportError
            Without matplotlib.
        """
        tiles = signed(tiles_of(self.features, self.image_shape, "the display"))
        n_columns, gap = square(len(tiles)) if n_columns is None else n_columns, gap_of(tiles)
        check_count("n_columns", n_columns)
        gaps = (max(gap, tiles.shape[2] // 3), gap) if numbers else (gap, gap)
        ax = axes_of(self, ax, figsize(tiles, n_columns, gaps, (0, CAPTION_INCHES * numbers)))
        captions = [str(unit) for unit in self.units] if numbers else None
        self.image_, self.text_ = draw(ax, tiles, n_columns, gaps, captions, **imshow_kw)
        return self


def _ordered(units, values, n_units):
    """The chosen units, by falling values if there are any; an int is then counted after sorting."""
    if values is None:
        return chosen_units(units, n_units)
    if np.ndim(units) == 0:
        return np.argsort(-values, kind="stable")[: len(chosen_units(units, n_units))]
    units = chosen_units(units, n_units)
    return units[np.argsort(-values[units], kind="stable")]
