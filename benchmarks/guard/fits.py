"""What a user waits for, at two sizes, in a minute or two: is a revision slower than its parent?

`docs/benchmarking.md` says how to run it. By the public interface alone, so that the same file measures any revision. Times are
of so many epochs or iterations and never of a fit until it converges, whose number of iterations rounding decides. They are the
process's own, on one thread (`asv.conf.json`): what else runs on the machine counts for little.
"""

import time
import tracemalloc
import warnings

import numpy as np
from sklearn.datasets import load_digits

from skl_sparse_ae import SparseAutoencoderTransformer

ROUNDS = 3  # the revisions take turns so often, if asked to


def digits():
    return load_digits().data.astype(np.float32) / 16


def mnist_like():
    """Rows of MNIST's shape. The time of a step does not depend on what is in them."""
    return np.random.default_rng(0).random((2000, 784), dtype=np.float32)


def fitted(X, k, n_iter, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few iterations are no fit
        return SparseAutoencoderTransformer(
            k, max_iter=n_iter, tol=0, random_state=0, **options
        ).fit(X)


class Digits:
    """64 features, 64 units: what is not a matrix product shows."""

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
    """The same whoever else uses the machine."""

    def track_objective(self):
        """J on digits after 50 iterations: an algorithm that needs more of them is slower at any speed."""
        return fitted(digits().astype(np.float64), 64, 50).loss_

    def track_memory(self, solver):
        """What NumPy and SciPy hold at the peak of a fit, beyond X."""
        X = mnist_like()
        tracemalloc.start()
        fitted(X, 196, 2, solver=solver)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / 1e6

    track_memory.params, track_memory.param_names, track_memory.unit = (
        ["lbfgs", "adam"],
        ["solver"],
        "MB",
    )


class Import:
    """The package alone: scikit-learn, which is most of an import, is there already."""

    rounds, repeat, number = ROUNDS, 3, 1

    def timeraw_import(self):
        return "import skl_sparse_ae", "import sklearn.base, sklearn.model_selection"
