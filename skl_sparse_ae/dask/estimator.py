"""The sparse autoencoder for Dask arrays."""

from functools import partial
from typing import Any, Literal, Self

import numpy as np
from sklearn import get_config
from sklearn.utils.validation import validate_data

from skl_sparse_ae._estimator.transaction import reading
from skl_sparse_ae._estimator.validation import check_chunk
from skl_sparse_ae._sparse.estimator import SparseAutoencoderTransformer
from skl_sparse_ae.dask.rows import DaskRows, float_of, import_dask


class DaskSparseAutoencoderTransformer(SparseAutoencoderTransformer, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """`SparseAutoencoderTransformer` for Dask arrays: fitted on the cluster, lazy afterwards.

    Parameters, attributes and objective are those of `SparseAutoencoderTransformer`; a fit is its
    fit of the same rows, up to the order in which sums are made. As in ``xgboost.dask``, the
    cluster is that of the current client, or of the one set as the attribute `client`, which is no
    parameter and is neither cloned nor pickled.

    `fit`, `partial_fit` and `score` compute at once and hold X on the workers for as long;
    `transform`, `inverse_transform`, `reconstruct` and `score_samples` return Dask arrays of the
    same row chunks. Columns in several chunks are joined, empty partitions are skipped, unknown
    chunk sizes are found out. If a worker is lost, its partitions are computed again elsewhere; a
    partition that then has another number of rows is an error, since no objective would be that of
    one data set.

    With ``solver="adam"`` an epoch takes the partitions in random order, shuffles the rows of each,
    and steps from mini-batches of them: one partition at a time, on the worker that has it. With
    ``early_stopping=True``, whole partitions are held out.

    See Also
    --------
    skl_sparse_ae.SparseAutoencoderTransformer : The same for rows in memory or in a file.

    Examples
    --------
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> from skl_sparse_ae.dask import DaskSparseAutoencoderTransformer
    >>> client = Client(n_workers=2, threads_per_worker=1)  # doctest: +SKIP
    >>> model = DaskSparseAutoencoderTransformer(32, random_state=0).fit(X)  # doctest: +SKIP
    >>> model.transform(X).to_zarr("code.zarr")  # doctest: +SKIP
    >>> model.to_local()  # doctest: +SKIP
    SparseAutoencoderTransformer(n_components=32, random_state=0)
    """

    def __init_subclass__(
        cls, **options
    ):  # scikit-learn's wrapper would gather what `transform` returns
        super().__init_subclass__(**options | {"auto_wrap_output_keys": None})

    @property
    def client(self):
        """The `distributed.Client` to compute with: the one set here, or the current one."""
        return vars(self).get("_client") or import_dask("distributed").default_client()

    @client.setter
    def client(self, client):
        self._client = client

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the weights from X.

        Parameters
        ----------
        X : dask array of shape (n_samples, n_features)
            Rows in any chunks, also of unknown sizes. With ``loss="cross_entropy"``, between 0 and
            1.
        y : ignored

        Returns
        -------
        self : DaskSparseAutoencoderTransformer
            Or, after any exception, unchanged.

        Raises
        ------
        TypeError
            If X is not a Dask array.
        ValueError
            As for rows in memory; if no row is left, or if a partition that was computed again
            differs in size.
        RuntimeError
            If rows were lost with a worker and cannot be computed again.
        """
        return super().fit(X)

    def _check_rows(self, X, reset=False):
        if isinstance(X, DaskRows):
            return X
        X = _whole_rows(X, type(self).__name__)
        validate_data(self, X, reset=reset, skip_check_array=True)
        return DaskRows.of(X, self.client)

    @reading
    def transform(self, X: Any) -> Any:
        """The code of each row, lazy, as `set_output` says; see `SparseAutoencoderTransformer.transform`."""
        self._check_fitted()
        contain = self._container()
        return contain(self._lazily("transform", X, self.n_features_in_, self.components_.shape[0]))

    def set_output(self, *, transform: Literal["default", "pandas"] | None = None) -> Self:
        """What `transform` and `fit_transform` return, always lazy.

        Parameters
        ----------
        transform : {"default", "pandas"} or None, default=None
            "default" is a Dask array, "pandas" a Dask DataFrame, whose partitions are pandas' and which needs
            ``pip install "dask[dataframe]"``. None changes nothing. Where this was not called,
            ``sklearn.set_config(transform_output=...)`` holds.

        Returns
        -------
        self : DaskSparseAutoencoderTransformer

        Raises
        ------
        ValueError
            For another container, polars among them, of which Dask has no lazy kind.
        """
        if transform is not None:
            _check_container(transform)
            self._sklearn_output_config = {"transform": transform}  # where `clone` looks for it
        return self

    def _container(self):
        """A function of a lazy code, chosen before anything is done."""
        config = vars(self).get("_sklearn_output_config", {})
        if _check_container(config.get("transform", get_config()["transform_output"])) == "default":
            return lambda code: code
        return partial(_import_frames().from_dask_array, columns=self.get_feature_names_out())

    @reading
    def inverse_transform(self, X: Any) -> Any:
        """The rows that codes stand for, a lazy Dask array; see `SparseAutoencoderTransformer.inverse_transform`."""
        return self._lazily("inverse_transform", X, self.components_.shape[0], self.n_features_in_)

    @reading
    def reconstruct(self, X: Any) -> Any:
        """``inverse_transform(transform(X))``, a lazy Dask array."""
        return self._lazily("reconstruct", X, self.n_features_in_, self.n_features_in_)

    @reading
    def score_samples(self, X: Any) -> Any:
        """Minus the reconstruction loss of each row, a lazy Dask array; see `SparseAutoencoderTransformer.score_samples`."""
        return self._lazily("score_samples", X, self.n_features_in_, None)

    def _lazily(self, method, X, n_in, n_out):
        """The estimator's method of each partition; `n_out` columns come of `n_in`, or for None one number a row."""
        self._check_fitted()
        name = type(self).__name__
        X = _whole_rows(X, name)
        if X.shape[1] != n_in:
            raise ValueError(
                f"X has {X.shape[1]} features, but {name}.{method} is expecting {n_in} features as input."
            )
        dtype = np.float64 if n_out is None else float_of(X.dtype)
        empty = np.empty((0,) if n_out is None else (0, n_out), dtype=dtype)
        shape = (
            {"chunks": X.chunks[:1], "drop_axis": 1}
            if n_out is None
            else {"chunks": (X.chunks[0], (n_out,))}
        )
        local = self.to_local().set_output(
            transform="default"
        )  # of arrays, whatever is asked of this one and of workers
        return X.map_blocks(_on_partition, local, method, empty, dtype=dtype, meta=empty, **shape)

    def to_local(self) -> SparseAutoencoderTransformer:
        """The estimator in memory with these parameters and, if there are any, these fitted attributes.

        Returns
        -------
        estimator : SparseAutoencoderTransformer
            It pickles, loads and computes without Dask.
        """
        local = SparseAutoencoderTransformer(**self.get_params(deep=False))
        for name in vars(self).keys() - {"_client"}:
            setattr(local, name, vars(self)[name])
        if "_sklearn_output_config" in vars(self):
            local._sklearn_output_config = dict(
                self._sklearn_output_config
            )  # `set_output` writes into it
        return local

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("_client", None)
        return state


def _on_partition(block, model, method, empty):
    return getattr(model, method)(block) if len(block) else empty


def _check_container(name):
    if name not in ("default", "pandas"):
        raise ValueError(
            "DaskSparseAutoencoderTransformer returns Dask arrays (transform='default') or Dask DataFrames "
            f"(transform='pandas'), got {name!r}. Use set_output(transform='default') here, or to_local() for rows in memory."
        )
    return name


def _import_frames():
    try:
        return import_dask("dask.dataframe")
    except ImportError:
        raise ImportError(
            'transform_output="pandas" needs Dask DataFrames: pip install "dask[dataframe]"'
        ) from None


def _whole_rows(X, name):
    """A Dask array of numbers whose rows are not split; TypeError or ValueError for anything else."""
    if not isinstance(X, import_dask("dask.array").Array):
        raise TypeError(
            f"{name} expects a Dask array, got {type(X).__name__}. Use to_local() or SparseAutoencoderTransformer for rows in "
            "memory, and to_dask_array() of a Dask DataFrame."
        )
    if X.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} does not support dtype {X.dtype}. Convert the columns by astype(float): of a Dask DataFrame with nullable "
            "numbers, to_dask_array() makes objects otherwise."
        )
    if X.ndim != 2 or np.isnan(X.shape[1]):
        raise ValueError(
            f"{name} expects a 2-D Dask array with a known number of columns, got shape {X.shape}."
        )
    if not X.shape[1]:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is required by {name}."
        )
    _check_dense(X._meta, "X", name)
    dtype, widths = float_of(X.dtype), X.chunks[1]
    lengths = X.chunks[0] if len(widths) > 1 else None  # which goes with every task
    X = X.map_blocks(
        _sound_chunk, lengths, widths, dtype, name, dtype=dtype, meta=np.empty((0, 0), dtype=dtype)
    )
    return X.rechunk({1: -1}) if X.numblocks[1] > 1 else X


def _sound_chunk(chunk, lengths, widths, dtype, name, block_id):
    """A chunk, which Dask takes for what its graph says it is, as an array that is. `lengths` where it will be joined."""
    what = f"Chunk {tuple(map(int, block_id))} of X"
    _check_dense(chunk, what, name)
    n_columns = widths[block_id[1]]
    if np.ndim(chunk) != 2 or np.shape(chunk)[1] != n_columns:
        raise ValueError(
            f"{what} has shape {np.shape(chunk)}, and {n_columns} columns according to X.chunks."
        )
    n_rows = lengths[block_id[0]] if lengths else np.nan
    if not np.isnan(n_rows) and len(chunk) != n_rows:
        raise ValueError(
            f"{what} has shape {np.shape(chunk)}, and {n_rows} rows according to X.chunks."
        )
    try:
        return check_chunk(chunk, dtype, name)
    except (TypeError, ValueError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(
            f"{what}: {error}"
        ) from None


def _check_dense(chunk, what, name):
    if hasattr(chunk, "todense"):
        raise TypeError(
            f"{what} is sparse, of type {type(chunk).__name__}: {name} takes dense chunks only. Use "
            "X.map_blocks(lambda chunk: chunk.toarray()), or SparseAutoencoderTransformer for sparse rows in memory."
        )
