import numpy as np
import pytest

from skl_sparse_ae._topk import initial as module
from skl_sparse_ae._topk.initial import initial_atoms, normalize, residuals


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def cosines(atoms, rows):
    return atoms @ normalize(rows.copy()).T


def test_the_first_group_are_directions_of_rows_and_the_others_of_residuals(rng):
    rows = rng.normal(size=(16, 6))
    atoms = initial_atoms(rows, 16, 3, rng)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1)
    np.testing.assert_allclose(cosines(atoms[:2], rows[:2]).diagonal(), 1)
    for start in range(2, 16, 2):
        group = slice(start, start + 2)
        left = residuals(rows[group], atoms[:start], 3)
        np.testing.assert_allclose(cosines(atoms[group], left).diagonal(), 1)


def test_residuals_are_those_of_non_negative_pursuit():
    X = np.array([[3.0, 1, -2], [0.5, 0, 0], [-1.0, -1, 0], [0, 4, 5]])
    left = residuals(X, np.eye(3)[:2], 1)
    np.testing.assert_allclose(left, [[0, 1, -2], [0, 0, 0], [-1, -1, 0], [0, 0, 5]], atol=1e-3)
    left = residuals(X, np.eye(3)[:2], 2)
    np.testing.assert_allclose(left[0], [0, 0, -2], atol=1e-3)


@pytest.mark.parametrize("scale", [1e-9, 1, 1e9])
def test_nothing_is_left_of_a_row_that_is_reconstructed(rng, scale):
    atoms = normalize(rng.normal(size=(3, 5)))
    X = scale * np.array([[2.0, 3, 1], [1, 0, 0]]) @ atoms
    assert not residuals(X, atoms, 3).any()


@pytest.mark.parametrize("n_atoms", [1, 3, 8, 50])
def test_more_atoms_than_rows_are_unit_vectors_in_their_span(rng, n_atoms):
    rows = rng.normal(size=(4, 2)) @ rng.normal(size=(2, 5))
    atoms = initial_atoms(rows, n_atoms, 2, rng)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1)
    assert np.linalg.matrix_rank(np.vstack([rows, atoms]), tol=1e-6) == 2
    assert np.unique(atoms.round(6), axis=0).shape == atoms.shape


@pytest.mark.parametrize("n_rows", [2, 20])
def test_rows_that_are_all_zero_get_random_directions(rng, n_rows):
    atoms = initial_atoms(np.zeros((n_rows, 4)), 10, 2, rng)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1)
    assert np.linalg.matrix_rank(atoms) == 4


def test_the_rows_are_not_written_to(rng):
    rows = rng.normal(size=(20, 4))
    before = rows.copy()
    initial_atoms(rows, 10, 2, rng)
    np.testing.assert_array_equal(rows, before)


def test_rows_are_pursued_by_a_limited_number_of_atoms(monkeypatch, rng):
    """More atoms would need too much memory."""
    monkeypatch.setattr(module, "PURSUED", 3)
    seen = []
    of_module = module.residuals

    def spy(X, atoms, n_nonzero):
        seen.append(len(atoms))
        return of_module(X, atoms, n_nonzero)

    monkeypatch.setattr(module, "residuals", spy)
    initial_atoms(rng.normal(size=(16, 6)), 16, 2, rng)
    assert seen == [0, 2, 3, 3, 3, 3, 3, 3]


def test_zero_atoms_stay_zero_when_normalized():
    atoms = np.array([[0.0, 0], [3, 4]])
    np.testing.assert_array_equal(normalize(atoms), [[0, 0], [0.6, 0.8]])
