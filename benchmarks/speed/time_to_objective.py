"""J against iterations and seconds: how long until the objective that a textbook L-BFGS reaches in 400 iterations?

    python -m benchmarks.speed.time_to_objective [--mnist PATH] [--quick] [--rows N] [--out time.json]
    python -m benchmarks.speed.report time.json

The textbook is SciPy's L-BFGS-B on PyTorch's gradient, with the weights as they are. It runs first; its lowest J is the
target, which `benchmarks.speed.report` looks for on the other curves: PyTorch's own L-BFGS (strong Wolfe line search, history 10) and
Adam, ours with all weights free, ours without the decoder where the loss is the squared error, and our Adam. They have as many
iterations (Adam: epochs), and `PATIENCE` times the textbook's time. All start from the same network, ours. Clocks start before
anything that depends on X is computed. Adam's J is that of all rows, whose evaluation its clock leaves out. That of PyTorch's
L-BFGS is the lowest of all evaluations so far, those within line searches included.
"""

import argparse
import json
import time
from contextlib import contextmanager, suppress

import numpy as np
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from benchmarks.speed import contenders
from benchmarks.datasets import digits, mnist
from benchmarks.speed.rounds import machine, threads
from skl_sparse_ae._estimator.history import Watch
from skl_sparse_ae._estimator.training import run_adam, run_lbfgs
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._solvers.lbfgs import LBFGS_HISTORY
from skl_sparse_ae._solvers.solution import Patience
from skl_sparse_ae._sparse.objective import Terms, evaluate
from skl_sparse_ae._sparse.problems import MiniBatchProblem
from skl_sparse_ae._sparse.weights import unflatten

N_ROWS, N_ITER, PATIENCE, BATCH = 2000, 400, 1.5, 256
# Of 1e-3 (PyTorch's default), 3e-3, 1e-2 and 3e-2: the lowest J, on digits and on MNIST, early and late but for ties.
TORCH_RATES = {"squared_error": 3e-3, "cross_entropy": 1e-2}
TEXTBOOK = "SciPy on PyTorch's gradient"
NEVER = {"max_iter": 10**6, "patience": Patience(0, 1)}


class Clock:
    """Records (seconds, J, iteration), and says when it is over: after so many iterations, or when the time is."""

    def __init__(self, n_iter=N_ITER, limit=np.inf):
        self.n_iter, self.limit, self.curve, self.paused = n_iter, limit, [], 0.0
        self.start = time.perf_counter()

    def is_over(self, value, number=None):
        seconds = time.perf_counter() - self.start - self.paused
        number = len(self.curve) + 1 if number is None else number
        self.curve.append((seconds, float(value), number))
        return number >= self.n_iter or seconds > self.limit

    @contextmanager
    def stopped(self):
        before = time.perf_counter()
        yield
        self.paused += time.perf_counter() - before


class _Over(Exception):
    pass


class ClockedWatch(Watch):
    """Puts every iterate on the clock; of Adam's, whose values are means over an epoch, J over all rows (`exactly`)."""

    def __init__(self, clock, exactly=None):
        super().__init__(Terms, 0)
        self.clock, self.exactly = clock, exactly

    def __call__(self, iterate):
        with self.clock.stopped():
            value = self.exactly(iterate.x) if self.exactly else iterate.value
        if self.clock.is_over(value):
            raise StopIteration
        return iterate.value


def by_scipy(X, k, loss, theta, clock):
    def accept(intermediate_result):
        if clock.is_over(intermediate_result.fun):
            raise StopIteration

    function = contenders.torch_value_and_gradient(torch.from_numpy(X), k, loss)
    options = {"maxiter": 10**6, "maxfun": 10**6, "maxcor": LBFGS_HISTORY, "ftol": 0, "gtol": 0}
    with threadpool_limits(
        1, user_api="blas"
    ):  # SciPy's, whose threads would spin on the cores of PyTorch's
        minimize(
            function,
            theta.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=accept,
            options=options,
        )


def by_torch(X, k, loss, theta, clock):
    weights, X = contenders.torch_weights(theta, k, X.shape[1]), torch.from_numpy(X)
    options = {"max_iter": 10**6, "max_eval": 10**6, "tolerance_grad": 0, "tolerance_change": 0}
    optimizer = torch.optim.LBFGS(
        weights, history_size=LBFGS_HISTORY, line_search_fn="strong_wolfe", **options
    )

    def closure():
        optimizer.zero_grad()
        value = contenders.torch_objective(X, *weights, loss)
        value.backward()
        if clock.is_over(value.item(), optimizer.state[weights[0]].get("n_iter", 0)):
            raise _Over
        return value

    with suppress(_Over):
        optimizer.step(closure)


def by_torch_adam(X, k, loss, theta, clock):
    weights, X = contenders.torch_weights(theta, k, X.shape[1]), torch.from_numpy(X)
    optimizer = torch.optim.Adam(weights, lr=TORCH_RATES[loss], fused=True)
    while True:
        for rows in torch.randperm(len(X)).split(BATCH):
            optimizer.zero_grad()
            contenders.torch_objective(X[rows], *weights, loss).backward()
            optimizer.step()
        with clock.stopped(), torch.no_grad():
            value = contenders.torch_objective(X, *weights, loss).item()
        if clock.is_over(value):
            return


def by_ours(X, k, loss, theta, clock):
    problem, _ = contenders.own_problem(X, k, loss)
    run_lbfgs(problem, X, problem.resume(theta), **NEVER, watch=ClockedWatch(clock))


def by_ours_eliminated(X, k, loss, theta, clock):
    problem = contenders.eliminated(contenders.own_problem(X, k, loss)[0], X)
    run_lbfgs(problem, X, problem.resume(theta), **NEVER, watch=ClockedWatch(clock))


def by_adam(X, k, loss, theta, clock):
    problem, _ = contenders.own_problem(X, k, loss, MiniBatchProblem)
    blocks = row_blocks(X, k)

    def exactly(x):
        return sum(
            evaluate(problem.objective, unflatten(problem.weights(x), k, X.shape[1]), blocks)[0]
        )

    options = {
        "batch_size": BATCH,
        "learning_rate": 0.01,
        "watch": ClockedWatch(clock, exactly),
        "memory": contenders.memory(k),
    }
    run_adam(problem, X, problem.resume(theta), np.random.default_rng(0), **NEVER, **options)


def curves(X, k, loss, seed, n_iter):
    """``{name: [(seconds, J, iteration), ...]}`` from one start. The first is the textbook's."""
    problem, _ = contenders.own_problem(X, k, loss)
    raw_output = problem.objective.loss.raw_of_mean(problem.frame.input_mean)
    theta = problem.weights(problem.first(raw_output, contenders.RHO, np.random.default_rng(seed)))
    methods = {TEXTBOOK: by_scipy, "PyTorch's L-BFGS": by_torch, "PyTorch's Adam": by_torch_adam}
    methods |= {"ours, all weights": by_ours, "ours, Adam": by_adam}
    methods |= {"ours, without the decoder": by_ours_eliminated} if loss == "squared_error" else {}
    found = {}
    for name, method in methods.items():
        time.sleep(0.1)  # for BLAS's threads, see `benchmarks.speed.objective.settled`
        clock = Clock(n_iter, PATIENCE * found[TEXTBOOK][-1][0] if found else np.inf)
        method(X, k, loss, theta, clock)
        found[name] = lowest_so_far(clock.curve)
    return found


def lowest_so_far(curve):
    seconds, values, numbers = zip(*curve, strict=True)
    return list(zip(seconds, np.minimum.accumulate(values).tolist(), numbers, strict=True))


def time_to_target(curves, name):
    """Seconds until the textbook's lowest J; infinite if it was not reached."""
    target = min(value for _, value, _ in curves[TEXTBOOK])
    return next((seconds for seconds, value, _ in curves[name] if value <= target), np.inf)


def study(path, quick=False, n_rows=N_ROWS, n_runs=3, n_threads=2):
    """A list of records, one for each problem and start."""
    problems = {"digits, k=64": (digits()[0] / 16, 64)}
    if path:
        name, n_rows = f"MNIST {500 if quick else n_rows} rows, k=196", 500 if quick else n_rows
        problems = {name: (mnist(path)[0][:n_rows], 196)} | problems
    records = []
    for loss in contenders.OWN_LOSSES:
        curves(
            np.random.default_rng(0).random((99, 9), dtype=np.float32), 3, loss, 0, 2
        )  # PyTorch imports half of itself late
        for seed in range(1 if quick else n_runs):
            for name, (X, k) in problems.items():
                with threads(n_threads):
                    found = curves(X.astype(np.float32), k, loss, seed, 40 if quick else N_ITER)
                records.append(
                    {
                        "problem": name,
                        "loss": loss,
                        "seed": seed,
                        "threads": n_threads,
                        "curves": found,
                    }
                )
                last = [
                    f"{who} J={curve[-1][1]:.5g} after {curve[-1][0]:.1f} s"
                    for who, curve in found.items()
                ]
                print(f"{name}, {loss}, start {seed}: {'; '.join(last)}", flush=True)
    return records


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="an .npz with X and y")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--runs", type=int, default=3, help="starts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", default="time.json")
    args = parser.parse_args()
    result = {
        "machine": machine(),
        "time to objective": study(args.mnist, args.quick, args.rows, args.runs, args.threads),
    }
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
