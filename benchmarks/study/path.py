"""How much do warm starts save along a path over `sparsity_weight`, against separate fits?

    python -m benchmarks.study.path    # 10 seconds

The rows are digits (8x8 pixels, 0..16 divided by 16, or standardised). The path has 8 weights from
0.03 to 10 times the scale, defaults otherwise, one thread. Iterations and CPU seconds are those of
all 8 fits. J, R2 and Hoyer sparsity, of the training rows, are those of each multiple. All are
medians over seeds.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.model_selection import sparse_autoencoder_path

MULTIPLES = np.geomspace(0.03, 10, 8)
WEIGHTS = [f"{multiple}*scale" for multiple in MULTIPLES]
FIGURES = ("loss", "r2", "hoyer", "n_iter")


def separate(X, model):
    paths = [sparse_autoencoder_path(X, [weight], estimator=model) for weight in WEIGHTS]
    return {name: np.concatenate([getattr(path, name) for path in paths]) for name in FIGURES}


def warm(X, model, order):
    path = sparse_autoencoder_path(X, WEIGHTS, estimator=model, order=order)
    return {name: getattr(path, name) for name in FIGURES}


def measure(X, n_components, n_seeds):
    """Return ``{way to fit: [figures and seconds of each seed]}``."""
    ways = {
        "separate": separate,
        "ascending": lambda X, model: warm(X, model, "ascending"),
        "descending": lambda X, model: warm(X, model, "descending"),
    }
    results = {name: [] for name in ways}
    for seed in range(n_seeds):
        model = SparseAutoencoderTransformer(n_components, random_state=seed)
        for name, way in ways.items():
            start = time.process_time()
            figures = way(X, model)
            results[name].append(figures | {"seconds": time.process_time() - start})
    return results


def cells(runs, name, form):
    medians = np.median([run[name] for run in runs], axis=0)
    return " | ".join(format(value, form) for value in medians)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--components", type=int, default=32)
    parser.add_argument("--standardise", action="store_true")
    args = parser.parse_args()
    X = load_digits().data
    X = StandardScaler().fit_transform(X) if args.standardise else X / 16
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the smallest weights miss the target, and warn of it
        results = measure(X, args.components, args.seeds)

    multiples = " | ".join(f"{multiple:.2g} x" for multiple in MULTIPLES)
    print(f"| fits | iterations | CPU s | {multiples} |")
    print("|---" * (3 + len(WEIGHTS)) + "|")
    for name, runs in results.items():
        iterations = np.median([run["n_iter"].sum() for run in runs])
        seconds = np.median([run["seconds"] for run in runs])
        print(f"| {name}, J | {iterations:.0f} | {seconds:.2f} | {cells(runs, 'loss', '.4g')} |")
        print(f"| {name}, R2 | | | {cells(runs, 'r2', '.3f')} |")
        print(f"| {name}, Hoyer | | | {cells(runs, 'hoyer', '.3f')} |")


if __name__ == "__main__":
    main()
