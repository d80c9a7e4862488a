"""The facts about a fitted autoencoder that every export needs."""

from skl_sparse_ae._nn.activations import ACTIVATIONS
from skl_sparse_ae._nn.losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae._topk.estimator import TopKAutoencoderTransformer

NAMES = {activation: name for name, activation in ACTIVATIONS.items()}
# The quantity that minus `score_samples` measures. The facts that a loss states, `is_quadratic` and
# `output_activation`, do not determine it.
SCORES = {
    SquaredError: "squared_error",
    LogisticSquaredError: "squared_error",
    CrossEntropy: "divergence",
}


def check_autoencoder(model, caller):
    """Raise TypeError or NotFittedError unless `model` is a fitted autoencoder of sparse codes."""
    if not isinstance(model, SparseAutoencoderTransformer | TopKAutoencoderTransformer):
        raise TypeError(
            f"{caller} takes a SparseAutoencoderTransformer or a TopKAutoencoderTransformer, e.g. "
            f"a step of a Pipeline, got {type(model).__name__}."
        )
    model._check_fitted()


def code_activation(model):
    """Name of the activation that makes the code: "logistic" unless a subclass has another.

    The names are those of `_nn.activations.ACTIVATIONS`. Raises ValueError for other activations.
    """
    activation = model._activation()
    if activation not in NAMES:
        raise ValueError(
            f"The code activation {activation.__name__} of {type(model).__name__} cannot be "
            f"exported. Those that can are {', '.join(ACTIVATIONS)}."
        )
    return NAMES[activation]


def output_activation(model):
    """Name of the activation that makes the reconstruction: "identity" or "logistic"."""
    return model._loss().output_activation


def score_of(model):
    """Name of the quantity that minus `score_samples` measures: "squared_error" or "divergence".

    Raises ValueError for a loss that is not of this package.
    """
    loss = model._loss()
    if loss not in SCORES:
        raise ValueError(
            f"The scores of {type(model).__name__} cannot be exported: its loss {loss!r} is not "
            "one of this package."
        )
    return SCORES[loss]


def selection_rule(model):
    """How a `TopKAutoencoderTransformer` selects the active units of a row, and its number.

    ("threshold", what their pre-activations exceed) or ("top_k", how many there are at most).
    Raises ValueError if it solves for the code instead.
    """
    model._check_usable()
    rules = {
        "threshold": max(float(model.threshold_), 0.0),
        "top_k": min(int(model.n_nonzero_coefs), len(model.intercept_)),
    }
    name = model.transform_algorithm
    if name not in rules:
        raise ValueError(
            f"Codes by transform_algorithm={name!r} cannot be exported: they need the solution of "
            "a linear system for each row. Use set_params(transform_algorithm='threshold') or "
            "'top_k'. You need not fit again."
        )
    return name, rules[name]
