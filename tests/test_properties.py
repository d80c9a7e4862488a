"""Properties that hold for any rows, weights, penalty, decays and blocks.

Rows and weights are random numbers from a drawn seed.
"""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array
from scipy.special import expit, logsumexp

from skl_sparse_ae import SparseAutoencoderTransformer, TopKAutoencoderTransformer

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*units are dead:UserWarning"),
]
DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LOSSES = ["SquaredError", "LogisticSquaredError", "CrossEntropy"]
LEVELS = st.sampled_from([0, 0, 0, -3, 3, -20, 20, -100, 100, -800, 800])  # of a unit's bias
SPREADS = st.sampled_from([0.1, 1, 3])  # standard deviation of weights
SHARES = st.just(0.0) | st.floats(1e-3, 10)  # weights of the penalty and decays
TARGETS = st.floats(1e-3, 1 - 1e-3)
RNGS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def examples(number):
    """Settings for `number` examples in the profile "normal" and 20 times as many in "nightly"."""
    normal = settings.get_profile("normal").max_examples
    return settings(max_examples=number * settings().max_examples // normal)


class Weights(NamedTuple):
    """The encoder and the decoder of a network."""

    We: np.ndarray
    be: np.ndarray
    Wd: np.ndarray
    bd: np.ndarray

    @property
    def shape(self):
        return self.We.shape

    def flat(self):
        return np.concatenate([part.ravel() for part in self])

    @classmethod
    def of(cls, flat, k, d):
        We, be, Wd, bd = np.split(flat, np.cumsum([k * d, k, k * d]))
        return cls(We.reshape(k, d), be, Wd.reshape(k, d), bd)


def count_weights(k, d):
    return 2 * k * d + k + d


class Terms(NamedTuple):
    """What is minimised: the name of a loss, the KL penalty and the decays."""

    loss: str
    target: float
    weight: float
    encoder_alpha: float = 0.0
    decoder_alpha: float = 0.0


class Case(NamedTuple):
    """A network, its rows and its objective."""

    terms: Terms
    w: Weights
    X: np.ndarray
    size: int  # rows in a block

    def astype(self, dtype):
        w = Weights(*(part.astype(dtype) for part in self.w))
        return self._replace(w=w, X=self.X.astype(dtype))

    def weighing(self, weight=None, encoder_alpha=0.0, decoder_alpha=0.0):
        """The same with another weight of the penalty, if one is given, and other decays."""
        weight = self.terms.weight if weight is None else weight
        return self._replace(terms=Terms(*self.terms[:2], weight, encoder_alpha, decoder_alpha))


@pytest.fixture(scope="module")
def objective(objective_of):
    """A function that makes the `Objective` of these terms."""

    def make(terms):
        loss, target, weight, *decays = terms
        return objective_of(loss, target=target, weight=weight, decays=decays)

    return make


@pytest.fixture(scope="module")
def evaluate(core, objective, in_blocks):
    """A function that returns value, gradient and terms of a case; warnings are off as in a fit."""

    def at(case, blocks=None):
        blocks = in_blocks(case.X, case.size) if blocks is None else blocks
        with np.errstate(all="ignore"):
            return core.objective.value_and_gradient(
                objective(case.terms), core.weights.Weights(*case.w), blocks
            )

    return at


@pytest.fixture(scope="module")
def summarize(core, objective, in_blocks):
    """A function that returns terms, and mean and variance of the code, of a case."""

    def at(case):
        blocks, w = in_blocks(case.X, case.size), core.weights.Weights(*case.w)
        with np.errstate(all="ignore"):
            return core.objective.summarize(objective(case.terms), w, blocks)

    return at


@st.composite
def shapes(draw):
    """Numbers of rows, features and units."""
    return draw(st.integers(1, 12)), draw(st.integers(1, 5)), draw(st.integers(1, 4))


@st.composite
def objectives(draw):
    return Terms(
        draw(st.sampled_from(LOSSES)), draw(TARGETS), draw(SHARES), draw(SHARES), draw(SHARES)
    )


@st.composite
def cases(draw, levels=LEVELS):
    """Rows in [0, 1] and normal weights of moderate size; any number of units is saturated."""
    (n, d, k), rng = draw(shapes()), draw(RNGS)
    centres = draw(st.lists(levels, min_size=k, max_size=k))
    We, Wd = (draw(SPREADS) * rng.normal(size=(k, d)) for _ in range(2))
    w = Weights(We, centres + rng.normal(size=k), Wd, rng.normal(size=d))
    return Case(draw(objectives()), w, rng.uniform(size=(n, d)), draw(st.integers(1, n)))


@st.composite
def extreme_cases(draw, dtype):
    """Rows in [0, 1], biases up to 1e4 and weights up to 100: zeros and subnormals, too."""
    n, d, k = draw(shapes())
    elements = st.floats(-1, 1, width=32)
    numbers = draw(hnp.arrays(dtype, count_weights(k, d) + n * d, elements=elements))
    We, be, Wd, bd = Weights.of(numbers[n * d :], k, d)
    w = Weights(100 * We, 10_000 * be, 100 * Wd, 10_000 * bd)
    return Case(draw(objectives()), w, abs(numbers[: n * d].reshape(n, d)), draw(st.integers(1, n)))


def assert_close(actual, expected, tolerance=1e-12):
    """Compare values, terms and gradients, gradients relative to their largest element."""
    (J, gradient, terms), (expected_J, expected_gradient, expected_terms) = actual, expected
    np.testing.assert_allclose(
        [J, *terms], [expected_J, *expected_terms], rtol=tolerance, atol=tolerance * expected_J
    )
    atol = tolerance * abs(expected_gradient).max()
    np.testing.assert_allclose(gradient, expected_gradient, rtol=0, atol=atol)


# ------------------------------------------------------------------------------------- the gradient


def five_point_differences(function, x, h=2e-3):
    """The gradient from the function alone, to the fourth order of h."""

    def slope(step):
        return (
            8 * (function(x + step) - function(x - step))
            - function(x + 2 * step)
            + function(x - 2 * step)
        ) / (12 * h)

    return np.array([slope(step) for step in h * np.eye(len(x))])


@examples(500)
@given(case=cases())
def test_gradient_is_that_of_the_value(evaluate, case):
    """Relative to the norm of the gradient. The value is of all rows, the gradient of blocks."""
    _, gradient, _ = evaluate(case)
    whole = case._replace(size=len(case.X))
    expected = five_point_differences(
        lambda theta: evaluate(whole._replace(w=Weights.of(theta, *case.w.shape)))[0],
        case.w.flat(),
    )
    assert np.linalg.norm(gradient - expected) < 1e-6 * np.linalg.norm(gradient)


@pytest.mark.parametrize("wanted", [set(), {True}, {False}, {True, False}])
@DTYPE
def test_cases_have_saturated_units_and_others(core, summarize, dtype, wanted):
    def is_wanted(case):
        return set(core.saturation.is_saturated(summarize(case).code_mean, dtype)) >= wanted

    find(cases(), is_wanted, settings=settings(phases=[Phase.generate]))


@DTYPE
@examples(500)
@given(data=st.data())
def test_everything_is_finite(evaluate, summarize, dtype, data):
    case = data.draw(extreme_cases(dtype))
    J, gradient, terms = evaluate(case)
    for numbers in (J, gradient, terms, *summarize(case)):
        assert np.isfinite(numbers).all()
    assert min(terms) >= 0


@DTYPE
@examples(100)
@given(data=st.data())
def test_penalty_pulls_at_each_unit_within_its_bounds(evaluate, dtype, data):
    """Without decoder weights and decays, only the penalty has a gradient to encoder biases."""
    case = data.draw(extreme_cases(dtype)).weighing()
    case = case._replace(w=case.w._replace(Wd=np.zeros_like(case.w.Wd)))
    _, gradient, terms = evaluate(case)
    pull, (_, target, weight, *_) = Weights.of(gradient, *case.w.shape).be, case.terms
    slack = 1 + 100 * np.finfo(dtype).eps
    assert (pull >= -target * weight * slack).all()
    assert (pull <= (1 - target) * weight * slack).all()
    assert terms.sparsity >= 0


@examples(200)
@given(case=cases(), weight=st.floats(1e-3, 10))
def test_penalty_is_zero_and_flat_where_the_mean_is_the_target(evaluate, summarize, case, weight):
    """For one unit, whose target is made its mean."""
    w = case.w._replace(We=case.w.We[:1], be=case.w.be[:1] % 8, Wd=np.zeros_like(case.w.Wd[:1]))
    case = case._replace(w=w)
    (mean,) = summarize(case).code_mean
    case = case._replace(terms=Terms(case.terms.loss, float(mean), weight))
    _, gradient, terms = evaluate(case)
    assert terms.sparsity == pytest.approx(0, abs=1e-14 * weight)
    np.testing.assert_allclose(Weights.of(gradient, *w.shape).be, 0, atol=1e-12 * weight)


# -------------------------------------------------------------------- what the result may depend on


@examples(100)
@given(case=cases(), rng=RNGS)
def test_order_of_rows_changes_nothing(evaluate, case, rng):
    assert_close(evaluate(case._replace(X=rng.permutation(case.X))), evaluate(case))


@examples(100)
@given(case=cases(), times=st.integers(2, 4))
def test_repetition_of_rows_changes_nothing(evaluate, case, times):
    assert_close(evaluate(case._replace(X=np.repeat(case.X, times, axis=0))), evaluate(case))


@examples(100)
@given(case=cases(), size=st.integers(1, 12))
def test_size_of_blocks_changes_nothing(evaluate, case, size):
    assert_close(evaluate(case._replace(size=size)), evaluate(case))


@examples(100)
@given(case=cases(), rng=RNGS)
def test_order_of_units_permutes_the_gradient(evaluate, case, rng):
    order = rng.permutation(len(case.w.be))

    def permuted(w):
        return Weights(w.We[order], w.be[order], w.Wd[order], w.bd)

    J, gradient, terms = evaluate(case)
    expected = permuted(Weights.of(gradient, *case.w.shape)).flat()
    assert_close(evaluate(case._replace(w=permuted(case.w))), (J, expected, terms))


@examples(100)
@given(case=cases(), rng=RNGS)
def test_order_of_features_permutes_the_gradient(evaluate, case, rng):
    order = rng.permutation(len(case.w.bd))

    def permuted(w):
        return Weights(w.We[:, order], w.be, w.Wd[:, order], w.bd[order])

    J, gradient, terms = evaluate(case)
    expected = permuted(Weights.of(gradient, *case.w.shape)).flat()
    case = case._replace(w=permuted(case.w), X=case.X[:, order])
    assert_close(evaluate(case), (J, expected, terms))


# The loss of raw output 0 for target 0, and its derivative.
AT_ZERO = {
    "SquaredError": (0, 0),
    "LogisticSquaredError": (0.25, 0.25),
    "CrossEntropy": (np.log(2), 0.5),
}


@examples(100)
@given(case=cases())
def test_a_feature_of_zeros_changes_only_the_number_of_features(evaluate, summarize, case):
    """J times d grows by a number, the loss at zero, if the penalty is divided by d."""
    (k, d), (_, _, weight, *alphas) = case.w.shape, case.terms
    loss, slope = AT_ZERO[case.terms.loss]

    def widened(w):
        one_more = (0, 0), (0, 1)
        return Weights(np.pad(w.We, one_more), w.be, np.pad(w.Wd, one_more), np.pad(w.bd, (0, 1)))

    J, gradient, terms = evaluate(case.weighing(weight / d, *alphas))
    wide = case._replace(w=widened(case.w), X=np.pad(case.X, ((0, 0), (0, 1))))
    wide = wide.weighing(weight / (d + 1), *alphas)
    expected = widened(Weights.of(d * gradient, k, d))
    expected.Wd[:, -1], expected.bd[-1] = slope * summarize(wide).code_mean, slope
    J_wide, gradient_wide, terms_wide = evaluate(wide)
    actual = (d + 1) * J_wide, (d + 1) * gradient_wide, (d + 1) * np.array(terms_wide)
    assert_close(actual, (d * J + loss, expected.flat(), d * np.array(terms) + [loss, 0, 0]))


# ------------------------------------------------------------------------------------ the precision


@pytest.fixture(scope="module")
def relative_errors(evaluate):
    """A function that returns the errors of value and gradient in float32.

    They are relative to value and gradient in float64, of the same rows and weights, plus a
    thousandth: a reconstruction may be right by accident to three digits or more.
    """

    def errors(case):
        single = case.astype(np.float32)
        J, gradient, _ = evaluate(single)
        exact_J, exact_gradient, _ = evaluate(single.astype(np.float64))
        error, size = np.linalg.norm(gradient - exact_gradient), np.linalg.norm(exact_gradient)
        return abs(J - exact_J) / (exact_J + 1e-3), error / (size + 1e-3)

    return errors


@examples(200)
@given(case=cases())
def test_float32_is_near_float64(relative_errors, case):
    assert max(relative_errors(case)) < 1e-4


def test_float32_is_as_near_as_its_digits(relative_errors):
    """The median over 300 fixed cases; sums over thousands of rows are nearer still, see below."""
    rng = np.random.default_rng(0)
    errors = [
        relative_errors(ordinary_case(loss, rng, 30, 8, 5)) for loss in LOSSES for _ in range(100)
    ]
    assert (np.median(errors, axis=0) < 1e-6).all()


def ordinary_case(loss, rng, n, d, k):
    w = Weights.of(rng.normal(size=count_weights(k, d)), k, d)
    return Case(Terms(loss, 0.1, 0.2, 1e-4, 1e-2), w, rng.uniform(size=(n, d)), n)


@pytest.mark.parametrize("name", LOSSES)
def test_float32_loses_nothing_over_many_rows(core, evaluate, name):
    """No more than over the m rows of a block.

    Sums over them are off by sqrt(m) eps, in whatever order BLAS adds them. Over all rows it would
    be seven times that. Source: N. J. Higham & T. Mary, A New Approach to Probabilistic Rounding
    Error Analysis (2019).
    """
    tolerance = float(np.sqrt(core.MAX_ROWS) * np.finfo(np.float32).eps)
    case = ordinary_case(name, np.random.default_rng(0), 200_000, 8, 5).astype(np.float32)
    exact = case.astype(np.float64)
    results = [evaluate(c, core.row_blocks(c.X, 5)) for c in (case, exact)]
    (J, gradient, _), (exact_J, exact_gradient, _) = results
    assert pytest.approx(exact_J, rel=tolerance) == J
    assert np.linalg.norm(gradient - exact_gradient) < tolerance * np.linalg.norm(exact_gradient)


# ---------------------------------------------------------------------------------------- the frame


@st.composite
def framed(draw):
    """A case with rows of any offset and unit, a mean of the code, and params in a frame."""
    case, rng = draw(cases()), draw(RNGS)
    offset, unit = draw(st.floats(-10, 10)), 10.0 ** draw(st.integers(-6, 6))
    if case.terms.loss == "SquaredError":
        case = case._replace(X=unit * (case.X + offset))
    return case, draw(TARGETS), rng.normal(size=count_weights(*case.w.shape))


@pytest.fixture(scope="module")
def frame_of(core, in_blocks):
    """A function that returns the frame of a case's moments."""

    def make(case, code_mean):
        loss = getattr(core.losses, case.terms.loss)
        mean, variance = core.moments.column_moments(in_blocks(case.X, case.size))
        return core.frame.Frame.of(mean, variance, code_mean, loss.raw_scale(variance))

    return make


@pytest.fixture(scope="module")
def problem_of(core, objective, in_blocks):
    """A function that makes the problem of a case in a frame, all weights free."""

    def make(case, frame):
        of_case, k = objective(case.terms), len(case.w.be)
        spec = core.problems.Spec(of_case, frame, k, np.dtype(np.float64))
        return core.problems.JointProblem(spec, in_blocks(case.X, case.size))

    return make


@examples(100)
@given(framed=framed())
def test_frame_there_and_back_changes_nothing(frame_of, framed):
    """Up to the rounding of the offsets, which may be many deviations."""
    case, code_mean, params = framed
    frame, shape = frame_of(case, code_mean), case.w.shape
    size = Weights.of(np.ones(len(params)), *shape)
    size.be[...] += abs(frame.input_mean).sum() / frame.input_scale
    user = frame.to_user(params, shape)
    there_and_back = frame.from_user(user, shape)
    np.testing.assert_array_less(abs(there_and_back - params), 1e-13 * size.flat())
    size = Weights.of(abs(user), *shape)
    size.be[...] += size.We @ abs(frame.input_mean)
    size.bd[...] += frame.code_mean * size.Wd.sum(axis=0)
    back_and_there = frame.to_user(frame.from_user(user, shape), shape)
    assert (abs(back_and_there - user) <= 1e-13 * size.flat()).all()


def divergence(log_on, log_off, target):
    return (target * (np.log(target) - log_on) + (1 - target) * (np.log1p(-target) - log_off)).sum()


def value_of(Z, raw, X, We, Wd, terms):
    """J from the pre-activations, the decoder's output and the weights in the user's frame."""
    n_rows, n_features = X.shape
    if terms.loss == "CrossEntropy":
        errors = X * np.logaddexp(0, -raw) + (1 - X) * np.logaddexp(0, raw)
    else:
        errors = ((raw if terms.loss == "SquaredError" else expit(raw)) - X) ** 2
    log_on, log_off = (
        logsumexp(-np.logaddexp(0, side), axis=0) - np.log(n_rows) for side in (-Z, Z)
    )
    penalty = terms.weight * divergence(log_on, log_off, terms.target)
    decay = terms.encoder_alpha * (We**2).sum() + terms.decoder_alpha * (Wd**2).sum()
    return errors.mean() + penalty + decay / (2 * n_features)


@examples(100)
@given(framed=framed())
def test_objective_in_the_frame_is_that_of_the_network_it_stands_for(frame_of, problem_of, framed):
    """It reads centred and scaled rows, sees its code minus a mean, and writes in another unit."""
    case, code_mean, params = framed
    frame, w = frame_of(case, code_mean), Weights.of(params, *case.w.shape)
    Z = (case.X - frame.input_mean) / frame.input_scale @ w.We.T + w.be
    raw = frame.output_scale * ((expit(Z) - frame.code_mean) @ w.Wd + w.bd)
    We, Wd = w.We / frame.input_scale, w.Wd * frame.output_scale
    expected = value_of(Z, raw, case.X, We, Wd, case.terms)
    J, _, _ = problem_of(case, frame).value_and_gradient(params)
    assert pytest.approx(expected, rel=1e-9) == J


@examples(100)
@given(framed=framed(), rng=RNGS)
def test_gradient_in_the_frame_is_that_of_the_value(frame_of, problem_of, framed, rng):
    """Along one direction, relative to the norm of the gradient."""
    case, code_mean, params = framed
    problem = problem_of(case, frame_of(case, code_mean))
    direction = rng.normal(size=len(params))
    direction /= np.linalg.norm(direction)
    _, gradient, _ = problem.value_and_gradient(params)
    (slope,) = five_point_differences(
        lambda t: problem.value_and_gradient(params + t[0] * direction)[0], np.zeros(1)
    )
    assert abs(gradient @ direction - slope) < 1e-6 * np.linalg.norm(gradient)


# ------------------------------------------------------------------------------------ the estimator


@st.composite
def fits(draw, **parameters):
    """A model that is not fitted, and rows of any offset and unit that it may be fitted to."""
    (n, d, k), rng, dtype = (
        draw(shapes()),
        draw(RNGS),
        draw(st.sampled_from([np.float32, np.float64])),
    )
    loss = draw(st.sampled_from(["squared_error", "cross_entropy"]))
    drawn = {
        "loss": loss,
        "decoder_activation": draw(st.sampled_from([None, "logistic"])),
        "solver": draw(st.sampled_from(["lbfgs", "adam"])),
        "sparsity_target": draw(TARGETS),
        "sparsity_weight": draw(SHARES),
        "encoder_alpha": draw(SHARES),
        "decoder_alpha": draw(SHARES),
        "batch_size": draw(st.integers(1, n)),
        "max_iter": draw(st.integers(1, 5)),
        "random_state": draw(st.integers(0, 1000)),
    }
    model = SparseAutoencoderTransformer(k, tol=0, **drawn | parameters)
    X = rng.uniform(size=(n, d))
    if (model.loss, model.decoder_activation) == ("squared_error", None):
        X = 10.0 ** draw(st.integers(-2, 2)) * (X + draw(st.floats(-10, 10)))
    return model, X.astype(dtype)


@examples(15)
@given(fit=fits())
def test_loss_is_the_formula_of_the_fitted_attributes(fit):
    model, X = fit[0], fit[1].astype(np.float64)
    model.fit(X)
    Z = X @ model.components_.T + model.intercept_
    raw = expit(Z) @ model.decoder_components_ + model.decoder_intercept_
    squared = "LogisticSquaredError" if model.decoder_activation == "logistic" else "SquaredError"
    loss = "CrossEntropy" if model.loss == "cross_entropy" else squared
    weights = model.sparsity_weight_, model.encoder_alpha_, model.decoder_alpha_
    terms = Terms(loss, model.sparsity_target, *weights)
    expected = value_of(Z, raw, X, model.components_, model.decoder_components_, terms)
    assert model.loss_ == pytest.approx(expected, rel=1e-9, abs=1e-13)


@examples(15)
@given(fit=fits(), rng=RNGS, size=st.floats(0, 1e6))
def test_code_is_between_0_and_1_for_any_rows(fit, rng, size):
    model, X = fit
    code = model.fit(X).transform((size * rng.uniform(-1, 1, size=X.shape)).astype(X.dtype))
    assert (code >= 0).all()
    assert (code <= 1).all()


@examples(15)
@given(fit=fits(loss="cross_entropy"), rng=RNGS, size=st.floats(0, 1e6))
def test_cross_entropy_reconstructs_between_0_and_1_from_any_code(fit, rng, size):
    model, X = fit
    code = (size * rng.uniform(-1, 1, size=(7, model.n_components))).astype(X.dtype)
    reconstruction = model.fit(X).inverse_transform(code)
    assert (reconstruction >= 0).all()
    assert (reconstruction <= 1).all()


@examples(15)
@given(fit=fits(), order=st.sampled_from("CF"))
def test_fit_leaves_its_rows_alone(fit, order):
    model, X = fit[0], np.asarray(fit[1], order=order)
    before = X.copy()
    model.fit(X)
    np.testing.assert_array_equal(X, before)
    X.flags.writeable = False
    model.fit(X)


@examples(15)
@given(fit=fits(solver="lbfgs", warm_start=True))
def test_a_warm_start_is_never_worse(fit):
    model, X = fit[0], fit[1].astype(np.float64)
    first = model.fit(X).loss_
    assert model.fit(X).loss_ <= first * (1 + 1e-12) + 1e-13


# ----------------------------------------------------------------------------------- sparse codes


@st.composite
def topk_fits(draw, **parameters):
    """A TopK model that is not fitted, and rows of any offset and unit for it."""
    (n, d, k), rng, dtype = (
        draw(shapes()),
        draw(RNGS),
        draw(st.sampled_from([np.float32, np.float64])),
    )
    drawn = {
        "n_nonzero_coefs": draw(st.integers(1, k)),
        "selection": draw(st.sampled_from(["batch", "row"])),
        "transform_algorithm": draw(st.sampled_from(["threshold", "top_k", "least_squares"])),
        "batch_size": draw(st.integers(1, n)),
        "max_iter": draw(st.integers(1, 5)),
        "random_state": draw(st.integers(0, 1000)),
    }
    X = 10.0 ** draw(st.integers(-2, 2)) * (rng.uniform(size=(n, d)) + draw(st.floats(-10, 10)))
    return TopKAutoencoderTransformer(k, tol=0, **drawn | parameters), X.astype(dtype)


@examples(15)
@given(fit=topk_fits(), rng=RNGS, size=st.floats(0, 1e6))
def test_sparse_codes_are_positive_canonical_and_of_the_dtype_of_their_rows(fit, rng, size):
    model, X = fit
    code = model.fit(X).transform((size * rng.uniform(-1, 1, size=X.shape)).astype(X.dtype))
    assert code.format == "csr"
    assert code.dtype == X.dtype
    assert code.shape == (len(X), model.n_components)
    assert (code.data > 0).all()
    unchecked = csr_array((code.data, code.indices, code.indptr), code.shape)
    assert unchecked.has_canonical_format
    if model.transform_algorithm == "top_k":
        assert code.getnnz(axis=1).max() <= model.n_nonzero_coefs


@examples(15)
@given(fit=topk_fits())
def test_a_topk_fit_keeps_its_promises(fit):
    model, X = fit[0], fit[1].astype(np.float64)
    code = model.fit(X).transform(X)
    error = code @ model.decoder_components_ + model.decoder_intercept_ - X
    assert model.loss_ == pytest.approx(np.square(error).mean(), rel=1e-9, abs=1e-13)
    np.testing.assert_allclose(model.density_, code.getnnz(axis=0) / len(X), rtol=1e-12)
    assert model.n_dead_ == (model.density_ == 0).sum()
    np.testing.assert_allclose(np.linalg.norm(model.decoder_components_, axis=1), 1, rtol=1e-12)


@examples(15)
@given(fit=topk_fits(transform_algorithm="threshold"))
def test_as_many_units_are_active_as_were_asked_for(fit):
    model, X = fit
    n_active, n_wanted = model.fit(X).transform(X).nnz, len(X) * model.n_nonzero_coefs
    model.threshold_ = 0.0
    values = np.sort(model.transform(X).data)[::-1]
    if len(values) <= n_wanted:
        assert n_active == len(values)
    elif values[n_wanted - 1] > values[n_wanted]:
        assert n_active == n_wanted
    else:  # no threshold can tell them apart
        assert n_active < n_wanted


@examples(15)
@given(
    fit=topk_fits(transform_algorithm="threshold"), start=st.integers(0, 11), step=st.integers(1, 3)
)
def test_a_sparse_code_does_not_depend_on_the_rows_beside_it(fit, start, step):
    """Beyond rounding, which decides about units within rounding of the threshold."""
    model, X = fit[0], fit[1].astype(np.float64)
    code, some = model.fit(X).transform(X).toarray(), slice(start % len(X), None, step)
    alone = model.transform(X[some]).toarray()
    rounding = 1e-9 * max(alone.max(), code.max(), model.threshold_)
    is_clear = np.abs(np.maximum(code[some], alone) - model.threshold_) > rounding
    assert (np.abs(code[some] - alone)[is_clear] <= rounding).all()


@examples(15)
@given(fit=topk_fits(), exponent=st.integers(-30, 0))
def test_the_unit_of_the_rows_changes_nothing(fit, exponent):
    """To the bit for powers of two, if squares do not underflow."""
    model, X = fit[0], fit[1].astype(np.float64)
    code = model.fit(X).transform(X)
    scaled = model.fit(2.0**exponent * X).transform(2.0**exponent * X)
    np.testing.assert_array_equal(scaled.indices, code.indices)
    np.testing.assert_array_equal(scaled.indptr, code.indptr)
    np.testing.assert_allclose(scaled.data, 2.0**exponent * code.data, rtol=1e-9)


@examples(15)
@given(fit=topk_fits(), order=st.sampled_from("CF"))
def test_a_topk_fit_leaves_its_rows_alone(fit, order):
    model, X = fit[0], np.asarray(fit[1], order=order)
    before = X.copy()
    model.fit(X)
    np.testing.assert_array_equal(X, before)
    X.flags.writeable = False
    model.fit(X).partial_fit(X).score(X)
