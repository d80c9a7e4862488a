from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._estimator.validation import (
    check_chunk,
    check_code,
    check_integers,
    check_memory,
    check_real,
    check_rows,
    check_unchanged,
    clip_to_unit_interval,
)
from skl_sparse_ae._rows.in_memory import ArrayRows


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rounding_is_clipped_and_more_is_refused(dtype):
    tolerance = float(np.sqrt(np.finfo(dtype).eps))
    X = np.array([[0.5, 0.5, 1 + 0.9 * tolerance, -0.9 * tolerance]], dtype=dtype)
    clipped = clip_to_unit_interval(ArrayRows(X)).data
    np.testing.assert_array_equal(clipped, np.array([[0.5, 0.5, 1, 0]], dtype=dtype))
    for wrong in (1 + 2 * tolerance, -2 * tolerance):
        with pytest.raises(ValueError, match="MinMaxScaler"):
            clip_to_unit_interval(ArrayRows(np.array([[0.5, wrong]], dtype=dtype)))


def test_rows_within_the_interval_are_not_copied():
    X = ArrayRows(np.array([[0.0, 1.0]]))
    assert clip_to_unit_interval(X) is X


@pytest.mark.parametrize("value", [True, np.False_])
def test_booleans_are_no_integers(value):
    with pytest.raises(ValueError, match="'size' parameter of SimpleNamespace must be an int"):
        check_integers(SimpleNamespace(size=value), ["size"])
    check_integers(SimpleNamespace(size=np.int64(3)), ["size"])


def test_a_code_has_one_column_a_unit():
    with pytest.raises(ValueError, match="X has 2 features"):
        check_code(SimpleNamespace(), np.zeros((3, 2)), 4)


def test_codes_may_be_sparse_where_a_family_says_so():
    code = check_code(SimpleNamespace(), sp.coo_array(np.eye(3)), 3, accept_sparse="csr")
    assert code.format == "csr"
    with pytest.raises(TypeError, match="dense data is required"):
        check_code(SimpleNamespace(), sp.csr_array(np.eye(3)), 3)


@pytest.mark.parametrize("value", [True, float("nan"), -np.inf, 10**400, np.float32("nan")])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match=r"tolerance must be a finite number, got .{1,20}[.]$"):
        check_real(value, "tolerance")


def test_numbers_are_floats_afterwards():
    assert (check_real(np.float32(0.5), "x"), type(check_real(3, "x"))) == (0.5, float)
    with pytest.raises(TypeError, match="x must be an instance of float"):
        check_real("3", "x")


class Tensor:
    """As one of torch, of which NumPy can read some."""

    __module__ = "torch"

    def __init__(self, values, error=None):
        self.values, self.error = values, error

    def numpy(self):
        if self.error:
            raise self.error
        return self.values


def test_tensors_of_torch_are_what_numpy_reads(images):
    rows = check_rows(SparseAutoencoderTransformer(), Tensor(images.astype(np.float32)), reset=True)
    assert (rows.dtype, rows.shape) == (np.float32, images.shape)
    for error in (
        TypeError("Got unsupported ScalarType BFloat16."),
        RuntimeError("Can't call numpy() on Tensor"),
    ):
        with pytest.raises(TypeError, match=r"cannot convert this torch tensor.*detach"):
            check_rows(SparseAutoencoderTransformer(), Tensor(images, error), reset=True)


@pytest.mark.parametrize(
    "X", [[[1, 2], [3, 4]], np.eye(2, dtype=np.float32), sp.coo_array(np.eye(2))]
)
def test_rows_in_memory_are_floats_or_csr(X):
    rows = check_rows(SparseAutoencoderTransformer(), X, reset=True)
    assert type(rows) is ArrayRows
    assert rows.dtype == (np.float32 if getattr(X, "dtype", 0) == np.float32 else np.float64)
    assert getattr(rows.data, "format", "dense") == ("csr" if sp.issparse(X) else "dense")


def test_a_chunk_may_be_empty_and_need_not_be_finite():
    chunk = check_chunk(np.array([[1, np.inf]], order="F"), np.float32, "Model")
    assert (chunk.dtype, chunk.flags.c_contiguous) == (np.float32, True)
    assert check_chunk(np.empty((0, 3)), np.float64, "Model").shape == (0, 3)
    with pytest.raises(ValueError, match="masked array with masked values"):
        check_chunk(np.ma.masked_equal(np.eye(2), 0), np.float64, "Model")


def test_more_memory_than_there_is_is_refused():
    check_memory(1, "A fit")
    with pytest.raises(MemoryError, match=r"^A fit needs at least .* GB, but this machine .* GB"):
        check_memory(10**400, "A fit")


def test_a_change_names_all_that_differs():
    check_unchanged({"a": 1, "new": 2}, {"a": 1}, "of the fit. Set {} back.")
    with pytest.raises(ValueError, match=r"^a=2 differs from a=1 of the fit. Set it back.$"):
        check_unchanged({"a": 2, "b": 1}, {"a": 1, "b": 1}, "of the fit. Set {} back.")
    with pytest.raises(ValueError, match=r"^a=2 and b=3 differ from a=1 and b=1 of .* them back.$"):
        check_unchanged({"a": 2, "b": 3}, {"a": 1, "b": 1}, "of the fit. Set {} back.")
