import inspect

import numpy as np
import pytest

from skl_sparse_ae.plotting import (
    ActivationsDisplay,
    FeaturesDisplay,
    LossCurveDisplay,
    ReconstructionsDisplay,
    SamplesDisplay,
)
from skl_sparse_ae.plotting._calls import check_calls, kind


@pytest.mark.parametrize(
    ("display", "arguments", "message"),
    [
        (
            FeaturesDisplay,
            ["X", (8, 8)],
            "FeaturesDisplay.from_estimator takes (estimator, image_shape) and then keywords, "
            "got ('model', ndarray of shape (400, 64), (8, 8)).",
        ),
        (SamplesDisplay, [(8, 8)], "takes (estimator, X, image_shape)"),
        (ReconstructionsDisplay, ["X"], "takes (estimator, X, image_shape)"),
        (LossCurveDisplay, ["X"], "takes (estimator) and then keywords, got ('model', ndarray"),
        (ActivationsDisplay, [], "takes (estimator, X) and then keywords, got ('model')"),
    ],
)
def test_what_is_taken_and_what_came_is_named(images, display, arguments, message):
    arguments = [images if argument == "X" else argument for argument in arguments]
    with pytest.raises(TypeError) as caught:
        display.from_estimator("model", *arguments)
    assert message in str(caught.value)


@check_calls
class Display:
    def __init__(self, rows):
        self.rows = rows

    @classmethod
    def from_rows(cls, rows, shape=None, *, ax=None):
        """Rows."""
        return cls(list(rows))


def test_keywords_and_defaults_are_named_too():
    with pytest.raises(TypeError) as caught:
        Display.from_rows(shape=(8, 8), bx=1)
    assert str(caught.value) == (
        "Display.from_rows takes (rows, shape=...) and then keywords, got (shape=(8, 8), bx=1)."
    )


def test_a_type_error_inside_stays_as_it_is():
    with pytest.raises(TypeError, match="int"):
        Display.from_rows(3)


def test_signature_docstring_and_subclasses_stay():
    assert str(inspect.signature(Display.from_rows)) == "(rows, shape=None, *, ax=None)"
    assert Display.from_rows.__doc__ == "Rows."
    assert type(type("Other", (Display,), {}).from_rows([1])).__name__ == "Other"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((8, 8), "(8, 8)"),
        (np.zeros((3, 2)), "ndarray of shape (3, 2)"),
        (list(range(100)), "list"),
        ("a\nb", r"'a\nb'"),
    ],
)
def test_long_values_are_named_by_their_class(value, expected):
    assert kind(value) == expected
