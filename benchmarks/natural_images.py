"""UFLDL's first exercise: edge detectors from 8x8 patches of natural images, with its constants translated.

    python -m benchmarks.natural_images [--out edges.png]

Its objective is mean over rows of half the squared error summed over features, plus lambda / 2 times the squared weights,
plus beta times the KL divergences. Ours is that times 2 / d: sparsity_weight = 2 beta / d, both alphas = 2 lambda. The
images are scikit-learn's two sample photographs, whitened as UFLDL's ten are.
"""

import argparse

import numpy as np

from benchmarks.datasets import patches, unit_range
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity
from skl_sparse_ae.plotting import FeaturesDisplay

LAMBDA, BETA, RHO, N_UNITS, N_FEATURES = 1e-4, 3, 0.01, 25, 64


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="edges.png", help="where to write the picture")
    args = parser.parse_args()

    X = unit_range(patches(n_patches=10_000, whiten=True)[0])
    model = min((fit(X, seed) for seed in range(3)), key=lambda model: model.loss_)
    code, used = model.transform(X), np.linalg.norm(model.decoder_components_, axis=1) > 0.1
    print(
        f"lowest J of three starts {model.loss_:.6f} (in UFLDL's units {model.loss_ * N_FEATURES / 2:.4f})"
    )
    print(
        f"R2 {model.score(X):.3f}, mean activation {code.mean():.4f} (target {RHO}), Hoyer sparsity {hoyer_sparsity(code):.3f}"
    )
    print(
        f"units in use: {used.sum()} of {N_UNITS}, of which edges: {np.sum(_balance(model.components_[used]) < 0.2)}"
    )
    display = FeaturesDisplay.from_estimator(model, (8, 8), order="norm")
    display.figure_.suptitle(f"Edges ({np.sum(~used)} unused units last)", fontsize="medium")
    display.figure_.savefig(args.out)
    print(f"features drawn in {args.out}")


def fit(X, seed):
    return SparseAutoencoderTransformer(
        N_UNITS,
        sparsity_target=RHO,
        sparsity_weight=2 * BETA / N_FEATURES,
        encoder_alpha=2 * LAMBDA,
        decoder_alpha=2 * LAMBDA,
        decoder_activation="logistic",
        max_iter=400,
        tol=0,
        random_state=seed,
    ).fit(X)


def _balance(components):
    """abs(sum of weights) / sum of abs(weights): near 0 for an edge, 1 for a blob."""
    return np.abs(components.sum(axis=1)) / np.abs(components).sum(axis=1)


if __name__ == "__main__":
    main()
