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


class DaskSparseAutoencoderTransformer(
    SparseAutoencoderTransformer,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]  # scikit-learn has no types
):
    """`SparseAutoencoderTransformer` for Dask arrays: fitted on a cluster, with lazy results.

    Parameters, attributes and objective are those of `SparseAutoencoderTransformer`. Both classes
    give the same model for the same rows, up to rounding. As in ``xgboost.dask``, the cluster is
    that of the current client. To use another one, set the attribute `client`. It is not a
    parameter: it is neither cloned nor pickled.

    `fit`, `partial_fit` and `score` compute immediately, and keep X on the workers while they run.
    `transform`, `inverse_transform`, `reconstruct` and `score_samples` return Dask arrays with the
    row chunks of X. Chunks of columns are joined, empty partitions are skipped, and unknown chunk
    sizes are computed. If a worker is lost, its partitions are computed again on another one. If a
    partition then has another number of rows, an error is raised.

    With ``solver="adam"``, an epoch trains on one partition at a time, in random order, on the
    worker that has it. The rows of a partition are shuffled and divided into mini-batches. With
    ``early_stopping=True``, whole partitions are held out.

    See Also
    --------
    skl_sparse_ae.SparseAutoencoderTransformer : For rows in memory or in a file.

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

    # scikit-learn's wrapper of `transform` would load its results into memory.
    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options | {"auto_wrap_output_keys": None})

    @property
    def client(self):
        """The `distributed.Client` in use: the one that was set, or the current one."""
        return vars(self).get("_client") or import_dask("distributed").default_client()

    @client.setter
    def client(self, client):
        self._client = client

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the weights from X.

        Parameters
        ----------
        X : dask array of shape (n_samples, n_features)
            Rows to reconstruct, in any chunks, also of unknown sizes. With
            ``loss="cross_entropy"``, between 0 and 1.
        y : ignored

        Returns
        -------
        self : DaskSparseAutoencoderTransformer
            If an exception is raised, the estimator is left unchanged.

        Raises
        ------
        TypeError
            If X is not a Dask array.
        ValueError
            As for rows in memory, if X has no rows, or if a partition was computed again and has
            another number of rows.
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
        """Return the code of each row, lazily; see `SparseAutoencoderTransformer.transform`.

        Parameters
        ----------
        X : dask array of shape (n_samples, n_features)
            Rows in any chunks.

        Returns
        -------
        code : dask array or DataFrame of shape (n_samples, n_components)
            A DataFrame after ``set_output(transform="pandas")``.
        """
        self._check_fitted()
        contain = self._container()
        return contain(self._lazily("transform", X, self.n_features_in_, self.components_.shape[0]))

    def set_output(self, *, transform: Literal["default", "pandas"] | None = None) -> Self:
        """Set the container that `transform` and `fit_transform` return, always a lazy one.

        Parameters
        ----------
        transform : {"default", "pandas"} or None, default=None
            "default" is a Dask array. "pandas" is a Dask DataFrame, whose partitions are pandas
            DataFrames; it needs ``pip install "dask[dataframe]"``. None changes nothing. Without a
            call, ``sklearn.set_config(transform_output=...)`` decides.

        Returns
        -------
        self : DaskSparseAutoencoderTransformer

        Raises
        ------
        ValueError
            For other containers. Dask has none for polars.
        """
        if transform is not None:
            _check_container(transform)
            self._sklearn_output_config = {"transform": transform}  # `clone` copies this
        return self

    def _container(self):
        """The function that puts a lazy code into the chosen container."""
        config = vars(self).get("_sklearn_output_config", {})
        if _check_container(config.get("transform", get_config()["transform_output"])) == "default":
            return lambda code: code
        return partial(_import_frames().from_dask_array, columns=self.get_feature_names_out())

    @reading
    def inverse_transform(self, X: Any) -> Any:
        """Decode codes, lazily; see `SparseAutoencoderTransformer.inverse_transform`.

        Parameters
        ----------
        X : dask array of shape (n_samples, n_components)
            Codes, for example from `transform`.

        Returns
        -------
        X_original : dask array of shape (n_samples, n_features)
        """
        return self._lazily("inverse_transform", X, self.components_.shape[0], self.n_features_in_)

    @reading
    def reconstruct(self, X: Any) -> Any:
        """Return ``inverse_transform(transform(X))``, lazily.

        Parameters
        ----------
        X : dask array of shape (n_samples, n_features)
            As in `transform`.

        Returns
        -------
        X_hat : dask array of shape (n_samples, n_features)
        """
        return self._lazily("reconstruct", X, self.n_features_in_, self.n_features_in_)

    @reading
    def score_samples(self, X: Any) -> Any:
        """Return minus the reconstruction error of each row, lazily.

        See `SparseAutoencoderTransformer.score_samples`.

        Parameters
        ----------
        X : dask array of shape (n_samples, n_features)
            As in `transform`; with ``loss="cross_entropy"``, between 0 and 1 as in `fit`.

        Returns
        -------
        scores : dask array of shape (n_samples,)
            Mean over features, float64. At most 0.
        """
        return self._lazily("score_samples", X, self.n_features_in_, None)

    def _lazily(self, method, X, n_in, n_out):
        """A Dask array: the result of the estimator's method for each partition of X.

        X must have `n_in` columns. The result has `n_out` columns, or for None one number for each
        row.
        """
        self._check_fitted()
        name = type(self).__name__
        X = _whole_rows(X, name)
        if X.shape[1] != n_in:
            raise ValueError(
                f"X has {X.shape[1]} features, but {name}.{method} is expecting {n_in} features as "
                "input."
            )
        if n_out is None:
            dtype, columns, shape = np.float64, (), {"chunks": X.chunks[:1], "drop_axis": 1}
        else:
            dtype, columns = float_of(X.dtype), (n_out,)
            shape = {"chunks": (X.chunks[0], columns)}
        empty = np.empty((0, *columns), dtype=dtype)
        # Partitions become arrays, whatever container is set here or on the workers.
        local = self.to_local().set_output(transform="default")
        return X.map_blocks(_on_partition, local, method, empty, dtype=dtype, meta=empty, **shape)

    def to_local(self) -> SparseAutoencoderTransformer:
        """Return the same model as an estimator for rows in memory.

        Returns
        -------
        estimator : SparseAutoencoderTransformer
            It has the same parameters and fitted attributes, and does not need Dask.
        """
        local = SparseAutoencoderTransformer(**self.get_params(deep=False))
        for name in vars(self).keys() - {"_client"}:
            setattr(local, name, vars(self)[name])
        if "_sklearn_output_config" in vars(self):
            # A copy, because `set_output` changes it in place.
            local._sklearn_output_config = dict(self._sklearn_output_config)
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
            "DaskSparseAutoencoderTransformer returns Dask arrays (transform='default') or Dask "
            f"DataFrames (transform='pandas'), got {name!r}. Use set_output(transform='default') "
            "here, or to_local() for rows in memory."
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
    """X as a Dask array, float32 or float64, whose rows are not divided among chunks.

    Raise TypeError or ValueError unless X is a two-dimensional, dense Dask array of numbers.
    """
    if not isinstance(X, import_dask("dask.array").Array):
        raise TypeError(
            f"{name} expects a Dask array, got {type(X).__name__}. Use to_local() or "
            "SparseAutoencoderTransformer for rows in memory, and to_dask_array() of a Dask "
            "DataFrame."
        )
    if X.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} does not support dtype {X.dtype}. Convert the columns with astype(float). For "
            "a Dask DataFrame with nullable numbers, do this before to_dask_array()."
        )
    if X.ndim != 2 or np.isnan(X.shape[1]):
        raise ValueError(
            f"{name} expects a 2-D Dask array with a known number of columns, got shape {X.shape}."
        )
    if not X.shape[1]:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is required by "
            f"{name}."
        )
    _check_dense(X._meta, "X", name)
    dtype, widths = float_of(X.dtype), X.chunks[1]
    lengths = X.chunks[0] if len(widths) > 1 else None  # sent with every task, so only if needed
    args, empty = (lengths, widths, dtype, name), np.empty((0, 0), dtype=dtype)
    X = X.map_blocks(_checked_chunk, *args, dtype=dtype, meta=empty)
    return X.rechunk({1: -1}) if X.numblocks[1] > 1 else X


def _checked_chunk(chunk, lengths, widths, dtype, name, block_id):
    """A chunk as an array of the shape that X.chunks says, which Dask does not check.

    Raise TypeError or ValueError if it is anything else. `lengths` are the chunks' numbers of rows,
    or None if chunks need not be joined.
    """
    what = f"Chunk {tuple(map(int, block_id))} of X"
    _check_dense(chunk, what, name)
    n_columns = widths[block_id[1]]
    if np.ndim(chunk) != 2 or np.shape(chunk)[1] != n_columns:
        raise ValueError(
            f"{what} has shape {np.shape(chunk)}, but {n_columns} columns according to X.chunks."
        )
    n_rows = lengths[block_id[0]] if lengths else np.nan
    if not np.isnan(n_rows) and len(chunk) != n_rows:
        raise ValueError(
            f"{what} has shape {np.shape(chunk)}, but {n_rows} rows according to X.chunks."
        )
    try:
        return check_chunk(chunk, dtype, name)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{what}: {error}") from None


def _check_dense(chunk, what, name):
    """Raise TypeError for sparse chunks."""
    if hasattr(chunk, "todense"):
        raise TypeError(
            f"{what} is sparse, of type {type(chunk).__name__}: {name} accepts only dense chunks. "
            "Use X.map_blocks(lambda chunk: chunk.toarray()), or SparseAutoencoderTransformer for "
            "sparse rows in memory."
        )
