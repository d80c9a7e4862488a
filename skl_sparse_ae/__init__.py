"""Autoencoders that are ordinary scikit-learn transformers, on NumPy and SciPy alone."""

from skl_sparse_ae._estimator.persistence import InconsistentVersionWarning
from skl_sparse_ae._outliers import AutoencoderOutlierDetector
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae._topk.estimator import TopKAutoencoderTransformer
from skl_sparse_ae._variational.estimator import VariationalAutoencoderTransformer
from skl_sparse_ae._version import __version__ as __version__

__all__ = [
    "AutoencoderOutlierDetector",
    "InconsistentVersionWarning",
    "SparseAutoencoderTransformer",
    "TopKAutoencoderTransformer",
    "VariationalAutoencoderTransformer",
]

# A pickle or skops file names this path, so it must not be that of a private module, which may
# move.
for _public in (
    AutoencoderOutlierDetector,
    InconsistentVersionWarning,
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
):
    _public.__module__ = __name__
