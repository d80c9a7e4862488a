import pickle
import signal
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.dask import DaskSparseAutoencoderTransformer

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")
# short fits; killed workers
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::ResourceWarning")
posix = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="Windows has no signal that ends a worker at once"
)
X = load_digits().data[:700, 20:50] / 16
OPTIONS = {"n_components": 6, "max_iter": 10, "tol": 0, "random_state": 0}


def test_rows_far_from_0_are_fitted_in_float32_as_in_float64(client):
    rows = (X + 1e5).astype(np.float32)
    in_memory = SparseAutoencoderTransformer(**OPTIONS).fit(rows.astype(np.float64))
    model = DaskSparseAutoencoderTransformer(**OPTIONS).fit(da.from_array(rows, chunks=(250, 30)))
    assert model.loss_ == pytest.approx(in_memory.loss_, rel=0.01)
    np.testing.assert_allclose(
        model.score(da.from_array(rows, chunks=(250, 30))), in_memory.score(rows), rtol=0, atol=0.01
    )


def chunked(*chunks):
    return da.from_array(X, chunks=chunks)


def with_unknown_sizes():
    rows = chunked(200, -1)
    return rows[rows[:, 0] > -1]


def with_empty_partitions():
    rows = da.concatenate(
        [chunked(200, -1), da.zeros((100, 30), chunks=(50, -1)) - 1, da.zeros((0, 30))]
    )
    return rows[rows[:, 0] >= 0]


def agrees(model, other, tolerance=1e-8):
    assert model.n_iter_ == other.n_iter_
    assert model.loss_ == pytest.approx(other.loss_, rel=tolerance)
    np.testing.assert_allclose(
        model.mean_activations_, other.mean_activations_, rtol=1e3 * tolerance
    )
    assert {
        type(part)
        for part in (model.components_, model.decoder_intercept_, model.mean_activations_)
    } == {np.ndarray}


@pytest.mark.parametrize(
    "options", [{}, {"loss": "cross_entropy"}, {"decoder_activation": "logistic"}], ids=str
)
def test_a_fit_is_the_fit_in_memory(client, expected, options):
    model = DaskSparseAutoencoderTransformer(**OPTIONS | options).fit(chunked(150, -1))
    agrees(model, expected(**options))
    np.testing.assert_allclose(
        model.components_, expected(**options).components_, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize(
    "make",
    [lambda: chunked(700, -1), lambda: chunked(97, 7), with_unknown_sizes, with_empty_partitions],
    ids=range(4),
)
def test_the_chunks_change_nothing(client, expected, make):
    model = DaskSparseAutoencoderTransformer(**OPTIONS).fit(make())
    agrees(model, expected())
    assert model.score(make()) == pytest.approx(expected().score(X), rel=1e-10)


@pytest.mark.usefixtures("all_functions_are_large")
def test_weights_too_large_for_the_tasks_are_scattered(client, expected):
    agrees(DaskSparseAutoencoderTransformer(**OPTIONS).fit(chunked(150, -1)), expected())


def test_float32_and_integers(client):
    rows = chunked(150, -1)
    single = DaskSparseAutoencoderTransformer(**OPTIONS).fit(rows.astype(np.float32))
    assert (
        single.components_.dtype
        == single.transform(rows.astype(np.float32)).compute().dtype
        == np.float32
    )
    counts = DaskSparseAutoencoderTransformer(**OPTIONS).fit((16 * rows).astype(np.uint8))
    assert counts.loss_ == pytest.approx(
        SparseAutoencoderTransformer(**OPTIONS).fit(16 * X).loss_, rel=1e-8
    )


@pytest.mark.parametrize(
    "method", ["transform", "reconstruct", "score_samples", "inverse_transform"]
)
@pytest.mark.parametrize(
    "make", [lambda: chunked(97, 7), with_unknown_sizes, with_empty_partitions], ids=range(3)
)
def test_methods_are_lazy_and_those_of_the_local_estimator(client, expected, method, make):
    model = DaskSparseAutoencoderTransformer(**OPTIONS)
    vars(model).update(vars(expected()))
    rows, local = make(), X
    if method == "inverse_transform":
        rows, local = model.transform(rows), expected().transform(X)
    result = getattr(model, method)(rows)
    assert isinstance(result, da.Array)
    assert len(result.chunks[0]) == len(rows.chunks[0])
    assert result.shape[1:] == getattr(expected(), method)(local).shape[1:]
    np.testing.assert_allclose(result.compute(), getattr(expected(), method)(local), rtol=1e-12)


def test_adam_repeats_learns_and_goes_on(client):
    options = {
        "n_components": 6,
        "solver": "adam",
        "max_iter": 20,
        "batch_size": 50,
        "random_state": 0,
    }
    first, again = (
        DaskSparseAutoencoderTransformer(**options).fit(chunked(150, -1)) for _ in range(2)
    )
    np.testing.assert_array_equal(first.components_, again.components_)
    assert first.loss_ < 1.2 * SparseAutoencoderTransformer(**options).fit(X).loss_
    before = first.loss_
    assert first._optimizer_state["n_steps"] == 20 * (
        4 * 3 + 2
    )  # of 150 rows, 3 batches; of the last 100, 2
    for _ in range(5):
        first.partial_fit(chunked(150, -1))
    assert first.n_iter_ == 25
    assert first.loss_ < before
    first.to_local().partial_fit(X)


def test_whole_partitions_are_held_out(client):
    model = DaskSparseAutoencoderTransformer(**OPTIONS | {"early_stopping": True})
    model.fit(chunked(70, -1))
    assert model.best_validation_score_ == max(model.validation_scores_)
    with pytest.raises(ValueError, match="needs at least two"):
        model.fit(chunked(700, -1))


@posix
def test_a_lost_workers_partitions_are_computed_again_and_counted_once(
    client, expected, kill_workers
):
    n_calls = kill_workers(client, at=9, n=1)
    agrees(DaskSparseAutoencoderTransformer(**OPTIONS).fit(chunked(150, -1)), expected())
    assert n_calls[0] > 9
    client.wait_for_workers(2)


@posix
def test_rows_that_are_gone_with_a_worker_are_an_error(client, kill_workers):
    parts = [
        client.scatter(part, workers=[worker], hash=False)
        for part, worker in zip(np.split(X, 2), client.nthreads(), strict=True)
    ]
    rows = da.concatenate([da.from_delayed(part, (350, 30), dtype=float) for part in parts])
    kill_workers(client, at=9, n=2)  # all: Dask may have copied rows
    model = DaskSparseAutoencoderTransformer(**OPTIONS)
    with pytest.raises(RuntimeError, match="Rows were lost with a worker"):
        model.fit(rows)
    assert not hasattr(model, "components_")
    client.wait_for_workers(2)


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (np.nan, {}, "Partition 4: Input X contains NaN"),
        (-np.inf, {}, "Partition 4: Input X contains infinity"),
        (1.5, {"loss": "cross_entropy"}, r"X must be in \[0, 1\].*1\.5"),
    ],
)
def test_values_are_checked_before_the_fit(client, value, options, message):
    bad = X.copy()
    bad[650, 3] = value
    with pytest.raises(ValueError, match=message):
        DaskSparseAutoencoderTransformer(**OPTIONS | options).fit(
            da.from_array(bad, chunks=(150, -1))
        )


def test_rounding_errors_of_a_scaler_are_clipped(client, expected):
    rows = chunked(150, -1) * (1 + 1e-12)
    agrees(
        DaskSparseAutoencoderTransformer(**OPTIONS, loss="cross_entropy").fit(rows),
        expected(loss="cross_entropy"),
    )


def test_what_is_no_dask_array_of_numbers_is_refused_in_words(client, expected):
    model = DaskSparseAutoencoderTransformer(**OPTIONS)
    with pytest.raises(TypeError, match=r"expects a Dask array, got ndarray.*to_local"):
        model.fit(X)
    with pytest.raises(TypeError, match="does not support dtype complex128"):
        model.fit(chunked(150, -1) * 1j)
    with pytest.raises(ValueError, match="2-D"):
        model.fit(chunked(150, -1)[:, 0])
    with pytest.raises(ValueError, match="0 sample"):
        model.fit(chunked(150, -1)[chunked(150, -1)[:, 0] > 2])
    vars(model).update(vars(expected()))
    with pytest.raises(ValueError, match="X has 29 features, but DaskSparseAutoencoderTransformer"):
        model.transform(chunked(150, -1)[:, 1:])
    with pytest.raises(ValueError, match="X has 29 features"):
        model.score(chunked(150, -1)[:, 1:])


def as_chunks(function, *chunks, **options):
    """Rows whose chunks are not what Dask assumes."""
    return chunked(*chunks).map_blocks(function, dtype=float, meta=np.empty((0, 0)), **options)


def masked(rows):
    return da.ma.masked_less(da.from_array(np.where(rows == 1, -9999, rows), chunks=(150, 4)), 0)


STRANGE_CHUNKS = {
    "masked": (lambda: masked(X), ValueError, "masked array with masked values"),
    "complex": (
        lambda: as_chunks(lambda rows: rows + 1j, 150, 4),
        ValueError,
        "Complex data not supported",
    ),
    "dates": (
        lambda: as_chunks(lambda rows: rows.astype("M8[s]"), 150, 4),
        TypeError,
        "does not support dtype datetime64",
    ),
    "durations": (
        lambda: as_chunks(lambda rows: rows.astype("m8[s]"), 150, -1),
        TypeError,
        "dtype timedelta64",
    ),
    "objects": (
        lambda: as_chunks(lambda rows: np.full(rows.shape, np.datetime64("2020"), object), 150, 4),
        TypeError,
        "values",
    ),
    "words": (
        lambda: as_chunks(lambda rows: np.full(rows.shape, "abc"), 150, 4),
        ValueError,
        "could not convert string",
    ),
    "sparse": (
        lambda: as_chunks(csr_array, 150, 4),
        TypeError,
        r"is sparse, of type csr_array.*chunk\.toarray",
    ),
    "narrow": (
        lambda: as_chunks(lambda rows: rows[:, 1:], 150, -1),
        ValueError,
        r"shape \(\d+, 29\), but 30 columns",
    ),
    "narrow of several": (
        lambda: as_chunks(lambda rows: rows[:, 1:], 150, 10),
        ValueError,
        "9.*, but 10 columns",
    ),
    "wide": (
        lambda: as_chunks(lambda rows: np.hstack([rows, rows]), 150, 10),
        ValueError,
        "20.*, but 10 columns",
    ),
    "one column": (
        lambda: as_chunks(lambda rows: rows[:, 0], 150, -1),
        ValueError,
        ", but 30 columns",
    ),
    "short": (
        lambda: as_chunks(lambda rows, block_id: rows[block_id[1] :], 150, 10),
        ValueError,
        r"has shape \(\d+, 10\), but \d+ rows according to X.chunks",
    ),
}


@pytest.mark.parametrize("name", STRANGE_CHUNKS)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "score", "transform", "score_samples"])
def test_chunks_are_refused_as_rows_in_memory_are(client, frozen, method, name):
    make, kind, message = STRANGE_CHUNKS[name]
    model = DaskSparseAutoencoderTransformer(**OPTIONS | {"solver": "adam", "max_iter": 1}).fit(
        chunked(150, -1)
    )
    before = frozen(vars(model))
    with pytest.raises(kind, match=rf"(?s)Chunk \(\d, \d\) of X.*{message}"):
        np.asarray(getattr(model, method)(make()))
    assert frozen(vars(model)) == before


@pytest.mark.parametrize("method", ["fit", "score", "transform"])
def test_rows_without_columns_and_arrays_known_to_be_sparse_are_refused_at_once(
    client, expected, method
):
    model = DaskSparseAutoencoderTransformer(**OPTIONS)
    vars(model).update(vars(expected()))
    with pytest.raises(
        ValueError, match=r"0 feature\(s\) \(shape=\(700, 0\)\) while a minimum of 1 is required"
    ):
        getattr(model, method)(chunked(150, -1)[:, :0])
    with pytest.raises(TypeError, match="X is sparse, of type csr_array"):
        getattr(model, method)(chunked(150, -1).map_blocks(csr_array, dtype=float))


def test_chunks_of_other_numbers_are_numbers(client):
    counts = SparseAutoencoderTransformer(**OPTIONS).fit(16 * X)
    for function in (
        np.ma.masked_array,
        lambda rows: rows.astype(int),
        lambda rows: rows.astype(object),
    ):
        model = DaskSparseAutoencoderTransformer(**OPTIONS).fit(
            (16 * chunked(150, 10)).map_blocks(function, dtype=float)
        )
        assert model.loss_ == pytest.approx(counts.loss_, rel=1e-8)


@pytest.fixture
def model(client, expected):
    model = DaskSparseAutoencoderTransformer(**OPTIONS)
    vars(model).update(vars(expected()))
    return model


def ask(model, output, how):
    """Ask for a container: of this estimator, or of all."""
    if how == "estimator":
        model.set_output(transform=output)
        return nullcontext()
    return config_context(transform_output=output)


@pytest.mark.parametrize("how", ["estimator", "global"])
@pytest.mark.parametrize(
    "make", [lambda: chunked(97, 7), with_unknown_sizes, with_empty_partitions], ids=range(3)
)
def test_frames_of_pandas_are_lazy(model, expected, how, make):
    frames = pytest.importorskip(
        "dask.dataframe", reason="Dask DataFrames are NOT TESTED without PyArrow"
    )
    with ask(model, "pandas", how):
        code = model.transform(make())
        assert isinstance(code, frames.DataFrame)
        assert isinstance(model.reconstruct(make()), da.Array)
        frame = code.compute(scheduler="synchronous")
        again = model.fit_transform(make())
        assert isinstance(again, frames.DataFrame)
        assert isinstance(model.score_samples(make()).compute(scheduler="synchronous"), np.ndarray)
    assert list(frame.columns) == list(model.get_feature_names_out())
    np.testing.assert_allclose(frame, expected().transform(X), rtol=1e-12)


@pytest.mark.parametrize("how", ["estimator", "global"])
def test_what_dask_cannot_return_is_refused_in_words(model, how):
    with (
        pytest.raises(ValueError, match=r"Dask arrays .*Dask DataFrames .*got 'polars'"),
        ask(model, "polars", how),
    ):
        model.transform(chunked(150, -1))
    with config_context(transform_output="polars"):
        assert isinstance(
            model.set_output(transform="default").transform(chunked(150, -1)), da.Array
        )
    assert isinstance(model.set_output(transform=None).transform(chunked(150, -1)), da.Array)


def test_without_dask_dataframes_they_are_named(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(ImportError, match=r'pip install "dask\[dataframe\]"'):
        model.set_output(transform="pandas").transform(chunked(150, -1))


def test_the_containers_of_copies_are_their_own(model):
    model.set_output(transform="pandas")
    assert clone(model)._sklearn_output_config == {"transform": "pandas"}
    local = model.to_local()
    assert isinstance(local.transform(X), pd.DataFrame)
    local.set_output(transform="polars")
    assert isinstance(local.transform(X), pl.DataFrame)
    assert model._sklearn_output_config == {"transform": "pandas"}


def test_subclasses_stay_lazy_too(model):
    class Doubled(DaskSparseAutoencoderTransformer):
        def transform(self, X):
            return 2 * super().transform(X)

    double = Doubled(**OPTIONS)
    vars(double).update(vars(model))
    with config_context(transform_output="pandas"):
        assert isinstance(
            double.set_output(transform="default").transform(chunked(150, -1)), da.Array
        )


@pytest.mark.parametrize("method", ["fit", "transform", "score"])
def test_the_class_in_memory_names_this_one(expected, method):
    with pytest.raises(
        TypeError, match=r"got a Dask collection of type Array.*DaskSparseAutoencoderTransformer"
    ):
        getattr(expected(), method)(chunked(150, -1))


def test_the_client_is_the_current_one_or_that_set_and_goes_nowhere(client, expected, monkeypatch):
    model = DaskSparseAutoencoderTransformer(**OPTIONS)
    assert model.client is client
    monkeypatch.setattr(distributed, "default_client", lambda: pytest.fail("not asked for"))
    model.client = client
    agrees(model.fit(chunked(150, -1)), expected())
    monkeypatch.undo()
    assert "client" not in model.get_params()
    assert "_client" not in vars(clone(model))
    assert "_client" not in vars(pickle.loads(pickle.dumps(model)))


def test_the_local_estimator_needs_no_dask(client, expected, tmp_path):
    local = DaskSparseAutoencoderTransformer(**OPTIONS).fit(chunked(150, -1)).to_local()
    assert type(local) is SparseAutoencoderTransformer
    agrees(local, expected())
    (tmp_path / "model").write_bytes(pickle.dumps((local, X)))
    code = (
        "import pickle, sys; sys.modules['dask'] = sys.modules['distributed'] = None\n"
        f"model, X = pickle.load(open({str(tmp_path / 'model')!r}, 'rb')); print(model.score(X))\n"
        "from skl_sparse_ae.dask import DaskSparseAutoencoderTransformer\n"
        "try: DaskSparseAutoencoderTransformer().fit(X)\n"
        "except ImportError as error: print(error)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert float(output.splitlines()[0]) == pytest.approx(local.score(X))
    assert 'pip install "dask[array,distributed]"' in output
