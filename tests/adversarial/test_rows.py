"""Expected results of bad, odd or merely unusual rows.

Every row of a table, and every test with a number in its name, is one numbered case: what is
given, and what is expected. All calls are made `strictly`: NumPy raises at anything that happens in
floating point, and the only warnings are the estimator's own. After an error, the estimator is what
it was before, to the bit.
"""

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import GridSearchCV

NAME = "(Sparse|Variational|TopK)AutoencoderTransformer"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6))
U = RNG.uniform(size=(30, 6))
HOLES = np.where(np.abs(X) > 0.8, X, 0)  # two of five elements stored
SOLVERS = ["lbfgs", "adam"]
MODELS = [*SOLVERS, "variational", "topk"]  # the last two are classes with Adam only
LOSSES = [("squared_error", None), ("squared_error", "logistic"), ("cross_entropy", None)]
METHODS = ["transform", "reconstruct", "score", "score_samples"]
TOO_LARGE = "The input data may contain large values and need to be preprocessed"
NOT_FINITE = r"Input X contains infinity or a value too large for dtype\('float64'\)"


class Raises(NamedTuple):
    """An error in every method that takes X; ``by="fit"``: in `fit` and `partial_fit` only."""

    kind: type
    match: str
    by: str = "all"


class Fits(NamedTuple):
    """All results are finite, with this warning. ``quiet=True``: `fit` gives no warning."""

    warning: str = ""
    quiet: bool = False


class Same(NamedTuple):
    """The results of `reference`, an ordinary array, to the bit or to a relative tolerance."""

    reference: np.ndarray
    rtol: float = 0


def case(number, what, *given, **options):
    return pytest.param(*given, options, id=f"case{number}-{what}")


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
CROSS_ENTROPY = {"loss": "cross_entropy"}


def out_of_range(found):
    message = (
        rf"X must be in \[0, 1\] when loss='cross_entropy', got values in \[{found}\]. "
        "Scale X, e.g. with MinMaxScaler"
    )
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
        Fits("The fitted model reconstructs X no .* Multiply X"),
    ),
    case(34, "1e-160", 1e-160 * X, Fits("The fitted model reconstructs X no .* Multiply X")),
    case(34, "5e-324", 5e-324 * (X > 0), Fits()),  # the variance is 0: as good as constant
    case(
        34,
        "1e-45-float32",
        single(1.5e-45 * (X > 0)),
        Fits("The fitted model reconstructs X no .* Multiply X"),
    ),
    case(34, "-0.0", np.full((30, 6), -0.0), Fits()),
    # The scale of all columns together is named: penalties are compared to it.
    case(
        35,
        "1e30-and-1e-30",
        X * [1e30, 1e-30, 1e-30, 1e30, 1, 1],
        Fits(
            "Only 2 of 6 columns are reconstructed.* range from .* StandardScaler|those of 4 of 6"
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


@pytest.mark.parametrize("solver", MODELS)
@pytest.mark.parametrize(("data", "expected", "parameters"), CONTAINERS + DTYPES + VALUES + LAYOUT)
def test_what_becomes_of_these_rows(data, expected, parameters, solver, refuses, fits, agrees):
    # else the next row of the table is about this solver, or about the loss of other models
    is_of_others = solver == "topk" and "loss" in parameters
    if parameters.get("solver", solver) == solver and not is_of_others:
        check = {Raises: refuses, Fits: fits, Same: agrees}[type(expected)]
        check(data, *expected, **{"solver": solver} | parameters)


@pytest.mark.parametrize("solver", MODELS[1:])
def test_case13_other_column_names_are_refused(solver, fitted, unchanged, strictly):
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
def test_case14_data_frames_in_and_out(library, kind, solver, fitted, strictly):
    frame = kind(X, list("abcdef")) if library == "polars" else kind(X, columns=list("abcdef"))
    model = fitted(frame, solver=solver)
    with strictly():
        code = model.set_output(transform=library).transform(frame)
    assert isinstance(code, kind)
    assert list(code.columns) == [f"{type(model).__name__.lower()}{i}" for i in range(3)]
    np.testing.assert_allclose(code.to_numpy(), fitted(solver=solver).transform(X), rtol=1e-12)


@pytest.mark.parametrize("name", ["fit", "partial_fit"])
def test_case32_adam_squares_a_gradient_that_float32_cannot_hold(name, strictly, make):
    """It grows with the square of X, to 1e40: an error instead of the warning, but no silence."""
    with strictly(), pytest.raises(ValueError, match=TOO_LARGE):
        getattr(make(solver="adam"), name)(single(1e10 * X))


@pytest.mark.parametrize("solver", [*SOLVERS, "topk"])
def test_case38_the_rounding_error_of_a_mean_is_no_variance_to_explain(solver, strictly, make):
    with strictly() as messages:
        model = make(solver=solver).fit(
            np.full((1000, 6), 0.1)
        )  # 0.1 summed 1000 times and divided is not 0.1
    assert not messages
    assert model.loss_ < 1


def test_case43_the_encoder_of_cross_entropy_takes_any_numbers(fitted, strictly):
    model = fitted(U, loss="cross_entropy")
    with strictly():
        assert np.isfinite(model.transform(300 * X)).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("factor", [1e18, 1e38, 1e300, 1e307])
@pytest.mark.parametrize(
    "parameters",
    [
        *({"loss": loss, "decoder_activation": decoder} for loss, decoder in LOSSES),
        {"solver": "topk"},
    ],
    ids=lambda parameters: "-".join(map(str, parameters.values())),
)
def test_case44_huge_rows_give_numbers_or_an_explanation(
    factor, dtype, parameters, fitted, strictly
):
    huge = np.clip(factor * X, -np.finfo(dtype).max, np.finfo(dtype).max).astype(dtype)
    model = fitted(U, **parameters)
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
            what = "pre-activations|code|squared errors|losses|reconstruction"
            assert re.match(f"The ({what}) overflow|X must be in", str(error))  # noqa: PT017  raised or not


@pytest.mark.parametrize("solver", MODELS)
def test_case51_a_read_only_memory_map(tmp_path, solver, agrees):
    np.save(tmp_path / "X.npy", X)
    agrees(np.load(tmp_path / "X.npy", mmap_mode="r"), X, 1e-12, solver=solver)


def test_case52_rows_that_joblib_maps_into_its_workers(make, strictly, fitted):
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


# ------------------------------------------------------------------------------------- the count


def test_all_110_cases_are_there():
    """Here and in the other files of this folder."""
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    numbers = re.findall(r"\b(?:case|bad|good|refused)\(\s*(\d+)", source)
    names = "".join(re.findall(r"def (test_case\w+)", source))
    numbers += re.findall(r"case(\d+)", names)
    assert {int(number) for number in numbers} == set(range(1, 111))
