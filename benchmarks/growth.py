"""How time and memory grow with rows, features and units, and what an import costs.

    python -m benchmarks.growth

Time of one evaluation of L-BFGS (the decoder eliminated), float32, from 1,000 to 32,000 rows, 32 to 1,024 features, 16 to 512
units, the others held; the slope is that of the logarithms, 1 being linear. Memory of a whole fit beyond X, by tracemalloc
(NumPy and SciPy's arrays; threads' stacks and BLAS's buffers are not in it), beside the formula of `docs/performance.md`.
"""

import subprocess
import sys
import time
import tracemalloc
import warnings

import numpy as np

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._blocks import BLOCK_BYTES, column_moments, row_blocks, row_workers
from skl_sparse_ae._losses import SquaredError
from skl_sparse_ae._objective import Objective
from skl_sparse_ae._penalties import KullbackLeibler
from skl_sparse_ae._problems import EliminatedProblem, JointProblem
from skl_sparse_ae._solvers import LBFGS_HISTORY
from skl_sparse_ae._weights import Frame

BASE = {"rows": 8000, "features": 256, "units": 64}
RANGES = {"rows": (1000, 32_000), "features": (32, 1024), "units": (16, 512)}


def rows_of(n_rows, n_features):
    return np.random.default_rng(0).random((n_rows, n_features), dtype=np.float32)


def milliseconds(rows, features, units, repeats=5):
    X = rows_of(rows, features)
    blocks = row_blocks(X, units)
    mean, variance = column_moments(blocks)
    frame = Frame.of(mean, variance, 0.1, SquaredError.raw_scale(variance))
    joint = JointProblem(Objective(SquaredError, KullbackLeibler(0.1, 0.2), 1e-4, 1e-2), frame, units, X.dtype)
    problem = EliminatedProblem(joint, blocks, variance.sum())
    x = problem.first(mean, 0.1, np.random.default_rng(0))
    code, seconds = [np.empty((len(block), units), X.dtype) for block in blocks], []
    with row_workers(len(blocks)) as (map, _):
        for _ in range(repeats):
            start = time.perf_counter()
            problem(x, blocks, code, map)
            seconds.append(time.perf_counter() - start)
    return 1e3 * np.median(seconds)


def growth_table():
    print("| grows | from, ms | | | | | to, ms | slope |\n|---|---|---|---|---|---|---|---|")
    for name, (low, high) in RANGES.items():
        sizes = np.geomspace(low, high, 6).round().astype(int)
        times = [milliseconds(**BASE | {name: int(size)}) for size in sizes]
        slope = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        cells = " | ".join(f"{size}: {t:.1f}" for size, t in zip(sizes, times, strict=True))
        print(f"| {name} | {cells} | {slope:.2f} |", flush=True)


def megabytes(rows, features, units, solver):
    X = rows_of(rows, features)
    model = SparseAutoencoderTransformer(units, solver=solver, max_iter=3, tol=0, random_state=0)
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak


def formula(rows, features, units, solver):
    """Megabytes: the code of all rows (L-BFGS), vectors of the size of the weights, a few blocks for each of two workers."""
    weights, itemsize = units * features, 4
    blocks = 2 * 4 * BLOCK_BYTES
    if solver == "adam":
        return (2 * weights * itemsize * 10 + blocks) / 1e6
    vectors = 8 * (2 * LBFGS_HISTORY + 14) * weights  # float64, of the encoder
    return (rows * units * itemsize + vectors + 4 * 8 * features**2 + blocks) / 1e6


def memory_table():
    print("\n| solver | rows x features, units | MB of X | MB beyond X | formula |\n|---|---|---|---|---|")
    for solver in ("lbfgs", "adam"):
        for shape in ((10_000, 256, 64), (40_000, 256, 64), (10_000, 1024, 64), (10_000, 256, 256)):
            measured, predicted = megabytes(*shape, solver), formula(*shape, solver)
            size = 4e-6 * shape[0] * shape[1]
            print(
                f"| {solver} | {shape[0]} x {shape[1]}, {shape[2]} | {size:.0f} | {measured:.0f} | {predicted:.0f} |",
                flush=True,
            )


def import_milliseconds(module, repeats=5):
    first = "import sklearn.base, sklearn.model_selection, time"
    code = f"{first}; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(repeats)]
    return 1e3 * np.median([float(run.stdout) for run in runs])


def main():
    growth_table()
    memory_table()
    print(
        f"\nimport skl_sparse_ae after scikit-learn's base and model_selection: {import_milliseconds('skl_sparse_ae'):.0f} ms"
    )


if __name__ == "__main__":
    main()
