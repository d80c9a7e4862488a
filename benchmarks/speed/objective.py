"""How much faster than plain NumPy is an evaluation of the objective, in how much less memory?

    python -m benchmarks.speed.objective    # 3 minutes

"textbook" is the formula typed into NumPy: whole matrices, `expit`, fresh arrays. Both run in turn
in one process, ours with as many threads as BLAS has in the other. Times are medians, and the
ratio is the median of the ratios of neighbouring runs. "products" is the time of the five matrix
products alone, in the same row blocks. Peak memory is what NumPy allocates beyond the inputs, in a
run of its own. A run is the median of three evaluations after one that is not counted.
"""

import argparse
import platform
import time
import tracemalloc

import numpy as np
import scipy
from scipy.special import expit
from threadpoolctl import threadpool_limits

from benchmarks import core

RHO, WEIGHT, ENCODER_ALPHA, DECODER_ALPHA = 0.1, 0.2, 1e-4, 1e-2
SHAPES = [
    (20_000, 100, 50, "float64"),
    (20_000, 100, 50, "float32"),
    (10_000, 784, 196, "float32"),
    (1_797, 64, 64, "float64"),
]
COLUMNS = (
    "n x d, k, dtype",
    "threads",
    "ours ms",
    "textbook ms",
    "products ms",
    "textbook / ours",
    "ours MB",
    "textbook MB",
)


def textbook(X, w):
    """J and its flat gradient at the weights w."""
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
    """Median seconds of three calls, after one that is not counted."""
    # After a product, the threads of OpenBLAS spin for tens of milliseconds on the same cores.
    time.sleep(0.1)
    return np.median([seconds(function) for _ in range(4)][1:])


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(n, d, k, dtype, n_runs):
    """Return three times in ms, textbook / ours, and two peaks of memory in MB.

    Times are those of ours, textbook and products; memory is that of ours and of the textbook.
    """
    rng = np.random.default_rng(0)
    X = rng.random((n, d)).astype(dtype)
    theta = (0.1 * rng.normal(size=core.n_weights(k, d))).astype(dtype)
    w, blocks = core.unflatten(theta, k, d), core.row_blocks(X, k)
    objective = core.objective("squared_error", RHO, WEIGHT, ENCODER_ALPHA, DECODER_ALPHA)
    tolerance = 1e-10 if dtype == "float64" else 1e-4
    check_agreement(core.value_and_gradient(objective, theta, X), textbook(X, w), tolerance)
    runs = []
    for _ in range(n_runs):
        # Entered once for all evaluations, as in a fit: the first evaluation wakes the threads.
        with core.evaluation_at(objective, theta, X) as evaluation:
            own = settled(evaluation)
        others = (lambda: textbook(X, w), lambda: products(blocks, w))
        runs.append([own, *(settled(function) for function in others)])
    memory = (
        peak_megabytes(lambda: core.value_and_gradient(objective, theta, X)),
        peak_megabytes(lambda: textbook(X, w)),
    )
    ratio = np.median([other / own for own, other, _ in runs])
    return *np.median(runs, axis=0) * 1e3, ratio, *memory


def check_agreement(own, other, tolerance):
    (value, gradient), (other_value, other_gradient) = own, other
    np.testing.assert_allclose(value, other_value, rtol=tolerance)
    atol = tolerance * np.abs(other_gradient).max()
    np.testing.assert_allclose(gradient, other_gradient, atol=atol)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=12)
    n_runs = parser.parse_args().runs
    versions = f"NumPy {np.__version__}, SciPy {scipy.__version__}, {platform.machine()}"
    print(f"Python {platform.python_version()}, {versions}\n")
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for n, d, k, dtype in SHAPES:
        for threads in (1, 2):
            with threadpool_limits(threads):
                *times, ratio, own_mb, other_mb = compare(n, d, k, dtype, n_runs)
            cells = [f"{t:.1f}" for t in times]
            cells += [f"{ratio:.2f}", f"{own_mb:.1f}", f"{other_mb:.1f}"]
            print(f"| {n}x{d}, {k}, {dtype} | {threads} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
