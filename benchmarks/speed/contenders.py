"""The same objective, and the same step of Adam, written by hand in NumPy and in PyTorch.

`agreement` compares their values, their gradients and their weights after a few steps with ours.
"""

import numpy as np
import torch
from sklearn.neural_network import MLPRegressor
from torch.nn import functional

from benchmarks import core
from benchmarks.speed.objective import DECODER_ALPHA, ENCODER_ALPHA, RHO, WEIGHT, textbook

RATE = 1e-3
TORCH_LOSSES = {
    "squared_error": functional.mse_loss,
    "cross_entropy": functional.binary_cross_entropy_with_logits,
}


def objective_of(loss):
    return core.objective(loss, RHO, WEIGHT, ENCODER_ALPHA, DECODER_ALPHA)


def own_problem(X, k, loss="squared_error", form=core.joint):
    """Our problem with all weights free, in the frame of a fit."""
    objective = objective_of(loss)
    return form(objective, core.own_frame(objective, X, k), X, k)


def own_weights(X, k):
    """The first weights of a fit, flat."""
    problem = own_problem(X, k)
    return core.to_weights(problem, core.first(problem, X))


# ------------------------------------------------------------------------------ the same objective


def torch_objective(X, We, be, Wd, bd, loss):
    A = torch.sigmoid(functional.linear(X, We, be))
    raw = torch.addmm(bd, A, Wd)
    rho_hat = A.mean(0)
    kl = RHO * torch.log(RHO / rho_hat) + (1 - RHO) * torch.log((1 - RHO) / (1 - rho_hat))
    decay = ENCODER_ALPHA * We.square().sum() + DECODER_ALPHA * Wd.square().sum()
    return TORCH_LOSSES[loss](raw, X) + WEIGHT * kl.sum() + decay / (2 * X.shape[1])


def torch_weights(theta, k, d):
    return [torch.tensor(part, requires_grad=True) for part in core.unflatten(theta, k, d)]


def torch_value_and_gradient(X, k, loss, function=torch_objective):
    """A function of flat weights, as SciPy expects it. X is a tensor."""

    def evaluate(theta):
        weights = torch_weights(theta.astype(X.numpy().dtype, copy=False), k, X.shape[1])
        value = function(X, *weights, loss)
        value.backward()
        return value.item(), np.concatenate([part.grad.numpy().ravel() for part in weights])

    return evaluate


def compiled_objective(X, k, loss="squared_error"):
    """Return the objective compiled by `torch.compile`, or None if that fails on this machine.

    The kernels are specific to this shape and to the current number of threads.
    """
    torch._dynamo.reset()
    function = torch.compile(torch_objective, dynamic=False)
    theta = np.zeros(core.n_weights(k, X.shape[1]))
    try:
        torch_value_and_gradient(X, k, loss, function)(theta)
    except Exception as error:
        reason = str(error).splitlines()[0]
        print(f"SKIPPED: torch.compile does not work here: {reason}", flush=True)
        return None
    return function


# ----------------------------------------------------------------------------------- the same step


def own_adam(X, k, batch, n_epochs):
    problem = own_problem(X, k, form=core.mini_batch)
    start = core.first(problem, X)
    return lambda: core.adam(problem, X, start, batch, RATE, n_epochs)


def textbook_adam_step(theta, m, v, g, t):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return theta - RATE * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v


def textbook_adam(X, k, batch, n_epochs):
    def run():
        theta, m, v, t, rng = start, 0, 0, 0, np.random.default_rng(0)
        for _ in range(n_epochs):
            for rows in np.array_split(rng.permutation(len(X)), len(X) // batch):
                _, gradient = textbook(X[rows], core.unflatten(theta, k, X.shape[1]))
                t += 1
                theta, m, v = textbook_adam_step(theta, m, v, gradient, t)

    start = own_weights(X, k)
    return run


def torch_adam(X, k, batch, n_epochs, function=torch_objective):
    weights, X = torch_weights(own_weights(X, k), k, X.shape[1]), torch.from_numpy(X)
    optimizer = torch.optim.Adam(weights, lr=RATE, fused=True)

    def run():
        for _ in range(n_epochs):
            for rows in torch.randperm(len(X)).split(batch):
                optimizer.zero_grad()
                function(X[rows], *weights, "squared_error").backward()
                optimizer.step()

    return run


def perceptron_adam(X, k, batch, n_epochs):
    """scikit-learn's regressor from X to X: the same network without the penalty, so less work."""
    options = {"batch_size": batch, "learning_rate_init": RATE, "alpha": ENCODER_ALPHA}
    model = MLPRegressor(hidden_layer_sizes=(k,), activation="logistic", solver="adam", **options)
    return lambda: [model.partial_fit(X, X) for _ in range(n_epochs)]


# --------------------------------------------------------------------------------------- agreement


def agreement(X, k):
    """Yield (what, largest difference from ours relative to the largest value), in float64."""
    theta = own_weights(X, k)
    for loss in core.LOSSES:
        value, gradient = core.value_and_gradient(objective_of(loss), theta, X)
        others = {"PyTorch": torch_value_and_gradient(torch.from_numpy(X), k, loss)(theta)}
        if loss == "squared_error":
            others["textbook NumPy"] = textbook(X, core.unflatten(theta, k, X.shape[1]))
        for name, (other_value, other_gradient) in others.items():
            yield f"{loss}, value, {name}", abs(other_value / value - 1)
            yield f"{loss}, gradient, {name}", difference(other_gradient, gradient)
    yield from _agreement_of_steps(X, k, theta)


def _agreement_of_steps(X, k, theta, n_steps=3):
    objective = objective_of("squared_error")
    state, book, weights = (
        core.adam_start(theta),
        (theta, 0, 0),
        torch_weights(theta, k, X.shape[1]),
    )
    optimizer = torch.optim.Adam(weights, lr=RATE, fused=True)
    for t in range(1, n_steps + 1):
        state = core.adam_step(state, core.value_and_gradient(objective, state.x, X)[1], RATE)
        gradient = textbook(X, core.unflatten(book[0], k, X.shape[1]))[1]
        book = textbook_adam_step(*book, gradient, t)
        optimizer.zero_grad()
        torch_objective(torch.from_numpy(X), *weights, "squared_error").backward()
        optimizer.step()
    theirs = np.concatenate([w.detach().numpy().ravel() for w in weights])
    yield "weights after 3 steps of Adam, PyTorch", difference(theirs, state.x)
    yield "weights after 3 steps of Adam, textbook NumPy", difference(book[0], state.x)


def difference(other, own):
    return float(np.abs(other - own).max() / np.abs(own).max())
