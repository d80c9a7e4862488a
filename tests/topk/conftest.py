from types import SimpleNamespace

import numpy as np
import pytest

from skl_sparse_ae import TopKAutoencoderTransformer
from skl_sparse_ae._topk import codes, frame, initial, objective, predict, problem
from skl_sparse_ae.datasets import make_superposed_features


@pytest.fixture(scope="session")
def topk():
    """The modules of the family that tests of its other modules are built from."""
    return SimpleNamespace(
        codes=codes,
        frame=frame,
        initial=initial,
        objective=objective,
        predict=predict,
        problem=problem,
    )


@pytest.fixture(scope="session")
def network(topk):
    """A function that makes random `Weights` of 6 features and 9 units, with unit atoms."""

    def make(seed=0, d=6, k=9, threshold=0.3):
        rng = np.random.default_rng(seed)
        atoms = rng.normal(size=(k, d))
        return topk.objective.Weights(
            rng.normal(size=(k, d)),
            rng.normal(size=k),
            atoms / np.linalg.norm(atoms, axis=1, keepdims=True),
            rng.normal(size=d),
            np.array([threshold]),
        )

    return make


@pytest.fixture(scope="session")
def superposed():
    """Rows of 32 columns, combinations of 2 of 48 atoms on average, and the atoms."""
    X, _, atoms = make_superposed_features(2000, 32, 48, n_active=2, random_state=0)
    X.flags.writeable = False
    return X, atoms


@pytest.fixture(scope="session")
def quick():
    """A function that makes a small estimator."""

    def make(n_components=40, **parameters):
        defaults = {"n_nonzero_coefs": 3, "max_iter": 5, "tol": 0, "random_state": 0}
        defaults |= {"batch_size": 50}
        return TopKAutoencoderTransformer(n_components, **defaults | parameters)

    return make
