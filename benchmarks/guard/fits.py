"""Is a revision slower than its parent?

    asv --config benchmarks/asv.conf.json continuous --interleave-rounds HEAD~1 HEAD    # 5 minutes

`docs/benchmarking.md` has the details. The file uses the public interface alone, so it measures
any revision. Times are those of a fixed number of epochs or iterations. A fit until convergence
would not do: rounding decides the number of its iterations. Times are CPU time on one thread
(`asv.conf.json`), so that other processes on the machine matter little.
"""

import time
import tracemalloc
import warnings

import numpy as np
from sklearn.datasets import load_digits

from skl_sparse_ae import SparseAutoencoderTransformer

ROUNDS = 3  # of turns between the revisions, with --interleave-rounds


def digits():
    return load_digits().data.astype(np.float32) / 16


def mnist_like():
    """Rows of MNIST's shape. The time of a step does not depend on their values."""
    return np.random.default_rng(0).random((2000, 784), dtype=np.float32)


def fitted(X, k, n_iter, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no convergence in so few iterations
        options |= {"max_iter": n_iter, "tol": 0, "random_state": 0}
        return SparseAutoencoderTransformer(k, **options).fit(X)


class Digits:
    """64 features, 64 units: work beside the matrix products shows."""

    rounds, repeat, warmup_time, timer = ROUNDS, (3, 10, 0.3), 0.05, time.process_time

    def setup(self):
        self.X = digits()
        self.model = fitted(self.X, 64, 1)

    def time_adam(self):
        fitted(self.X, 64, 5, solver="adam", batch_size=200)

    def time_lbfgs_encoder_alone(self):
        fitted(self.X, 64, 20)

    def time_lbfgs_all_weights(self):
        fitted(self.X, 64, 20, loss="cross_entropy")

    def time_transform(self):
        self.model.transform(self.X)


class Mnist:
    """784 features, 196 units: mostly matrix products."""

    rounds, repeat, warmup_time, timer = ROUNDS, (2, 4, 0.5), 0.05, time.process_time

    def setup(self):
        self.X = mnist_like()
        self.model = fitted(self.X[:256], 196, 1)

    def time_adam(self):
        fitted(self.X, 196, 1, solver="adam", batch_size=200)

    def time_lbfgs_encoder_alone(self):
        fitted(self.X, 196, 3)

    def time_lbfgs_all_weights(self):
        fitted(self.X, 196, 3, loss="cross_entropy")

    def time_transform(self):
        self.model.transform(self.X)


class NotSeconds:
    """Figures that do not depend on the load of the machine."""

    def track_objective(self):
        """J on digits after 50 iterations.

        An algorithm that needs more iterations is slower at any speed.
        """
        return fitted(digits().astype(np.float64), 64, 50).loss_

    def track_memory(self, solver):
        """Megabytes that NumPy and SciPy allocate at the peak of a fit, beyond X."""
        X = mnist_like()
        tracemalloc.start()
        fitted(X, 196, 2, solver=solver)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / 1e6

    track_memory.params, track_memory.param_names = ["lbfgs", "adam"], ["solver"]
    track_memory.unit = "MB"


class Import:
    """The package alone, after scikit-learn, which takes most of the time of an import."""

    rounds, repeat, number = ROUNDS, 3, 1

    def timeraw_import(self):
        return "import skl_sparse_ae", "import sklearn.base, sklearn.model_selection"
