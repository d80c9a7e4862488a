"""Memory of a whole fit beyond X, by tracemalloc, beside the formula of `docs/performance.md`, which is meant as a bound.

NumPy and SciPy's arrays are counted; threads' stacks and BLAS's buffers are not. `benchmarks.speed.growth` prints the table.
"""

import tracemalloc
import warnings

import numpy as np

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._rows.blocks import BLOCK_BYTES
from skl_sparse_ae._solvers.lbfgs import LBFGS_HISTORY, MANY_PARAMETERS, SHORT_HISTORY
from skl_sparse_ae._sparse.estimator import MAX_BATCH, MIN_BATCH, MIN_BATCHES
from skl_sparse_ae._sparse.whitening import (
    MOST_EVALUATIONS,
    MOST_WHITE_FEATURES,
    _cost,
    _cost_of_evaluation,
)

SHAPES = (
    (10_000, 256, 64),
    (40_000, 256, 64),
    (10_000, 1024, 64),
    (10_000, 256, 256),
    (300, 20_000, 50),
    (50, 50_000, 100),
)
VECTORS, ADAM_VECTORS = 28, 12  # of L-BFGS, beside SciPy's two for each pair of the history
BATCHES = 4  # copies of a mini-batch: its rows, the reconstruction and what comes of them


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
    """Megabytes: the code of all rows (L-BFGS), vectors of the size of the weights, a few blocks for each of two workers.

    Of Adam with its "auto" batches, a few copies of one.
    """
    weights, blocks = units * features, 2 * 4 * BLOCK_BYTES
    if solver == "adam":
        batch = int(np.clip(rows // MIN_BATCHES, MIN_BATCH, MAX_BATCH)) * features
        return (itemsize * (2 * weights * ADAM_VECTORS + BATCHES * batch) + blocks) / 1e6
    pairs = LBFGS_HISTORY if weights <= MANY_PARAMETERS else SHORT_HISTORY
    vectors = 8 * (2 * pairs + VECTORS) * weights  # float64, of the encoder
    white = 4 * 8 * features**2 if is_whitened(rows, features, units) else 0
    return (rows * units * itemsize + vectors + white + blocks) / 1e6


def is_whitened(rows, features, units):
    n_evaluations = _cost(rows, features) / _cost_of_evaluation(rows, features, units)
    return features <= min(rows, MOST_WHITE_FEATURES) and n_evaluations <= MOST_EVALUATIONS


def records():
    for solver in ("lbfgs", "adam"):
        for shape in SHAPES:
            figures = {"megabytes": megabytes(*shape, solver), "formula": formula(*shape, solver)}
            yield {"solver": solver, "shape": shape, "X": 4e-6 * shape[0] * shape[1]} | figures
