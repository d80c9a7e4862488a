"""Fitted autoencoders in ONNX files, alone or within a Pipeline, by way of skl2onnx.

It needs ``pip install "skl_sparse_ae[onnx]"``. After one call of `register`, skl2onnx's own functions know the
autoencoders as they know scikit-learn's estimators; without it, nothing of skl2onnx is imported or changed.

The graphs are made of standard operators of opset 13 or later, so any runtime takes them. Sparse input has no place in ONNX.
"""

import warnings

import numpy as np
from sklearn.frozen import FrozenEstimator

from skl_sparse_ae._nn.losses import CrossEntropy, SquaredError
from skl_sparse_ae._nn.origin import origin_of_weights
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae._sparse.weights import of_centred
from skl_sparse_ae._variational.estimator import VariationalAutoencoderTransformer
from skl_sparse_ae._variational.predict import centred

__all__ = ["register"]

OPTIONS = {
    SparseAutoencoderTransformer: ("reconstruct", "score_samples"),
    VariationalAutoencoderTransformer: (
        "reconstruct",
    ),  # its scores are of random draws, which runtimes do not share
}
FITS_INTO_FLOAT32 = (
    "Float",
    "Float16",
    "Boolean",
    "Int8",
    "UInt8",
    "Int16",
    "UInt16",
)  # each of its values


def register() -> None:
    """Teach skl2onnx to convert the autoencoders of this package.

    And their subclasses that do not change `transform`. For a subclass that is defined later, call
    it again; it does nothing new otherwise. A `sklearn.frozen.FrozenEstimator`, which
    `skl_sparse_ae.fine_tuning` puts in front of a perceptron, is converted as what it holds.

    A converted model computes `transform`, in the precision of the widest input type that it is
    converted for: within 1e-6 for float32 and 1e-12 for float64, any number of rows at a time.
    Integers of more than 16 bits count as float64. Further outputs are skl2onnx options, off by
    default, for a model that is converted alone or as the last step of a Pipeline:

    ``reconstruct``
        Adds the output "reconstruction", of shape (n_samples, n_features), as the method returns it.
    ``score_samples``
        Adds the output "score", of shape (n_samples,) and float64 for either precision, as the method returns it: low for
        rows unlike those seen in `fit`. Of `SparseAutoencoderTransformer` only.

    Within a Pipeline both refer to what reaches the autoencoder, scaled rows for example.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Warns
    -----
    UserWarning
        During the conversion, if steps in front of the autoencoder make float32 of a wider input.
        skl2onnx's own converters do that with integers, and with a DataFrame whose first column is
        not float64. `transform` computes in float64 there. Convert all columns to float64 first.

    Notes
    -----
    Where `transform` raises because X is so large that an activation is undefined, or `score_samples` because a row is not
    within [0, 1], a graph returns NaN: ONNX has no errors. skl2onnx's own scalers join the columns
    of a DataFrame in float32, whatever they are. Where that matters, convert the Pipeline for an array.

    Examples
    --------
    >>> from skl2onnx import to_onnx
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.onnx import register
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(32, tol=1e-3, random_state=0).fit(X)
    >>> register()
    >>> graph = to_onnx(
    ...     model, X[:1], options={SparseAutoencoderTransformer: {"score_samples": True}}
    ... )
    >>> [output.name for output in graph.graph.output]
    ['code', 'score']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            'register requires skl2onnx. Install it by: pip install "skl_sparse_ae[onnx]"'
        ) from error
    for family, names in OPTIONS.items():
        options = {name: [False, True] for name in names}
        for model in _family(family):
            update_registered_converter(
                model,
                _alias(model),
                _set_shapes,
                _convert,
                parser=_declare_outputs,
                options=options,
            )
    update_registered_converter(
        FrozenEstimator, _alias(FrozenEstimator), _set_shapes, _convert, parser=_declare_frozen
    )


def _family(model_class):
    """The class and its subclasses, but those whose code is not that of this package."""
    yield model_class
    for child in model_class.__subclasses__():
        if child.transform.__module__.startswith("skl_sparse_ae."):
            yield from _family(child)


def _declare_frozen(scope, model, inputs, custom_parsers=None):
    """skl2onnx's first pass over a `FrozenEstimator`: over what it holds."""
    from skl2onnx._parse import _parse_sklearn

    return _parse_sklearn(scope, model.estimator, inputs, custom_parsers=custom_parsers)


def _alias(model_class):
    """Under which skl2onnx keeps a converter."""
    return f"SklSparseAE{model_class.__name__}"


def _declare_outputs(scope, model, inputs, custom_parsers=None):
    """skl2onnx's first pass: an operator for the model, and the variables that it will compute."""
    from skl2onnx.common.data_types import DoubleTensorType

    model._check_fitted()
    kind = _kind_for(inputs)
    _warn_of_rounding(scope, kind)
    operator = scope.declare_local_operator(_alias(type(model)), model)
    operator.inputs = inputs
    (names,) = (names for family, names in OPTIONS.items() if isinstance(model, family))
    asked = scope.get_options(model, dict.fromkeys(names, False))
    outputs = {"code": kind()}
    if asked["reconstruct"]:
        outputs["reconstruction"] = kind()
    if asked.get("score_samples"):
        outputs["score"] = DoubleTensorType()
    for name, kind in outputs.items():
        operator.outputs.append(scope.declare_local_variable(name, kind))
    return operator.outputs


def _kind_for(inputs):
    """The tensor type in which to compute: float32 only if that holds each value of each input."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    fits = all(
        type(variable.type).__name__.removesuffix("TensorType") in FITS_INTO_FLOAT32
        for variable in inputs
    )
    return FloatTensorType if fits else DoubleTensorType


def _warn_of_rounding(scope, kind):
    """Where the steps in front have lost digits of the graph's input."""
    if kind is _kind_for(scope.input_variables):
        return
    names = [
        variable.raw_name for variable in scope.input_variables if _kind_for([variable]) is not kind
    ]
    warnings.warn(
        f"ONNX's steps in front of the autoencoder round the input {', '.join(names)} to float32, and scikit-learn's do not. "
        "Convert all columns to float64 before to_onnx.",
        stacklevel=2,
    )


def _set_shapes(operator):
    """Its second pass: the shapes of the outputs, the number of rows being left open."""
    from skl2onnx.common.utils import check_input_and_output_numbers

    check_input_and_output_numbers(operator, input_count_range=[1, None], output_count_range=[1, 3])
    _refuse_options_within_a_pipeline(operator)
    n_components, n_features = (
        operator.raw_operator._n_features_out,
        operator.raw_operator.n_features_in_,
    )
    shapes = {"code": [None, n_components], "reconstruction": [None, n_features], "score": [None]}
    for output in operator.outputs:
        output.type.shape = shapes[output.raw_name]


def _refuse_options_within_a_pipeline(operator):
    """The next step would take all outputs for its input, side by side."""
    if len(operator.outputs) > 1 and not all(output.is_leaf for output in operator.outputs):
        raise ValueError(
            "The options 'reconstruct' and 'score_samples' need the autoencoder alone or as the last step of a Pipeline: "
            "the step behind it would take the further outputs for features. Convert pipeline[:i] instead."
        )


def _convert(scope, operator, container):
    """Its third: the nodes."""
    from skl2onnx.common.data_types import guess_numpy_type

    model, outputs = (
        operator.raw_operator,
        {output.raw_name: output.full_name for output in operator.outputs},
    )
    graph = _Graph(scope, container, guess_numpy_type(operator.outputs[0].type))
    X = graph.joined([column.full_name for column in operator.inputs])
    (_add_sparse if isinstance(model, SparseAutoencoderTransformer) else _add_variational)(
        graph, model, X, outputs
    )


def _add_sparse(graph, model, X, outputs):
    """Nodes for the outputs, {what it is: under which name}, of a sparse autoencoder."""
    w, X = _seen_from_an_origin(graph, model, X)
    code = graph.node("Sigmoid", graph.affine(X, w.We.T, w.be), name=outputs["code"])
    if "reconstruction" in outputs:
        raw = graph.affine(code, model.decoder_components_, model.decoder_intercept_)
        kind = "Identity" if model._loss() is SquaredError else "Sigmoid"
        graph.node(kind, raw, name=outputs["reconstruction"])
    if "score" in outputs:
        losses = _losses(graph, model._loss(), graph.affine(code, w.Wd, w.bd), X)
        minus_mean = graph.constant(np.full(model.n_features_in_, -1 / model.n_features_in_))
        graph.node("MatMul", losses, minus_mean, name=outputs["score"])


def _seen_from_an_origin(graph, model, X):
    """The weights, and X: less an origin where products would lose digits, as in `_inference`."""
    w = model._weights()
    origin = (
        origin_of_weights(w.We, w.be, w.bd, graph.dtype) if model._loss() is SquaredError else None
    )
    X = X if origin is None else graph.node("Sub", X, graph.constant(origin))
    return of_centred(w, origin), X


def _losses(graph, loss, raw, X):
    """Of every element of X, in float64, from the decoder's raw output."""
    if loss is CrossEntropy:
        return _divergence(graph, raw, X)
    return _squared_error(graph, raw if loss is SquaredError else graph.node("Sigmoid", raw), X)


def _add_variational(graph, model, X, outputs):
    """The same of a variational one, whose encoder puts out the code's mean, and behind it what makes its variance."""
    k = model._n_features_out
    seen, origin = centred(model._model(np.float64), graph.dtype)
    X = X if origin is None else graph.node("Sub", X, graph.constant(origin))
    encoder = list(seen.networks.encoder)
    coef, intercept = encoder[-1]
    encoder[-1] = coef[:, :k], intercept[:k]
    code = graph.node("Identity", graph.stack(X, encoder, model.activation), name=outputs["code"])
    if "reconstruction" in outputs:
        raw = graph.stack(
            code,
            zip(model.decoder_coefs_, model.decoder_intercepts_, strict=True),
            model.activation,
        )
        graph.node(
            "Sigmoid" if model.loss == "cross_entropy" else "Identity",
            raw,
            name=outputs["reconstruction"],
        )


def _squared_error(graph, X_hat, X):
    error = graph.node("Cast", graph.node("Sub", X_hat, X), to=_kind_of(np.float64))
    return graph.node("Mul", error, error)


def _divergence(graph, raw, X):
    """Kullback-Leibler, of X from its reconstruction, as in `_losses`; NaN for values that `score_samples` refuses."""
    clipped = graph.node("Clip", X, graph.constant(graph.dtype(0)), graph.constant(graph.dtype(1)))
    x, r = (graph.node("Cast", part, to=_kind_of(np.float64)) for part in (clipped, raw))
    complement = graph.node("Sub", graph.constant(1.0), x)
    excess = graph.node("Sub", _cross_entropy(graph, r, x, complement), _entropy(graph, x))
    excess = graph.node("Relu", graph.node("Sub", excess, _entropy(graph, complement)))
    beyond = graph.node("Abs", graph.node("Sub", X, clipped))
    tolerance = graph.constant(np.sqrt(np.finfo(graph.dtype).eps).astype(graph.dtype))
    return graph.node(
        "Where", graph.node("Greater", beyond, tolerance), graph.constant(np.nan), excess
    )


def _cross_entropy(graph, raw, x, complement):
    """``log(1 + exp(-|r|)) + |r| (1 - x if r > 0 else x)``; runtimes have Softplus for float32 only."""
    size, is_positive = graph.node("Abs", raw), graph.node("Greater", raw, graph.constant(0.0))
    softplus = graph.node(
        "Log", graph.node("Add", graph.constant(1.0), graph.node("Exp", graph.node("Neg", size)))
    )
    wrong = graph.node("Where", is_positive, complement, x)
    return graph.node("Add", softplus, graph.node("Mul", size, wrong))


def _entropy(graph, p):
    """``-p log(p)``, and 0 for 0."""
    is_positive = graph.node("Greater", p, graph.constant(0.0))
    log = graph.node("Log", graph.node("Where", is_positive, p, graph.constant(1.0)))
    return graph.node("Neg", graph.node("Mul", p, log))


class _Graph:
    """Nodes and constants for a skl2onnx container, named and typed."""

    def __init__(self, scope, container, dtype):
        self.scope, self.container, self.dtype = scope, container, dtype

    def node(self, kind, *inputs, name=None, **attributes):
        """Add a node: the name of its output."""
        name = name or self.scope.get_unique_variable_name(kind.lower())
        op_name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(kind, list(inputs), name, name=op_name, op_domain="", **attributes)
        return name

    def constant(self, array):
        """The name of an array, of its own dtype."""
        name, array = self.scope.get_unique_variable_name("constant"), np.asarray(array)
        self.container.add_initializer(
            name, _kind_of(array.dtype), list(array.shape), np.ravel(array)
        )
        return name

    def affine(self, X, W, b):
        """``X @ W + b``."""
        W, b = (self.constant(np.asarray(part, dtype=self.dtype)) for part in (W, b))
        return self.node("Add", self.node("MatMul", X, W), b)

    def stack(self, X, layers, activation):
        """What dense layers, pairs of coef and intercept, make of X; the last one has no activation."""
        (coef, intercept), *others = layers
        Z = self.affine(X, coef, intercept)
        for coef, intercept in others:
            Z = self.affine(self.activated(Z, activation), coef, intercept)
        return Z

    def activated(self, Z, activation):
        if activation != "elu":
            return self.node(
                {"identity": "Identity", "logistic": "Sigmoid", "tanh": "Tanh", "relu": "Relu"}[
                    activation
                ],
                Z,
            )
        negative = self.node(
            "Exp", self.node("Neg", self.node("Relu", self.node("Neg", Z)))
        )  # no runtime has Elu in float64
        return self.node(
            "Add", self.node("Relu", Z), self.node("Sub", negative, self.constant(self.dtype(1)))
        )

    def joined(self, inputs):
        """One or several inputs, which a DataFrame makes one a column, as the matrix X in the precision of the graph."""
        floats = [self.node("Cast", name, to=_kind_of(self.dtype)) for name in inputs]
        return floats[0] if len(floats) == 1 else self.node("Concat", *floats, axis=1)


def _kind_of(dtype):
    """ONNX's number of a type."""
    from skl2onnx.proto import onnx_proto

    return {"float32": onnx_proto.TensorProto.FLOAT, "float64": onnx_proto.TensorProto.DOUBLE}[
        np.dtype(dtype).name
    ]
