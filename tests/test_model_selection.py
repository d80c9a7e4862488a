"""The rule for searches, and the path over sparsity weights."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import SparseAutoencoderTransformer, model_selection
from skl_sparse_ae.metrics import (
    hoyer_sparsity,
    reconstruction_and_sparsity_scorer,
    sparsity_divergence,
)
from skl_sparse_ae.model_selection import (
    SparsestWithin,
    sparse_autoencoder_path,
)

# Most models here are stopped after a few iterations, or have weights too small on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
WEIGHTS = [0.1, 0.003, 0.03]


@pytest.fixture(scope="module")
def X():
    return load_digits().data[:300] / 16


@pytest.fixture(scope="module")
def model():
    return SparseAutoencoderTransformer(8, random_state=0)


def results(r2, hoyer, **names):
    """The part of `cv_results_` that the rule reads, from the R2 of candidates (rows) by split."""
    r2 = np.asarray(r2, dtype=float)
    splits = {f"split{i}_test_r2": column for i, column in enumerate(r2.T)}
    means = {
        "mean_test_r2": r2.mean(axis=1),
        "std_test_r2": r2.std(axis=1),
        "mean_test_hoyer": np.asarray(hoyer, dtype=float),
    }
    return splits | means | names


@pytest.mark.parametrize(
    ("tolerance", "expected"), [(0, 1), (0.04, 1), (0.06, 0), (0.2, 2), (9, 3)]
)
def test_the_sparsest_within_a_tolerance_of_the_best_is_taken(tolerance, expected):
    cv_results = results([[0.85], [0.9], [0.8], [0.1]], [0.4, 0.3, 0.5, 0.9])
    assert SparsestWithin(tolerance=tolerance)(cv_results) == expected


def test_one_standard_error_is_that_of_the_best_mean_over_splits():
    """The mean of 0.8, 0.9, 1.0 has the standard error 0.1 / sqrt(3) = 0.0577."""
    best, within, beyond = [0.8, 0.9, 1.0], [0.8424] * 3, [0.8422] * 3
    assert SparsestWithin()(results([best, within, [0.5] * 3], [0.3, 0.4, 0.9])) == 1
    assert SparsestWithin()(results([best, beyond, [0.5] * 3], [0.3, 0.4, 0.9])) == 0


def test_the_spread_of_other_candidates_does_not_matter():
    assert SparsestWithin()(results([[0.9, 0.9], [0.0, 1.0]], [0.3, 0.9])) == 0


def test_of_equally_sparse_models_the_better_and_then_the_first_is_taken():
    assert SparsestWithin(tolerance=1)(results([[0.7], [0.9], [0.9]], [0.5, 0.5, 0.5])) == 1


def test_failed_candidates_are_passed_over():
    cv_results = results([[np.nan], [0.9], [0.88], [0.95]], [0.9, 0.3, 0.4, np.nan])
    assert SparsestWithin(tolerance=0.05)(cv_results) == 2
    with pytest.raises(ValueError, match="all fits failed"):
        SparsestWithin(tolerance=0.05)(results([[np.nan]], [np.nan]))


def test_other_metrics_are_named_in_the_rule():
    cv_results = {"mean_test_a": [1, 2], "mean_test_b": [6, 5]}
    assert SparsestWithin("a", "b", tolerance=1)(cv_results) == 0
    with pytest.raises(ValueError, match=r"no metric 'r2', only \['a', 'b'\]"):
        SparsestWithin()(cv_results)


def test_a_metric_whose_name_ends_like_another_is_not_counted_as_its_splits():
    one_split = results(
        [[0.9], [0.8]], [0.3, 0.4], split1_test_other_r2=np.zeros(2), mean_test_other_r2=np.zeros(2)
    )
    with pytest.raises(ValueError, match="at least 2 splits, got 1"):
        SparsestWithin()(one_split)


@pytest.mark.parametrize(
    ("tolerance", "error"), [(-0.1, ValueError), ("two", ValueError), (None, TypeError)]
)
def test_other_tolerances_are_refused(tolerance, error):
    with pytest.raises(error, match="tolerance"):
        SparsestWithin(tolerance=tolerance)(results([[0.9, 0.9]], [0.3]))


def test_the_rule_can_be_cloned_pickled_and_read():
    rule = SparsestWithin("a", tolerance=0.02)
    for again in (clone(rule), pickle.loads(pickle.dumps(rule))):
        assert again.get_params() == {"score": "a", "sparsity": "hoyer", "tolerance": 0.02}
    assert repr(rule) == "SparsestWithin(score='a', tolerance=0.02)"


def test_a_search_by_reconstruction_takes_the_least_sparse_and_the_rule_another(X, model):
    """In a Pipeline, with a candidate that fails, and refitted with what was found."""
    pipeline = make_pipeline(StandardScaler(), model.set_params(tol=1e-3))
    name = "sparseautoencodertransformer__sparsity_weight"
    search = GridSearchCV(
        pipeline,
        {name: [0.001, 0.01, 0.1]},
        scoring=reconstruction_and_sparsity_scorer,
        refit="r2",
        cv=3,
    )
    assert search.fit(X).best_params_ == {name: 0.001}
    search.set_params(
        refit=SparsestWithin(tolerance=10), param_grid={name: [0.001, -1.0, 0.01, 0.1]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the fits that fail
        search.fit(X)
    assert search.best_params_ == {name: 0.1}
    assert search.best_estimator_[-1].sparsity_weight == 0.1
    assert search.transform(X).shape == (300, 8)


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_each_fit_starts_where_the_one_before_ended(X, model, order):
    path = sparse_autoencoder_path(X, WEIGHTS, estimator=model, order=order)
    by_hand = clone(model).set_params(warm_start=True)
    for weight in sorted(WEIGHTS, reverse=order == "descending"):
        by_hand.set_params(sparsity_weight=weight).fit(X)
        i = WEIGHTS.index(weight)
        assert path.n_iter[i] == by_hand.n_iter_
        np.testing.assert_array_equal(path.models[i].components_, by_hand.components_)
        np.testing.assert_array_equal(path.models[i].decoder_intercept_, by_hand.decoder_intercept_)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"loss": "cross_entropy"}, {"solver": "adam", "max_iter": 5}, {"early_stopping": True}],
)
def test_the_curve_is_that_of_the_models_in_the_order_given(X, model, parameters):
    path = sparse_autoencoder_path(X, WEIGHTS, estimator=clone(model).set_params(**parameters))
    np.testing.assert_array_equal(path.sparsity_weights, WEIGHTS)
    for i, fitted in enumerate(path.models):
        code = fitted.transform(X)
        assert fitted.sparsity_weight == WEIGHTS[i]
        assert path.r2[i] == fitted.score(X)
        assert path.hoyer[i] == hoyer_sparsity(code)
        assert path.mean_activation[i] == pytest.approx(code.mean(), rel=1e-12)
        assert path.loss[i] == fitted.loss_
        assert path.sparsity[i] == pytest.approx(
            WEIGHTS[i] * sparsity_divergence(code, 0.1).sum(), rel=1e-6
        )
    np.testing.assert_allclose(
        path.reconstruction + path.sparsity + path.weight_decay, path.loss, rtol=1e-12
    )


def test_the_terms_of_a_path_are_those_that_the_fit_has_seen(X, model):
    path = sparse_autoencoder_path(X, WEIGHTS, estimator=model)
    for i, fitted in enumerate(path.models):
        for name in ("reconstruction", "sparsity", "weight_decay"):
            assert getattr(path, name)[i] == pytest.approx(fitted.loss_terms_[name][-1], rel=1e-6)


def test_the_curve_trades_reconstruction_for_sparsity(X, model):
    path = sparse_autoencoder_path(X, WEIGHTS, estimator=model)
    order = np.argsort(WEIGHTS)
    assert (np.diff(path.r2[order]) < 0).all()
    assert (np.diff(path.hoyer[order]) > 0).all()


def test_the_curve_can_be_of_other_rows(X, model):
    path = sparse_autoencoder_path(X[:200], WEIGHTS, estimator=model, X_test=X[200:])
    assert path.r2[0] == path.models[0].score(X[200:])
    assert path.hoyer[0] == hoyer_sparsity(path.models[0].transform(X[200:]))
    np.testing.assert_allclose(
        path.reconstruction + path.sparsity + path.weight_decay, path.loss, rtol=1e-12
    )


def test_a_path_takes_fewer_iterations_than_separate_fits_and_ends_about_as_low(X, model):
    weights = np.geomspace(0.001, 1, 6)
    path = sparse_autoencoder_path(X, weights, estimator=model)
    separate = [clone(model).set_params(sparsity_weight=weight).fit(X) for weight in weights]
    assert path.n_iter.sum() < 0.8 * sum(fitted.n_iter_ for fitted in separate)
    assert (path.loss < 1.05 * np.array([fitted.loss_ for fitted in separate])).all()


def test_the_models_of_a_path_are_independent_and_the_estimator_is_left_alone(X, model):
    estimator = clone(model)
    before = dict(vars(estimator))
    first, second, _ = sparse_autoencoder_path(X, WEIGHTS, estimator=estimator).models
    assert vars(estimator) == before
    assert not first.warm_start
    expected = second.transform(X)
    first.fit(X[:50])
    np.testing.assert_array_equal(second.transform(X), expected)


def test_a_path_over_multiples_is_that_over_their_numbers(X, model):
    multiples = ["3*scale", "0.3*scale", "scale"]
    path = sparse_autoencoder_path(X, multiples, estimator=model)
    unit = 0.2 * X.var(axis=0).mean()
    np.testing.assert_allclose(path.sparsity_weights, [3 * unit, 0.3 * unit, unit], rtol=1e-12)
    assert [fitted.sparsity_weight for fitted in path.models] == multiples
    by_numbers = sparse_autoencoder_path(X, path.sparsity_weights, estimator=model)
    np.testing.assert_array_equal(path.loss, by_numbers.loss)


def test_a_path_of_one_weight_is_one_fit(X, model):
    path = sparse_autoencoder_path(X, [0.05], estimator=model)
    alone = clone(model).set_params(sparsity_weight=0.05).fit(X)
    np.testing.assert_array_equal(path.models[0].components_, alone.components_)


def test_a_path_without_an_estimator_has_default_parameters(X):
    (fitted,) = sparse_autoencoder_path(X[:50, :10], ["scale"]).models
    assert fitted.get_params() == SparseAutoencoderTransformer().get_params()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sparsity_weights": [0.1, -1]}, ValueError, "must be >= 0, got -1"),
        (
            {"sparsity_weights": ["scale", "half"]},
            ValueError,
            r"multiples of it such as '0.5\*scale', but not both. Got 'half'",
        ),
        ({"sparsity_weights": ["scale", 0.1]}, ValueError, "but not both. Got '0.1'"),
        ({"sparsity_weights": [["scale"]]}, ValueError, "one-dimensional"),
        ({"sparsity_weights": [0.1, np.nan]}, ValueError, "sparsity_weights contains NaN"),
        ({"sparsity_weights": [[0.1]]}, ValueError, "one-dimensional"),
        ({"sparsity_weights": []}, ValueError, "0 sample"),
        ({"order": "random"}, ValueError, "order must be one of"),
        ({"estimator": StandardScaler()}, TypeError, "got StandardScaler"),
    ],
)
def test_arguments_out_of_range_are_refused_before_any_fit(
    X, arguments, error, message, monkeypatch
):
    monkeypatch.setattr(SparseAutoencoderTransformer, "fit", None)
    with pytest.raises(error, match=message):
        sparse_autoencoder_path(X, **{"sparsity_weights": [0.1]} | arguments)


def test_all_that_is_public_is_listed_and_documented():
    public = {
        name
        for name, thing in vars(model_selection).items()
        if thing.__class__ in (type(results), type)
    }
    public = {
        name
        for name in public
        if vars(model_selection)[name].__module__ == model_selection.__name__ and name[0] != "_"
    }
    assert set(model_selection.__all__) == public
    assert all("----" in getattr(model_selection, name).__doc__ for name in public)


def test_truth_values_are_no_weights():
    with pytest.raises(ValueError, match="sparsity_weights must be numbers, got True and False"):
        sparse_autoencoder_path(X, [True])
