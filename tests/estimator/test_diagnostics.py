from types import SimpleNamespace

import numpy as np
import pytest

from skl_sparse_ae._estimator.diagnostics import not_converged, overflow

SOLVER = SimpleNamespace(name="adam", iteration="epoch")


def estimator(**changes):
    values = {"n_iter_": 7, "tol": 1e-4, "max_iter": 7, "loss_": 0.5}
    return SimpleNamespace(**values | {"learning_rate_init": 0.01, "batch_size": 256} | changes)


@pytest.mark.parametrize("status", ["converged", "stopped", "interrupted"])
def test_a_fit_that_ended_as_it_should_is_no_cause_for_concern(status):
    assert not_converged(estimator(), SOLVER, status) is None


def test_max_iter_without_a_tolerance_is_what_the_user_asked_for():
    message = not_converged(estimator(), SOLVER, "max_iter")
    assert message.startswith("adam failed to converge after 7 epoch(s)")
    assert "Increase max_iter=7, or tol" in message
    assert "more than tol=0.0001 allows" in message
    assert not_converged(estimator(tol=0), SOLVER, "max_iter") is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("not_finite", "adam repeatedly met non-finite values and stopped after 7 iteration"),
        ("diverged", "adam diverged: the objective ended above its first value 0.5"),
    ],
)
def test_other_ends_are_explained(status, expected):
    assert not_converged(estimator(), SOLVER, status).startswith(expected)


def test_an_overflow_names_the_largest_value():
    error = overflow("scores overflow", np.array([[1.0, -2e30]]), " and weights up to 3")
    expected = "The scores overflow: X has values up to 2e+30 and weights up to 3. Scale X"
    assert str(error).startswith(expected)
