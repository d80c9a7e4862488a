"""Versioning of saved estimators, and validation of loaded state.

A pickle, joblib or skops file may be damaged, or come from someone else. No file is opened here;
``docs/reliability.md`` explains how to write one safely.
"""

import warnings
from abc import abstractmethod

import numpy as np

from skl_sparse_ae._estimator.random_state import is_valid_random_state
from skl_sparse_ae._estimator.transaction import python_number
from skl_sparse_ae._version import __version__

STAMP = "_skl_sparse_ae_version"
# Attributes that any fitted estimator may have, whatever its class.
FITTED = {"n_features_in_", "feature_names_in_", "n_iter_", "loss_", "loss_curve_", "loss_terms_"}
FITTED |= {"validation_scores_", "best_validation_score_", "_optimizer_state", "_meaning"}
# Attributes that scikit-learn sets.
OF_SCIKIT_LEARN = {"_metadata_request", "_callback_fit_ctx", "_parent_callback_ctx"}


class InconsistentVersionWarning(UserWarning):
    """An estimator was saved by another minor version than the one that loads it.

    Parameters
    ----------
    estimator_name : str
        Name of the estimator's class.
    current_version : str
        Version of `skl_sparse_ae` that loads the estimator.
    original_version : str
        Version of `skl_sparse_ae` that saved the estimator, or "unknown".
    """

    def __init__(self, *, estimator_name: str, current_version: str, original_version: str):
        self.estimator_name = estimator_name
        self.current_version = current_version
        self.original_version = original_version

    def __str__(self):
        return (
            f"This {self.estimator_name} was saved by skl_sparse_ae {self.original_version} and is "
            f"loaded by {self.current_version}, which may give different results. Fit it again, "
            "or load it with the version that saved it."
        )


def stamped(state):
    """A copy of an estimator's state, with the version added."""
    return {**state, STAMP: __version__}


def unstamped(state, name):
    """A copy of a loaded state, without the version.

    Warn if another minor version saved it. Raise ValueError unless the state is a dict of
    attributes.
    """
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
    """The value with its arrays, also those in lists and dicts, in this machine's byte order."""
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        return value.astype(value.dtype.newbyteorder("="))
    if type(value) is list:
        return [_native(item) for item in value]
    return {key: _native(item) for key, item in value.items()} if type(value) is dict else value


def _minor(version):
    return version.split(".")[:2]


def check_arrays(values, shapes, name):
    """Raise ValueError unless `values` holds finite float arrays of these shapes.

    `values` and `shapes` are dicts by attribute; `name` is the estimator's.
    """
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
    """Raise ValueError unless `values` holds numbers in these ranges.

    Both arguments are dicts by attribute; a range is ``(type, lowest, highest)``.
    """
    for attribute, (kind, lowest, highest) in ranges.items():
        value = values.get(attribute)
        if isinstance(value, bool) or not isinstance(value, kind) or not lowest <= value <= highest:
            expected = f"of type {kind.__name__} in [{lowest:g}, {highest:g}]"
            raise corrupted(name, attribute, expected)


def check_names(state, required, allowed, name):
    """Raise ValueError unless a state has all `required` attributes and only `allowed` ones."""
    for attribute in sorted(required - state.keys()):
        raise corrupted(name, attribute, "there")
    for attribute in sorted(state.keys() - allowed):
        raise corrupted(name, attribute, "one that a fit can produce")


def check_list(values, attribute, name, length=None):
    """Raise ValueError unless this is a list of floats, of this length unless it is None."""
    value = values.get(attribute)
    is_floats = isinstance(value, list) and all(type(item) is float for item in value)
    if not is_floats or length not in (None, len(value)):
        of_length = "" if length is None else f" of length {length}"
        raise corrupted(name, attribute, "a list of floats" + of_length)


def check_history(state, terms, name):
    """Raise ValueError unless the curves are lists of floats of equal length, one for each term.

    The validation scores, if there are any, must be a list of floats, and the best one a float.
    """
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
    """Raise ValueError unless there are no feature names, or one string for each feature."""
    n_features = state["n_features_in_"]
    names = state.get("feature_names_in_", np.array([""] * n_features, dtype=object))
    is_objects = isinstance(names, np.ndarray) and names.dtype == object
    if not (
        is_objects and names.shape == (n_features,) and all(isinstance(item, str) for item in names)
    ):
        raise corrupted(name, "feature_names_in_", f"an array of {n_features} strings")


def check_plain(meaning, name):
    """Raise ValueError unless this is a dict of strings, integers and tuples, by name."""
    is_plain = isinstance(meaning, dict) and (
        {type(key) for key in meaning} <= {str}
        and {type(value) for value in meaning.values()} <= {str, int, tuple}
    )
    if not is_plain:
        raise corrupted(name, "_meaning", "a dict of parameters")


def corrupted(name, attribute, expected):
    """The ValueError for an attribute that is not as expected."""
    return ValueError(
        f"The state of {name} is corrupted: attribute {attribute!r} is not {expected}."
    )


class SavedStateMixin:
    """Adds the version to a saved estimator, and checks the state of a loaded one."""

    _terms: tuple = ()  # names of the objective's terms, the keys of `loss_terms_`
    _fitted_names: set = set()  # fitted attributes besides `FITTED`

    @staticmethod
    @abstractmethod
    def _check_state(state, name):
        """Raise ValueError unless the fitted attributes in `state` are consistent."""

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
        if is_fitted and "_meaning" not in state:  # older files do not have it
            self._meaning = self._functions()

    def _check_attributes(self, state, is_fitted):
        """Raise ValueError for a missing parameter, an unknown attribute or an unusable generator.

        A user's subclass may have attributes of its own, but none that replace our methods.
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
            allowed |= state.keys() - set(dir(ours))
        check_names(state, parameters, allowed, name)
        if not is_valid_random_state(state.get("random_state")):
            raise corrupted(name, "random_state", "a generator that can be drawn from")

    def _check_saved_parameters(self, state):
        """Raise ValueError unless `fit` accepts the parameters."""
        twin = type(self).__new__(type(self))
        vars(twin).update({attribute: python_number(value) for attribute, value in state.items()})
        try:
            twin._check_parameters()
        except (ValueError, TypeError) as error:
            raise ValueError(f"The state of {type(self).__name__} is corrupted: {error}") from None
