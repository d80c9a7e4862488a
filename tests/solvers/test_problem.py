"""Each form of a problem implements the protocol of its solver."""

import numpy as np
import pytest

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)
from skl_sparse_ae._rows.executor import Executor
from skl_sparse_ae._rows.in_memory import ArrayRows
from skl_sparse_ae._solvers.adam import adam_start
from skl_sparse_ae._solvers.problem import Batch, FullBatch, Stochastic

X = np.random.default_rng(0).uniform(size=(40, 6))
ROWS = ArrayRows(X)


def made(model, rows=ROWS):
    """The problem of a fit of this estimator, in the form that its solver searches."""
    model._check_parameters()
    moments = model._moments(rows)
    frame = model._make_frame(moments, rows.dtype)
    return model._solver.problem(model, frame, moments, rows)


def sparse(rows=ROWS, **parameters):
    return made(SparseAutoencoderTransformer(3, **parameters), rows)


FULL_BATCH = {
    "JointProblem": lambda: sparse(loss="cross_entropy"),
    "EliminatedProblem": sparse,
    "CentredProblem": lambda: sparse(ArrayRows((X + 1e6).astype(np.float32))),
}
STOCHASTIC = {
    "MiniBatchProblem": lambda: sparse(solver="adam"),
    "VariationalProblem": lambda: made(VariationalAutoencoderTransformer(2)),
    "TopKProblem": lambda: made(TopKAutoencoderTransformer(3, n_nonzero_coefs=2)),
}
MEMORY = {"running_mean": np.full(3, 0.1), "idle": np.zeros(3), "threshold": np.zeros(1)}


@pytest.mark.parametrize("name", FULL_BATCH)
def test_forms_for_all_rows_keep_their_contract(name, fulfils):
    problem = FULL_BATCH[name]()
    assert type(problem).__name__ == name
    fulfils(problem, FullBatch)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_forms_for_mini_batches_keep_their_contract(name, fulfils):
    problem = STOCHASTIC[name]()
    assert type(problem).__name__ == name
    fulfils(problem, Stochastic)
    fulfils(problem.batch(X.copy(), Executor(), np.random.default_rng(0)), Batch)


@pytest.mark.parametrize("name", FULL_BATCH)
def test_a_value_is_the_sum_of_its_terms_and_comes_with_a_new_gradient(name):
    problem = FULL_BATCH[name]()
    params = problem.initial_params(np.random.default_rng(0))
    assert params.dtype == np.float64
    value, gradient, terms = problem.value_and_gradient(params)
    assert isinstance(terms, problem.terms)
    assert sum(terms) == pytest.approx(value)
    assert gradient.shape == params.shape
    _, again, _ = problem.value_and_gradient(params)
    assert not np.shares_memory(gradient, again)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_a_value_of_a_batch_is_the_sum_of_its_terms(name):
    problem, rng = STOCHASTIC[name](), np.random.default_rng(0)
    params = problem.initial_params(rng)
    assert params.dtype == np.float64
    batch = problem.batch(X.copy(), Executor(), rng)
    assert batch.n_rows == 40
    state = adam_start(params, MEMORY)._replace(n_steps=1)
    value, gradient, terms = problem.value_and_gradient(params, batch, state.memory)
    assert isinstance(terms, problem.terms)
    assert sum(terms) == pytest.approx(value)
    assert gradient.shape == params.shape
    assert sum(size for size, _ in problem.step_scales) in (0, len(params))
    assert problem.after_step(state, batch) is state


@pytest.mark.parametrize("name", FULL_BATCH | STOCHASTIC)
def test_params_stand_for_weights_and_weights_for_params(name):
    problem = (FULL_BATCH | STOCHASTIC)[name]()
    params = problem.initial_params(np.random.default_rng(0))
    weights = problem.to_weights(params)
    again = problem.params_from(weights)
    assert again.dtype == np.float64
    # in the precision of the rows, which for the centred ones is float32 with an offset of 1e6
    tolerance = 1e-9 if weights.dtype == np.float64 else 0.3
    np.testing.assert_allclose(again, params, rtol=tolerance, atol=tolerance)
