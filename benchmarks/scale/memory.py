"""Peak memory of a whole fit beyond X, and the upper bound for it that `docs/performance.md` gives.

`tracemalloc` measures it: it sees the arrays of NumPy and SciPy, but neither the stacks of threads
nor the buffers of BLAS. `benchmarks.speed.growth` writes the table.
"""

import tracemalloc
import warnings

import numpy as np

from benchmarks import core
from skl_sparse_ae import SparseAutoencoderTransformer

SHAPES = (
    (10_000, 256, 64),
    (40_000, 256, 64),
    (10_000, 1024, 64),
    (10_000, 256, 256),
    (300, 20_000, 50),
    (50, 50_000, 100),
)
VECTORS, ADAM_VECTORS = 28, 12  # of the size of the weights, beside L-BFGS's two for each pair
BATCHES = 4  # copies of a mini-batch: its rows, the reconstruction and what is computed from them


def rows_of(n_rows, n_features):
    return np.random.default_rng(0).random((n_rows, n_features), dtype=np.float32)


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


def formula(rows, features, units, solver, itemsize=4):
    """The bound in megabytes.

    For L-BFGS, it counts the code of all rows, vectors of the size of the weights, and a few blocks
    for each of two workers. For Adam with ``batch_size="auto"``, it counts vectors, blocks and a
    few copies of a batch.
    """
    weights, blocks = units * features, 2 * 4 * core.BLOCK_BYTES
    if solver == "adam":
        batch = core.batch_size(rows) * features
        return (itemsize * (2 * weights * ADAM_VECTORS + BATCHES * batch) + blocks) / 1e6
    vectors = 8 * (2 * core.history_length(weights) + VECTORS) * weights  # float64, the encoder's
    white = 4 * 8 * features**2 if core.is_whitened(rows, features, units) else 0
    return (rows * units * itemsize + vectors + white + blocks) / 1e6


def records():
    """Yield a record for each solver and shape."""
    for solver in ("lbfgs", "adam"):
        for shape in SHAPES:
            figures = {"megabytes": megabytes(*shape, solver), "formula": formula(*shape, solver)}
            yield {"solver": solver, "shape": shape, "X": 4e-6 * shape[0] * shape[1]} | figures
