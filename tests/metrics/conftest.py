import pytest
from sklearn.datasets import load_digits

from skl_sparse_ae import SparseAutoencoderTransformer


@pytest.fixture(scope="module")
def X():
    return load_digits().data[:200] / 16


@pytest.fixture(scope="module")
def model(X):
    return SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0).fit(X)
