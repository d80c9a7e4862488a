"""Converters for skl2onnx, which writes fitted autoencoders and Pipelines as ONNX graphs.

They need ``pip install skl2onnx onnxruntime``. After one call of `register_converters`, skl2onnx
converts the autoencoders like scikit-learn's estimators. Before this call, skl2onnx is not imported
or changed.

The graphs consist of standard operators of opset 13 or later, so every runtime can run them. ONNX
has no sparse input.
"""

import warnings

import numpy as np
from sklearn.frozen import FrozenEstimator

from skl_sparse_ae._nn.origin import bias_at, origin_of_weights
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae._sparse.weights import of_centred
from skl_sparse_ae._topk.estimator import TopKAutoencoderTransformer
from skl_sparse_ae._topk.predict import origin_of
from skl_sparse_ae._variational.estimator import VariationalAutoencoderTransformer
from skl_sparse_ae._variational.predict import centred
from skl_sparse_ae.export._model import (
    code_activation,
    output_activation,
    score_of,
    selection_rule,
)

# The scores of the variational autoencoder use random draws, which a graph cannot reproduce.
OPTIONS = {
    SparseAutoencoderTransformer: ("reconstruct", "score_samples"),
    TopKAutoencoderTransformer: ("reconstruct", "score_samples"),
    VariationalAutoencoderTransformer: ("reconstruct",),
}
# Types whose values float32 represents exactly.
FITS_INTO_FLOAT32 = ("Float", "Float16", "Boolean", "Int8", "UInt8", "Int16", "UInt16")
OPERATORS = {"identity": "Identity", "logistic": "Sigmoid", "tanh": "Tanh", "relu": "Relu"}


def register_converters() -> None:
    """Register converters for the autoencoders of this package with skl2onnx.

    Subclasses that do not override `transform` are registered too. For a subclass that is defined
    later, call it again; repeated calls are harmless. It also registers
    `sklearn.frozen.FrozenEstimator`, which `to_mlp_classifier` puts before a perceptron: it is
    converted as the estimator that it contains.

    A converted model computes `transform` for any number of rows, in the precision of the widest
    input type it is converted for: within 1e-6 for float32 and 1e-12 for float64. Integers of more
    than 16 bits count as float64. Further outputs are skl2onnx options. They are off by default,
    and need a model that is converted alone or as the last step of a Pipeline:

    ``reconstruct``
        Adds the output "reconstruction", of shape (n_samples, n_features), as the method returns
        it.
    ``score_samples``
        Adds the output "score", of shape (n_samples,) and always float64, as the method returns
        it: low for rows unlike those seen in `fit`. Not for `VariationalAutoencoderTransformer`.

    In a Pipeline both refer to the rows that reach the autoencoder, for example scaled ones.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Warns
    -----
    UserWarning
        During the conversion, if steps before the autoencoder round wider input to float32.
        skl2onnx's own converters do that with integers, and with a DataFrame whose first column is
        not float64. `transform` computes in float64 there. Convert all columns to float64 first.

    Notes
    -----
    `transform` raises an error if X is too large, and `score_samples` if a row is not in [0, 1]. A
    graph returns NaN or infinity instead, because ONNX has no errors.

    skl2onnx's own scalers join the columns of a DataFrame in float32, whatever their types. If that
    matters, convert the Pipeline for an array.

    A `TopKAutoencoderTransformer` is converted with its `transform_algorithm`, which must be
    "threshold" or "top_k". Otherwise ValueError is raised. Its code is a dense tensor.

    Examples
    --------
    >>> from skl2onnx import to_onnx
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> from skl_sparse_ae.export import register_converters
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(32, tol=1e-3, random_state=0).fit(X)
    >>> register_converters()
    >>> options = {SparseAutoencoderTransformer: {"score_samples": True}}
    >>> graph = to_onnx(model, X[:1], options=options)
    >>> [output.name for output in graph.graph.output]
    ['code', 'score']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "register_converters requires skl2onnx. Install it by: pip install skl2onnx onnxruntime"
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
    """Yield the class and its subclasses, except those that override `transform`."""
    yield model_class
    for child in model_class.__subclasses__():
        if child.transform.__module__.startswith("skl_sparse_ae."):
            yield from _family(child)


def _declare_frozen(scope, model, inputs, custom_parsers=None):
    """First pass of skl2onnx over a `FrozenEstimator`: over the estimator that it contains."""
    from skl2onnx._parse import _parse_sklearn

    return _parse_sklearn(scope, model.estimator, inputs, custom_parsers=custom_parsers)


def _alias(model_class):
    """The name under which skl2onnx stores a converter."""
    return f"SklSparseAE{model_class.__name__}"


def _declare_outputs(scope, model, inputs, custom_parsers=None):
    """First pass of skl2onnx: declare an operator for the model, and its output variables."""
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
    """The tensor type to compute in: float32 only if it holds every value of every input."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    fits = all(
        type(variable.type).__name__.removesuffix("TensorType") in FITS_INTO_FLOAT32
        for variable in inputs
    )
    return FloatTensorType if fits else DoubleTensorType


def _warn_of_rounding(scope, kind):
    """Warn if the steps before the autoencoder have lost digits of the graph's input."""
    if kind is _kind_for(scope.input_variables):
        return
    names = [
        variable.raw_name for variable in scope.input_variables if _kind_for([variable]) is not kind
    ]
    warnings.warn(
        f"In ONNX, the steps before the autoencoder round the input {', '.join(names)} to float32; "
        "in scikit-learn they do not. Convert all columns to float64 before to_onnx.",
        stacklevel=2,
    )


def _set_shapes(operator):
    """Second pass of skl2onnx: set the shapes of the outputs; the number of rows is open."""
    from skl2onnx.common.utils import check_input_and_output_numbers

    check_input_and_output_numbers(operator, input_count_range=[1, None], output_count_range=[1, 3])
    _refuse_options_within_a_pipeline(operator)
    model = operator.raw_operator
    shapes = {
        "code": [None, model._n_features_out],
        "reconstruction": [None, model.n_features_in_],
        "score": [None],
    }
    for output in operator.outputs:
        output.type.shape = shapes[output.raw_name]


def _refuse_options_within_a_pipeline(operator):
    """Raise ValueError if a next step would take all outputs, side by side, as its input."""
    if len(operator.outputs) > 1 and not all(output.is_leaf for output in operator.outputs):
        raise ValueError(
            "The options 'reconstruct' and 'score_samples' need the autoencoder alone or as the "
            "last step of a Pipeline: a next step would treat the additional outputs as features. "
            "Convert pipeline[:i] instead."
        )


def _convert(scope, operator, container):
    """Third pass of skl2onnx: add the nodes."""
    from skl2onnx.common.data_types import guess_numpy_type

    model = operator.raw_operator
    outputs = {output.raw_name: output.full_name for output in operator.outputs}
    graph = _Graph(scope, container, guess_numpy_type(operator.outputs[0].type))
    X = graph.joined([column.full_name for column in operator.inputs])
    (add,) = (add for family, add in ADD.items() if isinstance(model, family))
    add(graph, model, X, outputs)


def _add_sparse(graph, model, X, outputs):
    """Add the nodes of a sparse autoencoder; `outputs` maps "code" etc. to names in the graph."""
    w, X = _centred(graph, model, X)
    pre_activations = graph.affine(X, w.We.T, w.be)
    code = graph.activated(pre_activations, code_activation(model), name=outputs["code"])
    if "reconstruction" in outputs:
        raw = graph.affine(code, model.decoder_components_, model.decoder_intercept_)
        graph.activated(raw, output_activation(model), name=outputs["reconstruction"])
    if "score" in outputs:
        losses = _losses(graph, model, graph.affine(code, w.Wd, w.bd), X)
        graph.minus_mean(losses, model.n_features_in_, name=outputs["score"])


def _centred(graph, model, X):
    """The weights and X, minus an origin if products would lose digits, as in `transform`."""
    w, origin = model._weights(), None
    if model._loss().is_quadratic:
        origin = origin_of_weights(w.We, w.be, w.bd, graph.dtype)
    X = X if origin is None else graph.node("Sub", X, graph.constant(origin))
    return of_centred(w, origin), X


def _losses(graph, model, raw, X):
    """The loss of each element of X minus its minimum, float64, from the decoder's raw output."""
    if score_of(model) == "divergence":
        return _divergence(graph, raw, X)
    return _squared_error(graph, graph.activated(raw, output_activation(model)), X)


def _add_topk(graph, model, X, outputs):
    """Add the nodes of a TopK autoencoder, whose code is dense here."""
    w, X = _centred_topk(graph, model, X)
    rule, number = selection_rule(model)
    select = _above if rule == "threshold" else _largest
    code = select(graph, graph.affine(X, w.We.T, w.be), number)
    code = graph.node("Identity", code, name=outputs["code"])
    if "reconstruction" in outputs:
        X_hat = graph.affine(code, w.Wd, model.decoder_intercept_)
        graph.node("Identity", X_hat, name=outputs["reconstruction"])
    if "score" in outputs:
        errors = _squared_error(graph, graph.affine(code, w.Wd, w.bd), X)
        graph.minus_mean(errors, model.n_features_in_, name=outputs["score"])


def _centred_topk(graph, model, X):
    """`_centred`, of a TopK autoencoder."""
    w = model._weights(np.float64)
    origin = origin_of(w, graph.dtype)
    if origin is None:
        return w, X
    w = w._replace(be=bias_at(w.We, w.be, origin), bd=w.bd - origin)
    return w, graph.node("Sub", X, graph.constant(origin))


def _above(graph, Z, threshold):
    """The values of Z above the threshold, 0 elsewhere."""
    is_active = graph.node("Greater", Z, graph.constant(graph.dtype(threshold)))
    return graph.node("Where", is_active, Z, _zeros(graph, Z))


def _largest(graph, Z, n_nonzero):
    """The largest values of each row of Z that are positive, 0 elsewhere."""
    values, units = graph.largest_of_rows(Z, n_nonzero)
    return graph.node(
        "ScatterElements", _zeros(graph, Z), units, graph.node("Relu", values), axis=1
    )


def _zeros(graph, Z):
    """Zeros of the shape of Z, but NaN where Z has overflowed: `transform` raises there."""
    return graph.node("Sub", Z, Z)


def _add_variational(graph, model, X, outputs):
    """Add the nodes of a variational autoencoder, whose code is the posterior mean."""
    seen, origin = centred(model._model(np.float64), graph.dtype)
    X = X if origin is None else graph.node("Sub", X, graph.constant(origin))
    *hidden, (coef, intercept) = seen.networks.encoder
    k = model._n_features_out  # the last layer returns k means, then k numbers for the variances
    encoder = [*hidden, (coef[:, :k], intercept[:k])]
    code = graph.stack(X, encoder, model.activation)
    code = graph.node("Identity", code, name=outputs["code"])
    if "reconstruction" in outputs:
        decoder = zip(model.decoder_coefs_, model.decoder_intercepts_, strict=True)
        raw = graph.stack(code, decoder, model.activation)
        activation = "logistic" if model.loss == "cross_entropy" else "identity"
        graph.activated(raw, activation, name=outputs["reconstruction"])


def _squared_error(graph, X_hat, X):
    error = graph.node("Cast", graph.node("Sub", X_hat, X), to=_type_number(np.float64))
    return graph.node("Mul", error, error)


def _divergence(graph, raw, X):
    """Kullback-Leibler divergence of X from its reconstruction, as in `_nn.losses`.

    It is NaN for values that `score_samples` refuses.
    """
    clipped = graph.node("Clip", X, graph.constant(graph.dtype(0)), graph.constant(graph.dtype(1)))
    x, r = (graph.node("Cast", part, to=_type_number(np.float64)) for part in (clipped, raw))
    complement = graph.node("Sub", graph.constant(1.0), x)
    excess = graph.node("Sub", _cross_entropy(graph, r, x, complement), _entropy(graph, x))
    excess = graph.node("Relu", graph.node("Sub", excess, _entropy(graph, complement)))
    distance = graph.node("Abs", graph.node("Sub", X, clipped))
    tolerance = graph.constant(np.sqrt(np.finfo(graph.dtype).eps).astype(graph.dtype))
    is_outside = graph.node("Greater", distance, tolerance)
    return graph.node("Where", is_outside, graph.constant(np.nan), excess)


def _cross_entropy(graph, raw, x, complement):
    """``log(1 + exp(-|r|)) + |r| (1 - x if r > 0 else x)``.

    Not by Softplus, which runtimes have for float32 only.
    """
    size, is_positive = graph.node("Abs", raw), graph.node("Greater", raw, graph.constant(0.0))
    exponential = graph.node("Exp", graph.node("Neg", size))
    softplus = graph.node("Log", graph.node("Add", graph.constant(1.0), exponential))
    wrong = graph.node("Where", is_positive, complement, x)
    return graph.node("Add", softplus, graph.node("Mul", size, wrong))


def _entropy(graph, p):
    """``-p log(p)``, and 0 for p = 0."""
    is_positive = graph.node("Greater", p, graph.constant(0.0))
    log = graph.node("Log", graph.node("Where", is_positive, p, graph.constant(1.0)))
    return graph.node("Neg", graph.node("Mul", p, log))


ADD = {
    SparseAutoencoderTransformer: _add_sparse,
    TopKAutoencoderTransformer: _add_topk,
    VariationalAutoencoderTransformer: _add_variational,
}


class _Graph:
    """Adds nodes and constants to a skl2onnx container, and names and types them."""

    def __init__(self, scope, container, dtype):
        self.scope, self.container, self.dtype = scope, container, dtype

    def node(self, kind, *inputs, name=None, **attributes):
        """Add a node and return the name of its output."""
        name = name or self.scope.get_unique_variable_name(kind.lower())
        op_name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(kind, list(inputs), name, name=op_name, op_domain="", **attributes)
        return name

    def largest_of_rows(self, Z, n_values):
        """Names of the `n_values` largest values of each row, and of their columns."""
        names = [self.scope.get_unique_variable_name(name) for name in ("values", "columns")]
        op_name, count = self.scope.get_unique_operator_name("TopK"), self.constant([n_values])
        self.container.add_node("TopK", [Z, count], names, name=op_name, op_domain="", axis=1)
        return names

    def minus_mean(self, values, n_columns, name):
        """Minus the means of rows of float64 values, under a given name."""
        return self.node(
            "MatMul", values, self.constant(np.full(n_columns, -1 / n_columns)), name=name
        )

    def constant(self, array):
        """Add an array with its own dtype and return its name."""
        name, array = self.scope.get_unique_variable_name("constant"), np.asarray(array)
        number = _type_number(array.dtype)
        self.container.add_initializer(name, number, list(array.shape), np.ravel(array))
        return name

    def affine(self, X, W, b):
        """``X @ W + b``."""
        W, b = (self.constant(np.asarray(part, dtype=self.dtype)) for part in (W, b))
        return self.node("Add", self.node("MatMul", X, W), b)

    def stack(self, X, layers, activation):
        """Output of dense layers, pairs of coef and intercept; the last one has no activation."""
        (coef, intercept), *others = layers
        Z = self.affine(X, coef, intercept)
        for coef, intercept in others:
            Z = self.affine(self.activated(Z, activation), coef, intercept)
        return Z

    def activated(self, Z, activation, name=None):
        """``activation(Z)``, optionally under a given name."""
        if activation != "elu":
            return self.node(OPERATORS[activation], Z, name=name)
        # ``relu(z) + (exp(-relu(-z)) - 1)``, because no runtime has Elu in float64
        negative = self.node("Exp", self.node("Neg", self.node("Relu", self.node("Neg", Z))))
        negative = self.node("Sub", negative, self.constant(self.dtype(1)))
        return self.node("Add", self.node("Relu", Z), negative, name=name)

    def joined(self, inputs):
        """X in the precision of the graph, from one input or several: one per DataFrame column."""
        floats = [self.node("Cast", name, to=_type_number(self.dtype)) for name in inputs]
        return floats[0] if len(floats) == 1 else self.node("Concat", *floats, axis=1)


def _type_number(dtype):
    """ONNX's number of a data type."""
    from skl2onnx.proto import onnx_proto

    types = onnx_proto.TensorProto
    numbers = {"float32": types.FLOAT, "float64": types.DOUBLE, "int64": types.INT64}
    return numbers[np.dtype(dtype).name]
