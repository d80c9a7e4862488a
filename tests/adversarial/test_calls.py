"""Expected results of calls in any order, of codes, and of extreme states of the units.

See `test_rows`: cases are numbered, and calls are strict.
"""

import copy
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

NAME = "(Sparse|Variational|TopK)AutoencoderTransformer"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6))
U = RNG.uniform(size=(30, 6))
HOLES = np.where(np.abs(X) > 0.8, X, 0)  # two of five elements stored
SOLVERS = ["lbfgs", "adam"]
MODELS = [*SOLVERS, "variational", "topk"]  # the last two are classes with Adam only
LOSSES = [("squared_error", None), ("squared_error", "logistic"), ("cross_entropy", None)]
METHODS = ["transform", "reconstruct", "score", "score_samples"]
TOO_LARGE = "The input data may contain large values and need to be preprocessed"
TIME = rf"{NAME} does not support dtype .*Convert the columns to numbers first"
DAYS = np.arange(180).reshape(30, 6).astype("datetime64[D]")
nan, inf = np.nan, np.inf


def case(number, what, *given, **options):
    return pytest.param(*given, options, id=f"case{number}-{what}")


def changed(value, dtype=np.float64, rows=X):
    """The rows with another element in one place."""
    rows = rows.astype(dtype)
    rows[3, 2] = value
    return rows


def single(rows):
    with np.errstate(over="ignore", under="ignore"):
        return rows.astype(np.float32)


def as_objects(kind, rows=X):
    return np.array([[kind(float(x)) for x in row] for row in rows], dtype=object)


def csr(X=HOLES):
    return sp.csr_array(X)


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("name", [*METHODS, "inverse_transform", "get_feature_names_out"])
def test_case87_before_fit(name, solver, make):
    message = (
        f"This {NAME} instance is not fitted yet. "
        "Call 'fit' with appropriate arguments before using this estimator"
    )
    with pytest.raises(NotFittedError, match=message):
        getattr(make(solver=solver), name)(*[X] * (name != "get_feature_names_out"))


@pytest.mark.parametrize("solver", MODELS[1:])
@pytest.mark.parametrize("name", [*METHODS, "partial_fit"])
def test_case88_case93_another_width(name, solver, fitted, unchanged):
    model = fitted(solver=solver)
    with (
        unchanged(model),
        pytest.raises(
            ValueError, match=f"X has 3 features, but {NAME} is expecting 6 features as input"
        ),
    ):
        getattr(model, name)(X[:, :3])


CODES = [
    case(
        89,
        "wrong-width",
        X,
        ValueError,
        f"X has 6 features, but {NAME}.inverse_transform is expecting 3 features",
    ),
    case(90, "nan", changed(nan)[:, :3], ValueError, "Input contains NaN"),
    case(90, "inf", changed(inf)[:, :3], ValueError, "Input contains infinity"),
    case(90, "1-D", X[0, :3], ValueError, "Expected 2D array, got 1D array instead"),
    case(90, "datetime64", DAYS[:, :3], TypeError, TIME),
]


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize(("code", "kind", "message", "_"), CODES)
def test_codes_that_are_refused(code, kind, message, _, solver, fitted, unchanged, strictly):
    model = fitted(solver=solver)
    with unchanged(model), strictly(), pytest.raises(kind, match=message):
        model.inverse_transform(code)


@pytest.mark.parametrize("solver", MODELS)
def test_case90_sparse_codes_are_for_the_model_that_makes_them(solver, fitted, unchanged, strictly):
    model, code = fitted(solver=solver), sp.csr_array(HOLES[:, :3])
    with unchanged(model), strictly():
        if solver == "topk":
            rows = model.inverse_transform(code.toarray())
            return np.testing.assert_allclose(model.inverse_transform(code), rows, rtol=1e-13)
        with pytest.raises(TypeError, match="dense data is required"):
            model.inverse_transform(code)


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize(
    "code", [as_objects(Decimal)[:, :3], 1e300 * X[:, :3]], ids=["decimals", "huge"]
)
def test_case90_codes_that_are_numbers(code, solver, fitted, strictly):
    with strictly():
        assert np.isfinite(fitted(solver=solver).inverse_transform(code)).all()


@pytest.mark.parametrize("solver", MODELS)
def test_case91_float32_rows_on_a_float64_model(solver, strictly, fitted):
    with strictly():
        code = fitted(solver=solver).transform(single(X))
    assert code.dtype == np.float32
    np.testing.assert_allclose(code, fitted(solver=solver).transform(X), rtol=1e-5, atol=1e-6)


def test_case91_float32_rows_on_a_model_whose_weights_float32_cannot_hold(fitted, strictly):
    model = fitted(1e100 * X, max_iter=40)
    with strictly():
        assert np.isfinite(model.transform(single(X))).all()
        with pytest.raises(ValueError, match="The reconstruction overflows"):
            model.reconstruct(single(X))


@pytest.mark.parametrize("solver", MODELS)
def test_case92_sparse_rows_on_a_model_of_dense_ones(solver, fitted, strictly):
    model = fitted(solver=solver)
    with strictly():
        np.testing.assert_allclose(
            model.transform(csr()), model.transform(HOLES), rtol=1e-13, atol=1e-15
        )


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case93_partial_fit_of_good_and_bad_batches(solver, fitted, strictly, is_finite, unchanged):
    model = fitted(solver=solver)
    with strictly():
        assert is_finite(model.partial_fit(X[:1]), X)
    for wrong, message in [
        (X[:0], "Found array with 0 sample"),
        (changed(nan), "contains NaN"),
        (1e200 * X, TOO_LARGE),
    ]:
        with unchanged(model), strictly(), pytest.raises(ValueError, match=message):
            model.partial_fit(wrong)


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case94_the_first_call_fixes_the_precision(solver, strictly, arrays, make):
    with strictly():
        model = make(solver=solver).partial_fit(single(X)).partial_fit(X)
    assert {array.dtype for array in arrays(model)[:4]} == {np.dtype(np.float32)}


def test_case95_partial_fit_with_lbfgs(make):
    assert not hasattr(make(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as error:
        make(solver="lbfgs").partial_fit(X)
    # scikit-learn's own text comes with the cause, as for its networks
    assert (
        str(error.value.__cause__)
        == "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
    )


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case96_fit_begins_anew_and_partial_fit_continues(solver, strictly, arrays, fitted, make):
    with strictly():
        model = make(solver=solver).partial_fit(X).fit(X)
        np.testing.assert_array_equal(arrays(model)[0], arrays(fitted(solver=solver))[0])
        assert model.partial_fit(X).n_iter_ == 7


@pytest.mark.parametrize("solver", MODELS)
def test_case97_a_warm_start_with_another_shape(solver, unchanged, strictly, fitted):
    model = fitted(solver=solver).set_params(warm_start=True, n_components=5)
    message = (
        "n_components=5 differs from n_components=3 of the previous fit, "
        "which this one would continue"
    )
    with unchanged(model), strictly(), pytest.raises(ValueError, match=message):
        model.fit(X)
    model.set_params(n_components=3)
    with unchanged(model), strictly(), pytest.raises(ValueError, match="X has 3 features"):
        model.fit(X[:, :3])


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("i", range(4))
def test_case98_a_warm_start_from_nan(solver, i, fits_of, fitted, arrays, unchanged, strictly):
    model = fitted(solver=solver).set_params(warm_start=True)
    arrays(model)[i][...] = nan
    for method in fits_of(solver):
        with (
            unchanged(model),
            strictly(),
            pytest.raises(ValueError, match=r"'.*' is not a finite float array"),
        ):
            getattr(model, method)(X)


def test_case99_a_clone_is_not_fitted(fitted):
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(fitted()))


@pytest.mark.parametrize("solver", MODELS)
def test_case100_a_failed_fit_of_another_width_leaves_nothing_behind(
    solver, fitted, unchanged, strictly
):
    model = fitted(pd.DataFrame(X, columns=list("abcdef")), solver=solver)
    with unchanged(model), strictly(), pytest.raises(ValueError, match=TOO_LARGE):
        model.fit(pd.DataFrame(1e200 * X[:, :4], columns=list("wxyz")))
    assert model.n_features_in_ == len(model.feature_names_in_) == 6
    with strictly():
        assert model.fit(X[:, :4]).n_features_in_ == model.transform(X[:, :4]).shape[1] + 1 == 4


@pytest.mark.parametrize(
    "y", ["nonsense", [1, 2], np.full(30, nan), object()], ids=["text", "length", "nan", "object"]
)
@pytest.mark.parametrize("solver", MODELS)
def test_case101_y_is_ignored(solver, y, strictly, fits_of, arrays, make):
    with strictly():
        for name in fits_of(solver):
            with_y, without = (
                getattr(make(solver=solver), name)(X, y),
                getattr(make(solver=solver), name)(X),
            )
            np.testing.assert_array_equal(arrays(with_y)[0], arrays(without)[0])
        np.testing.assert_array_equal(
            make(solver=solver).fit_transform(X, y), make(solver=solver).fit_transform(X)
        )
        assert with_y.score(X, y) == without.score(X)


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case102_sample_weight_is_not_offered(solver, fitted, unchanged):
    model = fitted(solver=solver)
    for name in ("fit", "partial_fit", "fit_transform", "score"):
        with (
            unchanged(model),
            pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"),
        ):
            getattr(model, name)(X, sample_weight=np.ones(30))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("loss", "decoder", "solver"),
    [
        (*loss, solver)
        for loss in LOSSES
        for solver in MODELS
        if loss == LOSSES[0] or solver in SOLVERS or (loss == LOSSES[2] and solver == "variational")
    ],
)
@pytest.mark.parametrize(
    "data",
    [U, csr(np.abs(HOLES) / 4), np.where(U > 0.5, 1.0, 0.0)],
    ids=["dense", "sparse", "binary"],
)
def test_case103_valid_rows_are_quiet(loss, decoder, solver, dtype, data, fits):
    """Under `np.errstate(all="raise")`, with all warnings as errors except ours."""
    parameters = {"solver": solver, "max_iter": 40}
    parameters |= {} if solver == "topk" else {"loss": loss}
    parameters |= {"decoder_activation": decoder} if solver in SOLVERS else {}
    for early_stopping in (False, True):
        fits(data.astype(dtype), early_stopping=early_stopping, **parameters)


@pytest.mark.parametrize("solver", MODELS)
def test_case104_numpys_state_is_left_as_the_user_has_set_it(solver, strictly, fits_of, make):
    with strictly():
        np.seterr(divide="print", over="raise", under="raise", invalid="ignore")
        state = np.geterr()
        for name in fits_of(solver):
            model = getattr(make(solver=solver), name)(X)
        for name in METHODS:
            getattr(model, name)(X)
        model.inverse_transform(X[:, :3])
        with pytest.raises(ValueError, match="NaN"):
            model.fit(changed(nan))
        assert np.geterr() == state


@pytest.fixture(scope="session")
def warm(strictly, fitted, is_finite):
    """A function that fits, sets some attributes by hand, and fits again from there."""

    def fit_again(solver, dtype, rows=U, **attributes):
        model = fitted(rows.astype(dtype), solver=solver).set_params(warm_start=True)
        for name, value in attributes.items():
            shape = getattr(model, name).shape
            setattr(model, name, np.broadcast_to(value, shape).astype(dtype))
        if solver == "adam":
            with strictly():
                assert is_finite(copy.deepcopy(model).partial_fit(rows.astype(dtype)), rows)
        with strictly():
            return model.fit(rows.astype(dtype))

    return fit_again


LIVE = np.eye(6)[:1]  # the only row that is not zero
ONE_LIVE = np.vstack([LIVE, np.zeros((29, 6))])
STRESS = [
    *(
        case(105, f"bias-{b:g}", U, {"intercept_": b})
        for s in (40.0, 100.0, 1e4, 1e30)
        for b in (s, -s)
    ),
    case(106, "identical-rows", np.tile(U[:1], (30, 1)), {}),
    case(106, "identical-rows-off", np.tile(U[:1], (30, 1)), {"intercept_": -100.0}),
    case(107, "one-live-row", ONE_LIVE, {"components_": 100 * LIVE, "intercept_": -100.0}),
    case(107, "one-dead-row", ONE_LIVE, {"components_": -100 * LIVE, "intercept_": 0.0}),
    case(108, "target-met-exactly", U, {"components_": 0.0, "intercept_": logit(0.1)}),
    case(109, "batches-of-one-row", U[:1], {"intercept_": -100.0}),
    case(
        110,
        "duplicated-unit",
        U,
        {"components_": U[:1], "intercept_": 1.0, "decoder_components_": U[1:2]},
    ),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("rows", "attributes", "_"), STRESS)
def test_no_state_of_the_units_is_out_of_reach_of_the_penalty(
    rows, attributes, _, solver, dtype, is_finite, warm
):
    assert is_finite(warm(solver, dtype, rows, **attributes), rows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("weight", "lowest"), [(0.2, 0.5 / 400), (3.0, 0.05)], ids=["default", "strong"]
)
def test_case105_dead_and_full_units_recover_within_300_iterations(
    dtype, weight, lowest, strictly, fitted
):
    """To their target, if the penalty is strong enough.

    It has to take them from local minima in which they see a single row.
    """
    rows = np.random.default_rng(0).normal(size=(400, 20)).astype(dtype)
    model = fitted(rows, n_components=8, max_iter=1, sparsity_weight=weight).set_params(
        warm_start=True, max_iter=300
    )
    model.intercept_ = np.array([-200, -200, -50, 50, 200, 200, 0, 0], dtype=dtype)
    before = expit(rows @ model.components_.T + model.intercept_).mean(axis=0)[:6]
    assert np.minimum(before, 1 - before).max() < 1e-6
    with strictly():
        code = model.fit(rows).transform(rows)
    assert ((code.max(axis=0) > 0.5) & (code.min(axis=0) < 0.5)).all()
    assert ((model.mean_activations_ > lowest) & (model.mean_activations_ < 1 - lowest)).all()
