"""Autoencoders that are ordinary scikit-learn transformers, on NumPy and SciPy alone."""

from skl_sparse_ae._sparse_autoencoder import SparseAutoencoderTransformer

__all__ = ["SparseAutoencoderTransformer"]
__version__ = "0.1.0.dev0"

# The path in a pickle or skops file is an API: it must not name a private module that may move.
SparseAutoencoderTransformer.__module__ = __name__
