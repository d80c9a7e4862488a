import numpy as np
import pytest
from scipy.special import entr

from skl_sparse_ae._sparse.scale import Scale, factor_of

X = np.random.default_rng(0).uniform(0.1, 0.9, size=(1000, 20))


@pytest.fixture
def scale_of(core):
    """A function that returns the `Scale` of rows and a loss, or the name of a loss."""

    def scale(X, loss):
        loss = getattr(core.losses, loss) if isinstance(loss, str) else loss
        floor = 0.0 if loss.floor is None else loss.floor(X) / X.size
        moments = core.moments.Moments(len(X), X.mean(axis=0), X.var(axis=0), floor)
        return Scale.of(moments, loss)

    return scale


def by_hand(X, u, c):
    n, d = X.shape
    v = X.var(axis=0).mean()
    return Scale(0.2 * u, min(0.01 * d / n, 0.03) * d * v * u, 0.02 * c, u)


def test_for_squared_error_the_unit_is_the_variance(scale_of):
    v = X.var(axis=0).mean()
    np.testing.assert_allclose(scale_of(X, "SquaredError"), by_hand(X, v, 1.0), rtol=1e-12)
    few = X[:5]  # d / n is 4
    assert scale_of(few, "SquaredError").encoder_alpha == pytest.approx(
        0.03 * 20 * few.var(axis=0).mean() ** 2, rel=1e-12
    )


def test_for_cross_entropy_the_rows_own_entropy_is_no_part_of_the_unit(scale_of):
    m = X.mean(axis=0)
    u = (entr(m) + entr(1 - m)).mean() - (entr(X) + entr(1 - X)).mean()
    np.testing.assert_allclose(
        scale_of(X, "CrossEntropy"), by_hand(X, u, (m * (1 - m)).mean() / 2), rtol=1e-12
    )


def test_for_a_logistic_decoder_the_unit_is_what_it_can_reach(scale_of):
    v, m = X.var(axis=0).mean(), X.mean(axis=0)
    inside = by_hand(X, v, ((m * (1 - m)) ** 2).mean())
    np.testing.assert_allclose(scale_of(X, "LogisticSquaredError"), inside, rtol=1e-12)
    Z = 3 * X - 1
    u = np.square(Z - Z.mean(axis=0)).mean() - np.square(Z - np.clip(Z, 0, 1)).mean()
    assert scale_of(Z, "LogisticSquaredError").loss == pytest.approx(u, rel=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.5, 1.0])
def test_constant_rows_leave_nothing_to_explain(scale_of, loss, constant):
    scale = scale_of(np.full((5, 3), constant), loss)
    assert scale.loss == scale.sparsity_weight == scale.encoder_alpha == 0
    assert np.isfinite(scale).all()


@pytest.mark.parametrize("factor", [1e-300, 1e-100, 1e100, 1e150])
def test_no_unit_overflows(scale_of, factor):
    with np.errstate(all="ignore"):
        assert np.isfinite(scale_of(factor * X, "SquaredError")).all()


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("scale", 1),
        ("0.5*scale", 0.5),
        (" 2 * scale", 2),
        ("1e-3*scale", 1e-3),
        ("0*scale", 0),
        ("-1*scale", None),
    ]
    + [
        ("inf*scale", None),
        ("nan*scale", None),
        ("x*scale", None),
        ("scale*2", None),
        ("2*3*scale", None),
        ("", None),
    ],
)
def test_factors(text, factor):
    assert factor_of(text) == factor


def test_a_number_is_itself_and_a_multiple_is_that_many_times_the_scale():
    scale = Scale(0.1, 0.2, 0.3, 0.4)
    assert scale.resolve("encoder_alpha", np.float32(0.5)) == 0.5
    assert type(scale.resolve("encoder_alpha", 1)) is float
    assert scale.resolve("encoder_alpha", "scale") == 0.2
    assert scale.resolve("decoder_alpha", "2*scale") == 0.6
