"""Fits on a Dask cluster: the same objective and solvers; the workers compute the sums over rows.

This needs Dask: ``pip install "dask[array,distributed]"``.

L-BFGS runs in the client's process. For each evaluation the weights are sent to the workers, each
worker adds up the contributions of its rows, and the client receives one sum from each. This takes
two rounds if the decoder is eliminated; see ``docs/scale.md``. Adam's state is sent from partition
to partition.
"""

from skl_sparse_ae.dask.estimator import DaskSparseAutoencoderTransformer

__all__ = ["DaskSparseAutoencoderTransformer"]

DaskSparseAutoencoderTransformer.__module__ = __name__  # pickles contain this path
