import numpy as np
import pytest
from sklearn.linear_model import orthogonal_mp_gram

from skl_sparse_ae._topk import pursuit
from skl_sparse_ae._topk.pursuit import supports

RNG = np.random.default_rng(6)
X = RNG.normal(size=(50, 6))


def products(w, X):
    return (X - w.bd) @ w.Wd.T


def one_by_one(w, x, n_nonzero):
    """The atoms that pursuit takes for one row, by least squares in each step."""
    taken, residual = [], x - w.bd
    while len(taken) < n_nonzero:
        gains = w.Wd @ residual
        gains[taken] = -np.inf
        if gains.max() <= 1e-12:
            break
        taken.append(int(gains.argmax()))
        solution = np.linalg.lstsq(w.Wd[taken].T, x - w.bd, rcond=None)[0]
        residual = x - w.bd - solution @ w.Wd[taken]
    return sorted(taken)


@pytest.mark.parametrize("pursued", [1, 10**6])
@pytest.mark.parametrize("n_nonzero", [1, 3, 5, 20])
def test_each_row_takes_the_atoms_of_plain_pursuit(network, monkeypatch, n_nonzero, pursued):
    monkeypatch.setattr(pursuit, "PURSUED", pursued)
    w = network()
    A = supports(w.Wd @ w.Wd.T, products(w, X), min(n_nonzero, 6))
    taken = [list(part) for part in np.split(A.indices, A.indptr[1:-1])]
    assert taken == [one_by_one(w, x, n_nonzero) for x in X]
    assert A.has_canonical_format
    assert (A.data == 1).all()


def test_where_no_product_is_negative_it_is_scikit_learns(network):
    atoms = np.abs(RNG.normal(size=(40, 20)))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    w = network()._replace(Wd=np.linalg.qr(RNG.normal(size=(20, 20)))[0], bd=np.zeros(20))
    rows = np.abs(RNG.normal(size=(30, 20))) @ w.Wd
    A = supports(w.Wd @ w.Wd.T, products(w, rows), 4)
    theirs = orthogonal_mp_gram(np.eye(20), w.Wd @ rows.T, n_nonzero_coefs=4)
    np.testing.assert_array_equal(A.toarray() > 0, theirs.T != 0)


def test_a_row_that_is_reconstructed_takes_no_more_atoms(network):
    w = network()
    rows = np.array([w.bd, w.bd + 2 * w.Wd[3], w.bd + w.Wd[5]])
    A = supports(w.Wd @ w.Wd.T, products(w, rows), 4)
    np.testing.assert_array_equal(A.toarray() > 0, np.eye(9)[[0, 3, 5]] * [[0], [1], [1]] > 0)


def test_equal_atoms_are_no_trouble(network):
    w = network()
    w.Wd[1] = w.Wd[0]
    A = supports(w.Wd @ w.Wd.T, products(w, X), 6)
    assert A.shape == (50, 9)
    assert np.diff(A.indptr).max() <= 6
