import numpy as np

from skl_sparse_ae._sparse.weights import (
    Weights,
    flatten,
    n_weights,
    of_centred,
    of_rows,
    unflatten,
)

K, D = 5, 6


def test_flatten_and_unflatten_are_inverse(network):
    w = unflatten(network.theta, K, D)
    assert [part.shape for part in w] == [(K, D), (K,), (K, D), (D,)]
    assert len(network.theta) == n_weights(K, D)
    np.testing.assert_array_equal(flatten(w), network.theta)


def test_flat_weights_are_laid_out_in_order():
    w = Weights(np.full((2, 3), 1.0), np.full(2, 2.0), np.full((2, 3), 3.0), np.full(3, 4.0))
    np.testing.assert_array_equal(flatten(w), [1] * 6 + [2] * 2 + [3] * 6 + [4] * 3)
    assert flatten(w, np.float32).dtype == np.float32


def test_unflatten_gives_views_and_flatten_a_copy():
    theta = np.zeros(n_weights(K, D))
    w = unflatten(theta, K, D)
    for number, part in enumerate(w, 1):
        part[...] = number
    assert sorted(set(theta)) == [1, 2, 3, 4]
    assert not np.shares_memory(flatten(w), theta)


def test_weights_of_centred_rows_do_the_same(network):
    w, X, origin = network.weights, network.X, np.linspace(-3, 3, D)
    centred = of_centred(w, origin)
    code, expected = (X - origin) @ centred.We.T + centred.be, X @ w.We.T + w.be
    np.testing.assert_allclose(code, expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(centred.bd + origin, w.bd, rtol=0, atol=1e-13)
    for part, again in zip(w, of_rows(centred, origin), strict=True):
        np.testing.assert_allclose(again, part, rtol=0, atol=1e-13)
    assert of_centred(w, None) is w
