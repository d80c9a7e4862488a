from types import SimpleNamespace

import pytest

from skl_sparse_ae._estimator.diagnostics import not_converged

ESTIMATOR = SimpleNamespace(
    n_iter_=7, max_iter=7, tol=1e-4, loss_=0.5, learning_rate_init=0.1, batch_size=8
)


@pytest.fixture
def adam(core):
    return core.solvers.SOLVERS["adam"]


@pytest.mark.parametrize("status", ["converged", "stopped"])
def test_an_intended_end_needs_no_message(adam, status):
    assert not_converged(ESTIMATOR, adam, status) is None


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("max_iter", "max_iter=7"),
        ("not_finite", "Scale the data"),
        ("diverged", "learning_rate_init=0.1"),
    ],
)
def test_another_end_names_what_to_change(adam, status, word):
    assert word in not_converged(ESTIMATOR, adam, status)


def test_reaching_max_iter_is_what_tol_0_asks_for(adam):
    estimator = SimpleNamespace(**vars(ESTIMATOR) | {"tol": 0})
    assert not_converged(estimator, adam, "max_iter") is None


@pytest.mark.parametrize(("name", "counted"), [("adam", "7 epoch"), ("lbfgs", "7 iteration")])
def test_iterations_have_the_name_that_the_solver_gives_them(core, name, counted):
    message = not_converged(ESTIMATOR, core.solvers.SOLVERS[name], "max_iter")
    assert message.startswith(f"{name} failed to converge after {counted}(s)")
