"""The estimator around any problem, on the smallest one: no code, a decoder of column means."""

import copy
import pickle
import re
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)
from skl_sparse_ae._estimator import base
from skl_sparse_ae._estimator.base import BaseAutoencoder
from skl_sparse_ae._estimator.contracts import Summary
from skl_sparse_ae._estimator.persistence import check_arrays
from skl_sparse_ae._rows.moments import moments_of

X = np.random.default_rng(0).normal(3, 1, size=(40, 5))


class Terms(NamedTuple):
    error: float


class Frame(NamedTuple):
    """Always in the units of the user."""

    input_mean: np.ndarray
    input_scale: float = 1.0
    total_variance: float = np.inf


class Spec(NamedTuple):
    frame: Frame

    def summarize(self, weights, rows):
        blocks = rows.blocks(1)
        squares = blocks.sum(lambda X: np.square(X - weights).sum())
        error = squares / (blocks.n_rows * blocks.n_features)
        return Summary(Terms(error), np.zeros(0), np.zeros(0))


class Batch(NamedTuple):
    rows: np.ndarray

    @property
    def n_rows(self):
        return len(self.rows)


class MeanProblem:
    """The mean of squares of X minus params, over rows and features. Its memory counts the rows."""

    terms, gradient_scale, step_scales, flops_per_row = Terms, 1.0, (), 1

    def __init__(self, spec):
        self.spec = spec

    def initial_params(self, rng):
        return np.zeros(len(self.spec.frame.input_mean))

    def params_from(self, weights):
        return weights

    def to_weights(self, params):
        return params

    def batch(self, rows, executor, rng):
        return Batch(rows)

    def value_and_gradient(self, params, batch, memory):
        error = params - batch.rows
        value = np.square(error).mean()
        return value, 2 * error.mean(axis=0) / len(params), Terms(value)

    def after_step(self, state, batch):
        state.memory["n_rows"] += batch.n_rows
        return state


class Mean(BaseAutoencoder):
    _frame_type = Frame
    _terms = Terms._fields
    n_components, loss, tol, n_iter_no_change, batch_size = 1, "squared_error", 0, 1, 10
    validation_fraction, verbose = 0.1, 0

    def __init__(
        self,
        max_iter=50,
        warm_start=False,
        early_stopping=False,
        learning_rate_init=0.05,
        random_state=0,
    ):
        self.max_iter, self.warm_start, self.early_stopping = max_iter, warm_start, early_stopping
        self.learning_rate_init, self.random_state = learning_rate_init, random_state

    def partial_fit(self, X, y=None):
        return self._partial_fit(X)

    def _validate_params(self):
        pass

    def _count_weights(self, n_features):
        return n_features

    def _check_continues(self):
        self.continued = True

    def _moments(self, rows):
        return moments_of(rows, self.n_components)

    def _make_frame(self, moments, dtype):
        return Frame(np.zeros(len(moments.mean)))

    def _stochastic_problem(self, frame, moments, rows):
        return MeanProblem(Spec(frame))

    def _memory(self, is_warm):
        return {"n_rows": 0}

    def _progress_unit(self, problem):
        return 1.0

    def _validation_score(self, spec, weights, rows):
        return -sum(spec.summarize(weights, rows).terms)

    def _flat_weights(self):
        return self.mean_.astype(np.float64)

    def _named_weights(self, spec, weights):
        return {"mean_": weights.copy()}

    @property
    def _dtype(self):
        return self.mean_.dtype

    def _messages(self, status, summary, rows, moments):
        if status != "max_iter":
            error, variance = sum(summary.terms), moments.variance.mean()
            yield ConvergenceWarning, f"{status} at {error:.1f}, variance {variance:.1f}"

    @staticmethod
    def _check_state(state, name):
        check_arrays(state, {"mean_": (state["n_features_in_"],)}, name)


def test_a_fit_stores_the_weights_the_loss_and_its_history():
    model = Mean().fit(X)
    np.testing.assert_allclose(model.mean_, X.mean(axis=0), atol=0.3)
    assert model.loss_ == pytest.approx(np.square(X - model.mean_).mean())
    assert model.n_iter_ == len(model.loss_curve_) == len(model.loss_terms_["error"]) == 50
    assert model.validation_scores_ is model.best_validation_score_ is None


def test_early_stopping_keeps_the_best_on_the_rows_held_out():
    model = Mean(early_stopping=True).fit(X)
    assert len(model.validation_scores_) == 50
    assert model.best_validation_score_ == max(model.validation_scores_)


def test_a_warm_fit_continues_and_another_does_not():
    straight = Mean(max_iter=1).fit(X)
    assert not hasattr(straight, "continued")
    warm = Mean(max_iter=10).fit(X).set_params(max_iter=1, warm_start=True).fit(X)
    assert warm.continued
    assert warm.loss_ < straight.loss_ / 2


X_UNIT = np.random.default_rng(0).uniform(size=(40, 5))
FITS = {
    "sparse": lambda **parameters: SparseAutoencoderTransformer(
        3, solver="adam", max_iter=2, random_state=0, **parameters
    ),
    "variational": lambda **parameters: VariationalAutoencoderTransformer(
        2, hidden_layer_sizes=4, max_iter=2, random_state=0, **parameters
    ),
    "topk": lambda **parameters: TopKAutoencoderTransformer(
        **{"n_components": 3, "n_nonzero_coefs": 2, "max_iter": 2, "random_state": 0}
        | {"sparse_output": False}
        | parameters
    ),
}
CHANGES = {
    "sparse": [
        (
            {},
            {"loss": "cross_entropy"},
            "decoder_activation='logistic' and loss='cross_entropy' differ from decoder_a",
        ),
        (
            {},
            {"decoder_activation": "logistic"},
            "decoder_activation='logistic' differs from decoder_activation='identity'",
        ),
        (
            {"decoder_activation": "logistic"},
            {"decoder_activation": None},
            "decoder_activation='identity' differs from",
        ),
        (
            {"decoder_activation": "logistic"},
            {"loss": "cross_entropy"},
            "loss='cross_entropy' differs from loss='squared_error'",
        ),
        ({"loss": "cross_entropy"}, {"loss": "squared_error"}, "loss='squared_error' differ from"),
    ],
    "variational": [
        ({}, {"activation": "tanh"}, "activation='tanh' differs from activation='relu'"),
        ({}, {"loss": "cross_entropy"}, "loss='cross_entropy' differs from loss='squared_error'"),
        (
            {"loss": "cross_entropy"},
            {"loss": "squared_error"},
            "loss='squared_error' differs from loss='cross_entropy'",
        ),
    ],
}
SIZES = {
    "sparse": [({}, {"n_components": 4}, "n_components=4 differs from n_components=3")],
    "variational": [
        ({}, {"n_components": 4}, "n_components=4 differs from n_components=2"),
        (
            {},
            {"hidden_layer_sizes": (4, 4)},
            r"hidden_layer_sizes=\(4, 4\) differs from hidden_layer_sizes=\(4,\)",
        ),
    ],
    "topk": [({}, {"n_components": 4}, "n_components=4 differs from n_components=3")],
}
METHODS = [
    "transform",
    "inverse_transform",
    "reconstruct",
    "score",
    "score_samples",
    "posterior",
    "sample",
    "interpolate",
]
METHODS += ["sample_posterior"]
is_short = pytest.mark.filterwarnings("ignore::UserWarning")


def cases(table):
    return [(kind, *case) for kind, rows in table.items() for case in rows]


def arguments(model, method):
    """The arguments for one of its methods."""
    rows = {"inverse_transform": X_UNIT[:, : model.n_components], "interpolate": X_UNIT[0]}.get(
        method, X_UNIT
    )
    return {"sample": (), "interpolate": (rows, rows)}.get(method, (rows,))


@is_short
@pytest.mark.parametrize(
    "through", [lambda model: model, copy.copy, lambda model: pickle.loads(pickle.dumps(model))]
)
@pytest.mark.parametrize(("kind", "before", "change", "message"), cases(CHANGES) + cases(SIZES))
def test_weights_of_another_meaning_are_not_trained_on(
    kind, before, change, message, through, frozen
):
    model = through(FITS[kind](**before, warm_start=True).fit(X_UNIT).set_params(**change))
    unchanged = frozen(vars(model))
    for method in (model.fit, model.partial_fit):
        with pytest.raises(
            ValueError, match=f"{message}.* of the previous fit, which this one would continue. Set"
        ):
            method(X_UNIT)
        assert frozen(vars(model)) == unchanged
    model.set_params(warm_start=False).fit(X_UNIT)
    assert model.set_params(warm_start=True).fit(X_UNIT).partial_fit(X_UNIT)


@is_short
@pytest.mark.parametrize(("kind", "before", "change", "message"), cases(CHANGES))
@pytest.mark.parametrize("value", [None, "nonsense", ["a", "list"]], ids=str)
def test_weights_of_another_meaning_are_not_used(kind, before, change, message, value):
    model = FITS[kind](**before).fit(X_UNIT)
    names = [name for name in METHODS if hasattr(model, name)]
    want = {
        name: getattr(model, name)(*arguments(model, name))
        for name in names
        if "sample" not in name
    }
    if value is not None:
        change, message = dict.fromkeys(change, value), re.escape(str(value))
    changed = copy.deepcopy(model).set_params(**change)
    for name in names:
        with pytest.raises(
            ValueError,
            match=f"{message}.* of the fit that the weights are from. Set .* back, or fit again",
        ):
            getattr(changed, name)(*arguments(model, name))
    changed.set_params(**{name: getattr(model, name) for name in change})
    for name, result in want.items():
        np.testing.assert_array_equal(getattr(changed, name)(*arguments(model, name)), result)


@is_short
@pytest.mark.parametrize("kind", FITS)
def test_methods_use_no_other_parameter(kind):
    model = FITS[kind]().fit(X_UNIT)
    names = [name for name in METHODS if hasattr(model, name) and "sample" not in name]
    want = {name: getattr(model, name)(*arguments(model, name)) for name in names}
    means_something = {"loss", "decoder_activation", "activation"}
    means_something |= {"transform_algorithm", "n_nonzero_coefs", "sparse_output"}
    for parameter in model.get_params().keys() - means_something:
        changed = copy.copy(model).set_params(**{parameter: "nonsense"})
        for name in names:
            np.testing.assert_array_equal(
                getattr(changed, name)(*arguments(model, name)), want[name]
            )


@is_short
@pytest.mark.parametrize("kind", FITS)
def test_what_a_file_says_of_its_weights_is_plain_and_may_be_missing(kind):
    state = FITS[kind]().fit(X_UNIT).__getstate__()
    for strange in ([], {"loss": {}}, {1: "relu"}, {"loss": print}):
        with pytest.raises(ValueError, match="'_meaning' is not a dict of parameters"):
            FITS[kind]().__setstate__(state | {"_meaning": strange})
    del state["_meaning"]
    model = FITS[kind]()
    model.__setstate__(state)
    assert np.isfinite(model.transform(X_UNIT)).all()
    if kind != "topk":  # it has one loss
        with pytest.raises(ValueError, match="loss='cross_entropy' differ"):
            model.set_params(loss="cross_entropy").transform(X_UNIT)


def test_calls_of_partial_fit_continue_through_a_pickle_and_forget_old_history(monkeypatch):
    monkeypatch.setattr(base, "MAX_CURVE", 3)
    straight, resumed = Mean(), Mean()
    for _ in range(4):
        straight.partial_fit(X)
        resumed = pickle.loads(pickle.dumps(resumed.partial_fit(X)))
    np.testing.assert_array_equal(straight.mean_, resumed.mean_)
    assert straight.n_iter_ == 4
    assert straight.loss_curve_ == straight.loss_terms_["error"] == resumed.loss_curve_
    assert len(straight.loss_curve_) == 3


def test_the_memory_of_a_problem_survives_between_calls_and_in_a_pickle(memory_of):
    model = Mean()
    for n_calls in (1, 2, 3):
        model = pickle.loads(pickle.dumps(model.partial_fit(X)))
        assert memory_of(model)["n_rows"] == n_calls * len(X)
    assert memory_of(model.fit(X))["n_rows"] == 50 * len(X)


def test_a_file_without_a_memory_begins_with_a_new_one(memory_of):
    model = Mean().partial_fit(X)
    del model._optimizer_state["memory"]
    assert memory_of(model.partial_fit(X))["n_rows"] == len(X)


def test_a_fit_that_climbs_ends_where_it_began():
    with pytest.warns(ConvergenceWarning, match="diverged at .*, variance 0.9"):
        model = Mean(learning_rate_init=1e3, max_iter=1).fit(X)
    assert not model.mean_.any()


def test_a_failure_leaves_everything_as_it_was(frozen, monkeypatch):
    model = Mean().fit(X)
    before = frozen(vars(model))
    nothing = np.zeros(0)
    infinite = Summary(Terms(np.inf), nothing, nothing)
    monkeypatch.setattr(Spec, "summarize", lambda self, weights, rows: infinite)
    for method in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="became non-finite"):
            method(X + 1)
        assert frozen(vars(model)) == before


def test_a_damaged_file_is_refused():
    state = Mean().fit(X).__getstate__() | {"mean_": np.zeros(4)}
    with pytest.raises(ValueError, match="'mean_' is not a finite float array"):
        Mean().__setstate__(state)


# ------------------------------------------------------------------------------- NumPy's numbers

INTS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64]
REALS = [np.float16, np.float32, np.float64, np.longdouble, Fraction]
SIZES = {"n_components": 100, "max_iter": 3, "batch_size": 100, "n_iter_no_change": 2}
RATIOS = {
    "tol": 2**-10,
    "learning_rate_init": 2**-7,
    "validation_fraction": 0.25,
}  # which a float16 can hold
OF_CLASS = {
    SparseAutoencoderTransformer: {
        "sparsity_target": 0.125,
        "encoder_alpha": 2**-10,
        "decoder_alpha": 2**-6,
    },
    VariationalAutoencoderTransformer: {"hidden_layer_sizes": 100, "kl_weight": 0.5},
    TopKAutoencoderTransformer: {"n_nonzero_coefs": 2},
}
OF_ANY_NUMBERS = [
    (SparseAutoencoderTransformer, {"solver": "lbfgs"}),
    (SparseAutoencoderTransformer, {"solver": "lbfgs", "decoder_activation": "logistic"}),
    (SparseAutoencoderTransformer, {"solver": "adam", "early_stopping": True}),
    (VariationalAutoencoderTransformer, {}),
    (TopKAutoencoderTransformer, {"transform_algorithm": "least_squares"}),
]
COLUMNS = np.random.default_rng(0).random((300, 30))


def fitted(vars_of):
    return {name: value for name, value in vars_of.items() if "_" in (name[0], name[-1])}


@pytest.mark.filterwarnings("ignore::UserWarning")  # short fits
@pytest.mark.parametrize(("kind", "options"), OF_ANY_NUMBERS, ids=str)
def test_numbers_of_any_type_and_width_give_the_same_fit_which_loads_again(kind, options, frozen):
    numbers = SIZES | RATIOS | OF_CLASS[kind]
    plain = frozen(fitted(vars(kind(**numbers, **options, random_state=0).fit(COLUMNS))))
    for integer, real in zip(INTS, REALS * 2, strict=False):
        given = {
            name: (integer if isinstance(value, int) else real)(value)
            for name, value in numbers.items()
        }
        model = kind(**given, **options, random_state=integer(0)).fit(COLUMNS)
        assert frozen(fitted(vars(model))) == plain
        assert all(model.get_params()[name] is value for name, value in given.items())
        for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
            assert frozen(vars(twin)) == frozen(vars(model))
        if getattr(model, "solver", "adam") == "adam":
            assert pickle.loads(pickle.dumps(model.partial_fit(COLUMNS))).n_iter_ == model.n_iter_


@pytest.mark.parametrize(
    "name", [*SIZES, *RATIOS, "sparsity_target", "sparsity_weight", "encoder_alpha", "kl_weight"]
)
@pytest.mark.parametrize(
    "value", [10**400, -(10**400), Fraction(10**400)], ids=["int", "negative", "fraction"]
)
def test_numbers_without_measure_are_value_errors(name, value):
    for kind in OF_CLASS:
        if name in kind().get_params():
            with pytest.raises(
                ValueError,
                match=f"The '{name}' parameter of {kind.__name__} must be an? (int|float)",
            ):
                kind(**{name: value}).fit(COLUMNS)


@pytest.mark.parametrize("sizes", [{3, 4}, {1: 2}, frozenset({3})])
def test_hidden_layers_have_an_order(sizes):
    with pytest.raises(ValueError, match="'hidden_layer_sizes' parameter"):
        VariationalAutoencoderTransformer(hidden_layer_sizes=sizes).fit(COLUMNS)


def test_a_layer_without_measure_is_a_memory_error():
    with pytest.raises(MemoryError, match="needs at least"):
        VariationalAutoencoderTransformer(hidden_layer_sizes=(10**400,)).fit(COLUMNS)
