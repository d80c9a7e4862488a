"""Each measure against its definition: by hand, by the published formula or in high precision."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array, csr_matrix
from scipy.special import rel_entr

from skl_sparse_ae.metrics import (
    active_fraction,
    active_latent_units,
    always_on_units,
    dead_units,
    hoyer_sparsity,
    lifetime_sparseness,
    population_sparseness,
    sparsity_divergence,
)

# Most models here are stopped after a few iterations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
SPARSENESSES = [hoyer_sparsity, population_sparseness, lifetime_sparseness]


def codes(**options):
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
    return hnp.arrays(np.float64, shapes, elements=st.floats(0, 1, **options))


def test_hoyer_sparsity_of_rows_computed_by_hand():
    code = [[3, 4, 0, 0], [0, 0, -2, 0], [1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    # (2 - 7/5) / 1, one unit, all units, (2 - 2/sqrt 2) / 1, and a row of zeros
    np.testing.assert_allclose(
        hoyer_sparsity(code, average=False), [0.6, 1, 0, 2 - np.sqrt(2), 0], rtol=1e-15
    )
    assert hoyer_sparsity(code) == pytest.approx((3.6 - np.sqrt(2)) / 5, rel=1e-15)


def test_population_sparseness_of_rows_computed_by_hand():
    code = [[3, 1, 0, 0], [0, 0, 2, 0], [1, 1, 1, 1], [0, 0, 0, 0]]
    # a = 1^2 / 2.5, so S = 0.6 / 0.75
    np.testing.assert_allclose(
        population_sparseness(code, average=False), [0.8, 1, 0, 0], rtol=1e-15
    )
    assert population_sparseness(code) == pytest.approx(1.8 / 4, rel=1e-15)


def test_sparseness_is_the_formula_of_vinje_and_gallant():
    """S = {1 - [(sum r_i / n)^2 / sum(r_i^2 / n)]} / [1 - (1/n)], for responses to n frames."""
    code = np.random.default_rng(0).random((9, 5))
    n = 9
    for unit, r in enumerate(code.T):
        expected = (1 - (sum(r / n) ** 2 / sum(r**2 / n))) / (1 - 1 / n)
        assert lifetime_sparseness(code, average=False)[unit] == pytest.approx(expected, rel=1e-13)


def test_lifetime_is_the_population_of_the_transposed_code():
    code = np.random.default_rng(0).random((9, 5))
    np.testing.assert_allclose(
        lifetime_sparseness(code, average=False),
        population_sparseness(code.T, average=False),
        rtol=1e-13,
    )


@pytest.mark.parametrize("measure", SPARSENESSES)
def test_a_single_unit_in_a_single_row_is_not_sparse(measure):
    assert measure([[0.3]]) == measure([[0.0]]) == 0


@pytest.mark.parametrize("measure", SPARSENESSES)
@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_the_scale_of_the_code_does_not_matter_however_extreme(measure, size):
    code = np.array([[0.1, 0.9, 0.4], [0.2, 0.0, 0.7]])
    assert measure(size * code) == pytest.approx(measure(code), rel=1e-12)


@pytest.mark.parametrize("measure", SPARSENESSES)
@settings(deadline=None, max_examples=60, derandomize=True)
@given(code=codes())
def test_sparseness_stays_between_0_and_1(measure, code):
    values = measure(code, average=False)
    assert ((values >= 0) & (values <= 1)).all()
    assert measure(code) == pytest.approx(values.mean(), abs=1e-15)


def test_rates_are_not_negative_but_hoyers_values_may_be():
    signed = [[-1.0, 0.5], [0.2, 0.3]]
    assert hoyer_sparsity(signed) == hoyer_sparsity(np.abs(signed))
    for measure in (population_sparseness, lifetime_sparseness):
        with pytest.raises(
            ValueError, match=f"Negative values in data passed to {measure.__name__}"
        ):
            measure(signed)


def test_active_dead_and_always_on_units_computed_by_hand():
    code = [[0.9, 0.1, 0.6], [0.8, 0.5, 0.2]]  # 0.5 is not above 0.5
    np.testing.assert_array_equal(active_fraction(code, average=False), [1, 0, 0.5])
    assert active_fraction(code) == 0.5
    np.testing.assert_array_equal(dead_units(code), [False, True, False])
    np.testing.assert_array_equal(always_on_units(code), [True, False, False])


def test_latent_units_are_active_where_they_vary():
    code = np.array([[1.2, 0.1, 0.3], [0.8, -0.1, 0.3]] * 2)  # variances 0.04, 0.01, 0
    np.testing.assert_array_equal(active_latent_units(code, 0.02), [True, False, False])
    np.testing.assert_array_equal(active_latent_units(1.01 * code), [True, True, False])
    np.testing.assert_array_equal(active_latent_units(0.99 * code), [True, False, False])
    with pytest.raises(TypeError, match="threshold must be an instance of float"):
        active_latent_units(code, "0.01")


def test_the_threshold_moves_the_line():
    code = [[0.9, 0.1, 0.6], [0.8, 0.5, 0.2]]
    assert active_fraction(code, 0.15) == pytest.approx(5 / 6)
    np.testing.assert_array_equal(dead_units(code, 0.85), [False, True, True])
    np.testing.assert_array_equal(always_on_units(code, threshold=0.15), [True, False, True])


@pytest.mark.parametrize("target", [0.001, 0.1, 0.9])
def test_the_divergence_is_exact_to_many_digits(target):
    code = np.array([[1e-12, 0.05, 0.4, 1 - 1e-9], [1e-12, 0.15, 0.9, 1 - 1e-9]])
    with mp.workdps(50):
        p, means = mp.mpf(target), [mp.mpf(m) for m in code.mean(axis=0)]
        exact = [p * mp.log(p / q) + (1 - p) * mp.log((1 - p) / (1 - q)) for q in means]
    np.testing.assert_allclose(
        sparsity_divergence(code, target), np.array(exact, dtype=float), rtol=1e-13, atol=1e-16
    )


@settings(deadline=None, max_examples=60, derandomize=True)
@given(code=codes(), target=st.floats(1e-6, 1 - 1e-6))
def test_the_divergence_is_that_of_scipy(code, target):
    code[code < 1e-300] = 0  # older versions of SciPy divide by such values and get infinity
    q = code.mean(axis=0)
    expected = rel_entr(target, q) + rel_entr(1 - target, 1 - q)
    np.testing.assert_allclose(sparsity_divergence(code, target), expected, rtol=1e-6, atol=1e-9)


def test_the_divergence_of_units_that_never_change_from_0_or_1_is_infinite():
    np.testing.assert_array_equal(sparsity_divergence([[0.0, 1.0, 0.1]], 0.1), [np.inf, np.inf, 0])


def test_the_divergences_add_up_to_the_penalty_of_a_fit(model, X):
    penalty = (
        model.sparsity_weight_
        * sparsity_divergence(model.transform(X), model.sparsity_target).sum()
    )
    assert penalty == pytest.approx(model.loss_terms_["sparsity"][-1], rel=1e-9)


def test_a_divergence_from_what_is_no_mean_activation_is_refused():
    with pytest.raises(
        ValueError, match=r"mean activations must be in \[0, 1\], got values in \[0.5, 3\]"
    ):
        sparsity_divergence([[0.5, 3.0]], 0.1)
    for target in (0, 1, -0.2):
        with pytest.raises(ValueError, match="target =="):
            sparsity_divergence([[0.5]], target)


@pytest.mark.parametrize("measure", [*SPARSENESSES, active_fraction, dead_units, always_on_units])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ([0.1, 0.2], "Expected 2D array"),
        ([[np.nan, 0.2]], "code contains NaN"),
        (np.empty((0, 3)), "0 sample"),
    ],
)
def test_what_is_no_code_is_refused_in_the_words_of_scikit_learn(measure, code, message):
    with pytest.raises(ValueError, match=message):
        measure(code)


def test_arguments_of_other_types_are_refused():
    with pytest.raises(TypeError, match="threshold must be an instance of"):
        dead_units([[0.1]], "half")
    with pytest.raises(TypeError, match="average must be an instance of"):
        hoyer_sparsity([[0.1]], average="mean")


def test_measures_do_not_care_for_numpys_floating_point_state():
    with np.errstate(all="raise"):
        assert (
            hoyer_sparsity([[0, 0], [0, 1e-320]])
            == population_sparseness([[0, 0], [0, 1e-320]])
            == 0.5
        )
        assert sparsity_divergence([[0.0]], 0.1) == np.inf


@pytest.mark.parametrize(
    "measure", [active_fraction, dead_units, always_on_units, active_latent_units]
)
@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), True, 10**400])
def test_thresholds_that_are_no_numbers_are_refused(measure, threshold):
    with pytest.raises(ValueError, match="threshold must be a finite number"):
        measure([[0.1, 0.9], [0.2, 0.3]], threshold)


def test_a_target_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="target must be a finite number, got nan"):
        sparsity_divergence([[0.1, 0.9]], float("nan"))


SPARSE = [csr_matrix, csr_array, lambda code: csr_matrix(code).tocoo()]


@pytest.mark.parametrize("container", SPARSE)
@settings(deadline=None, max_examples=60, derandomize=True)
@given(code=codes(), threshold=st.sampled_from([-0.5, 0, 0.3, 0.5]))
def test_sparse_codes_give_the_same(container, code, threshold):
    code = np.where(code < 0.5, 0, code)
    sparse = container(code)
    for measure in SPARSENESSES:
        np.testing.assert_allclose(
            measure(sparse, average=False), measure(code, average=False), rtol=1e-12, atol=1e-15
        )
    for measure in (dead_units, always_on_units):
        np.testing.assert_array_equal(measure(sparse, threshold), measure(code, threshold))
    np.testing.assert_array_equal(
        active_fraction(sparse, threshold, average=False),
        active_fraction(code, threshold, average=False),
    )
    np.testing.assert_array_equal(
        active_latent_units(sparse, 0.01234), active_latent_units(code, 0.01234)
    )
    np.testing.assert_allclose(
        sparsity_divergence(sparse, 0.1), sparsity_divergence(code, 0.1), rtol=1e-9, atol=1e-12
    )


def test_signs_of_a_sparse_code_are_for_hoyer_only():
    signed = csr_matrix([[-1.0, 0.5, 0], [0.2, 0, 0.3]])
    assert hoyer_sparsity(signed) == pytest.approx(hoyer_sparsity(signed.toarray()), rel=1e-14)
    for measure in (population_sparseness, lifetime_sparseness):
        with pytest.raises(ValueError, match="Negative values in data passed to"):
            measure(signed)


def test_stored_zeros_and_unsorted_duplicates_do_not_matter():
    data, indices = np.array([0.0, 0.4, 0.3, 0.3]), [2, 1, 0, 1]
    code = csr_matrix((data, indices, [0, 1, 4]), (2, 3))
    for measure in (*SPARSENESSES, active_fraction):
        np.testing.assert_allclose(
            measure(code, average=False), measure(code.toarray(), average=False), rtol=1e-14
        )
    assert code.nnz == 4  # it was not changed


def test_wide_sparse_codes_are_not_made_dense():
    """The dense code would take 16 TB."""
    n_rows, n_units = 2_000_000, 1_000_000
    code = csr_matrix((np.ones(4), ([0, 0, 9, 9], [0, 5, 5, 7])), (n_rows, n_units))
    assert hoyer_sparsity(code) == pytest.approx(2 / n_rows * (1000 - 2**0.5) / 999, rel=1e-12)
    assert population_sparseness(code) > 0
    assert lifetime_sparseness(code) > 0
    assert active_fraction(code) == pytest.approx(4 / n_rows / n_units, rel=1e-12)
    assert dead_units(code).sum() == n_units - 3
