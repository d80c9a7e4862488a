"""Does tf-idf need scaling before a sparse autoencoder?

    python -m benchmarks.study.text_scaling    # 2 minutes

The rows are docstrings of SciPy and scikit-learn as tf-idf; the labels are their modules. Each way
is a step of a Pipeline between `TfidfVectorizer` and the autoencoder, fitted to the training rows.
The accuracy is that of a logistic regression on the code of the test rows, mean over three splits.
"""

import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks.study.tables import docstrings, tf_idf
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity


def tenfold(X):
    """X times 10."""
    return 10 * X


WAYS = {
    "as it is": "passthrough",
    "times 10": FunctionTransformer(tenfold, accept_sparse=True),
    "StandardScaler(with_mean=False)": StandardScaler(with_mean=False),
}


def measure(texts, labels, step, seed):
    """(accuracy, R2 and Hoyer sparsity of the test rows, seconds of the fit)."""
    train, test, y_train, y_test = train_test_split(
        texts, labels, test_size=0.3, stratify=labels, random_state=seed
    )
    autoencoder = SparseAutoencoderTransformer(random_state=seed)
    pipeline = make_pipeline(tf_idf(3000), step, autoencoder)
    start = time.process_time()
    code = pipeline.fit_transform(train)
    seconds = time.process_time() - start
    classifier = LogisticRegression(C=10, max_iter=2000).fit(code, y_train)
    code = pipeline.transform(test)
    return classifier.score(code, y_test), pipeline.score(test), hoyer_sparsity(code), seconds


def main(n_splits=3):
    """Print a table."""
    print("| table | scaling | accuracy | R2 | Hoyer | seconds |\n|---|---|---|---|---|---|")
    for package in ("scipy", "sklearn"):
        texts, labels = docstrings(package)
        for name, step in WAYS.items():
            rows = [measure(texts, labels, step, seed) for seed in range(n_splits)]
            figures = " | ".join(f"{figure:.3f}" for figure in np.mean(rows, axis=0))
            print(f"| {package} | {name} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
