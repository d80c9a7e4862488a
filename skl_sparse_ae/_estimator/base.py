"""What every autoencoder is as an estimator: a fit is a transaction, and resumes; the formulas are those of its problem."""

import warnings
from abc import abstractmethod
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skl_sparse_ae._estimator.callbacks import CallbackSupportMixin, Progress, with_callbacks
from skl_sparse_ae._estimator.history import Watch
from skl_sparse_ae._estimator.interrupts import ctrl_c
from skl_sparse_ae._estimator.optimizer_state import is_out_of_date, pack, unpack_seen, unpack_state
from skl_sparse_ae._estimator.persistence import (
    check_feature_names,
    check_history,
    check_names,
    check_plain,
    corrupted,
    stamped,
    unstamped,
)
from skl_sparse_ae._estimator.training import run_adam, run_adam_once
from skl_sparse_ae._estimator.transaction import (
    NOT_FINITE,
    draw_seed,
    is_sound_generator,
    overflow_as_value_error,
    python_number,
    transaction,
)
from skl_sparse_ae._estimator.validation import (
    check_integers,
    check_memory,
    check_rows,
    check_unchanged,
    clip_to_unit_interval,
)
from skl_sparse_ae._solvers.adam import adam_start
from skl_sparse_ae._solvers.solution import Patience

LEAST_VECTORS = 5  # of the size of the weights, that a fit keeps: x, its gradient, Adam's moments, the best so far


LONGEST_CURVE = 1000  # calls of partial_fit remembered in the curves: a service may make millions


WORSE = 0.5  # by this share of the objective a function learned from many rows must be worse to be given up for another frame


INTERRUPTED = "Training interrupted by user after {} iteration{}: the best weights so far are kept."


# Attributes that a fitted estimator may have besides those of its class, and what scikit-learn puts beside the parameters.
FITTED = {"n_features_in_", "feature_names_in_", "n_iter_", "loss_", "loss_curve_", "loss_terms_"}


FITTED |= {"validation_scores_", "best_validation_score_", "_optimizer_state", "_meaning"}


OF_SCIKIT_LEARN = {"_metadata_request", "_callback_fit_ctx", "_parent_callback_ctx"}


DOCUMENTATION = (
    ""  # address of the published site; while there is none, the HTML representation links nowhere
)


PAGE = (
    "{estimator_module}.{estimator_name}.html"  # of an estimator, in the site's folder `generated`
)


class BaseAutoencoder(
    CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """The estimator around a problem of `_problems`; its subclasses name parameters and attributes, and choose the problem."""

    _doc_link_module = "skl_sparse_ae"  # whose estimators have a page; a user's subclass has none
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

    # ------------------------------------------------------------------------------------- what a subclass is

    _terms: tuple = ()  # names of the objective's, in `loss_terms_`
    _fitted_names: set = set()  # attributes that a fit leaves besides `FITTED`

    @abstractmethod
    def _count_weights(self, n_features):
        """How many numbers the solver would search."""

    def _sizes(self):
        """The parameters that decide the shapes of the weights, as {name: plain value}."""
        return {"n_components": int(self.n_components)}

    def _functions(self):
        """The parameters that decide what is computed from the weights, as {name: str}, whatever a user has set them to."""
        return {"loss": str(self.loss)}

    @abstractmethod
    def _moments(self, X):
        """The `Moments` of rows X."""

    @abstractmethod
    def _new_problem(self, moments, dtype):
        """The problem for rows of these moments, all weights free, in a frame that suits them."""

    @abstractmethod
    def _kept_problem(self, kept, moments, dtype):
        """The problem for rows of these moments, in the frame of `_optimizer_state`."""

    def _rows_in_a_batch(self, X):
        """The most rows in a mini-batch of X."""
        return self.batch_size

    @abstractmethod
    def _progress_unit(self, problem):
        """The unit of `tol`: of the objective, or of the validation score with `early_stopping`."""

    def _memory(self, is_warm):
        """What the problem keeps between Adam's steps, at the start: at the weights there are, or at new ones."""
        return np.zeros(0)

    @abstractmethod
    def _first(self, problem, mean, rng):
        """Where a solver starts, for rows of this mean."""

    @abstractmethod
    def _validation_score(self, problem, X):
        """What `early_stopping` watches, higher being better: a function of x, or None if X is."""

    @abstractmethod
    def _flat_weights(self):
        """The fitted weights, checked, as one flat float64 vector."""

    @abstractmethod
    def _named_weights(self, problem, theta):
        """Flat weights as the fitted attributes that hold them, copied."""

    @abstractmethod
    def _messages(self, status, figures, X, moments):
        """Whatever makes the fit less than it looks, as (category, message)."""

    @staticmethod
    @abstractmethod
    def _check_state(state, name):
        """ValueError unless the fitted attributes in `state` fit together."""

    # ------------------------------------------------------------------------------------------------- fitting

    @with_callbacks
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the weights from X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows to reconstruct, float32 or float64 (anything else becomes float64; sparse becomes CSR). With
            ``loss="cross_entropy"``, between 0 and 1 up to the square root of the precision, as `MinMaxScaler` leaves it.
            A memory map, or what is sliced by rows like an HDF5 data set, of more than 256 MiB is read block by block and
            never whole.
        y : ignored

        Returns
        -------
        self : object
            Or, after any exception, unchanged.

        Raises
        ------
        TypeError
            For dates and durations, and Dask collections.
        ValueError
            For parameters or X outside their range, a corrupted sparse X, a file shorter than its map, or if the objective
            overflows.
        MemoryError
            If the weights do not fit into the machine, before anything is allocated.
        """
        progress = Progress(self)
        with transaction(self) as working:
            working._fit(X, progress)
        return self

    def _fit(self, X, progress):
        """`fit`, of the working copy of a transaction."""
        with np.errstate(all="ignore"):
            self._check_parameters()
            is_warm = self.warm_start and self._is_fitted
            X = self._check_training_rows(X, reset=not is_warm)
            seed = draw_seed(self.random_state)
            rng = np.random.default_rng(seed)
            train, validation = self._split(X, seed)
            moments = self._moments(train)
            problem = self._problem_of(train, moments)
            start = (
                problem.resume(self._flat_weights())
                if is_warm
                else self._first(problem, moments.mean, rng)
            )

            progress.begin(X, self)
            attributes, score = (
                partial(self._attributes, problem),
                self._validation_score(problem, validation),
            )
            watch = Watch(
                problem.terms,
                self.verbose,
                score,
                lambda iterate: progress.iterate(partial(attributes, iterate.x)),
            )
            solution, optimizer_state = self._solve(
                problem, train, start, self._memory(is_warm), watch, rng
            )
            if not watch.records:
                watch.record(
                    solution.best
                )  # there was nothing to improve: the start is the one iterate
            self._optimizer_state = optimizer_state and pack(
                optimizer_state, problem.frame, seed, moments
            )
            conclude = partial(self._conclude, problem, X, start, watch, moments)
            if solution.status == "interrupted":
                ctrl_c.pass_on()
            try:
                messages = conclude(solution)
            except KeyboardInterrupt:  # the fit is as good as done; another one undoes it
                if solution.status == "interrupted":
                    raise
                ctrl_c.pass_on()
                messages = conclude(solution._replace(status="interrupted"))
            progress.end(partial(attributes, solution.best.x))
            for category, message in messages:
                warnings.warn(message, category, stacklevel=4)

    def _partial_fit(self, X):
        with transaction(self) as working:
            working._fit_epoch(X)
        return self

    def _fit_epoch(self, X):
        """`partial_fit`, of the working copy of a transaction."""
        with np.errstate(all="ignore"):
            self._check_parameters()
            is_first = not self._is_fitted
            X = self._check_training_rows(X, reset=is_first)
            X = X if is_first else X.astype(self._dtype, copy=False)
            problem, state, seed, seen = self._start_partial(X)
            watch, number = Watch(problem.terms, self.verbose), getattr(self, "n_iter_", 0) + 1
            options = {
                "batch_size": self._rows_in_a_batch(X),
                "learning_rate": self.learning_rate_init,
                "watch": watch,
            }
            with overflow_as_value_error():
                state = run_adam_once(problem, X, state, seed, number, **options)

            self._store(problem.weights(state.x), problem, X)
            before = getattr(self, "loss_terms_", {name: [] for name in watch.terms})
            self.loss_terms_ = {
                name: (before[name] + terms)[-LONGEST_CURVE:] for name, terms in watch.terms.items()
            }
            self.loss_curve_ = (getattr(self, "loss_curve_", []) + watch.values)[-LONGEST_CURVE:]
            self.n_iter_, self._optimizer_state = number, pack(state, problem.frame, seed, seen)

    def _check_parameters(self):
        self._validate_params()
        check_integers(self, ("n_components", "max_iter", "batch_size", "n_iter_no_change"))

    def _check_rows(self, X, reset=False):
        return check_rows(self, X, reset)

    def _check_targets(self, X):
        """Rows to compare with their reconstruction: where the loss is defined."""
        return self._within_range(self._check_rows(X))

    def _within_range(self, X):
        return X if self.loss == "squared_error" else clip_to_unit_interval(X)

    def _check_training_rows(self, X, reset):
        X = self._check_rows(X, reset)
        self._check_size(self._count_weights(X.shape[1]), X.dtype.itemsize)
        if not reset:
            self._check_continues()
        return self._within_range(X)

    def _check_continues(self):
        """ValueError unless the kept weights mean what the parameters now ask for."""
        consequence = "of the previous fit, which this one would continue. Set {} back, or fit with warm_start=False."
        check_unchanged(
            self._sizes() | self._functions(), vars(self).get("_meaning", {}), consequence
        )

    def _check_fitted(self):
        """NotFittedError, or ValueError where the weights were fitted to be used with other functions than now asked for."""
        check_is_fitted(self)
        consequence = "of the fit that the weights are from. Set {} back, or fit again."
        check_unchanged(self._functions(), vars(self).get("_meaning", {}), consequence)

    def _check_size(self, n_parameters, itemsize):
        check_memory(
            LEAST_VECTORS * itemsize * n_parameters, f"A fit with n_components={self.n_components}"
        )

    def _split(self, X, seed):
        if not self.early_stopping:
            return X, None
        if hasattr(X, "hold_out"):
            train, validation = X.hold_out(self.validation_fraction, np.random.default_rng(seed))
        else:
            train, validation = train_test_split(
                X, test_size=self.validation_fraction, random_state=seed
            )
        if validation.shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset: "
                f"validation_fraction={self.validation_fraction} of {X.shape[0]} rows is {validation.shape[0]}."
            )
        return train, validation

    def _problem_of(self, X, moments):
        """The form of the objective in which `fit` searches, for all rows X at once."""
        return self._new_problem(moments, X.dtype)

    def _solve(self, problem, X, start, memory, watch, rng):
        """A `Solution`, and the state of an optimiser that `partial_fit` can go on from, or None."""
        options = {
            "learning_rate": self.learning_rate_init,
            "max_iter": self.max_iter,
            "batch_size": self._rows_in_a_batch(X),
        }
        options["memory"] = memory
        with overflow_as_value_error():
            return run_adam(
                problem, X, start, rng, patience=self._patience(problem), watch=watch, **options
            )

    def _patience(self, problem):
        return Patience(self.tol, self.n_iter_no_change, self._progress_unit(problem))

    def _start_partial(self, X):
        """Problem, Adam's state, its seed, and the moments of all rows so far.

        As the last call left them, or begun at the weights there are, or at new ones.
        """
        kept, moments = getattr(self, "_optimizer_state", None), self._moments(X)
        if kept is not None:
            return self._go_on(kept, moments, X)
        seed = draw_seed(self.random_state)
        problem = self._new_problem(moments, X.dtype)
        if self._is_fitted:
            start = problem.resume(self._flat_weights())
        else:
            start = self._first(problem, moments.mean, np.random.default_rng(seed))
        return (
            problem,
            adam_start(start.astype(X.dtype), self._memory(self._is_fitted)),
            seed,
            moments,
        )

    def _go_on(self, kept, moments, X):
        """As `_start_partial`, from what the last call kept. Adam begins anew if its frame no longer suits the rows."""
        before, seed = unpack_seen(kept), kept["seed"]
        seen = moments if before is None else before.updated(moments)
        problem = self._kept_problem(kept, seen, X.dtype)
        x = problem.resume(self._flat_weights())
        suited = self._new_problem(seen, X.dtype)
        if not is_out_of_date(problem.frame, suited.frame):
            return problem, unpack_state(kept, x.astype(X.dtype), self._memory(True)), seed, seen
        was_learned = (
            before is not None and before.n_rows > moments.n_rows
        )  # from more rows than would judge it here
        x = self._best_in_new_frame(
            suited, problem.weights(x), x, seed, X, WORSE if was_learned else 0.0
        )
        return suited, adam_start(x.astype(X.dtype), self._memory(False)), seed, seen

    def _best_in_new_frame(self, problem, theta, x, seed, X, margin):
        """Where to go on in another frame: the x of the lowest objective at X.

        Of the same function as before, of the same numbers in the new unit (right if the old unit came from rows of another
        spread, say a single one), and of new weights. The first is kept unless it is worse by this share of the objective.
        """
        first = self._first(problem, problem.frame.input_mean, np.random.default_rng(seed))
        candidates = [problem.resume(theta.astype(np.float64)), x, first]
        values = [_value_at(problem, candidate, X) for candidate in candidates]
        values[0] -= margin * abs(values[0])
        return candidates[int(np.argmin(np.nan_to_num(values, nan=np.inf)))]

    # -------------------------------------------------------------------------------------- fitted attributes

    def _conclude(self, problem, X, start, watch, moments, solution):
        """Store everything of a fit that has ended at `solution`; the warnings to give, as (category, message)."""
        self.loss_curve_, self.loss_terms_, self.n_iter_ = (
            watch.values,
            watch.terms,
            len(watch.records),
        )
        self.validation_scores_ = watch.scores if watch.score else None
        self.best_validation_score_ = max(watch.scores) if watch.score else None
        if solution.status == "interrupted":
            self._store(problem.weights(solution.best.x), problem, X)
            self._optimizer_state = None  # it may be in the middle of a step
            return [
                (
                    ConvergenceWarning,
                    INTERRUPTED.format(self.n_iter_, "" if self.n_iter_ == 1 else "s"),
                )
            ]
        status, figures = self._store_the_better(problem, X, start, solution)
        return list(self._messages(status, figures, X, moments))

    def _store_the_better(self, problem, X, start, solution):
        """Store the solution, or the start if that has the lower objective: how the fit ended, and figures on the code."""
        figures = self._store(problem.weights(solution.best.x), problem, X)
        theta = problem.weights(start)
        first_terms, *_ = problem.evaluate(theta, X)
        if sum(first_terms) >= self.loss_:
            return solution.status, figures
        return "diverged", self._store(theta, problem, X)

    def _store(self, theta, problem, X):
        """Everything that follows from flat weights in the user's frame, at the rows X: the figures of `evaluate` there."""
        figures = problem.evaluate(theta, X)
        loss = float(sum(figures[0]))
        if not np.isfinite(loss):
            raise ValueError(NOT_FINITE)
        vars(self).update(self._kept(problem, theta), loss_=loss)
        return figures

    def _kept(self, problem, theta):
        """Flat weights as fitted attributes, and what they mean, which a parameter set later does not change."""
        return self._named_weights(problem, theta) | {"_meaning": self._sizes() | self._functions()}

    def _attributes(self, problem, x):
        """What a copy of the estimator needs to be fitted as of the flat vector x, for callbacks that want one."""
        return self._kept(problem, problem.weights(x))

    @property
    def _is_fitted(self):
        return hasattr(self, "loss_")

    # --------------------------------------------------------------------------------------------------- in files

    def __copy__(self):
        """In memory, so without the checks on what comes from a file: callbacks copy in the middle of a fit."""
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __getstate__(self):
        return stamped(super().__getstate__())

    def __setstate__(self, state):
        """Refuse what no fit can have left behind: the file may be damaged, or someone else's work."""
        name = type(self).__name__
        state = unstamped(state, name)
        is_fitted = any(
            attribute.endswith("_") for attribute in state
        )  # what scikit-learn, too, calls fitted
        self._check_attributes(state, is_fitted)
        if is_fitted:
            self._check_state(state, name)
            check_history(state, self._terms, name)
            check_feature_names(state, name)
            self._check_saved_parameters(state)
            check_plain(state.get("_meaning", {}), name)
        super().__setstate__(state)
        if (
            self._is_fitted and "_meaning" not in state
        ):  # a file from before it was written down: as it says now
            self._meaning = self._functions()

    def _check_attributes(self, state, is_fitted):
        """ValueError unless all parameters are there, and nothing that neither we nor scikit-learn put there.

        A user's subclass may have attributes of its own, but none in place of our methods.
        """
        name, parameters = type(self).__name__, set(self._get_param_names())
        allowed = (
            parameters | OF_SCIKIT_LEARN | (FITTED | self._fitted_names if is_fitted else set())
        )
        allowed |= {
            attribute for attribute in state if attribute.startswith(("_skl_", "_sklearn_"))
        }
        ours = next(
            kind for kind in type(self).__mro__ if kind.__module__.split(".")[0] == "skl_sparse_ae"
        )
        if type(self) is not ours:
            allowed |= {attribute for attribute in state if not hasattr(ours, attribute)}
        check_names(state, parameters, allowed, name)
        if not is_sound_generator(state.get("random_state")):
            raise corrupted(name, "random_state", "a generator that can be drawn from")

    def _check_saved_parameters(self, state):
        """ValueError unless they are parameters that `fit` accepts."""
        twin = type(self).__new__(type(self))
        vars(twin).update({attribute: python_number(value) for attribute, value in state.items()})
        try:
            twin._check_parameters()
        except (ValueError, TypeError) as error:
            raise ValueError(f"The state of {type(self).__name__} is corrupted: {error}") from None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _value_at(problem, x, X):
    """The objective at rows X, infinite where it overflows."""
    try:
        return sum(problem.evaluate(problem.weights(x), X)[0])
    except ValueError:  # the code is not defined
        return np.inf
