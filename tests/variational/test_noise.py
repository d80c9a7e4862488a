import numpy as np
import pytest
from scipy.stats import kstest, norm

from skl_sparse_ae._variational.noise import noise_of_rows

X = np.random.default_rng(0).normal(size=(2000, 3))


def test_every_draw_is_standard_normal():
    noise = noise_of_rows(X, 3, 4, seed=0)
    assert noise.shape == (3, 2000, 4)
    for of_draw in noise.transpose(0, 2, 1).reshape(12, 2000):
        assert kstest(of_draw, norm.cdf).pvalue > 1e-3


def test_rows_and_units_are_uncorrelated():
    noise = noise_of_rows(X, 1, 5, seed=0)[0]
    np.testing.assert_allclose(np.corrcoef(noise.T), np.eye(5), atol=0.1)
    np.testing.assert_allclose(np.corrcoef(noise[:1000].T, noise[1000:].T)[:5, 5:], 0, atol=0.15)


def test_binary_rows_that_differ_in_one_place_have_unrelated_noise():
    rows = np.eye(500) + np.eye(500, k=1)
    noise = noise_of_rows(rows, 1, 4, seed=0)[0]
    assert len(np.unique(noise)) == noise.size
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.1


def test_the_draws_of_a_row_are_equally_spaced_in_probability():
    shares = np.sort(norm.cdf(noise_of_rows(X, 8, 2, seed=0)), axis=0)
    np.testing.assert_allclose(np.diff(shares, axis=0), 1 / 8, atol=1e-12)


def test_it_is_a_function_of_the_row_and_the_seed_alone():
    noise, order = noise_of_rows(X, 2, 3, seed=1), np.random.default_rng(1).permutation(len(X))[:70]
    np.testing.assert_array_equal(noise_of_rows(X[order], 2, 3, seed=1), noise[:, order])
    assert not np.isclose(noise_of_rows(X, 2, 3, seed=2), noise).any()


def test_float32_rows_have_the_noise_of_float64_ones():
    single = noise_of_rows(X.astype(np.float32), 2, 3, seed=0)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, noise_of_rows(X, 2, 3, seed=0), rtol=1e-6)


@pytest.mark.parametrize("x", [0.0, 1e-320, 1e300, -1e300])
def test_no_row_is_too_small_or_large(x):
    assert np.isfinite(noise_of_rows(np.full((1, 3), x), 4, 50, seed=0)).all()


def test_zeros_of_either_sign_have_the_same_noise():
    np.testing.assert_array_equal(
        noise_of_rows(np.zeros((1, 3)), 2, 3, 0), noise_of_rows(np.full((1, 3), -0.0), 2, 3, 0)
    )


def test_many_draws_integrate_what_mixes_units():
    noise = noise_of_rows(X[:50], 1000, 2, seed=0)
    np.testing.assert_allclose((noise[..., 0] * noise[..., 1]).mean(axis=0), 0, atol=0.15)
    assert (noise[..., 0] ** 2).mean(axis=0) == pytest.approx(1, abs=0.02)
