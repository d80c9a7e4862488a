"""The estimator: parameters, the choice of solver, fitted attributes, warnings. No formula."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skl_sparse_ae._blocks import column_moments, mini_batches, row_blocks
from skl_sparse_ae._diagnostics import learned_nothing, not_converged, poor_code
from skl_sparse_ae._losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._objective import Objective, Terms, decode, encode, evaluate
from skl_sparse_ae._penalties import KullbackLeibler
from skl_sparse_ae._problems import JointProblem
from skl_sparse_ae._scores import explained_variance
from skl_sparse_ae._solvers import AdamState, Iterate, Patience, adam_epoch, adam_start
from skl_sparse_ae._training import Watch, on_batch, run_adam, run_lbfgs
from skl_sparse_ae._validation import (
    NOT_FINITE,
    check_code,
    check_integers,
    check_rows,
    clip_to_unit_interval,
    draw_seed,
    overflow_as_value_error,
    transaction,
)
from skl_sparse_ae._weights import Frame, Weights, flatten, unflatten

LOSSES = {
    ("squared_error", "identity"): SquaredError,
    ("squared_error", "logistic"): LogisticSquaredError,
    ("cross_entropy", "logistic"): CrossEntropy,
}
DEFAULT_DECODER = {"squared_error": "identity", "cross_entropy": "logistic"}


def _solver_is_stochastic(estimator):
    if estimator.solver != "adam":
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True


class SparseAutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """DOC"""

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither")],
        "sparsity_weight": [Interval(Real, 0, None, closed="left")],
        "loss": [StrOptions({"squared_error", "cross_entropy"})],
        "decoder_activation": [StrOptions({"identity", "logistic"}), None],
        "encoder_alpha": [Interval(Real, 0, None, closed="left")],
        "decoder_alpha": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"lbfgs", "adam"})],
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

    def __init__(
        self,
        n_components=100,
        *,
        sparsity_target=0.1,
        sparsity_weight=0.2,
        loss="squared_error",
        decoder_activation=None,
        encoder_alpha=1e-4,
        decoder_alpha=1e-2,
        solver="lbfgs",
        max_iter=200,
        tol=1e-4,
        learning_rate_init=0.01,
        batch_size=256,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.n_components = n_components
        self.sparsity_target = sparsity_target
        self.sparsity_weight = sparsity_weight
        self.loss = loss
        self.decoder_activation = decoder_activation
        self.encoder_alpha = encoder_alpha
        self.decoder_alpha = decoder_alpha
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    # ------------------------------------------------------------------------------------------------- fitting

    def fit(self, X, y=None):
        """Learn the weights from X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to reconstruct, float32 or float64 (anything else becomes float64). With ``loss="cross_entropy"``, between
            0 and 1 up to the square root of the precision, as `MinMaxScaler` leaves it.
        y : ignored

        Returns
        -------
        self : SparseAutoencoderTransformer
            Or, after any exception, unchanged.

        Raises
        ------
        ValueError
            For parameters or X outside their range, or if the objective overflows.
        """
        with transaction(self):
            self._check_parameters()
            is_warm = self.warm_start and hasattr(self, "components_")
            X = self._check_training_rows(X, reset=not is_warm)
            seed = draw_seed(self.random_state)
            train, validation = self._split(X, seed)
            moments = column_moments(row_blocks(train, self.n_components))
            problem = self._problem(self._frame(*moments), X.dtype)
            rng = np.random.default_rng(seed)
            start = problem.resume(self._flat_weights()) if is_warm else self._first(problem, moments[0], rng)

            watch = Watch(self.verbose, self._validation_score(problem, validation))
            solution, optimizer_state = self._solve(problem, train, start, watch, rng)
            if not watch.values:
                watch(solution.best)  # nothing to improve: the start is the one iterate there is
            status, figures = self._store_the_better(problem, X, start, solution)
            self._store_history(watch.values, watch.terms, max(1, solution.n_iter))
            self._store_validation(watch.scores)
            self._optimizer_state = optimizer_state and _pack(optimizer_state, problem.frame, seed)
            self._warn(status, figures, X, np.sqrt(moments[1].mean()))
        return self

    @available_if(_solver_is_stochastic)
    def partial_fit(self, X, y=None):
        """One epoch of Adam over X, from the current weights; ``solver="adam"`` only.

        The first call fixes the precision of the weights, and centres and scales the solver's frame by its own rows. Later
        calls, also after `fit` or after loading the estimator from a file, continue the optimiser where it stopped.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, visited once in shuffled mini-batches of `batch_size`; see `fit`.
        y : ignored

        Returns
        -------
        self : SparseAutoencoderTransformer
            Or, after any exception, unchanged.

        Raises
        ------
        AttributeError
            If ``solver="lbfgs"``.
        ValueError
            As in `fit`.
        """
        with transaction(self):
            self._check_parameters()
            is_first = not hasattr(self, "components_")
            X = self._check_training_rows(X, reset=is_first)
            X = X if is_first else X.astype(self.components_.dtype, copy=False)
            problem, state, seed = self._start_partial(X) if is_first else self._resume_partial(X)

            batches = mini_batches(X, self.batch_size, np.random.default_rng([seed, state.n_steps]))
            with overflow_as_value_error():
                state, value, terms = adam_epoch(on_batch(problem), state, batches, self.learning_rate_init)
            watch = Watch(self.verbose)
            number = getattr(self, "n_iter_", 0) + 1
            watch(Iterate(number, state.x, value, terms))
            self._store(problem.weights(state.x), problem, X)
            self._store_history(watch.values, watch.terms, number, append=not is_first)
            self._optimizer_state = _pack(state, problem.frame, seed)
        return self

    def _check_parameters(self):
        self._validate_params()
        check_integers(self, ("n_components", "max_iter", "batch_size", "n_iter_no_change"))
        decoder = self.decoder_activation or DEFAULT_DECODER[self.loss]
        if (self.loss, decoder) not in LOSSES:
            raise ValueError(
                f"decoder_activation={decoder!r} does not fit loss={self.loss!r}, which is defined for reconstructions "
                "between 0 and 1. Use decoder_activation='logistic' or None, or loss='squared_error'."
            )

    def _check_training_rows(self, X, reset):
        X = check_rows(self, X, reset)
        if not reset and self.components_.shape[0] != self.n_components:
            raise ValueError(
                f"n_components={self.n_components} differs from the {self.components_.shape[0]} components of the previous "
                "fit, which this one would continue. Set n_components back, or fit with warm_start=False."
            )
        return X if self.loss == "squared_error" else clip_to_unit_interval(X)

    def _split(self, X, seed):
        if not self.early_stopping:
            return X, None
        train, validation = train_test_split(X, test_size=self.validation_fraction, random_state=seed)
        if len(validation) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset: "
                f"validation_fraction={self.validation_fraction} of {len(X)} rows is {len(validation)}."
            )
        return train, validation

    def _loss(self):
        return LOSSES[self.loss, self.decoder_activation or DEFAULT_DECODER[self.loss]]

    def _frame(self, mean, variance):
        scale = float(np.sqrt(variance.mean())) or 1.0
        return Frame(mean, scale, self.sparsity_target, scale if self._loss() is SquaredError else 1.0)

    def _problem(self, frame, dtype):
        penalty = KullbackLeibler(self.sparsity_target, self.sparsity_weight)
        objective = Objective(self._loss(), penalty, self.encoder_alpha, self.decoder_alpha)
        return JointProblem(objective, frame, self.n_components, dtype)

    def _first(self, problem, mean, rng):
        return problem.first(self._loss().raw_of_mean(mean), self.sparsity_target, rng)

    def _solve(self, problem, X, start, watch, rng):
        options = {"max_iter": self.max_iter, "patience": Patience(self.tol, self.n_iter_no_change), "watch": watch}
        if self.solver == "lbfgs":
            return run_lbfgs(problem, X, start, **options), None
        options |= {"batch_size": self.batch_size, "learning_rate": self.learning_rate_init, "rng": rng}
        with overflow_as_value_error():
            return run_adam(problem, X, start, **options)

    def _validation_score(self, problem, X):
        if X is None:
            return None

        def score(x):
            w = unflatten(problem.weights(x), problem.n_components, problem.n_features)
            return _explained_variance(w, self._loss(), X)

        return score

    def _start_partial(self, X):
        seed = draw_seed(self.random_state)
        moments = column_moments(row_blocks(X, self.n_components))
        problem = self._problem(self._frame(*moments), X.dtype)
        start = self._first(problem, moments[0], np.random.default_rng(seed))
        return problem, adam_start(start.astype(X.dtype)), seed

    def _resume_partial(self, X):
        """Continue Adam, or begin it at the weights that L-BFGS left."""
        kept = self._optimizer_state
        if kept is None:
            problem = self._problem(self._frame(*column_moments(row_blocks(X, self.n_components))), X.dtype)
            return problem, adam_start(problem.resume(self._flat_weights()).astype(X.dtype)), draw_seed(self.random_state)
        problem = self._problem(Frame(*(kept[field] for field in Frame._fields)), X.dtype)
        x = problem.resume(self._flat_weights()).astype(X.dtype)
        moments = kept["first_moment"].copy(), kept["second_moment"].copy()
        return problem, AdamState(x, *moments, kept["n_steps"]), kept["seed"]

    # -------------------------------------------------------------------------------------- fitted attributes

    def _store_the_better(self, problem, X, start, solution):
        """Store the solution, or the start if that has the lower objective: how the fit ended, and figures on the code."""
        figures = self._store(problem.weights(solution.best.x), problem, X)
        if self.solver == "lbfgs":  # which never accepts a rise
            return solution.status, figures
        theta = problem.weights(start)
        first_terms, _, _ = _evaluate(problem, theta, X)
        if sum(first_terms) >= self.loss_:
            return solution.status, figures
        return "diverged", self._store(theta, problem, X)

    def _store(self, theta, problem, X):
        """Everything that follows from flat weights in the user's frame, at the rows X."""
        terms, mean, variance = _evaluate(problem, theta, X)
        if not np.isfinite(sum(terms)):
            raise ValueError(NOT_FINITE)
        w = unflatten(theta, problem.n_components, problem.n_features)
        self.components_, self.intercept_ = w.We.copy(), w.be.copy()
        self.decoder_components_, self.decoder_intercept_ = w.Wd.copy(), w.bd.copy()
        self.mean_activations_, self.loss_ = mean, float(sum(terms))
        return terms, mean, variance

    def _store_history(self, values, terms, n_iter, append=False):
        columns = dict(zip(Terms._fields, map(list, zip(*terms, strict=True)), strict=True))
        self.loss_curve_ = self.loss_curve_ + values if append else values
        self.loss_terms_ = {name: self.loss_terms_[name] + new if append else new for name, new in columns.items()}
        self.n_iter_ = n_iter

    def _store_validation(self, scores):
        self.validation_scores_ = scores if self.early_stopping else None
        self.best_validation_score_ = max(scores) if self.early_stopping else None

    def _flat_weights(self):
        return flatten(self._weights(np.float64))

    def _weights(self, dtype):
        parts = (self.components_, self.intercept_, self.decoder_components_, self.decoder_intercept_)
        return Weights(*(np.asarray(part, dtype=dtype) for part in parts))

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

    # ------------------------------------------------------------------------------------- using a fitted model

    def transform(self, X):
        """The code of each row: ``expit(X @ components_.T + intercept_)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any finite values, also outside the range seen in `fit`.

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            Activations between 0 and 1, in the dtype of X.

        Raises
        ------
        ValueError
            If X is so large that an activation is undefined, among scikit-learn's usual reasons.
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        w = self._weights(X.dtype)
        code = np.empty((len(X), len(w.be)), dtype=X.dtype)
        start = 0
        for block in row_blocks(X, len(w.be)):
            _encode_finite(w, block, out=code[start : start + len(block)])
            start += len(block)
        return code

    def inverse_transform(self, X):
        """The rows that codes stand for: ``X @ decoder_components_ + decoder_intercept_``, or its sigmoid.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them or made up.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            In the dtype of X; between 0 and 1 with the logistic decoder.

        Raises
        ------
        ValueError
            If X does not have `n_components` columns of finite numbers.
        """
        check_is_fitted(self)
        X = check_code(self, X, self.components_.shape[0])
        return self._loss().output(decode(self._weights(X.dtype), X))

    def reconstruct(self, X):
        """``inverse_transform(transform(X))`` without the code of all rows in memory.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            As in `transform`.

        Returns
        -------
        X_hat : ndarray of shape (n_samples, n_features)
            In the dtype of X.
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        return np.concatenate([X_hat for _, X_hat in _reconstructions(self._weights(X.dtype), self._loss(), X)])

    def score(self, X, y=None):
        """How much of X the reconstruction explains: variance-weighted R2, higher is better.

        ``1 - sum((X - X_hat)^2) / sum((X - column means)^2)``, both sums over rows and features: 1 is perfect, the column
        means themselves score exactly 0. It contains no penalty and so compares across `sparsity_weight`, for either
        loss. Columns that are constant in X weigh nothing; if all are, the score is 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            As in `transform`.
        y : ignored

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        return _explained_variance(self._weights(X.dtype), self._loss(), X)

    def score_samples(self, X):
        """Minus the reconstruction loss of each row: low for rows unlike those seen in `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            As in `transform`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the loss named by `loss`, mean over features, float64.
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        w, loss = self._weights(X.dtype), self._loss()
        return -np.concatenate([loss.per_row(decode(w, _encode_finite(w, b)), b) for b in row_blocks(X, len(w.be))])

    def _warn(self, status, figures, X, scale):
        """Warn, three frames up, of whatever makes the fit less than it looks; of one thing if it explains the next."""
        _, mean, variance = figures
        if message := not_converged(self, status):
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        if message := learned_nothing(_explained_variance(self._weights(X.dtype), self._loss(), X), scale):
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        elif message := poor_code(self, mean, variance, scale):
            warnings.warn(message, UserWarning, stacklevel=3)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _encode_finite(w, X, out=None):
    A = encode(w, X, out)
    if np.isnan(A.sum()):  # codes are within [0, 1], so only a NaN makes their sum one
        raise ValueError(
            f"The pre-activations overflow: X has values up to {float(np.abs(X).max()):.3g} and the encoder weights up to "
            f"{float(np.abs(w.We).max()):.3g}. Scale X as the rows given to fit were."
        )
    return A


def _reconstructions(w, loss, X):
    for block in row_blocks(X, len(w.be)):
        yield block, loss.output(decode(w, _encode_finite(w, block)))


def _explained_variance(w, loss, X):
    return explained_variance(_reconstructions(w, loss, X), X.mean(axis=0, dtype=np.float64))


def _evaluate(problem, theta, X):
    w = unflatten(theta, problem.n_components, problem.n_features)
    return evaluate(problem.objective, w, row_blocks(X, problem.n_components))


def _pack(state, frame, seed):
    """What `partial_fit` needs to go on, as plain arrays and numbers; the weights themselves are public attributes."""
    moments = {"first_moment": state.first_moment, "second_moment": state.second_moment, "n_steps": state.n_steps}
    return moments | frame._asdict() | {"seed": seed}
