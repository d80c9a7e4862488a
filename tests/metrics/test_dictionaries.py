"""The matching is the best one, and does not depend on order, norms or containers."""

from itertools import permutations

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix
from scipy.stats import ortho_group

from skl_sparse_ae.datasets import make_superposed_features
from skl_sparse_ae.metrics import atom_recovery, matched_cosine


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture
def atoms(random):
    return random.normal(size=(6, 4))


def cosines_of(A, B):
    return [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in B] for a in A]


def test_the_match_is_the_best_of_all_permutations(atoms, random):
    other = random.normal(size=(6, 4))
    cosines = np.array(cosines_of(atoms, other))
    best = max(cosines[range(6), p].mean() for p in permutations(range(6)))
    assert matched_cosine(atoms, other) == pytest.approx(best, rel=1e-13)
    assert matched_cosine(other, atoms) == pytest.approx(best, rel=1e-13)
    best = max(abs(cosines)[range(6), p].mean() for p in permutations(range(6)))
    assert matched_cosine(atoms, other, absolute=True) == pytest.approx(best, rel=1e-13)


def test_order_and_norms_do_not_matter(atoms, random):
    same = (atoms * np.geomspace(1e-300, 1e300, 6)[:, None])[random.permutation(6)]
    np.testing.assert_allclose(matched_cosine(atoms, same, average=False), 1, rtol=1e-14)
    assert matched_cosine(atoms, same) <= 1
    assert atom_recovery(atoms, same, 1 - 1e-12) == 1


def test_a_common_rotation_does_not_matter(atoms, random):
    other, rotation = random.normal(size=(6, 4)), ortho_group.rvs(4, random_state=0)
    assert matched_cosine(atoms @ rotation, other @ rotation) == pytest.approx(
        matched_cosine(atoms, other), rel=1e-12
    )


def test_orthogonal_dictionaries_have_nothing_in_common():
    assert matched_cosine(np.eye(6)[:3], np.eye(6)[3:]) == 0
    assert atom_recovery(np.eye(6)[:3], np.eye(6)[3:]) == 0


def test_negatives_are_the_same_only_if_asked_for(atoms):
    atoms = np.eye(4)
    assert matched_cosine(atoms, -atoms) == 0
    assert matched_cosine(atoms, -atoms, absolute=True) == 1
    assert atom_recovery(atoms, -atoms) == 0
    assert atom_recovery(atoms, -atoms, absolute=True) == 1


def test_atoms_without_a_partner_are_left_out_of_the_mean_but_not_recovered():
    atoms, learned = np.eye(4), np.eye(4)[[2, 0]]
    np.testing.assert_array_equal(
        matched_cosine(atoms, learned, average=False), [1, np.nan, 1, np.nan]
    )
    assert matched_cosine(atoms, learned) == 1
    assert atom_recovery(atoms, learned) == 0.5
    assert atom_recovery(learned, atoms) == 1


def test_one_learned_atom_recovers_one_atom_only():
    atoms = [[1, 0.1], [1, -0.1]]  # both have cosine 0.995 with the first learned atom
    assert atom_recovery(atoms, [[1, 0], [0, 1]]) == 0.5


def test_an_atom_of_zeros_resembles_nothing():
    np.testing.assert_array_equal(
        np.sort(matched_cosine(np.eye(2), [[0, 0], [0, 5]], average=False)), [0, 1]
    )


def test_the_threshold_is_exclusive_and_moves_the_line():
    atoms, learned = [[1, 0], [0, 1]], [[4, 3], [0, 1]]  # 0.8 and 1
    assert [atom_recovery(atoms, learned, t) for t in (0.79, 0.81, 0.9)] == [1, 0.5, 0.5]
    assert atom_recovery(atoms, atoms, threshold=1) == 0


@pytest.mark.parametrize("container", [csr_matrix, csr_array])
def test_sparse_dictionaries_give_the_same(container, random):
    atoms, other = (random.normal(size=(5, 30)) * (random.random((5, 30)) < 0.3) for _ in range(2))
    expected = matched_cosine(atoms, other, average=False)
    for left, right in [(container(atoms), container(other)), (atoms, container(other))]:
        np.testing.assert_allclose(
            matched_cosine(left, right, average=False), expected, rtol=1e-13, atol=1e-15
        )
        assert atom_recovery(left, right, 0.1) == atom_recovery(atoms, other, 0.1)


def test_noise_of_a_known_size_gives_the_known_recovery(random):
    """In high dimension the cosine is ``1 / sqrt(1 + noise^2)``."""
    *_, atoms = make_superposed_features(1, 2000, 40, random_state=0)
    for noise, recovery in [(0.4, 1), (0.55, 0)]:  # cosines 0.928 and 0.876
        noisy = atoms + noise * random.normal(size=atoms.shape) / np.sqrt(2000)
        assert matched_cosine(atoms, noisy) == pytest.approx(1 / np.hypot(1, noise), abs=0.005)
        assert atom_recovery(atoms, noisy) == recovery


def test_wrong_arguments_are_refused(atoms):
    with pytest.raises(ValueError, match="atoms has 4 features, but other_atoms has 3"):
        matched_cosine(atoms, atoms[:, :3])
    with pytest.raises(ValueError, match="other_atoms contains NaN"):
        matched_cosine(atoms, [[np.nan] * 4])
    with pytest.raises(ValueError, match="threshold == 2"):
        atom_recovery(atoms, atoms, 2)
    with pytest.raises(TypeError, match="average must be an instance of"):
        matched_cosine(atoms, atoms, average="mean")
    with pytest.raises(TypeError, match="absolute must be an instance of"):
        matched_cosine(atoms, atoms, absolute=1)


def test_numpys_floating_point_state_does_not_matter():
    with np.errstate(all="raise"):
        assert matched_cosine([[0, 0], [1e-320, 0]], [[1e300, 0], [0, 1e-300]]) == 0.5
