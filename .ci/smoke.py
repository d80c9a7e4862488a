"""Checks that an installed package is complete and does what a user does first.

Run it from a folder without the source.
"""

import pickle
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skl_sparse_ae
import skl_sparse_ae.metrics
import skl_sparse_ae.model_selection

package = Path(skl_sparse_ae.__file__).parent
assert Path(sys.prefix) in package.parents, f"{package} is outside this environment"
assert skl_sparse_ae.__version__ == version("skl_sparse_ae")
assert (package / "py.typed").exists()

X = load_digits().data / 16
for estimator in (
    skl_sparse_ae.SparseAutoencoderTransformer(16, max_iter=50, tol=0, random_state=0),
    skl_sparse_ae.VariationalAutoencoderTransformer(2, max_iter=3, tol=0, random_state=0),
):
    model = make_pipeline(StandardScaler(), estimator).fit(X)
    code = pickle.loads(pickle.dumps(model)).transform(X)
    assert code.shape == (len(X), estimator.n_components)
    np.testing.assert_array_equal(code, model.transform(X))
print("skl_sparse_ae", skl_sparse_ae.__version__, "works from", package)
