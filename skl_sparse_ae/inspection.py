"""Tables that help to interpret the units of a fitted autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skl_sparse_ae._estimator.unwrap import autoencoder_in, inverse_transform_before
from skl_sparse_ae._variational.estimator import VariationalAutoencoderTransformer

__all__ = ["TopFeatures", "top_features"]

UNITS_AT_ONCE = 64


@dataclass(frozen=True, eq=False, repr=False)
class TopFeatures:
    """The features with the largest weights of each unit, as returned by `top_features`.

    ``print`` shows one line for each unit. ``pandas.DataFrame(table.names, index=table.units)``
    makes a DataFrame.

    Parameters
    ----------
    units : ndarray of shape (n_units,)
        Indices of the units.
    names : ndarray of shape (n_units, n), object
        Names of the features, sorted by decreasing absolute weight. A name is empty if the weight
        is 0.
    weights : ndarray of shape (n_units, n)
        Their weights.

    See Also
    --------
    top_features : Returns such a table.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sparse_ae.inspection import TopFeatures
    >>> names = np.array([["red", "round"], ["wet", "cold"]], dtype=object)
    >>> table = TopFeatures(np.array([0, 7]), names, np.array([[2, 0.5], [0.9, -0.8]]))
    >>> print(table)
    unit 0: red, round
    unit 7: wet, -cold
    """

    units: np.ndarray
    names: np.ndarray
    weights: np.ndarray

    def __repr__(self):
        n_units, n = self.names.shape
        return f"TopFeatures of {n_units} units, {n} features each"

    def __str__(self):
        width = len(str(self.units.max(initial=0)))
        return "\n".join(
            f"unit {unit:>{width}}: {_joined(*row)}"
            for unit, *row in zip(self.units, self.names, self.weights, strict=True)
        )


def _joined(names, weights):
    signed = zip(names, weights, strict=True)
    return ", ".join(f"{'-' if weight < 0 else ''}{name}" for name, weight in signed if weight)


def top_features(
    model: Any,
    feature_names: ArrayLike | None = None,
    n: int = 8,
    *,
    units: ArrayLike | None = None,
    original_features: bool = False,
) -> TopFeatures:
    """List the features with the largest weights of each unit, which helps to name the units.

    The weight of a feature is its decoder weight: the change of the feature's reconstruction (or of
    its logit, with ``loss="cross_entropy"``) per unit of activation. For a variational autoencoder
    it is half the difference between the reconstructions for latent values of +1 and -1, with all
    other latent variables at 0.

    Parameters
    ----------
    model : estimator instance
        A fitted autoencoder of any family, or a fitted pipeline that contains one.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the features, such as the words of a vectorizer. None takes the names from the
        fit, if any, and otherwise x0, x1, ...
    n : int, default=8
        Maximum number of features of each unit.
    units : array-like of int of shape (n_units,), default=None
        Indices of the units, in the order of the table. None lists all.
    original_features : bool, default=False
        False lists the features that reach the autoencoder. True lists the input columns of the
        pipeline, for example words in front of a `TruncatedSVD`. The weight is then the change of
        the reconstruction, in the unit of the column, when the activation goes from 0 to 1. The
        steps before the autoencoder need `inverse_transform`.

    Returns
    -------
    table : TopFeatures
        It has the attributes `units`, `names` and `weights`, sorted by decreasing absolute weight.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model is not an autoencoder and does not contain one.
    ValueError
        If the number of names is not the number of features, a unit does not exist, or `n` is not
        a positive integer.

    See Also
    --------
    skl_sparse_ae.plotting.TopRowsDisplay : The rows that activate a unit most.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.inspection import top_features
    >>> wine = load_wine()
    >>> model = SparseAutoencoderTransformer(4, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), model).fit(wine.data)
    >>> table = top_features(pipeline, wine.feature_names, n=3)
    >>> table.names.shape, table.weights.shape
    ((4, 3), (4, 3))
    """
    before, autoencoder = autoencoder_in(model)
    check_is_fitted(autoencoder)
    units = _checked_units(units, len(autoencoder.get_feature_names_out()))
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n must be an int of at least 1, got {n!r}.")
    steps = before if original_features else None
    weights = weights_of(steps, autoencoder, units, original_features)
    seen = names_seen(autoencoder, model)
    if original_features and before is not None:
        seen = getattr(before, "feature_names_in_", None)
    names = _checked_names(seen if feature_names is None else feature_names, weights.shape[1])
    order = np.argsort(-np.abs(weights), axis=1, kind="stable")[:, :n]
    largest = np.take_along_axis(weights, order, axis=1)
    return TopFeatures(units, np.where(largest == 0, "", names[order]), largest)


def weights_of(before, autoencoder, units, original_features):
    """The weights (n_units, n_features) of these units, see `top_features`."""
    if isinstance(autoencoder, VariationalAutoencoderTransformer):
        return _change(before, autoencoder, units, -1) / 2
    if original_features:
        return _change(before, autoencoder, units, 0)
    return autoencoder.decoder_components_[units]


def _change(before, autoencoder, units, start):
    """The change of the reconstruction as each unit goes from `start` to 1, the others at 0."""
    n_units, changes = len(autoencoder.get_feature_names_out()), []
    for first in range(0, len(units), UNITS_AT_ONCE):
        chosen = units[first : first + UNITS_AT_ONCE]
        code = np.zeros((len(chosen), n_units))
        rows = []
        for activation in (1, start):
            code[np.arange(len(chosen)), chosen] = activation
            X_hat = autoencoder.inverse_transform(code)
            rows.append(np.asarray(inverse_transform_before(before, X_hat)))
        changes.append(rows[0] - rows[1])
    return np.concatenate(changes)


def names_seen(autoencoder, estimator):
    """Names of the columns that reach the autoencoder, or None.

    The autoencoder has no names if a scaler before it returns an array. The pipeline's names are
    then taken, if their number is the same.
    """
    for fitted in (autoencoder, estimator):
        names = getattr(fitted, "feature_names_in_", None)
        if names is not None and len(names) == autoencoder.n_features_in_:
            return names
    return None


def _checked_names(names, n_features):
    if names is None:
        names = [f"x{i}" for i in range(n_features)]
    names = np.asarray(names, dtype=object)
    if names.shape != (n_features,):
        raise ValueError(
            f"feature_names has {names.size} names, but there are {n_features} features."
        )
    return names


def _checked_units(units, n_units):
    if units is None:
        return np.arange(n_units)
    units = np.asarray(units)
    if units.ndim != 1 or units.size == 0 or units.dtype.kind not in "iu":
        raise ValueError("units must be None or a non-empty sequence of indices.")
    if units.min() < 0 or units.max() >= n_units:
        raise ValueError(f"units must be from 0 to {n_units - 1}, got {units.tolist()}.")
    return units
