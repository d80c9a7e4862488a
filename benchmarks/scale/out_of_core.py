"""Fits of files larger than memory: what they hold in memory, and how often they read the file.

    python -m benchmarks.scale.out_of_core [--gigabytes 1 5 20] [--folder DIR]

Peak resident memory of a process that fits a memory map of 128 float32 features, 16 units, by two iterations of L-BFGS, or one
epoch of Adam. The files are sparse: their first 64 MiB are random numbers, and the rest holes that read as zeros. Then, at the
size of digits and of image patches, how often the rows are read until J is what all weights reach in so many iterations.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.datasets import digits, unit_patches
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._nn.losses import CrossEntropy, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.blocks import row_blocks
from skl_sparse_ae._rows.moments import column_moments
from skl_sparse_ae._solvers.lbfgs import minimize_lbfgs
from skl_sparse_ae._solvers.solution import Patience
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective
from skl_sparse_ae._sparse.problems import EliminatedProblem, JointProblem, OnePassProblem

N_FEATURES, UNITS = 128, 16


def sparse_file(path, gigabytes):
    """A file of float32 rows, most of it holes."""
    n_rows = int(gigabytes * 1e9) // (4 * N_FEATURES)
    X = np.memmap(path, dtype=np.float32, mode="w+", shape=(n_rows, N_FEATURES))
    rows = 2**26 // (4 * N_FEATURES)
    X[:rows] = np.random.default_rng(0).random((rows, N_FEATURES), dtype=np.float32)
    X.flush()
    return n_rows


def fit_file(path, n_rows, solver):
    """What a process of its own does: fit, and print seconds and its peak memory in MB."""
    X = np.memmap(path, dtype=np.float32, mode="r", shape=(n_rows, N_FEATURES))
    model = SparseAutoencoderTransformer(
        UNITS, solver=solver, max_iter=2 if solver == "lbfgs" else 1, tol=0, random_state=0
    )
    before, start = peak_megabytes(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    print(time.perf_counter() - start, before, peak_megabytes())


def peak_megabytes():
    """Of resident memory, this process's own so far (`getrusage` would begin with its parent's). Linux only."""
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1e3


def memory_table(sizes, folder):
    print(
        "| solver | GB of X | seconds | MB before the fit | MB at its peak |\n|---|---|---|---|---|"
    )
    for solver in ("lbfgs", "adam"):
        for gigabytes in sizes:
            with tempfile.TemporaryDirectory(dir=folder) as directory:
                path = str(Path(directory) / "rows")
                n_rows = sparse_file(path, gigabytes)
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.scale.out_of_core",
                    "--fit",
                    path,
                    str(n_rows),
                    solver,
                ]
                output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            seconds, before, peak = map(float, output.split())
            print(
                f"| {solver} | {gigabytes:g} | {seconds:.0f} | {before:.0f} | {peak:.0f} |",
                flush=True,
            )


def reads_until(problem, start, blocks, n_reads, max_iter):
    """``[(times the rows were read, J), ...]``, by the iteration; one evaluation reads them `n_reads` times."""
    n_evaluations, history = 0, []

    def function(x):
        nonlocal n_evaluations
        n_evaluations += 1
        return problem(x, blocks)

    def watch(iterate):
        history.append((n_reads * n_evaluations, iterate.value))
        return iterate.value

    minimize_lbfgs(function, start, max_iter=max_iter, patience=Patience(0, 1), watch=watch)
    return history


def contenders(X, units, loss):
    """``{form: (problem, start, blocks, readings in an evaluation)}``."""
    blocks = row_blocks(X, units)
    mean, variance = column_moments(blocks)
    objective = Objective(loss, KullbackLeibler(0.1, 0.2), 1e-4, 1e-2)
    frame = Frame.of(mean, variance, 0.1, loss.raw_scale(variance), X.dtype)
    make = {
        "all weights, two readings": (JointProblem, 2),
        "all weights, one reading": (OnePassProblem, 1),
    }
    forms = {
        name: (form(objective, frame, units, X.dtype), n_reads)
        for name, (form, n_reads) in make.items()
    }
    if loss is SquaredError:
        forms["decoder eliminated"] = (
            EliminatedProblem(forms["all weights, two readings"][0], blocks, variance.sum()),
            2,
        )
    raw = loss.raw_of_mean(mean)
    return {
        name: (problem, problem.first(raw, 0.1, np.random.default_rng(0)), blocks, n)
        for name, (problem, n) in forms.items()
    }


def reads_table():
    data = {"digits, k=64": (digits()[0] / 16, 64), "patches, k=100": (unit_patches()[0][::2], 100)}
    print(
        "\n| rows, loss | J of all weights after | J | "
        + "form: readings of X |" * 3
        + "\n"
        + "|---" * 6
        + "|"
    )
    for name, (X, units) in data.items():
        for loss in (SquaredError, CrossEntropy):
            forms = contenders(X, units, loss)
            histories = {form: reads_until(*contender, 220) for form, contender in forms.items()}
            for iterations in (50, 200):
                goal = histories["all weights, two readings"][iterations - 1][1]
                reached = {
                    form: next((n for n, J in h if goal * (1 + 1e-6) >= J), None)
                    for form, h in histories.items()
                }
                cells = " | ".join(f"{form}: {n}" for form, n in reached.items())
                print(
                    f"| {name}, {loss.__name__} | {iterations} iterations | {goal:.5g} | {cells} |",
                    flush=True,
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", nargs="*", type=float, default=[1, 5, 20])
    parser.add_argument(
        "--folder", help="where the files go; the system's temporary folder otherwise"
    )
    parser.add_argument(
        "--fit", nargs=3, metavar=("PATH", "ROWS", "SOLVER"), help=argparse.SUPPRESS
    )
    args = parser.parse_args()
    if args.fit:
        return fit_file(args.fit[0], int(args.fit[1]), args.fit[2])
    reads_table()
    memory_table(args.gigabytes, args.folder)


if __name__ == "__main__":
    main()
