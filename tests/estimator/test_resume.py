"""Training goes on after a file as without it, to the bit. The same seed gives the same bits."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

from skl_sparse_ae import SparseAutoencoderTransformer, TopKAutoencoderTransformer

pytestmark = [
    pytest.mark.filterwarnings("ignore:The fitted model reconstructs X no better"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
SOLVERS = ["lbfgs", "adam"]
MODELS = [*SOLVERS, "topk"]  # the last is another class, with Adam only
DTYPES = [np.float32, np.float64]
X = np.random.default_rng(0).normal(size=(500, 3)) @ np.random.default_rng(1).normal(size=(3, 6))


def quick(**parameters):
    defaults = {"n_components": 4, "max_iter": 8, "tol": 0, "batch_size": 60, "random_state": 0}
    if parameters.get("solver") != "topk":
        return SparseAutoencoderTransformer(**defaults | parameters)
    del parameters["solver"]
    return TopKAutoencoderTransformer(**defaults | {"n_nonzero_coefs": 2} | parameters)


def parts(value):
    yield value
    if isinstance(value, dict | list):
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from parts(item)


# -------------------------------------------------------------------------------------- resuming


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", MODELS[1:])
@pytest.mark.parametrize("first", ["partial_fit", "fit"])
def test_epochs_before_and_after_a_file_are_epochs_in_a_row(detour, dtype, solver, first, frozen):
    straight, resumed, rows = quick(solver=solver), quick(solver=solver), X.astype(dtype)
    for model in (straight, resumed):
        getattr(model, first)(rows)
    for _ in range(2):
        straight.partial_fit(rows).partial_fit(rows)
        resumed = detour(resumed.partial_fit(rows)).partial_fit(rows)
    assert frozen(vars(resumed)) == frozen(vars(straight))


@pytest.mark.parametrize("batch_size", [60, 500])
def test_the_mean_activations_of_small_batches_survive_a_file(detour, batch_size, memory_of):
    """They are the memory of the problem. Batches of 128 rows or more need none."""
    straight, resumed = (quick(solver="adam", batch_size=batch_size) for _ in range(2))
    means = []
    for _ in range(3):
        straight.partial_fit(X)
        resumed = detour(resumed.partial_fit(X))
        mean = memory_of(resumed)["running_mean"]
        np.testing.assert_array_equal(mean, memory_of(straight)["running_mean"])
        means.append(np.array(mean))
    target = np.full(4, straight.sparsity_target)
    if batch_size == 500:
        np.testing.assert_array_equal(means, [target] * 3)
        return
    assert (means[0] != target).all()
    assert (means[1] != means[0]).all()
    # on from the last mean, and not from the start
    assert abs(means[2] - means[1]).max() < abs(means[2] - target).max()


@pytest.mark.parametrize("solver", MODELS[1:])
@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_a_mapped_file_is_let_go_of_by_the_next_epoch(method, solver, tmp_path):
    """Saving the model to its own file, which is emptied first, would else end the process."""
    joblib.dump(quick(solver=solver).fit(X), tmp_path / "model")
    model = joblib.load(tmp_path / "model", mmap_mode="r")
    assert any(isinstance(part, np.memmap) for part in parts(vars(model)))
    getattr(model, method)(X)
    assert not any(
        isinstance(getattr(part, "base", None), np.memmap) for part in parts(vars(model))
    )
    assert not any(isinstance(part, np.memmap) for part in parts(vars(model)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("solver", "parameters"),
    [
        *((solver, {"loss": "squared_error"}) for solver in SOLVERS),
        *((solver, {"loss": "cross_entropy"}) for solver in SOLVERS),
        ("topk", {}),
    ],
)
def test_a_warm_fit_after_a_file_is_the_warm_fit(detour, dtype, solver, parameters, frozen):
    is_divergence = parameters.get("loss") == "cross_entropy"
    rows = (X - X.min()) / (X.max() - X.min()) if is_divergence else X
    model = quick(solver=solver, warm_start=True, **parameters).fit(rows.astype(dtype))
    loaded = detour(model)
    assert frozen(vars(loaded.fit(rows.astype(dtype)))) == frozen(
        vars(model.fit(rows.astype(dtype)))
    )


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_all_of_a_model_comes_back(detour, solver, early_stopping, frozen):
    rows = pd.DataFrame(X, columns=list("abcdef"))
    model = quick(solver=solver, early_stopping=early_stopping).fit(rows)
    loaded = detour(model)
    assert frozen(vars(loaded)) == frozen(vars(model))
    np.testing.assert_array_equal(loaded.reconstruct(rows), model.reconstruct(rows))
    with pytest.raises(NotFittedError):
        clone(loaded).transform(rows)


def test_an_unfitted_estimator_comes_back_unfitted(detour, frozen):
    model = quick(solver="adam", sparsity_target=0.3)
    loaded = detour(model)
    assert frozen(vars(loaded)) == frozen(vars(model))
    with pytest.raises(NotFittedError):
        loaded.transform(X)


# -------------------------------------------------------------------------------- reproducibility


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", MODELS)
def test_the_same_seed_gives_the_same_bits_in_every_attribute(solver, dtype, frozen):
    rows = np.tile(X, (20, 1)).astype(dtype)  # three row blocks
    with threadpool_limits(2, user_api="blas"):
        first, second = (quick(solver=solver, batch_size=2000).fit(rows) for _ in range(2))
    assert frozen(vars(first)) == frozen(vars(second))


ARRAYS = [
    "components_",
    "intercept_",
    "decoder_components_",
    "decoder_intercept_",
    "mean_activations_",
]
FITS = [("lbfgs", "squared_error"), ("lbfgs", "cross_entropy"), ("adam", "squared_error")]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-3)])
@pytest.mark.parametrize(("solver", "loss"), FITS)
def test_the_number_of_blas_threads_decides_no_more_than_rounding(solver, loss, dtype, tolerance):
    """In 60 iterations, in which L-BFGS would make differences grow.

    It has none, because each block of rows has one thread.
    """
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2500, 10)) @ rng.normal(size=(10, 200)) / 3
    rows = (
        rows if loss == "squared_error" else (rows - rows.min()) / (rows.max() - rows.min())
    ).astype(dtype)
    models = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            model = quick(
                n_components=30,
                solver=solver,
                loss=loss,
                max_iter=60 if solver == "lbfgs" else 5,
                batch_size=1000,
            )
            models.append(model.fit(rows))
    one, two = models
    if solver == "lbfgs":
        np.testing.assert_array_equal(one.loss_curve_, two.loss_curve_)
        np.testing.assert_array_equal(one.decoder_components_, two.decoder_components_)
    for name in ARRAYS:
        mine, theirs = getattr(one, name), getattr(two, name)
        assert abs(mine - theirs).max() <= tolerance * abs(mine).max()
    assert one.loss_ == pytest.approx(two.loss_, rel=tolerance)
    np.testing.assert_allclose(one.loss_curve_, two.loss_curve_, rtol=tolerance)
