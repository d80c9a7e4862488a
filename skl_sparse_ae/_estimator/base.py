"""The estimator that all families share: a fit is a transaction, and training can be resumed.

A family adds its parameters, its formulas and its fitted attributes; see the first section of
`BaseAutoencoder`, and `contracts`.
"""

from __future__ import annotations

import warnings
from abc import ABCMeta, abstractmethod
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skl_sparse_ae._estimator.callbacks import CallbackContext, CallbackSupportMixin, with_callbacks
from skl_sparse_ae._estimator.contracts import is_out_of_date
from skl_sparse_ae._estimator.interrupts import ctrl_c
from skl_sparse_ae._estimator.monitor import FitMonitor
from skl_sparse_ae._estimator.optimizer_state import (
    adam_state_from_dict,
    optimizer_state_to_dict,
    resume,
)
from skl_sparse_ae._estimator.persistence import SavedStateMixin
from skl_sparse_ae._estimator.random_state import draw_seed
from skl_sparse_ae._estimator.solvers import SOLVERS, Run, epochs
from skl_sparse_ae._estimator.transaction import NOT_FINITE, overflow_as_value_error, transaction
from skl_sparse_ae._estimator.validation import (
    check_integers,
    check_memory,
    check_rows,
    check_unchanged,
    clip_to_unit_interval,
)
from skl_sparse_ae._rows.batches import AutomaticSize
from skl_sparse_ae._solvers.adam import adam_start
from skl_sparse_ae._solvers.learning_rate import LearningRate
from skl_sparse_ae._solvers.solution import NOT_FINITE_AT_START, Iterate, Patience

# Any fit has this many vectors of the size of the weights: params, gradient, moments, the best.
MIN_VECTORS = 5
MAX_CURVE = 1000  # calls of partial_fit in the curves: a service may make millions
# If the frame changes, a function learned from more rows is kept unless its objective is worse by
# this share.
MUCH_WORSE = 0.5
INTERRUPTED = "Training interrupted by user after {} iteration{}: the best weights so far are kept."
# Address of the published site; without one, the HTML representation has no link. Estimators have
# their pages in the site's folder `generated`.
DOCUMENTATION = ""
PAGE = "{estimator_module}.{estimator_name}.html"


class Training(NamedTuple):
    """The parts of a fit when its solver has ended."""

    problem: Any
    rows: Any  # all rows, held-out ones included
    moments: Any
    start: np.ndarray
    monitor: FitMonitor


class BaseAutoencoder(
    CallbackSupportMixin,
    SavedStateMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """The base class of the estimators: it fits, resumes, validates and saves."""

    _doc_link_module = "skl_sparse_ae"  # a user's subclass has no page
    _doc_link_template = DOCUMENTATION and f"{DOCUMENTATION}/generated/{PAGE}"

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions({"squared_error", "cross_entropy"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # --- what a family supplies, besides `transform` and other public methods
    #
    # `_terms`, `_fitted_names` and `_check_state` are those of `SavedStateMixin`. `_dtype` and
    # `_n_features_out` are those of the fitted weights. A family that offers L-BFGS also has
    # ``_full_batch_problem(frame, moments, rows)``.

    _frame_type: type  # of `SavedFrame`
    _automatic_size: AutomaticSize  # of a family with ``batch_size="auto"``
    # Share of Adam's steps in `fit`, the last ones, over which the learning rate falls to 0.
    _falling_share = 0.0

    @abstractmethod
    def _make_frame(self, moments, dtype):
        """The frame that suits rows of these `Moments`."""

    @abstractmethod
    def _stochastic_problem(self, frame, moments, rows):
        """The problem for mini-batches of `Rows`, in this frame."""

    @abstractmethod
    def _count_weights(self, n_features):
        """The number of weights."""

    @abstractmethod
    def _moments(self, rows):
        """The `Moments` of `Rows`."""

    @abstractmethod
    def _progress_unit(self, problem):
        """The unit of `tol`: of the objective, or of the validation score with `early_stopping`."""

    @abstractmethod
    def _validation_score(self, spec, weights, rows):
        """The score that `early_stopping` uses, of flat weights at held-out rows."""

    @abstractmethod
    def _flat_weights(self):
        """The fitted weights, checked, as one flat float64 vector."""

    @abstractmethod
    def _named_weights(self, spec, weights):
        """The fitted attributes, copied from flat weights, as {name: array}."""

    @abstractmethod
    def _messages(self, status, summary, rows, moments):
        """Yield (category, message) for each problem with the fit."""

    def _final_weights(self, training, params):
        """The weights at the end of a `Training`; a family may use all rows to compute them."""
        return training.problem.to_weights(params)

    @property
    def _solver(self):
        """One of `SOLVERS`."""
        return SOLVERS["adam"]

    def _sizes(self):
        """The parameters that decide the shapes of the weights, as {name: plain value}."""
        return {"n_components": int(self.n_components)}

    def _functions(self):
        """The parameters that decide what is computed from the weights, as {name: str}."""
        return {"loss": str(self.loss)}

    def _rows_in_a_batch(self, n_rows):
        """The number of rows in a mini-batch."""
        return self._automatic_size.of(n_rows) if self.batch_size == "auto" else self.batch_size

    def _memory(self, is_warm):
        """The problem's memory at the start, for the fitted weights or for new ones."""
        return {}

    # --- fitting

    @with_callbacks
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the weights from X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows to reconstruct, float32 or float64. Other dtypes become float64, other sparse
            formats become CSR. With ``loss="cross_entropy"``, values must be between 0 and 1
            (rounding errors are allowed). A memory map or HDF5 data set of more than 256 MiB is
            read block by block.
        y : ignored

        Returns
        -------
        self : object
            If an exception is raised, the estimator is left unchanged.

        Raises
        ------
        TypeError
            If X contains dates or durations, or is a Dask collection.
        ValueError
            If a parameter or X is out of range, a sparse X is corrupted, a file is shorter than its
            memory map, or the objective overflows.
        MemoryError
            If the weights do not fit in memory. This is checked before anything is allocated.
        """
        callbacks = CallbackContext(self)
        with transaction(self) as working, np.errstate(all="ignore"):
            working._fit(X, callbacks)
        return self

    def _fit(self, X, callbacks):
        """Fit this estimator, the working copy of a transaction."""
        self._check_parameters()
        is_warm = self.warm_start and self._is_fitted
        rows = self._check_training_rows(X, reset=not is_warm)
        seed = draw_seed(self.random_state)
        rng = np.random.default_rng(seed)
        train, validation = self._split(rows, seed)
        moments = self._finite_moments(train)
        frame = self._make_frame(moments, rows.dtype)
        problem = self._solver.problem(self, frame, moments, train)
        start = self._start(problem, is_warm, rng)

        callbacks.begin(rows.data, self)
        monitor = self._monitor(problem, validation, callbacks)
        run = Run(
            start=start,
            memory=self._memory(is_warm),
            rng=rng,
            batch_size=self._rows_in_a_batch(train.shape[0]),
            learning_rate=self.learning_rate_init,
            falling_share=self._falling_share,
            max_iter=self.max_iter,
            patience=Patience(self.tol, self.n_iter_no_change, self._progress_unit(problem)),
            monitor=monitor,
        )
        with overflow_as_value_error():
            solution, state = self._solver.solve(problem, train, run)
        if not monitor.records:
            monitor.record(solution.best)  # nothing to improve: the start is the one iterate
        self._optimizer_state = state and optimizer_state_to_dict(state, frame, seed, moments)
        messages = self._finalize(Training(problem, rows, moments, start, monitor), solution)
        callbacks.end(partial(self._attributes, problem, solution.best.params))
        for category, message in messages:
            warnings.warn(message, category, stacklevel=4)

    def _start(self, problem, is_warm, rng):
        """The params at which a solver starts: those of the fitted weights, or new ones."""
        return problem.params_from(self._flat_weights()) if is_warm else problem.initial_params(rng)

    def _monitor(self, problem, validation, callbacks):
        """The `Monitor`, which scores the rows `validation` unless they are None."""

        def score(params):
            return self._validation_score(problem.spec, problem.to_weights(params), validation)

        def notify(iterate):
            return callbacks.iterate(partial(self._attributes, problem, iterate.params))

        return FitMonitor(problem.terms, self.verbose, validation and score, notify)

    def _partial_fit(self, X):
        with transaction(self) as working, np.errstate(all="ignore"):
            working._fit_epoch(X)
        return self

    def _fit_epoch(self, X):
        """Train this estimator, the working copy of a transaction, for one epoch."""
        self._check_parameters()
        is_first = not self._is_fitted
        rows = self._check_training_rows(X, reset=is_first)
        rows = rows if is_first else rows.astype(self._dtype)
        problem, state, seed, seen = self._start_partial(rows)
        batch_size = self._rows_in_a_batch(rows.shape[0])
        rng = np.random.default_rng([seed, state.n_steps])
        with overflow_as_value_error(), epochs(problem, rows, batch_size) as epoch:
            state, value, terms = epoch(state, rng)
        monitor, number = FitMonitor(problem.terms, self.verbose), getattr(self, "n_iter_", 0) + 1
        monitor(Iterate(number, state.params, value, terms))

        self._store(problem.spec, problem.to_weights(state.params), rows)
        before = getattr(self, "loss_terms_", {name: [] for name in monitor.terms})
        self.loss_terms_ = {
            name: (before[name] + values)[-MAX_CURVE:] for name, values in monitor.terms.items()
        }
        self.loss_curve_ = (getattr(self, "loss_curve_", []) + monitor.values)[-MAX_CURVE:]
        self.n_iter_ = number
        self._optimizer_state = optimizer_state_to_dict(state, problem.spec.frame, seed, seen)

    def _start_partial(self, rows):
        """``(problem, state, seed, moments)``: the state is Adam's, the moments of all rows so far.

        They continue the last call. Without one, Adam starts at the fitted weights or at new ones.
        """
        saved, moments = getattr(self, "_optimizer_state", None), self._finite_moments(rows)
        if saved is not None:
            return self._resume(saved, moments, rows)
        seed = draw_seed(self.random_state)
        frame = self._make_frame(moments, rows.dtype)
        problem = self._stochastic_problem(frame, moments, rows)
        start = self._start(problem, self._is_fitted, np.random.default_rng(seed))
        rate = LearningRate(self.learning_rate_init)
        state = adam_start(start.astype(rows.dtype), self._memory(self._is_fitted), rate)
        return problem, state, seed, moments

    def _resume(self, saved, moments, rows):
        """`_start_partial` from a saved state. Adam starts anew if its frame is out of date."""
        frame, seed, before = resume(saved, self._frame_type)
        seen = moments if before is None else before.updated(moments)
        suited_frame = self._make_frame(seen, rows.dtype)
        problem = self._stochastic_problem(frame, seen, rows)
        params = problem.params_from(self._flat_weights())
        rate = LearningRate(self.learning_rate_init)
        if not is_out_of_date(frame, suited_frame):
            state = adam_state_from_dict(saved, params.astype(rows.dtype), self._memory(True), rate)
            return problem, state, seed, seen
        # Fewer rows cannot judge a function that was learned from more.
        margin = MUCH_WORSE if before is not None and before.n_rows > moments.n_rows else 0.0
        suited = self._stochastic_problem(suited_frame, seen, rows)
        weights = problem.to_weights(params).astype(np.float64)
        new = suited.initial_params(np.random.default_rng(seed))
        candidates = [suited.params_from(weights), params, new]
        params = self._best_of(suited, candidates, rows, margin)
        return suited, adam_start(params.astype(rows.dtype), self._memory(False), rate), seed, seen

    def _best_of(self, problem, candidates, rows, margin):
        """The params in a new frame, among `candidates`, with the lowest objective at `rows`.

        The candidates are the same function as before, the same numbers in the new unit (right if
        the old unit came from rows with another spread, such as a single row), and new weights. The
        first candidate is kept unless it is worse by `margin`, a share of the objective.
        """
        values = [_objective_at(problem, params, rows) for params in candidates]
        values[0] -= margin * abs(values[0])
        return candidates[int(np.argmin(np.nan_to_num(values, nan=np.inf)))]

    # --- checks

    def _check_parameters(self):
        self._validate_params()
        check_integers(self, ("n_components", "max_iter", "batch_size", "n_iter_no_change"))

    def _check_rows(self, X, reset=False):
        return check_rows(self, X, reset)

    def _check_targets(self, X):
        """X as `Rows` to compare with their reconstruction: within the range of the loss."""
        return self._within_range(self._check_rows(X))

    def _within_range(self, rows):
        return rows if self.loss == "squared_error" else clip_to_unit_interval(rows)

    def _check_training_rows(self, X, reset):
        rows = self._check_rows(X, reset)
        n_weights = self._count_weights(rows.shape[1])
        what = f"A fit with n_components={self.n_components}"
        check_memory(MIN_VECTORS * rows.dtype.itemsize * n_weights, what)
        self._solver.check_size(n_weights)
        if not reset:
            self._check_continues()
        return self._within_range(rows)

    def _check_continues(self):
        """Raise ValueError unless the fitted weights match the present parameters."""
        consequence = (
            "of the previous fit, which this one would continue. Set {} back, or fit with "
            "warm_start=False."
        )
        now = self._sizes() | self._functions()
        check_unchanged(now, vars(self).get("_meaning", {}), consequence)

    def _check_fitted(self):
        """Raise NotFittedError, or ValueError if the weights were fitted for other functions."""
        check_is_fitted(self)
        consequence = "of the fit that the weights are from. Set {} back, or fit again."
        check_unchanged(self._functions(), vars(self).get("_meaning", {}), consequence)

    def _finite_moments(self, rows):
        moments = self._moments(rows)
        if not np.isfinite(moments.variance.sum()):
            raise ValueError(NOT_FINITE_AT_START)
        return moments

    def _split(self, rows, seed):
        """Rows to train on, and held-out rows or None."""
        if not self.early_stopping:
            return rows, None
        train, validation = rows.hold_out(self.validation_fraction, seed)
        if validation.shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                f"your dataset: validation_fraction={self.validation_fraction} of "
                f"{rows.shape[0]} rows is {validation.shape[0]}."
            )
        return train, validation

    # --- fitted attributes

    def _finalize(self, training, solution):
        """Store a fit that has ended at `solution`. Return the warnings as (category, message).

        A Ctrl-C during this step keeps the fit, which is nearly complete. If an earlier Ctrl-C has
        ended the training, KeyboardInterrupt is raised.
        """
        if solution.status == "interrupted":
            ctrl_c.pass_on()
        try:
            return self._store_fit(training, solution)
        except KeyboardInterrupt:
            if solution.status == "interrupted":
                raise
            ctrl_c.pass_on()
            return self._store_fit(training, solution._replace(status="interrupted"))

    def _store_fit(self, training, solution):
        """Store the curves and the best weights. Return the warnings as (category, message)."""
        problem, rows, moments, _, monitor = training
        self.loss_curve_, self.loss_terms_ = monitor.values, monitor.terms
        self.n_iter_ = len(monitor.records)
        self.validation_scores_ = monitor.scores if monitor.score else None
        self.best_validation_score_ = max(monitor.scores) if monitor.score else None
        if solution.status == "interrupted":
            self._store(problem.spec, self._final_weights(training, solution.best.params), rows)
            self._optimizer_state = None  # it may be in the middle of a step
            message = INTERRUPTED.format(self.n_iter_, "" if self.n_iter_ == 1 else "s")
            return [(ConvergenceWarning, message)]
        status, summary = self._keep_best(training, solution)
        return list(self._messages(status, summary, rows, moments))

    def _keep_best(self, training, solution):
        """Store the solution, or the start if that is better. Return ``(status, Summary)``."""
        problem, rows, _, start, _ = training
        weights = self._final_weights(training, solution.best.params)
        summary = self._store(problem.spec, weights, rows)
        if not self._solver.may_end_worse:
            return solution.status, summary
        weights = self._final_weights(training, start)
        if sum(problem.spec.summarize(weights, rows).terms) >= self.loss_:
            return solution.status, summary
        return "diverged", self._store(problem.spec, weights, rows)

    def _store(self, spec, weights, rows):
        """Store flat weights and what is computed from them at `rows`. Return their `Summary`."""
        summary = spec.summarize(weights, rows)
        loss = float(sum(summary.terms))
        if not np.isfinite(loss):
            raise ValueError(NOT_FINITE)
        vars(self).update(self._weight_attributes(spec, weights), loss_=loss)
        return summary

    def _weight_attributes(self, spec, weights):
        """Flat weights as attributes, and `_meaning`: the parameters that give them meaning."""
        return self._named_weights(spec, weights) | {"_meaning": self._sizes() | self._functions()}

    def _attributes(self, problem, params):
        """The attributes that make a copy of the estimator fitted, at `params`; for callbacks."""
        return self._weight_attributes(problem.spec, problem.to_weights(params))

    @property
    def _is_fitted(self):
        return hasattr(self, "loss_")

    def __copy__(self):
        """A shallow copy, without the checks of a file's content: callbacks copy within a fit."""
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _objective_at(problem, params, rows):
    """The objective at `rows`, infinite if it overflows."""
    try:
        return sum(problem.spec.summarize(problem.to_weights(params), rows).terms)
    except ValueError:  # the code is not defined
        return np.inf
