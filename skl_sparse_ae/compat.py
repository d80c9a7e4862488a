"""Parameters from the constants of other implementations.

Their objectives differ from that of this package by constant factors. `ufldl_parameters` and
`matlab_parameters` return parameters of `SparseAutoencoderTransformer` for which the objective has
the same minimum.
"""

from numbers import Integral
from typing import Any, Literal

from sklearn.utils import check_scalar

from skl_sparse_ae._estimator.validation import check_real

__all__ = ["matlab_parameters", "ufldl_parameters"]

DECODERS = {
    "sigmoid": "logistic",
    "linear": "identity",
    "logsig": "logistic",
    "purelin": "identity",
}


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
    """Return parameters for the objective of Ng's lecture notes and the UFLDL tutorial.

    That objective is ``mean over rows of 1/2 ||x_hat - x||^2 + lambda/2 (||W1||^2 + ||W2||^2) +
    beta sum_j KL_j``, with the squared error summed over features. It is ``n_features / 2`` times J
    with the returned parameters: `sparsity_weight` is ``2 * beta / n_features``, and the two alphas
    are ``2 * lambda``.

    Parameters
    ----------
    n_features : int
        Number of columns of X, `visibleSize` in the tutorial.
    hidden_size, sparsity_param, lambda_, beta : int, float, float, float
        The constants with these names. The defaults are those of the first exercise, on patches of
        8 x 8 pixels.
    decoder : {"sigmoid", "linear"}, default="sigmoid"
        "linear" for the exercise on linear decoders.
    max_iter : int, default=400
        `options.maxIter` in the tutorial.

    Returns
    -------
    parameters : dict
        Keyword arguments of `SparseAutoencoderTransformer`.

    Raises
    ------
    ValueError, TypeError
        If a constant is out of range or not a number, or `decoder` is unknown.

    References
    ----------
    Ng, A., Sparse autoencoder, CS294A lecture notes, Stanford (2011), section 3.

    Examples
    --------
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.compat import ufldl_parameters
    >>> parameters = ufldl_parameters(64)
    >>> parameters["sparsity_weight"], parameters["encoder_alpha"]
    (0.09375, 0.0002)
    >>> model = SparseAutoencoderTransformer(**parameters, random_state=0)
    """
    _check_counts(n_features=n_features, hidden_size=hidden_size, max_iter=max_iter)
    _check_constants("sparsity_param", sparsity_param, lambda_=lambda_, beta=beta)
    _check_choice("decoder", decoder, ("sigmoid", "linear"))
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
    """Return parameters for the objective of MATLAB's `trainAutoencoder`.

    According to its documentation that objective is ``mean over rows of ||x_hat - x||^2 +
    L2WeightRegularization * Omega_weights + SparsityRegularization * sum_j KL_j`` with
    ``Omega_weights = 1/2 sum of the squared weights`` and the squared error summed over features.
    It is ``n_features`` times J with the returned parameters: `sparsity_weight` is
    ``SparsityRegularization / n_features``.

    MATLAB has samples in columns. It rescales X to the range of the decoder unless `ScaleData` is
    false: apply `MinMaxScaler` for "logsig". It uses scaled conjugate gradients, and this package
    uses L-BFGS: an epoch in MATLAB corresponds to an iteration.

    Parameters
    ----------
    n_features : int
        Number of columns of X (rows in MATLAB).
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
    >>> from skl_sparse_ae.compat import matlab_parameters
    >>> parameters = matlab_parameters(64, hidden_size=25, sparsity_regularization=4)
    >>> parameters["sparsity_weight"], parameters["encoder_alpha"]
    (0.0625, 0.001)
    >>> model = SparseAutoencoderTransformer(**parameters, random_state=0)
    """
    weights = {
        "l2_weight_regularization": l2_weight_regularization,
        "sparsity_regularization": sparsity_regularization,
    }
    _check_counts(n_features=n_features, hidden_size=hidden_size, max_epochs=max_epochs)
    _check_constants("sparsity_proportion", sparsity_proportion, **weights)
    _check_choice("encoder_transfer_function", encoder_transfer_function, ("logsig",))
    _check_choice("decoder_transfer_function", decoder_transfer_function, ("logsig", "purelin"))
    objective = {
        "alpha": l2_weight_regularization,
        "weight": sparsity_regularization,
        "decoder": decoder_transfer_function,
    }
    return _parameters(n_features, hidden_size, max_epochs, sparsity_proportion, **objective)


def _check_counts(**counts):
    for name, value in counts.items():
        check_scalar(value, name, Integral, min_val=1)


def _check_constants(target_name, target, **weights):
    check_real(target, target_name, min_val=0, max_val=1, include_boundaries="neither")
    for name, value in weights.items():
        check_real(value, name, min_val=0)


def _check_choice(name, value, counterparts):
    if value not in counterparts:
        raise ValueError(
            f"{name} must be one of {list(counterparts)}, others have no counterpart here. "
            f"Got {value!r}."
        )


def _parameters(n_features, n_components, max_iter, target, *, alpha, weight, decoder):
    """Parameters for ``SSE + alpha / 2 (||We||^2 + ||Wd||^2) + weight sum_j KL_j``.

    SSE is the squared error of a row, summed over features, mean over rows.
    """
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
