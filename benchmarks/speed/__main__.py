"""How fast it is: steps, evaluations, time to an objective and whole jobs, against what one would use instead.

    python -m benchmarks [--mnist PATH] [--quick] [--busy] [--parts PART ...] [--out speed.json]
    python -m benchmarks.speed.report speed.json [--docs docs]

PATH is an .npz with X of shape (n, 784) in 0..255 and labels y, in random order; without it random rows of that shape stand in
where only speed matters, and the rest is left out. All contenders have the same objective, `benchmarks.speed.contenders` checks it
first, and run in turn; the report gives medians of the ratios within a round. "Products" are the five matrix products alone,
in the same run: split over BLAS's threads, split by rows over ours, and as PyTorch's own BLAS does them. --busy repeats every
round of steps and evaluations beside a process that multiplies matrices on one thread.
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

from benchmarks.speed import contenders, growth, jobs, products, time_to_objective
from benchmarks.datasets import digits, mnist
from benchmarks.speed.objective import peak_megabytes, textbook
from benchmarks.speed.rounds import CLOCKS, loads, machine, measure, threads
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._sparse.weights import unflatten

STEPS = [
    ("784-1000-784", 1000, 1000, 5),
    ("784-196-784", 196, 200, 20),
    ("digits 64-64-64", 64, 200, 80),
]  # k, batch, steps
EVALUATIONS = [
    (20_000, 100, 50, "float64"),
    (10_000, 784, 64, "float64"),
    (10_000, 784, 196, "float32"),
]
TRANSFORM = (10_000, 784, 1000)
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
    problem, start = contenders.own_problem(X, k)
    ours, theta, X_torch = (
        contenders.eliminated(problem, X),
        problem.weights(start),
        torch.from_numpy(X),
    )
    compiled = contenders.compiled_objective(X_torch, k)
    evaluate = partial(contenders.torch_value_and_gradient, X_torch, k, "squared_error")
    runs = {
        "textbook NumPy": lambda: textbook(X, unflatten(theta, k, X.shape[1])),
        "PyTorch": partial(evaluate(), theta),
        "PyTorch compiled": compiled and partial(evaluate(compiled), theta),
    }
    own = {
        "ours": partial(contenders.own_evaluation, ours, ours.resume(problem.weights(start)), X),
        "ours, joint": partial(contenders.own_evaluation, problem, start, X),
    }
    return own | plain(runs) | products.floors(X, row_blocks(X, k), k, 1)


def transform_contenders(X, k):
    model = SparseAutoencoderTransformer(k, solver="adam", max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one epoch is no fit
        model.fit(X[:256])
    We, be, out = model.components_, model.intercept_, np.empty((len(X), k), dtype=X.dtype)
    tensors = [torch.from_numpy(array) for array in (X, We, be)]
    blocks = np.array_split(X, torch.get_num_threads())
    parts = [
        partial(np.matmul, rows, We.T, out=part)
        for rows, part in zip(blocks, np.array_split(out, len(blocks)), strict=True)
    ]
    runs = {
        "ours": lambda: model.transform(X),
        "textbook NumPy": lambda: expit(X @ We.T + be),
        "PyTorch": lambda: torch.sigmoid(torch.nn.functional.linear(*tensors)),
        "products": lambda: np.matmul(X, We.T, out=out),
        "products, PyTorch": lambda: torch.mm(tensors[0], tensors[1].T, out=torch.from_numpy(out)),
    }
    return plain(runs) | {"products, row workers": partial(products.in_row_workers, parts, 1)}


def plain(runs):
    """Functions to time, or None for what there is not, as contenders that need no preparation."""
    return {name: partial(nullcontext, run) for name, run in runs.items() if run}


def cases(parts, path, quick):
    """(part, name, steps in a call, function that makes the contenders)."""
    fewer = 5 if quick else 1
    if "steps" in parts:
        for name, k, batch, n_steps in STEPS:
            X = digits()[0] / 16 if name.startswith("digits") else mnist(path)[0]
            n_rows = batch * min(n_steps, len(X) // batch)
            yield (
                "steps",
                f"{name}, batch {batch}",
                n_steps,
                partial(step_contenders, f32(X[:n_rows]), k, batch, n_steps),
            )
    if "evaluations" in parts:
        for n, d, k, dtype in EVALUATIONS:
            X = (
                mnist(path)[0][: n // fewer]
                if d == 784
                else np.random.default_rng(0).random((n // fewer, d))
            )
            yield (
                "evaluations",
                f"{len(X)}x{d}, k={k}, {dtype}",
                1,
                partial(evaluation_contenders, X.astype(dtype), k),
            )
    if "transform" in parts:
        n, d, k = TRANSFORM
        X = f32(mnist(path)[0][: n // fewer])
        yield "transform", f"{len(X)}x{d}, k={k}, float32", 1, partial(transform_contenders, X, k)


def f32(X):
    return np.ascontiguousarray(X, dtype=np.float32)


def measurements(parts, path, quick, n_rounds, available, clock):
    """Yield a record for each case, number of threads and load."""
    for part, name, n_steps, make in cases(parts, path, quick):
        most = 1 if clock == "cpu" else min(2, len(os.sched_getaffinity(0)))
        for n_threads in range(1, most + 1):
            with threads(n_threads):
                made = make()
                for load, seconds in measure(made, n_rounds, available, CLOCKS[clock]).items():
                    each = {who: [s / n_steps for s in values] for who, values in seconds.items()}
                    record = {
                        "part": part,
                        "case": name,
                        "threads": n_threads,
                        "load": load,
                        "seconds": each,
                    }
                    print(
                        f"{part}, {name}, {n_threads} threads, {load}:", medians(each), flush=True
                    )
                    yield record | ({"megabytes": megabytes(made)} if part == "evaluations" else {})


def medians(seconds):
    return ", ".join(f"{name} {1e3 * np.median(values):.2f} ms" for name, values in seconds.items())


def megabytes(made):
    """At the peak, beyond the inputs; the memory that a fit keeps for the code is counted."""

    def once(name):
        with made[name]() as call:
            call()

    return {name: peak_megabytes(partial(once, name)) for name in ("ours", "textbook NumPy")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="an .npz with X and y")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer rows, rounds and iterations: a test of the benchmark",
    )
    parser.add_argument("--busy", action="store_true", help="also beside a busy process")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="cpu: one thread's own time, for machines in use",
    )
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--runs", type=int, default=3, help="starts, in the time to an objective and in the jobs"
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=time_to_objective.N_ROWS,
        help="of MNIST, in the time to an objective",
    )
    parser.add_argument("--out", default="speed.json")
    args = parser.parse_args()

    for what, size in contenders.agreement(digits()[0][:300] / 16, 20):
        print(f"agreement, {what}: {size:.1e}")
        assert size < 1e-9, what
    result = {"machine": machine(), "quick": args.quick, "clock": args.clock, "times": []}
    with loads(args.busy) as available:
        n_rounds = 2 if args.quick else args.rounds
        for record in measurements(
            args.parts, args.mnist, args.quick, n_rounds, available, args.clock
        ):
            result["times"].append(record)
            save(result, args.out)  # each time, for whoever loses patience
    if "time to objective" in args.parts:
        result["time to objective"] = time_to_objective.study(
            args.mnist, args.quick, args.rows, args.runs
        )
        save(result, args.out)
    if "jobs" in args.parts:
        result["jobs"] = jobs.study(args.mnist, args.quick, args.runs)
        save(result, args.out)
    if "growth" in args.parts:
        result |= growth.study(args.quick)
        save(result, args.out)


def save(result, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
