import numpy as np
import pytest
from scipy.sparse import csr_matrix

from skl_sparse_ae._topk import objective
from skl_sparse_ae._topk.objective import (
    Shape,
    backpropagate,
    decode,
    errors_of_prefixes,
    flatten,
    pre_activations,
    remove_radial_part,
    to_active_units,
    unflatten,
)

SHAPE = Shape(6, 9)
X = np.random.default_rng(3).normal(size=(20, 6))


def value(flat, support):
    """J of dense arithmetic on a support, for atoms that need not have norm 1."""
    w = unflatten(flat, SHAPE)
    A = np.where(support, X @ w.We.T + w.be, 0)
    return np.square(A @ w.Wd + w.bd - X).mean()


@pytest.fixture(scope="module")
def given(topk, network):
    """Flat weights, the code of X, and the `BlockGradient` of J."""
    w = network()
    A = topk.codes.above(pre_activations(w, X), 0.3)
    return flatten(w), A, backpropagate(w, SHAPE, 1 / X.size, X, A)


def test_flat_weights_and_views_into_them(network):
    flat = flatten(network())
    assert flat.shape == (SHAPE.n_weights,)
    w = unflatten(flat, SHAPE)
    np.testing.assert_array_equal(flatten(w), flat)
    w.bd[...] = 7
    assert (unflatten(flat, SHAPE).bd == 7).all()
    assert flatten(w, np.float32).dtype == np.float32


def test_the_gradient_is_that_of_the_value_along_the_sphere(given, central_differences):
    flat, A, result = given
    support = A.toarray() > 0
    expected = central_differences(lambda x: value(x, support), flat)
    e, w = unflatten(expected, SHAPE), unflatten(flat, SHAPE)
    e.Wd[...] -= (e.Wd * w.Wd).sum(axis=1, keepdims=True) * w.Wd
    np.testing.assert_allclose(result.gradient, expected, rtol=0, atol=1e-9)
    assert unflatten(result.gradient, SHAPE).threshold == 0


def test_the_value_is_the_sum_of_squares_of_errors(given):
    flat, A, result = given
    assert result.square_error / X.size == pytest.approx(value(flat, A.toarray() > 0))


def test_uses_are_counted(given):
    _, A, result = given
    np.testing.assert_array_equal(result.n_uses, (A.toarray() > 0).sum(axis=0))


def test_a_unit_that_no_row_uses_has_no_gradient(network):
    w = network()
    A = csr_matrix(np.where(np.arange(9) == 4, 0, np.maximum(X @ w.We.T + w.be, 0)))
    g = unflatten(backpropagate(w, SHAPE, 1, X, A).gradient, SHAPE)
    assert not g.We[4].any()
    assert not g.Wd[4].any()
    assert g.be[4] == 0
    assert all(part.any() for part in (g.We[5], g.Wd[5], g.be[5]))


def test_a_step_along_the_gradient_keeps_the_norm_to_first_order(given):
    flat, _, result = given
    w, g = unflatten(flat, SHAPE), unflatten(result.gradient, SHAPE)
    np.testing.assert_allclose((w.Wd * g.Wd).sum(axis=1), 0, atol=1e-14)


def test_the_radial_part_is_removed(network):
    atoms = network().Wd
    gradient = 3 * atoms
    remove_radial_part(gradient, atoms)
    np.testing.assert_allclose(gradient, 0, atol=1e-15)


@pytest.mark.parametrize("gathered", [1, 24, 10**6])
def test_the_gradient_of_the_code_in_several_pieces(given, monkeypatch, gathered):
    flat, A, _ = given
    w, G = unflatten(flat, SHAPE), np.random.default_rng(4).normal(size=X.shape)
    monkeypatch.setattr(objective, "GATHERED", gathered)
    expected = (G @ w.Wd.T)[A.nonzero()]
    np.testing.assert_allclose(to_active_units(w.Wd, G, A), expected, rtol=1e-12)


def test_an_empty_code_is_decoded_to_the_bias(network):
    w = network()
    A = csr_matrix((20, 9))
    np.testing.assert_array_equal(decode(w, A), np.tile(w.bd, (20, 1)))
    result = backpropagate(w, SHAPE, 1 / X.size, X, A)
    assert result.square_error == pytest.approx(np.square(X - w.bd).sum())
    assert not unflatten(result.gradient, SHAPE).We.any()


def test_sparse_rows_have_the_same_pre_activations(network):
    sparse = csr_matrix(np.where(X > 0.5, X, 0))
    Z = pre_activations(network(), sparse)
    np.testing.assert_allclose(Z, pre_activations(network(), sparse.toarray()), rtol=1e-12)
    assert isinstance(Z, np.ndarray)


def test_the_scale_of_a_unit_makes_no_difference_to_the_reconstruction(network):
    """The freedom that unit norm removes: the trap of folding norms into other weights."""
    w, t = network(), np.arange(1, 10)[:, np.newaxis]
    other = w._replace(We=w.We * t, be=w.be * t[:, 0], Wd=w.Wd / t)
    A, B = (np.maximum(pre_activations(v, X), 0) for v in (w, other))
    np.testing.assert_allclose(decode(other, B), decode(w, A), rtol=1e-10)


NESTED = (2, 5)


def nested_value(flat, support):
    """J of dense arithmetic: the mean over the prefixes of 2, 5 and all units."""
    w = unflatten(flat, SHAPE)
    A = np.where(support, X @ w.We.T + w.be, 0)
    return np.mean(
        [np.square(A[:, :m] @ w.Wd[:m] + w.bd - X).mean() for m in (*NESTED, SHAPE.n_components)]
    )


def test_the_gradient_of_nested_components(given, central_differences):
    flat, A, _ = given
    w, support = unflatten(flat, SHAPE), A.toarray() > 0
    result = backpropagate(w, SHAPE, 1 / X.size, X, A, nested=NESTED)
    assert result.square_error / X.size == pytest.approx(nested_value(flat, support))
    expected = central_differences(lambda x: nested_value(x, support), flat)
    e = unflatten(expected, SHAPE)
    e.Wd[...] -= (e.Wd * w.Wd).sum(axis=1, keepdims=True) * w.Wd
    np.testing.assert_allclose(result.gradient, expected, rtol=0, atol=1e-9)


def test_prefixes_add_up_to_the_whole_code(given):
    flat, A, _ = given
    w = unflatten(flat, SHAPE)
    parts = errors_of_prefixes(w, X, A, NESTED)
    assert [units for _, units, _ in parts] == [slice(0, 2), slice(2, 5), slice(5, 9)]
    np.testing.assert_allclose(parts[-1][2], decode(w, A) - X, atol=1e-14)
    np.testing.assert_array_equal(
        np.concatenate([part.toarray() for part, _, _ in parts], axis=1), A.toarray()
    )
