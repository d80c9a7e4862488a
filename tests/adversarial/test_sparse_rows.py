"""Expected results of sparse rows, and of corrupted ones.

See `test_rows`: cases are numbered, and calls are strict.
"""

import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from skl_sparse_ae import SparseAutoencoderTransformer

NAME = "(Sparse|Variational|TopK)AutoencoderTransformer"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6))
U = RNG.uniform(size=(30, 6))
HOLES = np.where(np.abs(X) > 0.8, X, 0)  # two of five elements stored
SOLVERS = ["lbfgs", "adam"]
METHODS = ["transform", "reconstruct", "score", "score_samples"]
MODELS = [*SOLVERS, "variational", "topk"]  # the last two are classes with Adam only


def case(number, what, *given, **options):
    return pytest.param(*given, options, id=f"case{number}-{what}")


def changed(value, dtype=np.float64, rows=X):
    """The rows with another element in one place."""
    rows = rows.astype(dtype)
    rows[3, 2] = value
    return rows


def single(rows):
    with np.errstate(over="ignore", under="ignore"):
        return rows.astype(np.float32)


def csr(X=HOLES):
    return sp.csr_array(X)


def with_int64_indices():
    S = csr()
    S.indices, S.indptr = S.indices.astype(np.int64), S.indptr.astype(np.int64)
    return S


def with_explicit_zeros():
    S = csr(np.where(HOLES == 0, 7, HOLES))
    S.data[S.data == 7] = 0
    return S


def unsorted_and_duplicated():
    """Each element as two halves, columns from right to left."""
    S = csr()
    rows = np.split(np.arange(S.nnz), S.indptr[1:-1])
    order = np.repeat(np.concatenate([row[::-1] for row in rows]), 2)
    return sp.csr_array((S.data[order] / 2, S.indices[order], S.indptr * 2), shape=S.shape)


FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]
SPARSE = [
    *(
        case(53, f"{format}_{kind}", getattr(sp, f"{format}_{kind}")(HOLES), HOLES, 1e-10)
        for format in FORMATS
        for kind in ("matrix", "array")
    ),
    case(53, "csr-float32", csr(single(HOLES)), single(HOLES), 1e-4),
    case(54, "int64-indices", with_int64_indices(), HOLES, 1e-10),
    case(
        55, "nothing-stored", sp.csr_array((30, 6)), np.zeros((30, 6)), 1e-2
    ),  # any code will do: Adam follows rounding
    case(56, "explicit-zeros", with_explicit_zeros(), HOLES, 1e-10),
    case(57, "unsorted-duplicates", unsorted_and_duplicated(), HOLES, 1e-10),
    case(59, "bool", csr(HOLES != 0), (HOLES != 0).astype(float), 1e-10),
]
REFUSED = [
    case(58, "nan", csr(changed(np.nan)), "Input X contains NaN"),
    case(60, "1-D", sp.coo_array(X[0]), "(?i)Expected 2D input|Cannot convert a 1d sparse array"),
]


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize(("data", "reference", "rtol", "_"), SPARSE)
def test_sparse_rows_are_the_dense_ones(data, reference, rtol, _, solver, agrees):
    agrees(data, reference, rtol, solver=solver)


@pytest.mark.parametrize(("data", "reference", "rtol", "_"), SPARSE)
def test_sparse_codes_are_the_dense_ones(data, reference, rtol, _, fitted, strictly):
    model = fitted(n_components=6, solver="topk")
    with strictly():
        rows, expected = (model.inverse_transform(code) for code in (data, reference))
    rounding = 10 * np.finfo(expected.dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(rows, expected, rtol=max(rtol, 1e-13), atol=rounding)
    assert rows.dtype == expected.dtype


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize(("data", "message", "_"), REFUSED)
def test_sparse_rows_are_refused_as_dense_ones_are(data, message, _, solver, refuses):
    refuses(data, ValueError, message, solver=solver)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_csr_matrix_whose_flags_lie_is_the_matrix_that_it_holds(solver):
    """SciPy remembers that indices were sorted and unique, even after they have changed."""
    rows = sp.random(30, 8, 0.4, format="csr", random_state=0)
    assert rows.has_canonical_format
    rows.indices[:] = rows.indices // 2
    model = SparseAutoencoderTransformer(3, solver=solver, max_iter=5, tol=0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert model.fit(rows).loss_ == model.fit(sp.csr_matrix(rows.toarray())).loss_
    assert rows.nnz == 96  # nothing was added up in place


def _dok(key):
    rows = sp.random(30, 8, 0.4, format="dok", random_state=0)
    rows._dict[key] = 1.0
    return rows


def _lil(indices, data):
    rows = sp.random(30, 8, 0.4, format="lil", random_state=0)
    rows.rows[3], rows.data[3] = indices, data
    return rows


def _fractional(kind):
    rows = sp.random(30, 8, 0.4, format=kind, random_state=0)
    if kind == "coo":
        rows.coords = (rows.row + 0.7, rows.col)
    else:
        rows.indices = rows.indices + 0.7
    return rows


ODD = {
    "dok, out of range": lambda: _dok((3, 99)),
    "dok, negative": lambda: _dok((-1, 3)),
    "dok, fractional": lambda: _dok((3, 1.7)),
    "dok, no pair": lambda: _dok(3),
    "lil, indices without data": lambda: _lil([0, 1, 2, 3], [1.0]),
    "lil, out of range": lambda: _lil([0, 8], [1.0, 2.0]),
    "lil, fractional": lambda: _lil([0, 1.7], [1.0, 2.0]),
    "csr, fractional": lambda: _fractional("csr"),
    "csc, fractional": lambda: _fractional("csc"),
    "coo, fractional": lambda: _fractional("coo"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_sparse_formats_are_value_errors(name):
    with pytest.raises(ValueError, match="the sparse matrix is corrupted"):
        SparseAutoencoderTransformer(3, max_iter=2).fit(ODD[name]())


# ------------------------------------------------------- what would crash the interpreter


def with_index(format, index, part="col"):
    """A sparse matrix with one index out of range."""
    S = getattr(sp, f"{format}_array")(HOLES)
    if format == "coo":
        getattr(S, part)[0] = index
    elif format == "lil":
        next(filter(None, S.rows))[0] = index
    else:
        S.indices[0] = index
    return S


def with_indptr(format, change):
    S = getattr(sp, f"{format}_array")(HOLES)
    if change == "long":
        S.indptr[-1] += 10**6
    elif change == "decreasing":
        S.indptr[1], S.indptr[2] = S.indptr[2] + 1, 0
    elif change == "elements-missing":
        S.data = S.data[:-2]
    else:
        S.indptr[0] = {"start": 3, "negative": -3}[change]
    return S


INDICES = [99, 10**6, 2**31 - 1, -1]
CORRUPTED = [
    *(
        case(61, f"{f}-{i}", with_index(f, i))
        for f in ("csr", "csc", "coo", "bsr", "lil")
        for i in INDICES
    ),
    *(case(61, f"coo-row-{i}", with_index("coo", i, "row")) for i in INDICES),
    *(
        case(62, f"{f}-{c}", with_indptr(f, c))
        for f in ("csr", "csc", "bsr")
        for c in ("decreasing", "start", "negative")
    ),
    *(
        case(63, f"{f}-{c}", with_indptr(f, c))
        for f in ("csr", "csc", "bsr")
        for c in ("long", "elements-missing")
    ),
]


@pytest.mark.parametrize("solver", MODELS[1:])
@pytest.mark.parametrize(("data", "_"), CORRUPTED)
def test_corrupted_indices_are_refused(data, _, solver, refuses):
    refuses(data, ValueError, "(?i)indices|index|indptr|corrupted", solver=solver)


@pytest.mark.parametrize(("data", "_"), CORRUPTED)
def test_corrupted_codes_are_refused(data, _, fitted, unchanged, strictly):
    model = fitted(U, n_components=6, solver="topk")
    with (
        unchanged(model),
        strictly(),
        pytest.raises(ValueError, match=r"(?i)ind(ices|ex|ptr)|corrupted"),
    ):
        model.inverse_transform(data)


@pytest.mark.parametrize("name", ODD)
def test_odd_sparse_formats_are_no_codes(name, fitted):
    S = ODD[name]()
    model = fitted(np.resize(U, (30, S.shape[1])), n_components=S.shape[1], solver="topk")
    with pytest.raises(ValueError, match="the sparse matrix is corrupted"):
        model.inverse_transform(S)


def test_corrupted_indices_never_crash_the_process(tmp_path, fitted):
    """The same in another process: a crash in this one would end the tests."""
    models = [fitted(U, n_components=6, solver=solver) for solver in MODELS[1:]]
    joblib.dump((models, [param.values[0] for param in CORRUPTED]), tmp_path / "all")
    script = f"""
import itertools, joblib
models, matrices = joblib.load({str(tmp_path / "all")!r})
names = {["fit", "partial_fit", *METHODS, "inverse_transform"]}
for model, X, name in itertools.product(models, matrices, names):
    try:
        getattr(model, name)(X)
    except (ValueError, TypeError):  # the latter: most take no sparse codes
        continue
    raise SystemExit(f"{{name}} took {{X!r}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("solver", MODELS)
def test_case64_sparse_rows_are_made_dense_a_block_at_a_time(
    solver, peak_memory, fitted, block_bytes
):
    """Measured: four arrays of a block's size, eight with SciPy 1.13. The rows are 62 blocks."""
    rng = np.random.default_rng(0)
    n, d = 80_000, 200
    S = sp.csr_array(
        (np.ones(2 * n), rng.integers(d, size=2 * n), np.arange(0, 2 * n + 1, 2)), shape=(n, d)
    )
    stored, code = S.data.nbytes + S.indices.nbytes + S.indptr.nbytes, n * 3 * 8
    with threadpool_limits(1):  # so that there is one block in work, whatever the machine
        peak = peak_memory(lambda: fitted(S, solver=solver, max_iter=1, batch_size=1000))
    assert peak < 10 * block_bytes + stored + code < n * d * 8 / 4
