"""Files of other versions warn; damaged files are refused with a message."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

from skl_sparse_ae import (
    InconsistentVersionWarning,
    SparseAutoencoderTransformer,
    VariationalAutoencoderTransformer,
    __version__,
)
from skl_sparse_ae._estimator.persistence import (
    check_arrays,
    check_names,
    check_numbers,
    stamped,
    unstamped,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:The fitted model reconstructs X no better"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
TRUSTED = ["skl_sparse_ae.SparseAutoencoderTransformer"]
SOLVERS = ["lbfgs", "adam"]
X = np.random.default_rng(0).normal(size=(500, 3)) @ np.random.default_rng(1).normal(size=(3, 6))


def quick(**parameters):
    return SparseAutoencoderTransformer(
        **{"n_components": 4, "max_iter": 8, "tol": 0, "batch_size": 60, "random_state": 0}
        | parameters
    )


def skops():
    return pytest.importorskip("skops.io", reason="skops files are NOT TESTED without skops")


def test_a_stamp_is_put_on_and_taken_off_a_copy():
    state = {"a": 1}
    assert stamped(state) == {"a": 1, "_skl_sparse_ae_version": __version__}
    assert unstamped(stamped(state), "Estimator") == state == {"a": 1}


@pytest.mark.parametrize("version", ["1.2.0", "1.2.9", "1.2.1.dev0"])
def test_the_same_minor_version_is_no_cause_for_concern(as_version, version):
    as_version("1.2.3")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unstamped({"_skl_sparse_ae_version": version}, "Estimator") == {}


@pytest.mark.parametrize("version", ["1.1.3", "1.3.3", "2.2.3", None])
def test_another_minor_version_is(as_version, version):
    as_version("1.2.3")
    state = {"_skl_sparse_ae_version": version} if version else {}
    with pytest.warns(
        InconsistentVersionWarning,
        match=f"Estimator was saved by skl_sparse_ae {version or 'unknown'}",
    ) as record:
        unstamped(state, "Estimator")
    warning = record[0].message
    assert (warning.estimator_name, warning.current_version) == ("Estimator", "1.2.3")
    assert warning.original_version == (version or "unknown")


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8"])
def test_finite_floats_of_the_right_shape_pass(dtype):
    check_arrays({"w": np.ones((2, 3), dtype=dtype)}, {"w": (2, 3)}, "Estimator")


@pytest.mark.parametrize(
    "value",
    [
        np.ones((3, 2)),
        np.full((2, 3), np.nan),
        np.full((2, 3), np.inf),
        np.ones((2, 3), complex),
        np.ones((2, 3), int),
        np.ones((2, 3), "f2"),
        [[1.0, 1, 1]] * 2,
        None,
    ],
    ids=["shape", "nan", "inf", "complex", "int", "half", "list", "missing"],
)
def test_anything_else_is_corrupted(value):
    message = (
        "The state of Estimator is corrupted: "
        r"attribute 'w' is not a finite float array of shape \(2, 3\)"
    )
    with pytest.raises(ValueError, match=message):
        check_arrays({"w": value}, {"w": (2, 3)}, "Estimator")


@pytest.mark.parametrize("value", [0, 11, True, 3.0, "3", None, [3]])
def test_numbers_have_a_type_and_a_range(value):
    with pytest.raises(ValueError, match=r"attribute 'n' is not of type int in \[1, 10\]"):
        check_numbers({"n": value}, {"n": (int, 1, 10)}, "Estimator")
    check_numbers({"n": 3}, {"n": (int, 1, 10)}, "Estimator")


def test_a_number_that_is_not_one_is_out_of_every_range():
    with pytest.raises(ValueError, match="corrupted"):
        check_numbers({"x": np.nan}, {"x": (float, -np.inf, np.inf)}, "Estimator")


def test_names_are_those_that_are_required_and_no_others():
    check_names({"a": 1, "b": 2}, {"a"}, {"a", "b"}, "Estimator")
    with pytest.raises(ValueError, match="attribute 'a' is not there"):
        check_names({"b": 2}, {"a"}, {"a", "b"}, "Estimator")
    with pytest.raises(ValueError, match="attribute 'c' is not one that a fit can produce"):
        check_names({"a": 1, "c": 2}, {"a"}, {"a", "b"}, "Estimator")


# ---------------------------------------------------------------------------- whole estimators


@pytest.mark.parametrize(("version", "warns"), [("1.3.0", True), ("1.2.9", False)])
def test_files_of_another_minor_version_warn(file_format, version, warns, tmp_path, as_version):
    dump, load = file_format
    as_version(version)
    dump(quick().fit(X), tmp_path / "model")
    as_version("1.2.3")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = load(tmp_path / "model")
    assert [warning.category for warning in caught] == [InconsistentVersionWarning] * warns
    assert not any("version" in attribute for attribute in vars(model))


def test_skops_has_to_trust_one_name():
    for model in (
        quick(),
        quick().fit(X),
        quick(solver="adam").fit(pd.DataFrame(X, columns=list("abcdef"))),
    ):
        assert skops().get_untrusted_types(data=skops().dumps(model)) == TRUSTED


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


# ------------------------------------------------------------------------------------- tampering

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
    """A search in processes sends its estimators before it finds a parameter out of range."""
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
    """Else NumPy would read out of bounds, which can end the process. skops trusts the type."""
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
    """Compiled code refuses arrays from a machine of the other byte order."""

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
        ValueError, match="corrupted: attribute 'transform' is not one that a fit can produce"
    ):
        skops().loads(skops().dumps(model), trusted=TRUSTED)


def test_every_loader_refuses_nan(file_format, tmp_path):
    dump, load = file_format
    model = quick().fit(X)
    model.decoder_components_[1, 2] = np.nan
    dump(model, tmp_path / "model")
    with pytest.raises(ValueError, match="corrupted: attribute 'decoder_components_'"):
        load(tmp_path / "model")
