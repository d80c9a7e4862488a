"""Autoencoders that are ordinary scikit-learn transformers, on NumPy and SciPy alone."""

__version__ = "0.1.0.dev0"  # above the imports, because what they import stamps it into files

from skl_sparse_ae._persistence import InconsistentVersionWarning
from skl_sparse_ae._sparse_autoencoder import SparseAutoencoderTransformer
from skl_sparse_ae._variational_autoencoder import VariationalAutoencoderTransformer

__all__ = ["InconsistentVersionWarning", "SparseAutoencoderTransformer", "VariationalAutoencoderTransformer"]

# The path in a pickle or skops file is an API: it must not name a private module that may move.
for _public in (InconsistentVersionWarning, SparseAutoencoderTransformer, VariationalAutoencoderTransformer):
    _public.__module__ = __name__
