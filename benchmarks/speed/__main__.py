"""How fast are steps, evaluations and whole jobs, compared with the alternatives?

    python -m benchmarks.speed --mnist mnist.npz --busy --out speed.json    # an hour
    python -m benchmarks.speed.report speed.json --docs docs

The file is an .npz with X of shape (n, 784) in 0..255 and labels y, in random order. Without
--mnist, random rows of that shape stand in where only speed matters, and the rest is left out. All
contenders have the same objective, which is checked first, and they take turns; the report has
medians of the ratios within a round. "products" are the five matrix products alone, in the same
run: split over BLAS's threads, split by rows over ours, and computed by PyTorch's own BLAS. --busy
repeats every round of steps and evaluations beside a process that multiplies matrices on one
thread.
"""

import argparse
import json
import os
import warnings
from contextlib import nullcontext
from functools import partial

import numpy as np
import torch
from scipy.special import expit

from benchmarks import core
from benchmarks.datasets import digits, mnist
from benchmarks.speed import contenders, growth, jobs, products, time_to_objective
from benchmarks.speed.objective import peak_megabytes, textbook
from benchmarks.speed.rounds import CLOCKS, loads, machine, measure, threads
from skl_sparse_ae import SparseAutoencoderTransformer

STEPS = [  # name, units, rows in a batch, steps
    ("784-1000-784", 1000, 1000, 5),
    ("784-196-784", 196, 200, 20),
    ("digits 64-64-64", 64, 200, 80),
]
EVALUATIONS = [  # rows, features, units, dtype
    (20_000, 100, 50, "float64"),
    (10_000, 784, 64, "float64"),
    (10_000, 784, 196, "float32"),
]
TRANSFORM = (10_000, 784, 1000)  # rows, features, units
PARTS = ("steps", "evaluations", "transform", "time to objective", "jobs", "growth")


def step_contenders(X, k, batch, n_steps):
    n_epochs = n_steps * batch // len(X)
    compiled = contenders.compiled_objective(torch.from_numpy(X[:batch]), k)
    arguments = X, k, batch, n_epochs
    runs = {
        "ours": contenders.own_adam(*arguments),
        "textbook NumPy": contenders.textbook_adam(*arguments),
        "PyTorch": contenders.torch_adam(*arguments),
        "PyTorch compiled": compiled and contenders.torch_adam(*arguments, compiled),
        "MLPRegressor, no penalty": contenders.perceptron_adam(*arguments),
    }
    blocks = np.array_split(X[:batch], torch.get_num_threads())
    return plain(runs) | products.floors(X[:batch], blocks, k, n_steps)


def evaluation_contenders(X, k):
    problem, X_torch = contenders.own_problem(X, k), torch.from_numpy(X)
    start = core.first(problem, X)
    theta, ours = core.to_weights(problem, start), core.eliminated(problem, X)
    compiled = contenders.compiled_objective(X_torch, k)
    evaluate = partial(contenders.torch_value_and_gradient, X_torch, k, "squared_error")
    runs = {
        "textbook NumPy": lambda: textbook(X, core.unflatten(theta, k, X.shape[1])),
        "PyTorch": partial(evaluate(), theta),
        "PyTorch compiled": compiled and partial(evaluate(compiled), theta),
    }
    own = {
        "ours": partial(core.evaluation, ours, core.from_weights(ours, theta), X),
        "ours, joint": partial(core.evaluation, problem, start, X),
    }
    return own | plain(runs) | products.floors(X, core.row_blocks(X, k), k, 1)


def transform_contenders(X, k):
    model = SparseAutoencoderTransformer(k, solver="adam", max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one epoch is no fit
        model.fit(X[:256])
    We, be, out = model.components_, model.intercept_, np.empty((len(X), k), dtype=X.dtype)
    tensors, n_parts = [torch.from_numpy(array) for array in (X, We, be)], torch.get_num_threads()
    pairs = zip(np.array_split(X, n_parts), np.array_split(out, n_parts), strict=True)
    parts = [partial(np.matmul, rows, We.T, out=part) for rows, part in pairs]
    runs = {
        "ours": lambda: model.transform(X),
        "textbook NumPy": lambda: expit(X @ We.T + be),
        "PyTorch": lambda: torch.sigmoid(torch.nn.functional.linear(*tensors)),
        "products": lambda: np.matmul(X, We.T, out=out),
        "products, PyTorch": lambda: torch.mm(tensors[0], tensors[1].T, out=torch.from_numpy(out)),
    }
    return plain(runs) | {"products, row workers": partial(products.in_row_workers, parts, 1)}


def plain(runs):
    """Make contenders of functions that need no preparation; leave out those that are None."""
    return {name: partial(nullcontext, run) for name, run in runs.items() if run}


def cases(parts, path, quick):
    """Yield (part, name, steps in a call, function that makes the contenders)."""
    fewer = 5 if quick else 1
    if "steps" in parts:
        for name, k, batch, n_steps in STEPS:
            X = digits()[0] / 16 if name.startswith("digits") else mnist(path)[0]
            X = f32(X[: batch * min(n_steps, len(X) // batch)])
            make = partial(step_contenders, X, k, batch, n_steps)
            yield "steps", f"{name}, batch {batch}", n_steps, make
    if "evaluations" in parts:
        for n, d, k, dtype in EVALUATIONS:
            X = mnist(path)[0] if d == 784 else np.random.default_rng(0).random((n, d))
            X = X[: n // fewer].astype(dtype)
            make = partial(evaluation_contenders, X, k)
            yield "evaluations", f"{len(X)}x{d}, k={k}, {dtype}", 1, make
    if "transform" in parts:
        n, d, k = TRANSFORM
        X = f32(mnist(path)[0][: n // fewer])
        yield "transform", f"{len(X)}x{d}, k={k}, float32", 1, partial(transform_contenders, X, k)


def f32(X):
    return np.ascontiguousarray(X, dtype=np.float32)


def measurements(parts, path, quick, n_rounds, available, clock):
    """Yield a record for each case, number of threads and load."""
    most = 1 if clock == "cpu" else min(2, len(os.sched_getaffinity(0)))
    for part, name, n_steps, make in cases(parts, path, quick):
        for n_threads in range(1, most + 1):
            with threads(n_threads):
                made = make()
                for load, seconds in measure(made, n_rounds, available, CLOCKS[clock]).items():
                    each = {who: [s / n_steps for s in values] for who, values in seconds.items()}
                    where = f"{part}, {name}, {n_threads} threads, {load}"
                    print(f"{where}: {medians(each)}", flush=True)
                    record = {"part": part, "case": name, "threads": n_threads, "load": load}
                    memory = {"megabytes": megabytes(made)} if part == "evaluations" else {}
                    yield record | {"seconds": each} | memory


def medians(seconds):
    return ", ".join(f"{name} {1e3 * np.median(values):.2f} ms" for name, values in seconds.items())


def megabytes(made):
    """Peak memory beyond the inputs, including the memory that a fit keeps for the code."""

    def once(name):
        with made[name]() as call:
            call()

    return {name: peak_megabytes(partial(once, name)) for name in ("ours", "textbook NumPy")}


def main():
    args = parsed()
    for what, size in contenders.agreement(digits()[0][:300] / 16, 20):
        print(f"agreement, {what}: {size:.1e}")
        assert size < 1e-9, what
    result = {"machine": machine(), "quick": args.quick, "clock": args.clock, "times": []}
    n_rounds = 2 if args.quick else args.rounds
    with loads(args.busy) as available:
        what = args.parts, args.mnist, args.quick, n_rounds, available, args.clock
        for record in measurements(*what):
            result["times"].append(record)
            save(result, args.out)  # after each one, so that an interrupted run is not lost
    for part, study in studies(args).items():
        if part in args.parts:
            result |= study()
            save(result, args.out)


def studies(args):
    """The parts that are modules of their own, as functions that return their results."""
    path, quick, runs = args.mnist, args.quick, args.runs
    objective = "time to objective"
    return {
        objective: lambda: {objective: time_to_objective.study(path, quick, args.rows, runs)},
        "jobs": lambda: {"jobs": jobs.study(path, quick, runs)},
        "growth": lambda: growth.study(quick),
    }


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="an .npz with X and y")
    quick = "fewer rows, rounds and iterations: a test of the benchmark"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--busy", action="store_true", help="also beside a busy process")
    own = "cpu: one thread's own time, for machines in use"
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help=own)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--rounds", type=int, default=7)
    runs = "starts, in the time to an objective and in the jobs"
    parser.add_argument("--runs", type=int, default=3, help=runs)
    rows, n_rows = "rows of MNIST, in the time to an objective", time_to_objective.N_ROWS
    parser.add_argument("--rows", type=int, default=n_rows, help=rows)
    parser.add_argument("--out", default="speed.json")
    return parser.parse_args()


def save(result, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
