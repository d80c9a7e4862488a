"""A cluster of two processes, and fixtures that patch private names."""

import os
import signal
import warnings

import pytest
from sklearn.datasets import load_digits

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.dask import rows as dask_rows

distributed = pytest.importorskip("distributed")
OPTIONS = {"n_components": 6, "max_iter": 10, "tol": 0, "random_state": 0}


class Cluster(distributed.LocalCluster):
    """A cluster that can be closed after it was told of the end of an unknown worker."""

    def _update_worker_status(self, op, msg):
        if op == "add" or msg in self.scheduler_info["workers"]:
            super()._update_worker_status(op, msg)


@pytest.fixture(scope="module")
def cluster():
    """The client of two processes of one thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {
            "n_workers": 2,
            "threads_per_worker": 1,
            "processes": True,
            "dashboard_address": "127.0.0.1:0",
        }
        with Cluster(**options) as cluster, distributed.Client(cluster) as client:
            yield client


@pytest.fixture
def client(cluster):
    """A client of two workers, also after a test has killed some."""
    cluster.wait_for_workers(2, timeout=600)
    return cluster


@pytest.fixture(scope="session")
def expected():
    """A function that returns the fit in memory with these options."""
    X, fits = load_digits().data[:700, 20:50] / 16, {}

    def fit(**options):
        key = tuple(sorted(options.items()))
        if key not in fits:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fits[key] = SparseAutoencoderTransformer(**OPTIONS | options).fit(X)
        return fits[key]

    return fit


@pytest.fixture
def all_functions_are_large(monkeypatch):
    """Functions are scattered, however small they are."""
    monkeypatch.setattr(dask_rows, "MAX_BYTES_IN_TASKS", 0)


@pytest.fixture
def kill_workers(monkeypatch):
    """A function that arranges the death of `n` workers just before round number `at`.

    It returns a list that holds the number of rounds so far.
    """

    def arrange(client, at, n):
        run, n_rounds = dask_rows.WorkerBlocks.sums_of_workers, [0]

        def map_(self, *args):
            n_rounds[0] += 1
            if n_rounds[0] == at:
                for process in list(client.run(os.getpid).values())[:n]:
                    os.kill(process, signal.SIGKILL)
            return run(self, *args)

        monkeypatch.setattr(dask_rows.WorkerBlocks, "sums_of_workers", map_)
        return n_rounds

    return arrange
