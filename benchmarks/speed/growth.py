"""How do the time of an evaluation and the memory of a fit grow with rows, features and units?

    python -m benchmarks.speed.growth --out growth.json    # 1 minute
    python -m benchmarks.speed.report growth.json

Time is that of one evaluation of L-BFGS (on the encoder alone), float32, from 1,000 to 32,000
rows, 32 to 1,024 features, and 16 to 512 units. While one grows the others are held. All sizes run
in turn, so a disturbance of the machine hits each of them alike. Memory is that of a whole fit
beyond X, from `benchmarks.scale.memory`. The time of an import is measured as well.
"""

import argparse
import json
import subprocess
import sys
from contextlib import nullcontext
from functools import partial

import numpy as np

from benchmarks import core
from benchmarks.scale import memory
from benchmarks.speed import contenders
from benchmarks.speed.rounds import CLOCKS, machine, measure, threads

BASE = {"rows": 8000, "features": 256, "units": 64}
RANGES = {"rows": (1000, 32_000), "features": (32, 1024), "units": (16, 512)}


def evaluation(rows, features, units):
    """A contender for `measure`."""
    X = memory.rows_of(rows, features)
    problem = core.eliminated(contenders.own_problem(X, units), X)
    return partial(core.evaluation, problem, core.first(problem, X), X)


def times(n_rounds):
    """Yield a record for rows, features and units: sizes, and the median milliseconds at each."""
    for name, (low, high) in RANGES.items():
        sizes = np.geomspace(low, high, 6).round().astype(int).tolist()
        made = {size: evaluation(**BASE | {name: size}) for size in sizes}
        seconds = measure(made, n_rounds, {"quiet": nullcontext}, CLOCKS["wall"])["quiet"]
        milliseconds = [1e3 * np.median(seconds[size]) for size in sizes]
        record = {"grows": name, "sizes": sizes, "milliseconds": milliseconds}
        print(record, flush=True)
        yield record


def import_milliseconds(module, repeats=5):
    first = "import sklearn.base, sklearn.model_selection, time"
    code = f"{first}; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(repeats)
    ]
    return 1e3 * np.median([float(run.stdout) for run in runs])


def study(quick=False, n_threads=2):
    with threads(n_threads):
        found = {"growth": list(times(2 if quick else 7)), "memory": list(memory.records())}
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
