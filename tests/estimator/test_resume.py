"""Models in files: they go on where they stopped, to the bit; damaged ones are refused; saving cannot destroy the old file."""

import copy
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import warnings
from itertools import count
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

from skl_sparse_ae import (
    InconsistentVersionWarning,
    SparseAutoencoderTransformer,
    VariationalAutoencoderTransformer,
    _estimator,
)

sio = pytest.importorskip("skops.io")
pytestmark = [
    pytest.mark.filterwarnings("ignore:The fitted model reconstructs X no better"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
TRUSTED = ["skl_sparse_ae.SparseAutoencoderTransformer"]
SOLVERS = ["lbfgs", "adam"]
DTYPES = [np.float32, np.float64]
X = np.random.default_rng(0).normal(size=(500, 3)) @ np.random.default_rng(1).normal(size=(3, 6))
FORMATS = {
    "pickle": (
        lambda model, path: path.write_bytes(pickle.dumps(model)),
        lambda path: pickle.loads(path.read_bytes()),
    ),
    "joblib": (joblib.dump, joblib.load),
    "joblib mapped": (joblib.dump, lambda path: joblib.load(path, mmap_mode="r")),
    "skops": (sio.dump, lambda path: sio.load(path, trusted=TRUSTED)),
}


def quick(**parameters):
    return SparseAutoencoderTransformer(
        **{"n_components": 4, "max_iter": 8, "tol": 0, "batch_size": 60, "random_state": 0}
        | parameters
    )


@pytest.fixture(params=[*FORMATS, "deepcopy"])
def detour(request, tmp_path):
    """A function from an estimator to what it is after being saved and loaded."""
    if request.param == "deepcopy":
        return copy.deepcopy
    dump, load = FORMATS[request.param]

    paths = (tmp_path / f"model {i}" for i in count())  # a mapped file must not be written to

    def there_and_back(model):
        path = next(paths)
        dump(model, path)
        return load(path)

    return there_and_back


# ---------------------------------------------------------------------------------------------------------- resuming


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("first", ["partial_fit", "fit"])
def test_epochs_before_and_after_a_file_are_epochs_in_a_row(detour, dtype, first, frozen):
    straight, resumed, rows = quick(solver="adam"), quick(solver="adam"), X.astype(dtype)
    for model in (straight, resumed):
        getattr(model, first)(rows)
    for _ in range(2):
        straight.partial_fit(rows).partial_fit(rows)
        resumed = detour(resumed.partial_fit(rows)).partial_fit(rows)
    assert frozen(vars(resumed)) == frozen(vars(straight))


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_a_mapped_file_is_let_go_of_by_the_next_epoch(method, tmp_path):
    """Or else saving the model into the file that it came from would end the process: the file is emptied first."""
    joblib.dump(quick(solver="adam").fit(X), tmp_path / "model")
    model = joblib.load(tmp_path / "model", mmap_mode="r")
    assert any(isinstance(part, np.memmap) for part in parts(vars(model)))
    getattr(model, method)(X)
    assert not any(
        isinstance(getattr(part, "base", None), np.memmap) for part in parts(vars(model))
    )
    assert not any(isinstance(part, np.memmap) for part in parts(vars(model)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_a_warm_fit_after_a_file_is_the_warm_fit(detour, dtype, solver, loss, frozen):
    rows = X if loss == "squared_error" else (X - X.min()) / (X.max() - X.min())
    model = quick(solver=solver, loss=loss, warm_start=True).fit(rows.astype(dtype))
    loaded = detour(model)
    assert frozen(vars(loaded.fit(rows.astype(dtype)))) == frozen(
        vars(model.fit(rows.astype(dtype)))
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_all_of_a_model_comes_back(detour, solver, early_stopping, frozen):
    rows = pd.DataFrame(X, columns=list("abcdef"))
    model = quick(solver=solver, early_stopping=early_stopping).fit(rows)
    loaded = detour(model)
    assert frozen(vars(loaded)) == frozen(vars(model))
    np.testing.assert_array_equal(loaded.transform(rows), model.transform(rows))
    with pytest.raises(NotFittedError):
        clone(loaded).transform(rows)


def test_an_unfitted_estimator_comes_back_unfitted(detour, frozen):
    model = quick(solver="adam", sparsity_target=0.3)
    loaded = detour(model)
    assert frozen(vars(loaded)) == frozen(vars(model))
    with pytest.raises(NotFittedError):
        loaded.transform(X)


def test_skops_has_to_trust_one_name():
    for model in (
        quick(),
        quick().fit(X),
        quick(solver="adam").fit(pd.DataFrame(X, columns=list("abcdef"))),
    ):
        assert sio.get_untrusted_types(data=sio.dumps(model)) == TRUSTED


def parts(value):
    yield value
    if isinstance(value, dict | list):
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from parts(item)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_state_is_made_of_arrays_and_plain_values(solver):
    model = quick(solver=solver, early_stopping=True).fit(X)
    if solver == "adam":
        model.partial_fit(X)
    types = {type(part) for part in parts(model.__getstate__())}
    assert types == {np.ndarray, dict, list, str, int, float, bool, type(None)}


# ---------------------------------------------------------------------------------------------------------- versions


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("version", "warns"), [("1.3.0", True), ("1.2.9", False)])
def test_files_of_another_minor_version_warn(name, version, warns, tmp_path, monkeypatch):
    dump, load = FORMATS[name]
    monkeypatch.setattr(_estimator.persistence, "__version__", version)
    dump(quick().fit(X), tmp_path / "model")
    monkeypatch.setattr(_estimator.persistence, "__version__", "1.2.3")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = load(tmp_path / "model")
    assert [warning.category for warning in caught] == [InconsistentVersionWarning] * warns
    assert not any("version" in attribute for attribute in vars(model))


# ---------------------------------------------------------------------------------------------------------- tampering

ARRAYS = [
    "components_",
    "intercept_",
    "decoder_components_",
    "decoder_intercept_",
    "mean_activations_",
]
MOMENTS = ["first_moment", "second_moment", "input_mean"]
DAMAGES = {
    "NaN": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 1, np.nan, a),
    "infinite": lambda a: np.full_like(a, -np.inf),
    "longer": lambda a: np.concatenate([a, a]),
    "transposed": lambda a: a.T[None],
    "complex": lambda a: a + 0j,
    "int": lambda a: a.astype(int),
    "object": lambda a: a.astype(object),
    "half": lambda a: a.astype(np.float16),
    "text": lambda a: a.astype(str),
    "list": lambda a: a.tolist(),
    "number": lambda a: 1.0,
    "None": lambda a: None,
}
NUMBERS = [
    ("n_iter_", [-1, 0, 3.0, True, "3", None, [3]]),
    ("n_features_in_", [5, 7, 0, -6, 6.0, 2**70, None]),
    ("loss_", [np.nan, np.inf, -1.0, 1, "1", None]),
]
OPTIMIZER_NUMBERS = [
    ("n_steps", [-1, 1.5, None]),
    ("seed", [-1, 1.5, "1", None]),
    ("code_mean", [-0.1, 1.1, np.nan, None]),
    ("input_scale", [0.0, -1.0, np.nan, np.inf, None]),
    ("output_scale", [0.0, -1.0, np.nan, np.inf, None]),
]


@pytest.fixture
def state():
    return quick(solver="adam").fit(X).__getstate__()


def refuse(state, name=""):
    message = f"The state of SparseAutoencoderTransformer is corrupted: attribute '{name}"
    with pytest.raises(ValueError, match=message):
        SparseAutoencoderTransformer().__setstate__(state)


def test_an_undamaged_state_is_accepted(state, frozen):
    model = SparseAutoencoderTransformer()
    model.__setstate__(copy.deepcopy(state))
    assert frozen(model.__getstate__()) == frozen(state)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ARRAYS)
def test_damaged_arrays_are_refused(state, name, damage):
    refuse(state | {name: DAMAGES[damage](state[name])})


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", MOMENTS)
def test_damaged_moments_are_refused(state, name, damage):
    packed = state["_optimizer_state"]
    refuse(state | {"_optimizer_state": packed | {name: DAMAGES[damage](packed[name])}}, name)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NUMBERS for value in values]
)
def test_impossible_numbers_are_refused(state, name, value):
    refuse(state | {name: value})


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in OPTIMIZER_NUMBERS for value in values]
)
def test_impossible_numbers_of_the_optimizer_are_refused(state, name, value):
    refuse(state | {"_optimizer_state": state["_optimizer_state"] | {name: value}}, name)


@pytest.mark.parametrize("name", [*ARRAYS, "n_features_in_", "n_iter_", "loss_"])
def test_a_missing_attribute_is_missed(state, name):
    del state[name]
    refuse(state)


def test_a_missing_part_of_the_optimizer_is_missed(state):
    for name in state["_optimizer_state"]:
        packed = dict(state["_optimizer_state"])
        del packed[name]
        refuse(state | {"_optimizer_state": packed}, name)


@pytest.mark.parametrize("value", [[1], "adam", 3, np.ones(3), False])
def test_an_optimizer_state_that_is_none_is_refused(state, value):
    refuse(state | {"_optimizer_state": value}, "_optimizer_state")


@pytest.mark.parametrize("name", sorted(quick().get_params()))
def test_a_missing_parameter_is_missed(state, name):
    del state[name]
    refuse(state, name)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "nope"},
        {"loss": "cross_entropy", "decoder_activation": "identity"},
        {"decoder_activation": np.negative},
        {"sparsity_target": 2.0},
        {"max_iter": True},
        {"batch_size": "many"},
        {"encoder_alpha": np.nan},
        {"random_state": "chance"},
    ],
    ids=str,
)
def test_parameters_that_no_fit_accepts_are_refused(state, changes):
    with pytest.raises(ValueError, match="The state of SparseAutoencoderTransformer is corrupted"):
        SparseAutoencoderTransformer().__setstate__(state | changes)


@pytest.mark.parametrize(
    "name", ["transform", "score", "_weights", "__class__", "fit", "note", "_client", "note_"]
)
def test_names_that_no_fit_leaves_are_refused(state, name):
    for own in (state, quick().__getstate__()):
        refuse(own | {name: np.negative}, name)


def test_an_unfitted_estimator_has_no_optimizer_but_may_have_any_parameter(state):
    """A search in processes sends its estimators before it finds out that a parameter is out of range."""
    assert pickle.loads(pickle.dumps(quick(n_components=0, loss="nope"))).loss == "nope"
    refuse(
        quick().__getstate__() | {"_optimizer_state": state["_optimizer_state"]}, "_optimizer_state"
    )


class Annotated(SparseAutoencoderTransformer):
    """With an attribute of its own, and a default for it."""

    note = "none"


def test_a_subclass_may_have_attributes_of_its_own():
    model = Annotated(4, max_iter=2, tol=0, random_state=0).fit(X)
    model.note, model.more_ = "some", 3
    loaded = copy.deepcopy(model)
    assert (loaded.note, loaded.more_) == ("some", 3)
    with pytest.raises(ValueError, match="corrupted: attribute 'transform'"):
        Annotated().__setstate__(model.__getstate__() | {"transform": np.negative})


CURVES = ["junk", None, [1], [None], (1.0,), {"a": 1}]


@pytest.mark.parametrize("value", CURVES, ids=str)
def test_histories_are_lists_of_floats(state, value):
    refuse(state | {"loss_curve_": value}, "loss_curve_")
    refuse(
        state | {"validation_scores_": value or "junk", "best_validation_score_": 0.5},
        "validation_scores_",
    )
    terms = state["loss_terms_"]
    refuse(state | {"loss_terms_": terms | {"sparsity": value}}, "sparsity")
    refuse(state | {"loss_terms_": terms | {"sparsity": terms["sparsity"][1:]}}, "sparsity")
    for damaged in ({}, {"a": 1}, None, terms | {"other": terms["sparsity"]}):
        refuse(state | {"loss_terms_": damaged}, "loss_terms_")


@pytest.mark.parametrize(
    "names",
    [["a"], np.array(["a"] * 6), np.array([1] * 6, dtype=object), np.array(["a"], dtype=object)],
)
def test_feature_names_are_as_many_strings_as_features(state, names):
    refuse(state | {"feature_names_in_": names}, "feature_names_in_")


def test_a_scale_whose_square_overflows_is_refused(state):
    for scale in (1e308, 1e-200):
        refuse(
            state | {"_optimizer_state": state["_optimizer_state"] | {"output_scale": scale}},
            "output_scale",
        )


@pytest.mark.parametrize("state", [None, (1, 2), {3: 4}], ids=str)
def test_a_state_is_a_dict_of_names(state):
    with pytest.raises(ValueError, match="is corrupted: it is not a dict of attributes"):
        SparseAutoencoderTransformer().__setstate__(state)


GENERATORS = {"MT19937": ("pos", 625), "Philox": ("buffer_pos", 5)}


@pytest.mark.parametrize("kind", ["MT19937", "Philox", "PCG64", "SFC64"])
def test_a_generator_is_loaded_only_if_it_draws_from_its_own_state(kind):
    """NumPy reads beyond it where a file says so, which can end the process; skops trusts the type."""
    generator = np.random.RandomState(getattr(np.random, kind)(0))
    for model in (
        quick(random_state=generator),
        quick(solver="adam", random_state=generator).fit(X),
    ):
        assert pickle.loads(pickle.dumps(model)).random_state.randint(10**9) == copy.deepcopy(
            generator
        ).randint(10**9)
        state = generator.get_state(legacy=False)
        for position in (2**30, -1, GENERATORS[kind][1]) if kind in GENERATORS else ():
            of_generator = copy.deepcopy(state)
            (of_generator["state"] if kind == "MT19937" else of_generator)[GENERATORS[kind][0]] = (
                position
            )
            forged = np.random.RandomState(getattr(np.random, kind)(0))
            try:
                forged.set_state(of_generator)
            except ValueError:  # newer NumPys look for themselves
                continue
            refuse(model.__getstate__() | {"random_state": forged}, "random_state")


def test_foreign_bytes_are_turned(state, frozen):
    """A file may have been written by a machine of the other byte order, whose arrays compiled code does not take."""

    def turned(value):
        if isinstance(value, dict):
            return {name: turned(item) for name, item in value.items()}
        return value.astype(value.dtype.newbyteorder()) if isinstance(value, np.ndarray) else value

    model = SparseAutoencoderTransformer()
    model.__setstate__(turned(state))
    assert frozen(model.__getstate__()) == frozen(state)


@pytest.mark.filterwarnings("ignore::UserWarning")  # a short fit
@pytest.mark.parametrize(
    "intercepts", [3.0, None, [], [np.zeros(1)], (np.zeros(4),), "text"], ids=str
)
def test_the_variational_sibling_says_corrupted_too(intercepts):
    state = VariationalAutoencoderTransformer(max_iter=1, random_state=0).fit(X).__getstate__()
    for changes in (
        {"encoder_intercepts_": intercepts},
        {"loss_terms_": {}},
        {"activation": "evil"},
        {"sample": np.exp},
    ):
        with pytest.raises(
            ValueError, match="The state of VariationalAutoencoderTransformer is corrupted"
        ):
            VariationalAutoencoderTransformer().__setstate__(state | changes)


def test_a_ufunc_that_skops_trusts_replaces_no_method():
    model = quick().fit(X)
    vars(model)["transform"] = np.negative
    with pytest.raises(
        ValueError, match="corrupted: attribute 'transform' is not one that a fit leaves"
    ):
        sio.loads(sio.dumps(model), trusted=TRUSTED)


@pytest.mark.parametrize("name", FORMATS)
def test_every_loader_refuses_nan(name, tmp_path):
    dump, load = FORMATS[name]
    model = quick().fit(X)
    model.decoder_components_[1, 2] = np.nan
    dump(model, tmp_path / "model")
    with pytest.raises(ValueError, match="corrupted: attribute 'decoder_components_'"):
        load(tmp_path / "model")


# ---------------------------------------------------------------------------------------------------- reproducibility


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_seed_gives_the_same_bits_in_every_attribute(solver, dtype, frozen):
    rows = np.tile(X, (20, 1)).astype(dtype)  # three row blocks
    with threadpool_limits(2, user_api="blas"):
        first, second = (quick(solver=solver, batch_size=2000).fit(rows) for _ in range(2))
    assert frozen(vars(first)) == frozen(vars(second))


FITS = [("lbfgs", "squared_error"), ("lbfgs", "cross_entropy"), ("adam", "squared_error")]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-3)])
@pytest.mark.parametrize(("solver", "loss"), FITS)
def test_the_number_of_blas_threads_decides_no_more_than_rounding(solver, loss, dtype, tolerance):
    """In 60 iterations, in which L-BFGS makes differences grow: it has none, because each block of rows has one thread."""
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


# -------------------------------------------------------------------------------------------------------- safe saving

RELIABILITY = Path(__file__).parents[2] / "docs" / "reliability.md"


@pytest.fixture(scope="module")
def snippet():
    pattern = r"<!-- atomic saving -->\n+```python\n(.*?)```"
    return re.search(pattern, RELIABILITY.read_text(encoding="utf-8"), flags=re.DOTALL).group(1)


@pytest.fixture
def save(snippet):
    names = {}
    exec(snippet, names)
    return names["save"]


class Unfinished:
    """Fails in the middle of being saved."""

    def __reduce__(self):
        raise KeyboardInterrupt


def test_the_snippet_saves_and_replaces(save, tmp_path, monkeypatch, frozen):
    monkeypatch.chdir(tmp_path)
    for seed, path in ((0, "model"), (1, tmp_path / "model"), (2, str(tmp_path / "model"))):
        model = quick(random_state=seed).fit(X)
        save(model, path)
        assert frozen(vars(joblib.load(tmp_path / "model"))) == frozen(vars(model))
    assert os.listdir(tmp_path) == ["model"]


def test_a_save_that_fails_leaves_the_old_file_alone(save, tmp_path):
    save(np.arange(10.0), tmp_path / "model")
    before = (tmp_path / "model").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        save([np.zeros(100_000), Unfinished()], tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


def test_a_full_disk_leaves_the_old_file_alone(snippet, save, tmp_path):
    pytest.importorskip("resource")
    save(np.arange(10.0), tmp_path / "model")
    before = (tmp_path / "model").read_bytes()
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (10**5, 10**5))"
    code = f"{snippet}\n{limit}\nsave(list(range(10**5)), 'model')"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=600
    )
    assert result.returncode == 1
    assert "OSError" in result.stderr.splitlines()[-1]
    assert (tmp_path / "model").read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
def test_a_process_killed_while_saving_leaves_a_whole_file(snippet, tmp_path):
    path, size = tmp_path / "model", 3 * 10**5
    code = f"{snippet}\nfor i in range(10**9):\n    save([i] * {size}, {json.dumps(str(path))})\n    print(i, flush=True)"
    for delay in (0.0, 0.05, 0.13):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        while process.stdout.readline() != "1\n":
            assert process.poll() is None
        time.sleep(delay)
        process.kill()
        process.communicate()
        numbers = joblib.load(path)
        assert numbers == numbers[:1] * size
