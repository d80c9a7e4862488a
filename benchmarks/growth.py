"""How time and memory grow with rows, features and units, and what an import costs.

    python -m benchmarks.growth [--out growth.json]
    python -m benchmarks.report growth.json

Time of one evaluation of L-BFGS (the decoder eliminated), float32, from 1,000 to 32,000 rows, 32 to 1,024 features, 16 to 512
units, the others held; all sizes in turn, so that a busy minute hits each of them alike. Memory of a whole fit beyond X, by
tracemalloc (NumPy and SciPy's arrays; threads' stacks and BLAS's buffers are not in it), beside the formula of
`docs/performance.md`.
"""

import argparse
import json
import subprocess
import sys
import tracemalloc
import warnings
from contextlib import nullcontext
from functools import partial

import numpy as np

from benchmarks import contenders
from benchmarks.rounds import CLOCKS, machine, measure, threads
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._blocks import BLOCK_BYTES
from skl_sparse_ae._solvers import LBFGS_HISTORY

BASE = {"rows": 8000, "features": 256, "units": 64}
RANGES = {"rows": (1000, 32_000), "features": (32, 1024), "units": (16, 512)}
SHAPES = ((10_000, 256, 64), (40_000, 256, 64), (10_000, 1024, 64), (10_000, 256, 256))


def rows_of(n_rows, n_features):
    return np.random.default_rng(0).random((n_rows, n_features), dtype=np.float32)


def evaluation(rows, features, units):
    """A contender for `measure`."""
    X = rows_of(rows, features)
    problem, start = contenders.own_problem(X, units)
    eliminated = contenders.eliminated(problem, X)
    return partial(contenders.own_evaluation, eliminated, eliminated.resume(problem.weights(start)), X)


def times(n_rounds):
    """A record for each of what grows: its sizes and the median milliseconds at each."""
    for name, (low, high) in RANGES.items():
        sizes = np.geomspace(low, high, 6).round().astype(int).tolist()
        made = {size: evaluation(**BASE | {name: size}) for size in sizes}
        seconds = measure(made, n_rounds, {"quiet": nullcontext}, CLOCKS["wall"])["quiet"]
        record = {"grows": name, "sizes": sizes, "milliseconds": [1e3 * np.median(seconds[size]) for size in sizes]}
        print(record, flush=True)
        yield record


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


def memory():
    for solver in ("lbfgs", "adam"):
        for shape in SHAPES:
            figures = {"megabytes": megabytes(*shape, solver), "formula": formula(*shape, solver)}
            yield {"solver": solver, "shape": shape, "X": 4e-6 * shape[0] * shape[1]} | figures


def import_milliseconds(module, repeats=5):
    first = "import sklearn.base, sklearn.model_selection, time"
    code = f"{first}; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(repeats)]
    return 1e3 * np.median([float(run.stdout) for run in runs])


def study(quick=False, n_threads=2):
    with threads(n_threads):
        found = {"growth": list(times(2 if quick else 7)), "memory": list(memory())}
    return found | {"import": import_milliseconds("skl_sparse_ae")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--out", default="growth.json")
    args = parser.parse_args()
    result = {"machine": machine()} | study(args.quick)
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
