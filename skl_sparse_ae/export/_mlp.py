"""Autoencoders as the hidden layers of scikit-learn's perceptrons, for fine-tuning.

`to_mlp_classifier` and `to_mlp_regressor` make an `MLPClassifier` or `MLPRegressor` whose hidden
layers are the encoders of fitted autoencoders. It has ``warm_start=True``, so `fit` continues from
there and trains all layers at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_array, column_or_1d

from skl_sparse_ae._estimator.unwrap import steps_of
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae.export._model import code_activation

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")  # of scikit-learn's perceptrons
GIVEN = ("hidden_layer_sizes", "activation", "warm_start")
# Parameters of the step that makes scikit-learn create the weights: cheap, and without noise.
FIRST_STEP = {
    "solver": "adam",
    "early_stopping": False,
    "batch_size": "auto",
    "verbose": False,
    "random_state": 0,
}


def to_mlp_classifier(
    model: Any, X: ArrayLike, y: ArrayLike, **parameters: Any
) -> MLPClassifier | Pipeline:
    """Return a classifier whose hidden layers are the encoders of `model`, for fine-tuning.

    Its last layer is a logistic regression on the code of X (C=10). So before `fit` it predicts
    like this regression, and a random last layer does not dominate the first training steps.

    Parameters
    ----------
    model : SparseAutoencoderTransformer or Pipeline
        A fitted model; it may be in a `FrozenEstimator`, another Pipeline or a search. Each
        autoencoder at the end of a Pipeline becomes a hidden layer. Earlier steps, such as a
        scaler, stay in front of the classifier in a `FrozenEstimator`, so that the few labelled
        rows do not refit them.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Labelled rows, as for `model.transform`.
    y : array-like of shape (n_samples,)
        Labels of at least two classes. Pass the same set of classes to `fit`.
    **parameters
        Parameters of `MLPClassifier`, except `hidden_layer_sizes`, `activation` and `warm_start`,
        which the autoencoders determine. With few rows, keep the default solver: L-BFGS trains
        until the initial weights have no influence.

    Returns
    -------
    classifier : MLPClassifier or Pipeline
        A Pipeline if there are steps before the autoencoders. The weights are copies: `fit` does
        not change `model`.

    Raises
    ------
    NotFittedError
        If an autoencoder is not fitted.
    TypeError
        If `model` does not end with an autoencoder, or `MLPClassifier` lacks a parameter.
    ValueError
        For parameters that the autoencoders determine, code activations that perceptrons lack or
        that differ, X and y that do not match the model or each other, fewer than two classes, or
        several labels per row.

    Notes
    -----
    `sklearn.base.clone` makes an unfitted MLP with random weights. `cross_val_score` and
    `GridSearchCV` clone: in a cross-validation, call this function for each split instead.

    References
    ----------
    G. E. Hinton and R. R. Salakhutdinov, Reducing the dimensionality of data with neural networks,
    Science 313 (2006).

    A. Kumar et al., Fine-tuning can distort pretrained features and underperform
    out-of-distribution, ICLR (2022), for fitting the last layer first.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.export import to_mlp_classifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> model = SparseAutoencoderTransformer(64, random_state=0).fit(X)  # all rows, no labels
    >>> X_few, y_few = X[:200], y[:200]  # few labels
    >>> classifier = to_mlp_classifier(model, X_few, y_few, max_iter=20, tol=0, random_state=0)
    >>> with warnings.catch_warnings(action="ignore"):  # not converged, on purpose
    ...     classifier = classifier.fit(X_few, y_few)
    >>> classifier.score(X[200:], y[200:]) > 0.8
    True
    """
    front, encoders = _split(model, "to_mlp_classifier")
    mlp = _network(MLPClassifier, encoders, column_or_1d(y), parameters)
    last = LogisticRegression(C=10, max_iter=1000).fit(model.transform(X), y)
    return _joined(front, mlp, encoders, last.coef_, last.intercept_)


def to_mlp_regressor(
    model: Any, X: ArrayLike, y: ArrayLike, **parameters: Any
) -> MLPRegressor | Pipeline:
    """Return a regressor whose hidden layers are the encoders of `model`, for fine-tuning.

    Its last layer is a ridge regression on the code of X (alpha=1); see `to_mlp_classifier`.

    Parameters
    ----------
    model : SparseAutoencoderTransformer or Pipeline
        As for `to_mlp_classifier`.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows with targets, as for `model.transform`.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets. `MLPRegressor` needs targets within a few units of zero.
    **parameters
        Parameters of `MLPRegressor`, except `hidden_layer_sizes`, `activation`, `warm_start`, and a
        `loss` other than the squared error.

    Returns
    -------
    regressor : MLPRegressor or Pipeline
        As for `to_mlp_classifier`.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As for `to_mlp_classifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.export import to_mlp_regressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> y = (y - y.mean()) / y.std()
    >>> autoencoder = SparseAutoencoderTransformer(16, tol=1e-3, random_state=0)
    >>> model = make_pipeline(StandardScaler(), autoencoder).fit(X)
    >>> regressor = to_mlp_regressor(model, X[:300], y[:300], tol=1e-3, random_state=0)
    >>> regressor = regressor.fit(X[:300], y[:300])
    >>> regressor.score(X[300:], y[300:]) > 0.3
    True
    """
    front, encoders = _split(model, "to_mlp_regressor")
    if parameters.get("loss", "squared_error") != "squared_error":
        raise ValueError(
            "The last layer is fitted by least squares, so loss must be 'squared_error'. Leave it "
            "out."
        )
    mlp = _network(MLPRegressor, encoders, check_array(y, ensure_2d=False), parameters)
    last = Ridge().fit(model.transform(X), y)
    return _joined(front, mlp, encoders, np.atleast_2d(last.coef_), np.atleast_1d(last.intercept_))


def _split(model, caller):
    """(frozen steps before the autoencoders at the end of `model`, those autoencoders)."""
    steps = steps_of(model)
    n_front = len(steps)
    while n_front and isinstance(steps[n_front - 1], SparseAutoencoderTransformer):
        n_front -= 1
        steps[n_front]._check_fitted()
    if n_front == len(steps):
        raise TypeError(
            f"{caller} takes a SparseAutoencoderTransformer, or a Pipeline that ends with one or "
            f"several, got {_described(model, steps)}."
        )
    return [FrozenEstimator(step) for step in steps[:n_front]], steps[n_front:]


def _described(model, steps):
    name = type(model).__name__
    if not steps or steps == [model]:
        return name
    return f"a {name} that ends with {type(steps[-1]).__name__}"


def _network(kind, encoders, y, parameters):
    """An MLP of the right architecture for targets like `y`, with random weights and no history.

    scikit-learn creates the weights in the first training step. So one step is run, on rows of
    zeros, and its traces are removed.
    """
    if given := [name for name in GIVEN if name in parameters]:
        raise ValueError(
            f"{', '.join(given)} are determined by the autoencoders, whose units become the hidden "
            "units. Leave them out."
        )
    parameters = parameters | {
        "hidden_layer_sizes": tuple(len(encoder.intercept_) for encoder in encoders),
        "activation": _common_activation(encoders),
        "warm_start": True,
    }
    y, classes = (y[:1], {}) if kind is MLPRegressor else _one_of_each(y)
    mlp = kind(**parameters | FIRST_STEP)
    X = np.zeros((len(y), encoders[0].n_features_in_), dtype=encoders[0].components_.dtype)
    mlp.partial_fit(X, y, **classes)
    mlp.set_params(**kind(**parameters).get_params())
    early = mlp.early_stopping
    mlp.n_iter_, mlp.t_, mlp.loss_curve_, mlp.validation_scores_ = 0, 0, [], [] if early else None
    mlp.best_loss_, mlp.best_validation_score_ = (None, -np.inf) if early else (np.inf, None)
    del mlp._optimizer, mlp.loss_  # the moments and the loss of the first step
    return mlp


def _common_activation(encoders):
    names = sorted({code_activation(encoder) for encoder in encoders})
    if len(names) > 1 or names[0] not in ACTIVATIONS:
        raise ValueError(
            "All hidden layers of a perceptron have the same activation, one of "
            f"{', '.join(ACTIVATIONS)}. The codes have {', '.join(names)}."
        )
    return names[0]


def _one_of_each(y):
    """The classes as targets, and as an argument of `partial_fit`."""
    classes = unique_labels(y)
    if len(classes) < 2:
        raise ValueError(f"y needs at least 2 classes, got {len(classes)}: {classes[0]!r}.")
    return classes, {"classes": classes}


def _joined(front, mlp, encoders, coef, intercept):
    """`mlp` behind `front`, its weights replaced by the encoders and a last layer.

    `coef` has shape (n_outputs, n_units).
    """
    layers = [(encoder.components_, encoder.intercept_) for encoder in encoders]
    layers.append((coef, intercept))
    dtype = mlp.coefs_[0].dtype
    mlp.coefs_ = [np.array(W.T, dtype=dtype, order="C") for W, _ in layers]
    mlp.intercepts_ = [np.array(b, dtype=dtype) for _, b in layers]
    if hasattr(encoders[0], "feature_names_in_"):
        mlp.feature_names_in_ = encoders[0].feature_names_in_
    return make_pipeline(*front, mlp) if front else mlp
