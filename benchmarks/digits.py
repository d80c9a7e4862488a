"""The main job on real data: sparse features of handwritten digits, and what they are good for.

    python -m benchmarks.digits [--out digits_features.png]

Trains on three quarters of scikit-learn's digits (8x8 pixels, 0..16 divided by 16), prints what the code keeps, how sparse
it is and what a linear classifier makes of it against raw pixels, and draws what each unit looks for.
"""

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity
from skl_sparse_ae.plotting import FeaturesDisplay


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="digits_features.png", help="where to write the picture")
    parser.add_argument(
        "--seeds", type=int, default=5, help="fits from so many random starts; medians are printed"
    )
    args = parser.parse_args()

    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    print(
        f"digits: {len(X_train)} training rows, {len(X_test)} test rows, {X.shape[1]} pixels -> 64 units"
    )

    start = time.perf_counter()
    models = [
        SparseAutoencoderTransformer(64, random_state=seed).fit(X_train)
        for seed in range(args.seeds)
    ]
    codes = [model.transform(X_test) for model in models]
    seconds = (time.perf_counter() - start) / args.seeds
    pixels = LogisticRegression(max_iter=5000).fit(X_train, y_train).score(X_test, y_test)
    on_code = [
        LogisticRegression(max_iter=5000, C=10).fit(m.transform(X_train), y_train).score(c, y_test)
        for m, c in zip(models, codes, strict=True)
    ]
    print(
        f"fit and transform              {seconds:6.2f} s, {np.median([m.n_iter_ for m in models]):.0f} iterations"
    )
    print(f"reconstruction, R2             {np.median([m.score(X_test) for m in models]):6.3f}")
    on_code_and_pixels = np.median([hoyer_sparsity(c) for c in codes]), hoyer_sparsity(X_test)
    print(
        "Hoyer sparsity of the code     {:6.3f}   (of the pixels {:.3f})".format(
            *on_code_and_pixels
        )
    )
    print(
        f"mean activation                {np.median([c.mean() for c in codes]):6.3f}   (target {models[0].sparsity_target})"
    )
    print(f"accuracy, classifier on pixels {pixels:6.3f}")
    print(
        f"accuracy, classifier on code   {np.median(on_code):6.3f}   (from {min(on_code):.3f} to {max(on_code):.3f})"
    )
    display = FeaturesDisplay.from_estimator(models[0], (8, 8))
    display.figure_.suptitle("Digits: what each of the 64 units looks for", fontsize="medium")
    display.figure_.savefig(args.out)
    print(f"features drawn in {args.out}")


if __name__ == "__main__":
    main()
