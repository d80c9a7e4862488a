"""Rows, codes and atoms have exactly the properties that the docstring promises."""

import numpy as np
import pytest
from scipy.sparse import isspmatrix_csr
from scipy.stats import binom, kstest, multivariate_normal, norm

from skl_sparse_ae.datasets import make_superposed_features

LEVEL = 1e-9  # probability of a false alarm, for each side of one set of counts


def is_plausible(counts, n, p):
    """True if all counts of n trials are within binomial bounds of joint level LEVEL."""
    low, high = binom.ppf([LEVEL / len(counts), 1 - LEVEL / len(counts)], n, np.c_[p]).T
    return ((low <= counts) & (counts <= high)).all()


def zipf(n_atoms, n_active, exponent):
    """The frequencies by bisection of their factor c."""
    weights = np.arange(1, n_atoms + 1) ** -float(exponent)
    low, high = 0.0, n_atoms / weights.min()
    for _ in range(200):
        c = (low + high) / 2
        low, high = (c, high) if np.minimum(1, c * weights).sum() < n_active else (low, c)
    return np.minimum(1, c * weights)


@pytest.mark.parametrize("correlation", [0, 0.6])
def test_rows_are_the_codes_times_the_atoms(correlation):
    X, codes, atoms = make_superposed_features(
        300, 20, 50, n_active=3, correlation=correlation, random_state=0
    )
    assert X.shape == (300, 20)
    assert codes.shape == (300, 50)
    assert atoms.shape == (50, 20)
    np.testing.assert_array_equal(X, codes @ atoms)
    np.testing.assert_allclose(X, codes.toarray() @ atoms, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, rtol=1e-14)


def test_the_codes_are_canonical():
    _, codes, _ = make_superposed_features(n_active=9.5, magnitude_std=1, random_state=0)
    assert isspmatrix_csr(codes)
    assert codes.has_canonical_format
    assert codes.indices.dtype == np.int32
    assert codes.data.min() > 0


def test_noise_is_gaussian_and_added_to_the_same_rows():
    options = {"n_samples": 400, "n_features": 30, "random_state": 0}
    clean, codes, atoms = make_superposed_features(**options)
    noisy, same_codes, same_atoms = make_superposed_features(noise=0.3, **options)
    np.testing.assert_array_equal(codes.toarray(), same_codes.toarray())
    np.testing.assert_array_equal(atoms, same_atoms)
    assert kstest((noisy - clean).ravel() / 0.3, "norm").pvalue > 1e-3
    # the same seed with another standard deviation scales the same noise
    louder = make_superposed_features(noise=0.6, **options)[0]
    np.testing.assert_allclose(louder - clean, 2 * (noisy - clean), atol=1e-13)


@pytest.mark.parametrize("correlation", [0, 0.5, 0.95])
@pytest.mark.parametrize(
    ("n_active", "exponent"), [(4, 0), (0.3, 1), (10, 1), (10, 2.5), (40, 0), (39.5, 7)]
)
def test_frequencies_are_within_binomial_bounds(n_active, exponent, correlation):
    n = 3000
    _, codes, _ = make_superposed_features(
        n,
        2,
        40,
        n_active=n_active,
        frequency_exponent=exponent,
        correlation=correlation,
        random_state=1,
    )
    expected = zipf(40, n_active, exponent)
    assert expected.sum() == pytest.approx(n_active, rel=1e-12)
    assert is_plausible(codes.getnnz(axis=0), n, expected)


def test_the_number_of_active_atoms_is_binomial_if_all_are_equally_frequent():
    n, n_atoms = 3000, 25
    _, codes, _ = make_superposed_features(n, 2, n_atoms, n_active=5, random_state=0)
    sizes = np.bincount(codes.getnnz(axis=1), minlength=n_atoms + 1)
    assert is_plausible(sizes, n, binom.pmf(np.arange(n_atoms + 1), n_atoms, 0.2))
    assert is_plausible([codes.nnz], n * n_atoms, [0.2])


def test_atoms_of_a_group_are_active_together_and_others_are_independent():
    n, correlation = 20_000, 0.7
    _, codes, _ = make_superposed_features(
        n, 2, 6, n_active=1.2, correlation=correlation, n_groups=3, random_state=0
    )
    is_active = codes.toarray() > 0
    together = [(is_active[:, 0] & is_active[:, j]).sum() for j in range(1, 6)]
    at = [norm.ppf(0.2)] * 2
    joint = multivariate_normal(cov=[[1, correlation], [correlation, 1]]).cdf(at)
    assert joint > 2 * 0.2**2
    expected = [joint if j % 3 == 0 else 0.2**2 for j in range(1, 6)]
    assert is_plausible(together, n, expected)


@pytest.mark.parametrize("std", [0, 1e-200, 0.2, 0.5, 1])
def test_magnitudes_are_gamma_variables_of_mean_1(std):
    _, codes, _ = make_superposed_features(2000, 2, 30, magnitude_std=std, random_state=0)
    if std < 1e-6:
        np.testing.assert_array_equal(codes.data, 1)
    else:
        assert kstest(codes.data, "gamma", args=(std**-2, 0, std**2)).pvalue > 1e-3


def test_atoms_are_uniformly_distributed_directions():
    *_, atoms = make_superposed_features(1, 3, 5000, random_state=0)
    # each coordinate of a point on a sphere in three dimensions is uniform (Archimedes)
    for coordinate in atoms.T:
        assert kstest(coordinate, "uniform", args=(-1, 2)).pvalue > 1e-3


@pytest.mark.parametrize("correlation", [0, 0.5])
def test_float32_holds_the_same_numbers(correlation):
    options = {"noise": 0.1, "correlation": correlation, "random_state": 3}
    results = make_superposed_features(dtype=np.float32, **options)
    assert all(result.dtype == np.float32 for result in results)
    for single, double in zip(results, make_superposed_features(**options), strict=True):
        assert double.dtype == np.float64
        difference = abs(single - double)
        assert difference.max() < 2e-6
    assert (results[1] != 0).nnz == results[1].nnz


def test_a_seed_repeats_the_rows_and_another_one_does_not():
    first, again, other = (
        make_superposed_features(50, noise=0.1, random_state=seed) for seed in (0, 0, 1)
    )
    from_instance = make_superposed_features(50, noise=0.1, random_state=np.random.RandomState(0))
    for i in (0, 2):
        np.testing.assert_array_equal(first[i], again[i])
        np.testing.assert_array_equal(first[i], from_instance[i])
        assert (first[i] != other[i]).any()
    assert (first[1] != again[1]).nnz == 0


def test_rows_drawn_in_several_blocks_have_the_same_properties(monkeypatch):
    monkeypatch.setattr("skl_sparse_ae.datasets.BLOCK_SIZE", 1000)
    X, codes, atoms = make_superposed_features(
        1003, 12, 40, n_active=4, correlation=0.3, random_state=0
    )
    np.testing.assert_array_equal(X, codes @ atoms)
    assert is_plausible(codes.getnnz(axis=0), 1003, np.full(40, 0.1))
    noisy = make_superposed_features(
        1003, 12, 40, n_active=4, correlation=0.3, noise=1, random_state=0
    )[0]
    assert kstest((noisy - X).ravel(), "norm").pvalue > 1e-3


def test_the_smallest_problem():
    X, codes, atoms = make_superposed_features(1, 1, 1, n_active=1, magnitude_std=0)
    np.testing.assert_array_equal(codes.toarray(), [[1]])
    np.testing.assert_array_equal(abs(X), [[1]])
    np.testing.assert_array_equal(abs(atoms), [[1]])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 0),
        ("n_features", -1),
        ("n_atoms", 0),
        ("n_groups", 0),
        ("n_samples", True),
        ("n_active", 0),
        ("n_active", 129),
        ("n_active", float("nan")),
        ("frequency_exponent", -0.1),
        ("magnitude_std", 1.1),
        ("correlation", 1),
        ("correlation", -0.1),
        ("noise", -1),
        ("noise", float("inf")),
        ("dtype", np.int64),
    ],
)
def test_values_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        make_superposed_features(**{name: value})


@pytest.mark.parametrize("name", ["n_samples", "n_active", "noise", "correlation"])
def test_values_that_are_no_numbers_are_refused(name):
    with pytest.raises(TypeError, match=f"{name} must be an instance of"):
        make_superposed_features(**{name: "many"})
