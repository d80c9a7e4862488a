"""Fits in several threads, in other processes, and under signals."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest
from scipy.sparse import csr_array
from threadpoolctl import threadpool_info, threadpool_limits

pytestmark = [
    pytest.mark.filterwarnings("ignore:The fitted model reconstructs X no better"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
    pytest.mark.filterwarnings("ignore:The posterior has collapsed"),
]
SOLVERS = ["lbfgs", "adam"]
MODELS = [*SOLVERS, "variational", "topk"]  # the last two are classes with Adam only
MANY = np.random.default_rng(0).normal(size=(10_000, 3)) @ np.random.default_rng(1).normal(
    size=(3, 6)
)
X = MANY[:60]


@pytest.mark.parametrize("solver", ["lbfgs", "topk"])
def test_eight_threads_share_a_fitted_model(solver, frozen, quick):
    model = quick(solver=solver).fit(X)
    before, parts = frozen(vars(model)), [MANY[i::8] for i in range(8)]
    serial = [model.reconstruct(rows) for rows in parts]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for mine, theirs in zip(serial, pool.map(model.reconstruct, parts), strict=True):
                np.testing.assert_array_equal(mine, theirs)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize("solver", MODELS)
def test_eight_fits_at_once_are_eight_fits_one_by_one(solver, has_weights_of, quick):
    """To the bit, except for the last pass, which uses all BLAS threads.

    Mini-batches are small here: the number of workers decides how large ones are split.
    """

    def fit(seed):
        return quick(solver=solver, random_state=seed, batch_size=500, max_iter=3, verbose=0).fit(
            MANY
        )

    threads, serial = threadpool_info(), [fit(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(fit, range(8)))
    assert threadpool_info() == threads
    for mine, theirs in zip(serial, at_once, strict=True):
        np.testing.assert_array_equal(mine.loss_curve_, theirs.loss_curve_)
        assert has_weights_of(mine, theirs)
        assert mine.loss_ == pytest.approx(theirs.loss_, rel=1e-12)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_fitted_model_works_in_another_process(method, quick):
    with threadpool_limits(2, user_api="blas"):
        model = quick(verbose=0).fit(MANY)
        with multiprocessing.get_context(method).Pool(1) as pool:
            code = pool.apply_async(model.transform, (X,)).get(timeout=600)
            again = pool.apply_async(model.fit, (MANY,)).get(timeout=600)
    np.testing.assert_array_equal(code, model.transform(X))
    np.testing.assert_allclose(again.components_, model.components_, rtol=1e-6)
    assert pickle.dumps(again.get_params()) == pickle.dumps(model.get_params())


FORKING = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
import numpy as np
from threadpoolctl import threadpool_info
from skl_sparse_ae import SparseAutoencoderTransformer
X = np.random.default_rng(0).normal(size=(3000, 30))

def threads():
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return [library["num_threads"] for library in blas]

before, stop = threads(), threading.Event()

def serve(rows):
    model = SparseAutoencoderTransformer(2, solver="adam", batch_size=10**6, random_state=0)
    while not stop.is_set():
        model.partial_fit(rows)

servers = [threading.Thread(target=serve, args=(rows,)) for rows in (X[:50], X[:50], X)]
for server in servers:
    server.start()
failed = 0
for _ in range(60):
    child = os.fork()
    if not child:
        SparseAutoencoderTransformer(2, max_iter=1, random_state=0).fit(X)
        os._exit(threads() != before)
    failed += os.waitpid(child, 0)[1] != 0
stop.set()
for server in servers:
    server.join()
print(failed, threads() == before)
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux"),
    reason="Windows has no fork, and macOS ends children that use BLAS",
)
def test_a_process_may_fork_while_its_threads_fit():
    """No child hangs, and none keeps BLAS at the one thread of its parent's fits."""
    env = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-c", FORKING]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, env=env)
    assert result.stdout.split() == ["0", "True"], result.stderr


AT_THE_END = {
    "an ordinary thread": "threading.Thread(target=fit).start()",
    "atexit": "atexit.register(fit)",
}


@pytest.mark.parametrize("when", AT_THE_END)
def test_a_fit_finishes_though_the_interpreter_is_at_its_end(when):
    code = f"""
import atexit, threading, warnings
import numpy as np
from skl_sparse_ae import SparseAutoencoderTransformer
X = np.random.default_rng(0).random((20000, 20))

def fit():
    model = SparseAutoencoderTransformer(8, max_iter=10, tol=0, random_state=0).fit(X)
    print(model.n_iter_, model.transform(X).shape, flush=True)

{AT_THE_END[when]}
"""
    env = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, env=env)
    assert result.stdout == "10 (20000, 8)\n", result.stderr
    assert result.stderr == ""


@pytest.mark.parametrize("solver", MODELS)
def test_where_no_thread_can_be_started_one_is_enough(
    solver, no_more_threads, has_weights_of, quick
):
    options = {"solver": solver, "batch_size": 5000, "max_iter": 3, "verbose": 0}
    straight = quick(**options).fit(MANY)
    no_more_threads()
    with threadpool_limits(2, user_api="blas"):
        model = quick(**options).fit(MANY)
        codes = [csr_array(each.transform(MANY)).toarray() for each in (model, straight)]
        np.testing.assert_array_equal(*codes)
    assert has_weights_of(model, straight)


def test_a_handler_that_raises_anywhere_leaves_the_limit_of_blas_as_it_was(
    quick, raise_at_line, blas_is_free
):
    model = quick(max_iter=1, verbose=0)
    with threadpool_limits(2, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
        threads, n_raised = threadpool_info(), 0
        for number in count(1):
            raised = raise_at_line(number, "limit of BLAS", model.transform, MANY)
            assert threadpool_info() == threads
            assert blas_is_free()
            if not raised:
                break
            n_raised += 1
        assert n_raised > 20


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_handler_that_raises_anywhere_leaves_the_old_model_or_the_new(
    method, frozen, raise_at_line, quick
):
    fitted = quick(solver="adam", max_iter=1, verbose=0).fit(X).set_params(max_iter=2)

    def model():
        return copy.copy(fitted).set_params(random_state=np.random.RandomState(5))

    before, after = frozen(vars(model())), frozen(vars(getattr(model(), method)(X)))
    n_unchanged = 0
    for number in count(1):
        twin = model()
        raised = raise_at_line(number, "transaction", getattr(twin, method), X)
        found = frozen(vars(twin))
        assert found in ((before, after) if raised else (after,))
        n_unchanged += found == before
        if not raised:
            break
    assert n_unchanged > 20


def test_readers_in_other_threads_see_the_old_model_or_the_new(quick):
    """Fits of other widths go on meanwhile.

    Each code has the width of its rows, or an error is about the number of features.
    """
    model, done, seen = quick(max_iter=1, verbose=0).fit(X), threading.Event(), []
    wrong = []

    def read():
        while not done.is_set():
            twin = pickle.loads(pickle.dumps(model))
            assert twin.components_.shape == (twin.intercept_.size, twin.n_features_in_)
            try:
                seen.append(model.transform(X[:, : twin.n_features_in_]).shape)
            except ValueError as error:
                if "is expecting" not in str(error):
                    wrong.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            for i in range(60):
                with warnings.catch_warnings():
                    model.set_params(n_components=2 + i % 3).fit(X[:, : 3 + i % 4])
            done.set()
            for reader in readers:
                reader.result()
    finally:
        done.set()
        sys.setswitchinterval(interval)
    assert not wrong
    assert seen
