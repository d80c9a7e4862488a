"""After Ctrl-C the estimator is as it was before, bit for bit, or at a completed iterate."""

import _thread
import contextlib
import os
import re
import signal
import sys
import threading
import warnings
from itertools import count

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from skl_sparse_ae.model_selection import sparse_autoencoder_path

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
INTERRUPTED = (
    r"^Training interrupted by user after \d+ iterations?: the best weights so far are kept.$"
)


def interrupt():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("solver", MODELS)
def test_ctrl_c_at_any_evaluation_leaves_the_state_of_before_or_a_completed_iterate(
    solver, monkeypatch, frozen, quick, check_completed_iterate, break_at
):
    n_kept = 0
    for call in range(1, 13):
        model = quick(solver=solver, max_iter=20)
        before = frozen(vars(model))
        with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            break_at(patch, "evaluation", interrupt, call)
            try:
                model.fit(X)
            except KeyboardInterrupt:
                assert frozen(vars(model)) == before
                continue
        (message,) = [str(warning.message) for warning in caught]
        assert re.match(INTERRUPTED, message)
        assert f"after {model.n_iter_} iteration" in message
        check_completed_iterate(model, X)
        n_kept += 1
    assert n_kept >= 8


CALLS = {"evaluation": 11, "monitor": 3, "print": 3, "epoch": 3, "threshold": 1, "final pass": 1}
ELSEWHERE = [(solver, "threshold") for solver in MODELS if solver != "topk"] + [("lbfgs", "epoch")]


@pytest.mark.parametrize("rows", [X, MANY], ids=["one block", "row workers"])
@pytest.mark.parametrize(
    ("solver", "place", "call"),
    [
        (solver, *call)
        for solver in MODELS
        for call in CALLS.items()
        if (solver, call[0]) not in ELSEWHERE
    ],
)
def test_ctrl_c_keeps_the_best_iterate_and_says_so(
    solver, rows, place, call, monkeypatch, quick, check_usable, check_completed_iterate, break_at
):
    model = quick(solver=solver, max_iter=12, batch_size=len(rows) // 4)
    with threadpool_limits(2, user_api="blas"):
        threads = threadpool_info()
        with monkeypatch.context() as patch:
            break_at(patch, place, interrupt, call)
            with pytest.warns(ConvergenceWarning, match=INTERRUPTED):
                model.fit(rows)
        assert threadpool_info() == threads
        check_completed_iterate(model, rows)
    check_usable(model, rows)


def test_ctrl_c_while_a_worker_has_a_block(
    monkeypatch, quick, n_blocks, check_completed_iterate, before_each
):
    assert n_blocks(MANY, 4) == 3
    model = quick()
    with threadpool_limits(2, user_api="blas"):
        threads, here = threadpool_info(), threading.get_ident()
        came, numbers = threading.Event(), count(1)

        def interrupt_a_worker():
            if next(numbers) >= 20 and threading.get_ident() == here:
                assert came.wait(60)  # for the worker, however busy the machine is
            elif next(numbers) >= 20 and not came.is_set():
                came.set()
                interrupt()

        with monkeypatch.context() as patch:
            before_each(patch, "encoding", interrupt_a_worker)
            with pytest.warns(ConvergenceWarning, match=INTERRUPTED):
                model.fit(MANY)
        assert threadpool_info() == threads
        check_completed_iterate(model, MANY)


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("history", ["none", "fit", "warm"])
@pytest.mark.parametrize("place", ["evaluation", "monitor", "print", "epoch"])
def test_ctrl_c_before_the_first_iterate_changes_nothing(
    solver, history, place, monkeypatch, frozen, quick, break_at
):
    if place == "epoch" and solver == "lbfgs":
        pytest.skip("L-BFGS has none")
    model = quick(
        solver=solver, warm_start=history == "warm", random_state=np.random.RandomState(0)
    )
    if history != "none":
        model.fit(X)
    before = frozen(vars(model))
    break_at(monkeypatch, place, interrupt, 1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(MANY)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("evaluations", [(), (11,)], ids=["in the final pass", "before it"])
def test_a_second_ctrl_c_in_the_final_pass_gives_up(
    solver, evaluations, monkeypatch, frozen, quick, break_at
):
    model = quick(solver=solver, max_iter=12)
    before = frozen(vars(model))
    break_at(monkeypatch, "evaluation", interrupt, *evaluations)
    break_at(monkeypatch, "final pass", interrupt, 1, *([] if evaluations else [2]))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize("solver", MODELS[1:])
@pytest.mark.parametrize("history", [0, 2])
@pytest.mark.parametrize("place", ["epoch", "evaluation", "monitor", "print", "final pass"])
def test_ctrl_c_in_partial_fit_changes_nothing(
    history, place, solver, monkeypatch, frozen, quick, break_at
):
    model, straight = quick(solver=solver), quick(solver=solver)
    for _ in range(history):
        model.partial_fit(X)
        straight.partial_fit(X)
    before = frozen(vars(model))
    with monkeypatch.context() as patch:
        break_at(patch, place, interrupt, 1)
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X)
    assert frozen(vars(model)) == before
    assert frozen(vars(model.partial_fit(X))) == frozen(vars(straight.partial_fit(X)))


def test_ctrl_c_while_blas_threads_are_counted_does_not_leave_them_limited(
    monkeypatch, break_at, quick
):
    with threadpool_limits(2, user_api="blas"):
        threads = threadpool_info()
        with monkeypatch.context() as patch:
            break_at(patch, "count of BLAS threads", interrupt, 1)
            with pytest.raises(KeyboardInterrupt):
                quick().fit(X)
        quick().fit(X)
        assert threadpool_info() == threads


def _interrupted(function, number, numbers):
    def call(*args):
        if next(numbers) == number:
            interrupt()
        return function(*args)

    return call


def test_ctrl_c_between_any_two_settings_of_blas_threads_does_not_leave_them_limited(
    monkeypatch, quick
):
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    with threadpool_limits(2, user_api="blas"):
        threads = threadpool_info()
        for call in range(1, 3 * len(libraries)):
            with monkeypatch.context() as patch:
                numbers = count(1)
                for kind in {type(library) for library in libraries}:
                    set_them = _interrupted(kind.set_num_threads, call, numbers)
                    patch.setattr(kind, "set_num_threads", set_them)
                with contextlib.suppress(KeyboardInterrupt), warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    quick().fit(X)
            assert threadpool_info() == threads


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "send",
    [_thread.interrupt_main, lambda: os.kill(os.getpid(), signal.SIGINT)],
    ids=["flag", "signal"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process there")
def test_a_long_fit_answers_ctrl_c(solver, send, monkeypatch, quick, break_at, objective):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40_000, 4)) @ rng.normal(size=(4, 50))
    model = quick(n_components=20, solver=solver, max_iter=10**9, batch_size=5000, verbose=0)
    timer = threading.Timer(0.3, send)
    break_at(monkeypatch, "monitor", timer.start, 2)
    with pytest.warns(ConvergenceWarning, match=INTERRUPTED):
        model.fit(rows)
    timer.join()
    assert model.n_iter_ == len(model.loss_curve_)
    assert model.loss_ == pytest.approx(objective(model, rows), rel=1e-9)


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("place", ["evaluation", "final pass"])
@pytest.mark.parametrize(("seconds", "comes_through"), [(0.1, True), (2.0, True), (2.1, False)])
def test_a_second_ctrl_c_within_two_seconds_comes_through(
    solver, place, seconds, comes_through, monkeypatch, frozen, ctrl_c_at, quick, break_at
):
    """In a loop of fits, the first Ctrl-C ends one fit, and the loop goes on."""
    first, second = quick(solver=solver), quick(solver=solver)
    before = frozen(vars(second))
    ctrl_c_at(10.0, 10.0 + seconds)
    for model, is_raised in ((first, False), (second, comes_through)):
        with monkeypatch.context() as patch:
            break_at(patch, place, interrupt, 9 if place == "evaluation" else 1)
            outcome = (
                pytest.raises(KeyboardInterrupt) if is_raised else pytest.warns(match=INTERRUPTED)
            )
            with outcome:
                model.fit(X)
    assert (frozen(vars(second)) == before) == comes_through


def grid_search(model):
    GridSearchCV(model, {"max_iter": [5, 8]}, cv=3).fit(X)


def random_search(model):
    RandomizedSearchCV(
        make_pipeline(model), {f"{type(model).__name__.lower()}__max_iter": [8]}, n_iter=1
    ).fit(X)


SEARCHES = {
    "grid": grid_search,
    "random, in a Pipeline": random_search,
    "cross-validation": lambda model: cross_validate(model, X, error_score="raise"),
    "learning curve": lambda model: learning_curve(model, X, None),
    "path": lambda model: sparse_autoencoder_path(X, [0.1, 0.2], estimator=model),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("place", ["evaluation", "final pass"])
@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("solver", MODELS)
def test_ctrl_c_ends_a_search(search, solver, place, monkeypatch, break_at, quick):
    if solver not in SOLVERS and search is SEARCHES["path"]:
        pytest.skip("of sparse autoencoders alone")
    model, calls = quick(solver=solver, verbose=0), count(1)
    broken = 9 if place == "evaluation" else 1
    break_at(monkeypatch, place, interrupt, broken, numbers=calls)
    with pytest.raises(KeyboardInterrupt):
        search(model)
    assert next(calls) == broken + 1, "something went on"
