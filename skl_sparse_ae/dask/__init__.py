"""Fits on a Dask cluster: the same objective and solvers, with sums over rows made where the rows are.

It needs Dask: ``pip install "skl_sparse_ae[dask]"``.

L-BFGS runs here, in the process of the client. For an evaluation the weights are sent to the
workers, each worker adds up what its rows contribute, and one sum from each comes back (in two
rounds if the decoder is eliminated: see ``docs/scale.md``). For Adam the optimiser's state goes
from partition to partition.
"""

from skl_sparse_ae.dask.estimator import DaskSparseAutoencoderTransformer

__all__ = ["DaskSparseAutoencoderTransformer"]

DaskSparseAutoencoderTransformer.__module__ = __name__  # the path in a pickle is an API
