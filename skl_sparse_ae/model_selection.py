"""Choosing `sparsity_weight` on purpose, and taking over the constants of others.

A search by reconstruction alone always picks the least sparse model: the penalty can only cost. So there is a rule that
searches can apply (`SparsestWithin`), the whole trade-off at the price of a few fits (`sparse_autoencoder_path`), and
translators for constants that work for other people's objectives (`ufldl_parameters`, `matlab_parameters`).
"""

import copy
import re
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_array, check_scalar

from skl_sparse_ae._estimator.validation import check_real
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae._sparse.scale import factor_of
from skl_sparse_ae.metrics import reconstruction_and_sparsity_scorer

__all__ = [
    "SparseAutoencoderPath",
    "SparsestWithin",
    "matlab_parameters",
    "sparse_autoencoder_path",
    "ufldl_parameters",
]

ORDERS = {"ascending": 1, "descending": -1}
DECODERS = {
    "sigmoid": "logistic",
    "linear": "identity",
    "logsig": "logistic",
    "purelin": "identity",
}


class SparsestWithin(BaseEstimator):
    """For `refit` of a search: the sparsest model whose score is close enough to the best.

    By default close enough is within one standard error of the best mean score, the rule of Breiman et al.: what is given
    up could be chance. The error is that of the best candidate's mean over the splits, their standard deviation (with
    one degree of freedom less than splits) divided by the square root of their number.

    Parameters
    ----------
    score : str, default="r2"
        Name of the metric, among those of `scoring`, that must stay close to its best; higher is better.
    sparsity : str, default="hoyer"
        Name of the metric that is made as high as possible. Of equals the one with the better score is taken, then the
        first.
    tolerance : "one_standard_error" or float >= 0, default="one_standard_error"
        Or how much of the mean score may be given up, in its own units: 0.02 is two hundredths of R2.

    See Also
    --------
    skl_sparse_ae.metrics.reconstruction_and_sparsity_scorer : A `scoring` with both metrics.

    References
    ----------
    Breiman, L., Friedman, J. H., Olshen, R. A. and Stone, C. J., Classification and Regression Trees (1984), section 3.4.3.

    Hastie, T., Tibshirani, R. and Friedman, J., The Elements of Statistical Learning, 2nd edition (2009), section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.metrics import reconstruction_and_sparsity_scorer
    >>> from skl_sparse_ae.model_selection import SparsestWithin
    >>> search = GridSearchCV(
    ...     SparseAutoencoderTransformer(16, random_state=0),
    ...     {"sparsity_target": [0.05, 0.1, 0.2]},
    ...     scoring=reconstruction_and_sparsity_scorer,
    ...     refit=SparsestWithin(tolerance=0.08),
    ...     cv=3,
    ... )
    >>> search.fit(load_digits().data / 16).best_params_
    {'sparsity_target': 0.1}
    """

    def __init__(
        self,
        score: str = "r2",
        sparsity: str = "hoyer",
        tolerance: float | Literal["one_standard_error"] = "one_standard_error",
    ):
        self.score = score
        self.sparsity = sparsity
        self.tolerance = tolerance

    def __call__(self, cv_results: dict[str, Any]) -> int:
        """The index of the candidate to refit.

        Parameters
        ----------
        cv_results : dict of ndarrays
            As the `cv_results_` of `GridSearchCV`. Candidates whose fits failed, with scores of NaN, are passed over.

        Returns
        -------
        best_index : int

        Raises
        ------
        ValueError
            If a metric is not among the results, if all candidates failed, if `tolerance` is out of range, or if it
            asks for the standard error of a single split.
        TypeError
            If `tolerance` is neither a number nor "one_standard_error".
        """
        score, sparsity = (_mean_of(cv_results, name) for name in (self.score, self.sparsity))
        succeeded = np.isfinite(score) & np.isfinite(sparsity)
        if not succeeded.any():
            raise ValueError(
                f"No candidate has finite {self.score!r} and {self.sparsity!r} scores: all fits failed. Search with "
                "error_score='raise' to see why."
            )
        best = int(np.argmax(np.where(succeeded, score, -np.inf)))
        close = succeeded & (score >= score[best] - self._slack(cv_results, best))
        order = np.lexsort((-score, -sparsity))  # by sparsity, then score, then position
        return int(next(i for i in order if close[i]))

    def _slack(self, cv_results, best):
        """How far below the best mean score is close enough."""
        if not isinstance(self.tolerance, str):
            return check_real(self.tolerance, "tolerance", min_val=0)
        if self.tolerance != "one_standard_error":
            raise ValueError(
                f"tolerance must be 'one_standard_error' or a float >= 0, got {self.tolerance!r}."
            )
        n_splits = sum(
            re.fullmatch(rf"split\d+_test_{re.escape(self.score)}", key) is not None
            for key in cv_results
        )
        if n_splits < 2:
            raise ValueError(
                f"One standard error needs the scores of at least 2 splits, got {n_splits}. Raise cv, or give tolerance as "
                "a number."
            )
        return cv_results[f"std_test_{self.score}"][best] / np.sqrt(
            n_splits - 1
        )  # that `std` divides by n_splits


@dataclass(frozen=True)
class SparseAutoencoderPath:
    """The trade-off between reconstruction and sparsity, as `sparse_autoencoder_path` returns it.

    Every array has one entry for each weight, in the order in which the weights were given.

    Attributes
    ----------
    sparsity_weights : ndarray of shape (n_weights,)
        The numbers used.
    r2 : ndarray of shape (n_weights,)
        R2 of the reconstruction, of `X_test` if that was given.
    hoyer : ndarray of shape (n_weights,)
        Hoyer sparsity of the code, mean over rows; of `X_test` if that was given.
    mean_activation : ndarray of shape (n_weights,)
        Mean of the training rows' code over rows and units.
    loss : ndarray of shape (n_weights,)
        The objective J at the training rows. It is the sum of the next three.
    reconstruction : ndarray of shape (n_weights,)
        The reconstruction loss of the training rows, mean over rows and features.
    sparsity : ndarray of shape (n_weights,)
        `sparsity_weight` times the sum of the divergences over units.
    weight_decay : ndarray of shape (n_weights,)
        The two weight decays.
    n_iter : ndarray of shape (n_weights,), int
        Iterations or epochs of each fit.
    models : list of SparseAutoencoderTransformer
        The fitted estimators.
    """

    sparsity_weights: np.ndarray
    r2: np.ndarray
    hoyer: np.ndarray
    mean_activation: np.ndarray
    loss: np.ndarray
    reconstruction: np.ndarray
    sparsity: np.ndarray
    weight_decay: np.ndarray
    n_iter: np.ndarray
    models: list[SparseAutoencoderTransformer]


def sparse_autoencoder_path(
    X: ArrayLike,
    sparsity_weights: ArrayLike,
    *,
    estimator: SparseAutoencoderTransformer | None = None,
    order: Literal["ascending", "descending"] = "ascending",
    X_test: ArrayLike | None = None,
) -> SparseAutoencoderPath:
    """Fit one autoencoder for each `sparsity_weight`, each from the weights of the one before.

    In either order a path takes about half the time of separate fits. The objective has many local minima, so a path need not
    find those of separate fits. ``python -m benchmarks.path``, 8 weights from 0.03 to 10 times the scale, 32 units, medians of
    5 seeds, on digits in 0..1 and standardised: ascending takes 54 % and 51 % of the iterations of separate fits, descending
    57 % and 57 %. J is nowhere above that of separate fits, and up to 2.5 % below.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows to fit, as for the estimator.
    sparsity_weights : array-like of shape (n_weights,)
        Numbers >= 0, or multiples such as "0.5*scale", in any order; not both. A geometric series, say
        ``[f"{m:g}*scale" for m in np.geomspace(0.03, 10, 6)]``, is a good start for any X.
    estimator : SparseAutoencoderTransformer or None, default=None
        Sets all other parameters. It is left as it is; its own `sparsity_weight` and `warm_start` do not count. None is one
        with default parameters.
    order : {"ascending", "descending"}, default="ascending"
        Which weight is fitted first, the smallest or the largest.
    X_test : array-like or sparse matrix of shape (n_test_samples, n_features) or None, default=None
        Rows for `r2` and `hoyer` of the path. None takes X.

    Returns
    -------
    path : SparseAutoencoderPath
        The trade-off curve is ``path.r2`` over ``path.hoyer``.

    Raises
    ------
    TypeError
        If `estimator` is not a SparseAutoencoderTransformer.
    ValueError
        If a weight is negative or not finite, or `order` is not one of the two; and what `fit` raises.

    Warns
    -----
    ConvergenceWarning, UserWarning
        Whatever the fits warn of. A weight so small that the code is far from its target does.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.model_selection import sparse_autoencoder_path
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(16, random_state=0)
    >>> path = sparse_autoencoder_path(X, ["scale", "3*scale", "10*scale"], estimator=model)
    >>> bool(path.r2[0] > path.r2[2]), bool(path.hoyer[0] < path.hoyer[2])
    (True, True)
    """
    weights, sizes = _check_weights(sparsity_weights)
    models: list[Any] = [None] * len(weights)
    model = _check_estimator(estimator)
    warm_start = model.warm_start
    for i in np.argsort(ORDERS[_check_order(order)] * sizes, kind="stable"):
        model.set_params(sparsity_weight=weights[i], warm_start=True).fit(X)
        models[i] = copy.copy(model).set_params(
            warm_start=warm_start
        )  # `fit` replaces attributes, never writes into them
    columns = [_figures(model, X, X if X_test is None else X_test) for model in models]
    curves = {name: np.array([column[name] for column in columns]) for name in columns[0]}
    used = np.array([model.sparsity_weight_ for model in models])
    return SparseAutoencoderPath(sparsity_weights=used, models=models, **curves)


def ufldl_parameters(
    n_features: int,
    *,
    hidden_size: int = 25,
    sparsity_param: float = 0.01,
    lambda_: float = 1e-4,
    beta: float = 3.0,
    decoder: Literal["sigmoid", "linear"] = "sigmoid",
    max_iter: int = 400,
) -> dict[str, Any]:
    """Parameters that make J the objective of Ng's notes and the UFLDL tutorial, up to a factor.

    Those minimise ``mean over rows of 1/2 ||x_hat - x||^2 + lambda/2 (||W1||^2 + ||W2||^2) + beta sum_j KL_j``, the squared
    error summed over features. With the parameters returned it is ``n_features / 2`` times J. So `beta` is not a
    `sparsity_weight`: it has to be multiplied by ``2 / n_features``, and `lambda` by 2.

    Parameters
    ----------
    n_features : int
        Number of columns of X, `visibleSize` there. The constants depend on it.
    hidden_size, sparsity_param, lambda_, beta : int, float, float, float
        The constants of the same names there; defaults are those of the first exercise, 8 x 8 patches.
    decoder : {"sigmoid", "linear"}, default="sigmoid"
        "linear" for the exercise on linear decoders.
    max_iter : int, default=400
        `options.maxIter` there.

    Returns
    -------
    parameters : dict
        Keyword arguments of `SparseAutoencoderTransformer`.

    Raises
    ------
    ValueError, TypeError
        If a constant is out of range or not a number, or `decoder` is not one of the two.

    References
    ----------
    Ng, A., Sparse autoencoder, CS294A lecture notes, Stanford (2011), section 3.

    Examples
    --------
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.model_selection import ufldl_parameters
    >>> parameters = ufldl_parameters(64)
    >>> parameters["sparsity_weight"], parameters["encoder_alpha"]
    (0.09375, 0.0002)
    >>> model = SparseAutoencoderTransformer(**parameters, random_state=0)
    """
    _check_counts(n_features=n_features, hidden_size=hidden_size, max_iter=max_iter)
    _check_constants("sparsity_param", sparsity_param, lambda_=lambda_, beta=beta)
    _check_decoder("decoder", decoder, ("sigmoid", "linear"))
    objective = {"alpha": 2 * lambda_, "weight": 2 * beta, "decoder": decoder}
    return _parameters(n_features, hidden_size, max_iter, sparsity_param, **objective)


def matlab_parameters(
    n_features: int,
    *,
    hidden_size: int = 10,
    max_epochs: int = 1000,
    l2_weight_regularization: float = 0.001,
    sparsity_regularization: float = 1.0,
    sparsity_proportion: float = 0.05,
    encoder_transfer_function: Literal["logsig"] = "logsig",
    decoder_transfer_function: Literal["logsig", "purelin"] = "logsig",
) -> dict[str, Any]:
    """Parameters that make J the objective of MATLAB's `trainAutoencoder`, up to a factor.

    By its documentation it minimises ``mean over rows of ||x_hat - x||^2 + L2WeightRegularization * Omega_weights +
    SparsityRegularization * sum_j KL_j`` with ``Omega_weights = 1/2 sum of the squared weights``, the squared error summed
    over features. With the parameters returned it is ``n_features`` times J. So `SparsityRegularization` is not a
    `sparsity_weight`: it has to be divided by `n_features`.

    MATLAB has samples in columns, and rescales X to the range of the decoder unless `ScaleData` is false: use `MinMaxScaler`
    before "logsig". Its optimiser is scaled conjugate gradient, here it is L-BFGS: an epoch there is an iteration.

    Parameters
    ----------
    n_features : int
        Number of columns of X here, of rows there. The constants depend on it.
    hidden_size : int, default=10
        `hiddenSize`.
    max_epochs : int, default=1000
        `MaxEpochs`.
    l2_weight_regularization : float >= 0, default=0.001
        `L2WeightRegularization`.
    sparsity_regularization : float >= 0, default=1
        `SparsityRegularization`.
    sparsity_proportion : float in (0, 1), default=0.05
        `SparsityProportion`.
    encoder_transfer_function : {"logsig"}, default="logsig"
        `EncoderTransferFunction`. "satlin" has no counterpart here.
    decoder_transfer_function : {"logsig", "purelin"}, default="logsig"
        `DecoderTransferFunction`. "satlin" has no counterpart here.

    Returns
    -------
    parameters : dict
        Keyword arguments of `SparseAutoencoderTransformer`.

    Raises
    ------
    ValueError, TypeError
        If a constant is out of range or not a number, or a transfer function has no counterpart.

    References
    ----------
    trainAutoencoder, Deep Learning Toolbox documentation, The MathWorks, "Sparse Autoencoders".

    Examples
    --------
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.model_selection import matlab_parameters
    >>> parameters = matlab_parameters(64, hidden_size=25, sparsity_regularization=4)
    >>> parameters["sparsity_weight"], parameters["encoder_alpha"]
    (0.0625, 0.001)
    >>> model = SparseAutoencoderTransformer(**parameters, random_state=0)
    """
    decays = {
        "l2_weight_regularization": l2_weight_regularization,
        "sparsity_regularization": sparsity_regularization,
    }
    _check_counts(n_features=n_features, hidden_size=hidden_size, max_epochs=max_epochs)
    _check_constants("sparsity_proportion", sparsity_proportion, **decays)
    _check_decoder("encoder_transfer_function", encoder_transfer_function, ("logsig",))
    _check_decoder("decoder_transfer_function", decoder_transfer_function, ("logsig", "purelin"))
    objective = {
        "alpha": l2_weight_regularization,
        "weight": sparsity_regularization,
        "decoder": decoder_transfer_function,
    }
    return _parameters(n_features, hidden_size, max_epochs, sparsity_proportion, **objective)


# -------------------------------------------------------------------------------------------------------------------- parts


def _mean_of(cv_results, name):
    key = f"mean_test_{name}"
    if key not in cv_results:
        there_are = sorted(
            key.removeprefix("mean_test_") for key in cv_results if key.startswith("mean_test_")
        )
        raise ValueError(
            f"The search has no metric {name!r}, only {there_are}. Search with "
            "scoring=skl_sparse_ae.metrics.reconstruction_and_sparsity_scorer, or name metrics that there are."
        )
    return np.asarray(cv_results[key], dtype=np.float64)


def _check_weights(sparsity_weights):
    """Values of `sparsity_weight`, all numbers or all multiples of "scale", and an array that sorts as they do."""
    values = np.asarray(sparsity_weights)
    if values.dtype == bool:
        raise ValueError("sparsity_weights must be numbers, got True and False.")
    if values.dtype.kind == "U":
        return _check_multiples(values)
    weights = check_array(values, dtype=np.float64, ensure_2d=False, input_name="sparsity_weights")
    _check_one_dimensional(weights)
    if weights.min() < 0:
        raise ValueError(f"sparsity_weights must be >= 0, got {weights.min():g}.")
    return weights.tolist(), weights


def _check_multiples(values):
    _check_one_dimensional(values)
    factors = [factor_of(text) for text in values.tolist()]
    if None in factors:
        wrong = values[factors.index(None)].item()
        raise ValueError(
            "sparsity_weights must be numbers >= 0, or 'scale' and multiples of it such as '0.5*scale', and not both. "
            f"Got {wrong!r}."
        )
    return values.tolist(), np.array(factors)


def _check_one_dimensional(weights):
    if weights.ndim != 1:
        raise ValueError(
            f"sparsity_weights must be one-dimensional, got an array of shape {weights.shape}."
        )


def _check_order(order):
    if order not in ORDERS:
        raise ValueError(f"order must be one of {list(ORDERS)}, got {order!r}.")
    return order


def _check_estimator(estimator):
    estimator = SparseAutoencoderTransformer() if estimator is None else estimator
    if not isinstance(estimator, SparseAutoencoderTransformer):
        raise TypeError(
            f"estimator must be a SparseAutoencoderTransformer, got {type(estimator).__name__}. What comes before it in a "
            "Pipeline has to be applied to X."
        )
    return clone(estimator)


def _figures(model, X, X_test):
    """What a path keeps of one model: every name one of its arrays."""
    decays = model.encoder_alpha_ * np.square(model.components_, dtype=np.float64).sum()
    decays += model.decoder_alpha_ * np.square(model.decoder_components_, dtype=np.float64).sum()
    terms = {
        "reconstruction": model._mean_loss(X),
        "weight_decay": decays / (2 * model.n_features_in_),
    }
    return {
        **reconstruction_and_sparsity_scorer(model, X_test),
        **terms,
        "sparsity": max(
            model.loss_ - sum(terms.values()), 0.0
        ),  # exact for saturated units, as the code's means are not
        "loss": model.loss_,
        "mean_activation": model.mean_activations_.mean(),
        "n_iter": model.n_iter_,
    }


def _check_counts(**counts):
    for name, value in counts.items():
        check_scalar(value, name, Integral, min_val=1)


def _check_constants(target_name, target, **weights):
    check_real(target, target_name, min_val=0, max_val=1, include_boundaries="neither")
    for name, value in weights.items():
        check_real(value, name, min_val=0)


def _check_decoder(name, value, counterparts):
    if value not in counterparts:
        raise ValueError(
            f"{name} must be one of {list(counterparts)}, the others have no counterpart here. Got {value!r}."
        )


def _parameters(n_features, n_components, max_iter, target, *, alpha, weight, decoder):
    """From ``mean over rows of the summed squared error + alpha / 2 (||We||^2 + ||Wd||^2) + weight sum_j KL_j``."""
    return {
        "n_components": n_components,
        "sparsity_target": target,
        "sparsity_weight": weight / n_features,
        "loss": "squared_error",
        "decoder_activation": DECODERS[decoder],
        "encoder_alpha": alpha,
        "decoder_alpha": alpha,
        "max_iter": max_iter,
    }
