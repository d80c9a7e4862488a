"""Fits on a Dask cluster: the same objective and the same solvers, with the sums over rows made where the rows are.

It needs Dask: ``pip install "skl_sparse_ae[dask]"``.

L-BFGS runs here, in the process of the client. An evaluation sends the weights to the workers, each of which adds up what its
rows contribute, and comes back with one sum from each (two such rounds where the decoder is eliminated: see
``docs/scale.md``). For Adam the optimiser's state goes from partition to partition.
"""

import copy
import pickle
from functools import partial
from importlib import import_module
from typing import Any, Literal, Self

import numpy as np
from sklearn import get_config
from sklearn.utils.validation import validate_data

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae._estimator.training import epoch_by
from skl_sparse_ae._estimator.transaction import reading
from skl_sparse_ae._estimator.validation import check_chunk
from skl_sparse_ae._rows.blocks import on_centred, row_blocks
from skl_sparse_ae._rows.executor import map_quietly
from skl_sparse_ae._rows.sums import sum_over
from skl_sparse_ae._rows.thread_pool import thread_pool

__all__ = ["DaskSparseAutoencoderTransformer"]

MOST_OF_A_SHARE = (
    1.25  # a worker computes on the rows it has, unless they are so many times the average
)
# Bytes sent with the tasks, through the scheduler: as fast as any other way up to here, and slower beyond. Futures and tasks
# rather than actors, which save 12 ms of 14 in a round (`benchmarks/dask_scaling`), because an actor goes with its worker.
MOST_IN_TASKS = 2**20


class DaskSparseAutoencoderTransformer(SparseAutoencoderTransformer, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """`SparseAutoencoderTransformer` for Dask arrays: fitted on the cluster, lazy afterwards.

    Parameters, attributes and objective are those of `SparseAutoencoderTransformer`; a fit is its fit of the same rows, up to
    the order in which sums are made. As in ``xgboost.dask``, the cluster is that of the current client, or of the one set as
    the attribute `client`, which is no parameter and is neither cloned nor pickled.

    `fit`, `partial_fit` and `score` compute at once and hold X on the workers for as long; `transform`, `inverse_transform`,
    `reconstruct` and `score_samples` return Dask arrays of the same row chunks. Columns in several chunks are joined, empty
    partitions are skipped, unknown chunk sizes are found out. If a worker is lost, its partitions are computed again elsewhere;
    a partition that then has another number of rows is an error, since no objective would be that of one data set.

    With ``solver="adam"`` an epoch takes the partitions in random order, shuffles the rows of each, and steps from mini-batches
    of them: one partition at a time, on the worker that has it. With ``early_stopping=True``, whole partitions are held out.

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
        return vars(self).get("_client") or _import("distributed").default_client()

    @client.setter
    def client(self, client):
        self._client = client

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the weights from X.

        Parameters
        ----------
        X : dask array of shape (n_samples, n_features)
            Rows in any chunks, also of unknown sizes. With ``loss="cross_entropy"``, between 0 and 1.
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
            As for rows in memory; if no row is left, or if a partition that was computed again differs in size.
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
        dtype = np.float64 if n_out is None else _float_of(X.dtype)
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


class DaskRows:
    """Rows on the workers of a cluster: partitions as futures, none of them empty, none with a value that is not finite.

    What a fit asks of rows that are not here: `shape`, `dtype`, `min`, `max`, `astype`, `clipped`, `hold_out`, and to make its
    sums over rows (`blocks_on_workers`) and its epochs (`epoch_on_workers`) itself.
    """

    def __init__(self, client, parts, lengths, first_row, dtype, limits):
        self.client, self.parts, self.lengths, self.first_row = client, parts, lengths, first_row
        self.dtype, self.limits, self.shape = (
            np.dtype(dtype),
            limits,
            (sum(lengths), first_row.shape[1]),
        )

    @classmethod
    def of(cls, X, client):
        """The rows of a Dask array, computed once and held until this object is gone. ValueError for what a fit refuses."""
        dtype, n_features = _float_of(X.dtype), X.shape[1]
        rows = X.map_blocks(
            _as_rows, n_features, dtype, dtype=dtype, meta=np.empty((0, 0), dtype=dtype)
        )
        parts = client.compute(rows.to_delayed().ravel().tolist())
        with _loss_of_rows_in_words():
            summaries = client.gather(client.map(_summary, parts, range(len(parts)), pure=False))
        kept = [
            (part, summary) for part, summary in zip(parts, summaries, strict=True) if summary[0]
        ]
        if not kept:
            raise ValueError(
                f"Found array with 0 sample(s) (shape=(0, {n_features})) while a minimum of 1 is required."
            )
        parts, (lengths, lows, highs, firsts) = (
            [part for part, _ in kept],
            zip(*(of_part for _, of_part in kept), strict=True),
        )
        return cls(client, parts, list(lengths), firsts[0], dtype, (min(lows), max(highs)))

    def __len__(self):
        return self.shape[0]

    def min(self):
        return self.limits[0]

    def max(self):
        return self.limits[1]

    def astype(self, dtype, copy=True):
        if np.dtype(dtype) == self.dtype:
            return self
        parts = self.client.map(partial(np.asarray, dtype=dtype), self.parts, pure=False)
        return DaskRows(
            self.client, parts, self.lengths, self.first_row.astype(dtype), dtype, self.limits
        )

    def clipped(self, low, high):
        parts = self.client.map(partial(np.clip, a_min=low, a_max=high), self.parts, pure=False)
        return DaskRows(
            self.client,
            parts,
            self.lengths,
            self.first_row.clip(low, high),
            self.dtype,
            (low, high),
        )

    def hold_out(self, fraction, rng):
        """``(train, held_out)``: whole partitions, chosen at random, at least one of each."""
        if len(self.parts) < 2:
            raise ValueError(
                "early_stopping=True holds out whole partitions: X needs at least two that are not empty."
            )
        order = rng.permutation(len(self.parts))
        n_out = int(np.clip(round(fraction * len(order)), 1, len(order) - 1))
        return self._only(np.sort(order[n_out:])), self._only(np.sort(order[:n_out]))

    def _only(self, chosen):
        parts, lengths = [self.parts[i] for i in chosen], [self.lengths[i] for i in chosen]
        return DaskRows(self.client, parts, lengths, self.first_row, self.dtype, self.limits)

    def blocks_on_workers(self, n_components):
        """The rows as `WorkerBlocks`, one for each worker, which computes on the partitions that it has."""
        groups = [(worker, n, self._only(chosen)) for worker, n, chosen in self._shared_out()]
        return WorkerBlocks(self.client, n_components, groups)

    def _shared_out(self):
        """Triples of a worker, how many threads it has, and the partitions that it is to compute on."""
        n_threads, holders = (
            dict(sorted(self.client.nthreads().items())),
            self.client.who_has(self.parts),
        )
        share = MOST_OF_A_SHARE * len(self) / sum(n_threads.values())
        taken, load = (
            {worker: [] for worker in n_threads},
            dict.fromkeys(n_threads, 0.0),
        )  # rows for each thread
        for i in np.argsort(self.lengths, kind="stable")[::-1]:
            has_it = [
                worker for worker in n_threads if worker in holders.get(self.parts[i].key, ())
            ]
            worker = min(has_it or n_threads, key=load.get)
            if load[worker] + self.lengths[i] / n_threads[worker] > share:
                worker = min(n_threads, key=load.get)
            taken[worker].append(i)
            load[worker] += self.lengths[i] / n_threads[worker]
        return [
            (worker, n_threads[worker], sorted(chosen))
            for worker, chosen in taken.items()
            if chosen
        ]

    def epoch_on_workers(self, problem, rng, batch_size, learning_rate, state):
        """As `_training.epoch_by`: the state goes to the partitions in random order, and is worked on where they are."""
        carried = (state, 0, 0.0, 0.0)
        seeds = rng.integers(2**32, size=len(self.parts))
        for i in rng.permutation(len(self.parts)):
            options = {
                "batch_size": batch_size,
                "learning_rate": learning_rate,
                "seed": int(seeds[i]),
            }
            carried = self.client.submit(
                _epoch_of_partition, problem, carried, self.parts[i], pure=False, **options
            )
        with _loss_of_rows_in_words():
            state, n_rows, value, details = carried.result()
        return state, value / n_rows, details / n_rows


class WorkerBlocks(list):
    """The partitions of each worker as one block to the formulas, and the `map` that computes on them."""

    def __init__(self, client, n_components, groups):
        super().__init__(_WorkerBlock(*group) for group in groups)
        self.client, self.n_components, self.prepare = client, n_components, None

    def centred(self, origin):
        """The same blocks, for functions that are to see their rows less `origin`."""
        twin = copy.copy(self)
        twin.prepare = partial(on_centred, origin)
        return twin

    def map(self, function, blocks, *others):
        """The sum of the function over the rows of each block, where those are. A lost worker's part is made by another."""
        function = function if self.prepare is None else partial(self.prepare, function)
        function = _import("cloudpickle").dumps(function)
        if len(blocks) * len(function) > MOST_IN_TASKS:
            function = self.client.scatter(function, broadcast=True, hash=False)
        futures = [
            self._submit(block, function, args)
            for block, *args in zip(blocks, *others, strict=True)
        ]
        with _loss_of_rows_in_words():
            return self.client.gather(futures)

    def _submit(self, block, function, others):
        where = {"workers": [block.worker], "allow_other_workers": True, "pure": False}
        how = function, others, self.n_components, block.n_threads, block.rows.lengths
        return self.client.submit(_total, *how, *block.rows.parts, **where)


class _WorkerBlock:
    def __init__(self, worker, n_threads, rows):
        self.worker, self.n_threads, self.rows, self.shape, self.dtype = (
            worker,
            n_threads,
            rows,
            rows.shape,
            rows.dtype,
        )

    def __getitem__(self, rows):
        """The first row of all: nothing else is known here, and nothing else is asked for."""
        return self.rows.first_row[rows]


class _loss_of_rows_in_words:  # noqa: N801  used as a function
    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None and kind.__name__ in (
            "CancelledError",
            "FutureCancelledError",
            "KilledWorker",
        ):
            raise RuntimeError(
                "Rows were lost with a worker and cannot be computed again, or computing them ends workers: "
                f"{error}. Read X from storage instead of scattering it, and give the workers more memory or X smaller chunks."
            ) from error


def _total(function, others, n_components, n_threads, lengths, *parts):
    """In a worker, on so many threads: the sum over the rows of its partitions of a function of some, which comes pickled."""
    found = [len(part) for part in parts]
    if found != lengths:
        raise ValueError(
            f"Partitions of {lengths} rows have {found} after they were computed again: X is not always the same."
        )
    blocks = [block for part in parts for block in row_blocks(part, n_components)]
    others = [[other] * len(blocks) for other in others]
    with thread_pool(n_threads) as map:
        map = partial(map_quietly, map)
        return sum_over(pickle.loads(function), blocks, *others, map=map, longest=len(blocks))


def _epoch_of_partition(problem, carried, X, batch_size, learning_rate, seed):
    """Adam over one partition, and the epoch's sums with it added. Nothing that came is written to: it may be needed again."""
    state, n_rows, value, details = carried
    state = state._replace(
        **{
            name: getattr(state, name).copy()
            for name in ("x", "first_moment", "second_moment", "memory")
        }
    )
    with np.errstate(all="ignore"):
        epoch = epoch_by(
            map, 1, problem, X, np.random.default_rng(seed), batch_size, learning_rate, state
        )
    return (
        epoch[0],
        n_rows + len(X),
        value + len(X) * epoch[1],
        details + len(X) * np.asarray(epoch[2]),
    )


def _as_rows(block, n_features, dtype):
    block = np.ascontiguousarray(block, dtype=dtype)
    if block.ndim != 2 or block.shape[1] != n_features:
        raise ValueError(f"A partition of X has shape {block.shape}, and X {n_features} features.")
    return block


def _summary(rows, number):
    """``(n_rows, least value, largest value, first row)`` of a partition; ValueError unless it is finite."""
    if not len(rows):
        return 0, 0.0, 0.0, rows
    low, high = rows.min(), rows.max()
    if not np.isfinite([low, high]).all():
        what = "NaN" if np.isnan(low) else f"infinity or a value too large for {rows.dtype!r}"
        raise ValueError(f"Partition {number}: Input X contains {what}.")
    return len(rows), low, high, rows[:1].copy()


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
        return _import("dask.dataframe")
    except ImportError:
        raise ImportError(
            'transform_output="pandas" needs Dask DataFrames: pip install "dask[dataframe]"'
        ) from None


def _whole_rows(X, name):
    """A Dask array of numbers whose rows are not split; TypeError or ValueError for anything else."""
    if not isinstance(X, _import("dask.array").Array):
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
    dtype, widths = _float_of(X.dtype), X.chunks[1]
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


def _float_of(dtype):
    return np.float32 if dtype.kind == "f" and dtype.itemsize == 4 else np.float64


def _import(module):
    try:
        return import_module(module)
    except ImportError:
        raise ImportError(
            'skl_sparse_ae.dask needs Dask: pip install "skl_sparse_ae[dask]"'
        ) from None
