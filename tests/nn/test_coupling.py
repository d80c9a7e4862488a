import numpy as np
import pytest

from skl_sparse_ae._nn.coupling import Coupling, couple

pytestmark = pytest.mark.usefixtures("quiet")

N_ROWS = 9
Z = np.random.default_rng(0).normal(size=(N_ROWS, 4))
SATURATED = Z + [0, 200, 0, -2000]  # units 1 and 3
DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def l1(weight):
    """The penalty ``weight * sum of the means``, for a code that is never negative."""

    def penalty(log_on, log_off):
        mean = np.exp(log_on)
        return weight * float(mean.sum()), weight * mean, 0 * mean

    return penalty


@pytest.fixture
def couple_at(core):
    """A function that couples units with these pre-activations (n_rows, n_units)."""

    def call(penalty, Z, name="logistic", dtype=np.float64):
        activation = core.activations.ACTIVATIONS[name]
        mean = activation.forward(Z.copy()).mean(axis=0)

        def tails_of(units):
            return core.saturation.tails(Z[:, units])

        return couple(penalty, activation, mean, len(Z), dtype, tails_of)

    return call


def to_pre_activations(coupling, activation, Z):
    """The gradient with respect to Z, as a whole."""
    d_A = np.tile(coupling.plain.astype(np.float64), (len(Z), 1))
    d_Z = activation.backward(d_A, activation.forward(Z.copy()))
    if len(coupling.saturated):
        d_Z[:, coupling.saturated] += coupling.saturated_gradient(Z[:, coupling.saturated])
    return d_Z


@pytest.mark.parametrize("Z", [Z, SATURATED], ids=["plain", "saturated"])
def test_the_gradient_is_that_of_the_value(core, couple_at, central_differences, Z):
    penalty = core.penalties.KullbackLeibler(0.1, 0.7)
    _, coupling = couple_at(penalty, Z)
    expected = central_differences(lambda z: couple_at(penalty, z.reshape(Z.shape))[0], Z.ravel())
    actual = to_pre_activations(coupling, core.activations.Logistic, Z)
    # values of up to 1900 have 13 digits after the point; a step is 1e-6
    np.testing.assert_allclose(actual.ravel(), expected, rtol=1e-6, atol=1e-6)


def test_saturated_units_have_a_slope_of_their_own(core, couple_at):
    _, coupling = couple_at(core.penalties.KullbackLeibler(0.1, 0.7), SATURATED)
    np.testing.assert_array_equal(coupling.saturated, [1, 3])
    np.testing.assert_array_equal(coupling.plain[[1, 3]], 0)
    assert coupling.plain[[0, 2]].all()
    pull = coupling.saturated_gradient(SATURATED[:, [1, 3]]).sum(axis=0)
    np.testing.assert_allclose(pull, [0.9 * 0.7, -0.1 * 0.7], rtol=1e-9)


def test_tails_are_asked_for_saturated_units_only(core):
    def fail(units):
        pytest.fail("no unit is saturated")

    penalty, activation = core.penalties.KullbackLeibler(0.1, 0.7), core.activations.Logistic
    mean = np.array([0.05, 0.2])
    value, coupling = couple(penalty, activation, mean, N_ROWS, np.float64, fail)
    assert value == pytest.approx(penalty(np.log(mean), np.log1p(-mean))[0], rel=1e-15)
    assert len(coupling.saturated) == 0
    expected = 0.7 * (-0.1 / mean + 0.9 / (1 - mean)) / N_ROWS
    np.testing.assert_allclose(coupling.plain, expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["relu", "identity"])
def test_a_code_that_does_not_saturate_is_coupled_by_its_mean(core, couple_at, name):
    positive = np.abs(Z) + 0.1
    value, coupling = couple_at(l1(0.3), positive, name)
    assert value == pytest.approx(0.3 * positive.mean(axis=0).sum(), rel=1e-12)
    assert len(coupling.saturated) == 0
    np.testing.assert_allclose(coupling.plain, 0.3 / N_ROWS, rtol=1e-12)


def test_the_gradient_of_l1_on_relu_is_that_of_the_value(core, couple_at, central_differences):
    """A dead unit included, whose gradient is 0."""
    dead = Z - [0, 0, 100, 0]
    _, coupling = couple_at(l1(0.3), dead, "relu")
    expected = central_differences(
        lambda z: couple_at(l1(0.3), z.reshape(Z.shape), "relu")[0], dead.ravel()
    )
    actual = to_pre_activations(coupling, core.activations.Relu, dead)
    np.testing.assert_allclose(actual.ravel(), expected, rtol=0, atol=1e-9)
    assert not actual[:, 2].any()


def test_a_dead_unit_costs_nothing_and_has_a_finite_slope(couple_at):
    value, coupling = couple_at(l1(0.3), np.full((N_ROWS, 2), -1.0), "relu")
    assert value == pytest.approx(0, abs=1e-300)
    np.testing.assert_allclose(coupling.plain, 0.3 / N_ROWS, rtol=1e-12)


@DTYPE
def test_the_coupling_has_the_dtype_asked_for(core, couple_at, dtype):
    penalty = core.penalties.KullbackLeibler(0.1, 0.7)
    for rows in (Z, SATURATED):
        assert couple_at(penalty, rows, dtype=dtype)[1].plain.dtype == dtype
    assert couple_at(l1(0.3), np.abs(Z), "relu", dtype)[1].plain.dtype == dtype
    assert Coupling.none(4, dtype).plain.dtype == dtype


def test_no_penalty_has_no_gradient():
    coupling = Coupling.none(4, np.float64)
    np.testing.assert_array_equal(coupling.plain, np.zeros(4))
    assert len(coupling.saturated) == 0
