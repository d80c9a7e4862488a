import numpy as np
import pytest

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._nn.activations import ACTIVATIONS


@pytest.fixture
def with_activation(autoencoder):
    """A function of an activation's name.

    It returns an autoencoder of a subclass whose code has this activation, and the activation as a
    function of arrays.
    """

    def make(name):
        class Subclass(SparseAutoencoderTransformer):
            def _activation(self):
                return ACTIVATIONS[name]

        model = Subclass(**autoencoder.get_params())
        vars(model).update(vars(autoencoder))
        return model, lambda Z: ACTIVATIONS[name].forward(np.array(Z))

    return make
