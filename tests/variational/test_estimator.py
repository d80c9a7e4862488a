import copy
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import VariationalAutoencoderTransformer

LOSSES = pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data / 16
    X.flags.writeable = False
    return X


@pytest.fixture(scope="module")
def models(digits):
    """A fitted model for each loss: 8 units, 40 epochs."""
    return {
        loss: quick(8, loss=loss, hidden_layer_sizes=64, max_iter=40).fit(digits)
        for loss in LOSSES.args[1]
    }


@pytest.fixture(params=LOSSES.args[1])
def model(request, models):
    return models[request.param]


def quick(n_components=2, **parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_iter": 5, "tol": 0, "random_state": 0}
    return VariationalAutoencoderTransformer(n_components, **defaults | parameters)


def run(coefs, intercepts, A, activation=lambda Z: np.maximum(Z, 0)):
    for coef, intercept in list(zip(coefs, intercepts, strict=True))[:-1]:
        A = activation(A @ coef + intercept)
    return A @ coefs[-1] + intercepts[-1]


# ---------------------------------------------------------------------------------- what is learned


@pytest.mark.parametrize("method", ["score", "score_samples"])
def test_bounds_by_cross_entropy_refuse_what_fit_refuses(digits, method):
    model = quick(2, loss="cross_entropy", max_iter=2).fit(digits)
    for rows in (16 * digits, digits - 0.1, np.where(digits == 1, 1 + 1e-6, digits)):
        with pytest.raises(
            ValueError,
            match=r"X must be in \[0, 1\] when loss='cross_entropy', got values in .*MinMaxScaler",
        ):
            getattr(model, method)(rows)
    assert np.isfinite(getattr(model, method)(np.where(digits == 1, 1 + 1e-12, digits))).all()
    assert np.isfinite(getattr(quick(2, max_iter=2).fit(digits), method)(16 * digits)).all()


def test_a_linear_model_finds_probabilistic_pca():
    """The likelihood of probabilistic PCA is the optimum of the linear case.

    Source: J. Lucas et al., Don't Blame the ELBO! (2019).
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 6)) + 0.3 * rng.normal(size=(500, 6)) + 5
    pca = PCA(2).fit(X)
    model = quick(
        hidden_layer_sizes=(),
        max_iter=400,
        batch_size=250,
        learning_rate_init=0.02,
        warm_start=True,
    ).fit(X)
    model.set_params(learning_rate_init=0.002).fit(X)
    assert model.score_samples(X, n_draws=64).mean() == pytest.approx(pca.score(X), abs=0.03)
    np.testing.assert_allclose(
        model.score_samples(X, n_draws=64, bound="importance_weighted"),
        pca.score_samples(X),
        atol=0.3,
    )
    assert model.noise_variance_ == pytest.approx(pca.noise_variance_, rel=0.05)
    np.testing.assert_allclose(
        model.reconstruct(X), pca.inverse_transform(pca.transform(X)), atol=0.25
    )


@pytest.mark.parametrize("scale", [16, 1e-3])
def test_the_unit_of_x_makes_no_difference(digits, scale):
    plain, scaled = (quick(hidden_layer_sizes=20).fit(rows) for rows in (digits, scale * digits))
    np.testing.assert_allclose(
        scaled.transform(scale * digits), plain.transform(digits), rtol=1e-6, atol=1e-8
    )
    assert scaled.noise_variance_ == pytest.approx(scale**2 * plain.noise_variance_, rel=1e-8)
    np.testing.assert_allclose(
        np.subtract(scaled.loss_curve_, 64 * np.log(scale)), plain.loss_curve_, rtol=1e-8
    )


@pytest.mark.parametrize("standardise", [True, False])
def test_no_unit_of_ordinary_data_makes_the_posterior_collapse(digits, standardise):
    X = (
        (digits - digits.mean(axis=0)) / np.where(digits.std(axis=0) == 0, 1, digits.std(axis=0))
        if standardise
        else 16 * digits
    )
    assert quick(4, max_iter=20).fit(X).active_units_ == 4


def test_the_kl_weight_counts_and_counts_fully(digits):
    """If the weight were ignored, clamped to 1 or divided by a number, one assertion would fail."""
    kl = {}
    for weight in (0.0, 0.25, 1.0, 4.0, 1000.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = quick(4, kl_weight=weight, max_iter=15, loss="cross_entropy").fit(digits)
        mean, variance = model.posterior(digits)
        kl[weight] = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(axis=1).mean()
        reconstruction = -model.score(digits) - kl[weight]
        assert model.loss_ == pytest.approx(reconstruction + weight * kl[weight], rel=1e-9)
        assert model.loss_terms_["kl_divergence"][-1] == pytest.approx(
            weight * kl[weight], rel=0.3, abs=1e-12
        )
    assert kl[0.0] > 2 * kl[0.25] > 2 * kl[1.0] > 2 * kl[4.0]
    assert kl[1000.0] < 0.1


def test_samples_look_like_digits_to_a_classifier(digits, models):
    y = load_digits().target
    classifier = LogisticRegression(max_iter=1000).fit(digits, y)
    samples = models["cross_entropy"].sample(1000, random_state=0)
    confidence = classifier.predict_proba(samples).max(axis=1)
    assert np.median(confidence) > 0.5
    assert np.bincount(classifier.predict(samples), minlength=10).min() > 20


def test_rows_unlike_those_of_the_fit_have_a_lower_bound(digits, model):
    shuffled = np.random.default_rng(0).permuted(digits, axis=1)
    assert np.median(model.score_samples(shuffled)) < np.quantile(model.score_samples(digits), 0.01)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu", "elu"])
def test_every_activation_learns(digits, activation):
    model = quick(4, activation=activation, loss="cross_entropy", max_iter=10).fit(digits[:500])
    assert model.score(digits[:500]) > -29
    assert model.loss_curve_[-1] < model.loss_curve_[0]


# -------------------------------------------------------------- attributes say what methods compute


def test_the_formulas_of_the_docstring(digits, model):
    raw = run(model.encoder_coefs_, model.encoder_intercepts_, digits)
    mean, variance = model.posterior(digits)
    np.testing.assert_allclose(mean, raw[:, :8], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(variance, np.exp(20 * np.tanh(raw[:, 8:] / 20)), rtol=1e-10)
    np.testing.assert_array_equal(model.transform(digits), mean)
    X_hat = run(model.decoder_coefs_, model.decoder_intercepts_, mean)
    X_hat = 1 / (1 + np.exp(-X_hat)) if model.loss == "cross_entropy" else X_hat
    np.testing.assert_allclose(model.inverse_transform(mean), X_hat, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.reconstruct(digits), X_hat, rtol=1e-9, atol=1e-12)
    assert model.active_units_ == (mean.var(axis=0) > 0.01).sum() > 0


def test_the_loss_is_minus_the_score_of_the_rows_of_the_fit(digits, model):
    assert model.loss_ == pytest.approx(-model.score(digits), rel=1e-10)
    assert model.loss_ == pytest.approx(
        -model.score_samples(digits, n_draws=100, random_state=1).mean(), abs=0.3
    )
    assert model.loss_curve_[-1] == pytest.approx(model.loss_, abs=1.5)
    terms = model.loss_terms_
    np.testing.assert_allclose(
        np.add(terms["reconstruction"], terms["kl_divergence"]), model.loss_curve_, rtol=1e-12
    )
    assert list(terms) == ["reconstruction", "kl_divergence"]
    assert model.n_iter_ == len(model.loss_curve_) == 40


def test_the_elbo_of_the_docstring(digits, models):
    """The ELBO by its formula, from attributes and public methods, with other draws."""
    rows, rng = digits[:300], np.random.default_rng(0)
    for loss, model in models.items():
        mean, variance = model.posterior(rows)
        kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(axis=1)
        total = 0.0
        for _ in range(100):
            X_hat = model.inverse_transform(mean + np.sqrt(variance) * rng.normal(size=mean.shape))
            if loss == "squared_error":
                v = model.noise_variance_
                total = total - 0.5 * ((rows - X_hat) ** 2 / v + np.log(2 * np.pi * v)).sum(axis=1)
            else:
                total = total + (rows * np.log(X_hat) + (1 - rows) * np.log1p(-X_hat)).sum(axis=1)
        got = model.score_samples(rows, n_draws=100)
        assert (total / 100 - kl).mean() == pytest.approx(got.mean(), abs=0.1)
        np.testing.assert_allclose(total / 100 - kl, got, atol=5)


# ------------------------------------------------------------------------------------ other methods


def test_scores_do_not_depend_on_the_rows_around(digits, model):
    scores = model.score_samples(digits)
    np.testing.assert_allclose(model.score_samples(digits[5:8]), scores[5:8], rtol=1e-10)
    np.testing.assert_allclose(model.score_samples(csr_array(digits)), scores, rtol=1e-10)
    np.testing.assert_array_equal(model.score_samples(digits, random_state=0), scores)
    assert not np.allclose(model.score_samples(digits, random_state=1), scores)
    assert model.score(digits) == scores.mean()


def test_the_importance_weighted_bound_is_higher(digits, model):
    draws = {"n_draws": 30, "random_state": 3}
    assert (
        model.score_samples(digits, bound="importance_weighted", **draws).mean()
        > model.score_samples(digits, **draws).mean()
    )


def test_samples_are_decoded_normal_codes_and_repeatable(model):
    samples = model.sample(2000, random_state=0)
    assert samples.shape == (2000, 64)
    np.testing.assert_array_equal(samples, model.sample(2000, random_state=0))
    assert not np.array_equal(samples, model.sample(2000, random_state=1))
    codes = np.random.default_rng(5).normal(size=(2000, 8))
    np.testing.assert_allclose(
        samples.mean(axis=0), model.inverse_transform(codes).mean(axis=0), atol=0.05
    )
    noisy = model.sample(2000, with_noise=True, random_state=0)
    if model.loss == "cross_entropy":
        assert set(np.unique(noisy)) == {0, 1}
    else:
        assert (noisy - samples).var() == pytest.approx(model.noise_variance_, rel=0.02)


def test_samples_have_the_moments_of_the_rows(digits, models):
    samples = models["squared_error"].sample(5000, with_noise=True, random_state=0)
    np.testing.assert_allclose(samples.mean(axis=0), digits.mean(axis=0), atol=0.1)
    assert samples.var(axis=0).sum() == pytest.approx(digits.var(axis=0).sum(), rel=0.2)


def test_draws_from_the_posterior(digits, model):
    rows = np.repeat(digits[:2], 4000, axis=0)
    draws = model.sample_posterior(rows, random_state=0).reshape(2, 4000, 8)
    mean, variance = model.posterior(digits[:2])
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=0.1)
    np.testing.assert_allclose(draws.var(axis=1), variance, rtol=0.15)
    np.testing.assert_array_equal(
        model.sample_posterior(digits, 3), model.sample_posterior(digits, 3)
    )


def test_an_interpolation_goes_from_one_reconstruction_to_the_other(digits, model):
    path = model.interpolate(digits[0], digits[1], 5)
    np.testing.assert_allclose(path[[0, -1]], model.reconstruct(digits[:2]), rtol=1e-9, atol=1e-12)
    halfway = model.transform(digits[:2]).mean(axis=0, keepdims=True)
    np.testing.assert_allclose(path[2:3], model.inverse_transform(halfway), rtol=1e-9, atol=1e-12)
    assert model.interpolate(digits[0], digits[1]).shape == (10, 64)


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("setting", ["own", "global"])
def test_an_interpolation_whatever_transform_puts_out(digits, model, container, setting):
    expected = model.interpolate(digits[0], digits[1], 3)
    twin = copy.deepcopy(model)
    if setting == "own":
        twin.set_output(transform=container)
    with config_context(transform_output=container if setting == "global" else "default"):
        assert type(twin.transform(digits[:2])).__module__.startswith(container)
        np.testing.assert_array_equal(twin.interpolate(digits[0], digits[1], 3), expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_interpolation_between_labelled_rows(digits):
    X = pd.DataFrame(digits, columns=[f"pixel {i}" for i in range(64)])
    model = VariationalAutoencoderTransformer(max_iter=1, random_state=0).fit(X)
    expected = model.interpolate(X.iloc[0], X.iloc[1])
    np.testing.assert_array_equal(model.interpolate(X.iloc[:1], X.iloc[[1]]), expected)
    np.testing.assert_array_equal(model.interpolate(X.iloc[0].astype(object), X.iloc[1]), expected)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        model.interpolate(X.iloc[0], X.iloc[1, ::-1])
    with pytest.raises(ValueError, match="feature names should match"):
        model.interpolate(X.iloc[0].rename({"pixel 3": "pixel three"}), X.iloc[1])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(model.interpolate(digits[0], digits[1]), expected)
    unnamed = VariationalAutoencoderTransformer(max_iter=1, random_state=0).fit(digits)
    np.testing.assert_allclose(
        unnamed.interpolate(X.iloc[0], X.iloc[1]), expected, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda model, X: model.sample(0), ValueError, "n_samples == 0, must be >= 1"),
        (lambda model, X: model.sample(2.5), TypeError, "n_samples must be an instance of int"),
        (
            lambda model, X: model.interpolate(X[0], X[1], 1),
            ValueError,
            "n_samples == 1, must be >= 2",
        ),
        (lambda model, X: model.interpolate(X[0], X[1, :9]), ValueError, "X has 9 features, but"),
        (
            lambda model, X: model.interpolate(X[0, :9], X[1, :9]),
            ValueError,
            "X has 9 features, but",
        ),
        (
            lambda model, X: model.score_samples(X, n_draws=0),
            ValueError,
            "n_draws == 0, must be >= 1",
        ),
        (
            lambda model, X: model.score_samples(X, bound="iwae"),
            ValueError,
            r"bound must be one of \['elbo', 'importance_w.*'iwae'",
        ),
        (lambda model, X: model.sample(random_state="x"), ValueError, "cannot be used to seed"),
    ],
)
def test_arguments_out_of_range_are_refused(digits, models, call, error, message):
    with pytest.raises(error, match=message):
        call(models["squared_error"], digits)


def test_no_method_touches_the_global_generator(digits, model, frozen):
    before = np.random.mtrand._rand.get_state()
    model.sample(2, random_state=1)
    model.score(digits)
    model.sample_posterior(digits, random_state=np.random.RandomState(3))
    quick().fit(digits[:50])
    assert frozen(np.random.mtrand._rand.get_state()) == frozen(before)


# ------------------------------------------------------------------------------------------ fitting


@DTYPES
@LOSSES
def test_a_fit_is_repeatable_and_keeps_the_dtype(digits, dtype, loss):
    X = digits[:300].astype(dtype)
    one, other = (quick(3, loss=loss).fit(X) for _ in range(2))
    assert one.loss_curve_ == other.loss_curve_
    assert {coef.dtype for coef in one.encoder_coefs_ + one.decoder_intercepts_} == {
        np.dtype(dtype)
    }
    for rows in (
        one.transform(X),
        one.sample(3),
        one.reconstruct(X),
        one.interpolate(X[0], X[1]),
        *one.posterior(X),
    ):
        assert rows.dtype == dtype
    assert quick(3, loss=loss, random_state=1).fit(X).loss_ != one.loss_


@LOSSES
def test_float32_and_float64_agree(digits, loss):
    models = [
        quick(3, loss=loss, max_iter=2).fit(digits.astype(dtype))
        for dtype in (np.float32, np.float64)
    ]
    assert models[0].score(digits) == pytest.approx(models[1].score(digits), rel=0.1)
    single = models[1].score_samples(digits.astype(np.float32))
    np.testing.assert_allclose(single, models[1].score_samples(digits), rtol=1e-3, atol=1e-3)


def test_sparse_rows_are_dense_rows(digits):
    dense, sparse = quick().fit(digits[:200]), quick().fit(csr_array(digits[:200]))
    np.testing.assert_allclose(
        sparse.transform(digits), dense.transform(digits), rtol=1e-9, atol=1e-9
    )


def test_partial_fit_resumes_to_the_bit_and_goes_on_after_fit(digits, frozen):
    straight, resumed = quick(), quick()
    for model in (straight, resumed):
        model.fit(digits[:200])
    for _ in range(3):
        straight.partial_fit(digits[:100])
        resumed = pickle.loads(pickle.dumps(resumed)).partial_fit(digits[:100])
    assert frozen(vars(straight)) == frozen(vars(resumed))
    assert straight.n_iter_ == len(straight.loss_curve_) == 8
    assert straight.loss_ == pytest.approx(-straight.score(digits[:100]), rel=1e-10)


def test_many_calls_of_partial_fit_learn(digits):
    model = quick(4, loss="cross_entropy")
    for _ in range(10):
        model.partial_fit(digits)
    assert (
        model.score(digits)
        > quick(4, loss="cross_entropy", max_iter=1).fit(digits).score(digits) + 1
    )


def test_a_warm_start_continues_with_any_likelihood(digits, model):
    again = clone(model).set_params(max_iter=1)
    vars(again).update({name: value for name, value in vars(model).items() if name.endswith("_")})
    again.set_params(warm_start=True, learning_rate_init=1e-4).fit(digits)
    assert again.loss_ == pytest.approx(model.loss_, abs=1)
    assert again.n_iter_ == 1


@pytest.mark.parametrize("size", [8, [8], np.array([8]), (np.int64(8),)], ids=repr)
def test_a_warm_start_knows_the_same_layers_by_another_name(digits, size):
    model = quick(warm_start=True).fit(digits[:50])
    assert model.set_params(
        hidden_layer_sizes=size, n_components=np.int32(2), activation=np.str_("relu")
    ).fit(digits[:50])


def test_early_stopping_keeps_the_best_epoch_on_rows_held_out():
    X = load_iris().data
    model = quick(
        early_stopping=True, max_iter=150, learning_rate_init=0.05, hidden_layer_sizes=50
    ).fit(X)
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores) > scores[-1]
    assert len(scores) == model.n_iter_ == 150
    assert quick().fit(X).validation_scores_ is None


@pytest.mark.parametrize(("n_rows", "holds_out"), [(1999, False), (2000, True)])
def test_many_rows_are_held_out_by_default(n_rows, holds_out):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 1)) @ rng.normal(size=(1, 3)) + 0.3 * rng.normal(size=(n_rows, 3))
    auto, told = (quick(**options).fit(X) for options in ({}, {"early_stopping": holds_out}))
    assert auto.early_stopping == "auto"
    np.testing.assert_array_equal(auto.transform(X), told.transform(X))
    assert auto.validation_scores_ == told.validation_scores_
    assert (auto.validation_scores_ is not None) == holds_out
    assert auto.loss_ == pytest.approx(-auto.score(X), rel=1e-10)


def test_early_stopping_is_a_choice_of_three(digits):
    with pytest.raises(ValueError, match=r"'early_stopping' parameter of Variational.*'auto'"):
        quick(early_stopping="always").fit(digits)


def test_held_out_rows_end_a_fit_before_it_learns_them_by_heart():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 2)) @ rng.normal(size=(2, 30)) + rng.normal(size=(3000, 30))
    options = {"hidden_layer_sizes": (100,), "max_iter": 60, "tol": 1e-4, "n_iter_no_change": 5}
    model = quick(10, **options).fit(X[:2000])
    with pytest.warns(ConvergenceWarning, match="failed to converge after 60"):
        by_heart = quick(10, **options, early_stopping=False).fit(X[:2000])
    assert model.n_iter_ < 60
    assert model.score(X[2000:]) > by_heart.score(X[2000:])
    assert model.loss_ > by_heart.loss_


def test_a_fit_as_it_comes_ends_by_itself():
    X = StandardScaler().fit_transform(load_iris().data)
    model = VariationalAutoencoderTransformer(random_state=0).fit(X)
    assert 20 < model.n_iter_ < model.max_iter
    assert model.active_units_ > 0


def test_tol_is_in_nats_per_feature(digits):
    curve = quick(max_iter=50).fit(digits[:500]).loss_curve_
    most = -np.diff(curve).min() / 64
    assert quick(max_iter=50, tol=1.01 * most, n_iter_no_change=1).fit(digits[:500]).n_iter_ == 2
    first = next(i for i, fall in enumerate(-np.diff(curve) / 64) if fall < 0.1 * most)
    assert (
        quick(max_iter=50, tol=0.1 * most, n_iter_no_change=1).fit(digits[:500]).n_iter_
        == first + 2
    )
    with pytest.warns(ConvergenceWarning, match=r"adam failed to converge after 2 epoch\(s\)"):
        quick(max_iter=2, tol=1e-4).fit(digits)


def test_verbose_prints_each_epoch(digits, capsys):
    quick(verbose=1, max_iter=3, early_stopping=True).fit(digits[:100])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert re.fullmatch(r"Iteration 1, loss = -?\d+\.\d{8}", lines[0])
    assert lines[1].startswith("Validation score: ")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((), ()),
        (7, (7,)),
        ([6, 5], (6, 5)),
        (np.array([4, 3, 2]), (4, 3, 2)),
        ((np.int64(3),), (3,)),
    ],
)
def test_hidden_layers_are_mirrored(digits, sizes, expected):
    model = quick(hidden_layer_sizes=sizes, max_iter=1).fit(digits[:50])
    assert [coef.shape for coef in model.encoder_coefs_] == list(
        zip((64, *expected), (*expected, 4), strict=True)
    )
    assert [coef.shape for coef in model.decoder_coefs_] == list(
        zip((2, *expected[::-1]), (*expected[::-1], 64), strict=True)
    )


@pytest.mark.parametrize("sizes", [0, -1, (8, 0), (2.5,), "8", (True,), [[8]], None], ids=str)
def test_invalid_hidden_layers_are_refused(digits, sizes):
    with pytest.raises(
        ValueError,
        match=r"The 'hidden_layer_sizes' parameter of VariationalAutoencoderTransformer must",
    ):
        quick(hidden_layer_sizes=sizes).fit(digits)


@pytest.mark.parametrize(
    "parameters",
    [{"kl_weight": -1}, {"kl_weight": np.nan}, {"kl_weight": np.inf}, {"activation": "swish"}],
    ids=str,
)
def test_parameters_of_its_own_are_checked(digits, parameters):
    with pytest.raises(
        ValueError, match=f"The '{next(iter(parameters))}' parameter of Variational.* must be"
    ):
        quick(**parameters).fit(digits)


def test_it_is_a_step_of_a_pipeline_with_names(digits):
    y = load_digits().target
    pipeline = make_pipeline(
        quick(8, max_iter=20, hidden_layer_sizes=64), LogisticRegression(max_iter=500)
    ).fit(digits, y)
    assert pipeline.score(digits, y) > 0.7
    assert list(pipeline[0].get_feature_names_out()[:2]) == [
        "variationalautoencodertransformer0",
        "variationalautoencodertransformer1",
    ]


# ----------------------------------------------------------------------------------------- warnings


def test_the_message_of_a_collapse_has_figures_and_advice(digits):
    with pytest.warns(
        ConvergenceWarning,
        match=r"none of the 3 code units varies.*at most .*active from 0.01.*kl_weight=1000",
    ) as caught:
        model = quick(3, kl_weight=1000, max_iter=30, learning_rate_init=0.01).fit(digits)
    assert model.active_units_ == 0
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_pure_noise_collapses_and_constant_rows_need_no_message():
    noise = np.random.default_rng(0).normal(size=(1000, 5))
    with pytest.warns(ConvergenceWarning, match="Features that have nothing in common"):
        quick(max_iter=60, learning_rate_init=0.02).fit(noise)
    assert quick().fit(np.ones((20, 5))).active_units_ == 0


# -------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("encoder_coefs_", None),
        ("encoder_intercepts_", []),
        ("encoder_intercepts_", [np.zeros(8)]),
        ("decoder_coefs_", [np.zeros((2, 8)), np.full((8, 64), np.nan)]),
        ("decoder_intercepts_", [np.zeros(8), np.zeros(63)]),
        ("noise_variance_", -1.0),
        ("noise_variance_", np.nan),
        ("active_units_", 3),
        ("loss_", np.inf),
        ("n_iter_", 0),
        ("n_features_in_", 63),
        ("_optimizer_state", {"seed": 1}),
    ],
)
def test_a_damaged_state_is_refused(digits, attribute, value):
    state = quick().fit(digits[:50]).__getstate__()
    with pytest.raises(ValueError, match="state of VariationalAutoencoderTransformer is corrupted"):
        quick().__setstate__(state | {attribute: value})


def test_skops_files_need_one_trusted_type(digits, tmp_path, frozen):
    sio = pytest.importorskip("skops.io")
    for model in (
        quick(),
        quick().fit(digits[:50]),
        quick(loss="cross_entropy").partial_fit(digits[:50]),
    ):
        sio.dump(model, tmp_path / "model.skops")
        trusted = ["skl_sparse_ae.VariationalAutoencoderTransformer"]
        loaded = sio.load(tmp_path / "model.skops", trusted=trusted)
        assert frozen(vars(loaded)) == frozen(vars(model))


def test_metadata(digits):
    tags = sklearn.utils.get_tags(quick())
    assert tags.input_tags.sparse
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    assert VariationalAutoencoderTransformer.__module__ == "skl_sparse_ae"


@pytest.mark.parametrize("sizes", [{3, 4}, {1: 2}, frozenset([5])])
def test_hidden_layers_have_an_order(digits, sizes):
    with pytest.raises(ValueError, match="'hidden_layer_sizes' parameter of Variational"):
        VariationalAutoencoderTransformer(hidden_layer_sizes=sizes).fit(digits)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("offset", [1e3, 1e5, 1e6])
def test_rows_far_from_0_cost_no_digits_of_float32(kind, offset):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(400, 10)) @ rng.normal(size=(10, 10)) / 3 + offset).astype(np.float32)
    model = VariationalAutoencoderTransformer(2, max_iter=5, random_state=0).fit(kind(X))
    exact, near = X.astype(np.float64), {"rtol": 0, "atol": 1e-4}
    np.testing.assert_allclose(model.transform(kind(X)), model.transform(exact), **near)
    np.testing.assert_allclose(model.transform(X[:1]), model.transform(X)[:1], **near)
    np.testing.assert_allclose(model.reconstruct(kind(X)), model.reconstruct(exact), rtol=1e-6)
    assert model.loss_ == pytest.approx(-model.score(X), abs=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_columns_of_unlike_scale_are_warned_of():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 10)) + 0.1 * rng.normal(size=(300, 10))
    model = VariationalAutoencoderTransformer(2, max_iter=30, tol=0, random_state=0)
    with pytest.warns(UserWarning, match=r"different variances: those of \d of 10.*StandardScaler"):
        model.fit(X * np.logspace(-6, 6, 10))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
