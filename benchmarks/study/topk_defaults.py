"""What is each choice of the trainer of `TopKAutoencoderTransformer` worth?

    python -m benchmarks.study.topk_defaults    # 10 minutes

Fits three matrices with the defaults, and with one choice changed at a time: 30 epochs, 16 active
units, float32, one thread, the mean of some seeds. The choices were made on these matrices. `topk`
reports on others.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.core import topk_trainer
from benchmarks.datasets import docstrings, patches
from benchmarks.study.topk import superposed
from benchmarks.study.topk_peers import unexplained
from skl_sparse_ae import TopKAutoencoderTransformer

N_TEST = 2000


def image_patches(n_rows):
    return np.random.default_rng(0).permutation(patches(n_rows)[0])


# Functions that return rows, and numbers of units.
MATRICES = {
    "mixtures": (lambda: superposed(4000 + N_TEST, 64, 128, seed=0)[0], 192),
    "patches": (partial(image_patches, 12_000 + N_TEST), 256),
    "docstrings": (lambda: docstrings()[0][: 8000 + N_TEST], 512),
}
# Parameters of the estimator, and constants of the trainer: see `core.topk_trainer`.
CHOICES = {
    "defaults": {},
    "rate does not fall": {"falling_share": 0.0},
    "rate falls over half of the steps": {"falling_share": 0.5},
    "atoms are directions of rows": {"groups": 1},
    "rate 0.0025": {"learning_rate_init": 0.0025},
    "rate 0.01": {"learning_rate_init": 0.01},
    "batches of 64 rows": {"batch_size": 64},
    "batches of 256 rows": {"batch_size": 256},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    tables = {name: load().astype(np.float32) for name, (load, _) in MATRICES.items()}
    print("| choice | " + " | ".join(f"{name}: FVU, dead, s" for name in tables) + " |")
    print("|---" * (len(tables) + 1) + "|")
    with threadpool_limits(1):
        for choice, changed in CHOICES.items():
            cells = [
                mean_figures(X, MATRICES[name][1], changed, args.seeds, args.epochs)
                for name, X in tables.items()
            ]
            print(f"| {choice} | " + " | ".join(cells) + " |", flush=True)


def mean_figures(X, width, changed, n_seeds, epochs):
    """The cell of a table: means over seeds of the held-out error, dead units, and seconds."""
    found = [figures(X, width, seed, epochs, **changed) for seed in range(n_seeds)]
    error, dead, seconds = np.mean(found, axis=0)
    return f"{error:.4f}, {dead:.0%}, {seconds:.1f}"


def figures(X, width, seed, epochs, falling_share=None, groups=None, **parameters):
    """Held-out FVU, the share of dead units and the processor seconds of a fit."""
    model = TopKAutoencoderTransformer(
        width, max_iter=epochs, tol=0, random_state=seed, **parameters
    )
    start = time.process_time()
    with topk_trainer(falling_share, groups), warnings.catch_warnings(action="ignore"):
        model.fit(X[:-N_TEST])
    seconds = time.process_time() - start
    held_out = X[-N_TEST:]
    return unexplained(held_out, model.reconstruct(held_out)), model.n_dead_ / width, seconds


if __name__ == "__main__":
    main()
