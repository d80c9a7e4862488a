import copy
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix, issparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline

from skl_sparse_ae import TopKAutoencoderTransformer
from skl_sparse_ae.metrics import atom_recovery

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SELECTIONS = pytest.mark.parametrize("selection", ["batch", "row"])
ALGORITHMS = pytest.mark.parametrize("algorithm", ["threshold", "top_k", "least_squares", "omp"])


@pytest.fixture(scope="module")
def X(superposed):
    return superposed[0][:600]


@pytest.fixture(scope="module")
def model(quick, X):
    """A model of 600 rows, 40 units, stopped after 5 epochs. Tests copy it to change it."""
    return quick().fit(X)


@pytest.fixture(scope="module")
def trained(superposed):
    """Models by `selection`, fitted to 2,000 rows until they converge."""
    X, _ = superposed
    return {
        selection: TopKAutoencoderTransformer(
            64, n_nonzero_coefs=3, selection=selection, random_state=0
        ).fit(X)
        for selection in SELECTIONS.args[1]
    }


def supports(code):
    return code.toarray() > 0


# ---------------------------------------------------------------------------- what is learned


@SELECTIONS
def test_known_atoms_are_found(trained, superposed, selection):
    X, atoms = superposed
    model = trained[selection]
    cosines = (atoms @ model.decoder_components_.T).max(axis=1)
    assert np.median(cosines) > 0.95
    assert atom_recovery(atoms, model.decoder_components_) > 0.9
    assert model.score(X) > 0.9


@SELECTIONS
def test_the_threshold_is_exact(trained, superposed, selection):
    X, _ = superposed
    assert trained[selection].transform(X).nnz == 3 * len(X)


@DTYPES
def test_the_threshold_is_exact_in_either_precision(quick, X, dtype):
    for offset in (0, 100):
        rows = (X + offset).astype(dtype)
        assert quick(max_iter=2).fit(rows).transform(rows).nnz == 3 * len(X)


def test_top_k_keeps_as_many_in_each_row(trained, superposed):
    X, _ = superposed
    model = copy.copy(trained["row"]).set_params(transform_algorithm="top_k")
    counts = np.diff(model.transform(X).indptr)
    assert counts.max() == 3
    assert counts.mean() > 2


def test_least_squares_lowers_the_error_within_the_same_units(trained, superposed):
    X, _ = superposed
    model = copy.copy(trained["batch"])
    plain, error = model.transform(X), 1 - model.score(X)
    model.set_params(transform_algorithm="least_squares")
    assert 1 - model.score(X) < 0.95 * error
    assert not (supports(model.transform(X)) & ~supports(plain)).any()


def test_pursuit_has_the_lowest_error(trained, superposed):
    X, _ = superposed
    model, errors = copy.copy(trained["row"]), {}
    for algorithm in ("top_k", "least_squares", "omp"):
        model.set_params(transform_algorithm=algorithm)
        errors[algorithm] = 1 - model.score(X)
    assert errors["omp"] < 0.9 * errors["top_k"]
    assert np.diff(model.transform(X).indptr).max() <= 3


def test_first_units_reconstruct_on_their_own(quick, superposed):
    X, _ = superposed
    plain, nested = (quick(max_iter=20, nested_components=n).fit(X) for n in (None, [8, 16]))

    def error_of_first(model, n):
        A = model.transform(X)[:, :n]
        X_hat = A @ model.decoder_components_[:n] + model.decoder_intercept_
        return np.square(X_hat - X).mean()

    assert error_of_first(nested, 8) < 0.9 * error_of_first(plain, 8)
    of_prefixes = [error_of_first(nested, n) for n in (8, 16, 40)]
    assert nested.loss_ == pytest.approx(np.mean(of_prefixes))
    assert sorted(of_prefixes, reverse=True) == of_prefixes


@SELECTIONS
def test_the_code_is_that_of_the_attributes(trained, superposed, selection):
    X, _ = superposed
    model = trained[selection]
    Z = X @ model.components_.T + model.intercept_
    expected = np.where(model.threshold_ < Z, Z, 0)
    np.testing.assert_allclose(model.transform(X).toarray(), expected, rtol=1e-9, atol=1e-12)
    X_hat = expected @ model.decoder_components_ + model.decoder_intercept_
    np.testing.assert_allclose(model.reconstruct(X), X_hat, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(model.decoder_components_, axis=1), 1)


@ALGORITHMS
@SELECTIONS
def test_what_a_fit_reports_is_true(quick, X, selection, algorithm):
    model = quick(selection=selection, transform_algorithm=algorithm).fit(X)
    code, X_hat = model.transform(X), model.reconstruct(X)
    assert model.loss_ == pytest.approx(np.square(X_hat - X).mean())
    assert model.score(X) == pytest.approx(r2_score(X, X_hat, multioutput="variance_weighted"))
    np.testing.assert_allclose(model.score_samples(X), -np.square(X_hat - X).mean(axis=1))
    np.testing.assert_allclose(model.density_, supports(code).mean(axis=0))
    assert model.n_dead_ == (~supports(code).any(axis=0)).sum()
    assert model.n_iter_ == len(model.loss_curve_) == 5
    assert model.loss_terms_ == {"reconstruction": model.loss_curve_}
    assert model.loss_curve_[-1] == pytest.approx(model.loss_, rel=0.5)
    np.testing.assert_allclose(model.inverse_transform(code), X_hat)
    np.testing.assert_allclose(model.inverse_transform(code.toarray()), X_hat)


@pytest.mark.parametrize("scale", [1e-6, 16, 1e6])
def test_the_unit_of_x_does_not_change_the_supports(quick, X, model, scale):
    other = quick().fit(scale * X)
    np.testing.assert_array_equal(
        supports(other.transform(scale * X)), supports(model.transform(X))
    )
    assert other.score(scale * X) == pytest.approx(model.score(X), rel=1e-6)
    assert other.loss_ == pytest.approx(scale**2 * model.loss_, rel=1e-6)
    np.testing.assert_allclose(other.decoder_components_, model.decoder_components_, atol=1e-6)


def test_neither_does_an_offset(quick, X, model):
    other = quick().fit(X + 100)
    different = supports(other.transform(X + 100)) != supports(model.transform(X))
    assert different.mean() < 1e-3
    assert other.score(X + 100) == pytest.approx(model.score(X), rel=1e-3)


@ALGORITHMS
def test_a_rows_code_does_not_depend_on_the_rows_beside_it(model, X, algorithm):
    model = copy.copy(model).set_params(transform_algorithm=algorithm)
    together, order = model.transform(X).toarray(), np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(model.transform(X[order]).toarray(), together[order], rtol=1e-9)
    alone = np.concatenate([model.transform(row[np.newaxis]).toarray() for row in X[:20]])
    np.testing.assert_allclose(alone, together[:20], rtol=1e-9)


def test_units_that_no_row_uses_are_replaced(quick, X):
    """Encoders that are never positive: without replacement they would stay dead."""
    warm = quick(max_iter=3).fit(X)
    warm.intercept_ = np.where(np.arange(40) < 20, -1e3, warm.intercept_)
    warm.set_params(max_iter=40, warm_start=True).fit(X)
    assert warm.n_dead_ < 10


# ---------------------------------------------------------------------------------- containers


@DTYPES
@ALGORITHMS
def test_codes_are_canonical_csr(model, X, dtype, algorithm):
    code = copy.copy(model).set_params(transform_algorithm=algorithm).transform(X.astype(dtype))
    assert code.format == "csr"
    assert code.dtype == dtype
    assert code.indices.dtype == np.int32
    assert (code.data > 0).all()
    assert csr_matrix((code.data, code.indices, code.indptr), code.shape).has_canonical_format


def test_dense_codes_on_request(model, X):
    code = copy.copy(model).set_params(sparse_output=False).transform(X)
    assert isinstance(code, np.ndarray)
    np.testing.assert_array_equal(code, model.transform(X).toarray())


def test_sparse_rows_and_rows_on_disk_give_the_fit_of_dense_rows(quick, X, model, tmp_path):
    rows = np.where(X > 0.2, X, 0)
    dense = quick().fit(rows)
    for given in (csr_matrix(rows), csr_array(rows), csr_matrix(rows).tocsc()):
        sparse = quick().fit(given)
        np.testing.assert_allclose(sparse.components_, dense.components_, atol=1e-8)
        np.testing.assert_array_equal(
            supports(sparse.transform(given)), supports(dense.transform(rows))
        )
        assert sparse.score(given) == pytest.approx(dense.score(rows))
    path = tmp_path / "rows.npy"
    np.save(path, X)
    mapped = quick().fit(np.load(path, mmap_mode="r"))
    np.testing.assert_array_equal(mapped.components_, model.components_)


def test_float32_is_near_float64(quick, X, model):
    single = quick().fit(X.astype(np.float32))
    assert single.components_.dtype == single.decoder_intercept_.dtype == np.float32
    assert single.score(X.astype(np.float32)) == pytest.approx(model.score(X), abs=0.02)
    assert single.transform(X).dtype == np.float64


def test_codes_go_into_a_pipeline():
    X, y = load_digits(return_X_y=True)
    model = TopKAutoencoderTransformer(64, n_nonzero_coefs=8, max_iter=20, tol=0, random_state=0)
    pipeline = make_pipeline(model, LogisticRegression(max_iter=2000, C=0.1)).fit(
        X[:1200], y[:1200]
    )
    assert pipeline.score(X[1200:], y[1200:]) > 0.85
    assert issparse(pipeline[0].transform(X))


def test_codes_are_taken_by_other_estimators(model, X):
    code = model.transform(X)
    assert TruncatedSVD(2).fit_transform(code).shape == (600, 2)
    assert NearestNeighbors().fit(code).kneighbors(code)[1].shape == (600, 5)


def test_a_data_frame_needs_dense_codes(quick, X):
    sparse = quick(max_iter=3).set_output(transform="pandas").fit(X)
    with pytest.raises(ValueError, match="sparse"):
        sparse.transform(X)
    frame = sparse.set_params(sparse_output=False).transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns[:2]) == [
        "topkautoencodertransformer0",
        "topkautoencodertransformer1",
    ]


@pytest.mark.parametrize("columns", [39, 41])
def test_codes_of_another_width_are_refused(model, columns):
    for code in (np.ones((2, columns)), csr_matrix((2, columns))):
        with pytest.raises(ValueError, match="is expecting 40 features"):
            model.inverse_transform(code)


def test_codes_that_are_not_finite_are_refused(model):
    with pytest.raises(ValueError, match="NaN"):
        model.inverse_transform(csr_matrix(np.full((2, 40), np.nan)))


def test_data_are_not_changed(quick, X):
    for rows in (X.copy(), csr_matrix(np.where(X > 0.2, X, 0))):
        before = rows.copy()
        quick(max_iter=3).fit(rows).transform(rows)
        assert abs(rows - before).sum() == 0


# ------------------------------------------------------------------------- more fits of a model


@SELECTIONS
def test_a_warm_start_goes_on(quick, X, selection):
    cold = quick(selection=selection).fit(X)
    warm = clone(cold).set_params(warm_start=True).fit(X).fit(X)
    assert warm.loss_ < cold.loss_
    assert warm.loss_curve_[0] < cold.loss_curve_[0] / 1.5
    with pytest.raises(ValueError, match="n_components=30 differs from n_components=40"):
        warm.set_params(n_components=30).fit(X)


def test_partial_fit_learns(quick, X):
    model = quick()
    losses = [model.partial_fit(X).loss_ for _ in range(10)]
    assert losses[-1] < 0.7 * losses[0]
    assert model.n_iter_ == len(model.loss_curve_) == 10
    n_active = model.transform(X).nnz / len(X)
    assert n_active == pytest.approx(3, abs=0.3)  # a running threshold


def test_partial_fit_by_chunks_of_few_rows(quick, X):
    model = quick()
    for _ in range(4):
        for start in range(0, 600, 50):
            model.partial_fit(X[start : start + 50])
    assert model.score(X) > 0.5
    assert model.transform(X).nnz / len(X) == pytest.approx(3, abs=0.5)


def test_partial_fit_resumes_bit_for_bit(quick, X):
    model = quick().partial_fit(X).partial_fit(X)
    loaded = pickle.loads(pickle.dumps(model)).partial_fit(X)
    model.partial_fit(X)
    np.testing.assert_array_equal(loaded.components_, model.components_)
    assert loaded.threshold_ == model.threshold_


def test_early_stopping_keeps_the_best_weights(quick, X):
    model = quick(early_stopping=True, max_iter=8).fit(X)
    assert len(model.validation_scores_) == 8
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.transform(X).nnz == 3 * len(X)  # held-out rows count for the threshold
    assert model.best_validation_score_ > 0.3


def test_the_learning_rate_falls_over_the_last_fifth_of_the_epochs(quick, X, monkeypatch):
    """Those of `max_iter`, or those after which patience ends."""
    patient = {"max_iter": 300, "tol": 0.1}
    falling, n_epochs = quick(max_iter=20).fit(X).loss_curve_, quick(**patient).fit(X).n_iter_
    monkeypatch.setattr(TopKAutoencoderTransformer, "_falling_share", 0.0)
    constant = quick(max_iter=20).fit(X).loss_curve_
    assert falling[:16] == constant[:16]
    assert falling[16] != constant[16]
    assert n_epochs == -(-quick(**patient).fit(X).n_iter_ * 5 // 4) < 300


@pytest.mark.parametrize(("n_rows", "expected"), [(40, 40), (600, 60), (6400, 100), (20_000, 254)])
def test_an_automatic_batch_is_a_64th_of_the_rows_within_limits(
    n_rows, expected, topk, monkeypatch
):
    problem, sizes = topk.problem.TopKProblem, []
    of_class = problem.batch

    def batch(self, rows, *others):
        sizes.append(rows.shape[0])
        return of_class(self, rows, *others)

    monkeypatch.setattr(problem, "batch", batch)
    rows = np.random.default_rng(0).normal(size=(n_rows, 2))
    TopKAutoencoderTransformer(2, n_nonzero_coefs=1, max_iter=1, tol=0).fit(rows)
    assert max(sizes) == expected


CHANGES = {
    "n_components": 41,
    "n_nonzero_coefs": 4,
    "selection": "row",
    "nested_components": [10],
    "transform_algorithm": "top_k",
    "max_iter": 4,
    "tol": 10.0,
    "learning_rate_init": 0.01,
    "batch_size": 100,
    "early_stopping": True,
    "random_state": 1,
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_parameter_changes_the_result(quick, X, model, name):
    other = quick(**{"max_iter": 15 if name == "tol" else 5} | {name: CHANGES[name]}).fit(X)
    assert other.score(X) != model.score(X)


@pytest.mark.parametrize(("name", "value"), [("validation_fraction", 0.3), ("n_iter_no_change", 2)])
def test_parameters_of_stopping_change_the_result(quick, X, name, value):
    parameters = {"early_stopping": True, "tol": 0.5, "max_iter": 30}
    plain, other = (quick(**parameters | change).fit(X) for change in ({}, {name: value}))
    assert other.score(X) != plain.score(X)


def test_all_parameters_are_tested():
    elsewhere = {
        "sparse_output",
        "warm_start",
        "verbose",
        "validation_fraction",
        "n_iter_no_change",
    }
    assert CHANGES.keys() | elsewhere == TopKAutoencoderTransformer().get_params().keys()


def test_a_line_is_printed_for_each_epoch(quick, X, capsys):
    quick(max_iter=2, verbose=1).fit(X)
    assert capsys.readouterr().out.count("loss = ") == 2


def test_a_seed_repeats_the_fit(quick, X, model):
    np.testing.assert_array_equal(quick().fit(X).components_, model.components_)


# -------------------------------------------------------------------------- unusual parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_nonzero_coefs", 0),
        ("n_nonzero_coefs", True),
        ("n_nonzero_coefs", 2.0),
        ("selection", "column"),
        ("transform_algorithm", "lasso"),
        ("nested_components", [40]),
        ("nested_components", [5, 5]),
        ("nested_components", [2.5]),
        ("nested_components", [0]),
        ("nested_components", 5),
        ("sparse_output", "yes"),
    ],
)
def test_parameters_outside_their_range_are_refused(quick, X, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of TopKAutoencoderTransformer"):
        quick(**{name: value}).fit(X)


def test_an_unknown_algorithm_is_refused_after_fit(model, X):
    with pytest.raises(ValueError, match="'transform_algorithm' parameter"):
        copy.copy(model).set_params(transform_algorithm="lasso").transform(X)


def test_more_active_units_than_there_are_is_an_ordinary_relu(quick, X):
    model = quick(n_components=4, n_nonzero_coefs=9).fit(X)
    assert model.threshold_ == 0
    Z = X @ model.components_.T + model.intercept_
    np.testing.assert_allclose(model.transform(X).toarray(), np.maximum(Z, 0), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:.* units are dead:UserWarning")
@pytest.mark.parametrize("n_rows", [1, 2, 10])
def test_fewer_rows_than_units(quick, X, n_rows):
    model = quick().fit(X[:n_rows])
    assert np.isfinite(model.reconstruct(X[:n_rows])).all()


@DTYPES
@pytest.mark.parametrize("value", [0, 5, 1e5])
def test_constant_rows_are_reconstructed_without_a_warning(quick, value, dtype):
    X = np.full((100, 5), value, dtype)
    model = quick().fit(X)
    np.testing.assert_allclose(model.reconstruct(X), X, rtol=1e-6)
    assert model.score(X) == 0


def test_constant_rows(quick):
    model = quick().fit(np.full((20, 5), 7.0))
    np.testing.assert_allclose(model.reconstruct(np.full((2, 5), 7.0)), 7)
    assert model.transform(np.full((2, 5), 7.0)).sum() < 1e-12
    assert model.score(np.full((2, 5), 7.0)) == 0


def test_methods_need_a_fit(X):
    for method in ("transform", "reconstruct", "score", "score_samples", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(TopKAutoencoderTransformer(), method)(X)


# ------------------------------------------------------------------------------------ warnings


def test_many_dead_units_are_a_warning(quick, X):
    with pytest.warns(UserWarning, match=r"\d+ of 400 units are dead: .*Lower n_components=400"):
        quick(n_components=400, n_nonzero_coefs=1, max_iter=1).fit(X[:50])


def test_a_fit_that_did_not_converge_is_a_warning(quick, X):
    with pytest.warns(ConvergenceWarning, match="adam failed to converge after 2 epoch"):
        quick(max_iter=2, tol=1e-6).fit(X)


def test_a_good_fit_warns_of_nothing(superposed, quick):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(max_iter=300, tol=1e-3).fit(superposed[0])


# ---------------------------------------------------------------------------------- saved state


def test_a_saved_model_computes_the_same(model, X):
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.transform(X).toarray(), model.transform(X).toarray())
    assert clone(loaded).get_params() == model.get_params()


def test_a_model_goes_through_skops(model, X):
    io = pytest.importorskip("skops.io")
    data = io.dumps(model)
    loaded = io.loads(data, trusted=io.get_untrusted_types(data=data))
    np.testing.assert_array_equal(loaded.transform(X).toarray(), model.transform(X).toarray())
    loaded.partial_fit(X)


BROKEN = [
    {"components_": np.zeros((40, 31))},
    {"components_": np.full((40, 32), np.nan)},
    {"intercept_": np.zeros(39)},
    {"intercept_": np.zeros(0)},
    {"decoder_components_": None},
    {"decoder_intercept_": np.zeros(3)},
    {"threshold_": -1.0},
    {"threshold_": np.nan},
    {"density_": np.zeros(39)},
    {"n_dead_": 41},
    {"loss_": -1.0},
    {"n_iter_": 0},
    {"transform_algorithm": "lasso"},
    {"_optimizer_state": {}},
    {"transform": None},
]


@pytest.mark.parametrize("changes", BROKEN, ids=str)
def test_a_corrupted_state_is_refused(model, changes):
    state = model.__getstate__() | changes
    with pytest.raises(ValueError, match="The state of TopKAutoencoderTransformer is corrupted"):
        TopKAutoencoderTransformer().__setstate__(state)


@pytest.mark.parametrize("name", ["idle", "threshold"])
def test_a_corrupted_memory_is_refused(model, name):
    state = copy.deepcopy(model.__getstate__())
    state["_optimizer_state"]["memory"][name] = np.zeros(3)
    with pytest.raises(ValueError, match=re.escape(f"attribute '{name}' is not a finite float")):
        TopKAutoencoderTransformer().__setstate__(state)
