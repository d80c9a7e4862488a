"""The translated parameters give the objectives of the other implementations."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.datasets import load_digits

from skl_sparse_ae import SparseAutoencoderTransformer, compat
from skl_sparse_ae.compat import matlab_parameters, ufldl_parameters

# Models are stopped after a few iterations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]


@pytest.fixture(scope="module")
def X():
    return load_digits().data[:300] / 16


def kullback_leibler(rho, rho_hat):
    return sum(rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat)))


def ufldl_cost(data, W1, b1, W2, b2, output, lambda_, sparsity_param, beta):
    """sparseAutoencoderCost.m: samples in columns, W1 hidden x visible, W2 visible x hidden."""
    m = data.shape[1]
    a2 = expit(W1 @ data + b1[:, None])
    a3 = output(W2 @ a2 + b2[:, None])
    cost = sum(0.5 * np.linalg.norm(a3[:, i] - data[:, i]) ** 2 for i in range(m)) / m
    decay = lambda_ / 2 * (np.sum(W1**2) + np.sum(W2**2))
    return cost + decay + beta * kullback_leibler(sparsity_param, a2.mean(axis=1))


def matlab_cost(data, W1, b1, W2, b2, output, l2, proportion, sparsity):
    """E = 1/N sum_n sum_k (x_kn - x_hat_kn)^2 + lambda * Omega_weights + beta * Omega_sparsity."""
    n_observations = data.shape[1]
    z = expit(W1 @ data + b1[:, None])
    mean_squared_error = np.sum((data - output(W2 @ z + b2[:, None])) ** 2) / n_observations
    omega_weights = 0.5 * (np.sum(W1**2) + np.sum(W2**2))
    return (
        mean_squared_error
        + l2 * omega_weights
        + sparsity * kullback_leibler(proportion, z.mean(axis=1))
    )


def fitted(parameters, X):
    """A model after a few iterations, and its weights in the shapes of the other programs."""
    model = SparseAutoencoderTransformer(**parameters | {"max_iter": 5, "random_state": 0}).fit(X)
    weights = (
        model.components_,
        model.intercept_,
        model.decoder_components_.T,
        model.decoder_intercept_,
    )
    return model, weights


@pytest.mark.parametrize(("decoder", "output"), [("sigmoid", expit), ("linear", lambda z: z)])
@pytest.mark.parametrize(
    ("lambda_", "sparsity_param", "beta"),
    [(1e-4, 0.01, 3), (3e-3, 0.1, 3), (0.2, 0.3, 0), (0, 0.05, 7)],
)
def test_the_parameters_of_ufldl_give_its_objective(
    X, decoder, output, lambda_, sparsity_param, beta
):
    constants = {"lambda_": lambda_, "sparsity_param": sparsity_param, "beta": beta}
    model, weights = fitted(ufldl_parameters(64, hidden_size=9, decoder=decoder, **constants), X)
    assert ufldl_cost(X.T, *weights, output, **constants) == pytest.approx(
        64 / 2 * model.loss_, rel=1e-9
    )


@pytest.mark.parametrize(("decoder", "output"), [("logsig", expit), ("purelin", lambda z: z)])
@pytest.mark.parametrize(
    ("l2", "proportion", "sparsity"),
    [(1e-3, 0.05, 1), (4e-3, 0.15, 4), (0.2, 0.3, 0), (0, 0.05, 7)],
)
def test_the_parameters_of_matlab_give_its_objective(X, decoder, output, l2, proportion, sparsity):
    constants = {
        "l2_weight_regularization": l2,
        "sparsity_proportion": proportion,
        "sparsity_regularization": sparsity,
    }
    parameters = matlab_parameters(
        64, hidden_size=9, decoder_transfer_function=decoder, **constants
    )
    model, weights = fitted(parameters, X)
    assert matlab_cost(X.T, *weights, output, l2, proportion, sparsity) == pytest.approx(
        64 * model.loss_, rel=1e-9
    )


def test_defaults_are_those_of_the_first_exercise_and_of_train_autoencoder():
    common = {"loss": "squared_error", "decoder_activation": "logistic"}
    ng = {"n_components": 25, "sparsity_target": 0.01, "sparsity_weight": 6 / 64, "max_iter": 400}
    assert ufldl_parameters(64) == common | ng | {"encoder_alpha": 2e-4, "decoder_alpha": 2e-4}
    matlab = {
        "n_components": 10,
        "sparsity_target": 0.05,
        "sparsity_weight": 1 / 64,
        "max_iter": 1000,
    }
    assert matlab_parameters(64) == common | matlab | {"encoder_alpha": 1e-3, "decoder_alpha": 1e-3}


@pytest.mark.parametrize(
    ("translate", "constants", "error", "message"),
    [
        (
            ufldl_parameters,
            {"decoder": "relu"},
            ValueError,
            r"decoder must be one of \['sigmoid', 'linear'\]",
        ),
        (ufldl_parameters, {"beta": -1}, ValueError, "beta == -1, must be >= 0"),
        (ufldl_parameters, {"lambda_": "small"}, TypeError, "lambda_ must be an instance of"),
        (
            ufldl_parameters,
            {"sparsity_param": 1.0},
            ValueError,
            "sparsity_param == 1.0, must be < 1",
        ),
        (
            matlab_parameters,
            {"decoder_transfer_function": "satlin"},
            ValueError,
            "decoder_transfer_function must be one of",
        ),
        (
            matlab_parameters,
            {"encoder_transfer_function": "satlin"},
            ValueError,
            "encoder_transfer_function must be one of",
        ),
        (
            matlab_parameters,
            {"l2_weight_regularization": -1},
            ValueError,
            "l2_weight_regularization == -1",
        ),
        (matlab_parameters, {"max_epochs": 0}, ValueError, "max_epochs == 0, must be >= 1"),
        (matlab_parameters, {"n_features": 6.4}, TypeError, "n_features must be an instance of"),
    ],
)
def test_constants_out_of_range_are_refused_by_their_own_names(
    translate, constants, error, message
):
    with pytest.raises(error, match=message):
        translate(**{"n_features": 64} | constants)


def test_all_that_is_public_is_documented():
    assert all(">>>" in getattr(compat, name).__doc__ for name in compat.__all__)
