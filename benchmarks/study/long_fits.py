"""Which settings make a long fit shorter, and what do they cost?

    python -m benchmarks.study.long_fits --mnist mnist.npz    # 5 minutes

The file is that of `mnist_defaults`: 1,000 units learn from the first 5,000 rows. Accuracy is that
of a logistic regression on the standardised code of the next 5,000 rows. Seconds are CPU time of
`fit` alone; start with OPENBLAS_NUM_THREADS=1. One seed.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.preprocessing import StandardScaler

from benchmarks.study.mnist_defaults import N_TRAIN, accuracy
from skl_sparse_ae import SparseAutoencoderTransformer

WAYS = {
    "the defaults, float64": (np.float64, {}),
    "the defaults, float32": (np.float32, {}),
    "`tol=1e-2`": (np.float32, {"tol": 1e-2}),
    "`max_iter=20`": (np.float32, {"max_iter": 20}),
    '`solver="adam"`': (np.float32, {"solver": "adam"}),
    '`solver="adam", tol=1e-2`': (np.float32, {"solver": "adam", "tol": 1e-2}),
}


def measure(X, y, n_components, settings):
    """(seconds, iterations, R2 and accuracy of the rows that were not used for training)."""
    train, test = X[:N_TRAIN], X[N_TRAIN : 2 * N_TRAIN]
    model = SparseAutoencoderTransformer(n_components, random_state=0, **settings)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # max_iter=20 is not enough to converge
        model.fit(train)
    seconds = time.process_time() - start
    scaler = StandardScaler().fit(model.transform(train))
    codes = (scaler.transform(model.transform(rows)) for rows in (train, test))
    score = accuracy(*codes, y[:N_TRAIN], y[N_TRAIN : 2 * N_TRAIN])
    return seconds, model.n_iter_, model.score(test), score


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", required=True, help="an .npz with X and y")
    parser.add_argument("--n-components", type=int, default=1000)
    args = parser.parse_args()
    with np.load(args.mnist) as data:
        X, y = data["X"] / 255, data["y"]
    print("| settings | s to fit | iterations or epochs | R2 | accuracy |\n|---|---|---|---|---|")
    for name, (dtype, settings) in WAYS.items():
        figures = measure(X.astype(dtype), y, args.n_components, settings)
        print("| {} | {:.0f} | {} | {:.3f} | {:.3f} |".format(name, *figures), flush=True)


if __name__ == "__main__":
    main()
