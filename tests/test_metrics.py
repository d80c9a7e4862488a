"""Each measure against its definition: by hand, from the literature's own formula, or with more digits than it has."""

import pickle

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array, csr_matrix
from scipy.special import rel_entr
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skl_sparse_ae import SparseAutoencoderTransformer, metrics
from skl_sparse_ae.metrics import (
    active_fraction,
    active_latent_units,
    always_on_units,
    dead_units,
    explained_variance,
    explained_variance_scorer,
    feature_errors,
    fraction_of_variance_unexplained,
    hoyer_scorer,
    hoyer_sparsity,
    lifetime_sparseness,
    lifetime_sparseness_scorer,
    neg_reconstruction_error_scorer,
    population_sparseness,
    population_sparseness_scorer,
    reconstruction_and_sparsity_scorer,
    row_errors,
    sparsity_divergence,
)

# Most models here are stopped after a few iterations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
SPARSENESSES = [hoyer_sparsity, population_sparseness, lifetime_sparseness]
SCORERS = {
    explained_variance_scorer: lambda model, X: model.score(X),
    neg_reconstruction_error_scorer: lambda model, X: -((X - model.reconstruct(X)) ** 2).mean(),
    hoyer_scorer: lambda model, X: hoyer_sparsity(model.transform(X)),
    population_sparseness_scorer: lambda model, X: population_sparseness(model.transform(X)),
    lifetime_sparseness_scorer: lambda model, X: lifetime_sparseness(model.transform(X)),
}


def codes(**options):
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
    return hnp.arrays(np.float64, shapes, elements=st.floats(0, 1, **options))


@pytest.fixture(scope="module")
def X():
    return load_digits().data[:200] / 16


@pytest.fixture(scope="module")
def model(X):
    return SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0).fit(X)


# --------------------------------------------------------------------------------------------------- how sparse a code is


def test_hoyer_sparsity_of_rows_computed_by_hand():
    code = [[3, 4, 0, 0], [0, 0, -2, 0], [1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    # (2 - 7/5) / 1, one unit, all units, (2 - 2/sqrt 2) / 1, and a row of zeros
    np.testing.assert_allclose(
        hoyer_sparsity(code, average=False), [0.6, 1, 0, 2 - np.sqrt(2), 0], rtol=1e-15
    )
    assert hoyer_sparsity(code) == pytest.approx((3.6 - np.sqrt(2)) / 5, rel=1e-15)


def test_population_sparseness_of_rows_computed_by_hand():
    code = [[3, 1, 0, 0], [0, 0, 2, 0], [1, 1, 1, 1], [0, 0, 0, 0]]
    # a = 1^2 / 2.5, so S = 0.6 / 0.75
    np.testing.assert_allclose(
        population_sparseness(code, average=False), [0.8, 1, 0, 0], rtol=1e-15
    )
    assert population_sparseness(code) == pytest.approx(1.8 / 4, rel=1e-15)


def test_sparseness_is_the_formula_of_vinje_and_gallant():
    """S = {1 - [(sum r_i / n)^2 / sum(r_i^2 / n)]} / [1 - (1/n)], of a neuron's responses to n frames."""
    code = np.random.default_rng(0).random((9, 5))
    n = 9
    for unit, r in enumerate(code.T):
        expected = (1 - (sum(r / n) ** 2 / sum(r**2 / n))) / (1 - 1 / n)
        assert lifetime_sparseness(code, average=False)[unit] == pytest.approx(expected, rel=1e-13)


def test_lifetime_is_the_population_of_the_transposed_code():
    code = np.random.default_rng(0).random((9, 5))
    np.testing.assert_allclose(
        lifetime_sparseness(code, average=False),
        population_sparseness(code.T, average=False),
        rtol=1e-13,
    )


@pytest.mark.parametrize("measure", SPARSENESSES)
def test_a_single_unit_in_a_single_row_is_not_sparse(measure):
    assert measure([[0.3]]) == measure([[0.0]]) == 0


@pytest.mark.parametrize("measure", SPARSENESSES)
@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_the_scale_of_the_code_does_not_matter_however_extreme(measure, size):
    code = np.array([[0.1, 0.9, 0.4], [0.2, 0.0, 0.7]])
    assert measure(size * code) == pytest.approx(measure(code), rel=1e-12)


@pytest.mark.parametrize("measure", SPARSENESSES)
@settings(deadline=None, max_examples=60, derandomize=True)
@given(code=codes())
def test_sparseness_stays_between_0_and_1(measure, code):
    values = measure(code, average=False)
    assert ((values >= 0) & (values <= 1)).all()
    assert measure(code) == pytest.approx(values.mean(), abs=1e-15)


def test_rates_are_not_negative_but_hoyers_values_may_be():
    signed = [[-1.0, 0.5], [0.2, 0.3]]
    assert hoyer_sparsity(signed) == hoyer_sparsity(np.abs(signed))
    for measure in (population_sparseness, lifetime_sparseness):
        with pytest.raises(
            ValueError, match=f"Negative values in data passed to {measure.__name__}"
        ):
            measure(signed)


# -------------------------------------------------------------------------------------------------- how alive its units are


def test_active_dead_and_always_on_units_computed_by_hand():
    code = [[0.9, 0.1, 0.6], [0.8, 0.5, 0.2]]  # 0.5 is not above 0.5
    np.testing.assert_array_equal(active_fraction(code, average=False), [1, 0, 0.5])
    assert active_fraction(code) == 0.5
    np.testing.assert_array_equal(dead_units(code), [False, True, False])
    np.testing.assert_array_equal(always_on_units(code), [True, False, False])


def test_latent_units_are_active_where_they_vary():
    code = np.array(
        [[1.2, 0.1, 0.3], [0.8, -0.1, 0.3], [1.2, 0.1, 0.3], [0.8, -0.1, 0.3]]
    )  # variances 0.04, 0.01, 0
    np.testing.assert_array_equal(active_latent_units(code, 0.02), [True, False, False])
    np.testing.assert_array_equal(active_latent_units(1.01 * code), [True, True, False])
    np.testing.assert_array_equal(active_latent_units(0.99 * code), [True, False, False])
    with pytest.raises(TypeError, match="threshold must be an instance of float"):
        active_latent_units(code, "0.01")


def test_the_threshold_moves_the_line():
    code = [[0.9, 0.1, 0.6], [0.8, 0.5, 0.2]]
    assert active_fraction(code, 0.15) == pytest.approx(5 / 6)
    np.testing.assert_array_equal(dead_units(code, 0.85), [False, True, True])
    np.testing.assert_array_equal(always_on_units(code, threshold=0.15), [True, False, True])


@pytest.mark.parametrize("target", [0.001, 0.1, 0.9])
def test_the_divergence_is_exact_to_many_digits(target):
    code = np.array([[1e-12, 0.05, 0.4, 1 - 1e-9], [1e-12, 0.15, 0.9, 1 - 1e-9]])
    with mp.workdps(50):
        p, means = mp.mpf(target), [mp.mpf(m) for m in code.mean(axis=0)]
        exact = [p * mp.log(p / q) + (1 - p) * mp.log((1 - p) / (1 - q)) for q in means]
    np.testing.assert_allclose(
        sparsity_divergence(code, target), np.array(exact, dtype=float), rtol=1e-13, atol=1e-16
    )


@settings(deadline=None, max_examples=60, derandomize=True)
@given(code=codes(), target=st.floats(1e-6, 1 - 1e-6))
def test_the_divergence_is_that_of_scipy(code, target):
    code[code < 1e-300] = 0  # of which older versions of SciPy divide to infinity
    q = code.mean(axis=0)
    expected = rel_entr(target, q) + rel_entr(1 - target, 1 - q)
    np.testing.assert_allclose(sparsity_divergence(code, target), expected, rtol=1e-6, atol=1e-9)


def test_the_divergence_of_units_that_never_change_from_0_or_1_is_infinite():
    np.testing.assert_array_equal(sparsity_divergence([[0.0, 1.0, 0.1]], 0.1), [np.inf, np.inf, 0])


def test_the_divergences_add_up_to_the_penalty_of_a_fit(model, X):
    penalty = (
        model.sparsity_weight_
        * sparsity_divergence(model.transform(X), model.sparsity_target).sum()
    )
    assert penalty == pytest.approx(model.loss_terms_["sparsity"][-1], rel=1e-9)


def test_a_divergence_from_what_is_no_mean_activation_is_refused():
    with pytest.raises(
        ValueError, match=r"mean activations must be in \[0, 1\], got values in \[0.5, 3\]"
    ):
        sparsity_divergence([[0.5, 3.0]], 0.1)
    for target in (0, 1, -0.2):
        with pytest.raises(ValueError, match="target =="):
            sparsity_divergence([[0.5]], target)


# ------------------------------------------------------------------------------------------- how good the reconstruction is


@pytest.mark.parametrize("n_rows", [2, 3, 17, 256, 1000, 4097])
@pytest.mark.parametrize("offset", [0, 0.1, 1e6])
def test_the_mean_predictor_is_exactly_0_whatever_the_number_of_rows(n_rows, offset):
    X = offset + np.random.default_rng(n_rows).normal(size=(n_rows, 3)) * [1, 7, 0.01]
    X[:, 2] = 0.1  # constant
    X_hat = np.tile(X.mean(axis=0), (n_rows, 1))
    assert explained_variance(X, X_hat) == 0
    assert fraction_of_variance_unexplained(X, X_hat) == 1


def test_a_perfect_reconstruction_explains_all(X):
    assert explained_variance(X, X) == 1
    assert fraction_of_variance_unexplained(X, X) == 0


def test_explained_variance_is_r2_of_all_rows_and_not_the_mean_over_batches():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4)) + np.repeat([0, 5, 10], 20)[:, None]
    X_hat = X + rng.normal(size=X.shape)
    assert explained_variance(X, X_hat) == pytest.approx(
        r2_score(X, X_hat, multioutput="variance_weighted"), rel=1e-13
    )
    batches = [explained_variance(X[i : i + 20], X_hat[i : i + 20]) for i in (0, 20, 40)]
    assert explained_variance(X, X_hat) > np.mean(batches) + 0.5


def test_explained_variance_is_the_score_of_the_estimator(model, X):
    assert (X[0] == X).all(axis=0).any()  # constant columns, which both leave out
    assert explained_variance(X, model.reconstruct(X)) == pytest.approx(model.score(X), rel=1e-12)


def test_an_offset_is_not_forgiven(X):
    assert explained_variance(X, X + 1) < 0


def test_constant_columns_weigh_nothing_and_alone_explain_nothing():
    X = np.array([[0.0, 0.1], [1.0, 0.1], [2.0, 0.1]])
    assert explained_variance(X, X + [[0, 5]]) == 1
    assert explained_variance(X[:, 1:], X[:, 1:]) == 0


def test_errors_beyond_all_numbers_are_a_finite_score_or_refused():
    X = np.array([[0.0], [1e-160]])
    assert explained_variance(X, X + 1) == np.finfo(np.float64).min
    with pytest.raises(
        ValueError, match=r"squared errors overflow: X and X_hat have values up to 1e\+200"
    ):
        explained_variance([[0.0], [1.0]], [[0.0], [1e200]])


def test_a_reconstruction_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"X has shape \(3, 2\), but X_hat has shape \(3, 1\)"):
        explained_variance(np.eye(3, 2), np.eye(3, 1))


def test_row_and_feature_errors_are_the_two_means_of_the_squared_errors(model, X):
    squares = (X - model.reconstruct(X)) ** 2
    np.testing.assert_allclose(row_errors(model, X), squares.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(row_errors(model, X), -model.score_samples(X), rtol=1e-12)
    np.testing.assert_allclose(feature_errors(model, X), squares.mean(axis=0), rtol=1e-12)


def test_errors_are_added_over_all_blocks_of_rows(model, X):
    many = np.tile(X, (30, 1))  # more rows than a block has
    np.testing.assert_allclose(
        row_errors(model, many), np.tile(row_errors(model, X), 30), rtol=1e-12
    )
    np.testing.assert_allclose(feature_errors(model, many), feature_errors(model, X), rtol=1e-12)


@pytest.mark.parametrize("errors", [row_errors, feature_errors])
def test_errors_of_other_containers_are_the_same(errors, X, recwarn):
    model = SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0).fit(X)
    np.testing.assert_allclose(errors(model, csr_matrix(X)), errors(model, X), rtol=1e-10)
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    on_frame = SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0).fit(frame)
    np.testing.assert_allclose(errors(on_frame, frame), errors(model, X), rtol=1e-10)
    float32 = errors(model, X.astype(np.float32))
    assert float32.dtype == np.float64
    np.testing.assert_allclose(float32, errors(model, X), rtol=1e-4, atol=1e-9)
    assert not [w for w in recwarn if "feature names" in str(w.message)]


@pytest.mark.parametrize("errors", [row_errors, feature_errors])
def test_errors_are_squared_errors_for_any_loss(errors, X):
    model = SparseAutoencoderTransformer(
        7, loss="cross_entropy", max_iter=8, tol=0, random_state=0
    ).fit(X)
    axis = {row_errors: 1, feature_errors: 0}[errors]
    np.testing.assert_allclose(
        errors(model, X), ((X - model.reconstruct(X)) ** 2).mean(axis=axis), rtol=1e-12
    )


@pytest.mark.parametrize("errors", [row_errors, feature_errors])
def test_errors_that_overflow_are_refused(errors, model):
    with pytest.raises(ValueError, match="overflow"):
        errors(model, np.full((2, 64), 1e200))


# ------------------------------------------------------------------------------------------------------------------ scorers


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: scorer.__name__)
def test_scorers_are_the_measures_at_the_autoencoder_wherever_it_is(scorer, X):
    y = load_digits().target[:200]
    autoencoder = SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0)
    alone = autoencoder.fit(X)
    assert scorer(alone, X) == pytest.approx(SCORERS[scorer](alone, X), rel=1e-12)

    for steps in ([StandardScaler()], [MinMaxScaler(), StandardScaler()]):
        pipeline = make_pipeline(*steps, autoencoder).fit(X)
        rows = pipeline[:-1].transform(X)
        assert scorer(pipeline, X, y) == pytest.approx(
            SCORERS[scorer](pipeline[-1], rows), rel=1e-12
        )
    supervised = make_pipeline(StandardScaler(), autoencoder, LogisticRegression(max_iter=500)).fit(
        X, y
    )
    rows = supervised[0].transform(X)
    assert scorer(supervised, X, y) == pytest.approx(
        SCORERS[scorer](supervised[1], rows), rel=1e-12
    )


def test_the_score_of_a_pipeline_is_that_of_its_scorer(X):
    pipeline = make_pipeline(
        StandardScaler(), SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0)
    ).fit(X)
    assert explained_variance_scorer(pipeline, X) == pytest.approx(pipeline.score(X), rel=1e-12)


def test_output_as_data_frames_changes_no_score(X):
    pipeline = make_pipeline(
        StandardScaler(), SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0)
    ).fit(X)
    before = {scorer: scorer(pipeline, X) for scorer in SCORERS}
    pipeline = (
        make_pipeline(*(step for _, step in pipeline.steps)).set_output(transform="pandas").fit(X)
    )
    for scorer, value in before.items():
        assert scorer(pipeline, X) == pytest.approx(value, rel=1e-9)


def test_both_scores_come_at_once(model, X):
    expected = {"r2": explained_variance_scorer(model, X), "hoyer": hoyer_scorer(model, X)}
    assert reconstruction_and_sparsity_scorer(model, X) == expected


@pytest.mark.parametrize(
    "scorer", [*SCORERS, reconstruction_and_sparsity_scorer], ids=lambda scorer: scorer.__name__
)
def test_scorers_can_be_searched_with_also_in_other_processes(scorer, X):
    assert pickle.loads(pickle.dumps(scorer)) is scorer
    pipeline = make_pipeline(
        StandardScaler(), SparseAutoencoderTransformer(7, max_iter=3, tol=0, random_state=0)
    )
    grid = {"sparseautoencodertransformer__sparsity_weight": [0.1, 1]}
    search = GridSearchCV(
        pipeline, grid, scoring=scorer, refit=False, cv=2, error_score="raise"
    ).fit(X)
    names = ["r2", "hoyer"] if scorer is reconstruction_and_sparsity_scorer else ["score"]
    for name in names:
        assert np.isfinite(search.cv_results_[f"mean_test_{name}"]).all()


@pytest.mark.parametrize("estimator", [StandardScaler(), make_pipeline(StandardScaler())])
def test_what_has_no_autoencoder_is_refused_by_name(estimator, X):
    with pytest.raises(TypeError, match=f"{type(estimator).__name__} is not an autoencoder"):
        hoyer_scorer(estimator.fit(X), X)


# ------------------------------------------------------------------------------------------------------------------ the door


@pytest.mark.parametrize("measure", [*SPARSENESSES, active_fraction, dead_units, always_on_units])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ([0.1, 0.2], "Expected 2D array"),
        ([[np.nan, 0.2]], "code contains NaN"),
        (np.empty((0, 3)), "0 sample"),
    ],
)
def test_what_is_no_code_is_refused_in_the_words_of_scikit_learn(measure, code, message):
    with pytest.raises(ValueError, match=message):
        measure(code)


def test_arguments_of_other_types_are_refused():
    with pytest.raises(TypeError, match="threshold must be an instance of"):
        dead_units([[0.1]], "half")
    with pytest.raises(TypeError, match="average must be an instance of"):
        hoyer_sparsity([[0.1]], average="mean")


def test_measures_do_not_care_for_numpys_floating_point_state():
    with np.errstate(all="raise"):
        assert (
            hoyer_sparsity([[0, 0], [0, 1e-320]])
            == population_sparseness([[0, 0], [0, 1e-320]])
            == 0.5
        )
        assert sparsity_divergence([[0.0]], 0.1) == np.inf
        assert explained_variance([[0.0], [1e-200]], [[0.0], [0.0]]) == 0


def test_all_that_is_public_is_listed_and_documented():
    public = {
        name
        for name, thing in vars(metrics).items()
        if getattr(thing, "__module__", "") == metrics.__name__
    }
    public = {name for name in public if not name.startswith("_")}
    assert set(metrics.__all__) == public
    assert all(">>>" in getattr(metrics, name).__doc__ for name in public)


def test_scores_of_the_other_autoencoder_are_r2_too(generator, images):
    r2 = explained_variance(images, generator.reconstruct(images))
    assert r2 < 1 < abs(generator.score(images))
    assert explained_variance_scorer(generator, images) == r2
    assert explained_variance_scorer(generator, csr_array(images)) == pytest.approx(r2)
    assert reconstruction_and_sparsity_scorer(generator, images)["r2"] == r2


@pytest.mark.parametrize(
    "measure", [active_fraction, dead_units, always_on_units, active_latent_units]
)
@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), True, 10**400])
def test_thresholds_that_are_no_numbers_are_refused(measure, threshold):
    with pytest.raises(ValueError, match="threshold must be a finite number"):
        measure([[0.1, 0.9], [0.2, 0.3]], threshold)


def test_a_target_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="target must be a finite number, got nan"):
        sparsity_divergence([[0.1, 0.9]], float("nan"))
