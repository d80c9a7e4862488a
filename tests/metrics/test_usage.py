"""L0, density and dead units, for dense codes and for sparse matrices."""

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

from skl_sparse_ae.datasets import make_superposed_features
from skl_sparse_ae.metrics import active_fraction, dead_fraction, dead_units, l0_norm, unit_density

CONTAINERS = [np.asarray, csr_matrix, csr_array, lambda code: csr_matrix(code).tocsc()]
CODE = np.array([[0, 2, 0, 0.1], [0, 0, 3, -1e-300], [0, 0, 0, 0]])


@pytest.mark.parametrize("container", CONTAINERS)
def test_counts_computed_by_hand(container):
    code = container(CODE)
    np.testing.assert_array_equal(l0_norm(code, average=False), [2, 2, 0])
    assert l0_norm(code) == pytest.approx(4 / 3, rel=1e-15)
    np.testing.assert_allclose(unit_density(code), [0, 1 / 3, 1 / 3, 2 / 3], rtol=1e-15)
    assert dead_fraction(code) == (0.25, 3)


@pytest.mark.parametrize("container", CONTAINERS)
def test_densities_add_up_to_the_mean_l0(container):
    code = container(make_superposed_features(500, 4, 60, n_active=7, random_state=0)[1].toarray())
    assert unit_density(code).sum() == pytest.approx(l0_norm(code), rel=1e-13)
    assert l0_norm(code, average=False).mean() == pytest.approx(l0_norm(code), rel=1e-15)


def test_zeros_that_are_stored_do_not_count():
    code = csr_matrix((np.array([0.0, 2.0, 0.0]), [0, 1, 0], [0, 2, 3]), (2, 3))
    assert code.nnz == 3
    np.testing.assert_array_equal(l0_norm(code, average=False), [1, 0])
    np.testing.assert_array_equal(unit_density(code), [0, 0.5, 0])
    assert dead_fraction(code) == (2 / 3, 2)


def test_duplicates_that_cancel_do_not_count():
    code = csr_matrix((np.array([2.0, -2.0]), [1, 1], [0, 2]), (1, 3))
    assert l0_norm(code) == 0


def test_more_rows_leave_fewer_units_dead():
    _, codes, _ = make_superposed_features(
        2000, 4, 300, n_active=2, frequency_exponent=1, random_state=0
    )
    fractions = [dead_fraction(codes[:n]) for n in (20, 200, 2000)]
    assert [n for _, n in fractions] == [20, 200, 2000]
    assert fractions[0] > fractions[1] > fractions[2]


@pytest.mark.parametrize("container", CONTAINERS)
def test_for_non_negative_codes_a_threshold_of_0_is_the_same(container):
    code = container(np.abs(CODE))
    np.testing.assert_array_equal(unit_density(code), active_fraction(code, 0, average=False))
    assert dead_fraction(code)[0] == dead_units(code, 0).mean()


def test_a_sigmoid_uses_every_unit_in_every_row(model, X):
    code = model.transform(X)
    assert l0_norm(code) == code.shape[1]
    assert dead_fraction(code) == (0, len(X))


@pytest.mark.parametrize("measure", [l0_norm, unit_density, dead_fraction])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ([0.1, 0.2], "Expected 2D array"),
        ([[np.nan, 0.2]], "code contains NaN"),
        (csr_matrix([[np.inf, 0.2]]), "code contains infinity"),
        (np.empty((0, 3)), "0 sample"),
    ],
)
def test_what_is_no_code_is_refused(measure, code, message):
    with pytest.raises(ValueError, match=message):
        measure(code)
