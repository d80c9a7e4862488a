"""A fitted autoencoder as a PyTorch module."""

from typing import Any

import numpy as np

from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae._topk.estimator import TopKAutoencoderTransformer
from skl_sparse_ae.export._model import (
    check_autoencoder,
    code_activation,
    output_activation,
    selection_rule,
)

ACTIVATIONS = {"logistic": "Sigmoid", "tanh": "Tanh", "relu": "ReLU", "elu": "ELU"}


def to_torch(model: SparseAutoencoderTransformer | TopKAutoencoderTransformer) -> Any:
    """Return the autoencoder as a `torch.nn.Sequential` of an `encoder` and a `decoder`.

    Both consist of PyTorch's own layers. ``module(X)`` is `reconstruct`, ``module.encoder(X)`` is
    `transform` and ``module.decoder(code)`` is `inverse_transform`. The precision is that of the
    weights, i.e. of the X passed to `fit`; ``module.float()`` and ``module.double()`` change it.
    The weights are copies and can be trained further; the threshold of a TopK model is a constant.
    Its codes are dense tensors.

    Parameters
    ----------
    model : SparseAutoencoderTransformer or TopKAutoencoderTransformer
        Fitted.

    Returns
    -------
    module : torch.nn.Sequential
        With ``transform_algorithm="top_k"`` its encoder ends with a layer that is not PyTorch's
        own, so save its `state_dict` rather than the module.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is another estimator.
    ValueError
        If its code has an activation, or is computed by a `transform_algorithm`, that cannot be
        exported.

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
    of_topk = isinstance(model, TopKAutoencoderTransformer)
    ends = (_topk_ends if of_topk else _sparse_ends)(torch, model)
    layers = [
        ("encoder", model.components_, model.intercept_),
        ("decoder", model.decoder_components_.T, model.decoder_intercept_),
    ]
    module = torch.nn.Sequential()
    for (name, W, b), end in zip(layers, ends, strict=True):
        module.add_module(name, torch.nn.Sequential(_linear(torch, W, b), *end))
    return module


def _sparse_ends(torch, model):
    """The layers that follow the linear ones of encoder and decoder: an activation or none."""
    names = code_activation(model), output_activation(model)
    return [
        [getattr(torch.nn, ACTIVATIONS[name])()] if name in ACTIVATIONS else [] for name in names
    ]


def _topk_ends(torch, model):
    """The same for a TopK model."""
    rule, number = selection_rule(model)
    if rule == "threshold":
        return [torch.nn.Threshold(number, 0.0)], []

    class Largest(torch.nn.Module):
        """Keeps the largest values of each row, those that are positive."""

        def forward(self, Z):
            values, units = Z.topk(number, dim=1)
            return torch.zeros_like(Z).scatter(1, units, values.relu())

    return [Largest()], []


def _linear(torch, W, b):
    """``X @ W.T + b``."""
    weight, bias = (torch.from_numpy(np.array(part, order="C")) for part in (W, b))
    # `skip_init` draws no random numbers.
    layer = torch.nn.utils.skip_init(torch.nn.Linear, W.shape[1], W.shape[0], dtype=weight.dtype)
    layer.weight.data, layer.bias.data = weight, bias
    return layer
