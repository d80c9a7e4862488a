"""A fitted autoencoder as a PyTorch module."""

from typing import Any

import numpy as np

from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae.export._model import check_autoencoder, code_activation, output_activation

ACTIVATIONS = {"logistic": "Sigmoid", "tanh": "Tanh", "relu": "ReLU", "elu": "ELU"}


def to_torch(model: SparseAutoencoderTransformer) -> Any:
    """Return the autoencoder as a `torch.nn.Sequential` of an `encoder` and a `decoder`.

    Both consist of PyTorch's own layers. ``module(X)`` is `reconstruct`, ``module.encoder(X)`` is
    `transform` and ``module.decoder(code)`` is `inverse_transform`. The precision is that of the
    weights, i.e. of the X passed to `fit`; ``module.float()`` and ``module.double()`` change it.
    The weights are copies and can be trained further.

    Parameters
    ----------
    model : SparseAutoencoderTransformer
        Fitted.

    Returns
    -------
    module : torch.nn.Sequential

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is not a SparseAutoencoderTransformer.
    ValueError
        If its code has an activation that cannot be exported.

    Examples
    --------
    >>> from skl_sparse_ae.export import to_torch
    >>> module = to_torch(model)  # doctest: +SKIP
    >>> code = module.encoder(torch.from_numpy(X))  # doctest: +SKIP
    """
    check_autoencoder(model, "to_torch")
    try:
        import torch
    except ImportError as error:
        raise ImportError("to_torch requires PyTorch. Install it by: pip install torch") from error
    encoder = model.components_, model.intercept_, code_activation(model)
    decoder = model.decoder_components_.T, model.decoder_intercept_, output_activation(model)
    module = torch.nn.Sequential()
    module.add_module("encoder", torch.nn.Sequential(*_layers(torch, *encoder)))
    module.add_module("decoder", torch.nn.Sequential(*_layers(torch, *decoder)))
    return module


def _layers(torch, W, b, activation):
    """``activation(X @ W.T + b)``."""
    weight, bias = (torch.from_numpy(np.array(part, order="C")) for part in (W, b))
    # `skip_init` draws no random numbers.
    layer = torch.nn.utils.skip_init(torch.nn.Linear, W.shape[1], W.shape[0], dtype=weight.dtype)
    layer.weight.data, layer.bias.data = weight, bias
    if activation == "identity":
        return [layer]
    return [layer, getattr(torch.nn, ACTIVATIONS[activation])()]
