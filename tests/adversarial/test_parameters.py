"""Expected results of bad, odd or merely unusual parameters.

See `test_rows`: cases are numbered, and calls are strict.
"""

import os
import re

import numpy as np
import pytest

from skl_sparse_ae import TopKAutoencoderTransformer, VariationalAutoencoderTransformer

NAME = "(Sparse|Variational|TopK)AutoencoderTransformer"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6))
U = RNG.uniform(size=(30, 6))
HOLES = np.where(np.abs(X) > 0.8, X, 0)  # two of five elements stored
SOLVERS = ["lbfgs", "adam"]
MODELS = [*SOLVERS, "variational", "topk"]  # the last two are classes with Adam only


def refused(number, name, *values, match="must be"):
    for value in values:
        message = rf"The '{name}' parameter of {NAME} {match}.*Got {re.escape(repr(value))} instead"
        without_address = re.sub(" at 0x.*", "", repr(value))  # every run collects the same tests
        yield pytest.param({name: value}, message, id=f"case{number}-{name}-{without_address}")


def good(number, *settings):
    for parameters in settings:
        name, value = next(iter(parameters.items()))
        yield pytest.param(parameters, None, id=f"case{number}-{name}-{value!r}")


nan, inf = np.nan, np.inf
PARAMETERS = [
    *refused(65, "n_components", 0, -1, 2.5, "10", None),
    *refused(66, "n_components", True, np.True_),
    *good(67, {"n_components": np.int64(3)}),
    *good(68, {"n_components": 7}, {"n_components": 31}),
    *refused(69, "sparsity_target", 0, 1, -0.1, 1.5, nan, "0.1"),
    *good(70, {"sparsity_target": 1e-12}, {"sparsity_target": 1 - 1e-12}),
    *refused(71, "sparsity_weight", -1, nan, inf),
    *good(71, {"sparsity_weight": 0}, {"sparsity_weight": 1e30}),
    *refused(72, "encoder_alpha", -1, inf, nan),
    *refused(72, "decoder_alpha", -1, inf, nan),
    *refused(73, "learning_rate_init", 0, -1, inf, nan),
    *refused(74, "batch_size", 0, -1, 1.5, "Auto", None),
    # No warning, unlike scikit-learn: 256 is the default, and small data sets are common.
    *good(75, {"batch_size": 10**6}),
    *good(76, {"batch_size": 1}),
    *refused(77, "max_iter", 0, -1, 1.5, inf, None),
    *refused(78, "tol", -1, nan, inf),
    *refused(79, "loss", "mse", None),
    *refused(80, "solver", "LBFGS", "sgd"),
    *refused(81, "warm_start", "yes", 1),
    *refused(82, "verbose", -1, "x"),
    *refused(83, "random_state", "a", -1, 1.5, 2**40),
    *refused(
        83,
        "random_state",
        np.random.default_rng(0),
        match=r"must be an int in the range \[0, 4294967295\], an instance of",
    ),
]


def of_both(table):
    """A row for each model that has the parameter."""
    others = {
        "variational": VariationalAutoencoderTransformer().get_params(),
        "topk": TopKAutoencoderTransformer().get_params(),
    }
    for param in table:
        for solver in MODELS:
            name = next(iter(param.values[0]))
            if solver in SOLVERS or name in others[solver]:
                yield pytest.param(*param.values, solver, id=f"{param.id}-{solver}")


@pytest.mark.parametrize(("parameters", "message", "solver"), of_both(PARAMETERS))
def test_what_becomes_of_these_parameters(
    parameters, message, solver, fits, fitted, make, fits_of, unchanged, strictly
):
    """Case 84: they are refused by `fit`, and never by `__init__` or `set_params`."""
    parameters = {"solver": solver} | parameters
    if message is None:
        return fits(X, **parameters)
    used = fitted(solver=solver)
    used.set_params(
        **{name: value for name, value in parameters.items() if name in used.get_params()}
    )
    for model in (make(**parameters), used):
        for name in fits_of(parameters["solver"]):
            with unchanged(model), strictly(), pytest.raises(ValueError, match=message):
                getattr(model, name)(X)


@pytest.mark.parametrize("solver", MODELS)
def test_case84_parameters_are_neither_checked_nor_changed_before_fit(solver, make):
    model = make(solver=solver)
    nonsense = dict.fromkeys(model.get_params(), "nonsense")
    assert (
        type(model)(**nonsense).get_params()
        == model.set_params(**nonsense).get_params()
        == nonsense
    )


@pytest.mark.parametrize(
    ("solver", "size"),
    [("lbfgs", 5.22e-5), ("adam", 5.22e-5), ("variational", 7.11e-5), ("topk", 5.23e-5)],
)
def test_case85_a_fit_that_cannot_fit_into_memory_says_how_much_it_needs(
    monkeypatch, solver, size, unchanged, fitted
):
    model = fitted(solver=solver).set_params(n_components=10**9)
    with (
        unchanged(model),
        pytest.raises(
            MemoryError, match=r"n_components=1000000000 needs at least .* GB, but this machine has"
        ),
    ):
        model.fit(X)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2}.get)
    # 1306 weights, or 1777 with layers of 5 and a variance, or one more with a threshold
    model.set_params(n_components=100)
    with (
        unchanged(model),
        pytest.raises(
            MemoryError, match=rf"n_components=100 needs at least {size:.3g} GB.* 8.19e-06 GB"
        ),
    ):
        model.fit(X)


def test_case86_more_weights_than_scipy_can_index_are_refused_before_they_are_made(
    monkeypatch, peak_memory, make
):
    monkeypatch.setattr(os, "sysconf", lambda _: 2**40)  # a machine that has the room
    too_many = 107_374_182 // 13 + 1

    def fit():
        with pytest.raises(
            ValueError, match=r"supports at most 107374182 parameters .* Use solver='adam'"
        ):
            make(n_components=too_many).fit(X)

    assert peak_memory(fit) < 50e6
