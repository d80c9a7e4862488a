import pickle
import threading
import warnings
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._estimator.solvers import epoch_of_part
from skl_sparse_ae._rows.in_memory import ArrayRows
from skl_sparse_ae._solvers.adam import adam_start
from skl_sparse_ae.dask import rows as module
from skl_sparse_ae.dask.rows import (
    DaskRows,
    _epoch_of_partition,
    float_of,
    import_dask,
    sum_in_worker,
    translate_lost_worker,
)

da = pytest.importorskip("dask.array")
# killed workers
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::ResourceWarning")
X = np.random.default_rng(0).random((700, 30))


def chunked(*chunks):
    return da.from_array(X, chunks=chunks)


def gathered(rows):
    return np.concatenate(rows.client.gather(rows.parts))


def column_sums(rows, factor=1.0):
    return factor * rows.sum(axis=0)


def test_rows_are_those_of_the_array_without_empty_partitions(client):
    rows = DaskRows.of(da.concatenate([chunked(150, -1), da.zeros((0, 30))]), client)
    assert (rows.shape, rows.dtype) == ((700, 30), np.float64)
    assert rows.lengths == [150, 150, 150, 150, 100]
    assert (rows.min(), rows.max()) == (X.min(), X.max())
    assert rows.data is rows
    np.testing.assert_array_equal(gathered(rows), X)


def test_rows_may_be_cast_and_clipped(client):
    rows = DaskRows.of(chunked(150, -1), client)
    assert rows.astype(np.float64) is rows
    single = rows.astype(np.float32)
    assert single.dtype == gathered(single).dtype == single.blocks(6).first_row().dtype == "f4"
    clipped = rows.clip(0.2, 0.7)
    assert (clipped.min(), clipped.max()) == (0.2, 0.7)
    np.testing.assert_array_equal(gathered(clipped), X.clip(0.2, 0.7))
    np.testing.assert_array_equal(clipped.blocks(6).first_row(), X[0].clip(0.2, 0.7))


def test_whole_partitions_are_held_out(client):
    rows = DaskRows.of(chunked(70, -1), client)
    train, out = rows.hold_out(0.2, 0)
    assert (train.shape[0], out.shape[0]) == (560, 140)
    assert not {part.key for part in train.parts} & {part.key for part in out.parts}
    with pytest.raises(ValueError, match="needs at least two"):
        DaskRows.of(chunked(700, -1), client).hold_out(0.2, 0)


def test_sums_over_blocks_are_sums_over_rows_also_less_an_origin(client):
    blocks, origin = DaskRows.of(chunked(150, -1), client).blocks(6), np.linspace(0, 1, 30)
    np.testing.assert_allclose(blocks.sum(column_sums), X.sum(axis=0), rtol=1e-12)
    factors = [2.0] * len(blocks)
    np.testing.assert_allclose(blocks.sum(column_sums, factors), 2 * X.sum(axis=0), rtol=1e-12)
    centred = blocks.centred(origin)
    np.testing.assert_allclose(centred.sum(column_sums), (X - origin).sum(axis=0), rtol=1e-10)
    np.testing.assert_array_equal(centred.first_row(), X[0] - origin)
    assert blocks.centred(None) is blocks


def test_what_the_function_raises_is_raised(client):
    blocks = DaskRows.of(chunked(150, -1), client).blocks(6)
    with pytest.raises(RuntimeError, match="no such luck"):
        blocks.sums_of_workers(fail)


def fail(rows):
    raise RuntimeError("no such luck")


def test_work_is_where_the_rows_are_and_shared_out(client):
    rows, workers = DaskRows.of(chunked(50, -1), client), list(client.nthreads())
    shares = rows.blocks(6).shares
    assert sorted(worker for worker, _, _ in shares) == sorted(workers)
    sizes = [of_worker.shape[0] for _, _, of_worker in shares]
    assert sum(sizes) == 700
    assert max(sizes) <= 1.25 * 350 + 50
    client.replicate(rows.parts, n=1, workers=workers[:1])
    assert len(DaskRows.of(chunked(700, -1), client).blocks(6)) == 1


def test_an_epoch_goes_through_all_partitions_where_they_are(client):
    rows = DaskRows.of(chunked(150, -1), client)
    with rows.epochs(count_rows, 1) as epoch:
        state = adam_start(np.zeros(2), {"n_rows": 0})
        state, value, terms = epoch(state, np.random.default_rng(0))
    assert state.memory["n_rows"] == 700
    assert value == pytest.approx(X.mean())
    np.testing.assert_allclose(terms, [X.mean(), 1])


def count_rows(state, rows, executor, rng):
    assert type(rows) is ArrayRows
    state.memory["n_rows"] += rows.shape[0]
    return state, rows.shape[0], rows.data.mean(), (rows.data.mean(), 1.0)


# ------------------------------------------------------------------------------- within a worker


@pytest.fixture
def with_any_function(monkeypatch):
    """Functions are not pickled."""
    loads = SimpleNamespace(loads=lambda function: function)
    monkeypatch.setattr(module, "pickle", loads)


@pytest.mark.usefixtures("with_any_function")
def test_a_worker_of_two_threads_shares_its_blocks_among_them():
    at_once = threading.Barrier(2, timeout=600)

    def total(rows, factor):
        at_once.wait()
        return factor * rows.sum(axis=0)

    parts = np.split(X, [200, 500, 600])
    result = sum_in_worker(total, [2.0], 6, 2, [200, 300, 100, 100], *parts)
    np.testing.assert_allclose(result, 2 * X.sum(axis=0), rtol=1e-12)


def test_a_partition_that_changes_its_size_is_an_error():
    with pytest.raises(ValueError, match=r"Partitions of \[100\] rows have \[99\]"):
        sum_in_worker(pickle.dumps(np.sum), [], 6, 1, [100], X[:99])


@pytest.mark.usefixtures("with_any_function")
@pytest.mark.parametrize("n_parts", [1, 3])
def test_a_worker_is_as_quiet_as_a_fit(n_parts):
    def overflow(rows):
        return np.exp(1e4 * (rows + 1)).sum()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sum_in_worker(overflow, [], 6, 1, [100] * n_parts, *[X[:100]] * n_parts) == np.inf


def test_an_epoch_is_as_quiet_as_a_fit():
    def overflow(state, rows, executor, rng):
        return state, rows.shape[0], np.exp(1e4 * (rows.data + 1)).mean(), 0.0

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        carried = adam_start(np.zeros(2)), 0, 0.0, 0.0
        assert _epoch_of_partition(overflow, carried, X[:100], 1)[2] == np.inf


def test_an_epoch_over_a_partition_writes_to_nothing_it_was_given():
    model, rows = SparseAutoencoderTransformer(6, solver="adam"), ArrayRows(X)
    model._check_parameters()
    moments = model._moments(rows)
    frame = model._make_frame(moments, X.dtype)
    problem = model._solver.problem(model, frame, moments, rows)
    start = problem.initial_params(np.random.default_rng(0))
    state = adam_start(start, {"running_mean": np.full(6, 0.1)})
    for part in (*state[:3], state.memory["running_mean"]):
        part.flags.writeable = False
    step, carried = partial(epoch_of_part, problem, 30), (state, 10, 5.0, 0.0)
    first, other = (_epoch_of_partition(step, carried, X[:100], 1) for _ in range(2))
    np.testing.assert_array_equal(first[0].params, other[0].params)
    assert (first[0].memory["running_mean"] != 0.1).all()
    assert (first[1], first[0].n_steps) == (110, 4)


# ------------------------------------------------------------------------------- types and errors


@pytest.mark.parametrize(
    ("dtype", "expected"), [("f4", "f4"), (">f4", "f4"), ("f8", "f8"), ("f2", "f8"), ("i4", "f8")]
)
def test_all_but_float32_become_float64(dtype, expected):
    assert np.dtype(float_of(np.dtype(dtype))) == np.dtype(expected)


def test_a_lost_worker_is_explained_and_other_errors_are_not():
    class KilledWorker(Exception):
        pass

    with pytest.raises(RuntimeError, match="Rows were lost with a worker"), translate_lost_worker():
        raise KilledWorker
    with pytest.raises(KeyError), translate_lost_worker():
        raise KeyError


def test_without_dask_there_is_the_command_that_installs_it():
    with pytest.raises(ImportError, match=r'pip install "dask\[array,distributed\]"'):
        import_dask("dask.no_such_module")
