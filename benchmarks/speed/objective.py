"""One evaluation of the objective and its gradient: our time and memory against the textbook form's.

    python -m benchmarks.speed.objective

The textbook form is the formula typed into NumPy: whole matrices, `expit`, fresh arrays. Both run interleaved in one process,
ours with as many row workers as the other has BLAS threads; medians, and the median of the ratios of neighbouring runs.
"products" is the time of the five matrix products alone, in the same row blocks. Peak memory is what NumPy allocates beyond
the inputs, in a run of its own. A "run" is the median of three evaluations after one that is not counted.
"""

import argparse
import platform
import time
import tracemalloc
from functools import partial

import numpy as np
import scipy
from scipy.special import expit
from threadpoolctl import threadpool_limits

from skl_sparse_ae._nn.losses import SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.blocks import rooms_for_code, row_blocks
from skl_sparse_ae._rows.executor import row_workers
from skl_sparse_ae._sparse.objective import Objective, value_and_gradient
from skl_sparse_ae._sparse.weights import n_weights, unflatten

RHO, WEIGHT, ENCODER_ALPHA, DECODER_ALPHA = 0.1, 0.2, 1e-4, 1e-2
SHAPES = [
    (20_000, 100, 50, "float64"),
    (20_000, 100, 50, "float32"),
    (10_000, 784, 196, "float32"),
    (1_797, 64, 64, "float64"),
]


def textbook(X, w):
    n, d = X.shape
    A = expit(X @ w.We.T + w.be)
    X_hat = A @ w.Wd + w.bd
    rho_hat = A.mean(axis=0)
    kl = RHO * np.log(RHO / rho_hat) + (1 - RHO) * np.log((1 - RHO) / (1 - rho_hat))
    decay = ENCODER_ALPHA * np.sum(w.We**2) + DECODER_ALPHA * np.sum(w.Wd**2)
    value = np.mean((X_hat - X) ** 2) + WEIGHT * np.sum(kl) + decay / (2 * d)
    d_X_hat = 2 * (X_hat - X) / (n * d)
    d_A = d_X_hat @ w.Wd.T + WEIGHT * (-RHO / rho_hat + (1 - RHO) / (1 - rho_hat)) / n
    d_Z = d_A * A * (1 - A)
    d_We, d_Wd = d_Z.T @ X + ENCODER_ALPHA / d * w.We, A.T @ d_X_hat + DECODER_ALPHA / d * w.Wd
    return value, np.concatenate([d_We.ravel(), d_Z.sum(axis=0), d_Wd.ravel(), d_X_hat.sum(axis=0)])


def products(blocks, w):
    for X in blocks:
        A = X @ w.We.T
        error = A @ w.Wd
        d_Z = error @ w.Wd.T
        _ = d_Z.T @ X, A.T @ error


def peak_megabytes(function):
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def settled(function):
    """Median seconds of three calls after one that is not counted, and after BLAS's threads have stopped waiting for work."""
    time.sleep(
        0.1
    )  # OpenBLAS threads spin for tens of milliseconds after a product, on the cores that we would measure
    return np.median([seconds(function) for _ in range(4)][1:])


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(n, d, k, dtype, n_runs):
    """Medians in ms of ours, textbook and products; median of textbook / ours; peak MB of ours and textbook."""
    rng = np.random.default_rng(0)
    X = rng.random((n, d)).astype(dtype)
    w = unflatten((0.1 * rng.normal(size=n_weights(k, d))).astype(dtype), k, d)
    objective = Objective(SquaredError, KullbackLeibler(RHO, WEIGHT), ENCODER_ALPHA, DECODER_ALPHA)
    blocks = row_blocks(X, k)
    rooms = rooms_for_code(blocks, k)

    value, gradient = textbook(X, w)
    own_value, own_gradient, _ = value_and_gradient(objective, w, blocks)
    tolerance = 1e-10 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(own_value, value, rtol=tolerance)
    np.testing.assert_allclose(own_gradient, gradient, atol=tolerance * np.abs(gradient).max())
    others = (lambda: textbook(X, w), lambda: products(blocks, w))
    runs = []
    for _ in range(n_runs):
        with row_workers(len(blocks)) as (
            map,
            _,
        ):  # entered once for all the evaluations of a fit: the first one wakes the threads
            evaluation = partial(value_and_gradient, objective, w, blocks, rooms, map)
            own = settled(evaluation)
        runs.append([own, *(settled(function) for function in others)])
    runs = np.array(runs)
    memory = (
        peak_megabytes(lambda: value_and_gradient(objective, w, blocks)),
        peak_megabytes(lambda: textbook(X, w)),
    )
    return np.median(runs, axis=0) * 1e3, np.median(runs[:, 1] / runs[:, 0]), memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=12)
    n_runs = parser.parse_args().runs
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}, {platform.machine()}\n"
    )
    print(
        "| n x d, k, dtype | threads | ours ms | textbook ms | products ms | textbook / ours | ours MB | textbook MB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for n, d, k, dtype in SHAPES:
        for threads in (1, 2):
            with threadpool_limits(threads):
                (own, other, floor), ratio, (own_mb, other_mb) = compare(n, d, k, dtype, n_runs)
            row = f"{own:.1f} | {other:.1f} | {floor:.1f} | {ratio:.2f} | {own_mb:.1f} | {other_mb:.1f}"
            print(f"| {n}x{d}, {k}, {dtype} | {threads} | {row} |", flush=True)


if __name__ == "__main__":
    main()
