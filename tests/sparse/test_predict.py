import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import r2_score

from skl_sparse_ae._sparse.predict import (
    Network,
    code_of,
    errors_of_columns_and_variance,
    excess_of_rows,
    explained_variance,
    losses_of_rows,
    reconstructions,
    rows_of,
    summarize_rows,
)

pytestmark = pytest.mark.usefixtures("quiet")

N_ROWS, N_FEATURES, N_COMPONENTS = 23, 6, 4


@pytest.fixture
def X():
    return np.random.default_rng(0).random((N_ROWS, N_FEATURES))


@pytest.fixture
def rows(core, X):
    return core.as_rows(X)


@pytest.fixture
def w(core):
    rng, shape = np.random.default_rng(1), (N_COMPONENTS, N_FEATURES)
    return core.weights.unflatten(rng.normal(size=core.weights.n_weights(*shape)), *shape)


@pytest.fixture
def network_of(core, w):
    """A function that makes the `Network` of a loss, by name."""
    return lambda name: Network(w, getattr(core.losses, name))


def by_hand(w, X):
    """The code and the decoder's raw output."""
    code = expit(X @ w.We.T + w.be)
    return code, code @ w.Wd + w.bd


@pytest.fixture(params=[1, 7, 1000], ids="blocks of {}".format)
def any_blocks(request, limit_blocks):
    limit_blocks(request.param)


@pytest.mark.usefixtures("any_blocks")
@pytest.mark.parametrize("name", ["SquaredError", "CrossEntropy"])
def test_blocks_change_nothing(X, rows, w, network_of, name):
    network = network_of(name)
    loss, (code, raw) = network.loss, by_hand(w, X)
    np.testing.assert_allclose(code_of(network, rows), code, rtol=1e-12)
    whole = loss.output(raw.copy())
    X_hat = np.concatenate(list(reconstructions(network, rows)))
    np.testing.assert_allclose(X_hat, whole, rtol=1e-12)
    losses, excess = losses_of_rows(network, rows), excess_of_rows(network, rows)
    np.testing.assert_allclose(losses, loss.per_row(raw.copy(), X), rtol=1e-12)
    np.testing.assert_allclose(excess, loss.excess(raw.copy(), X), rtol=1e-12)
    r2 = r2_score(X, whole, multioutput="variance_weighted")
    assert explained_variance(network, rows) == pytest.approx(r2, rel=1e-12)
    errors, variance = errors_of_columns_and_variance(network, rows)
    np.testing.assert_allclose(errors, np.square(whole - X).mean(axis=0), rtol=1e-11)
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-12)


@pytest.mark.usefixtures("any_blocks")
def test_a_summary_of_rows_is_that_of_the_objective(core, X, rows, w, objective_of, in_blocks):
    objective = objective_of()
    summary = summarize_rows(objective, w, rows)
    expected = core.objective.summarize(objective, w, in_blocks(X))
    for part, expected_part in zip(summary, expected, strict=True):
        np.testing.assert_allclose(part, expected_part, rtol=1e-12)


def test_the_code_has_the_activation_of_the_network(core, X, rows, w):
    network = Network(w, core.losses.SquaredError, core.activations.Relu)
    code = np.maximum(X @ w.We.T + w.be, 0)
    np.testing.assert_allclose(code_of(network, rows), code, rtol=1e-12)
    X_hat = np.concatenate(list(reconstructions(network, rows)))
    np.testing.assert_allclose(X_hat, code @ w.Wd + w.bd, rtol=1e-12, atol=1e-15)


def test_results_have_the_dtype_of_the_rows(core, X, network_of):
    network = network_of("SquaredError")
    for dtype in (np.float32, np.float64):
        rows = core.as_rows(X.astype(dtype))
        assert code_of(network, rows).dtype == dtype
        assert next(reconstructions(network, rows)).dtype == dtype
        assert losses_of_rows(network, rows).dtype == np.float64


def test_constant_columns_weigh_nothing(core, X, w, network_of):
    X[:, 2] = 0.1  # 0.1 summed 23 times and divided is not 0.1
    X_hat, others = by_hand(w, X)[1], np.arange(N_FEATURES) != 2
    r2 = r2_score(X[:, others], X_hat[:, others], multioutput="variance_weighted")
    score = explained_variance(network_of("SquaredError"), core.as_rows(X))
    assert score == pytest.approx(r2, rel=1e-12)


def test_variances_next_to_nothing_have_finite_scores(core, X, network_of):
    network = network_of("SquaredError")
    # -1e320, if there were such a number
    score = explained_variance(network, core.as_rows(X * 1e-160))
    assert score == np.finfo(np.float64).min
    # the squares are 0: columns count as constant
    assert explained_variance(network, core.as_rows(X * 1e-320)) == 0


def test_undefined_activations_are_refused(core, X, w, network_of):
    # as inf - inf gives; which sums overflow to that depends on the machine's matrix product
    w.be[1] = np.nan
    X[3, 0] = 1.7e300
    message = r"pre-activations overflow: X has values up to 1.7e\+300"
    with pytest.raises(ValueError, match=message):
        code_of(network_of("SquaredError"), core.as_rows(X))


def test_rows_and_losses_that_overflow_are_refused(core, network_of):
    network = network_of("SquaredError")
    message = r"reconstruction overflows: the code has values up to 1.7e\+308.*between 0 and 1\."
    with pytest.raises(ValueError, match=message):
        rows_of(network, np.full((1, N_COMPONENTS), 1.7e308))
    with pytest.raises(ValueError, match=r"losses overflow: X has values up to 1e\+300"):
        losses_of_rows(network, core.as_rows(np.full((1, N_FEATURES), 1e300)))
