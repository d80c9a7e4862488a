"""Probes of codes whose best units and accuracies are known."""

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from skl_sparse_ae.datasets import make_superposed_features
from skl_sparse_ae.metrics import k_sparse_probing


@pytest.fixture(scope="module")
def labelled():
    """A sparse code, and labels that say whether unit 7 is used."""
    _, codes, _ = make_superposed_features(2000, 4, 40, n_active=4, magnitude_std=0, random_state=0)
    return codes, codes.toarray()[:, 7] > 0


def test_a_unit_that_is_the_class_is_found(labelled):
    assert k_sparse_probing(*labelled, random_state=0) == 1


def test_classes_without_such_units_are_at_chance(labelled):
    """Some of many units differ by chance, but only on the rows on which they are chosen."""
    codes, _ = labelled
    y = np.random.default_rng(0).integers(0, 2, size=2000)
    accuracies = [k_sparse_probing(codes, y, 5, random_state=seed) for seed in range(10)]
    assert np.mean(accuracies) == pytest.approx(0.5, abs=0.02)


def test_chance_is_one_half_for_a_rare_class_too():
    code = np.random.default_rng(0).normal(size=(4000, 10))
    y = np.arange(4000) % 20 == 0
    assert k_sparse_probing(code, y, random_state=0) == pytest.approx(0.5, abs=0.15)


def test_two_units_are_needed_for_what_two_units_say(labelled):
    codes, _ = labelled
    either = codes.toarray()[:, [3, 5]].any(axis=1)
    one, two = (k_sparse_probing(codes, either, k, random_state=0) for k in (1, 2))
    assert one < 0.85
    assert two == 1


def test_the_accuracy_of_all_units_is_that_of_a_regression():
    X, y = load_digits(return_X_y=True)
    X, y = X[y < 2] / 16, y[y < 2]
    expected = LogisticRegression(C=1).fit(X[:200], y[:200]).score(X[200:], y[200:])
    assert k_sparse_probing(X, y, 64, random_state=0) == pytest.approx(expected, abs=0.02)


def test_classes_are_given_one_by_one_in_sorted_order():
    y = np.repeat(["b", "c", "a"], 100)
    code = np.random.default_rng(0).random((300, 5))
    code[y == "b", 2] += 10
    accuracies = k_sparse_probing(code, y, average=False, random_state=0)
    assert accuracies.shape == (3,)
    assert accuracies[1] == 1 > accuracies[[0, 2]].max()
    assert k_sparse_probing(code, y, random_state=0) == pytest.approx(accuracies.mean(), rel=1e-15)


@pytest.mark.parametrize("container", [csr_matrix, csr_array])
def test_sparse_codes_give_the_same(container, labelled):
    codes, _ = labelled
    y = np.asarray(codes[:, :3].sum(axis=1)).ravel() > 1
    dense = k_sparse_probing(codes.toarray(), y, 3, average=False, random_state=0)
    sparse = k_sparse_probing(container(codes), y, 3, average=False, random_state=0)
    np.testing.assert_allclose(sparse, dense, atol=0.01)  # the solvers of both differ in rounding


def test_a_seed_repeats_the_number(labelled):
    codes, _ = labelled
    y = np.asarray(codes[:, :3].sum(axis=1)).ravel() > 1
    first, again, other = (k_sparse_probing(codes, y, random_state=seed) for seed in (0, 0, 1))
    assert first == again != other


def test_the_order_of_the_units_does_not_matter(labelled):
    codes, is_used = labelled
    order = np.random.default_rng(0).permutation(40)
    assert k_sparse_probing(codes[:, order], is_used, random_state=0) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_units": 0}, "n_units == 0"),
        ({"n_units": 4}, "n_units == 4, must be <= 3"),
        ({"test_size": 1}, "test_size == 1"),
        ({"y": [0, 1] * 9}, "inconsistent numbers of samples"),
        ({"y": np.linspace(0, 1, 20)}, "Unknown label type"),
        ({"y": [0] * 20}, "Class 0 has 20 of 20 rows: too few rows in it, or outside it"),
        ({"y": [0] * 18 + [1] * 2}, "Class 0 has 18 of 20 rows"),
        ({"code": np.full((20, 3), np.nan)}, "code contains NaN"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    arguments = {"code": np.eye(20, 3), "y": [0, 1] * 10} | arguments
    with pytest.raises(ValueError, match=message):
        k_sparse_probing(**arguments)
