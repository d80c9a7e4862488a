"""Does memory grow, or a call slow down, in a process that trains for a day?

    python -m benchmarks.scale.soak --calls 86400 --fits 1000    # 4 minutes

A day has 86,400 calls of `partial_fit`, one a second, each with 32 rows of 16 features. `fit`
alternates between the two solvers on 5,000 rows, enough for L-BFGS to make blocks and start
threads. Each has a process of its own, so that neither can hide in memory that the other has
freed. Drift is resident memory at the end less that after the first twentieth of the calls,
garbage collected. On Linux it comes from /proc/self/statm, exact to a few dozen pages a core.
Elsewhere it comes from `resource.getrusage`, which has the peak only.
"""

import argparse
import gc
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from skl_sparse_ae import SparseAutoencoderTransformer

N_UNITS, N_FEATURES = 8, 16
N_PARTS = 20


def mebibytes():
    gc.collect()
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def partial_fits():
    """Return a function that makes one call, given its number."""
    model = SparseAutoencoderTransformer(N_UNITS, solver="adam", random_state=0)
    batches = np.random.default_rng(0).random((10, 32, N_FEATURES))
    return lambda number: model.partial_fit(batches[number % len(batches)])


def fits():
    options = {"n_components": N_UNITS, "max_iter": 10, "tol": 0, "random_state": 0}
    models = [
        SparseAutoencoderTransformer(solver=solver, **options) for solver in ("lbfgs", "adam")
    ]
    X = np.random.default_rng(0).random((5000, N_FEATURES))
    return lambda number: models[number % len(models)].fit(X)


def soak(calls, n_calls):
    """Memory in MiB, and CPU milliseconds a call, after each twentieth of the calls: (20,) each."""
    call, memory, duration = calls(), [], []
    for part in np.array_split(np.arange(n_calls), N_PARTS):
        start = time.process_time()
        for number in part:
            call(number)
        duration.append(1e3 * (time.process_time() - start) / len(part))
        memory.append(mebibytes())
    return np.array(memory), np.array(duration)


def in_own_process(calls, n_calls):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(soak, calls, n_calls).result()


COLUMNS = (
    "calls",
    "MiB after 5%",
    "MiB at the end",
    "drift, MiB",
    "goal",
    "CPU ms a call, second 5%",
    "CPU ms a call, last 5%",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    at_least = "at least 20; 0 for none"
    parser.add_argument("--calls", type=int, default=86_400, help=f"of partial_fit, {at_least}")
    parser.add_argument("--fits", type=int, default=1000, help=f"of fit, {at_least}")
    args = parser.parse_args()

    if sys.platform != "linux":
        print("Memory is the peak so far: memory that was given back does not show.\n")
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    if args.calls:
        print_row("partial_fit", partial_fits, args.calls, goal=1)
    if args.fits:
        print_row("fit", fits, args.fits, goal=2)


def print_row(name, calls, n_calls, goal):
    memory, duration = in_own_process(calls, n_calls)
    drift = f"{memory[0]:.2f} | {memory[-1]:.2f} | {memory[-1] - memory[0]:+.2f} | < {goal}"
    speed = f"{duration[1]:.2f} | {duration[-1]:.2f}"
    print(f"| {n_calls} {name} | {drift} | {speed} |", flush=True)


if __name__ == "__main__":
    main()
