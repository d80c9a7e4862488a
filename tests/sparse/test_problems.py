import numpy as np
import pytest
from scipy.sparse import csr_array

from skl_sparse_ae._nn.losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.disk import RowSource
from skl_sparse_ae._rows.executor import map_rows
from skl_sparse_ae._solvers.adam import adam_start, adam_step
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective, value_and_gradient
from skl_sparse_ae._sparse.problems import (
    CentredProblem,
    EliminatedProblem,
    JointProblem,
    MiniBatchProblem,
    OnePassProblem,
    for_all_rows,
)
from skl_sparse_ae._sparse.weights import unflatten

FRAMES = [Frame(np.zeros(6), 1.0, 0.0, 1.0), Frame(np.linspace(0.2, 0.7, 6), 0.3, 0.1, 2.5)]
FRAME = pytest.mark.parametrize("frame", FRAMES, ids=["trivial", "ordinary"])


def joint_problem(frame, loss=CrossEntropy, dtype=np.float64):
    return JointProblem(Objective(loss, KullbackLeibler(0.1, 0.5), 0.3, 0.02), frame, 5, dtype)


@FRAME
@pytest.mark.parametrize("loss", [SquaredError, LogisticSquaredError, CrossEntropy])
def test_gradient_is_that_of_the_value_in_the_frame(network, central_differences, frame, loss):
    problem, blocks = joint_problem(frame, loss), [network.X[:9], network.X[9:]]
    _, gradient, _ = problem(network.theta, blocks)
    expected = central_differences(lambda x: problem(x, blocks)[0], network.theta)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


def test_the_same_network_costs_the_same_in_every_frame(network):
    direct = value_and_gradient(joint_problem(FRAMES[0]).objective, network.weights, [network.X])
    for frame in FRAMES:
        problem = joint_problem(frame)
        value, _, terms = problem(problem.resume(network.theta), [network.X])
        assert value == pytest.approx(direct[0], rel=1e-12)
        np.testing.assert_allclose(terms, direct[2], rtol=1e-12)


@FRAME
def test_value_is_that_of_the_users_weights(network, frame):
    problem = joint_problem(frame)
    w = unflatten(problem.weights(network.theta), 5, 6)
    assert (
        problem(network.theta, [network.X])[0]
        == value_and_gradient(problem.objective, w, [network.X])[0]
    )


@FRAME
def test_resuming_from_the_weights_is_going_on(network, frame):
    problem = joint_problem(frame)
    np.testing.assert_allclose(
        problem.resume(problem.weights(network.theta)), network.theta, rtol=0, atol=1e-13
    )


def test_float32_weights_of_a_float64_search(network):
    problem, exact = joint_problem(FRAMES[1], dtype=np.float32), joint_problem(FRAMES[1])
    X = network.X.astype(np.float32)
    assert problem.weights(network.theta).dtype == np.float32
    assert problem.resume(problem.weights(network.theta)).dtype == np.float64
    value, gradient, _ = problem(network.theta, [X])
    exact_value, exact_gradient, _ = exact(network.theta, [network.X])
    assert gradient.dtype == np.float32
    assert value == pytest.approx(exact_value, rel=1e-6)
    np.testing.assert_allclose(
        gradient, exact_gradient, rtol=0, atol=1e-5 * abs(exact_gradient).max()
    )


def test_first_weights_are_on_target_for_the_average_row(network):
    frame = FRAMES[1]
    problem = joint_problem(frame)
    x = problem.first(np.zeros(6), 0.1, np.random.default_rng(0))
    w = unflatten(problem.weights(x), 5, 6)
    np.testing.assert_allclose(
        1 / (1 + np.exp(-(frame.input_mean @ w.We.T + w.be))), 0.1, rtol=1e-12
    )
    again = problem.first(np.zeros(6), 0.1, np.random.default_rng(0))
    np.testing.assert_array_equal(x, again)


# --- mini-batches ---

LOSS = pytest.mark.parametrize("loss", [SquaredError, LogisticSquaredError, CrossEntropy])
KIND = pytest.mark.parametrize("kind", [np.array, csr_array])


def both_forms(frame, loss, dtype=np.float64):
    joint = joint_problem(frame, loss, dtype)
    return joint, MiniBatchProblem(joint.objective, frame, 5, joint.dtype)


def blocks_of(problem, X, n_workers=2):
    return problem.batch_blocks(X.copy(), n_workers, None)


@LOSS
@KIND
@FRAME
def test_a_mini_batch_costs_what_its_rows_cost(network, frame, loss, kind):
    joint, problem = both_forms(frame, loss)
    value, _, terms = problem(problem.resume(network.theta), blocks_of(problem, kind(network.X)))
    expected = value_and_gradient(joint.objective, network.weights, [network.X])
    assert value == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(terms, expected[2], rtol=1e-12)
    np.testing.assert_allclose(
        problem.weights(problem.resume(network.theta)), network.theta, rtol=0, atol=1e-13
    )


@LOSS
@KIND
@FRAME
def test_steps_from_mini_batches_are_those_in_the_frame(network, frame, loss, kind):
    """Whatever the frame is laid on, and in whatever unit the encoder is searched."""
    joint, problem = both_forms(frame, loss)
    x, state = (adam_start(p.resume(network.theta)) for p in (joint, problem))
    rooms = problem.rooms(17, 2)
    for _ in range(5):
        x = adam_step(x, joint(x.x, [network.X])[1], 0.05)
        state = adam_step(
            state,
            problem(state.x, blocks_of(problem, kind(network.X)), rooms)[1],
            0.05,
            problem.strides,
        )
    np.testing.assert_allclose(problem.weights(state.x), joint.weights(x.x), rtol=0, atol=1e-8)
    for mine, theirs in zip(state[1:3], x[1:3], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-12)


def test_mini_batches_start_where_all_rows_do(network):
    joint, problem = both_forms(FRAMES[1], SquaredError)
    starts = [
        p.weights(p.first(np.zeros(6), 0.1, np.random.default_rng(0))) for p in (joint, problem)
    ]
    np.testing.assert_allclose(*starts, rtol=1e-12, atol=1e-15)


def test_the_frame_of_rows_too_small_to_divide_by_stays_on_the_weights(network):
    _, problem = both_forms(
        FRAMES[1]._replace(input_scale=1.0, output_scale=1e-30), SquaredError, np.float32
    )
    (block,) = blocks_of(problem, network.X.astype(np.float32), n_workers=1)
    np.testing.assert_array_equal(block, network.X.astype(np.float32))
    assert problem.strides[0] == (30, 1.0)


def test_an_offset_costs_a_mini_batch_of_float32_fewer_digits(network):
    """Laid on the weights, the frame would take the difference of two pre-activations of size 1,000 in float32."""
    X = (network.X + 1000).astype(np.float32)
    frame = FRAMES[1]._replace(input_mean=X.mean(axis=0, dtype=np.float64))
    (exact_joint, exact), (joint, problem) = (
        both_forms(frame, SquaredError, dtype) for dtype in (np.float64, np.float32)
    )

    def errors(rounded, exact, blocks_of):
        at = exact.first(X.mean(axis=0, dtype=np.float64), 0.1, np.random.default_rng(0)).astype(
            np.float32
        )
        gradient = exact(at.astype(np.float64), blocks_of(exact, X.astype(np.float64)))[1]
        parts = zip(
            unflatten(rounded(at, blocks_of(rounded, X))[1], 5, 6),
            unflatten(gradient, 5, 6),
            strict=True,
        )
        return np.array([abs(part - true).max() / abs(true).max() for part, true in parts])

    assert (
        errors(problem, exact, blocks_of) < errors(joint, exact_joint, lambda _, rows: [rows]) / 2
    ).all()


def eliminated_problem(network, frame, dtype=np.float64):
    X = network.X.astype(dtype)
    frame = frame._replace(input_mean=X.mean(axis=0, dtype=np.float64))
    return EliminatedProblem(
        joint_problem(frame, SquaredError, dtype),
        [X[:9], X[9:]],
        X.var(axis=0, dtype=np.float64).sum(),
    )


@FRAME
def test_eliminated_gradient_is_that_of_the_value_in_the_frame(network, central_differences, frame):
    problem = eliminated_problem(network, frame)
    x = problem.resume(network.theta)
    _, gradient, _ = problem(x, problem.blocks)
    expected = central_differences(lambda x: problem(x, problem.blocks)[0], x)
    assert x.shape == gradient.shape == (5 * 6 + 5,)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * abs(gradient).max())


@FRAME
def test_the_eliminated_value_is_that_of_the_users_weights_and_no_more_than_the_joint_one(
    network, frame
):
    problem = eliminated_problem(network, frame)
    value = problem(problem.resume(network.theta), problem.blocks)[0]
    w = unflatten(problem.weights(problem.resume(network.theta)), 5, 6)
    assert value == pytest.approx(
        value_and_gradient(problem.objective, w, problem.blocks)[0], rel=1e-12
    )
    np.testing.assert_allclose(w.We, network.weights.We, rtol=1e-12)
    assert value < value_and_gradient(problem.objective, network.weights, problem.blocks)[0]


def test_both_problems_start_from_one_encoder(network):
    problem = eliminated_problem(network, FRAMES[1])
    first, joint_first = (
        p.first(np.zeros(6), 0.1, np.random.default_rng(0)) for p in (problem, problem.joint)
    )
    w, joint_w = (
        unflatten(problem.weights(first), 5, 6),
        unflatten(problem.joint.weights(joint_first), 5, 6),
    )
    np.testing.assert_allclose(w.We, joint_w.We, rtol=1e-12)
    np.testing.assert_allclose(w.be, joint_w.be, rtol=1e-12)


def test_eliminated_float32_weights_of_a_float64_search(network):
    problem, exact = (
        eliminated_problem(network, FRAMES[1], dtype) for dtype in (np.float32, np.float64)
    )
    x = exact.resume(network.theta)
    assert problem.weights(x).dtype == np.float32
    np.testing.assert_allclose(problem.weights(x), exact.weights(x), rtol=0, atol=1e-4)
    assert problem(x, problem.blocks)[0] == pytest.approx(exact(x, exact.blocks)[0], rel=1e-5)


OFFSET = np.array([0, 1e5, 3e5, 0, -1e5, 2e5])
KINDS = {
    "dense": np.asarray,
    "sparse": csr_array,
    "file": lambda X: RowSource(lambda a, b: X[a:b], X.shape, X.dtype),
}


def rows_far_from_0(network, dtype):
    """Such as float32 holds exactly."""
    return ((network.X.round(2) * 4).astype(np.float32) + OFFSET.astype(np.float32)).astype(dtype)


def problem_far_from_0(network, kind, decoder_alpha, dtype):
    """The form in which to search for these rows, and their blocks."""
    X = rows_far_from_0(network, dtype)
    mean, variance = X.mean(axis=0, dtype=np.float64), X.var(axis=0, dtype=np.float64)
    objective = Objective(SquaredError, KullbackLeibler(0.1, 0.5), 0.3, decoder_alpha)
    joint = JointProblem(objective, FRAMES[1]._replace(input_mean=mean), 5, dtype)
    problem = for_all_rows(joint, KINDS[kind](X), variance)
    return problem, problem.row_blocks(KINDS[kind](X))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("decoder_alpha", "forms"), [(0.02, [EliminatedProblem]), (0.0, [JointProblem, OnePassProblem])]
)
def test_an_offset_costs_no_digits_of_float32(network, kind, decoder_alpha, forms):
    """Products of the rows themselves are 1e5 times what is left of them: they would leave float32 two digits."""
    problem, blocks = problem_far_from_0(network, kind, decoder_alpha, np.float32)
    exact, exact_blocks = problem_far_from_0(network, kind, decoder_alpha, np.float64)
    assert isinstance(problem, CentredProblem)
    assert type(problem.form) in forms
    theta = exact.weights(
        exact.first(
            rows_far_from_0(network, np.float64).mean(axis=0), 0.1, np.random.default_rng(0)
        )
    )
    value, gradient, _ = problem(problem.resume(theta), blocks, map=map_rows)
    exact_value, exact_gradient, _ = exact(exact.resume(theta), exact_blocks, map=map_rows)
    assert value == pytest.approx(exact_value, rel=1e-5)
    np.testing.assert_allclose(
        gradient, exact_gradient, rtol=0, atol=1e-4 * abs(exact_gradient).max()
    )


@pytest.mark.parametrize("decoder_alpha", [0.02, 0.0])
def test_weights_found_far_from_0_are_those_of_the_rows(network, decoder_alpha):
    X = rows_far_from_0(network, np.float64)
    problem, blocks = problem_far_from_0(network, "dense", decoder_alpha, np.float64)
    x = problem.first(X.mean(axis=0), 0.1, np.random.default_rng(0))
    theta, (value, _, _) = problem.weights(x), problem(x, blocks, map=map_rows)
    np.testing.assert_allclose(problem.resume(theta), x, rtol=0, atol=1e-8)
    assert value_and_gradient(problem.objective, unflatten(theta, 5, 6), [X])[0] == pytest.approx(
        value, rel=1e-8
    )
    assert sum(problem.evaluate(theta, X)[0]) == pytest.approx(value, rel=1e-8)
