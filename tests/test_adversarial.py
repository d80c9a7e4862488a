"""110 bad, odd or merely unusual inputs, and what must come of each.

Every row of the tables below, and every test with a number in its name, is one numbered case: what is given, and what is
expected. Whatever is called, is called `strictly`: NumPy raises at anything that happens in floating point, and the only
warnings are the estimator's own. After an error, the estimator is what it was before, to the bit. The last test counts
the cases.
"""

import copy
import pickle
import re
import subprocess
import sys
import tracemalloc
import warnings
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    VariationalAutoencoderTransformer,
    _estimator,
)
from skl_sparse_ae._rows.blocks import BLOCK_BYTES
from skl_sparse_ae._solvers.lbfgs import LBFGS_MOST_PARAMETERS

NAME = "(Sparse|Variational)AutoencoderTransformer"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6))
U = RNG.uniform(size=(30, 6))
HOLES = np.where(np.abs(X) > 0.8, X, 0)  # two of five elements stored
SOLVERS = ["lbfgs", "adam"]
MODELS = [*SOLVERS, "variational"]  # the last is the other autoencoder, which has Adam alone
LOSSES = [("squared_error", None), ("squared_error", "logistic"), ("cross_entropy", None)]
METHODS = ["transform", "reconstruct", "score", "score_samples"]
ARRAYS = [
    "components_",
    "intercept_",
    "decoder_components_",
    "decoder_intercept_",
    "mean_activations_",
]
LISTS = [
    "encoder_coefs_",
    "encoder_intercepts_",
    "decoder_coefs_",
    "decoder_intercepts_",
]  # of arrays
OURS = re.compile(
    "(lbfgs|adam) diverged|The fitted model reconstructs X no|The mean activations are|The codes have collapsed|"
    "Only . of . columns are reconstructed|"
    "The posterior has collapsed|The columns are of unlike scale"
)
UNLIKE = "Only 2 of 6 columns are reconstructed.* span .* StandardScaler|of unlike scale: 4 of 6"
TOO_LARGE = "The input data may contain large values and need to be preprocessed"
NOT_FINITE = r"Input X contains infinity or a value too large for dtype\('float64'\)"


class Raises(NamedTuple):
    """By every method that is given X; `by="fit"`: by `fit` and `partial_fit` alone."""

    kind: type
    match: str
    by: str = "all"


class Fits(NamedTuple):
    """Everything that comes out is finite; with a warning, if any is named, or without any of `fit` in any unit."""

    warning: str = ""
    quiet: bool = False


class Same(NamedTuple):
    """As `reference`, an ordinary array, to the bit or to a relative tolerance; X is not written to."""

    reference: np.ndarray
    rtol: float = 0


def make(**parameters):
    """A small model that stops after 6 iterations or epochs."""
    defaults = {"n_components": 3, "max_iter": 6, "tol": 0, "batch_size": 16, "random_state": 0}
    if parameters.get("solver") != "variational":
        return SparseAutoencoderTransformer(**defaults | parameters)
    del parameters["solver"]
    return VariationalAutoencoderTransformer(**defaults | {"hidden_layer_sizes": 5} | parameters)


def arrays(model):
    """All that a fit has stored in arrays."""
    if isinstance(model, SparseAutoencoderTransformer):
        return [getattr(model, name) for name in ARRAYS]
    return [array for name in LISTS for array in getattr(model, name)]


@contextmanager
def strictly():
    """NumPy raises whatever happens in floating point, and all warnings are ours; they are yielded as strings."""
    messages = []
    with np.errstate(all="raise"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield messages
    messages += [str(warning.message) for warning in caught]
    assert all(OURS.match(message) for message in messages), messages


def fitted(X=X, **parameters):
    with strictly():
        return make(**parameters).fit(X)


@contextmanager
def unchanged(model):
    before = pickle.dumps(vars(model))
    yield
    assert pickle.dumps(vars(model)) == before


def fits_of(solver):
    return ["fit", "partial_fit"] if solver in MODELS[1:] else ["fit"]


def refuses(data, expected, **parameters):
    """Fresh or fitted, whatever is asked of it."""
    used = fitted(single(U) if getattr(data, "dtype", None) == np.float32 else U, **parameters)
    training = fits_of(parameters["solver"])
    calls = [(make(**parameters), name) for name in training]
    calls += [(used, name) for name in training + METHODS * (expected.by == "all")]
    for model, name in calls:
        with unchanged(model), strictly(), pytest.raises(expected.kind, match=expected.match):
            getattr(model, name)(data)


def is_finite(model, data):
    """Whether the attributes are, and what every method makes of the data."""
    values = [*arrays(model), model.loss_, model.loss_curve_]
    with strictly():
        code = model.transform(data)
        values += [code, model.inverse_transform(code)] + [
            getattr(model, name)(data) for name in METHODS
        ]
    if isinstance(model, SparseAutoencoderTransformer):
        assert code.min() >= 0
        assert code.max() <= 1
    return all(np.isfinite(value).all() for value in values)


def fits(data, expected, **parameters):
    parameters = {"max_iter": 40} | parameters  # before Adam has moved, no weights are useless
    for name in fits_of(parameters["solver"]):
        with strictly() as messages:
            model = getattr(make(**parameters), name)(data)
        assert is_finite(model, data)
        if (
            expected.warning and name == "fit" and parameters["solver"] != "variational"
        ):  # which learns in any unit
            assert any(re.search(expected.warning, message) for message in messages), messages
        assert not (expected.quiet and name == "fit" and messages), messages


def bits(data):
    return data.tobytes() if isinstance(data, memoryview) else pickle.dumps(data)


def agrees(data, expected, **parameters):
    before, reference = bits(data), expected.reference
    # The noise of a variational score is that of the row's bits: what `fit` clips is another row, however close.
    methods = (
        METHODS[:2] if parameters["solver"] == "variational" and "loss" in parameters else METHODS
    )
    for name in fits_of(parameters["solver"]):
        with strictly():
            model, other = (getattr(make(**parameters), name)(rows) for rows in (data, reference))
            pairs = [
                (getattr(model, method)(data), getattr(other, method)(reference))
                for method in methods
            ]
        pairs += zip(arrays(model), arrays(other), strict=True)
        for got, wanted in pairs:
            np.testing.assert_allclose(got, wanted, rtol=expected.rtol, atol=expected.rtol)
            assert np.asarray(got).dtype == np.asarray(wanted).dtype
    assert bits(data) == before


def case(number, what, *given, **options):
    return pytest.param(*given, options, id=f"case{number}-{what}")


# -------------------------------------------------------------------------------------------- container, shape, dtype

NOT_A_NUMBER = Raises(TypeError, r"float\(\) argument must be a string or a real number, not '")
SCALAR = Raises(ValueError, "Expected 2D array, got scalar array instead")
TIME = rf"{NAME} does not support dtype .*Convert the columns to numbers first"
DAYS = np.arange(180).reshape(30, 6).astype("datetime64[D]")


def changed(value, dtype=np.float64, rows=X):
    """The rows with another element in one place."""
    rows = rows.astype(dtype)
    rows[3, 2] = value
    return rows


def single(rows):
    with np.errstate(over="ignore", under="ignore"):
        return rows.astype(np.float32)


def as_objects(kind, rows=X):
    return np.array([[kind(float(x)) for x in row] for row in rows], dtype=object)


CONTAINERS = [
    case(1, "list-of-lists", X.tolist(), Same(X)),
    case(1, "tuple-of-tuples", tuple(map(tuple, X.tolist())), Same(X)),
    case(1, "memoryview", memoryview(X), Same(X)),
    case(
        2,
        "1-D",
        X[0],
        Raises(ValueError, r"Expected 2D array, got 1D array instead:[\s\S]*Reshape your data"),
    ),
    case(3, "0-D", np.array(1.0), SCALAR),
    case(3, "int", 1, SCALAR),
    case(3, "None", None, SCALAR),
    case(4, "3-D", X[None], Raises(ValueError, "Found array with dim 3")),
    case(
        5,
        "no-rows",
        X[:0],
        Raises(ValueError, r"Found array with 0 sample\(s\) \(shape=\(0, 6\)\)"),
    ),
    case(
        6,
        "no-features",
        X[:, :0],
        Raises(ValueError, r"Found array with 0 feature\(s\) \(shape=\(30, 0\)\)"),
    ),
    case(7, "one-row", X[:1], Fits()),
    case(8, "one-feature", X[:, :1], Fits()),
    case(9, "one-by-one", X[:1, :1], Fits()),
    case(10, "ragged", [[1.0, 2.0], [3.0]], Raises(ValueError, "inhomogeneous shape")),
    case(11, "dict", {"a": 1}, NOT_A_NUMBER),
    case(11, "set", {1.0, 2.0}, NOT_A_NUMBER),
    case(11, "generator", (row for row in X), NOT_A_NUMBER),
    case(12, "matrix", X.view(np.matrix), Raises(TypeError, "np.matrix is not supported")),
]
DTYPES = [
    case(
        15,
        "strings",
        changed("abc", "U32"),
        Raises(ValueError, "could not convert string to float: .*'abc'"),
    ),
    case(16, "numeric-strings", X.astype("U32"), Same(X)),
    case(16, "numeric-bytes", X.astype("S32"), Same(X)),
    case(17, "objects-float", X.astype(object), Same(X)),
    case(17, "objects-decimal", as_objects(Decimal), Same(X)),
    case(17, "objects-fraction", as_objects(Fraction), Same(X)),
    case(
        18, "objects-with-None", changed(None, object), Raises(ValueError, "Input X contains NaN")
    ),
    case(19, "objects-with-dict", changed({}, object), NOT_A_NUMBER),
    case(20, "complex", X + 1j, Raises(ValueError, "Complex data not supported")),
    case(21, "bool", X > 0, Same((X > 0).astype(float))),
    case(21, "int8", (99 * U).astype("i1"), Same((99 * U).astype("i1").astype(float))),
    case(21, "uint8", (255 * U).astype("u1"), Same((255 * U).astype("u1").astype(float))),
    case(21, "int64-2**60", np.where(X > 0, 2**60, -(2**60)), Fits(quiet=True)),
    case(21, "uint64-max", np.where(X > 0, np.uint64(2**64 - 1), np.uint64(0)), Fits(quiet=True)),
    case(22, "float16", X.astype("f2"), Same(X.astype("f2").astype(float))),
    case(
        23,
        "longdouble-1e400",
        changed(np.longdouble("1e400"), np.longdouble),
        Raises(ValueError, NOT_FINITE),
    ),
    case(24, "datetime64", DAYS, Raises(TypeError, TIME)),
    case(24, "timedelta64", DAYS - DAYS[0, 0], Raises(TypeError, TIME)),
    case(24, "datetime64-in-a-list", list(DAYS), Raises(TypeError, TIME)),
    case(
        24, "datetime64-in-pandas", pd.DataFrame(X).assign(day=DAYS[:, 0]), Raises(TypeError, TIME)
    ),
    case(
        24,
        "date-in-polars",
        pl.DataFrame({"a": X[:, 0], "day": DAYS[:, 0]}),
        Raises(TypeError, TIME),
    ),
    case(
        25,
        "structured",
        X.view([("a", "f8"), ("b", "f8")]),
        Raises(TypeError, "Cannot cast array data from dtype"),
    ),
    case(26, "big-endian-f8", X.astype(">f8"), Same(X)),
    case(26, "big-endian-f4", X.astype(">f4"), Same(X.astype("f4"))),
    case(27, "masked-nowhere", np.ma.masked_array(X), Same(X)),
    case(
        28,
        "masked-somewhere",
        np.ma.masked_greater(X, 1),
        Raises(ValueError, r"masked array with masked values.*filled"),
    ),
]

# --------------------------------------------------------------------------------------------------------------- values

CROSS_ENTROPY = {"loss": "cross_entropy"}


def out_of_range(found):
    message = rf"X must be in \[0, 1\] when loss='cross_entropy', got values in \[{found}\]. Scale X, e.g. with MinMaxScaler"
    return Raises(ValueError, message, by="fit")


VALUES = [
    case(
        29,
        "nan",
        changed(np.nan),
        Raises(ValueError, rf"Input X contains NaN.\n{NAME} does not accept missing values"),
    ),
    case(30, "inf", changed(np.inf), Raises(ValueError, NOT_FINITE)),
    case(30, "-inf", changed(-np.inf), Raises(ValueError, NOT_FINITE)),
    case(
        31,
        "float32-of-1e300",
        single(1e300 * X),
        Raises(ValueError, NOT_FINITE.replace("64", "32")),
    ),
    case(32, "1e6", 1e6 * X, Fits(quiet=True)),
    case(32, "1e10", 1e10 * X, Fits(quiet=True)),
    case(32, "1e10-float32", single(1e10 * X), Fits(quiet=True), solver="lbfgs"),
    case(33, "1e200", 1e200 * X, Raises(ValueError, TOO_LARGE, by="fit")),
    case(33, "1.7e308", 1.7e308 * np.sign(X), Raises(ValueError, TOO_LARGE, by="fit")),
    case(33, "3e38-float32", single(3e38 * np.sign(X)), Raises(ValueError, TOO_LARGE, by="fit")),
    case(34, "1e-30", 1e-30 * X, Fits(quiet=True)),
    case(
        34,
        "1e-30-float32",
        single(1e-30 * X),
        Fits("The fitted model reconstructs X no .* multiply X"),
    ),
    case(34, "1e-160", 1e-160 * X, Fits("The fitted model reconstructs X no .* multiply X")),
    case(34, "5e-324", 5e-324 * (X > 0), Fits()),  # the variance is 0: as good as constant
    case(
        34,
        "1e-45-float32",
        single(1.5e-45 * (X > 0)),
        Fits("The fitted model reconstructs X no .* multiply X"),
    ),
    case(34, "-0.0", np.full((30, 6), -0.0), Fits()),
    # It is the scale of all columns together that is named: it is the one that the penalties are compared to.
    case(
        35,
        "1e30-and-1e-30",
        X * [1e30, 1e-30, 1e-30, 1e30, 1, 1],
        Fits(
            "Only 2 of 6 columns are reconstructed.* span .* StandardScaler|of unlike scale: 4 of 6"
        ),
    ),
    case(36, "offset-1e8-float32", single(1e8 + 1000 * X), Fits(quiet=True)),
    case(37, "constant-feature", np.where(np.arange(6) == 2, 0.1, X), Fits()),
    case(38, "all-rows-equal", np.tile(X[0], (30, 1)), Fits()),
    case(39, "all-zeros", np.zeros((30, 6)), Fits()),
    *(
        case(40, f"cross-entropy-all-{x}", np.full((30, 6), float(x)), Fits(), **CROSS_ENTROPY)
        for x in (0, 1)
    ),
    case(
        41,
        "cross-entropy-1+1e-9",
        changed(1 + 1e-9, rows=U),
        Same(changed(1, rows=U), 1e-8),
        **CROSS_ENTROPY,
    ),
    case(
        41,
        "cross-entropy-minus-1e-17",
        changed(-1e-17, rows=U),
        Same(changed(0, rows=U)),
        **CROSS_ENTROPY,
    ),
    case(
        41,
        "cross-entropy-1.000015",
        changed(1.000015, "f4", U),
        Same(changed(1, "f4", U), 1e-4),
        **CROSS_ENTROPY,
    ),
    case(
        42,
        "cross-entropy-0..255",
        changed(255.0, rows=np.floor(U)),
        out_of_range("0.0, 255.0"),
        **CROSS_ENTROPY,
    ),
    case(
        42, "cross-entropy--0.1", changed(-0.1, rows=U), out_of_range("-0.1, 0.*"), **CROSS_ENTROPY
    ),
]

# --------------------------------------------------------------------------------------------------------------- layout

READ_ONLY = X.copy()
READ_ONLY.flags.writeable = False
LAYOUT = [
    case(45, "Fortran", np.asfortranarray(X), Same(X, 1e-12)),
    case(46, "negative-strides", X[::-1, ::-1].copy()[::-1, ::-1], Same(X, 1e-12)),
    case(47, "strided", np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3], Same(X, 1e-12)),
    case(
        48,
        "stride-0",
        np.broadcast_to(X[:, :1], (30, 6)),
        Same(np.repeat(X[:, :1], 6, axis=1), 1e-12),
    ),
    case(
        49, "unaligned", np.frombuffer(b"-" + X.tobytes(), offset=1).reshape(30, 6), Same(X, 1e-12)
    ),
    case(50, "read-only", READ_ONLY, Same(X, 1e-12)),
]

# --------------------------------------------------------------------------------------------------------------- sparse


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
        case(53, f"{format}_{kind}", getattr(sp, f"{format}_{kind}")(HOLES), Same(HOLES, 1e-10))
        for format in FORMATS
        for kind in ("matrix", "array")
    ),
    case(53, "csr-float32", csr(single(HOLES)), Same(single(HOLES), 1e-4)),
    case(54, "int64-indices", with_int64_indices(), Same(HOLES, 1e-10)),
    case(
        55, "nothing-stored", sp.csr_array((30, 6)), Same(np.zeros((30, 6)), 1e-2)
    ),  # any code will do: Adam follows rounding
    case(56, "explicit-zeros", with_explicit_zeros(), Same(HOLES, 1e-10)),
    case(57, "unsorted-duplicates", unsorted_and_duplicated(), Same(HOLES, 1e-10)),
    case(58, "nan", csr(changed(np.nan)), Raises(ValueError, "Input X contains NaN")),
    case(59, "bool", csr(HOLES != 0), Same((HOLES != 0).astype(float), 1e-10)),
    case(
        60,
        "1-D",
        sp.coo_array(X[0]),
        Raises(ValueError, "(?i)Expected 2D input|Cannot convert a 1d sparse array"),
    ),
]


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize(
    ("data", "expected", "parameters"), CONTAINERS + DTYPES + VALUES + LAYOUT + SPARSE
)
def test_what_becomes_of_these_rows(data, expected, parameters, solver):
    if (
        parameters.get("solver", solver) == solver
    ):  # else the next row of the table is about this solver
        check = {Raises: refuses, Fits: fits, Same: agrees}[type(expected)]
        check(data, expected, **{"solver": solver} | parameters)


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case13_other_column_names_are_refused(solver):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = fitted(frame, solver=solver)
    for wrong in (frame[list("fedcba")], frame.rename(columns={"a": "z"})):
        for name in ("partial_fit", *METHODS):
            with (
                unchanged(model),
                strictly(),
                pytest.raises(ValueError, match="The feature names should match those"),
            ):
                getattr(model, name)(wrong)


@pytest.mark.parametrize(("library", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
@pytest.mark.parametrize("solver", MODELS)
def test_case14_data_frames_in_and_out(library, kind, solver):
    frame = kind(X, list("abcdef")) if library == "polars" else kind(X, columns=list("abcdef"))
    model = fitted(frame, solver=solver)
    with strictly():
        code = model.set_output(transform=library).transform(frame)
    assert isinstance(code, kind)
    assert list(code.columns) == [f"{type(model).__name__.lower()}{i}" for i in range(3)]
    np.testing.assert_allclose(code.to_numpy(), fitted(solver=solver).transform(X), rtol=1e-12)


@pytest.mark.parametrize("name", ["fit", "partial_fit"])
def test_case32_adam_squares_a_gradient_that_float32_cannot_hold(name):
    """It grows with the square of X, to 1e40 here: an error instead of the warning, but no silence."""
    with strictly(), pytest.raises(ValueError, match=TOO_LARGE):
        getattr(make(solver="adam"), name)(single(1e10 * X))


@pytest.mark.parametrize("solver", SOLVERS)
def test_case38_the_rounding_error_of_a_mean_is_no_variance_to_explain(solver):
    with strictly() as messages:
        model = make(solver=solver).fit(
            np.full((1000, 6), 0.1)
        )  # 0.1 summed 1000 times and divided is not 0.1
    assert not messages
    assert model.loss_ < 1


def test_case43_the_encoder_of_cross_entropy_takes_any_numbers():
    model = fitted(U, loss="cross_entropy")
    with strictly():
        assert np.isfinite(model.transform(300 * X)).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("factor", [1e18, 1e38, 1e300, 1e307])
@pytest.mark.parametrize(("loss", "decoder"), LOSSES)
def test_case44_huge_rows_give_numbers_or_an_explanation(factor, dtype, loss, decoder):
    huge = np.clip(factor * X, -np.finfo(dtype).max, np.finfo(dtype).max).astype(dtype)
    model = fitted(U, loss=loss, decoder_activation=decoder)
    for name in [*METHODS, "inverse_transform"]:
        try:
            with strictly():
                result = getattr(model, name)(
                    np.abs(huge[:, :3]) if name == "inverse_transform" else huge
                )
            assert np.isfinite(result).all()
        except (
            ValueError
        ) as error:  # which of them overflow depends on the order in which BLAS adds
            message = (
                "The (pre-activations|squared errors|losses|reconstruction) overflow|X must be in"
            )
            assert re.match(message, str(error))  # noqa: PT017  raised or not


@pytest.mark.parametrize("solver", MODELS)
def test_case51_a_read_only_memory_map(tmp_path, solver):
    np.save(tmp_path / "X.npy", X)
    agrees(np.load(tmp_path / "X.npy", mmap_mode="r"), Same(X, 1e-12), solver=solver)


def test_case52_rows_that_joblib_maps_into_its_workers():
    rows = np.random.default_rng(0).normal(size=(4000, 40))
    assert rows.nbytes > 2**20  # joblib's own threshold
    search = GridSearchCV(make(max_iter=2), {"sparsity_weight": [0.1, 0.2]}, cv=2, n_jobs=2)
    with strictly():
        search.fit(rows)
    alone = [
        fitted(rows[half], max_iter=2, sparsity_weight=0.1).score(rows[other])
        for half, other in _halves(4000)
    ]
    assert search.cv_results_["mean_test_score"][0] == pytest.approx(np.mean(alone), rel=1e-6)


def _halves(n):
    first, second = slice(0, n // 2), slice(n // 2, n)
    return [(second, first), (first, second)]


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_csr_matrix_whose_flags_lie_is_the_matrix_that_it_holds(solver):
    """SciPy remembers that the indices were sorted and each of them there once, though they have changed."""
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


# --------------------------------------------------------------------- sparse matrices that would crash the interpreter


def with_index(format, index, part="col"):
    """A sparse matrix one of whose elements is said to be where there is nothing."""
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
def test_corrupted_indices_are_refused(data, _, solver):
    refuses(data, Raises(ValueError, "(?i)indices|index|indptr|corrupted"), solver=solver)


@pytest.mark.parametrize("solver", MODELS[1:])
def test_corrupted_indices_never_crash_the_process(tmp_path, solver):
    """Once more, in a process of their own: here, a crash would end the tests and not fail one."""
    joblib.dump(
        (fitted(U, solver=solver), [param.values[0] for param in CORRUPTED]), tmp_path / "all"
    )
    script = f"""
import joblib
model, matrices = joblib.load({str(tmp_path / "all")!r})
for X in matrices:
    for name in ("fit", "partial_fit", "transform", "reconstruct", "score", "score_samples", "inverse_transform"):
        try:
            getattr(model, name)(X)
        except (ValueError, TypeError):  # the latter from inverse_transform, which wants dense codes
            continue
        raise SystemExit(f"{{name}} took {{X!r}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr


def peak_memory(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("solver", MODELS)
def test_case64_sparse_rows_are_made_dense_a_block_at_a_time(solver):
    """Measured: four arrays of a block's size, not three, eight with SciPy 1.13; the rows are 62 blocks."""
    rng = np.random.default_rng(0)
    n, d, block = 80_000, 200, BLOCK_BYTES
    S = sp.csr_array(
        (np.ones(2 * n), rng.integers(d, size=2 * n), np.arange(0, 2 * n + 1, 2)), shape=(n, d)
    )
    stored, code = S.data.nbytes + S.indices.nbytes + S.indptr.nbytes, n * 3 * 8
    with threadpool_limits(1):  # so that there is one block in work, whatever the machine
        peak = peak_memory(lambda: fitted(S, solver=solver, max_iter=1, batch_size=1000))
    assert peak < 10 * block + stored + code < n * d * 8 / 4


# ----------------------------------------------------------------------------------------------------------- parameters


def bad(number, name, *values, match="must be"):
    for value in values:
        expected = Raises(
            ValueError,
            rf"The '{name}' parameter of {NAME} {match}.*Got {re.escape(repr(value))} instead",
        )
        without_address = re.sub(
            " at 0x.*", "", repr(value)
        )  # so that every run collects the same tests
        yield case(number, f"{name}-{without_address}", {name: value}, expected)


def good(number, *settings):
    for parameters in settings:
        name, value = next(iter(parameters.items()))
        yield case(number, f"{name}-{value!r}", parameters, Fits())


nan, inf = np.nan, np.inf
PARAMETERS = [
    *bad(65, "n_components", 0, -1, 2.5, "10", None),
    *bad(66, "n_components", True, np.True_),
    *good(67, {"n_components": np.int64(3)}),
    *good(68, {"n_components": 7}, {"n_components": 31}),
    *bad(69, "sparsity_target", 0, 1, -0.1, 1.5, nan, "0.1"),
    *good(70, {"sparsity_target": 1e-12}, {"sparsity_target": 1 - 1e-12}),
    *bad(71, "sparsity_weight", -1, nan, inf),
    *good(71, {"sparsity_weight": 0}, {"sparsity_weight": 1e30}),
    *bad(72, "encoder_alpha", -1, inf, nan),
    *bad(72, "decoder_alpha", -1, inf, nan),
    *bad(73, "learning_rate_init", 0, -1, inf, nan),
    *bad(74, "batch_size", 0, -1, 1.5, "Auto", None),
    # No warning, unlike scikit-learn's networks: 256 is the default, and small data sets are common.
    *good(75, {"batch_size": 10**6}),
    *good(76, {"batch_size": 1}),
    *bad(77, "max_iter", 0, -1, 1.5, inf, None),
    *bad(78, "tol", -1, nan, inf),
    *bad(79, "loss", "mse", None),
    *bad(80, "solver", "LBFGS", "sgd"),
    *bad(81, "warm_start", "yes", 1),
    *bad(82, "verbose", -1, "x"),
    *bad(83, "random_state", "a", -1, 1.5, 2**40),
    *bad(
        83,
        "random_state",
        np.random.default_rng(0),
        match=r"must be an int in the range \[0, 4294967295\], an instance of",
    ),
]


def of_both(table):
    """A row for each model that has the parameter."""
    for param in table:
        for solver in MODELS:
            name = next(iter(param.values[0]))
            if solver != "variational" or name in make(solver=solver).get_params():
                yield pytest.param(*param.values, solver, id=f"{param.id}-{solver}")


@pytest.mark.parametrize(("parameters", "expected", "_", "solver"), of_both(PARAMETERS))
def test_what_becomes_of_these_parameters(parameters, expected, _, solver):
    """Case 84: they are refused by `fit`, and never by `__init__` or `set_params`."""
    parameters = {"solver": solver} | parameters
    if isinstance(expected, Fits):
        return fits(X, expected, **parameters)
    used = fitted(solver=solver)
    used.set_params(
        **{name: value for name, value in parameters.items() if name in used.get_params()}
    )
    for model in (make(**parameters), used):
        for name in fits_of(parameters["solver"]):
            with unchanged(model), strictly(), pytest.raises(expected.kind, match=expected.match):
                getattr(model, name)(X)


@pytest.mark.parametrize("solver", MODELS)
def test_case84_parameters_are_neither_checked_nor_changed_before_fit(solver):
    model = make(solver=solver)
    nonsense = dict.fromkeys(model.get_params(), "nonsense")
    assert (
        type(model)(**nonsense).get_params()
        == model.set_params(**nonsense).get_params()
        == nonsense
    )


@pytest.mark.parametrize(
    ("solver", "size"), [("lbfgs", 5.22e-5), ("adam", 5.22e-5), ("variational", 7.11e-5)]
)
def test_case85_a_fit_that_cannot_fit_into_memory_says_how_much_it_needs(monkeypatch, solver, size):
    model = fitted(solver=solver).set_params(n_components=10**9)
    with (
        unchanged(model),
        pytest.raises(
            MemoryError, match=r"n_components=1000000000 needs at least .* GB, this machine has"
        ),
    ):
        model.fit(X)
    monkeypatch.setattr(
        _estimator.validation.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2}.get
    )
    model.set_params(n_components=100)  # 1306 weights, or 1777 with layers of 5 and a variance
    with (
        unchanged(model),
        pytest.raises(
            MemoryError, match=rf"n_components=100 needs at least {size:.3g} GB.* 8.19e-06 GB"
        ),
    ):
        model.fit(X)


def test_case86_more_weights_than_scipy_can_index_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr(
        _estimator.validation.os, "sysconf", lambda _: 2**40
    )  # a machine that has the room
    too_many = LBFGS_MOST_PARAMETERS // 13 + 1

    def fit():
        with pytest.raises(
            ValueError, match=r"supports at most 107374182 parameters .* Use solver='adam'"
        ):
            make(n_components=too_many).fit(X)

    assert peak_memory(fit) < 50e6


# -------------------------------------------------------------------------------------------- state and order of calls


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("name", [*METHODS, "inverse_transform", "get_feature_names_out"])
def test_case87_before_fit(name, solver):
    message = rf"This {NAME} instance is not fitted yet. Call 'fit' with appropriate arguments before using this estimator"
    with pytest.raises(NotFittedError, match=message):
        getattr(make(solver=solver), name)(*[X] * (name != "get_feature_names_out"))


@pytest.mark.parametrize("solver", MODELS[1:])
@pytest.mark.parametrize("name", [*METHODS, "partial_fit"])
def test_case88_case93_another_width(name, solver):
    model = fitted(solver=solver)
    with (
        unchanged(model),
        pytest.raises(
            ValueError, match=f"X has 3 features, but {NAME} is expecting 6 features as input"
        ),
    ):
        getattr(model, name)(X[:, :3])


CODES = [
    case(
        89,
        "wrong-width",
        X,
        Raises(
            ValueError, f"X has 6 features, but {NAME}.inverse_transform is expecting 3 features"
        ),
    ),
    case(90, "nan", changed(nan)[:, :3], Raises(ValueError, "Input contains NaN")),
    case(90, "inf", changed(inf)[:, :3], Raises(ValueError, "Input contains infinity")),
    case(90, "sparse", sp.csr_array(HOLES[:, :3]), Raises(TypeError, "dense data is required")),
    case(90, "1-D", X[0, :3], Raises(ValueError, "Expected 2D array, got 1D array instead")),
    case(90, "datetime64", DAYS[:, :3], Raises(TypeError, TIME)),
    case(90, "decimals", as_objects(Decimal)[:, :3], Fits()),
    case(90, "huge", 1e300 * X[:, :3], Fits()),
]


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize(("code", "expected", "_"), CODES)
def test_what_becomes_of_these_codes(code, expected, _, solver):
    model = fitted(solver=solver)
    if isinstance(expected, Fits):
        with strictly():
            assert np.isfinite(model.inverse_transform(code)).all()
        return
    with unchanged(model), strictly(), pytest.raises(expected.kind, match=expected.match):
        model.inverse_transform(code)


@pytest.mark.parametrize("solver", MODELS)
def test_case91_float32_rows_on_a_float64_model(solver):
    with strictly():
        code = fitted(solver=solver).transform(single(X))
    assert code.dtype == np.float32
    np.testing.assert_allclose(code, fitted(solver=solver).transform(X), rtol=1e-5, atol=1e-6)


def test_case91_float32_rows_on_a_model_whose_weights_float32_cannot_hold():
    model = fitted(1e100 * X, max_iter=40)
    with strictly():
        assert np.isfinite(model.transform(single(X))).all()
        with pytest.raises(ValueError, match="The reconstruction overflows"):
            model.reconstruct(single(X))


@pytest.mark.parametrize("solver", MODELS)
def test_case92_sparse_rows_on_a_model_of_dense_ones(solver):
    model = fitted(solver=solver)
    with strictly():
        np.testing.assert_allclose(
            model.transform(csr()), model.transform(HOLES), rtol=1e-13, atol=1e-15
        )


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case93_partial_fit_of_good_and_bad_batches(solver):
    model = fitted(solver=solver)
    with strictly():
        assert is_finite(model.partial_fit(X[:1]), X)
    for wrong, message in [
        (X[:0], "Found array with 0 sample"),
        (changed(nan), "contains NaN"),
        (1e200 * X, TOO_LARGE),
    ]:
        with unchanged(model), strictly(), pytest.raises(ValueError, match=message):
            model.partial_fit(wrong)


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case94_the_first_call_fixes_the_precision(solver):
    with strictly():
        model = make(solver=solver).partial_fit(single(X)).partial_fit(X)
    assert {array.dtype for array in arrays(model)[:4]} == {np.dtype(np.float32)}


def test_case95_partial_fit_with_lbfgs():
    assert not hasattr(make(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as error:
        make(solver="lbfgs").partial_fit(X)
    # scikit-learn's own text comes with the cause, as for its networks
    assert (
        str(error.value.__cause__)
        == "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
    )


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case96_fit_begins_anew_and_partial_fit_continues(solver):
    with strictly():
        model = make(solver=solver).partial_fit(X).fit(X)
        np.testing.assert_array_equal(arrays(model)[0], arrays(fitted(solver=solver))[0])
        assert model.partial_fit(X).n_iter_ == 7


@pytest.mark.parametrize("solver", MODELS)
def test_case97_a_warm_start_with_another_shape(solver):
    model = fitted(solver=solver).set_params(warm_start=True, n_components=5)
    message = "n_components=5 differs from n_components=3 of the previous fit, which this one would continue"
    with unchanged(model), strictly(), pytest.raises(ValueError, match=message):
        model.fit(X)
    model.set_params(n_components=3)
    with unchanged(model), strictly(), pytest.raises(ValueError, match="X has 3 features"):
        model.fit(X[:, :3])


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize("i", range(4))
def test_case98_a_warm_start_from_nan(solver, i):
    model = fitted(solver=solver).set_params(warm_start=True)
    arrays(model)[i][...] = nan
    for method in fits_of(solver):
        with (
            unchanged(model),
            strictly(),
            pytest.raises(ValueError, match=r"'.*' is not a finite float array"),
        ):
            getattr(model, method)(X)


def test_case99_a_clone_is_not_fitted():
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(fitted()))


@pytest.mark.parametrize("solver", MODELS)
def test_case100_a_failed_fit_of_another_width_leaves_nothing_behind(solver):
    model = fitted(pd.DataFrame(X, columns=list("abcdef")), solver=solver)
    with unchanged(model), strictly(), pytest.raises(ValueError, match=TOO_LARGE):
        model.fit(pd.DataFrame(1e200 * X[:, :4], columns=list("wxyz")))
    assert model.n_features_in_ == len(model.feature_names_in_) == 6
    with strictly():
        assert model.fit(X[:, :4]).n_features_in_ == model.transform(X[:, :4]).shape[1] + 1 == 4


@pytest.mark.parametrize(
    "y", ["nonsense", [1, 2], np.full(30, nan), object()], ids=["text", "length", "nan", "object"]
)
@pytest.mark.parametrize("solver", MODELS)
def test_case101_y_is_ignored(solver, y):
    with strictly():
        for name in fits_of(solver):
            with_y, without = (
                getattr(make(solver=solver), name)(X, y),
                getattr(make(solver=solver), name)(X),
            )
            np.testing.assert_array_equal(arrays(with_y)[0], arrays(without)[0])
        np.testing.assert_array_equal(
            make(solver=solver).fit_transform(X, y), make(solver=solver).fit_transform(X)
        )
        assert with_y.score(X, y) == without.score(X)


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case102_sample_weight_is_not_offered(solver):
    model = fitted(solver=solver)
    for name in ("fit", "partial_fit", "fit_transform", "score"):
        with (
            unchanged(model),
            pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"),
        ):
            getattr(model, name)(X, sample_weight=np.ones(30))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("loss", "decoder", "solver"),
    [
        (*loss, solver)
        for loss in LOSSES
        for solver in MODELS
        if loss != LOSSES[1] or solver in SOLVERS
    ],
)
@pytest.mark.parametrize(
    "data",
    [U, csr(np.abs(HOLES) / 4), np.where(U > 0.5, 1.0, 0.0)],
    ids=["dense", "sparse", "binary"],
)
def test_case103_valid_rows_are_quiet(loss, decoder, solver, dtype, data):
    """Under `np.errstate(all="raise")`, with warnings as errors but for that of a useless model."""
    parameters = {"loss": loss, "solver": solver, "max_iter": 40}
    parameters |= {} if solver == "variational" else {"decoder_activation": decoder}
    for early_stopping in (False, True):
        fits(data.astype(dtype), Fits(), early_stopping=early_stopping, **parameters)


@pytest.mark.parametrize("solver", MODELS)
def test_case104_numpys_state_is_left_as_the_user_has_set_it(solver):
    with strictly():
        np.seterr(divide="print", over="raise", under="raise", invalid="ignore")
        state = np.geterr()
        for name in fits_of(solver):
            model = getattr(make(solver=solver), name)(X)
        for name in METHODS:
            getattr(model, name)(X)
        model.inverse_transform(X[:, :3])
        with pytest.raises(ValueError, match="NaN"):
            model.fit(changed(nan))
        assert np.geterr() == state


# ------------------------------------------------------------------------------------------ stress values for the penalty


def warm(solver, dtype, rows=U, **attributes):
    """A fit, and one more from there with some attributes set by hand."""
    model = fitted(rows.astype(dtype), solver=solver).set_params(warm_start=True)
    for name, value in attributes.items():
        setattr(model, name, np.broadcast_to(value, getattr(model, name).shape).astype(dtype))
    if solver == "adam":
        with strictly():
            assert is_finite(copy.deepcopy(model).partial_fit(rows.astype(dtype)), rows)
    with strictly():
        return model.fit(rows.astype(dtype))


LIVE = np.eye(6)[:1]  # the only row that is not zero
ONE_LIVE = np.vstack([LIVE, np.zeros((29, 6))])
STRESS = [
    *(
        case(105, f"bias-{b:g}", U, {"intercept_": b})
        for s in (40.0, 100.0, 1e4, 1e30)
        for b in (s, -s)
    ),
    case(106, "identical-rows", np.tile(U[:1], (30, 1)), {}),
    case(106, "identical-rows-off", np.tile(U[:1], (30, 1)), {"intercept_": -100.0}),
    case(107, "one-live-row", ONE_LIVE, {"components_": 100 * LIVE, "intercept_": -100.0}),
    case(107, "one-dead-row", ONE_LIVE, {"components_": -100 * LIVE, "intercept_": 0.0}),
    case(108, "target-met-exactly", U, {"components_": 0.0, "intercept_": logit(0.1)}),
    case(109, "batches-of-one-row", U[:1], {"intercept_": -100.0}),
    case(
        110,
        "duplicated-unit",
        U,
        {"components_": U[:1], "intercept_": 1.0, "decoder_components_": U[1:2]},
    ),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("rows", "attributes", "_"), STRESS)
def test_no_state_of_the_units_is_out_of_reach_of_the_penalty(rows, attributes, _, solver, dtype):
    assert is_finite(warm(solver, dtype, rows, **attributes), rows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("weight", "lowest"), [(0.2, 0.5 / 400), (3.0, 0.05)], ids=["default", "strong"]
)
def test_case105_dead_and_full_units_recover_within_300_iterations(dtype, weight, lowest):
    """To their target, if the penalty is strong enough to take them from local minima in which they see a single row."""
    rows = np.random.default_rng(0).normal(size=(400, 20)).astype(dtype)
    model = fitted(rows, n_components=8, max_iter=1, sparsity_weight=weight).set_params(
        warm_start=True, max_iter=300
    )
    model.intercept_ = np.array([-200, -200, -50, 50, 200, 200, 0, 0], dtype=dtype)
    before = expit(rows @ model.components_.T + model.intercept_).mean(axis=0)[:6]
    assert np.minimum(before, 1 - before).max() < 1e-6
    with strictly():
        code = model.fit(rows).transform(rows)
    assert ((code.max(axis=0) > 0.5) & (code.min(axis=0) < 0.5)).all()
    assert ((model.mean_activations_ > lowest) & (model.mean_activations_ < 1 - lowest)).all()


# ------------------------------------------------------------------------------------------------------------- the count


def test_the_table_is_complete():
    tables = [CONTAINERS, DTYPES, VALUES, LAYOUT, SPARSE, CORRUPTED, PARAMETERS, CODES, STRESS]
    names = [param.id for table in tables for param in table] + [
        name for name in globals() if name.startswith("test_case")
    ]
    assert {int(number) for name in names for number in re.findall(r"case(\d+)", name)} == set(
        range(1, 111)
    )
