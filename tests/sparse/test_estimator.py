"""The public behaviour of the estimator.

Formulas are tested beside their modules; `test_common` has scikit-learn's checks.
"""

import pickle
import re
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, hstack
from scipy.special import entr, expit, kl_div, logit, xlogy
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity

# Most models here are stopped after a few iterations. The tests of warnings filter for themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
LOSSES = [("squared_error", None), ("squared_error", "logistic"), ("cross_entropy", None)]
SOLVERS = ["lbfgs", "adam"]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture
def X(digits):
    return digits[0][:200]


def quick(**parameters):
    """A small model that stops after 8 iterations or epochs."""
    return SparseAutoencoderTransformer(
        **{"n_components": 7, "max_iter": 8, "tol": 0, "random_state": 0} | parameters
    )


def objective_by_hand(model, X):
    """J by its definition, from fitted attributes alone."""
    code = expit(X @ model.components_.T + model.intercept_)
    raw = code @ model.decoder_components_ + model.decoder_intercept_
    if model.loss == "cross_entropy":
        reconstruction = (np.logaddexp(0, raw) - X * raw).mean()
    else:
        reconstruction = (
            ((expit(raw) if model.decoder_activation == "logistic" else raw) - X) ** 2
        ).mean()
    rho, q = model.sparsity_target, code.mean(axis=0)
    kl = xlogy(rho, rho / q) + xlogy(1 - rho, (1 - rho) / (1 - q))
    decay = (
        model.encoder_alpha_ * (model.components_**2).sum()
        + model.decoder_alpha_ * (model.decoder_components_**2).sum()
    )
    return reconstruction + model.sparsity_weight_ * kl.sum() + decay / (2 * X.shape[1])


# ------------------------------------------------------------------------------------ the objective


@pytest.mark.parametrize(("loss", "decoder"), LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_loss_is_the_objective_of_the_fitted_attributes(X, loss, decoder, solver, early_stopping):
    model = quick(
        loss=loss, decoder_activation=decoder, solver=solver, early_stopping=early_stopping
    )
    model.fit(X)
    assert model.loss_ == pytest.approx(objective_by_hand(model, X), rel=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_loss_is_the_objective_in_float32_too(X, solver):
    model = quick(solver=solver).fit(X.astype(np.float32))
    assert model.loss_ == pytest.approx(objective_by_hand(model, X), rel=1e-5)


def test_loss_terms_add_up_to_the_curve_and_end_at_the_loss(X):
    model = quick().fit(X)
    assert set(model.loss_terms_) == {"reconstruction", "sparsity", "weight_decay"}
    np.testing.assert_allclose(
        np.sum(list(model.loss_terms_.values()), axis=0), model.loss_curve_, rtol=1e-12
    )
    assert len(model.loss_curve_) == model.n_iter_ == 8
    assert model.loss_curve_[-1] == pytest.approx(model.loss_, rel=1e-12)


def test_lbfgs_ends_at_a_stationary_point_that_scipy_cannot_improve(X):
    model = SparseAutoencoderTransformer(3, tol=1e-9, max_iter=5000, random_state=0).fit(X[:, :20])
    assert all(np.diff(model.loss_curve_) <= 0)
    again = clone(model).set_params(warm_start=True)
    for name in ("components_", "intercept_", "decoder_components_", "decoder_intercept_"):
        setattr(again, name, getattr(model, name).copy())
    again.n_features_in_ = 20
    assert again.fit(X[:, :20]).loss_ == pytest.approx(model.loss_, rel=1e-4)


def test_the_end_of_a_search_without_the_decoder_is_stationary_for_all_weights(X, request):
    """A search over all weights that starts there ends there, by J and by the encoder."""
    model = SparseAutoencoderTransformer(
        3, tol=1e-12, max_iter=5000, random_state=0, warm_start=True
    ).fit(X[:, :20])
    w, n_searched = model.components_.copy(), len(model.loss_curve_)
    request.getfixturevalue("keep_decoder")
    model.fit(X[:, :20])
    assert model.loss_curve_[0] == pytest.approx(model.loss_, rel=1e-9)
    np.testing.assert_allclose(model.components_, w, atol=1e-3 * abs(w).max())
    assert n_searched > 20


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, True),
        ({"decoder_alpha": 0}, False),
        ({"solver": "adam"}, False),
        ({"n_components": 201}, False),
    ]
    + [({"loss": "cross_entropy"}, False), ({"decoder_activation": "logistic"}, False)],
)
def test_the_decoder_is_eliminated_where_that_is_possible(
    X, parameters, expected, searched_without_decoder
):
    quick(**{"max_iter": 1} | parameters).fit(X)
    assert bool(searched_without_decoder) == expected


@pytest.mark.parametrize("solver", SOLVERS)
def test_both_solvers_lower_the_same_objective(digits, solver):
    X = digits[0]
    start = SparseAutoencoderTransformer(32, solver=solver, max_iter=1, tol=0, random_state=0).fit(
        X
    )
    end = SparseAutoencoderTransformer(32, solver=solver, random_state=0).fit(X)
    assert end.loss_ < 0.7 * start.loss_


WEIGHTS = {"sparsity_weight": 0.2, "encoder_alpha": 1e-4, "decoder_alpha": 1e-2}


@pytest.mark.parametrize("offset", [1e3, 1e5, 1e6])
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_rows_far_from_0_are_fitted_in_float32_as_the_same_rows_in_float64(kind, offset):
    """Times and years in seconds are such columns. float32 rounds 1e6 to 1/16, and biases too."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(400, 10)) @ rng.normal(size=(10, 10)) / 3 + offset).astype(np.float32)
    options = {"random_state": 0, "max_iter": 100, **WEIGHTS}
    exact = SparseAutoencoderTransformer(8, **options).fit(X.astype(np.float64))
    model = SparseAutoencoderTransformer(8, **options).fit(kind(X))
    assert model.loss_ == pytest.approx(exact.loss_, rel=0.01)
    assert model.loss_ == pytest.approx(model.loss_curve_[-1], rel=0.01)
    for method, tolerance in (("transform", 1e-5), ("score_samples", 1e-4), ("score", 1e-4)):
        of_float32, of_float64 = (
            getattr(model, method)(rows) for rows in (kind(X), X.astype(np.float64))
        )
        np.testing.assert_allclose(of_float32, of_float64, rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        exact.transform(X), exact.transform(X.astype(np.float64)), rtol=0, atol=1e-5
    )


def test_a_time_among_counts_of_words_costs_no_digits():
    """Very sparse rows are never made dense. Squares of the full column would drown the others."""
    rng = np.random.default_rng(0)
    words = csr_array(rng.random((600, 80)) * (rng.random((600, 80)) < 0.03))
    X = hstack([words, csr_array(rng.normal(size=(600, 1)) + 1e7)]).tocsr()
    model = SparseAutoencoderTransformer(8, max_iter=50, random_state=0, **WEIGHTS).fit(X)
    dense = SparseAutoencoderTransformer(8, max_iter=50, random_state=0, **WEIGHTS).fit(X.toarray())
    assert model.loss_ == pytest.approx(dense.loss_, rel=1e-4)
    np.testing.assert_allclose(
        model.score_samples(X), model.score_samples(X.toarray()), rtol=0, atol=1e-9
    )


def test_the_fit_does_not_depend_on_the_offset_of_the_data(X):
    """Biases absorb a shift of X, and have no decay. The solver's frame makes the path the same."""
    model, shifted = quick().fit(X), quick().fit(X + 100)
    np.testing.assert_allclose(shifted.components_, model.components_, rtol=1e-6, atol=1e-9)
    assert shifted.loss_ == pytest.approx(model.loss_, rel=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [2.0**-60, 2.0**-20, 2.0**20, 2.0**60])
def test_the_fit_does_not_depend_on_the_unit_of_the_data(X, solver, scale):
    """If J is multiplied by c^2, so is the weight, and encoder_alpha by c^4."""
    numbers = {"sparsity_weight": 0.2, "encoder_alpha": 1e-4, "decoder_alpha": 1e-2}
    model = quick(solver=solver, **numbers).fit(X)
    numbers |= {"sparsity_weight": 0.2 * scale**2, "encoder_alpha": 1e-4 * scale**4}
    scaled = quick(solver=solver, **numbers).fit(X * scale)
    np.testing.assert_allclose(scaled.transform(X * scale), model.transform(X), rtol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@settings(max_examples=10)
@given(exponent=st.floats(-6, 6), seed=st.integers(0, 2**32 - 1), wide=st.booleans())
def test_by_default_the_code_does_not_depend_on_the_unit_of_the_data(solver, exponent, seed, wide):
    rng, factor = np.random.default_rng(seed), 10.0**exponent
    rows = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 90 if wide else 9)) + rng.normal(
        size=90 if wide else 9
    )
    make = partial(SparseAutoencoderTransformer, 12, solver=solver, random_state=0)
    with warnings.catch_warnings(action="ignore"):
        model, scaled = make().fit(rows), make().fit(factor * rows)
    np.testing.assert_allclose(scaled.transform(factor * rows), model.transform(rows), atol=1e-6)
    assert scaled.n_iter_ == model.n_iter_
    assert scaled.sparsity_weight_ == pytest.approx(factor**2 * model.sparsity_weight_, rel=1e-12)
    assert scaled.encoder_alpha_ == pytest.approx(factor**4 * model.encoder_alpha_, rel=1e-12)
    assert scaled.decoder_alpha_ == model.decoder_alpha_


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("loss", "decoder"), LOSSES)
def test_the_numbers_behind_the_scale_give_the_same_model(X, solver, loss, decoder, frozen):
    parameters = {"solver": solver, "loss": loss, "decoder_activation": decoder}
    model = quick(**parameters).fit(X)
    numbers = {
        name: getattr(model, f"{name}_")
        for name in ("sparsity_weight", "encoder_alpha", "decoder_alpha")
    }
    assert all(type(number) is float and number > 0 for number in numbers.values())
    again = quick(**parameters, **numbers).fit(X)
    fitted = [
        {name: value for name, value in vars(m).items() if name not in numbers}
        for m in (again, model)
    ]
    assert frozen(fitted[0]) == frozen(fitted[1])


@pytest.mark.parametrize("name", ["sparsity_weight", "encoder_alpha", "decoder_alpha"])
def test_a_multiple_is_that_many_times_the_scale_and_a_number_is_itself(X, name):
    scale = getattr(quick().fit(X), f"{name}_")
    for text, factor in (
        ("scale", 1),
        ("0.5*scale", 0.5),
        (" 3 * scale ", 3),
        ("0*scale", 0),
        ("1e-2*scale", 0.01),
    ):
        assert getattr(quick(**{name: text}).fit(X), f"{name}_") == pytest.approx(
            factor * scale, rel=1e-15
        )
    assert getattr(quick(**{name: 0.125}).fit(X), f"{name}_") == 0.125


@pytest.mark.parametrize(
    "text",
    [
        "auto",
        "scales",
        "-1*scale",
        "inf*scale",
        "nan*scale",
        "scale*2",
        "*scale",
        "2*",
        "",
        "2scale",
    ],
)
@pytest.mark.parametrize("name", ["sparsity_weight", "encoder_alpha", "decoder_alpha"])
def test_other_words_are_refused(X, name, text):
    expected = (
        rf"The '{name}' parameter of Sparse\w+ must be .*'scale' or a multiple of it such as "
        rf"'0.5\*scale'. Got {re.escape(repr(text))} instead"
    )
    with pytest.raises(InvalidParameterError, match=expected):
        quick(**{name: text}).fit(X)


def test_a_search_over_multiples_works_behind_any_scaler(digits):
    X, y = digits[0][:300], digits[1][:300]
    pipeline = make_pipeline(
        StandardScaler(),
        SparseAutoencoderTransformer(16, random_state=0),
        LogisticRegression(max_iter=500),
    )
    grid = {"sparseautoencodertransformer__sparsity_weight": ["0.3*scale", "scale", "3*scale"]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    best = search.best_estimator_[1]
    factor = {"0.3*scale": 0.3, "scale": 1, "3*scale": 3}[best.sparsity_weight]
    assert best.sparsity_weight_ == pytest.approx(
        factor * 0.2 * StandardScaler().fit_transform(X).var(axis=0).mean()
    )


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64])
def test_batches_of_few_rows_learn(digits, batch_size):
    """The penalty sees a running mean of the activations, so no row has to meet the target."""
    X = digits[0][:400]
    model = SparseAutoencoderTransformer(
        16, solver="adam", batch_size=batch_size, max_iter=30, tol=0, random_state=0
    ).fit(X)
    assert model.score(X) > 0.7
    assert hoyer_sparsity(model.transform(X)) > 0.6


@pytest.mark.parametrize(
    ("n_rows", "expected"), [(20, 20), (300, 34), (1000, 125), (4096, 256), (5000, 250)]
)
def test_an_automatic_batch_is_an_eighth_of_the_rows_within_limits(n_rows, expected, batch_sizes):
    rows = np.random.default_rng(0).normal(size=(n_rows, 1))
    quick(solver="adam", n_components=1, max_iter=1).fit(rows)
    assert max(batch_sizes) == expected
    batch_sizes.clear()
    quick(solver="adam", n_components=1, max_iter=1, batch_size=77).fit(rows)
    n_batches = -(-n_rows // 77)
    assert len(batch_sizes) == n_batches
    assert max(batch_sizes) == -(-n_rows // n_batches)


FACTORS = np.random.default_rng(0).normal(size=(300, 3))
LOADINGS = np.random.default_rng(1).normal(size=(3, 8))
CORRELATED = 5000 + 1000 * FACTORS @ LOADINGS / np.sqrt(3)
ODD = {
    "one row": CORRELATED[:1],
    "two rows": CORRELATED[:2],
    "equal rows": np.repeat(CORRELATED[:1], 100, axis=0),
    "a narrow spread": 5000 + 1e-3 * (CORRELATED[:100] - 5000),
    "a wide spread": 5000 + 100 * (CORRELATED[:5] - 5000),
    "another place": CORRELATED[:50] + 1e6,
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_first_batch_is_outgrown(name, frozen):
    model, straight = (
        SparseAutoencoderTransformer(8, solver="adam", random_state=0) for _ in range(2)
    )
    model.partial_fit(ODD[name])
    for i in range(50):
        model = (
            pickle.loads(pickle.dumps(model.partial_fit(CORRELATED)))
            if i == 1
            else model.partial_fit(CORRELATED)
        )
        straight.partial_fit(CORRELATED)
    assert model.score(CORRELATED) > straight.score(CORRELATED) - 0.01 > 0.9


@pytest.mark.parametrize("n_rows", [1, 2])
def test_rows_that_come_one_or_two_at_a_time_are_learned(digits, n_rows):
    X = digits[0][:400]
    model = SparseAutoencoderTransformer(16, solver="adam", random_state=0)
    for _ in range(4):
        for start in range(0, len(X), n_rows):
            model.partial_fit(X[start : start + n_rows])
    assert model.score(X) > 0.6


def test_a_wild_batch_after_many_good_ones_does_not_cost_the_model():
    model = SparseAutoencoderTransformer(8, solver="adam", random_state=0)
    for _ in range(50):
        model.partial_fit(CORRELATED)
    before = model.score(CORRELATED)
    assert model.partial_fit(ODD["a wide spread"]).score(CORRELATED) > before - 0.1


def test_n_is_the_number_of_rows_seen():
    model = SparseAutoencoderTransformer(8, solver="adam", random_state=0).partial_fit(CORRELATED)
    first = model.encoder_alpha_
    assert model.partial_fit(CORRELATED).encoder_alpha_ == pytest.approx(first / 2, rel=1e-9)
    assert model.sparsity_weight_ == pytest.approx(0.2 * CORRELATED.var(axis=0).mean(), rel=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_logistic_decoder_starts_where_it_can_learn(solver):
    """When columns around 0 started saturated, J stopped at 1.00003."""
    X = StandardScaler().fit_transform(load_breast_cancer().data)
    numbers = {
        "sparsity_weight": 0.2,
        "encoder_alpha": 1e-4,
        "decoder_alpha": 1e-2,
        "decoder_activation": "logistic",
    }
    with pytest.warns(
        UserWarning,
        match=r"between 0 and 1, and X has .*MinMaxScaler.*decoder_activation='identity'",
    ):
        model = SparseAutoencoderTransformer(30, solver=solver, random_state=0, **numbers).fit(X)
    assert model.loss_ < 0.737


# ---------------------------------------------------------------------------------- using the model


@pytest.mark.parametrize(("loss", "decoder"), LOSSES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_documented_formulas_are_what_the_methods_do(X, loss, decoder, dtype):
    X = X.astype(dtype)
    model = quick(loss=loss, decoder_activation=decoder).fit(X)
    tolerance = {"rtol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 1e-6}
    code = model.transform(X)
    np.testing.assert_allclose(code, expit(X @ model.components_.T + model.intercept_), **tolerance)
    raw = code @ model.decoder_components_ + model.decoder_intercept_
    identity = loss == "squared_error" and decoder is None
    np.testing.assert_allclose(
        model.inverse_transform(code), raw if identity else expit(raw), **tolerance
    )
    np.testing.assert_allclose(model.reconstruct(X), model.inverse_transform(code), **tolerance)
    np.testing.assert_allclose(model.mean_activations_, code.mean(axis=0), rtol=1e-5)
    for result in (
        code,
        model.inverse_transform(code),
        model.reconstruct(X),
        model.components_,
        model.decoder_intercept_,
    ):
        assert result.dtype == dtype


def test_fit_transform_is_fit_then_transform(X):
    np.testing.assert_allclose(quick().fit_transform(X), quick().fit(X).transform(X), rtol=1e-12)


def test_a_model_of_either_precision_takes_rows_of_the_other(X):
    model, single = quick().fit(X), quick().fit(X.astype(np.float32))
    assert model.transform(X.astype(np.float32)).dtype == np.float32
    assert single.transform(X).dtype == np.float64
    np.testing.assert_allclose(single.transform(X), model.transform(X), atol=1e-3)


def test_score_is_the_r2_of_the_reconstruction_and_ignores_constant_columns(X):
    model = quick().fit(X)
    assert model.score(X) == pytest.approx(
        r2_score(X, model.reconstruct(X), multioutput="variance_weighted"), rel=1e-12
    )
    varying = X.max(axis=0) > X.min(axis=0)
    error = ((X - model.reconstruct(X)) ** 2)[:, varying].sum()
    assert model.score(X) == pytest.approx(1 - error / ((X - X.mean(axis=0)) ** 2).sum(), rel=1e-12)


def test_the_mean_predictor_scores_exactly_zero(X):
    model = quick().fit(X)
    model.decoder_components_ = np.zeros_like(model.decoder_components_)
    model.decoder_intercept_ = X.mean(axis=0)
    assert model.score(X) == pytest.approx(0, abs=1e-14)
    assert model.score(np.tile(X[:1], (9, 1))) == 0


@pytest.mark.parametrize(("loss", "decoder"), LOSSES)
def test_score_samples_is_minus_what_the_loss_exceeds_its_least(X, loss, decoder):
    model = quick(loss=loss, decoder_activation=decoder).fit(X)
    least = (entr(X) + entr(1 - X)).mean() if loss == "cross_entropy" else 0
    reconstruction = model.loss_terms_["reconstruction"][-1] - least
    assert -model.score_samples(X).mean() == pytest.approx(reconstruction, rel=1e-10)
    unlike = X.copy()
    unlike[3] = 1 - unlike[3]
    assert model.score_samples(unlike).argmin() == 3


def test_transform_of_huge_values_is_never_nan(X):
    model = quick().fit(X)
    assert np.isfinite(model.transform(1e300 * X)).all()
    signs = np.where(np.arange(64) % 2, 1.7e308, -1.7e308)
    try:  # the order of the sum decides whether inf - inf occurs
        assert np.isfinite(model.transform(signs * np.ones((3, 1)))).all()
    except ValueError as error:  # on some machines only
        assert "The pre-activations overflow" in str(error)  # noqa: PT017


def test_decoding_wants_as_many_columns_as_units(X):
    with pytest.raises(
        ValueError,
        match=r"X has 6 features, but .*inverse_transform is expecting 7 features as input",
    ):
        quick().fit(X).inverse_transform(np.zeros((2, 6)))


@pytest.mark.parametrize(
    "method", ["transform", "inverse_transform", "reconstruct", "score", "score_samples"]
)
def test_methods_need_a_fit(X, method):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(quick(), method)(X)


@pytest.mark.parametrize("method", ["fit", "transform", "reconstruct", "score", "score_samples"])
def test_the_callers_rows_are_never_touched(X, method):
    model, before = quick(loss="cross_entropy").fit(X), X.copy()
    X.flags.writeable = False
    getattr(model, method)(X)
    np.testing.assert_array_equal(X, before)


def test_feature_names_and_the_path_in_pickles(X):
    model = quick().fit(X)
    assert list(model.get_feature_names_out()[:2]) == [
        "sparseautoencodertransformer0",
        "sparseautoencodertransformer1",
    ]
    assert type(model).__module__ == "skl_sparse_ae"
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).transform(X), model.transform(X)
    )


# --------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    "change",
    [
        {"n_components": 8},
        {"sparsity_target": 0.2},
        {"sparsity_weight": 0.3},
        {"loss": "cross_entropy"},
        {"decoder_activation": "logistic"},
        {"encoder_alpha": 1e-3},
        {"decoder_alpha": 1e-3},
        {"solver": "lbfgs"},
        {"max_iter": 9},
        {"tol": 0.9, "n_iter_no_change": 2},
        {"learning_rate_init": 0.02},
        {"batch_size": 50},
        {"early_stopping": True},
        {"random_state": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_parameter_changes_the_result(X, change):
    base, changed = quick(solver="adam").fit(X), quick(**{"solver": "adam"} | change).fit(X)
    assert base.transform(X).shape != changed.transform(X).shape or not np.allclose(
        base.transform(X), changed.transform(X)
    )


@pytest.mark.parametrize(
    ("base", "change"),
    [
        ({"tol": 0.05}, {"n_iter_no_change": 1}),
        ({"early_stopping": True}, {"early_stopping": True, "validation_fraction": 0.4}),
    ],
    ids=["n_iter_no_change", "validation_fraction"],
)
def test_parameters_that_need_others_change_the_result(X, base, change):
    first = quick(**{"max_iter": 60} | base).fit(X)
    assert not np.allclose(
        first.transform(X), quick(**{"max_iter": 60} | base | change).fit(X).transform(X)
    )


@pytest.mark.parametrize("name", ["n_components", "max_iter", "batch_size", "n_iter_no_change"])
def test_true_is_not_a_number_of_anything(X, name):
    with pytest.raises(
        ValueError, match=f"The '{name}' parameter of SparseAutoencoderTransformer must be an int"
    ):
        quick(**{name: True}).fit(X)


def test_cross_entropy_has_no_identity_decoder(X):
    with pytest.raises(
        ValueError, match="decoder_activation='identity' does not fit loss='cross_entropy'"
    ):
        quick(loss="cross_entropy", decoder_activation="identity").fit(X)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cross_entropy_takes_what_min_max_scaler_leaves(X, dtype):
    tolerance = np.sqrt(np.finfo(dtype).eps)
    rounded = X.astype(dtype)
    rounded[0, 10], rounded[1, 10] = 1 + tolerance / 2, -tolerance / 2
    clipped = np.clip(rounded, 0, 1)
    model = quick(loss="cross_entropy").fit(rounded)
    np.testing.assert_array_equal(
        model.components_, quick(loss="cross_entropy").fit(clipped).components_
    )


def test_cross_entropy_refuses_other_ranges_and_shows_them(X):
    with pytest.raises(
        ValueError, match=r"must be in \[0, 1\].*got values in \[0.0, 16.0\].*MinMaxScaler"
    ):
        quick(loss="cross_entropy").fit(X * 16)
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        quick(loss="cross_entropy").fit(X - 1e-6)


def test_the_cross_entropy_score_is_the_divergence_of_the_row_from_its_reconstruction(X):
    model = quick(loss="cross_entropy").fit(X)
    X_hat = model.reconstruct(X)
    divergence = kl_div(X, X_hat) + kl_div(1 - X, 1 - X_hat)
    np.testing.assert_allclose(model.score_samples(X), -divergence.mean(axis=1), rtol=1e-12)
    single = model.score_samples(X.astype(np.float32))
    np.testing.assert_allclose(single, -divergence.mean(axis=1), rtol=1e-4)
    assert single.dtype == np.float64


@pytest.mark.parametrize("x", [0, 0.3, 1])
def test_a_perfect_reconstruction_scores_zero_by_cross_entropy(X, x):
    model = quick(loss="cross_entropy").fit(X)
    model.decoder_components_, model.decoder_intercept_ = (
        np.zeros((7, 64)),
        np.full(64, logit(np.clip(x, 1e-30, 1 - 2**-53))),
    )
    assert model.score_samples(np.full((3, 64), x)) == pytest.approx(0, abs=1e-15)
    assert (model.score_samples(X) <= 0).all()


@pytest.mark.parametrize("method", ["score", "score_samples"])
@pytest.mark.parametrize(
    "convert", [np.asarray, csr_array, pd.DataFrame], ids=["dense", "sparse", "frame"]
)
def test_scores_by_cross_entropy_refuse_what_fit_refuses(X, method, convert):
    model = quick(loss="cross_entropy").fit(convert(X))
    for rows in (16 * X, X - 0.1, np.where(X == 1, 1 + 1e-6, X)):
        with pytest.raises(
            ValueError,
            match=r"X must be in \[0, 1\] when loss='cross_entropy', got values in .*MinMaxScaler",
        ):
            getattr(model, method)(convert(rows))
    rounded = np.where(X == 1, 1 + 1e-12, X)
    np.testing.assert_allclose(
        getattr(model, method)(convert(rounded)), getattr(model, method)(convert(X)), rtol=1e-14
    )
    assert model.transform(convert(16 * X)).shape == (len(X), 7)


def test_benign_tumours_score_above_malignant_ones_by_cross_entropy():
    rows, benign = load_breast_cancer(return_X_y=True)
    train = np.flatnonzero(benign)[:250]
    rest = np.setdiff1d(np.arange(len(rows)), train)
    model = quick(loss="cross_entropy", n_components=10, max_iter=100)
    pipeline = make_pipeline(MinMaxScaler(clip=True), model).fit(rows[train])
    assert roc_auc_score(benign[rest], pipeline.score_samples(rows[rest])) > 0.93


# ----------------------------------------------------------------- randomness, stopping, continuing


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_seed_gives_the_same_bits_and_touches_no_global_state(X, solver):
    state = np.random.get_state()[1].copy()  # noqa: NPY002  the global state is the point
    first, second = (quick(solver=solver).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.components_, second.components_)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002  likewise
    assert not np.array_equal(
        first.components_, quick(solver=solver, random_state=1).fit(X).components_
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_y_is_ignored(X, solver):
    np.testing.assert_array_equal(
        quick(solver=solver).fit(X, "nonsense").components_, quick(solver=solver).fit(X).components_
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_keeps_the_weights_of_the_best_validation_score(digits, solver):
    X = digits[0][:300]
    model = SparseAutoencoderTransformer(
        60, solver=solver, early_stopping=True, encoder_alpha=0, decoder_alpha=0, random_state=0
    )
    model.set_params(sparsity_weight=0, n_iter_no_change=5).fit(X)
    assert len(model.validation_scores_) == model.n_iter_ < model.max_iter
    assert (
        model.best_validation_score_
        == max(model.validation_scores_)
        > model.validation_scores_[-1] - 1e-12
    )
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    _, held_out = train_test_split(X, test_size=0.1, random_state=seed)
    assert model.score(held_out) == pytest.approx(model.best_validation_score_, rel=1e-9)


def test_early_stopping_wants_enough_rows(X):
    with pytest.raises(ValueError, match="The validation set is too small"):
        quick(early_stopping=True).fit(X[:8])


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_warm_start_continues_and_a_cold_one_does_not(X, solver):
    model = quick(solver=solver, warm_start=True).fit(X)
    first = model.loss_
    assert model.fit(X).loss_ < first
    cold = quick(solver=solver).fit(X)
    np.testing.assert_array_equal(cold.fit(X).components_, quick(solver=solver).fit(X).components_)


def test_a_warm_start_wants_the_same_shape(X):
    model = quick(warm_start=True).fit(X)
    with pytest.raises(
        ValueError, match="n_components=9 differs from n_components=7 of the previous fit"
    ):
        model.set_params(n_components=9).fit(X)
    with pytest.raises(
        ValueError, match="X has 60 features, but SparseAutoencoderTransformer is expecting 64"
    ):
        model.set_params(n_components=7).fit(X[:, :60])


def test_partial_fit_is_for_adam_only(X):
    assert not hasattr(quick(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        _ = quick(solver="lbfgs").partial_fit


def test_partial_fit_learns_counts_and_evaluates_the_rows_it_was_given(X):
    model = quick(solver="adam", batch_size=50)
    for _ in range(20):
        model.partial_fit(X)
    assert model.n_iter_ == len(model.loss_curve_) == len(model.loss_terms_["sparsity"]) == 20
    assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]
    model.partial_fit(X[:50])
    assert model.loss_ == pytest.approx(objective_by_hand(model, X[:50]), rel=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_partial_fit_resumes_after_a_pickle_bit_for_bit(X, dtype):
    X = X.astype(dtype)
    straight, resumed = (quick(solver="adam", batch_size=50) for _ in range(2))
    for i in range(6):
        straight.partial_fit(X)
        resumed = (
            pickle.loads(pickle.dumps(resumed.partial_fit(X))) if i == 2 else resumed.partial_fit(X)
        )
    np.testing.assert_array_equal(straight.components_, resumed.components_)
    np.testing.assert_array_equal(straight.decoder_intercept_, resumed.decoder_intercept_)


@pytest.mark.parametrize("first_solver", SOLVERS)
def test_partial_fit_continues_a_fit(X, first_solver):
    model = quick(solver=first_solver, max_iter=40).fit(X)
    before = model.loss_
    model.set_params(solver="adam").partial_fit(X)
    assert model.n_iter_ == 41
    assert model.loss_ < 1.3 * before


def test_the_first_partial_fit_decides_the_precision(X):
    model = quick(solver="adam").partial_fit(X.astype(np.float32)).partial_fit(X)
    assert model.components_.dtype == np.float32


# --------------------------------------------------------------------------- messages and accidents


@pytest.mark.parametrize("solver", SOLVERS)
def test_verbose_prints_one_line_an_iteration(X, solver, capsys):
    quick(solver=solver, verbose=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert lines[0].startswith("Iteration 1, loss = ")
    quick(solver=solver).fit(X)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("solver", SOLVERS)
def test_verbose_shows_the_validation_score(X, solver, capsys):
    quick(solver=solver, verbose=1, early_stopping=True).fit(X)
    assert "Validation score: " in capsys.readouterr().out


@pytest.mark.parametrize("solver", SOLVERS)
def test_not_converged_says_what_to_raise(X, solver):
    with pytest.warns(
        ConvergenceWarning, match=rf"{solver} failed to converge after 8 .*Increase max_iter=8"
    ):
        quick(solver=solver, tol=1e-4).fit(X)


CANCER = load_breast_cancer().data
PIXELS = load_digits().data / 16
STANDARD = StandardScaler().fit_transform(CANCER)
SCALE, TRY = "scale", r"Raise sparsity_target=0.001.*Try 0\.1"
# The rows, what is wrong, what the message says to do about it, and that.
CURES = {
    "no decay": (
        PIXELS,
        {"encoder_alpha": 0, "decoder_alpha": 0},
        "Raise decoder_alpha=0",
        {"decoder_alpha": SCALE},
    ),
    "a huge weight": (
        PIXELS,
        {"n_components": 16, "solver": "adam", "sparsity_weight": 1e3},
        "Lower sparsity_weight=1000",
        {"sparsity_weight": SCALE},
    ),
    "a tiny target": (
        PIXELS,
        {"n_components": 16, "sparsity_target": 0.001},
        TRY,
        {"sparsity_target": 0.1},
    ),
    "a tiny target, adam": (
        PIXELS,
        {"n_components": 16, "sparsity_target": 0.001, "solver": "adam"},
        TRY,
        {"sparsity_target": 0.1},
    ),
    "a tiny weight": (
        STANDARD,
        {"n_components": 32, "sparsity_weight": 0.003},
        "Raise sparsity_weight=0.003",
        {"sparsity_weight": SCALE},
    ),
    "a huge decay": (
        PIXELS,
        {"encoder_alpha": 0.1},
        "Lower encoder_alpha=0.1",
        {"encoder_alpha": SCALE},
    ),
    "decays that leave nothing": (
        PIXELS,
        {"encoder_alpha": 1.0, "decoder_alpha": 100.0},
        "Lower encoder_alpha=1.0: .* Lower decoder_alpha=100.0: ",
        {"encoder_alpha": SCALE, "decoder_alpha": SCALE},
    ),
}


@pytest.mark.parametrize("name", CURES)
def test_a_bad_setting_is_named_and_its_cure_works(name):
    X, bad, advice, cure = CURES[name]
    bad = {"n_components": 64} | bad
    with pytest.warns(Warning, match=advice):
        model = SparseAutoencoderTransformer(**bad, random_state=0).fit(X)
    cured = SparseAutoencoderTransformer(**bad | cure, random_state=0).fit(X)  # and no warning
    assert figure_of_merit(cured, X) > figure_of_merit(model, X)


def figure_of_merit(model, X):
    """R2 times sparsity: a code that hovers has R2 alone, a code that is off has sparsity alone."""
    return model.score(X) * hoyer_sparsity(model.transform(X))


@pytest.mark.parametrize("convert", [np.asarray, csr_array])
def test_columns_of_unlike_scale_are_named_and_scaling_them_helps(convert):
    X = convert(CANCER)
    scaler = StandardScaler() if convert is np.asarray else StandardScaler(with_mean=False)
    name = "StandardScaler" if convert is np.asarray else str(scaler)
    found = r"Only 1\d of 30 columns are reconstructed .* range from 0.003 to 600"
    with pytest.warns(UserWarning, match=rf"{found}.*with {re.escape(name)}\."):
        SparseAutoencoderTransformer(10, random_state=0).fit(X)
    scaled = scaler.fit_transform(X)
    model = SparseAutoencoderTransformer(10, random_state=0).fit(scaled)  # and no warning
    X_hat, rows = model.reconstruct(scaled), scaled if convert is np.asarray else scaled.toarray()
    assert (r2_score(rows, X_hat, multioutput="raw_values") > 0.5).mean() > 0.8


def test_adam_that_ends_above_its_start_keeps_the_start(X):
    with pytest.warns(ConvergenceWarning, match=r"adam diverged.*Lower learning_rate_init=1000"):
        model = quick(solver="adam", learning_rate_init=1e3, sparsity_weight=0).fit(X)
    assert model.loss_ < 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("loss", "scaler"), [("squared_error", StandardScaler), ("cross_entropy", MinMaxScaler)]
)
def test_a_good_fit_gives_no_warning(digits, solver, loss, scaler):
    X = scaler().fit_transform(digits[0])
    SparseAutoencoderTransformer(64, solver=solver, loss=loss, random_state=0).fit(X)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("bad", ["nan", "huge", "width", "memory"])
def test_a_failed_fit_leaves_the_model_as_it_was(X, solver, bad, storing_fails):
    model = quick(solver=solver).fit(X)
    before, attributes = pickle.dumps(model), set(vars(model))
    wrong = {
        "nan": np.where(X.max() == X, np.nan, X),
        "huge": X * 1e200,
        "width": X[:, :9],
        "memory": X,
    }[bad]
    if bad in ("width", "memory"):
        storing_fails()
    with pytest.raises((ValueError, MemoryError)):
        model.fit(wrong)
    assert set(vars(model)) == attributes
    assert pickle.dumps(model) == before


def test_a_failed_partial_fit_leaves_the_model_as_it_was(X):
    model = quick(solver="adam").partial_fit(X)
    before = pickle.dumps(model)
    for wrong in (np.full_like(X, np.nan), X * 1e200):
        with pytest.raises(ValueError, match=r"NaN|not finite"):
            model.partial_fit(wrong)
        assert pickle.dumps(model) == before


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (1, 1)])
def test_tiny_and_constant_data_fit_to_finite_numbers(solver, shape):
    for X in (np.random.default_rng(0).normal(size=shape), np.ones(shape), np.zeros(shape)):
        model = quick(solver=solver).fit(X)
        assert np.isfinite(model.transform(X)).all()
        assert np.isfinite(model.loss_)
        assert np.isfinite(model.score(X))


def test_the_html_representation_links_to_a_published_page_or_nowhere(core, monkeypatch):
    model = SparseAutoencoderTransformer()
    theirs = type("Theirs", (SparseAutoencoderTransformer,), {"__module__": "elsewhere"})
    assert model._get_doc_link().startswith(core.base.DOCUMENTATION)
    assert bool(model._get_doc_link()) == bool(core.base.DOCUMENTATION)
    template = f"https://site.local/generated/{core.base.PAGE}"
    monkeypatch.setattr(SparseAutoencoderTransformer, "_doc_link_template", template)
    page = "https://site.local/generated/skl_sparse_ae.SparseAutoencoderTransformer.html"
    assert f'href="{page}"' in model._repr_html_()
    assert theirs()._get_doc_link() == ""


# ------------------------------------------------------------------------------------ the whole job


@pytest.mark.filterwarnings("error")
def test_digits_are_sparse_useful_and_quiet(digits):
    X, y = digits
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = SparseAutoencoderTransformer(64, random_state=0).fit(X_train)
    code = model.transform(X_test)
    root = np.sqrt(64)
    hoyer = ((root - code.sum(axis=1) / np.linalg.norm(code, axis=1)) / (root - 1)).mean()
    classifier = LogisticRegression(max_iter=5000, C=10).fit(model.transform(X_train), y_train)
    assert hoyer > 0.5
    assert model.score(X_test) > 0.89
    # 0.960 on the pixels themselves
    assert classifier.score(code, y_test) >= 0.97


def test_grid_search_over_the_weight_in_a_pipeline_on_two_workers(digits):
    X, y = digits[0][:400], digits[1][:400]
    pipeline = make_pipeline(
        StandardScaler(),
        SparseAutoencoderTransformer(16, max_iter=40, random_state=0),
        LogisticRegression(max_iter=500),
    )
    grid = {"sparseautoencodertransformer__sparsity_weight": [0.02, 0.2]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.7
    assert len(set(search.cv_results_["mean_test_score"])) == 2


@pytest.mark.parametrize("name", ["sample", "sample_posterior", "posterior", "interpolate"])
def test_methods_of_the_other_autoencoder_name_it(name):
    model = SparseAutoencoderTransformer()
    assert not hasattr(model, name)
    with pytest.raises(
        AttributeError, match=f"no attribute '{name}'. VariationalAutoencoderTransformer has this"
    ):
        getattr(model, name)
    with pytest.raises(AttributeError, match=r"no attribute 'samples'[.]$"):
        _ = model.samples


def test_partial_fit_without_adam_says_what_to_set(X):
    model = SparseAutoencoderTransformer()
    assert not hasattr(model, "partial_fit")
    with pytest.raises(
        AttributeError, match=r"no attribute 'partial_fit' with solver='lbfgs'. Use solver='adam'"
    ):
        model.partial_fit(X)
    assert hasattr(SparseAutoencoderTransformer(solver="adam"), "partial_fit")


@pytest.mark.parametrize(("loss", "decoder"), LOSSES)
@pytest.mark.usefixtures("read_from_disk")
def test_the_scale_is_the_same_wherever_the_rows_lie(X, loss, decoder, tmp_path):
    np.save(tmp_path / "X.npy", X)
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    weights = []
    for rows in (X, csr_array(X), on_disk):
        model = quick(loss=loss, decoder_activation=decoder, max_iter=1).fit(rows)
        weights.append([model.sparsity_weight_, model.encoder_alpha_, model.decoder_alpha_])
    np.testing.assert_allclose(weights[1:], weights[:1] * 2, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")  # short fits
@pytest.mark.parametrize("n_features", [150, 5000], ids=["white", "scaled"])
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "lbfgs"},
        {"solver": "lbfgs", "decoder_alpha": 0.0},
        {"solver": "lbfgs", "loss": "cross_entropy"},
        {"solver": "adam"},
    ],
    ids=str,
)
def test_a_very_sparse_fit_is_the_dense_fit(very_sparse_rows, n_features, options):
    rows = very_sparse_rows(300, n_features, density=0.02)
    model = SparseAutoencoderTransformer(3, max_iter=5, tol=0, random_state=0, **options)
    dense, sparse = (
        model.fit(rows.toarray()),
        SparseAutoencoderTransformer(**model.get_params()).fit(rows),
    )
    assert sparse.loss_ == pytest.approx(dense.loss_, rel=1e-10)
    np.testing.assert_allclose(sparse.loss_curve_, dense.loss_curve_, rtol=1e-10)
    np.testing.assert_allclose(
        sparse.transform(rows), dense.transform(rows.toarray()), rtol=0, atol=1e-7
    )
    np.testing.assert_allclose(
        dense.score_samples(rows), dense.score_samples(rows.toarray()), rtol=1e-10
    )
    assert dense.score(rows) == pytest.approx(dense.score(rows.toarray()), abs=1e-10)


# ------------------------------------------------------------------------------ parts of one's own


def decay_by_hand(model, n_features):
    total = model.encoder_alpha_ * (model.components_**2).sum()
    total += model.decoder_alpha_ * (model.decoder_components_**2).sum()
    return total / (2 * n_features)


def l1(weight):
    """The penalty ``weight * sum of the mean activations``, for a code that is never negative."""

    def penalty(log_on, log_off):
        mean = np.exp(log_on)
        return weight * float(mean.sum()), weight * mean, 0 * log_off

    return penalty


@pytest.mark.parametrize("solver", SOLVERS)
def test_another_penalty_need_not_say_its_weight(X, solver):
    class Other(SparseAutoencoderTransformer):
        def _penalty(self, weight):
            return l1(weight)

    model = Other(7, solver=solver, max_iter=8, tol=0, batch_size=50, random_state=0).fit(X)
    assert model.sparsity_weight_ == quick().fit(X).sparsity_weight_
    penalty = model.sparsity_weight_ * model.mean_activations_.sum()
    expected = penalty - model.score_samples(X).mean() + decay_by_hand(model, X.shape[1])
    assert model.loss_ == pytest.approx(expected, rel=1e-9)


@pytest.fixture
def rectified(core):
    """An estimator whose code is rectified, with an L1 penalty."""

    class Rectified(SparseAutoencoderTransformer):
        def _activation(self):
            return core.activations.Relu

        def _penalty(self, weight):
            return l1(weight)

    return Rectified


@pytest.mark.parametrize("convert", [np.asarray, csr_array])
@pytest.mark.parametrize(("loss", "decoder"), LOSSES)
@pytest.mark.parametrize(
    "options",
    [{}, {"decoder_alpha": 0.0}, {"solver": "adam"}, {"solver": "adam", "batch_size": 20}],
    ids=["eliminated", "joint", "adam", "small batches"],
)
def test_another_activation_of_the_code(X, rectified, loss, decoder, options, convert):
    model = rectified(
        12,
        loss=loss,
        decoder_activation=decoder,
        sparsity_weight="0.2*scale",
        max_iter=30,
        random_state=0,
        **options,
    ).fit(convert(X))
    code = model.transform(convert(X))
    expected = np.maximum(X @ model.components_.T + model.intercept_, 0)
    np.testing.assert_allclose(code, expected, rtol=1e-9, atol=1e-9)
    assert (code == 0).mean() > 0.05
    assert code.max() > 1
    raw = code @ model.decoder_components_ + model.decoder_intercept_
    X_hat = raw if (loss, decoder) == ("squared_error", None) else expit(raw)
    np.testing.assert_allclose(model.reconstruct(convert(X)), X_hat, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.inverse_transform(code), X_hat, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.mean_activations_, code.mean(axis=0), rtol=1e-9)
    r2 = r2_score(X, X_hat, multioutput="variance_weighted")
    assert model.score(convert(X)) == pytest.approx(r2, rel=1e-9)
    assert r2 > 0.4
    if loss == "cross_entropy":
        reconstruction = (np.logaddexp(0, raw) - X * raw).mean()
    else:
        reconstruction = np.square(X_hat - X).mean()
    objective = reconstruction + model.sparsity_weight_ * code.mean(axis=0).sum()
    objective += decay_by_hand(model, X.shape[1])
    assert model.loss_ == pytest.approx(objective, rel=1e-9)


def test_another_activation_survives_what_a_fit_can_go_through(X, rectified):
    """A warm start, `partial_fit`, early stopping and float32."""
    model = rectified(12, solver="adam", early_stopping=True, max_iter=20, random_state=0).fit(X)
    assert model.best_validation_score_ > 0.3
    model.set_params(early_stopping=False, warm_start=True)
    assert model.fit(X).score(X) > 0.4
    assert model.partial_fit(X).score(X) > 0.4
    single = rectified(12, max_iter=20, random_state=0).fit(X.astype(np.float32))
    double = rectified(12, max_iter=20, random_state=0).fit(X)
    assert single.loss_ == pytest.approx(double.loss_, rel=1e-2)
