"""What holds for any rows, weights, penalty, decays and blocks. Rows and weights are random numbers from a drawn seed."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, logsumexp

from skl_sparse_ae import SparseAutoencoderTransformer, _sparse
from skl_sparse_ae._estimator.transaction import ignore_fp_warnings
from skl_sparse_ae._nn.losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._nn.saturation import is_saturated
from skl_sparse_ae._rows.blocks import MOST_ROWS, row_blocks
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective
from skl_sparse_ae._sparse.problems import JointProblem
from skl_sparse_ae._sparse.weights import Weights, flatten, n_weights, unflatten

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
evaluate, value_and_gradient = (
    ignore_fp_warnings(_sparse.objective.evaluate),
    ignore_fp_warnings(_sparse.objective.value_and_gradient),
)  # as a fit calls them
DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LOSSES = [SquaredError, LogisticSquaredError, CrossEntropy]
LEVELS = st.sampled_from(
    [0, 0, 0, -3, 3, -20, 20, -100, 100, -800, 800]
)  # what a unit's bias is around
SPREADS = st.sampled_from([0.1, 1, 3])  # standard deviation of weights
SHARES = st.just(0.0) | st.floats(1e-3, 10)  # weights of the penalty and decays
TARGETS = st.floats(1e-3, 1 - 1e-3)
RNGS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def examples(number):
    """So many in the profile "normal", in "nightly" 20 times as many."""
    return settings(
        max_examples=number * settings().max_examples // settings.get_profile("normal").max_examples
    )


class Case(NamedTuple):
    """What `value_and_gradient` is called with."""

    objective: Objective
    w: Weights
    X: np.ndarray
    size: int  # rows in a block

    def __call__(self):
        return value_and_gradient(self.objective, self.w, self.blocks)

    @property
    def blocks(self):
        return [self.X[start : start + self.size] for start in range(0, len(self.X), self.size)]

    def astype(self, dtype):
        return self._replace(
            w=Weights(*(part.astype(dtype) for part in self.w)), X=self.X.astype(dtype)
        )

    def weighing(self, penalty=None, encoder_alpha=0.0, decoder_alpha=0.0):
        """The same with another weight of the penalty, and other decays."""
        penalty = (
            self.objective.penalty
            if penalty is None
            else self.objective.penalty._replace(weight=penalty)
        )
        return self._replace(
            objective=Objective(self.objective.loss, penalty, encoder_alpha, decoder_alpha)
        )


@st.composite
def shapes(draw):
    """Numbers of rows, features and units."""
    return draw(st.integers(1, 12)), draw(st.integers(1, 5)), draw(st.integers(1, 4))


@st.composite
def objectives(draw):
    return Objective(
        draw(st.sampled_from(LOSSES)),
        KullbackLeibler(draw(TARGETS), draw(SHARES)),
        draw(SHARES),
        draw(SHARES),
    )


@st.composite
def cases(draw, levels=LEVELS):
    """Rows in [0, 1] and normal weights of moderate size, and any number of units that are saturated."""
    (n, d, k), rng = draw(shapes()), draw(RNGS)
    centres = draw(st.lists(levels, min_size=k, max_size=k))
    We, Wd = (draw(SPREADS) * rng.normal(size=(k, d)) for _ in range(2))
    w = Weights(We, centres + rng.normal(size=k), Wd, rng.normal(size=d))
    return Case(draw(objectives()), w, rng.uniform(size=(n, d)), draw(st.integers(1, n)))


@st.composite
def extreme_cases(draw, dtype):
    """Biases up to 1e4 and weights up to 100, zeros and the smallest numbers included; rows in [0, 1]."""
    n, d, k = draw(shapes())
    numbers = draw(hnp.arrays(dtype, n_weights(k, d) + n * d, elements=st.floats(-1, 1, width=32)))
    We, be, Wd, bd = unflatten(numbers[n * d :], k, d)
    w = Weights(100 * We, 10_000 * be, 100 * Wd, 10_000 * bd)
    return Case(draw(objectives()), w, abs(numbers[: n * d].reshape(n, d)), draw(st.integers(1, n)))


def assert_close(actual, expected, tolerance=1e-12):
    """Values, terms and gradients, the latter on the scale of their largest element."""
    (J, gradient, terms), (expected_J, expected_gradient, expected_terms) = actual, expected
    np.testing.assert_allclose(
        [J, *terms], [expected_J, *expected_terms], rtol=tolerance, atol=tolerance * expected_J
    )
    np.testing.assert_allclose(
        gradient, expected_gradient, rtol=0, atol=tolerance * abs(expected_gradient).max()
    )


# --------------------------------------------------------------------------------------------------- the gradient


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
def test_gradient_is_that_of_the_value(case):
    """Relative to the norm of the gradient. The value is of all rows at once, the gradient of blocks."""
    k, d = case.w.We.shape
    _, gradient, _ = case()
    expected = five_point_differences(
        lambda theta: value_and_gradient(case.objective, unflatten(theta, k, d), [case.X])[0],
        flatten(case.w),
    )
    assert np.linalg.norm(gradient - expected) < 1e-6 * np.linalg.norm(gradient)


@pytest.mark.parametrize("wanted", [set(), {True}, {False}, {True, False}])
@DTYPE
def test_cases_have_saturated_units_and_others(dtype, wanted):
    def is_wanted(case):
        _, mean, _ = evaluate(case.objective, case.w, case.blocks)
        return set(is_saturated(mean, dtype)) >= wanted

    find(cases(), is_wanted, settings=settings(phases=[Phase.generate]))


@DTYPE
@examples(500)
@given(data=st.data())
def test_everything_is_finite(dtype, data):
    case = data.draw(extreme_cases(dtype))
    J, gradient, terms = case()
    other_terms, mean, variance = evaluate(case.objective, case.w, case.blocks)
    for numbers in (J, gradient, terms, other_terms, mean, variance):
        assert np.isfinite(numbers).all()
    assert min(terms) >= 0


@DTYPE
@examples(100)
@given(data=st.data())
def test_penalty_pulls_at_each_unit_within_its_bounds(dtype, data):
    """Without decoder weights and decays, only the penalty has a gradient to the encoder's biases."""
    case = data.draw(extreme_cases(dtype)).weighing()
    case = case._replace(w=case.w._replace(Wd=np.zeros_like(case.w.Wd)))
    _, gradient, terms = case()
    pull, (target, weight) = unflatten(gradient, *case.w.We.shape).be, case.objective.penalty
    slack = 1 + 100 * np.finfo(dtype).eps
    assert (pull >= -target * weight * slack).all()
    assert (pull <= (1 - target) * weight * slack).all()
    assert terms.sparsity >= 0


@examples(200)
@given(case=cases(), weight=st.floats(1e-3, 10))
def test_penalty_is_zero_and_flat_where_the_mean_is_the_target(case, weight):
    """Of one unit, whose mean its own target is made."""
    w = case.w._replace(We=case.w.We[:1], be=case.w.be[:1] % 8, Wd=np.zeros_like(case.w.Wd[:1]))
    _, mean, _ = evaluate(case.objective, w, case.blocks)
    penalty = KullbackLeibler(float(mean[0]), weight)
    case = case._replace(w=w, objective=case.objective._replace(penalty=penalty)).weighing()
    _, gradient, terms = case()
    assert terms.sparsity == pytest.approx(0, abs=1e-14 * weight)
    np.testing.assert_allclose(unflatten(gradient, *w.We.shape).be, 0, atol=1e-12 * weight)


# ----------------------------------------------------------------------------------- what the result may depend on


@examples(100)
@given(case=cases(), rng=RNGS)
def test_order_of_rows_changes_nothing(case, rng):
    assert_close(case._replace(X=rng.permutation(case.X))(), case())


@examples(100)
@given(case=cases(), times=st.integers(2, 4))
def test_repetition_of_rows_changes_nothing(case, times):
    assert_close(case._replace(X=np.repeat(case.X, times, axis=0))(), case())


@examples(100)
@given(case=cases(), size=st.integers(1, 12))
def test_size_of_blocks_changes_nothing(case, size):
    assert_close(case._replace(size=size)(), case())


@examples(100)
@given(case=cases(), rng=RNGS)
def test_order_of_units_permutes_the_gradient(case, rng):
    order = rng.permutation(len(case.w.be))

    def permuted(w):
        return Weights(w.We[order], w.be[order], w.Wd[order], w.bd)

    J, gradient, terms = case()
    expected = flatten(permuted(unflatten(gradient, *case.w.We.shape)))
    assert_close(case._replace(w=permuted(case.w))(), (J, expected, terms))


@examples(100)
@given(case=cases(), rng=RNGS)
def test_order_of_features_permutes_the_gradient(case, rng):
    order = rng.permutation(len(case.w.bd))

    def permuted(w):
        return Weights(w.We[:, order], w.be, w.Wd[:, order], w.bd[order])

    J, gradient, terms = case()
    expected = flatten(permuted(unflatten(gradient, *case.w.We.shape)))
    assert_close(case._replace(w=permuted(case.w), X=case.X[:, order])(), (J, expected, terms))


@examples(100)
@given(case=cases())
def test_a_feature_of_zeros_changes_only_the_number_of_features(case):
    """The product d J, the penalty's weight being shared among d, grows by the loss of raw output 0 for target 0: a number."""
    k, d = case.w.We.shape
    weight, alphas = case.objective.penalty.weight, case.objective[2:]
    loss, slope = {
        SquaredError: (0, 0),
        LogisticSquaredError: (0.25, 0.25),
        CrossEntropy: (np.log(2), 0.5),
    }[case.objective.loss]

    def widened(w):
        return Weights(
            np.pad(w.We, ((0, 0), (0, 1))),
            w.be,
            np.pad(w.Wd, ((0, 0), (0, 1))),
            np.pad(w.bd, (0, 1)),
        )

    J, gradient, terms = case.weighing(weight / d, *alphas)()
    wide = case._replace(w=widened(case.w), X=np.pad(case.X, ((0, 0), (0, 1)))).weighing(
        weight / (d + 1), *alphas
    )
    _, mean, _ = evaluate(wide.objective, wide.w, wide.blocks)
    expected = widened(unflatten(d * gradient, k, d))
    expected.Wd[:, -1], expected.bd[-1] = slope * mean, slope
    J_wide, gradient_wide, terms_wide = wide()
    actual = (d + 1) * J_wide, (d + 1) * gradient_wide, (d + 1) * np.array(terms_wide)
    assert_close(actual, (d * J + loss, flatten(expected), d * np.array(terms) + [loss, 0, 0]))


# ---------------------------------------------------------------------------------------------------- the precision


def relative_errors(case):
    """Of value and gradient in float32, against float64 with the same rows and weights.

    A thousandth is added to what they are relative to: a reconstruction may be right by accident to three digits or more.
    """
    single = case.astype(np.float32)
    (J, gradient, _), (exact_J, exact_gradient, _) = single(), single.astype(np.float64)()
    error, size = np.linalg.norm(gradient - exact_gradient), np.linalg.norm(exact_gradient)
    return abs(J - exact_J) / (exact_J + 1e-3), error / (size + 1e-3)


@examples(200)
@given(case=cases())
def test_float32_is_near_float64(case):
    assert max(relative_errors(case)) < 1e-4


def test_float32_is_as_near_as_its_digits():
    """The median over 300 fixed cases; a sum over thousands of rows is nearer still, see below."""
    rng = np.random.default_rng(0)
    errors = [
        relative_errors(ordinary_case(loss, rng, 30, 8, 5)) for loss in LOSSES for _ in range(100)
    ]
    assert (np.median(errors, axis=0) < 1e-6).all()


def ordinary_case(loss, rng, n, d, k):
    w = unflatten(rng.normal(size=n_weights(k, d)), k, d)
    return Case(
        Objective(loss, KullbackLeibler(0.1, 0.2), 1e-4, 1e-2), w, rng.uniform(size=(n, d)), n
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_loses_nothing_over_many_rows(loss):
    """No more than over the rows of a block, m of them.

    Sums of so many are off by sqrt(m) eps, however BLAS adds them. Over all rows it would be seven times that.
    Source: N. J. Higham & T. Mary, A New Approach to Probabilistic Rounding Error Analysis (2019).
    """
    tolerance = float(np.sqrt(MOST_ROWS) * np.finfo(np.float32).eps)
    case = ordinary_case(loss, np.random.default_rng(0), 200_000, 8, 5).astype(np.float32)
    exact = case.astype(np.float64)
    results = [value_and_gradient(c.objective, c.w, row_blocks(c.X, 5)) for c in (case, exact)]
    (J, gradient, _), (exact_J, exact_gradient, _) = results
    assert pytest.approx(exact_J, rel=tolerance) == J
    assert np.linalg.norm(gradient - exact_gradient) < tolerance * np.linalg.norm(exact_gradient)


# -------------------------------------------------------------------------------------------------------- the frame


@st.composite
def framed(draw):
    """A case with rows of any offset and unit, the frame of their moments, and weights in it."""
    case, rng = draw(cases()), draw(RNGS)
    offset, unit = draw(st.floats(-10, 10)), 10.0 ** draw(st.integers(-6, 6))
    if case.objective.loss is SquaredError:
        case = case._replace(X=unit * (case.X + offset))
    moments = column_moments(case.blocks)
    frame = Frame.of(*moments, draw(TARGETS), case.objective.loss.raw_scale(moments[1]))
    return case, frame, rng.normal(size=n_weights(*case.w.We.shape))


@examples(100)
@given(framed=framed())
def test_frame_there_and_back_changes_nothing(framed):
    """Up to the rounding of the offsets, which may be many deviations."""
    case, frame, primed = framed
    size = np.ones(len(primed))
    unflatten(size, *case.w.We.shape).be[...] += abs(frame.input_mean).sum() / frame.input_scale
    there_and_back = frame.from_user(frame.to_user(primed, np.float64), np.float64)
    np.testing.assert_array_less(abs(there_and_back - primed), 1e-13 * size)
    k, d = case.w.We.shape
    user = frame.to_user(primed, np.float64)
    size = unflatten(abs(user), k, d)
    size.be[...] += size.We @ abs(frame.input_mean)
    size.bd[...] += frame.code_mean * size.Wd.sum(axis=0)
    back_and_there = frame.to_user(frame.from_user(user, np.float64), np.float64)
    assert (abs(back_and_there - user) <= 1e-13 * flatten(size)).all()


def divergence(log_on, log_off, target):
    return (target * (np.log(target) - log_on) + (1 - target) * (np.log1p(-target) - log_off)).sum()


def value_of(Z, raw, X, We, Wd, objective):
    """J from the pre-activations, the decoder's output and the weights in the user's frame."""
    n_rows, n_features = X.shape
    if objective.loss is CrossEntropy:
        errors = X * np.logaddexp(0, -raw) + (1 - X) * np.logaddexp(0, raw)
    else:
        errors = ((raw if objective.loss is SquaredError else expit(raw)) - X) ** 2
    log_on, log_off = (
        logsumexp(-np.logaddexp(0, side), axis=0) - np.log(n_rows) for side in (-Z, Z)
    )
    target, weight = objective.penalty
    decay = objective.encoder_alpha * (We**2).sum() + objective.decoder_alpha * (Wd**2).sum()
    return errors.mean() + weight * divergence(log_on, log_off, target) + decay / (2 * n_features)


@examples(100)
@given(framed=framed())
def test_objective_in_the_frame_is_that_of_the_network_it_stands_for(framed):
    """Which reads centred and scaled rows, sees its code minus the target, and writes in the frame's unit."""
    case, frame, primed = framed
    k, d = case.w.We.shape
    w = unflatten(primed, k, d)
    Z = (case.X - frame.input_mean) / frame.input_scale @ w.We.T + w.be
    raw = frame.output_scale * ((expit(Z) - frame.code_mean) @ w.Wd + w.bd)
    expected = value_of(
        Z, raw, case.X, w.We / frame.input_scale, w.Wd * frame.output_scale, case.objective
    )
    J, _, _ = JointProblem(case.objective, frame, k, np.float64)(primed, case.blocks)
    assert pytest.approx(expected, rel=1e-9) == J


@examples(100)
@given(framed=framed(), rng=RNGS)
def test_gradient_in_the_frame_is_that_of_the_value(framed, rng):
    """Along one direction, relative to the norm of the gradient."""
    case, frame, primed = framed
    problem = JointProblem(case.objective, frame, len(case.w.be), np.float64)
    direction = rng.normal(size=len(primed))
    direction /= np.linalg.norm(direction)
    _, gradient, _ = problem(primed, case.blocks)
    slope = five_point_differences(
        lambda t: problem(primed + t[0] * direction, case.blocks)[0], np.zeros(1)
    )[0]
    assert abs(gradient @ direction - slope) < 1e-6 * np.linalg.norm(gradient)


# ---------------------------------------------------------------------------------------------------- the estimator


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
    penalty = KullbackLeibler(model.sparsity_target, model.sparsity_weight_)
    objective = Objective(model._loss(), penalty, model.encoder_alpha_, model.decoder_alpha_)
    expected = value_of(Z, raw, X, model.components_, model.decoder_components_, objective)
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
