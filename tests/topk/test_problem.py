import numpy as np
import pytest
from scipy.sparse import csr_matrix

from skl_sparse_ae._solvers.learning_rate import LearningRate
from skl_sparse_ae._topk import problem as module
from skl_sparse_ae._topk.problem import TopKProblem, TopKSpec

X = 5 + 3 * np.random.default_rng(7).normal(size=(200, 6))
BOTH = pytest.mark.parametrize("by_row", [False, True])


@pytest.fixture(scope="module")
def problem_of(topk, core):
    """A function that makes the problem of 9 units, 2 of them active."""

    def make(rows=X, by_row=False, k=9, n_nonzero=2):
        rows = core.as_rows(rows)
        moments = core.moments.moments_of(rows, k)
        frame = topk.frame.TopKFrame.of(moments.mean, moments.variance, rows.dtype)
        selection = topk.codes.Selection(n_nonzero, by_row)
        shape = topk.objective.Shape(6, k)
        spec = TopKSpec(selection, frame, shape, rows.dtype, "threshold")
        return TopKProblem(spec, moments, rows)

    return make


@pytest.fixture(scope="module")
def started(core, problem_of):
    """A function that returns a problem, a batch of all of its rows, and Adam's first state."""

    def start(rows=X, **parameters):
        problem = problem_of(rows, **parameters)
        rng = np.random.default_rng(0)
        params = problem.initial_params(rng).astype(rows.dtype)
        memory = {"idle": np.zeros(9), "threshold": np.zeros(1)}
        batch = problem.batch(rows.copy(), core.Executor(), rng)
        return problem, batch, core.adam.adam_start(params, memory)._replace(n_steps=1)

    return start


def weights_of(problem, flat):
    return module.unflatten(flat, problem.spec.shape)


@BOTH
def test_the_gradient_is_that_of_the_value(started, by_row, central_differences):
    problem, batch, state = started(by_row=by_row)
    params = state.params.astype(np.float64)
    value, gradient, terms = problem.value_and_gradient(params, batch, state.memory)
    gradient = gradient.copy()
    assert terms == (value,)
    unit = problem.spec.frame.input_scale**2

    def in_frame(flat):
        return problem.value_and_gradient(flat, batch, state.memory)[0] / unit

    expected = central_differences(in_frame, params)
    e, w = weights_of(problem, expected), weights_of(problem, params)
    e.Wd[...] -= (e.Wd * w.Wd).sum(axis=1, keepdims=True) * w.Wd
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-7)


@BOTH
def test_the_value_is_that_of_the_users_weights(started, topk, by_row):
    problem, batch, state = started(by_row=by_row)
    value, _, _ = problem.value_and_gradient(state.params, batch, state.memory)
    w = weights_of(problem, problem.to_weights(state.params))
    Z = X @ w.We.T + w.be
    scale = problem.spec.frame.input_scale
    A = problem.spec.selection.code(Z, scale * state.memory["threshold"][0])
    assert A.nnz == 400 or by_row
    assert value == pytest.approx(np.square(A @ w.Wd + w.bd - X).mean())


def test_on_average_over_the_batch_the_number_of_active_units_is_as_asked(started):
    problem, batch, state = started()
    problem.value_and_gradient(state.params, batch, state.memory)
    w = weights_of(problem, state.params)
    Z = np.concatenate(batch.blocks.rows) @ w.We.T + w.be
    assert (state.memory["threshold"][0] < Z).sum() == 2 * 200


@pytest.mark.parametrize("running", [0.0, 0.5, 1.0, 1e6])
def test_the_threshold_does_not_depend_on_the_guess(problem_of, topk, running):
    Z = np.random.default_rng(1).normal(size=(50, 9))
    problem = problem_of()
    expected = topk.codes.threshold_for(Z[Z > 0], 2 * 50)
    assert problem._threshold([Z[:20], Z[20:]], running) == expected


@pytest.mark.parametrize("n_workers", [1, 2, 3])
@BOTH
def test_workers_make_no_difference(started, core, by_row, n_workers):
    problem, batch, state = started(by_row=by_row)
    expected = problem.value_and_gradient(state.params, batch, state.memory)
    several = problem.batch(X.copy(), core.Executor(n_workers=n_workers), None)
    assert len(several.blocks) == n_workers
    got = problem.value_and_gradient(state.params, several, state.memory)
    assert got[0] == pytest.approx(expected[0])
    np.testing.assert_allclose(got[1], expected[1], atol=1e-12)


def test_sparse_rows_make_the_same_batch(problem_of, core):
    rows = np.where(X > 6, X, 0)
    problem = problem_of(rows)
    batches = [
        problem.batch(given, core.Executor(), None) for given in (rows.copy(), csr_matrix(rows))
    ]
    for blocks in zip(*(batch.blocks.rows for batch in batches), strict=True):
        np.testing.assert_allclose(*blocks, rtol=1e-12)


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0), (1e6, 0), (1, 1e5), (1e30, -1e30)])
def test_neither_unit_nor_offset_of_x_makes_a_difference_to_the_search(started, scale, offset):
    problem, batch, state = started()
    other, of_other, _ = started(scale * X + offset)
    value, gradient, _ = problem.value_and_gradient(state.params, batch, state.memory)
    gradient = gradient.copy()
    scaled, same, _ = other.value_and_gradient(state.params, of_other, state.memory)
    assert scaled == pytest.approx(scale**2 * value, rel=1e-7)
    np.testing.assert_allclose(same, gradient, rtol=0, atol=1e-8 * abs(gradient).max())


def test_the_first_atom_has_the_direction_of_a_row(problem_of, topk):
    problem = problem_of()
    w = weights_of(problem, problem.initial_params(np.random.default_rng(0)))
    rows = topk.initial.normalize(problem.spec.frame.standardized(X.copy()))
    assert (w.Wd[0] @ rows.T).max() == pytest.approx(1)
    np.testing.assert_allclose(np.linalg.norm(w.Wd, axis=1), 1)
    ratio = w.We / w.Wd
    np.testing.assert_allclose(ratio, ratio[0, 0])  # the encoder is the transpose, scaled


def test_the_first_encoder_has_the_scale_that_reconstructs_best(problem_of, topk, core):
    problem = problem_of()
    params = problem.initial_params(np.random.default_rng(0))

    def error(factor):
        flat = params.copy()
        w = weights_of(problem, flat)
        w.We[...] *= factor
        w.threshold[...] *= factor
        return sum(problem.spec.summarize(problem.to_weights(flat), core.as_rows(X)).terms)

    assert error(1) < min(error(0.9), error(1.1))


def test_atoms_have_norm_one_after_each_step(started):
    problem, batch, state = started()
    w = weights_of(problem, state.params)
    w.Wd[...] *= 3
    assert problem.after_step(state, batch) is state
    np.testing.assert_allclose(np.linalg.norm(w.Wd, axis=1), 1)


def test_the_running_threshold_is_the_mean_of_the_first_batches(started):
    """Without a bias towards the value before the first step."""
    problem, batch, state = started()
    w = weights_of(problem, state.params)
    for n_steps, threshold in enumerate([1.0, 4.0, 7.0], start=1):
        state.memory["threshold"][...] = threshold
        problem.after_step(state._replace(n_steps=n_steps), batch)
    assert w.threshold[0] == pytest.approx(4)
    state.memory["threshold"][...] = 5
    problem.after_step(state._replace(n_steps=10**6), batch)
    assert w.threshold[0] == pytest.approx(4.1)


def test_rows_since_a_unit_was_used_are_counted(started):
    problem, batch, state = started()
    w = weights_of(problem, state.params)
    w.be[4] = -100
    for _ in range(2):
        problem.value_and_gradient(state.params, batch, state.memory)
    assert state.memory["idle"][4] == 400
    assert (np.delete(state.memory["idle"], 4) < 400).any()


@pytest.fixture
def replaced(started):
    """A problem, its batch, and the state after a step at which unit 4 was long idle."""
    problem, batch, state = started()
    for array in (state.first_moment, state.second_moment):
        array[...] = 1
    w = weights_of(problem, state.params)
    w.be[4] = -100
    for array in (state.first_moment, state.second_moment):
        weights_of(problem, array).We[0] = 9
    problem.value_and_gradient(state.params, batch, state.memory)
    state.memory["idle"][4] = 10**6
    before = state.params.copy()
    return problem, batch, problem.after_step(state, batch), weights_of(problem, before)


def test_a_unit_that_no_row_uses_is_replaced_by_what_is_left_of_a_row(replaced):
    problem, batch, state, before = replaced
    w = weights_of(problem, state.params)
    x = batch.blocks.rows[0][0]
    z = before.We @ x + before.be
    left = x - (z * (z > w.threshold)) @ before.Wd - before.bd
    np.testing.assert_allclose(w.Wd[4], left / np.linalg.norm(left), rtol=1e-9)
    norms = np.linalg.norm(np.delete(before.We, 4, axis=0), axis=1)
    np.testing.assert_allclose(w.We[4], norms.mean() * w.Wd[4], rtol=1e-9)
    assert state.memory["idle"][4] == 0
    np.testing.assert_array_equal(w.We[:4], before.We[:4])


def test_it_is_active_on_as_many_rows_as_others_are_on_average(replaced):
    problem, batch, state, _ = replaced
    w = weights_of(problem, state.params)
    Z = np.concatenate(batch.blocks.rows) @ w.We.T + w.be
    assert w.be[4] < 0
    assert (Z[:, 4] > w.threshold).mean() == pytest.approx(2 / 9, abs=1 / 200)


def test_a_unit_that_few_rows_would_use_gets_no_bias(started):
    problem, _, state = started()
    w = weights_of(problem, state.params)
    w.threshold[...] = 1
    products = np.linspace([0, 0], [0.5, 50], 181)
    biases = problem._bias_of_usual_use(w, products)
    np.testing.assert_allclose(biases, [0, 1 - 50 * 7 / 9])


def test_it_has_no_direction_yet_and_the_others_sizes_of_gradients(replaced):
    problem, _, state, _ = replaced
    first, second = (weights_of(problem, m) for m in (state.first_moment, state.second_moment))
    for m, v in zip(first[:3], second[:3], strict=True):
        assert not m[4].any()
        np.testing.assert_allclose(v[4], np.delete(v, 4, axis=0).mean(axis=0))
        assert (m[5] == 1).all()
        assert (v[5] == 1).all()
    assert (second.We[4] == 2).all()  # one of eight is 9, the others are 1
    assert (first.bd == 1).all()


def test_a_network_without_any_active_unit_gets_new_ones(started):
    """A warm start from an encoder of zeros, say."""
    problem, batch, state = started()
    w = weights_of(problem, state.params)
    w.We[...] = w.be[...] = 0
    problem.value_and_gradient(state.params, batch, state.memory)
    state.memory["idle"][...] = 10**6
    problem.after_step(state, batch)
    np.testing.assert_allclose(np.linalg.norm(w.We, axis=1), 1)
    Z = np.concatenate(batch.blocks.rows) @ w.We.T + w.be
    assert (Z > 0).any(axis=0).all()


def test_a_row_of_which_nothing_is_left_makes_no_unit(started, core):
    problem, _, state = started()
    batch = problem.batch(np.tile(X.mean(axis=0), (50, 1)), core.Executor(), None)
    for rows in batch.blocks.rows:
        rows[...] = 0  # exactly
    w = weights_of(problem, state.params)
    w.be[...], w.threshold[...] = -1, 0
    before = state.params.copy()
    state.memory["idle"][4] = 10**6
    problem.after_step(state, batch)
    np.testing.assert_allclose(state.params, before, atol=1e-12)


def test_no_unit_is_replaced_while_the_learning_rate_falls(started):
    problem, batch, state = started()
    state.memory["idle"][4] = 10**6
    before = weights_of(problem, state.params).We[4].copy()
    for n_steps, is_replaced in ((80, False), (41, True)):
        state = state._replace(n_steps=n_steps, learning_rate=LearningRate(0.1, 0.5, 100))
        problem.after_step(state, batch)
        now = weights_of(problem, state.params).We[4]
        assert np.array_equal(now, before) != is_replaced


@pytest.mark.parametrize("idle", [199, 1999])
def test_no_unit_is_replaced_before_ten_batches(started, idle):
    problem, batch, state = started()
    state.memory["idle"][4] = idle
    before = weights_of(problem, state.params).We[4].copy()
    problem.after_step(state, batch)
    np.testing.assert_array_equal(weights_of(problem, state.params).We[4], before)


def test_params_from_the_weights_are_those_that_the_weights_came_from(problem_of):
    problem = problem_of()
    params = problem.initial_params(np.random.default_rng(0))
    np.testing.assert_allclose(problem.params_from(problem.to_weights(params)), params, atol=1e-12)


def test_calibrated_weights_have_the_exact_threshold(problem_of, core, topk):
    problem = problem_of()
    weights = problem.to_weights(problem.initial_params(np.random.default_rng(0)))
    weights_of(problem, weights).threshold[...] += 1
    rows = core.as_rows(X)
    calibrated = problem.spec.calibrated(weights, rows)
    assert topk.predict.code_of(problem.spec.model(calibrated), rows).nnz == 2 * 200
    assert weights_of(problem, weights).threshold != weights_of(problem, calibrated).threshold
    np.testing.assert_array_equal(weights[:-1], calibrated[:-1])
