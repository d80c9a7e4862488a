"""The same objective, and the same step of Adam, as others would write them.

`agreement` compares values, gradients and weights after a few steps with ours: `benchmarks.speed` runs it before anything else.
"""

from contextlib import contextmanager

import numpy as np
import torch
from sklearn.neural_network import MLPRegressor
from torch.nn import functional

from benchmarks.speed.objective import DECODER_ALPHA, ENCODER_ALPHA, RHO, WEIGHT, textbook
from skl_sparse_ae._estimator.history import Watch
from skl_sparse_ae._estimator.training import run_adam
from skl_sparse_ae._nn.losses import CrossEntropy, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.blocks import rooms_for_code, row_blocks
from skl_sparse_ae._rows.executor import row_workers
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._solvers.adam import adam_start, adam_step
from skl_sparse_ae._solvers.solution import Patience
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective
from skl_sparse_ae._sparse.problems import EliminatedProblem, JointProblem, MiniBatchProblem
from skl_sparse_ae._sparse.weights import n_weights, unflatten

RATE = 1e-3
OWN_LOSSES = {"squared_error": SquaredError, "cross_entropy": CrossEntropy}
TORCH_LOSSES = {
    "squared_error": functional.mse_loss,
    "cross_entropy": functional.binary_cross_entropy_with_logits,
}


def objective_of(loss):
    return Objective(OWN_LOSSES[loss], KullbackLeibler(RHO, WEIGHT), ENCODER_ALPHA, DECODER_ALPHA)


def own_problem(X, k, loss="squared_error", form=JointProblem):
    """Our problem with all weights free, in our frame, and where it starts."""
    objective, (mean, variance) = objective_of(loss), column_moments(row_blocks(X, k))
    problem = form(
        objective, Frame.of(mean, variance, RHO, objective.loss.raw_scale(variance)), k, X.dtype
    )
    return problem, problem.first(objective.loss.raw_of_mean(mean), RHO, np.random.default_rng(0))


def eliminated(problem, X):
    blocks = row_blocks(X, problem.n_components)
    return EliminatedProblem(problem, blocks, column_moments(blocks)[1].sum())


@contextmanager
def own_evaluation(problem, x, X):
    """As in a fit: the row workers and the memory of the code are there."""
    blocks = row_blocks(X, problem.n_components)
    rooms = rooms_for_code(blocks, problem.n_components)
    with row_workers(len(blocks)) as (map, _):
        yield lambda: problem(x, blocks, rooms, map)


# ------------------------------------------------------------------------------------------------- the same objective


def torch_objective(X, We, be, Wd, bd, loss):
    A = torch.sigmoid(functional.linear(X, We, be))
    raw = torch.addmm(bd, A, Wd)
    rho_hat = A.mean(0)
    kl = RHO * torch.log(RHO / rho_hat) + (1 - RHO) * torch.log((1 - RHO) / (1 - rho_hat))
    decay = ENCODER_ALPHA * We.square().sum() + DECODER_ALPHA * Wd.square().sum()
    return TORCH_LOSSES[loss](raw, X) + WEIGHT * kl.sum() + decay / (2 * X.shape[1])


def torch_weights(theta, k, d):
    return [torch.tensor(part, requires_grad=True) for part in unflatten(theta, k, d)]


def torch_value_and_gradient(X, k, loss, function=torch_objective):
    """A function of flat weights, as SciPy wants it; X is a tensor."""

    def evaluate(theta):
        weights = torch_weights(theta.astype(X.numpy().dtype, copy=False), k, X.shape[1])
        value = function(X, *weights, loss)
        value.backward()
        return value.item(), np.concatenate([part.grad.numpy().ravel() for part in weights])

    return evaluate


def compiled_objective(X, k, loss="squared_error"):
    """`torch.compile` for exactly this shape and number of threads, both of which it writes into its kernels, or None."""
    torch._dynamo.reset()
    function = torch.compile(torch_objective, dynamic=False)
    try:
        torch_value_and_gradient(X, k, loss, function)(np.zeros(n_weights(k, X.shape[1])))
    except Exception as error:
        print(
            f"SKIPPED: torch.compile does not work here: {str(error).splitlines()[0]}", flush=True
        )
        return None
    return function


# ------------------------------------------------------------------------------------------------------ the same step


def own_adam(X, k, batch, n_epochs):
    problem, start = own_problem(X, k, form=MiniBatchProblem)
    options = {
        "batch_size": batch,
        "learning_rate": RATE,
        "max_iter": n_epochs,
        "patience": Patience(0, 1),
        "memory": memory(k),
    }
    return lambda: run_adam(
        problem, X, start, np.random.default_rng(0), **options, watch=Watch(problem.terms, 0)
    )


def memory(k):
    """What Adam's running mean of the activations starts from."""
    return np.full(k, RHO)


def textbook_adam_step(theta, m, v, g, t):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return theta - RATE * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v


def textbook_adam(X, k, batch, n_epochs):
    def run():
        theta, m, v, t, rng = start, 0, 0, 0, np.random.default_rng(0)
        for _ in range(n_epochs):
            for rows in np.array_split(rng.permutation(len(X)), len(X) // batch):
                _, gradient = textbook(X[rows], unflatten(theta, k, X.shape[1]))
                t += 1
                theta, m, v = textbook_adam_step(theta, m, v, gradient, t)

    start = own_weights(X, k)
    return run


def own_weights(X, k):
    problem, start = own_problem(X, k)
    return problem.weights(start)


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
    """scikit-learn's regressor from X to X: the same network without the penalty on the code, and so less work."""
    options = {
        "solver": "adam",
        "batch_size": batch,
        "learning_rate_init": RATE,
        "alpha": ENCODER_ALPHA,
    }
    model = MLPRegressor(hidden_layer_sizes=(k,), activation="logistic", **options)
    return lambda: [model.partial_fit(X, X) for _ in range(n_epochs)]


# -------------------------------------------------------------------------------------------------------- agreement


def agreement(X, k):
    """Rows of (what, largest difference from ours relative to the largest value), in float64."""
    theta, identity = own_weights(X, k), Frame(np.zeros(X.shape[1]), 1.0, 0.0, 1.0)
    for loss in OWN_LOSSES:
        problem = JointProblem(objective_of(loss), identity, k, X.dtype)
        value, gradient, _ = problem(theta, [X])
        others = {"PyTorch": torch_value_and_gradient(torch.from_numpy(X), k, loss)(theta)}
        if loss == "squared_error":
            others["textbook NumPy"] = textbook(X, unflatten(theta, k, X.shape[1]))
        for name, (other_value, other_gradient) in others.items():
            yield f"{loss}, value, {name}", abs(other_value / value - 1)
            yield f"{loss}, gradient, {name}", difference(other_gradient, gradient)
    yield from _agreement_of_steps(
        X, k, theta, JointProblem(objective_of("squared_error"), identity, k, X.dtype)
    )


def _agreement_of_steps(X, k, theta, problem, n_steps=3):
    state, book, weights = adam_start(theta), (theta, 0, 0), torch_weights(theta, k, X.shape[1])
    optimizer = torch.optim.Adam(weights, lr=RATE, fused=True)
    for t in range(1, n_steps + 1):
        state = adam_step(state, problem(state.x, [X])[1], RATE)
        book = textbook_adam_step(*book, textbook(X, unflatten(book[0], k, X.shape[1]))[1], t)
        optimizer.zero_grad()
        torch_objective(torch.from_numpy(X), *weights, "squared_error").backward()
        optimizer.step()
    yield (
        "weights after 3 steps of Adam, PyTorch",
        difference(np.concatenate([w.detach().numpy().ravel() for w in weights]), state.x),
    )
    yield "weights after 3 steps of Adam, textbook NumPy", difference(book[0], state.x)


def difference(other, own):
    return float(np.abs(other - own).max() / np.abs(own).max())
