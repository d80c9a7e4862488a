"""ONNX graphs, run by onnxruntime, give the same numbers as their estimators."""

import copy
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)
from skl_sparse_ae.export import register_converters

MISSING = "the ONNX converters are NOT TESTED without skl2onnx and onnxruntime"
skl2onnx = pytest.importorskip("skl2onnx", reason=MISSING)
onnxruntime = pytest.importorskip("onnxruntime", reason=MISSING)
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:The mean activations are"
)
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}
BOTH = {"reconstruct": True, "score_samples": True}
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def run(model, X, options=None, **parameters):
    """The graph's outputs for X, by name."""
    register_converters()
    file = skl2onnx.to_onnx(model, X[:1], options=options, **parameters).SerializeToString()
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    inputs = {name: X[[name]].to_numpy() for name in X} if isinstance(X, pd.DataFrame) else {"X": X}
    return dict(zip(names, session.run(names, inputs), strict=True))


@every_dtype
def test_all_outputs_are_those_of_the_methods(any_autoencoder, unseen, dtype, rounded):
    X = unseen.astype(dtype)
    got = run(any_autoencoder, X, {SparseAutoencoderTransformer: BOTH})
    assert [(name, value.dtype.name) for name, value in got.items()] == [
        ("code", np.dtype(dtype).name),
        ("reconstruction", np.dtype(dtype).name),
        ("score", "float64"),
    ]
    code, rows = rounded(any_autoencoder, X)
    code.check(got["code"], any_autoencoder.transform(X))
    rows.check(got["reconstruction"], any_autoencoder.reconstruct(X))
    is_defined = ((X >= 0) & (X <= 1)).all(axis=1) | (any_autoencoder.loss == "squared_error")
    score = any_autoencoder.score_samples(X[is_defined])
    np.testing.assert_allclose(
        got["score"][is_defined], score, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
    )
    assert np.isnan(got["score"][~is_defined]).all()


def test_the_unseen_rows_saturate_units_both_ways(any_autoencoder, unseen):
    code = any_autoencoder.transform(unseen)
    assert (code == 0).any()
    assert (code == 1).any()


@pytest.mark.parametrize("options", [{}, {"reconstruct": True}, {"score_samples": True}, BOTH])
def test_outputs_are_what_was_asked_for(autoencoder, images, options):
    names = (
        ["code"]
        + ["reconstruction"] * ("reconstruct" in options)
        + ["score"] * ("score_samples" in options)
    )
    assert list(run(autoencoder, images, {id(autoencoder): options})) == names


@pytest.mark.parametrize("n_rows", [1, 2, 397])
def test_any_number_of_rows(autoencoder, images, n_rows):
    rows = images[:n_rows]
    np.testing.assert_allclose(
        run(autoencoder, rows)["code"], autoencoder.transform(rows), rtol=0, atol=1e-12
    )


@every_dtype
def test_within_a_pipeline(images, dtype):
    X, y = images.astype(dtype), (images[:, 20] > 0.5).astype(int)
    stack = [SparseAutoencoderTransformer(k, max_iter=20, random_state=0) for k in (9, 5)]
    model = make_pipeline(StandardScaler(), *stack, LogisticRegression()).fit(X[:300], y[:300])
    got = run(model, X[300:], {"zipmap": False})
    np.testing.assert_array_equal(got["label"], model.predict(X[300:]))
    np.testing.assert_allclose(
        got["probabilities"], model.predict_proba(X[300:]), rtol=0, atol=5 * TOLERANCE[dtype]
    )


def test_options_of_the_last_step_of_a_pipeline(images):
    model = make_pipeline(
        StandardScaler(), SparseAutoencoderTransformer(9, max_iter=20, random_state=0)
    ).fit(images[:300])
    got = run(model, images[300:], {SparseAutoencoderTransformer: BOTH})
    scaled = model[0].transform(images[300:])
    np.testing.assert_allclose(
        got["reconstruction"], model[1].reconstruct(scaled), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(got["score"], model[1].score_samples(scaled), rtol=1e-12)


def test_options_are_refused_where_the_next_step_would_eat_the_outputs(images):
    model = make_pipeline(
        SparseAutoencoderTransformer(9, max_iter=5, random_state=0), StandardScaler()
    ).fit(images)
    with pytest.raises(ValueError, match="alone or as the last step of a Pipeline"):
        run(model, images, {SparseAutoencoderTransformer: BOTH})


def test_the_columns_of_a_dataframe_are_inputs_one_each(images):
    X = pd.DataFrame(images, columns=[f"pixel_{i}" for i in range(64)])
    model = SparseAutoencoderTransformer(7, max_iter=20, random_state=0).fit(X)
    np.testing.assert_allclose(run(model, X)["code"], model.transform(X), rtol=0, atol=1e-12)


SECONDS = 1_700_000_000 + np.arange(300)
SHARE = np.random.default_rng(0).random(300)
WIDE = {
    "time first": {"t": SECONDS, "x": SHARE},
    "time last": {"x": SHARE, "t": SECONDS},
    "float32 first": {"x": SHARE.astype(np.float32), "y": SHARE**2},
    "float32 and a time": {"x": SHARE.astype(np.float32), "t": SECONDS},
    "times": {"t": SECONDS, "u": SECONDS[::-1]},
    "bool first": {"b": SHARE > 0.5, "x": SHARE},
    "int32": {"t": SECONDS.astype(np.int32), "x": SHARE.astype(np.float32)},
}


@pytest.mark.filterwarnings(
    "ignore:The fitted model reconstructs", "ignore:The codes have collapsed"
)
@pytest.mark.filterwarnings("ignore:Only . of . columns are reconstructed")
@pytest.mark.parametrize("columns", WIDE.values(), ids=WIDE)
def test_the_widest_column_decides_on_the_precision(columns):
    X = pd.DataFrame(columns)
    model = SparseAutoencoderTransformer(3, max_iter=20, random_state=0).fit(X)
    code = run(model, X)["code"]
    assert code.dtype == np.float64
    # A pre-activation of about 1 is a sum of terms of about 1e9.
    np.testing.assert_allclose(code, model.transform(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("integer", "expected"),
    [(np.int64, np.float64), (np.int32, np.float64), (np.uint8, np.float32)],
)
def test_integers_are_computed_with_in_what_holds_them(images, integer, expected):
    X = (images * 16).astype(integer)
    model = SparseAutoencoderTransformer(7, max_iter=20, random_state=0).fit(X)
    code = run(model, X)["code"]
    assert code.dtype == expected
    np.testing.assert_allclose(code, model.transform(X), rtol=0, atol=TOLERANCE[expected])


def test_rows_far_from_0_cost_no_digits_of_float32(images):
    X = (images + 1e5).astype(np.float32)
    model = SparseAutoencoderTransformer(7, max_iter=20, random_state=0).fit(X)
    got = run(model, X, {SparseAutoencoderTransformer: BOTH})
    np.testing.assert_allclose(got["code"], model.transform(X), rtol=0, atol=1e-5)
    np.testing.assert_allclose(got["score"], model.score_samples(X), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(got["reconstruction"], X, rtol=1e-5)


def test_rows_far_from_0_cost_a_variational_autoencoder_no_digits(images):
    X = (images + 1e5).astype(np.float32)
    model = VariationalAutoencoderTransformer(2, max_iter=2, random_state=0).fit(X)
    np.testing.assert_allclose(run(model, X)["code"], model.transform(X), rtol=0, atol=1e-4)


@pytest.mark.filterwarnings(
    "ignore:The fitted model reconstructs", "ignore:The codes have collapsed"
)
def test_steps_in_front_that_round_to_float32_are_named():
    X = pd.DataFrame(WIDE["time first"])
    model = make_pipeline(
        StandardScaler(), SparseAutoencoderTransformer(3, max_iter=20, random_state=0)
    ).fit(X)
    with pytest.warns(UserWarning, match="round the input t, x to float32"):
        run(model, X)


def test_runtimes_of_opset_13_are_served(any_autoencoder, unseen):
    got = run(any_autoencoder, unseen, {SparseAutoencoderTransformer: BOTH}, target_opset=13)
    np.testing.assert_allclose(got["code"], any_autoencoder.transform(unseen), rtol=0, atol=1e-12)


@every_dtype
@pytest.mark.parametrize("target_opset", [13, None])
def test_all_outputs_of_a_topk_model(any_topk, unseen, dtype, rounded, target_opset):
    """The same units are active, of rows of every size."""
    X = unseen.astype(dtype)
    got = run(any_topk, X, {TopKAutoencoderTransformer: BOTH}, target_opset=target_opset)
    assert [value.dtype for value in got.values()] == [dtype, dtype, np.float64]
    code, rows = rounded(any_topk, X)
    expected = any_topk.transform(X).toarray()
    code.check(got["code"], expected)
    np.testing.assert_array_equal(got["code"] > 0, expected > 0)
    rows.check(got["reconstruction"], any_topk.reconstruct(X))
    np.testing.assert_allclose(
        got["score"], any_topk.score_samples(X), rtol=10 * TOLERANCE[dtype], atol=TOLERANCE[dtype]
    )


@every_dtype
def test_offset_rows_of_a_topk_model_keep_their_digits(images, dtype):
    X = (images + 1e3).astype(dtype)
    model = TopKAutoencoderTransformer(20, n_nonzero_coefs=4, max_iter=5, random_state=0).fit(X)
    got = run(model, X, {TopKAutoencoderTransformer: BOTH})
    code = model.transform(X).toarray()
    assert np.mean((got["code"] > 0) != (code > 0)) < 1e-3
    error = {np.float32: 1e-3, np.float64: 1e-12}[dtype]
    np.testing.assert_allclose(got["score"], model.score_samples(X), rtol=error)


def test_rows_whose_code_overflows_are_not_finite_in_the_graph(any_topk):
    X = 1e308 * np.sign(any_topk.components_[:2])
    with pytest.raises(ValueError, match="overflows"):
        any_topk.transform(X)
    code = run(any_topk, X)["code"]
    assert not np.isfinite(code).all(axis=1).any()


def test_a_classifier_of_topk_codes(any_topk, images):
    y = np.digitize(images.mean(axis=1), [0.28, 0.34])
    code = any_topk.transform(images)
    classifier = LogisticRegression(max_iter=200).fit(code, y)
    got = run(make_pipeline(any_topk, classifier), images, {"zipmap": False})
    np.testing.assert_allclose(
        got["probabilities"], classifier.predict_proba(code), rtol=0, atol=1e-5
    )


def test_codes_that_are_solved_for_are_refused(any_topk, images):
    solved = copy.copy(any_topk).set_params(transform_algorithm="least_squares")
    with pytest.raises(ValueError, match=r"'least_squares' cannot be exported.*'threshold'"):
        run(solved, images)


@every_dtype
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu", "elu"])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_the_variational_autoencoder(images, dtype, activation, loss, rounded):
    sizes = {"relu": (9, 6), "tanh": ()}.get(activation, 9)
    model = VariationalAutoencoderTransformer(
        3, hidden_layer_sizes=sizes, activation=activation, loss=loss, max_iter=3, random_state=0
    ).fit(images[:300])
    X = np.concatenate([images[300:], -1e3 * images[:5], 1e6 * images[:5]]).astype(dtype)
    got = run(model, X, {VariationalAutoencoderTransformer: {"reconstruct": True}})
    assert {value.dtype for value in got.values()} == {np.dtype(dtype)}
    code, rows = rounded(model, X)
    code.check(got["code"], model.transform(X))
    rows.check(got["reconstruction"], model.reconstruct(X))
    assert list(run(model, X)) == ["code"]


def test_the_score_of_a_variational_autoencoder_is_no_option(images):
    model = VariationalAutoencoderTransformer(max_iter=1, random_state=0).fit(images)
    with pytest.raises(NameError, match="Option 'score_samples' not in"):
        run(model, images, {VariationalAutoencoderTransformer: {"score_samples": True}})


def test_unknown_options_are_errors(autoencoder, images):
    with pytest.raises(NameError, match="Option 'inverse_transform' not in"):
        run(autoencoder, images, {SparseAutoencoderTransformer: {"inverse_transform": True}})
    with pytest.raises(ValueError, match=r"must be in \[False, True\]"):
        run(autoencoder, images, {SparseAutoencoderTransformer: {"reconstruct": "yes"}})


def test_unfitted_models_are_errors(images):
    with pytest.raises(NotFittedError):
        run(SparseAutoencoderTransformer(), images)


def test_without_skl2onnx_the_command_to_install_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match="pip install skl2onnx onnxruntime"):
        register_converters()


def test_other_code_activations(with_activation, images):
    for name in ("identity", "tanh", "relu", "elu"):
        model, activate = with_activation(name)
        expected = activate(images @ model.components_.T + model.intercept_)
        code = run(model, images)["code"]
        np.testing.assert_allclose(code, expected, rtol=1e-10, atol=1e-12)
