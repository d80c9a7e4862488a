import numpy as np
import pytest
import scipy.sparse as sp

from skl_sparse_ae._estimator.sparse_formats import SPARSE_CHECKS, canonical_csr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 5)) * (RNG.uniform(size=(9, 5)) < 0.5)


@pytest.mark.parametrize("format", SPARSE_CHECKS)
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_every_format_becomes_canonical_csr(format, kind):
    S = getattr(sp, f"{format}_{kind}")(X)
    rows = canonical_csr(S)
    assert rows.format == "csr"
    np.testing.assert_array_equal(rows.toarray(), X)
    rows.check_format(full_check=True)
    assert S.format == format


def test_canonical_rows_share_their_memory():
    S = sp.csr_array(X)
    rows = canonical_csr(S)
    assert rows is not S
    assert np.shares_memory(rows.data, S.data)
    assert np.shares_memory(rows.indices, S.indices)


def test_duplicates_are_added_up_and_columns_sorted_in_a_copy():
    S = sp.csr_array((np.array([1.0, 2.0, 3.0]), np.array([4, 1, 4]), np.array([0, 3])))
    rows = canonical_csr(S)
    np.testing.assert_array_equal(rows.indices, [1, 4])
    np.testing.assert_array_equal(rows.data, [2, 4])
    assert S.nnz == 3


def test_what_scipy_remembers_of_the_indices_is_not_believed():
    S = sp.csr_array(X)
    assert S.has_canonical_format
    S.indices[:] = S.indices // 2
    rows = canonical_csr(S)
    np.testing.assert_allclose(rows.toarray(), sp.csr_array(S.toarray()).toarray())
    assert (
        np.diff(rows.indices)[np.diff(np.repeat(np.arange(9), np.diff(rows.indptr))) == 0] > 0
    ).all()


def damaged(format, **parts):
    S = getattr(sp, f"{format}_array")(X)
    for name, change in parts.items():
        setattr(S, name, change(getattr(S, name)))
    return S


def longer(array):
    return np.append(array[:-1], array[-1] + 5)


DAMAGED = {
    "csr, indptr": lambda: damaged("csr", indptr=longer),
    "csc, indices": lambda: damaged("csc", indices=lambda index: index + 0.5),
    "bsr, indptr": lambda: damaged("bsr", indptr=lambda index: index[::-1].copy()),
    "coo, coords": lambda: damaged("coo", coords=lambda pair: (pair[0] + 0.5, pair[1])),
    "dia, offsets": lambda: damaged("dia", offsets=lambda offsets: offsets[:-1]),
    "lil, data": lambda: damaged("lil", data=lambda rows: rows[:-1]),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_indices_are_refused(name):
    with pytest.raises(ValueError, match="the sparse matrix is corrupted"):
        canonical_csr(DAMAGED[name]())


@pytest.mark.parametrize("key", [(3, 99), (-1, 3), (3, 1.7), 3])
def test_damaged_keys_are_refused(key):
    S = sp.dok_array(X)
    S._dict[key] = 1.0
    with pytest.raises(ValueError, match="the sparse matrix is corrupted"):
        canonical_csr(S)
