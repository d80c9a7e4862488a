"""After any failure the estimator is as it was before the fit, bit for bit."""

import io
import os
import signal
import subprocess
import sys
from itertools import count

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning

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


def interrupt():
    signal.raise_signal(signal.SIGINT)


def raising(exception):
    def fault():
        raise exception

    return fault


MODES = [(solver, mode) for solver in MODELS for mode in ("fit", "refit", "warm fit")]
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
    {"n_nonzero_coefs": 0},
    {"loss": "cross_entropy"},  # X is not within [0, 1]
    {"loss": "cross_entropy", "decoder_activation": "identity"},
]
FAULTS = [
    ("allocation", MemoryError),
    ("evaluation", MemoryError),
    ("evaluation", FloatingPointError),
    ("evaluation", StopIteration),
    ("evaluation", SystemExit),
    ("monitor", RuntimeError),
    ("print", RuntimeError),
    ("epoch", GeneratorExit),
    ("final pass", MemoryError),
    ("threshold", MemoryError),
]


@pytest.fixture(params=MODES, ids=" ".join)
def prepared(request, quick):
    """An estimator, and its method that is to fail."""
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
    messages = (
        r"parameter of (Sparse|Variational|TopK)AutoencoderTransformer",
        r"decoder_activation|X must be in|loss='cross_entropy' differ",
    )
    with pytest.raises(ValueError, match="|".join(messages)):
        method(X)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize(
    "change", [{"n_components": 5}, {"rows": X[:, :5]}], ids=["units", "features"]
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("solver", MODELS[1:])
def test_another_shape_does_not_continue_a_model_and_changes_nothing(
    method, change, solver, frozen, quick
):
    model, rows = quick(solver=solver, warm_start=True).fit(X), change.get("rows", X)
    before = frozen(vars(model.set_params(n_components=change.get("n_components", 4))))
    with pytest.raises(ValueError, match=r"n_components=5.* differs?|X has 5 features"):
        getattr(model, method)(rows)
    assert frozen(vars(model)) == before


@pytest.mark.parametrize(
    ("place", "exception"), FAULTS, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_failure_at_any_moment_changes_nothing(
    prepared, place, exception, monkeypatch, frozen, break_at
):
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
    is_impossible |= place == "threshold" and not hasattr(model, "threshold_")
    assert is_impossible or call > 1
    assert frozen(vars(model)) != before


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("reason", ["max_iter", "Ctrl-C"])
def test_a_warning_that_is_an_error_changes_nothing(
    solver, reason, monkeypatch, frozen, break_at, quick
):
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
    model = SparseAutoencoderTransformer(4, max_iter=2, tol=0, solver=solver, random_state=0)
    model.fit(X[:100])
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
X = np.random.default_rng(0).normal(size=(20_000, 50))
model = SparseAutoencoderTransformer(8, max_iter=2, tol=0, random_state=0).fit(X[:100])
before = pickle.dumps(model)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {room} * 2**20, resource.RLIM_INFINITY))
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


class Gone(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("stdout", [Gone(), io.StringIO(), None], ids=["broken", "closed", "none"])
def test_a_fit_outlives_its_standard_output(solver, stdout, monkeypatch, has_weights_of, quick):
    if type(stdout) is io.StringIO:
        stdout.close()
    straight = quick(solver=solver, verbose=0).fit(X)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        model = quick(solver=solver).fit(X)
    assert has_weights_of(model, straight)
    assert model.n_iter_ == straight.n_iter_ == 8


def test_a_fit_that_fails_leaves_alone_what_another_thread_has_set(monkeypatch, break_at, quick):
    model = quick(verbose=0).fit(X)

    def set_and_fail():
        model.set_params(sparsity_weight=0.7)
        raise MemoryError

    break_at(monkeypatch, "evaluation", set_and_fail, 3)
    with pytest.raises(MemoryError):
        model.fit(X)
    assert model.sparsity_weight == 0.7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_that_climbs_ends_at_its_start_with_the_loss_of_that(dtype, quick, objective):
    start = quick(solver="adam", learning_rate_init=1e-300, max_iter=1).fit(X.astype(dtype))
    with pytest.warns(ConvergenceWarning, match=r"adam diverged.*Lower learning_rate_init=1000"):
        model = quick(solver="adam", learning_rate_init=1e3).fit(X.astype(dtype))
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for name in ("components_", "intercept_", "decoder_components_", "decoder_intercept_"):
        np.testing.assert_allclose(
            getattr(model, name), getattr(start, name), rtol=tolerance, atol=tolerance
        )
    assert model.loss_ == pytest.approx(start.loss_, rel=tolerance)
    assert model.loss_ == pytest.approx(objective(model, X), rel=tolerance)
    assert min(model.loss_curve_) > model.loss_


@pytest.mark.parametrize("solver", MODELS)
def test_a_monitor_may_stop_a_fit(solver, monkeypatch, quick, stop_at, has_weights_of, objective):
    model = quick(solver=solver)
    stop_at(5)
    model.fit(X)
    assert model.n_iter_ == len(model.loss_curve_) == 5
    monkeypatch.undo()
    assert has_weights_of(model, quick(solver=solver, max_iter=5).fit(X))
    assert model.loss_ == pytest.approx(objective(model, X), rel=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_reaching_max_iter_warns_and_converging_in_it_does_not(solver, quick):
    parameters = {"solver": solver, "tol": 1e-2, "n_iter_no_change": 2, "verbose": 0}
    n_iter = quick(**parameters, max_iter=1000).fit(X).n_iter_
    assert quick(**parameters, max_iter=n_iter).fit(X).n_iter_ == n_iter
    with pytest.warns(
        ConvergenceWarning,
        match=rf"{solver} failed to converge after {n_iter - 1} .*Increase max_iter",
    ):
        quick(**parameters, max_iter=n_iter - 1).fit(X)
