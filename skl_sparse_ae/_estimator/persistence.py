"""Versioning of saved estimators, and validation of loaded state.

A pickle, joblib or skops file may be damaged, or made by someone else. No file is opened here: how
to write one safely is in ``docs/reliability.md``.
"""

import warnings

import numpy as np

from skl_sparse_ae._estimator.transaction import is_sound_generator, python_number
from skl_sparse_ae._version import __version__

STAMP = "_skl_sparse_ae_version"
# Attributes that a fitted estimator may have besides those of its class, and those that
# scikit-learn sets beside the parameters.
FITTED = {"n_features_in_", "feature_names_in_", "n_iter_", "loss_", "loss_curve_", "loss_terms_"}
FITTED |= {"validation_scores_", "best_validation_score_", "_optimizer_state", "_meaning"}
OF_SCIKIT_LEARN = {"_metadata_request", "_callback_fit_ctx", "_parent_callback_ctx"}


class InconsistentVersionWarning(UserWarning):
    """An estimator was saved by another minor version than the one that loads it.

    Parameters
    ----------
    estimator_name : str
        The estimator's class.
    current_version, original_version : str
        Versions of `skl_sparse_ae` that load and have saved it; the latter may be "unknown".
    """

    def __init__(self, *, estimator_name: str, current_version: str, original_version: str):
        self.estimator_name = estimator_name
        self.current_version = current_version
        self.original_version = original_version

    def __str__(self):
        return (
            f"This {self.estimator_name} was saved by skl_sparse_ae {self.original_version} and is loaded by "
            f"{self.current_version}, which may compute something else from it. Fit it anew, or load it with the version "
            "that saved it."
        )


def stamped(state):
    """A copy of an estimator's state with the version in it."""
    return {**state, STAMP: __version__}


def unstamped(state, name):
    """A copy of a loaded state without the version. Warn if that was another minor version than this."""
    if not isinstance(state, dict) or not all(isinstance(attribute, str) for attribute in state):
        raise ValueError(f"The state of {name} is corrupted: it is not a dict of attributes.")
    state = {attribute: _native(value) for attribute, value in state.items()}
    original = str(state.pop(STAMP, "unknown"))
    if _minor(original) != _minor(__version__):
        warning = InconsistentVersionWarning(
            estimator_name=name, current_version=__version__, original_version=original
        )
        warnings.warn(warning, stacklevel=3)
    return state


def _native(value):
    """With arrays, also within lists and dicts, in this machine's byte order."""
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        return value.astype(value.dtype.newbyteorder("="))
    if type(value) is list:
        return [_native(item) for item in value]
    return {key: _native(item) for key, item in value.items()} if type(value) is dict else value


def _minor(version):
    return version.split(".")[:2]


def check_arrays(values, shapes, name):
    """ValueError unless each of `shapes` is the shape of a finite float array of that name among `values`, a dict."""
    for attribute, shape in shapes.items():
        value = values.get(attribute)
        is_float = (
            isinstance(value, np.ndarray)
            and value.dtype.kind == "f"
            and value.dtype.itemsize in (4, 8)
        )
        if not (is_float and value.shape == shape and np.isfinite(value).all()):
            raise corrupted(name, attribute, f"a finite float array of shape {shape}")


def check_numbers(values, ranges, name):
    """ValueError unless each of `ranges`, type: (lowest, highest), holds the number of that name among `values`."""
    for attribute, (kind, lowest, highest) in ranges.items():
        value = values.get(attribute)
        if isinstance(value, bool) or not isinstance(value, kind) or not lowest <= value <= highest:
            raise corrupted(
                name, attribute, f"of type {kind.__name__} in [{lowest:g}, {highest:g}]"
            )


def check_names(state, required, allowed, name):
    """ValueError unless a state has all the `required` attributes, and only those that are `allowed`."""
    for attribute in sorted(required - state.keys()):
        raise corrupted(name, attribute, "there")
    for attribute in sorted(state.keys() - allowed):
        raise corrupted(name, attribute, "one that a fit leaves")


def check_list(values, attribute, name, length=None):
    """ValueError unless that is a list of floats, of this length if any."""
    value = values.get(attribute)
    of_floats = isinstance(value, list) and all(type(item) is float for item in value)
    if not of_floats or len(value) != (len(value) if length is None else length):
        raise corrupted(
            name, attribute, "a list of floats" + ("" if length is None else f" of length {length}")
        )


def check_history(state, terms, name):
    """ValueError unless the curves are lists of as many numbers, and the validation scores, if any, a list and a number."""
    check_list(state, "loss_curve_", name)
    curves = state.get("loss_terms_")
    if not isinstance(curves, dict) or set(curves) != set(terms):
        raise corrupted(name, "loss_terms_", f"a dict of {', '.join(terms)}")
    for term in terms:
        check_list(curves, term, name, len(state["loss_curve_"]))
    if state.get("validation_scores_") is not None:
        check_list(state, "validation_scores_", name)
        check_numbers(state, {"best_validation_score_": (float, -np.inf, np.inf)}, name)


def check_feature_names(state, name):
    """ValueError unless the names of features, if there are any, are as many strings as features."""
    names = state.get("feature_names_in_", np.array([""] * state["n_features_in_"], dtype=object))
    is_sound = (
        isinstance(names, np.ndarray)
        and names.dtype == object
        and names.shape == (state["n_features_in_"],)
    )
    if not is_sound or not all(isinstance(item, str) for item in names):
        raise corrupted(name, "feature_names_in_", f"an array of {state['n_features_in_']} strings")


def check_plain(meaning, name):
    """ValueError unless this is a dict of strings, ints and tuples, by name: what a fit writes down of its parameters."""
    is_dict = isinstance(meaning, dict)
    if (
        not is_dict
        or {type(value) for value in meaning.values()} - {str, int, tuple}
        or {type(key) for key in meaning} - {str}
    ):
        raise corrupted(name, "_meaning", "a dict of parameters")


def corrupted(name, attribute, expected):
    """The error that says so."""
    return ValueError(
        f"The state of {name} is corrupted: attribute {attribute!r} is not {expected}."
    )


class SavedStateMixin:
    """Stamps the state of an estimator with the version, and refuses state that no fit leaves."""

    _terms: tuple = ()  # names of the objective's terms, in `loss_terms_`
    _fitted_names: set = set()  # attributes that a fit leaves besides `FITTED`

    @staticmethod
    def _check_state(state, name):
        """Raise ValueError unless the fitted attributes in `state` fit together."""
        raise NotImplementedError

    def __getstate__(self):
        return stamped(super().__getstate__())

    def __setstate__(self, state):
        name = type(self).__name__
        state = unstamped(state, name)
        is_fitted = any(attribute.endswith("_") for attribute in state)  # scikit-learn's own rule
        self._check_attributes(state, is_fitted)
        if is_fitted:
            self._check_state(state, name)
            check_history(state, self._terms, name)
            check_feature_names(state, name)
            self._check_saved_parameters(state)
            check_plain(state.get("_meaning", {}), name)
        super().__setstate__(state)
        if is_fitted and "_meaning" not in state:  # a file from before it was stored
            self._meaning = self._functions()

    def _check_attributes(self, state, is_fitted):
        """Raise ValueError for a missing parameter, and for attributes that nobody puts there.

        A user's subclass may have attributes of its own, but none in place of our methods.
        """
        name, parameters = type(self).__name__, set(self._get_param_names())
        fitted = FITTED | self._fitted_names if is_fitted else set()
        allowed = parameters | OF_SCIKIT_LEARN | fitted
        allowed |= {
            attribute for attribute in state if attribute.startswith(("_skl_", "_sklearn_"))
        }
        ours = next(
            kind for kind in type(self).__mro__ if kind.__module__.split(".")[0] == "skl_sparse_ae"
        )
        if type(self) is not ours:
            allowed |= {attribute for attribute in state if not hasattr(ours, attribute)}
        check_names(state, parameters, allowed, name)
        if not is_sound_generator(state.get("random_state")):
            raise corrupted(name, "random_state", "a generator that can be drawn from")

    def _check_saved_parameters(self, state):
        """Raise ValueError unless `fit` accepts the parameters."""
        twin = type(self).__new__(type(self))
        vars(twin).update({attribute: python_number(value) for attribute, value in state.items()})
        try:
            twin._check_parameters()
        except (ValueError, TypeError) as error:
            raise ValueError(f"The state of {type(self).__name__} is corrupted: {error}") from None
