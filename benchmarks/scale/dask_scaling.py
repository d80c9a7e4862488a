"""An evaluation on a Dask cluster: what workers gain, what the round trips cost, and the constants of `docs/scale.md`.

    python -m benchmarks.scale.dask_scaling [--rows 600000] [--features 200] [--units 64] [--workers 1 2]

A local cluster of processes of one thread, over TCP; random rows in float32, 16 partitions, the workers' BLAS on one thread.
"worker" is the time inside the slowest worker, "overhead" what an evaluation takes beyond it. Clusters of each size run
in turn, round after round: times are medians of their evaluations, ratios medians of those within a round. The last table is
one round trip of a vector to two workers and back by three ways, of which a fit uses the first two.
"""

import argparse
import os
import time
import warnings
from functools import partial

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from skl_sparse_ae import dask as ours
from skl_sparse_ae._nn.losses import CrossEntropy, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.executor import block_workers
from skl_sparse_ae._rows.moments import moments_of
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective
from skl_sparse_ae._sparse.problems import EliminatedProblem, JointProblem, OnePassProblem

ROUNDS, EVALUATIONS = 3, 5


def clock_rounds():
    """In a worker: from now on, the seconds of its part of each round are in `ours.seconds`."""
    total, ours.seconds = ours._total, []

    def clocked(*args):
        start = time.perf_counter()
        result = total(*args)
        ours.seconds.append(time.perf_counter() - start)
        return result

    ours._total = clocked


def clocked_rounds():
    """In a worker: the seconds of the rounds since it was last asked."""
    seconds = ours.seconds[:]
    ours.seconds.clear()
    return seconds


def problems(X, units):
    """The two forms that a fit on a cluster uses, each with a start, on the blocks of `ours.DaskRows`."""
    moments = moments_of(X, units)
    mean, variance = moments.mean, moments.variance
    made = {}
    for name, loss in (
        ("decoder eliminated", SquaredError),
        ("one pass, cross-entropy", CrossEntropy),
    ):
        objective = Objective(loss, KullbackLeibler(0.1, 0.2), 1e-4, 1e-2)
        frame = Frame.of(mean, variance, 0.1, loss.raw_scale(variance), X.dtype)
        joint = JointProblem if loss is SquaredError else OnePassProblem
        problem = joint(objective, frame, units, X.dtype)
        blocks = problem.row_blocks(X)
        problem = (
            EliminatedProblem(problem, blocks, variance.sum()) if loss is SquaredError else problem
        )
        made[name] = (
            problem,
            problem.first(loss.raw_of_mean(mean), 0.1, np.random.default_rng(0)),
            blocks,
        )
    return made


def evaluation(problem, x, blocks):
    """Seconds of one evaluation, and of the slowest worker's part of each of its rounds, added."""
    blocks.client.run(clocked_rounds)
    with block_workers(blocks) as (
        map,
        _,
    ):  # as in a fit, which holds the client's BLAS to one thread, too
        start = time.perf_counter()
        problem(x, blocks, None, map)
        seconds = time.perf_counter() - start
    return seconds, np.max(list(blocks.client.run(clocked_rounds).values()), axis=0).sum()


def scaling_table(args):
    X = da.random.default_rng(0).random(
        (args.rows, args.features), dtype=np.float32, chunks=(-(-args.rows // 16), -1)
    )
    records = {}
    for _ in range(ROUNDS):
        for n_workers in args.workers:
            options = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": ":0"}
            with LocalCluster(**options) as cluster, Client(cluster) as client:
                rows = ours.DaskRows.of(X, client)
                client.run(clock_rounds)
                for name, (problem, x, blocks) in problems(rows, args.units).items():
                    evaluation(problem, x, blocks)
                    times = np.median(
                        [evaluation(problem, x, blocks) for _ in range(EVALUATIONS)], axis=0
                    )
                    records.setdefault((name, n_workers), []).append(times)
    print(
        "| form | workers | ms | worker, ms | overhead, ms | speed-up |\n|---|---|---|---|---|---|"
    )
    for (name, n_workers), times in records.items():
        whole, worker = 1e3 * np.median(times, axis=0)
        gain = np.median(np.array(records[name, args.workers[0]])[:, 0] / np.array(times)[:, 0])
        print(
            f"| {name} | {n_workers} | {whole:.0f} | {worker:.0f} | {whole - worker:.0f} | {gain:.2f} |",
            flush=True,
        )


class Actor:
    def echo(self, vector):
        return vector * 1.0


def echo(vector, _):
    return vector * 1.0


def round_trip_table():
    print(
        "\n| MB there and back | with the tasks, ms | scattered, ms | actors, ms |\n|---|---|---|---|"
    )
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        rows = ours.DaskRows.of(da.zeros((2, 1), chunks=1), client)
        blocks = rows.blocks_on_workers(1)
        actors = [
            client.submit(Actor, actor=True, workers=[block.worker]).result() for block in blocks
        ]
        for megabytes in (0.01, 0.1, 1, 10):
            vector = np.zeros(int(megabytes * 1e6) // 8)

            def by_map(most_in_tasks, vector=vector):
                ours.MOST_IN_TASKS = most_in_tasks
                blocks.map(partial(echo, vector), blocks)

            def by_actors(vector=vector):
                for future in [actor.echo(vector) for actor in actors]:
                    future.result()

            ways = [partial(by_map, np.inf), partial(by_map, 0), by_actors]
            times = [[seconds(way) for way in ways] for _ in range(15)]
            print(
                f"| {megabytes:g} | "
                + " | ".join(f"{t:.1f}" for t in 1e3 * np.median(times, axis=0))
                + " |",
                flush=True,
            )


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
