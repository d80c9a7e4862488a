import warnings

import numpy as np
import pytest

import skl_sparse_ae
from skl_sparse_ae import InconsistentVersionWarning, _estimator
from skl_sparse_ae._estimator.persistence import check_arrays, check_numbers, stamped, unstamped


def test_a_stamp_is_put_on_and_taken_off_a_copy():
    state = {"a": 1}
    assert stamped(state) == {"a": 1, "_skl_sparse_ae_version": skl_sparse_ae.__version__}
    assert unstamped(stamped(state), "Estimator") == state == {"a": 1}


@pytest.mark.parametrize("version", ["1.2.0", "1.2.9", "1.2.1.dev0"])
def test_the_same_minor_version_is_no_cause_for_concern(monkeypatch, version):
    monkeypatch.setattr(_estimator.persistence, "__version__", "1.2.3")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unstamped({"_skl_sparse_ae_version": version}, "Estimator") == {}


@pytest.mark.parametrize("version", ["1.1.3", "1.3.3", "2.2.3", None])
def test_another_minor_version_is(monkeypatch, version):
    monkeypatch.setattr(_estimator.persistence, "__version__", "1.2.3")
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
    message = r"The state of Estimator is corrupted: attribute 'w' is not a finite float array of shape \(2, 3\)"
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
