import numpy as np
import pytest
from scipy.optimize import nnls

from skl_sparse_ae._topk import least_squares
from skl_sparse_ae._topk.least_squares import refit

X = np.random.default_rng(5).normal(size=(60, 6))


@pytest.fixture(scope="module")
def code_of(topk, network):
    """A function that returns the weights, and the code of X above 0.3."""

    def make(**parameters):
        w = network(**parameters)
        return w, topk.codes.above(topk.objective.pre_activations(w, X), 0.3)

    return make


def errors(w, A):
    return np.square(A @ w.Wd + w.bd - X).sum(axis=1)


def test_on_a_support_that_stays_positive_it_is_the_least_squares_solution(topk, network):
    w = network(k=4)
    truth = topk.codes.above(np.random.default_rng(0).uniform(1, 2, size=(60, 4)), 1.5)
    rows = truth @ w.Wd + w.bd
    np.testing.assert_allclose(refit(w, rows, truth).toarray(), truth.toarray(), atol=2e-3)


def test_it_is_close_to_the_best_non_negative_code(code_of):
    w, A = code_of()
    B = refit(w, X, A)
    for x, before, after in zip(X, A.toarray(), B.toarray(), strict=True):
        support = before > 0
        best = nnls(w.Wd[support].T, x - w.bd)[1] ** 2 if support.any() else np.sum((x - w.bd) ** 2)
        ours = np.sum((after @ w.Wd + w.bd - x) ** 2)
        assert best <= ours + 1e-9
    assert errors(w, B).sum() < errors(w, A).sum()


def test_the_code_is_positive_and_within_the_support(code_of):
    w, A = code_of()
    B = refit(w, X, A)
    assert (B.data > 0).all()
    assert not ((B.toarray() > 0) & (A.toarray() == 0)).any()
    assert B.has_canonical_format


def test_a_rows_code_does_not_depend_on_the_rows_beside_it(code_of):
    w, A = code_of()
    together = refit(w, X, A).toarray()
    alone = [refit(w, X[i : i + 1], A[i]).toarray()[0] for i in range(len(X))]
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)


def test_neither_does_it_depend_on_how_many_are_solved_at_a_time(code_of, monkeypatch):
    w, A = code_of()
    expected = refit(w, X, A).toarray()
    monkeypatch.setattr(least_squares, "SOLVED", 1)
    np.testing.assert_allclose(refit(w, X, A).toarray(), expected, rtol=1e-9, atol=1e-12)


def test_the_products_of_all_atoms_change_nothing(code_of):
    w, A = code_of()
    rows = A[:3]  # so few that some atoms are not used
    expected = refit(w, X[:3], rows).toarray()
    given = refit(w, X[:3], rows, w.Wd @ w.Wd.T)
    np.testing.assert_allclose(given.toarray(), expected, rtol=1e-9, atol=1e-12)


def test_equal_atoms_share_the_code(topk, network):
    w = network(k=2)
    w.Wd[1] = w.Wd[0]
    A = topk.codes.above(np.ones((1, 2)), 0)
    rows = 2 * w.Wd[:1] + w.bd
    np.testing.assert_allclose(refit(w, rows, A).toarray(), [[1, 1]], rtol=1e-3)


def test_an_empty_code_stays_empty(code_of, topk):
    w, _ = code_of()
    assert refit(w, X, topk.codes.above(np.zeros((60, 9)), 0)).nnz == 0


def test_no_row_is_reconstructed_worse_than_before(code_of):
    """Clipping negative values after the last solve may raise the error: such rows stay."""
    for seed in range(5):
        w, A = code_of(k=30, seed=seed)
        before, after = errors(w, A), errors(w, refit(w, X, A))
        assert (after <= before + 1e-9).all()
