import builtins
import importlib
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._estimator import callbacks
from skl_sparse_ae._estimator.callbacks import CallbackContext

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9")

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
X = load_digits().data[:100] / 16
SOLVERS = pytest.mark.parametrize("solver", ["lbfgs", "adam"])


class Recorder:
    """Notes every hook; ends the fit after so many iterations, or raises at one."""

    def __init__(self, stop_after=np.inf, fail_at=np.inf):
        self.stop_after, self.fail_at, self.events, self.scores = stop_after, fail_at, [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.events.append(f"end {context.task_name}")
        self.scores.append(fitted_estimator.score(X))
        np.testing.assert_array_equal(X, y)
        if len(self.scores) >= self.fail_at:
            raise RuntimeError("a fault in the callback")
        return len(self.scores) >= self.stop_after


def model_with(recorder, **parameters):
    model = SparseAutoencoderTransformer(
        **{"n_components": 4, "max_iter": 5, "tol": 0, "random_state": 0} | parameters
    )
    return model.set_callbacks(recorder)


@SOLVERS
def test_each_iteration_is_one_subtask(solver):
    recorder = Recorder()
    model = model_with(recorder, solver=solver).fit(X)
    iterations = ["begin iteration", "end iteration"] * 5
    assert recorder.events == ["setup", "begin fit", *iterations, "end fit", "teardown"]
    assert recorder.scores[-1] == pytest.approx(model.score(X), rel=1e-9)


@SOLVERS
def test_a_callback_can_stop_the_fit_and_the_iterate_it_saw_is_kept(solver):
    recorder = Recorder(stop_after=3)
    model = model_with(recorder, solver=solver, max_iter=50).fit(X)
    assert model.n_iter_ == 3
    assert model.score(X) == pytest.approx(recorder.scores[2], rel=1e-9)
    if solver == "lbfgs":
        assert model.loss_ == pytest.approx(model.loss_curve_[-1], rel=1e-9)


@SOLVERS
def test_a_callback_that_fails_is_torn_down_and_leaves_the_model_as_it_was(solver):
    recorder = Recorder(fail_at=2)
    model = model_with(recorder, solver=solver)
    before = set(vars(model))
    with pytest.raises(RuntimeError, match="a fault in the callback"):
        model.fit(X)
    assert set(vars(model)) == before
    assert recorder.events[-1] == "teardown"


def test_refitting_on_other_columns_works_with_a_callback_that_wants_the_model():
    model = model_with(Recorder()).fit(X)
    assert model.fit(X[:, :20]).n_features_in_ == 20


def test_clones_keep_callbacks_and_parameters_do_not_show_them():
    recorder = Recorder()
    model = clone(model_with(recorder))
    assert "callbacks" not in str(model.get_params())
    model.fit(X)
    assert recorder.events or model._skl_callbacks


def test_the_progress_bar_goes_through_a_search_and_a_pipeline(capsys):
    pytest.importorskip("rich")
    pipeline = make_pipeline(
        StandardScaler(), SparseAutoencoderTransformer(4, max_iter=3, random_state=0)
    )
    search = GridSearchCV(
        pipeline, {"sparseautoencodertransformer__sparsity_weight": [0.1, 0.2]}, cv=2
    )
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(X)
    assert "SparseAutoencoderTransformer" in capsys.readouterr().out


def test_without_support_there_is_nothing_to_tell(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "sklearn.callback":
            raise ImportError
        return real(name, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", refuse)
        old = importlib.reload(callbacks)
    assert not hasattr(old.CallbackSupportMixin, "set_callbacks")
    method = old.with_callbacks(SparseAutoencoderTransformer.score)
    assert method.__name__ == "score"
    importlib.reload(callbacks)


def test_the_context_of_an_estimator_without_support_is_silent():
    context = CallbackContext(SimpleNamespace())
    context.begin(X, SimpleNamespace())
    assert context.iterate(pytest.fail) is False
    context.end(pytest.fail)


@SOLVERS
@pytest.mark.parametrize(
    "error", [StopIteration("x"), StopIteration(), FloatingPointError("of its own")]
)
def test_what_a_callback_raises_is_no_signal_to_a_solver(solver, error):
    class Faulty(Recorder):
        def on_fit_task_begin(self, estimator, context):
            if context.task_name == "iteration":
                raise error

    with pytest.raises(
        RuntimeError, match=r"A callback raised .*return True from the callback"
    ) as caught:
        model_with(Faulty(), solver=solver).fit(X)
    assert caught.value.__cause__ is error
