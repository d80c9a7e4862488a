"""How much memory does a fit of a file larger than memory take, and how often is it read?

    python -m benchmarks.scale.out_of_core --gigabytes 1 5 20 --folder DIR    # 15 minutes

The first table counts how often the rows are read until J is what all weights reach in 50 and in
200 iterations, on the digits and on image patches. The second has the peak resident memory of a
process that fits a memory map of 128 float32 features with 16 units, by two iterations of L-BFGS
or one epoch of Adam. The files are sparse: their first 64 MiB are random numbers, and the rest are
holes that read as zeros. Linux only.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks import core
from benchmarks.datasets import digits, unit_patches
from skl_sparse_ae import SparseAutoencoderTransformer

N_FEATURES, UNITS = 128, 16
ALL_WEIGHTS = "all weights, two readings"


# ---------------------------------------------------------------------------------------- readings


def forms(X, k, loss):
    """Return ``{form: (problem, readings of X in an evaluation)}``."""
    objective = core.objective(loss)
    frame = core.own_frame(objective, X, k)
    made = {
        ALL_WEIGHTS: (core.joint(objective, frame, X, k), 2),
        "all weights, one reading": (core.one_pass(objective, frame, X, k), 1),
    }
    if loss == "squared_error":
        made["decoder eliminated"] = core.eliminated(made[ALL_WEIGHTS][0], X), 2
    return made


def reads_until(problem, X, n_reads, n_iter):
    """Return ``[(times the rows were read, J), ...]``, one pair for each iteration."""
    counted, history = core.Counted(problem), []

    def watch(value, _):
        history.append((n_reads * counted.n_evaluations, value))

    core.lbfgs(counted, X, core.first(problem, X), n_iter, watch)
    return history


def reads_table():
    data = {"digits, k=64": (digits()[0] / 16, 64), "patches, k=100": (unit_patches()[0][::2], 100)}
    print("\n| rows, loss | J of all weights after | J " + "| form: readings of X " * 3 + "|")
    print("|---" * 6 + "|")
    for name, (X, k) in data.items():
        for loss in core.LOSSES:
            made = forms(X, k, loss)
            histories = {
                form: reads_until(problem, X, n_reads, 220)
                for form, (problem, n_reads) in made.items()
            }
            for iterations in (50, 200):
                goal = histories[ALL_WEIGHTS][iterations - 1][1]
                cells = " | ".join(f"{f}: {reads_to(goal, h)}" for f, h in histories.items())
                print(f"| {name}, {loss} | {iterations} iterations | {goal:.5g} | {cells} |")


def reads_to(goal, history):
    """Readings until J is `goal` to within rounding, or None."""
    return next((n for n, J in history if goal * (1 + 1e-6) >= J), None)


# ------------------------------------------------------------------------------------------ memory


def sparse_file(path, gigabytes):
    """Write a file of float32 rows, most of it holes; return the number of rows."""
    n_rows = int(gigabytes * 1e9) // (4 * N_FEATURES)
    X = np.memmap(path, dtype=np.float32, mode="w+", shape=(n_rows, N_FEATURES))
    rows = 2**26 // (4 * N_FEATURES)
    X[:rows] = np.random.default_rng(0).random((rows, N_FEATURES), dtype=np.float32)
    X.flush()
    return n_rows


def fit_file(path, n_rows, solver):
    """Fit in this process; print the seconds, and the peak memory in MB before and after."""
    X = np.memmap(path, dtype=np.float32, mode="r", shape=(n_rows, N_FEATURES))
    options = {"max_iter": 2 if solver == "lbfgs" else 1, "tol": 0, "random_state": 0}
    model = SparseAutoencoderTransformer(UNITS, solver=solver, **options)
    before, start = peak_megabytes(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    print(time.perf_counter() - start, before, peak_megabytes())


def peak_megabytes():
    """Peak resident memory of this process so far (that of `getrusage` includes its parent's)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1e3


def memory_table(sizes, folder):
    print("| solver | GB of X | seconds | MB before the fit | MB at its peak |")
    print("|---|---|---|---|---|")
    for solver in ("lbfgs", "adam"):
        for gigabytes in sizes:
            with tempfile.TemporaryDirectory(dir=folder) as directory:
                path = str(Path(directory) / "rows")
                fit = ["--fit", path, str(sparse_file(path, gigabytes)), solver]
                command = [sys.executable, "-m", "benchmarks.scale.out_of_core", *fit]
                output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            seconds, before, peak = map(float, output.split())
            cells = f"{gigabytes:g} | {seconds:.0f} | {before:.0f} | {peak:.0f}"
            print(f"| {solver} | {cells} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", nargs="*", type=float, default=[1, 5, 20])
    parser.add_argument("--folder", help="for the files; by default the temporary folder")
    fit = {"nargs": 3, "metavar": ("PATH", "ROWS", "SOLVER")}
    parser.add_argument("--fit", help=argparse.SUPPRESS, **fit)
    args = parser.parse_args()
    if args.fit:
        return fit_file(args.fit[0], int(args.fit[1]), args.fit[2])
    reads_table()
    memory_table(args.gigabytes, args.folder)


if __name__ == "__main__":
    main()
