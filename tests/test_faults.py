"""What a fit leaves behind when something goes wrong: the state of before, bit for bit, or a completed iterate."""

import _thread
import builtins
import contextlib
import copy
import io
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.special import xlogy
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    VariationalAutoencoderTransformer,
    _estimator,
    _rows,
    _sparse,
    _variational,
)
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae.model_selection import sparse_autoencoder_path

pytestmark = [
    pytest.mark.filterwarnings("ignore:The fitted model reconstructs X no better"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
    pytest.mark.filterwarnings("ignore:The posterior has collapsed"),
]
SOLVERS = ["lbfgs", "adam"]
MODELS = [*SOLVERS, "variational"]  # the last is the other autoencoder, which has Adam alone
MANY = np.random.default_rng(0).normal(size=(10_000, 3)) @ np.random.default_rng(1).normal(
    size=(3, 6)
)
X = MANY[:60]
WEIGHTS = ("components_", "intercept_", "decoder_components_", "decoder_intercept_")
LISTS = (
    "encoder_coefs_",
    "encoder_intercepts_",
    "decoder_coefs_",
    "decoder_intercepts_",
)  # of arrays
INTERRUPTED = (
    r"^Training interrupted by user after \d+ iterations?: the best weights so far are kept.$"
)
PLACES = {
    "evaluation": [
        (_sparse.problems.JointProblem, "__call__"),
        (_sparse.problems.MiniBatchProblem, "__call__"),
        (_sparse.problems.EliminatedProblem, "__call__"),
        (_variational.problem.VariationalProblem, "__call__"),
    ],
    "watch": [(_estimator.history.Watch, "__call__")],
    "print": [(builtins, "print")],
    "epoch": [(_estimator.training, "mini_batches")],
    "final pass": [
        (_sparse.problems.JointProblem, "evaluate"),
        (_variational.problem.VariationalProblem, "evaluate"),
    ],
    "allocation": [(np, "empty")],
}


@pytest.fixture(autouse=True)
def each_ctrl_c_for_itself(monkeypatch):
    """Seconds after the last one, and heard by Python even where a parent process has it ignored."""
    seconds = count(step=2.5)
    monkeypatch.setattr(_estimator.interrupts, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(_estimator.interrupts.ctrl_c, "pressed_at", -np.inf)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def quick(**parameters):
    defaults = {
        "n_components": 4,
        "max_iter": 8,
        "tol": 0,
        "batch_size": 15,
        "verbose": 1,
        "random_state": 0,
    }
    if parameters.get("solver") != "variational":
        return SparseAutoencoderTransformer(**defaults | parameters)
    del parameters["solver"]
    return VariationalAutoencoderTransformer(**defaults | {"hidden_layer_sizes": 5} | parameters)


def is_sparse(model):
    return isinstance(model, SparseAutoencoderTransformer)


def interrupt():
    signal.raise_signal(signal.SIGINT)


def raising(exception):
    def fault():
        raise exception

    return fault


def break_at(patch, place, fault, *calls):
    """From now on, `fault` comes before those calls (from 1) of what happens at `place`."""
    for owner, name in PLACES[place]:
        patch.setattr(owner, name, _faulty(getattr(owner, name), fault, calls))


def _faulty(function, fault, calls, numbers=None):
    numbers = numbers or count(1)

    def call(*args, **kwargs):
        if next(numbers) in calls:
            fault()
        return function(*args, **kwargs)

    return call


def objective(model, rows):
    """J from fitted attributes, for squared error."""
    if not is_sparse(model):
        return -model.score(rows)
    rho, q = model.sparsity_target, model.transform(rows).mean(axis=0)
    kl = xlogy(rho, rho / q) + xlogy(1 - rho, (1 - rho) / (1 - q))
    decay = (
        model.encoder_alpha_ * (model.components_**2).sum()
        + model.decoder_alpha_ * (model.decoder_components_**2).sum()
    )
    return (
        model.sparsity_weight_ * kl.sum()
        + decay / (2 * rows.shape[1])
        - model.score_samples(rows).mean()
    )


def has_weights_of(model, other):
    if is_sparse(model):
        return all(np.array_equal(getattr(model, name), getattr(other, name)) for name in WEIGHTS)
    pairs = (zip(getattr(model, name), getattr(other, name), strict=True) for name in LISTS)
    return all(np.array_equal(one, another) for pair in pairs for one, another in pair)


def check_completed_iterate(model, rows):
    """One that a fit of so many iterations, or fewer, ends at; and everything else belongs to it."""
    assert (
        model.n_iter_ == len(model.loss_curve_) == len(next(iter(model.loss_terms_.values()))) >= 1
    )
    parameters = {"solver": "variational"} | model.get_params() | {"verbose": 0}
    fits = (
        quick(**parameters | {"max_iter": n + 1}).fit(rows) for n in reversed(range(model.n_iter_))
    )
    assert any(has_weights_of(model, fit) for fit in fits)
    assert model.loss_ == pytest.approx(objective(model, rows), rel=1e-10)
    if is_sparse(model):
        np.testing.assert_allclose(
            model.mean_activations_, model.transform(rows).mean(axis=0), rtol=1e-10
        )
    assert model._optimizer_state is None


def check_usable(model, rows):
    before = model.loss_
    if not is_sparse(model):
        assert model.set_params(verbose=0).partial_fit(rows).n_iter_ == len(model.loss_curve_)
        return
    assert model.set_params(solver="adam", verbose=0).partial_fit(rows).n_iter_ == len(
        model.loss_curve_
    )
    assert model.set_params(solver="lbfgs", warm_start=True).fit(rows).loss_ < before


# ------------------------------------------------------------------------------------------------------------ Ctrl-C


@pytest.mark.parametrize("solver", MODELS)
def test_ctrl_c_at_any_evaluation_leaves_the_state_of_before_or_a_completed_iterate(
    solver, monkeypatch, frozen
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


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("rows", [X, MANY], ids=["one block", "row workers"])
@pytest.mark.parametrize(
    ("place", "call"),
    [("evaluation", 11), ("watch", 3), ("print", 3), ("epoch", 3), ("final pass", 1)],
)
def test_ctrl_c_keeps_the_best_iterate_and_says_so(solver, rows, place, call, monkeypatch):
    if place == "epoch" and solver == "lbfgs":
        pytest.skip("L-BFGS has none")
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


def test_ctrl_c_while_a_worker_has_a_block(monkeypatch):
    assert len(row_blocks(MANY, 4)) == 3
    model = quick()
    with threadpool_limits(2, user_api="blas"):
        threads, here, came, numbers = (
            threadpool_info(),
            threading.get_ident(),
            threading.Event(),
            count(1),
        )
        encode = _sparse.variable_projection.encode

        def encode_in_a_worker_too(*args):
            if next(numbers) >= 20 and threading.get_ident() == here:
                assert came.wait(60)  # for the worker, however busy the machine is
            elif next(numbers) >= 20 and not came.is_set():
                came.set()
                interrupt()
            return encode(*args)

        with monkeypatch.context() as patch:
            patch.setattr(_sparse.variable_projection, "encode", encode_in_a_worker_too)
            with pytest.warns(ConvergenceWarning, match=INTERRUPTED):
                model.fit(MANY)
        assert threadpool_info() == threads
        check_completed_iterate(model, MANY)


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("history", ["none", "fit", "warm"])
@pytest.mark.parametrize("place", ["evaluation", "watch", "print", "epoch"])
def test_ctrl_c_before_the_first_iterate_changes_nothing(
    solver, history, place, monkeypatch, frozen
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
def test_a_second_ctrl_c_in_the_final_pass_gives_up(solver, evaluations, monkeypatch, frozen):
    model = quick(solver=solver, max_iter=12)
    before = frozen(vars(model))
    break_at(monkeypatch, "evaluation", interrupt, *evaluations)
    break_at(monkeypatch, "final pass", interrupt, 1, *([] if evaluations else [2]))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize("solver", MODELS[1:])
@pytest.mark.parametrize("history", [0, 2])
@pytest.mark.parametrize("place", ["epoch", "evaluation", "watch", "print", "final pass"])
def test_ctrl_c_in_partial_fit_changes_nothing(history, place, solver, monkeypatch, frozen):
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


def test_ctrl_c_while_blas_threads_are_counted_does_not_leave_them_limited(monkeypatch):
    with threadpool_limits(2, user_api="blas"):
        threads = threadpool_info()
        with monkeypatch.context() as patch:
            patch.setattr(_rows.blas_threads, "_blas", interrupt)
            with pytest.raises(KeyboardInterrupt):
                quick().fit(X)
        quick().fit(X)
        assert threadpool_info() == threads


def test_ctrl_c_between_any_two_settings_of_blas_threads_does_not_leave_them_limited(monkeypatch):
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    with threadpool_limits(2, user_api="blas"):
        threads = threadpool_info()
        for call in range(1, 3 * len(libraries)):
            with monkeypatch.context() as patch:
                numbers = count(1)
                for kind in {type(library) for library in libraries}:
                    patch.setattr(
                        kind,
                        "set_num_threads",
                        _faulty(kind.set_num_threads, interrupt, [call], numbers),
                    )
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
def test_a_long_fit_answers_ctrl_c(solver, send, monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40_000, 4)) @ rng.normal(size=(4, 50))
    model = quick(n_components=20, solver=solver, max_iter=10**9, batch_size=5000, verbose=0)
    timer = threading.Timer(0.3, send)
    break_at(monkeypatch, "watch", timer.start, 2)
    with pytest.warns(ConvergenceWarning, match=INTERRUPTED):
        model.fit(rows)
    timer.join()
    assert model.n_iter_ == len(model.loss_curve_)
    assert model.loss_ == pytest.approx(objective(model, rows), rel=1e-9)


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("place", ["evaluation", "final pass"])
@pytest.mark.parametrize(("seconds", "comes_through"), [(0.1, True), (2.0, True), (2.1, False)])
def test_a_second_ctrl_c_within_two_seconds_comes_through(
    solver, place, seconds, comes_through, monkeypatch, frozen
):
    """In a loop of fits the first one ends a fit, and the loop goes on."""
    first, second = quick(solver=solver), quick(solver=solver)
    before, times = frozen(vars(second)), iter([10.0, 10.0 + seconds])
    monkeypatch.setattr(_estimator.interrupts, "monotonic", lambda: next(times))
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
def test_ctrl_c_ends_a_search(search, solver, place, monkeypatch):
    if solver == "variational" and search is SEARCHES["path"]:
        pytest.skip("of sparse autoencoders alone")
    model, calls = quick(solver=solver, verbose=0), count(1)
    broken = 9 if place == "evaluation" else 1
    for owner, name in PLACES[place]:
        monkeypatch.setattr(owner, name, _faulty(getattr(owner, name), interrupt, [broken], calls))
    with pytest.raises(KeyboardInterrupt):
        search(model)
    assert next(calls) == broken + 1, "something went on"


# --------------------------------------------------------------------------------- any exception, at any moment

MODES = [(solver, mode) for solver in MODELS for mode in ("fit", "refit", "warm fit")]
MODES += [(solver, mode) for solver in MODELS[1:] for mode in ("partial_fit", "later partial_fit")]
STRANGE = {
    "NaN": np.where(X.max() == X, np.nan, X),
    "infinite": np.where(X.max() == X, -np.inf, X),
    "huge": X * 1e200,
    "huge mean": X * 1e292 + 1e308,
    "no columns": X[:, :0],
    "no rows": X[:0],
    "one row as a vector": X[0],
    "three dimensions": X[None],
    "text": np.full((5, 6), "many"),
    "objects": np.full((5, 6), object()),
    "complex": X + 1j,
    "times": np.zeros((5, 6), dtype="m8[s]"),
    "masked": np.ma.masked_less(X, 0),
    "nothing": None,
    "ragged": [[1.0, 2.0], [3.0]],
}
PARAMETERS = [
    {"n_components": 0},
    {"n_components": True},
    {"sparsity_target": 1},
    {"max_iter": 2.5},
    {"solver": "adam", "learning_rate_init": 0},
    {"random_state": "chance"},
    {"loss": "cross_entropy"},  # X is not within [0, 1]
    {"loss": "cross_entropy", "decoder_activation": "identity"},
]
FAULTS = [
    ("allocation", MemoryError),
    ("evaluation", MemoryError),
    ("evaluation", FloatingPointError),
    ("evaluation", StopIteration),
    ("evaluation", SystemExit),
    ("watch", RuntimeError),
    ("print", RuntimeError),
    ("epoch", GeneratorExit),
    ("final pass", MemoryError),
]


@pytest.fixture(params=MODES, ids=" ".join)
def prepared(request):
    """An estimator, and the one of its methods that is to fail."""
    solver, mode = request.param
    model = quick(
        solver=solver,
        max_iter=2,
        warm_start=mode == "warm fit",
        random_state=np.random.RandomState(0),
    )
    if mode in ("refit", "warm fit"):
        model.fit(X)
    if mode == "later partial_fit":
        model.partial_fit(X)
    return model, getattr(model, mode.split()[-1].removeprefix("re"))


@pytest.mark.parametrize("name", STRANGE)
def test_strange_rows_change_nothing(prepared, name, frozen):
    model, method = prepared
    before = frozen(vars(model))
    with pytest.raises((ValueError, TypeError)):
        method(STRANGE[name])
    assert frozen(vars(model)) == before


def test_a_corrupted_sparse_matrix_changes_nothing(prepared, frozen):
    model, method = prepared
    rows = csr_matrix(X)
    rows.indices[7] = 10**6
    before = frozen(vars(model))
    with pytest.raises(ValueError, match=r"ind(ex|ices)"):
        method(rows)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_wrong_parameters_change_nothing(prepared, parameters, frozen):
    model, method = prepared
    if not parameters.keys() <= model.get_params().keys():
        pytest.skip("the other model's parameter")
    before = frozen(vars(model.set_params(**parameters)))
    of_a_value = (
        r"parameter of (Sparse|Variational)AutoencoderTransformer|decoder_activation|X must be in"
    )
    with pytest.raises(ValueError, match=rf"{of_a_value}|loss='cross_entropy' differ"):
        method(X)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize(
    "change", [{"n_components": 5}, {"rows": X[:, :5]}], ids=["units", "features"]
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("solver", MODELS[1:])
def test_another_shape_does_not_continue_a_model_and_changes_nothing(
    method, change, solver, frozen
):
    model, rows = quick(solver=solver, warm_start=True).fit(X), change.get("rows", X)
    before = frozen(vars(model.set_params(n_components=change.get("n_components", 4))))
    with pytest.raises(ValueError, match=r"n_components=5.* differs?|X has 5 features"):
        getattr(model, method)(rows)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize(
    ("place", "exception"), FAULTS, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_failure_at_any_moment_changes_nothing(prepared, place, exception, monkeypatch, frozen):
    model, method = prepared
    before = frozen(vars(model))
    for call in count(1):
        with monkeypatch.context() as patch:
            break_at(patch, place, raising(exception), call)
            try:
                method(X)
            except (exception, ValueError):
                assert frozen(vars(model)) == before
            else:
                break
    is_impossible = place == "epoch" and getattr(model, "solver", None) == "lbfgs"
    assert is_impossible or call > 1
    assert frozen(vars(model)) != before


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("reason", ["max_iter", "Ctrl-C"])
def test_a_warning_that_is_an_error_changes_nothing(solver, reason, monkeypatch, frozen):
    model = quick(solver=solver).fit(X)
    before = frozen(vars(model.set_params(tol=1e-9)))
    if reason == "Ctrl-C":
        break_at(monkeypatch, "evaluation", interrupt, 9)
    with pytest.raises(
        ConvergenceWarning, match="interrupted" if reason == "Ctrl-C" else "failed to converge"
    ):
        model.fit(X)
    assert frozen(vars(model)) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS is not kept everywhere")
def test_a_process_without_memory_keeps_the_old_model():
    code = """
import pickle, resource
import numpy as np
from skl_sparse_ae import SparseAutoencoderTransformer
X = np.random.default_rng(0).normal(size=(20_000, 50))
for solver in ("lbfgs", "adam"):
    model = SparseAutoencoderTransformer(4, max_iter=2, tol=0, solver=solver, random_state=0).fit(X[:100])
    before = pickle.dumps(model.set_params(n_components=20_000))
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, resource.RLIM_INFINITY))
    try:
        model.fit(X)
    except MemoryError as error:
        assert "Unable to allocate" in str(error), error
        assert pickle.dumps(model) == before
        print(solver, "unchanged")
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    model.set_params(n_components=4).fit(X[:100])
"""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=600
    )
    assert result.stdout.split() == ["lbfgs", "unchanged", "adam", "unchanged"], result.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS is not kept everywhere")
@pytest.mark.parametrize("room", [1, 10, 60, 130])
def test_where_memory_for_a_thread_is_missing_there_is_one_thread_or_a_memory_error(room):
    code = f"""
import pickle, resource
import numpy as np
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._rows import thread_pool
X = np.random.default_rng(0).normal(size=(20_000, 50))
model = SparseAutoencoderTransformer(8, max_iter=2, tol=0, random_state=0).fit(X[:100])
before = pickle.dumps(model)
resource.setrlimit(resource.RLIMIT_AS, (thread_pool._address_space() + {room} * 2**20, resource.RLIM_INFINITY))
try:
    model.fit(X)
except MemoryError:
    assert pickle.dumps(model) == before
print("done")
"""
    env = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, env=env)
    assert result.stdout == "done\n", result.stderr


# ------------------------------------------------------------------------------------------- smaller accidents


class Gone(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("stdout", [Gone(), io.StringIO(), None], ids=["broken", "closed", "none"])
def test_a_fit_outlives_its_standard_output(solver, stdout, monkeypatch):
    if type(stdout) is io.StringIO:
        stdout.close()
    straight = quick(solver=solver, verbose=0).fit(X)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        model = quick(solver=solver).fit(X)
    assert has_weights_of(model, straight)
    assert model.n_iter_ == straight.n_iter_ == 8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_that_climbs_ends_at_its_start_with_the_loss_of_that(dtype):
    start = quick(solver="adam", learning_rate_init=1e-300, max_iter=1).fit(X.astype(dtype))
    with pytest.warns(ConvergenceWarning, match=r"adam diverged.*Lower learning_rate_init=1000"):
        model = quick(solver="adam", learning_rate_init=1e3).fit(X.astype(dtype))
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for name in WEIGHTS:
        np.testing.assert_allclose(
            getattr(model, name), getattr(start, name), rtol=tolerance, atol=tolerance
        )
    assert model.loss_ == pytest.approx(start.loss_, rel=tolerance)
    assert model.loss_ == pytest.approx(objective(model, X), rel=tolerance)
    assert min(model.loss_curve_) > model.loss_


@pytest.mark.parametrize("solver", MODELS)
def test_a_watch_may_stop_a_fit(solver, monkeypatch):
    model, watch = quick(solver=solver), _estimator.history.Watch.__call__

    def stop_at_the_fifth(self, iterate):
        value = watch(self, iterate)
        if iterate.number == 5:
            raise StopIteration
        return value

    monkeypatch.setattr(_estimator.history.Watch, "__call__", stop_at_the_fifth)
    model.fit(X)
    assert model.n_iter_ == len(model.loss_curve_) == 5
    monkeypatch.undo()
    assert has_weights_of(model, quick(solver=solver, max_iter=4).fit(X))
    assert model.loss_ == pytest.approx(objective(model, X), rel=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_reaching_max_iter_warns_and_converging_in_it_does_not(solver):
    parameters = {"solver": solver, "tol": 1e-2, "n_iter_no_change": 2, "verbose": 0}
    n_iter = quick(**parameters, max_iter=1000).fit(X).n_iter_
    assert quick(**parameters, max_iter=n_iter).fit(X).n_iter_ == n_iter
    with pytest.warns(
        ConvergenceWarning,
        match=rf"{solver} failed to converge after {n_iter - 1} .*Increase max_iter",
    ):
        quick(**parameters, max_iter=n_iter - 1).fit(X)


# ---------------------------------------------------------------------------------------- threads and processes


def test_eight_threads_share_a_fitted_model(frozen):
    model = quick().fit(X)
    before, parts = frozen(vars(model)), [MANY[i::8] for i in range(8)]
    serial = [model.transform(rows) for rows in parts]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for mine, theirs in zip(serial, pool.map(model.transform, parts), strict=True):
                np.testing.assert_array_equal(mine, theirs)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize("solver", MODELS)
def test_eight_fits_at_once_are_eight_fits_one_by_one(solver):
    """To the bit, whoever gets the cores, but for what one last pass gives to BLAS with as many threads as it has then.

    Adam's mini-batches are small here: large ones are split among as many workers as there are.
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
def test_a_fitted_model_works_in_another_process(method):
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
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

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
def test_where_no_thread_can_be_started_one_is_enough(solver, monkeypatch):
    options = {"solver": solver, "batch_size": 5000, "max_iter": 3, "verbose": 0}
    straight = quick(**options).fit(MANY)

    def refuse(function, args):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_rows.thread_pool, "start_new_thread", refuse)
    with threadpool_limits(2, user_api="blas"):
        model = quick(**options).fit(MANY)
        np.testing.assert_array_equal(model.transform(MANY), straight.transform(MANY))
    assert has_weights_of(model, straight)


class Handler(Exception):
    """What a signal's handler may raise: neither KeyboardInterrupt nor anything that Python or we know."""


def raise_at_line(number, names, function, *args):
    """Call a function; at so many lines, counted over our functions of those names, comes the exception. Whether it came."""
    lines = count(1)

    def trace(frame, event, _):
        if frame.f_code.co_name not in names or "skl_sparse_ae" not in frame.f_code.co_filename:
            return None
        if event == "line" and next(lines) == number:
            sys.settrace(None)
            raise Handler
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*args)
    except Handler:
        return True
    finally:
        sys.settrace(before)
    return False


def test_a_handler_that_raises_anywhere_leaves_the_limit_of_blas_as_it_was():
    names = {"__call__", "_begin", "_leave", "_end", "_take_control", "row_workers", "thread_pool"}
    model = quick(max_iter=1, verbose=0)
    with threadpool_limits(2, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
        threads, n_raised = threadpool_info(), 0
        for number in count(1):
            raised = raise_at_line(number, names, model.transform, MANY)
            assert threadpool_info() == threads
            assert not _rows.blas_threads.one_blas_thread.inside
            if not raised:
                break
            n_raised += 1
        assert n_raised > 20


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_handler_that_raises_anywhere_leaves_the_old_model_or_the_new(method, frozen):
    names = {
        "transaction",
        "_merged",
        "_is_fitted",
        "fit",
        "partial_fit",
        "_partial_fit",
        "_fit",
        "_fit_epoch",
        "__copy__",
    }
    fitted = quick(solver="adam", max_iter=1, verbose=0).fit(X).set_params(max_iter=2)

    def model():
        return copy.copy(fitted).set_params(random_state=np.random.RandomState(5))

    before, after = frozen(vars(model())), frozen(vars(getattr(model(), method)(X)))
    n_unchanged = 0
    for number in count(1):
        twin = model()
        raised = raise_at_line(number, names, getattr(twin, method), X)
        found = frozen(vars(twin))
        assert found in ((before, after) if raised else (after,))
        n_unchanged += found == before
        if not raised:
            break
    assert n_unchanged > 20


def test_readers_in_other_threads_see_the_old_model_or_the_new():
    """While fits of other widths go on, each code has the width of the rows or there is a word about the number of features."""
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


def test_a_fit_that_fails_leaves_alone_what_another_thread_has_set(monkeypatch):
    model = quick(verbose=0).fit(X)

    def set_and_fail():
        model.set_params(sparsity_weight=0.7)
        raise MemoryError

    break_at(monkeypatch, "evaluation", set_and_fail, 3)
    with pytest.raises(MemoryError):
        model.fit(X)
    assert model.sparsity_weight == 0.7
