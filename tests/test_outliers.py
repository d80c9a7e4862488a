"""The outlier detector: the rows that it is fitted to, its threshold, and what it refuses."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import coo_array, csr_matrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skl_sparse_ae import (
    AutoencoderOutlierDetector,
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)
from skl_sparse_ae.metrics import feature_errors

# Most models here are stopped after a few iterations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]


def sparse(n_components=3, **parameters):
    return SparseAutoencoderTransformer(
        n_components, **{"max_iter": 5, "random_state": 0} | parameters
    )


@pytest.fixture(scope="module")
def rows():
    """Rows with two factors, in columns of different units, and five rows far away."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 6)) + 0.3 * rng.normal(size=(100, 6))
    X[[3, 30, 41, 77, 98]] += 4 * rng.choice([-1, 1], 6)
    return X * [1, 10, 0.1, 5, 2, 1]


def nearest(Z, n):
    """The n rows nearest to the mean row, in their order."""
    distances = np.square(Z - Z.mean(axis=0)).sum(axis=1)
    return np.sort(np.argsort(distances)[:n])


# ----------------------------------------------------------------------------------------- the fit


def test_the_rows_farthest_from_the_mean_are_left_out(rows):
    detector = AutoencoderOutlierDetector(sparse(), trim=0.2).fit(rows)
    alone = sparse().fit(rows[nearest(rows, 80)])
    assert_array_equal(detector.score_samples(rows), alone.score_samples(rows))


def test_the_distance_is_measured_where_the_autoencoder_starts(rows):
    steps = make_pipeline(StandardScaler(), sparse())
    detector = AutoencoderOutlierDetector(steps, trim=0.2).fit(rows)
    near = nearest(StandardScaler().fit_transform(rows), 80)
    assert not np.array_equal(near, nearest(rows, 80))
    alone = clone(steps).fit(rows[near])  # the scaler, too, is fitted to those rows
    assert_array_equal(detector.score_samples(rows), alone.score_samples(rows))


@pytest.mark.parametrize("trim", [0, 0.009])
def test_a_trim_of_less_than_a_row_leaves_none_out(rows, trim):
    detector = AutoencoderOutlierDetector(sparse(), trim=trim).fit(rows)
    assert_array_equal(detector.score_samples(rows), sparse().fit(rows).score_samples(rows))


def test_trim_keeps_an_autoencoder_from_learning_a_cluster_of_outliers():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 10)) + 0.5 * rng.normal(size=(500, 10))
    X[:50] = 4 * rng.choice([-1, 1], 10) + 0.1 * rng.normal(size=(50, 10))
    aucs = []
    for trim in (0, 0.1):
        detector = AutoencoderOutlierDetector(trim=trim, random_state=0).fit(X)
        aucs.append(roc_auc_score(np.arange(500) < 50, -detector.score_samples(X)))
    assert aucs[0] < 0.8
    assert aucs[1] > 0.95


@pytest.mark.parametrize(("n_features", "n_units"), [(4, 4), (100, 100), (120, 100)])
def test_the_default_has_as_many_units_as_columns_but_at_most_100(n_features, n_units):
    X = np.random.default_rng(0).normal(size=(50, n_features))
    detector = AutoencoderOutlierDetector(random_state=7).fit(X)
    scaler, model = detector.estimator_
    assert isinstance(scaler, StandardScaler)
    assert model.get_params() == {
        **SparseAutoencoderTransformer().get_params(),
        "n_components": n_units,
        "decoder_alpha": "3*scale",
        "random_state": 7,
    }


@pytest.mark.parametrize(
    "autoencoder",
    [
        sparse(),
        TopKAutoencoderTransformer(8, n_nonzero_coefs=2, max_iter=5, random_state=0),
        VariationalAutoencoderTransformer(2, hidden_layer_sizes=(8,), max_iter=5, random_state=0),
    ],
    ids=lambda autoencoder: type(autoencoder).__name__,
)
def test_every_family_scores_as_it_does_alone(rows, autoencoder):
    before = autoencoder.get_params()
    detector = AutoencoderOutlierDetector(autoencoder, trim=0).fit(rows)
    alone = clone(autoencoder).fit(rows)
    assert_array_equal(detector.score_samples(rows), alone.score_samples(rows))
    assert autoencoder.get_params() == before
    with pytest.raises(NotFittedError):
        autoencoder.score_samples(rows)


def test_a_frozen_autoencoder_is_not_fitted_again(rows):
    model = sparse().fit(rows[:50])
    detector = AutoencoderOutlierDetector(FrozenEstimator(model), random_state=3).fit(rows)
    assert_array_equal(detector.score_samples(rows), model.score_samples(rows))


def test_parameters_of_the_autoencoder_can_be_set_and_searched(rows):
    steps = make_pipeline(StandardScaler(), sparse())
    detector = AutoencoderOutlierDetector(steps)
    name = "estimator__sparseautoencodertransformer__n_components"
    search = GridSearchCV(
        detector, {name: [1, 2]}, scoring=lambda fitted, X, y=None: fitted.score_samples(X).mean()
    ).fit(rows)
    assert search.best_params_ == {name: 2}
    assert steps[1].n_components == 3


# ------------------------------------------------------------------------------------ random state


def test_the_random_state_replaces_those_of_all_steps(rows):
    steps = make_pipeline(PCA(4, svd_solver="randomized", random_state=1), sparse())
    seeded = AutoencoderOutlierDetector(steps, random_state=5).fit(rows).estimator_
    assert [step.random_state for step in seeded] == [5, 5]
    own = AutoencoderOutlierDetector(steps).fit(rows).estimator_
    assert [step.random_state for step in own] == [1, 0]


def test_a_generator_advances_with_each_fit_and_not_with_one_that_fails(rows):
    generator = np.random.RandomState(0)
    detector = AutoencoderOutlierDetector(sparse(), random_state=generator)
    first, second = (detector.fit(rows).score_samples(rows) for _ in range(2))
    assert not np.array_equal(first, second)
    before = generator.get_state()[1].copy()
    with pytest.raises(ValueError, match="contamination"):
        detector.set_params(contamination=0.9).fit(rows)
    assert_array_equal(generator.get_state()[1], before)


# ------------------------------------------------------------------------------------ the threshold


@pytest.mark.parametrize("contamination", [0.03, 0.1, 0.5])
def test_the_contamination_is_the_share_of_outliers_in_x(rows, contamination):
    detector = AutoencoderOutlierDetector(sparse(), contamination=contamination)
    labels = detector.fit_predict(rows)
    assert np.count_nonzero(labels == -1) == round(100 * contamination)
    assert_array_equal(labels, detector.predict(rows))
    decision = detector.decision_function(rows)
    assert_array_equal(decision, detector.score_samples(rows) - detector.offset_)
    assert_array_equal(labels == -1, decision < 0)


def test_auto_is_tukeys_outer_fence(rows):
    detector = AutoencoderOutlierDetector(sparse()).fit(rows)
    low, high = np.percentile(detector.score_samples(rows), [25, 75])
    assert detector.offset_ == pytest.approx(low - 3 * (high - low), rel=1e-12)
    outliers = np.flatnonzero(detector.predict(rows) == -1)
    assert {3, 30, 41, 77, 98} <= set(outliers)
    assert len(outliers) < 20


# ------------------------------------------------------------------------------------ kinds of rows


@pytest.mark.parametrize("sparse_format", [csr_matrix, coo_array])
@pytest.mark.parametrize("estimator", [None, sparse()])
def test_sparse_rows_score_like_dense_ones(rows, sparse_format, estimator):
    X = np.where(np.abs(rows) > 1, rows, 0)
    dense = AutoencoderOutlierDetector(estimator, random_state=0).fit(X)
    other = AutoencoderOutlierDetector(estimator, random_state=0).fit(sparse_format(X))
    assert_allclose(other.score_samples(sparse_format(X)), dense.score_samples(X), rtol=1e-3)


def test_a_large_offset_does_not_change_which_rows_are_left_out(rows):
    near = AutoencoderOutlierDetector(sparse(), trim=0.2).fit(rows)
    shifted = AutoencoderOutlierDetector(sparse(), trim=0.2).fit(rows + 1e7)
    assert_allclose(shifted.score_samples(rows + 1e7), near.score_samples(rows), rtol=1e-3)


def test_texts_and_mixed_columns_pass_through_the_pipeline():
    texts = ["red green blue", "red green", "green blue", "blue red"] * 5 + ["purple rain"]
    detector = AutoencoderOutlierDetector(make_pipeline(TfidfVectorizer(), sparse(2)), trim=0.1)
    assert np.argmin(detector.fit(texts).score_samples(texts)) == 20
    table = pd.DataFrame({"colour": ["red", "blue"] * 10, "size": np.arange(20.0)})
    columns = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    detector = AutoencoderOutlierDetector(make_pipeline(columns, sparse(2))).fit(table)
    assert detector.score_samples(table).shape == (20,)
    assert list(detector.feature_names_in_) == ["colour", "size"]


def test_names_of_columns_are_kept_and_checked(rows):
    table = pd.DataFrame(rows, columns=list("abcdef"))
    detector = AutoencoderOutlierDetector(sparse()).fit(table)
    assert list(detector.feature_names_in_) == list("abcdef")
    with pytest.raises(ValueError, match="feature names should match"):
        detector.predict(table[list("fedcba")])


@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_set_output_changes_nothing(rows, container):
    expected = AutoencoderOutlierDetector(random_state=0).fit(rows).decision_function(rows)
    with config_context(transform_output=container):
        detector = AutoencoderOutlierDetector(random_state=0).fit(rows)
        decision = detector.decision_function(rows)
    assert type(decision) is np.ndarray
    assert_allclose(decision, expected, rtol=1e-9)


def test_the_fitted_pipeline_explains_an_outlier(rows):
    detector = AutoencoderOutlierDetector(random_state=0).fit(rows)
    odd = rows[:1].copy()
    odd[0, 2] += 10
    assert detector.predict(odd) == -1
    assert np.argmax(feature_errors(detector.estimator_, odd)) == 2


def test_a_pickle_scores_the_same(rows):
    detector = AutoencoderOutlierDetector(sparse()).fit(rows)
    loaded = pickle.loads(pickle.dumps(detector))
    assert_array_equal(loaded.decision_function(rows), detector.decision_function(rows))


def test_the_html_representation_links_to_its_page(core, monkeypatch):
    template = f"https://site.local/generated/{core.base.PAGE}"
    assert AutoencoderOutlierDetector._doc_link_template == core.base.DOCUMENTATION
    monkeypatch.setattr(AutoencoderOutlierDetector, "_doc_link_template", template)
    link = AutoencoderOutlierDetector()._get_doc_link()
    assert link == "https://site.local/generated/skl_sparse_ae.AutoencoderOutlierDetector.html"


def test_rows_too_large_are_reported_in_words(rows):
    X = rows.copy()
    X[0] = 1e200  # squared, it overflows
    with np.errstate(all="raise"), pytest.raises(ValueError, match="large values"):
        AutoencoderOutlierDetector(sparse()).fit(X)


# -------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (PCA(2), "PCA is not an autoencoder"),
        (make_pipeline(sparse(), PCA(2)), "its last step is a PCA"),
    ],
)
def test_an_estimator_that_reconstructs_nothing_is_refused(rows, estimator, words):
    with pytest.raises(TypeError, match=words):
        AutoencoderOutlierDetector(estimator).fit(rows)


@pytest.mark.parametrize(
    "parameters",
    [{"trim": 1}, {"trim": -0.1}, {"contamination": 0}, {"contamination": 0.6}, {"estimator": 3}],
)
def test_parameters_out_of_range_are_refused(rows, parameters):
    [name] = parameters
    with pytest.raises(ValueError, match=f"The '{name}' parameter"):
        AutoencoderOutlierDetector(**parameters).fit(rows)


def test_a_fit_that_fails_changes_nothing(rows):
    """Here the autoencoder is fitted, and then its scores are not finite."""

    def cut(X):
        return X if len(X) == 50 else np.full_like(X, np.nan)

    detector = AutoencoderOutlierDetector(sparse(), trim=0).fit(rows)
    before, fitted = detector.decision_function(rows), detector.estimator_
    detector.set_params(estimator=make_pipeline(FunctionTransformer(cut), sparse()), trim=0.5)
    with pytest.raises(ValueError, match="NaN"):
        detector.fit(rows)
    assert detector.estimator_ is fitted
    assert_array_equal(detector.decision_function(rows), before)
    with pytest.raises(NotFittedError):
        clone(detector).predict(rows)
