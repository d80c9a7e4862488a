"""How does an evaluation on a Dask cluster scale with workers, and what do the round trips cost?

    python -m benchmarks.scale.dask_scaling --workers 1 2    # 5 minutes

The results are the constants of `docs/scale.md`. The cluster is local: processes of one thread,
over TCP. The rows are random, float32, in 16 partitions, with one BLAS thread in each worker.
"worker" is the time inside the slowest worker, and "overhead" is the rest of an evaluation.
Clusters of each size run in turn, round after round. Times are medians of their evaluations, and
ratios are medians of those within a round. The last table has one round trip of a vector to two
workers and back, by three ways; a fit uses the first two.
"""

import argparse
import os
import time
import warnings
from functools import partial

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from benchmarks import core

ROUNDS, EVALUATIONS = 3, 5


def problems(X, k):
    """Return the two forms that a fit on a cluster uses, each with a start."""
    made = {}
    squared, crossed = core.objective("squared_error"), core.objective("cross_entropy")
    joint = core.joint(squared, core.own_frame(squared, X, k), X, k)
    made["decoder eliminated"] = core.eliminated(joint, X)
    one_pass = core.one_pass(crossed, core.own_frame(crossed, X, k), X, k)
    made["one pass, cross-entropy"] = one_pass
    return {name: (problem, core.first(problem, X)) for name, problem in made.items()}


def timed_evaluation(problem, x, rows, client):
    """Seconds of one evaluation, and seconds in the slowest worker, summed over its rounds."""
    client.run(core.worker_seconds)
    with core.evaluation(problem, x, rows) as evaluate:
        start = time.perf_counter()
        evaluate()
        seconds = time.perf_counter() - start
    return seconds, np.max(list(client.run(core.worker_seconds).values()), axis=0).sum()


def local_cluster(n_workers):
    return LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=":0")


def scaling_table(args):
    shape, chunks = (args.rows, args.features), (-(-args.rows // 16), -1)
    X = da.random.default_rng(0).random(shape, dtype=np.float32, chunks=chunks)
    records = {}
    for _ in range(ROUNDS):
        for n_workers in args.workers:
            for name, times in medians_on(n_workers, X, args.units):
                records.setdefault((name, n_workers), []).append(times)
    print("| form | workers | ms | worker, ms | overhead, ms | speed-up |")
    print("|---|---|---|---|---|---|")
    for (name, n_workers), times in records.items():
        whole, worker = 1e3 * np.median(times, axis=0)
        gain = np.median(np.array(records[name, args.workers[0]])[:, 0] / np.array(times)[:, 0])
        cells = f"{whole:.0f} | {worker:.0f} | {whole - worker:.0f} | {gain:.2f}"
        print(f"| {name} | {n_workers} | {cells} |", flush=True)


def medians_on(n_workers, X, k):
    """Yield (form, medians of `timed_evaluation`) on a cluster of that size."""
    with local_cluster(n_workers) as cluster, Client(cluster) as client:
        rows = core.dask_rows(X, client)
        client.run(core.clock_workers)
        for name, (problem, x) in problems(rows, k).items():
            timed_evaluation(problem, x, rows, client)
            times = [timed_evaluation(problem, x, rows, client) for _ in range(EVALUATIONS)]
            yield name, np.median(times, axis=0)


class Actor:
    def echo(self, vector):
        return vector * 1.0


def echo(vector, _):
    return vector * 1.0


def round_trip_table():
    print("\n| MB there and back | with the tasks, ms | scattered, ms | actors, ms |")
    print("|---|---|---|---|")
    with local_cluster(2) as cluster, Client(cluster) as client:
        rows = core.dask_rows(da.zeros((2, 1), chunks=1), client)
        actors = [
            client.submit(Actor, actor=True, workers=[worker]).result()
            for worker in core.dask_workers(rows)
        ]
        for megabytes in (0.01, 0.1, 1, 10):
            ways = round_trips(np.zeros(int(megabytes * 1e6) // 8), rows, actors)
            times = [[seconds(way) for way in ways] for _ in range(15)]
            cells = " | ".join(f"{t:.1f}" for t in 1e3 * np.median(times, axis=0))
            print(f"| {megabytes:g} | {cells} |", flush=True)


def round_trips(vector, rows, actors):
    """Three functions that send the vector to the workers and back."""

    def with_tasks():
        core.send_with_tasks()
        one_round()

    def scattered():
        core.send_by_scattering()
        one_round()

    def by_actors():
        for future in [actor.echo(vector) for actor in actors]:
            future.result()

    one_round = core.dask_round(rows, partial(echo, vector))
    return with_tasks, scattered, by_actors


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=600_000)
    parser.add_argument("--features", type=int, default=200)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    args = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    warnings.filterwarnings("ignore", message="Sending large graph")
    scaling_table(args)
    round_trip_table()


if __name__ == "__main__":
    main()
