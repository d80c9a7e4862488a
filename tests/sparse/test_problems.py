import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit

from skl_sparse_ae._sparse.problems import (
    WINDOW,
    CentredProblem,
    EliminatedProblem,
    JointProblem,
    MiniBatchProblem,
    Spec,
    for_all_rows,
)

MEAN = np.linspace(0.2, 0.7, 6)
FRAME = pytest.mark.parametrize("kind_of_frame", ["trivial", "ordinary"])
MEMORY = {"running_mean": np.full(5, 0.1)}


@pytest.fixture(scope="module")
def frames(core):
    Frame = core.frame.Frame
    return {
        "trivial": Frame(np.zeros(6), 1.0, 0.0, 1.0),
        "ordinary": Frame(MEAN, 0.3, 0.1, 2.5),
    }


@pytest.fixture(scope="module")
def spec_of(objective_of, frames):
    """A function that makes the `Spec` of 5 units."""

    def make(frame="trivial", loss="CrossEntropy", dtype=np.float64, **options):
        frame = frames[frame] if isinstance(frame, str) else frame
        return Spec(objective_of(loss, **options), frame, 5, np.dtype(dtype))

    return make


@pytest.fixture(scope="module")
def joint_of(spec_of, network, in_blocks):
    """A function that makes the joint problem of the network's rows, in two blocks."""

    def make(frame="trivial", loss="CrossEntropy", dtype=np.float64):
        blocks = in_blocks(network.X.astype(dtype), 9)
        return JointProblem(spec_of(frame, loss, dtype), blocks)

    return make


@pytest.fixture(scope="module")
def value_at(core, in_blocks):
    """A function that evaluates the objective of a `Spec` at flat weights and rows."""

    def evaluate(spec, weights, X):
        return core.objective.value_and_gradient(
            spec.objective, spec.weights(weights), in_blocks(X)
        )

    return evaluate


def start(problem, seed=0):
    return problem.initial_params(np.random.default_rng(seed))


# ------------------------------------------------------------------------------------ all weights


@FRAME
def test_gradient_is_that_of_the_value_in_the_frame(
    network, joint_of, central_differences, kind_of_frame, loss
):
    problem = joint_of(kind_of_frame, loss)
    _, gradient, _ = problem.value_and_gradient(network.theta)
    expected = central_differences(lambda x: problem.value_and_gradient(x)[0], network.theta)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


@FRAME
def test_the_same_network_costs_the_same_in_every_frame(network, joint_of, value_at, kind_of_frame):
    problem = joint_of(kind_of_frame)
    expected = value_at(problem.spec, network.theta, network.X)
    value, _, terms = problem.value_and_gradient(problem.params_from(network.theta))
    assert value == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(terms, expected[2], rtol=1e-12)


@FRAME
def test_value_is_that_of_the_users_weights(core, network, joint_of, kind_of_frame):
    problem = joint_of(kind_of_frame)
    w = problem.spec.weights(problem.to_weights(network.theta))
    expected, *_ = core.objective.value_and_gradient(problem.spec.objective, w, problem.blocks)
    assert problem.value_and_gradient(network.theta)[0] == expected


@FRAME
def test_params_from_the_weights_are_those_that_the_weights_came_from(
    network, joint_of, kind_of_frame
):
    problem = joint_of(kind_of_frame)
    again = problem.params_from(problem.to_weights(network.theta))
    np.testing.assert_allclose(again, network.theta, rtol=0, atol=1e-13)


def test_float32_weights_of_a_float64_search(network, joint_of):
    problem, exact = joint_of("ordinary", dtype=np.float32), joint_of("ordinary")
    weights = problem.to_weights(network.theta)
    assert weights.dtype == np.float32
    assert problem.params_from(weights).dtype == np.float64
    value, gradient, _ = problem.value_and_gradient(network.theta)
    exact_value, exact_gradient, _ = exact.value_and_gradient(network.theta)
    assert gradient.dtype == np.float32
    assert value == pytest.approx(exact_value, rel=1e-6)
    atol = 1e-5 * abs(exact_gradient).max()
    np.testing.assert_allclose(gradient, exact_gradient, rtol=0, atol=atol)


def test_first_weights_are_on_target_for_the_average_row(joint_of):
    problem = joint_of("ordinary", "SquaredError")
    params = start(problem)
    w = problem.spec.weights(problem.to_weights(params))
    code = expit(MEAN @ w.We.T + w.be)
    np.testing.assert_allclose(code, 0.1, rtol=1e-12)
    np.testing.assert_allclose(code @ w.Wd + w.bd, MEAN, rtol=1e-12)  # the mean of the rows
    np.testing.assert_array_equal(params, start(problem))


def test_another_evaluation_is_used_if_it_is_given(joint_of, network):
    problem, calls = joint_of(), []

    def evaluate(*args):
        calls.append(args)
        return problem.evaluate(*args)

    other = JointProblem(problem.spec, problem.blocks, evaluate)
    value, gradient, _ = other.value_and_gradient(network.theta)
    expected, expected_gradient, _ = problem.value_and_gradient(network.theta)
    assert value == expected
    np.testing.assert_array_equal(gradient, expected_gradient)
    assert len(calls) == 1


def test_a_summary_is_the_value_at_all_rows(core, network, spec_of, value_at):
    spec = spec_of("ordinary")
    summary = spec.summarize(network.theta, core.as_rows(network.X))
    expected = value_at(spec, network.theta, network.X)
    np.testing.assert_allclose(summary.terms, expected[2], rtol=1e-12)


# ----------------------------------------------------------------------------------- mini-batches

KIND = pytest.mark.parametrize("kind", [np.array, csr_array])


@pytest.fixture
def batch_of(core):
    """A function that makes the batch of rows, which are copied, for two workers."""

    def make(problem, X, n_workers=2):
        return problem.batch(X.copy(), core.Executor(n_workers=n_workers), None)

    return make


@pytest.fixture
def both_forms(joint_of):
    """A function that makes the joint problem and the mini-batch problem of one spec.

    The mini-batches are as good as all rows, so that the penalty sees their own mean.
    """

    def make(frame, loss, dtype=np.float64):
        joint = joint_of(frame, loss, dtype)
        return joint, MiniBatchProblem(joint.spec, n_rows=17)

    return make


@KIND
@FRAME
def test_a_mini_batch_costs_what_its_rows_cost(
    network, both_forms, batch_of, value_at, kind_of_frame, loss, kind
):
    """The same raw rows and weights give the same J, whatever was done to the rows of a batch."""
    joint, problem = both_forms(kind_of_frame, loss)
    params, batch = problem.params_from(network.theta), batch_of(problem, kind(network.X))
    value, _, terms = problem.value_and_gradient(params, batch, MEMORY)
    expected = value_at(joint.spec, network.theta, network.X)
    of_joint, _, _ = joint.value_and_gradient(joint.params_from(network.theta))
    assert value == pytest.approx(expected[0], rel=1e-12)
    assert value == pytest.approx(of_joint, rel=1e-12)
    np.testing.assert_allclose(terms, expected[2], rtol=1e-12)
    np.testing.assert_allclose(problem.to_weights(params), network.theta, rtol=0, atol=1e-13)


def test_a_batch_says_if_its_rows_are_those_that_the_frame_reads(network, both_forms, batch_of):
    X = network.X
    _, problem = both_forms("ordinary", "SquaredError")
    dense, sparse = batch_of(problem, X), batch_of(problem, csr_array(X))
    assert dense.is_framed
    assert not sparse.is_framed
    assert dense.n_rows == sparse.n_rows == 17
    frame = problem.frame
    rows = np.concatenate(dense.blocks.rows)
    np.testing.assert_allclose(rows, (X - frame.input_mean) / frame.input_scale, rtol=1e-12)
    _, of_cross_entropy = both_forms("ordinary", "CrossEntropy")
    assert not batch_of(of_cross_entropy, X).is_framed


@KIND
@FRAME
def test_steps_from_mini_batches_are_those_in_the_frame(
    core, network, both_forms, batch_of, kind_of_frame, loss, kind
):
    """The frame may be applied to rows or weights, and the encoder searched in another unit."""
    joint, problem = both_forms(kind_of_frame, loss)
    x, state = (core.adam.adam_start(p.params_from(network.theta)) for p in (joint, problem))
    for _ in range(5):
        x = core.adam.adam_step(x, joint.value_and_gradient(x.params)[1], 0.05)
        batch = batch_of(problem, kind(network.X))
        _, gradient, _ = problem.value_and_gradient(state.params, batch, MEMORY)
        state = core.adam.adam_step(state, gradient, 0.05, problem.step_scales)
        assert problem.after_step(state, batch) is state
    weights = problem.to_weights(state.params)
    np.testing.assert_allclose(weights, joint.to_weights(x.params), rtol=0, atol=1e-8)
    for moment in ("first_moment", "second_moment"):
        mine, theirs = getattr(state, moment), getattr(x, moment)
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-12)


def test_mini_batches_start_where_all_rows_do(both_forms):
    starts = [p.to_weights(start(p)) for p in both_forms("ordinary", "SquaredError")]
    np.testing.assert_allclose(*starts, rtol=1e-12, atol=1e-15)


def test_the_frame_of_rows_too_small_to_divide_by_stays_on_the_weights(
    network, frames, both_forms, batch_of
):
    frame = frames["ordinary"]._replace(input_scale=1.0, output_scale=1e-30)
    _, problem = both_forms(frame, "SquaredError", np.float32)
    X = network.X.astype(np.float32)
    batch = batch_of(problem, X, n_workers=1)
    (block,) = batch.blocks.rows
    assert not batch.is_framed
    np.testing.assert_array_equal(block, X)
    assert problem.step_scales[0] == (30, 1.0)


def test_an_offset_costs_a_mini_batch_of_float32_fewer_digits(
    frames, spec_of, network, in_blocks, batch_of
):
    """A frame on the weights takes the difference of two pre-activations of size 1,000."""
    X = (network.X + 1000).astype(np.float32)
    frame = frames["ordinary"]._replace(input_mean=X.mean(axis=0, dtype=np.float64))
    spec, exact_spec = (spec_of(frame, "SquaredError", dtype) for dtype in (np.float32, np.float64))

    def errors(params, gradient, exact_gradient):
        found = spec.weights(gradient(params)), spec.weights(exact_gradient(params))
        parts = zip(*found, strict=True)
        return np.array([abs(part - true).max() / abs(true).max() for part, true in parts])

    def of_batches(spec):
        problem = MiniBatchProblem(spec, n_rows=17)
        rows = X.astype(spec.dtype)

        def gradient(params):
            batch = batch_of(problem, rows)
            return problem.value_and_gradient(params.astype(spec.dtype), batch, MEMORY)[1]

        return problem, gradient

    def of_all_rows(spec):
        problem = JointProblem(spec, in_blocks(X.astype(spec.dtype)))
        return problem, lambda params: problem.value_and_gradient(params.astype(spec.dtype))[1]

    found = []
    for make in (of_batches, of_all_rows):
        exact, exact_gradient = make(exact_spec)
        _, gradient = make(spec)
        found.append(errors(start(exact).astype(np.float32), gradient, exact_gradient))
    assert (found[0] < found[1] / 2).all()


@pytest.mark.parametrize(("n_rows", "share"), [(1000, 17 / WINDOW), (34, 0.5), (17, 1)])
def test_the_penalty_of_a_small_batch_sees_a_running_mean(
    core, network, spec_of, batch_of, n_rows, share
):
    spec = spec_of("ordinary")
    problem, memory = MiniBatchProblem(spec, n_rows), {"running_mean": np.full(5, 0.1)}
    params, w = problem.params_from(network.theta), network.weights
    _, _, terms = problem.value_and_gradient(params, batch_of(problem, network.X), memory)
    mean = expit(network.X @ w.We.T + w.be).mean(axis=0)
    running = 0.1 + share * (mean - 0.1)
    penalty, _, _ = spec.objective.penalty(np.log(running), np.log1p(-running))
    assert terms.sparsity == pytest.approx(penalty, rel=1e-10)
    np.testing.assert_allclose(memory["running_mean"], running if share < 1 else 0.1, rtol=1e-10)


# ---------------------------------------------------------------------------- without the decoder


@pytest.fixture
def eliminated_problem(network, frames, spec_of, in_blocks):
    """A function that makes the problem without the decoder, of the network's rows."""

    def make(frame, dtype=np.float64):
        X = network.X.astype(dtype)
        frame = frames[frame]._replace(input_mean=X.mean(axis=0, dtype=np.float64))
        spec = spec_of(frame, "SquaredError", dtype)
        return EliminatedProblem(spec, in_blocks(X, 9), X.var(axis=0, dtype=np.float64).sum())

    return make


@FRAME
def test_eliminated_gradient_is_that_of_the_value_in_the_frame(
    network, eliminated_problem, central_differences, kind_of_frame
):
    problem = eliminated_problem(kind_of_frame)
    params = problem.params_from(network.theta)
    _, gradient, _ = problem.value_and_gradient(params)
    expected = central_differences(lambda x: problem.value_and_gradient(x)[0], params)
    assert params.shape == gradient.shape == (5 * 6 + 5,)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


@FRAME
def test_the_eliminated_value_is_that_of_the_users_weights_and_no_more_than_the_joint_one(
    network, eliminated_problem, value_at, kind_of_frame
):
    problem = eliminated_problem(kind_of_frame)
    params, spec = problem.params_from(network.theta), problem.spec
    value, _, _ = problem.value_and_gradient(params)
    weights = problem.to_weights(params)
    assert value == pytest.approx(value_at(spec, weights, network.X)[0], rel=1e-12)
    np.testing.assert_allclose(spec.weights(weights).We, network.weights.We, rtol=1e-12)
    assert value < value_at(spec, network.theta, network.X)[0]


def test_both_problems_start_from_one_encoder(eliminated_problem):
    problem = eliminated_problem("ordinary")
    joint = JointProblem(problem.spec, problem.blocks)
    w, joint_w = (problem.spec.weights(p.to_weights(start(p))) for p in (problem, joint))
    np.testing.assert_allclose(w.We, joint_w.We, rtol=1e-12)
    np.testing.assert_allclose(w.be, joint_w.be, rtol=1e-12)


def test_eliminated_float32_weights_of_a_float64_search(network, eliminated_problem):
    problem, exact = (eliminated_problem("ordinary", dtype) for dtype in (np.float32, np.float64))
    params = exact.params_from(network.theta)
    weights = problem.to_weights(params)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, exact.to_weights(params), rtol=0, atol=1e-4)
    value, exact_value = (p.value_and_gradient(params)[0] for p in (problem, exact))
    assert value == pytest.approx(exact_value, rel=1e-5)


# --------------------------------------------------------------------------------- rows far from 0

OFFSET = np.array([0, 1e5, 3e5, 0, -1e5, 2e5])
STORED = pytest.mark.parametrize("kind", ["dense", "sparse", "file"])


def rows_far_from_0(network, dtype):
    """Rows that float32 holds exactly."""
    rows = (network.X.round(2) * 4).astype(np.float32) + OFFSET.astype(np.float32)
    return rows.astype(dtype)


@pytest.fixture
def problem_far_from_0(core, network, frames, spec_of):
    """A function that makes the form in which to search with these rows at every step."""

    def rows_of(X, kind):
        if kind == "file":
            return core.DiskRows(lambda a, b: X[a:b], X.shape, X.dtype)
        return core.as_rows(csr_array(X) if kind == "sparse" else X)

    def make(kind, decoder_alpha, dtype):
        X = rows_far_from_0(network, dtype)
        mean, variance = X.mean(axis=0, dtype=np.float64), X.var(axis=0, dtype=np.float64)
        frame = frames["ordinary"]._replace(input_mean=mean)
        spec = spec_of(frame, "SquaredError", dtype, decays=(0.3, decoder_alpha))
        return for_all_rows(spec, rows_of(X, kind), variance)

    return make


@STORED
@pytest.mark.parametrize(
    ("decoder_alpha", "form"), [(0.02, EliminatedProblem), (0.0, JointProblem)]
)
def test_an_offset_costs_no_digits_of_float32(
    network, problem_far_from_0, kind, decoder_alpha, form
):
    """Products of the rows are 1e5 times what is left of them: float32 would keep two digits."""
    problem = problem_far_from_0(kind, decoder_alpha, np.float32)
    exact = problem_far_from_0(kind, decoder_alpha, np.float64)
    assert isinstance(problem, CentredProblem)
    assert type(problem.form) is form
    theta = exact.to_weights(start(exact))
    with problem.blocks.workers(), exact.blocks.workers():
        value, gradient, _ = problem.value_and_gradient(problem.params_from(theta))
        exact_value, exact_gradient, _ = exact.value_and_gradient(exact.params_from(theta))
    assert value == pytest.approx(exact_value, rel=1e-5)
    atol = 1e-4 * abs(exact_gradient).max()
    np.testing.assert_allclose(gradient, exact_gradient, rtol=0, atol=atol)


@pytest.mark.parametrize("decoder_alpha", [0.02, 0.0])
def test_weights_found_far_from_0_are_those_of_the_rows(
    core, network, problem_far_from_0, value_at, decoder_alpha
):
    X = rows_far_from_0(network, np.float64)
    problem = problem_far_from_0("dense", decoder_alpha, np.float64)
    params = start(problem)
    theta, (value, _, _) = problem.to_weights(params), problem.value_and_gradient(params)
    np.testing.assert_allclose(problem.params_from(theta), params, rtol=0, atol=1e-8)
    assert value_at(problem.spec, theta, X)[0] == pytest.approx(value, rel=1e-8)
    summary = problem.spec.summarize(theta, core.as_rows(X))
    assert sum(summary.terms) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize(("kind", "n_reads"), [("dense", 2), ("file", 1)])
def test_rows_that_are_not_in_memory_are_read_once_an_evaluation(problem_far_from_0, kind, n_reads):
    problem = problem_far_from_0(kind, 0.0, np.float64)
    two_passes = problem_far_from_0("dense", 0.0, np.float64).form.evaluate
    assert (problem.form.evaluate is two_passes) == (n_reads == 2)
