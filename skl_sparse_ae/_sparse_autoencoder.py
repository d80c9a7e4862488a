"""The estimator: parameters, the choice of solver, fitted attributes, warnings. No formula."""

import warnings
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skl_sparse_ae._blocks import column_moments, row_blocks
from skl_sparse_ae._callbacks import CallbackSupportMixin, Progress, with_callbacks
from skl_sparse_ae._diagnostics import learned_nothing, not_converged, poor_code
from skl_sparse_ae._inference import code_of, explained_variance, losses_of_rows, reconstructions, rows_of
from skl_sparse_ae._losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._objective import Objective, evaluate
from skl_sparse_ae._penalties import KullbackLeibler
from skl_sparse_ae._persistence import check_arrays, check_numbers, stamped, unstamped
from skl_sparse_ae._problems import EliminatedProblem, JointProblem
from skl_sparse_ae._projection import is_worth_eliminating
from skl_sparse_ae._solvers import NOT_FINITE_AT_START, Patience, adam_start, refuse_too_many_parameters
from skl_sparse_ae._training import (
    Watch,
    check_packed,
    pack,
    run_adam,
    run_adam_once,
    run_lbfgs,
    unpack_frame,
    unpack_state,
)
from skl_sparse_ae._validation import (
    NOT_FINITE,
    check_code,
    check_integers,
    check_memory,
    check_rows,
    clip_to_unit_interval,
    draw_seed,
    overflow_as_value_error,
    quiet,
    transaction,
)
from skl_sparse_ae._weights import Frame, Weights, flatten, n_weights, unflatten

LOSSES = {
    ("squared_error", "identity"): SquaredError,
    ("squared_error", "logistic"): LogisticSquaredError,
    ("cross_entropy", "logistic"): CrossEntropy,
}
DEFAULT_DECODER = {"squared_error": "identity", "cross_entropy": "logistic"}
LEAST_VECTORS = 5  # of the size of the weights, that a fit keeps: x, its gradient, Adam's moments, the best so far
LONGEST_CURVE = 1000  # calls of partial_fit remembered in the curves: a service may make millions
INTERRUPTED = "Training interrupted by user."


def _solver_is_stochastic(estimator):
    if estimator.solver != "adam":
        raise AttributeError(f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic.")
    return True


class SparseAutoencoderTransformer(CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A sparse autoencoder as a transformer: many code units of which few are active for any one row.

    Minimises, over an encoder ``code = sigmoid(X @ We.T + be)`` and a decoder ``X_hat = g(code @ Wd + bd)``,

        J = R(X, X_hat) + sparsity_weight * sum_j KL(sparsity_target || mean activation of unit j)
            + (encoder_alpha * ||We||^2 + decoder_alpha * ||Wd||^2) / (2 * n_features)

    where R is the mean over rows AND features of the loss, and ``KL(p || q) = p log(p/q) + (1-p) log((1-p)/(1-q))`` is
    summed over units. The weight decays matter as much as the sparsity weight: KL fixes only the mean, and with a weak
    `decoder_alpha` the units meet it by hovering around their target while the decoder weights grow.

    Parameters
    ----------
    n_components : int, default=100
        Number of code units. May exceed the number of features.
    sparsity_target : float in (0, 1), default=0.1
        Mean activation over rows that each unit is drawn to.
    sparsity_weight : float >= 0, default=0.2
        Weight of the KL divergences. Worth searching, with a score that sees more than the reconstruction.
    loss : {"squared_error", "cross_entropy"}, default="squared_error"
        ``(x_hat - x)^2``, or the cross-entropy of the decoder's logits for X in [0, 1], e.g. from `MinMaxScaler`.
    decoder_activation : {"identity", "logistic"} or None, default=None
        None is "identity" for squared error and "logistic" for cross-entropy, which allows no other.
    encoder_alpha, decoder_alpha : float >= 0, default=1e-4 and 1e-2
        Weight decays, as in J. Dividing by the number of features makes a value mean the same for narrow and wide X.
    solver : {"lbfgs", "adam"}, default="lbfgs"
        "lbfgs" minimises J over all rows at once: exact, and best up to some 10,000 rows. "adam" makes steps from
        mini-batches, the KL being that of the batch's mean activations: for more rows than that, and for `partial_fit`.
    max_iter : int, default=1000
        Most iterations of L-BFGS, or epochs of Adam.
    tol : float >= 0, default=1e-4
        Stop once the objective (Adam: its mean over the epoch; with `early_stopping`, the validation score) has not improved
        by `tol` times its size in `n_iter_no_change` consecutive iterations or epochs. 0 runs all of `max_iter`.
    learning_rate_init : float > 0, default=0.01
        Adam's step size, for weights in a frame in which X has unit variance.
    batch_size : int, default=256
        Most rows in a mini-batch of Adam; batches are made equal in size, and X smaller than one is a single batch.
    early_stopping : bool, default=False
        Hold out `validation_fraction` of the rows, and keep the weights that score best on them (see `score`).
    validation_fraction : float in (0, 1), default=0.1
    n_iter_no_change : int, default=10
        See `tol`.
    warm_start : bool, default=False
        Let `fit` continue from the weights there are. Adam's moments start anew.
    verbose : int, default=0
        Print one line per iteration or epoch.
    random_state : int, RandomState instance or None, default=None
        For the first weights, the shuffling and the validation split. An int makes `fit` repeatable, to the bit with the same
        library versions and number of BLAS threads.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Encoder weights We: ``transform(X) == expit(X @ components_.T + intercept_)``.
    intercept_ : ndarray of shape (n_components,)
        Encoder biases be.
    decoder_components_ : ndarray of shape (n_components, n_features)
        Decoder weights Wd, row j being unit j as in `components_`:
        ``inverse_transform(H) == H @ decoder_components_ + decoder_intercept_``, or `expit` of that.
    decoder_intercept_ : ndarray of shape (n_features,)
        Decoder biases bd.
    mean_activations_ : ndarray of shape (n_components,)
        Mean of each code unit over the rows last given to `fit` or `partial_fit`, float64.
    loss_ : float
        J at these weights, over all of those rows.
    loss_curve_ : list of float
        J after each iteration of L-BFGS; its mean over the mini-batches of each epoch of Adam. After `partial_fit`, its last
        1,000 entries.
    loss_terms_ : dict of lists of float
        The same as its three terms: "reconstruction", "sparsity" and "weight_decay" (weights and alphas multiplied in).
    n_iter_ : int
        Iterations or epochs; of the last `fit`, and of the calls of `partial_fit` since.
    validation_scores_, best_validation_score_ : list of float and float, or None without `early_stopping`
        R2 of the rows held out by `fit`, after each iteration or epoch.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if X was a DataFrame with string column names.

    Warns
    -----
    ConvergenceWarning
        If the solver stopped at `max_iter` or diverged, if the model reconstructs X no better than the column means, or if
        Ctrl-C ended `fit` after its first iteration: the best weights so far are kept.
    UserWarning
        If the code is useless though the solver is content: its mean far from the target, or all but constant.

    See Also
    --------
    sklearn.decomposition.PCA : Linear, dense, closed form.
    sklearn.neural_network.BernoulliRBM : A generative relative without reconstruction.

    References
    ----------
    A. Ng, Sparse autoencoder, CS294A lecture notes, Stanford (2011).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import SparseAutoencoderTransformer
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoderTransformer(32, random_state=0).fit(X)
    >>> code = model.transform(X)
    >>> code.shape
    (1797, 32)
    >>> print(f"mean activation {code.mean():.1f}")
    mean activation 0.1
    >>> model.score(X) > 0.8
    True
    """

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
        n_components: int = 100,
        *,
        sparsity_target: float = 0.1,
        sparsity_weight: float = 0.2,
        loss: Literal["squared_error", "cross_entropy"] = "squared_error",
        decoder_activation: Literal["identity", "logistic"] | None = None,
        encoder_alpha: float = 1e-4,
        decoder_alpha: float = 1e-2,
        solver: Literal["lbfgs", "adam"] = "lbfgs",
        max_iter: int = 1000,
        tol: float = 1e-4,
        learning_rate_init: float = 0.01,
        batch_size: int = 256,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
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

    @with_callbacks
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the weights from X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows to reconstruct, float32 or float64 (anything else becomes float64; sparse becomes CSR). With
            ``loss="cross_entropy"``, between 0 and 1 up to the square root of the precision, as `MinMaxScaler` leaves it.
        y : ignored

        Returns
        -------
        self : SparseAutoencoderTransformer
            Or, after any exception, unchanged.

        Raises
        ------
        TypeError
            For dates and durations.
        ValueError
            For parameters or X outside their range, a corrupted sparse X, or if the objective overflows.
        MemoryError
            If the weights do not fit into the machine, before anything is allocated.
        """
        progress = Progress(self)
        with transaction(self):
            self._check_parameters()
            is_warm = self.warm_start and hasattr(self, "components_")
            X = self._check_training_rows(X, reset=not is_warm)
            seed = draw_seed(self.random_state)
            rng = np.random.default_rng(seed)
            train, validation = self._split(X, seed)
            moments = column_moments(row_blocks(train, self.n_components))
            problem = self._problem_of(train, moments)
            start = problem.resume(self._flat_weights()) if is_warm else self._first(problem, moments[0], rng)

            progress.begin(X)
            attributes, score = partial(self._attributes, problem), self._validation_score(problem, validation)
            watch = Watch(self.verbose, score, lambda iterate: progress.iterate(partial(attributes, iterate.x)))
            solution, optimizer_state = self._solve(problem, train, start, watch, rng)
            if not watch.records:
                watch.record(solution.best)  # there was nothing to improve: the start is the one iterate
            self._optimizer_state = optimizer_state and pack(optimizer_state, problem.frame, seed)
            conclude = partial(self._conclude, problem, X, start, watch, np.sqrt(moments[1].mean()))
            try:
                messages = conclude(solution)
            except KeyboardInterrupt:  # the fit is as good as done; another one undoes it
                if solution.status == "interrupted":
                    raise
                messages = conclude(solution._replace(status="interrupted"))
            progress.end(partial(attributes, solution.best.x))
            for category, message in messages:
                warnings.warn(message, category, stacklevel=3)
        return self

    @available_if(_solver_is_stochastic)
    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """One epoch of Adam over X, from the current weights; ``solver="adam"`` only.

        The first call fixes the precision of the weights, and centres and scales the solver's frame by its own rows. Later
        calls, also after `fit` or after loading the estimator from a file, continue the optimiser where it stopped.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
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
        TypeError, ValueError, MemoryError
            As in `fit`.
        """
        with transaction(self):
            self._check_parameters()
            is_first = not hasattr(self, "components_")
            X = self._check_training_rows(X, reset=is_first)
            X = X if is_first else X.astype(self.components_.dtype, copy=False)
            problem, state, seed = self._start_partial(X)
            watch, number = Watch(self.verbose), getattr(self, "n_iter_", 0) + 1
            options = {"batch_size": self.batch_size, "learning_rate": self.learning_rate_init, "watch": watch}
            with overflow_as_value_error():
                state = run_adam_once(problem, X, state, seed, number, **options)

            self._store(problem.weights(state.x), problem, X)
            before = getattr(self, "loss_terms_", {name: [] for name in watch.terms})
            self.loss_terms_ = {name: (before[name] + terms)[-LONGEST_CURVE:] for name, terms in watch.terms.items()}
            self.loss_curve_ = (getattr(self, "loss_curve_", []) + watch.values)[-LONGEST_CURVE:]
            self.n_iter_, self._optimizer_state = number, pack(state, problem.frame, seed)
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
        self._check_size(n_weights(self.n_components, X.shape[1]), X.dtype.itemsize)
        if not reset and self.components_.shape[0] != self.n_components:
            raise ValueError(
                f"n_components={self.n_components} differs from the {self.components_.shape[0]} components of the previous "
                "fit, which this one would continue. Set n_components back, or fit with warm_start=False."
            )
        return X if self.loss == "squared_error" else clip_to_unit_interval(X)

    def _check_size(self, n_parameters, itemsize):
        check_memory(LEAST_VECTORS * itemsize * n_parameters, f"A fit with n_components={self.n_components}")
        if self.solver == "lbfgs":
            refuse_too_many_parameters(n_parameters)

    def _split(self, X, seed):
        if not self.early_stopping:
            return X, None
        train, validation = train_test_split(X, test_size=self.validation_fraction, random_state=seed)
        if validation.shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset: "
                f"validation_fraction={self.validation_fraction} of {X.shape[0]} rows is {validation.shape[0]}."
            )
        return train, validation

    def _loss(self):
        return LOSSES[self.loss, self.decoder_activation or DEFAULT_DECODER[self.loss]]

    def _frame(self, moments, dtype):
        mean, variance = moments
        if not np.isfinite(variance.sum()):
            raise ValueError(NOT_FINITE_AT_START)
        return Frame.of(mean, variance, self.sparsity_target, self._loss().raw_scale(variance), dtype)

    def _problem(self, frame, dtype):
        penalty = KullbackLeibler(self.sparsity_target, self.sparsity_weight)
        objective = Objective(self._loss(), penalty, self.encoder_alpha, self.decoder_alpha)
        return JointProblem(objective, frame, self.n_components, dtype)

    def _problem_of(self, X, moments):
        """The form of the objective in which `fit` searches, for all rows X at once."""
        problem = self._problem(self._frame(moments, X.dtype), X.dtype)
        can_eliminate = self.solver == "lbfgs" and self._loss() is SquaredError
        if can_eliminate and is_worth_eliminating(self.decoder_alpha, *X.shape, self.n_components, X.dtype):
            return EliminatedProblem(problem, row_blocks(X, self.n_components), moments[1].sum())
        return problem

    def _first(self, problem, mean, rng):
        return problem.first(self._loss().raw_of_mean(mean), self.sparsity_target, rng)

    def _solve(self, problem, X, start, watch, rng):
        options = {"max_iter": self.max_iter, "patience": Patience(self.tol, self.n_iter_no_change), "watch": watch}
        if self.solver == "lbfgs":
            return run_lbfgs(problem, X, start, **options), None
        options |= {"batch_size": self.batch_size, "learning_rate": self.learning_rate_init}
        with overflow_as_value_error():
            return run_adam(problem, X, start, rng, **options)

    def _validation_score(self, problem, X):
        if X is None:
            return None
        shape = problem.n_components, problem.n_features
        return lambda x: explained_variance(unflatten(problem.weights(x), *shape), self._loss(), X)

    def _start_partial(self, X):
        """Problem, Adam's state and seed: as the last call left them, or begun at the weights there are, or at new ones."""
        is_first, kept = not hasattr(self, "components_"), getattr(self, "_optimizer_state", None)
        if kept is not None:
            problem = self._problem(unpack_frame(kept), X.dtype)
            return problem, unpack_state(kept, problem.resume(self._flat_weights()).astype(X.dtype)), kept["seed"]
        seed = draw_seed(self.random_state)
        moments = column_moments(row_blocks(X, self.n_components))
        problem = self._problem(self._frame(moments, X.dtype), X.dtype)
        if is_first:
            start = self._first(problem, moments[0], np.random.default_rng(seed))
        else:
            start = problem.resume(self._flat_weights())
        return problem, adam_start(start.astype(X.dtype)), seed

    # -------------------------------------------------------------------------------------- fitted attributes

    def _conclude(self, problem, X, start, watch, scale, solution):
        """Store everything of a fit that has ended at `solution`; the warnings to give, as (category, message)."""
        self.loss_curve_, self.loss_terms_, self.n_iter_ = watch.values, watch.terms, len(watch.records)
        self.validation_scores_ = watch.scores if self.early_stopping else None
        self.best_validation_score_ = max(watch.scores) if self.early_stopping else None
        if solution.status == "interrupted":
            self._store(problem.weights(solution.best.x), problem, X)
            self._optimizer_state = None  # it may be in the middle of a step
            return [(ConvergenceWarning, INTERRUPTED)]
        status, figures = self._store_the_better(problem, X, start, solution)
        return list(self._messages(status, figures, X, scale))

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

    def _attributes(self, problem, x):
        """What a copy of the estimator needs to be fitted as of the flat vector x, for callbacks that want one."""
        w = unflatten(problem.weights(x), problem.n_components, problem.n_features)
        return dict(zip(_weight_shapes(*w.We.shape), w, strict=True))

    def _flat_weights(self):
        check_arrays(vars(self), _weight_shapes(self.n_components, self.n_features_in_), type(self).__name__)
        return flatten(self._weights(np.float64))

    def _weights(self, dtype):
        parts = (self.components_, self.intercept_, self.decoder_components_, self.decoder_intercept_)
        return Weights(*(np.asarray(part, dtype=dtype) for part in parts))

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

    # ------------------------------------------------------------------------------------- using a fitted model

    @quiet
    def transform(self, X: ArrayLike) -> np.ndarray:
        """The code of each row: ``expit(X @ components_.T + intercept_)``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
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
        return code_of(self._weights(X.dtype), X)

    @quiet
    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
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
            If X does not have `n_components` columns of finite numbers, or has such large ones that a row overflows.
        """
        check_is_fitted(self)
        X = check_code(self, X, self.components_.shape[0])
        return rows_of(self._weights(X.dtype), self._loss(), X)

    @quiet
    def reconstruct(self, X: ArrayLike) -> np.ndarray:
        """``inverse_transform(transform(X))`` without the code of all rows in memory.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`.

        Returns
        -------
        X_hat : ndarray of shape (n_samples, n_features)
            In the dtype of X.
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        return np.concatenate([X_hat for _, X_hat in reconstructions(self._weights(X.dtype), self._loss(), X)])

    @quiet
    def score(self, X: ArrayLike, y: Any = None) -> float:
        """How much of X the reconstruction explains: variance-weighted R2, higher is better.

        ``1 - sum((X - X_hat)^2) / sum((X - column means)^2)``, both sums over rows and features: 1 is perfect, the column
        means themselves score exactly 0. It contains no penalty and so compares across `sparsity_weight`, for either
        loss. Columns that are constant in X weigh nothing; if all are, the score is 0.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`.
        y : ignored

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        return explained_variance(self._weights(X.dtype), self._loss(), X)

    @quiet
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Minus the reconstruction loss of each row: low for rows unlike those seen in `fit`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the loss named by `loss`, mean over features, float64.
        """
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        return -losses_of_rows(self._weights(X.dtype), self._loss(), X)

    def _messages(self, status, figures, X, scale):
        """Whatever makes the fit less than it looks, as (category, message); one thing only if it explains the next."""
        _, mean, variance = figures
        if message := not_converged(self, status):
            yield ConvergenceWarning, message
        if message := learned_nothing(explained_variance(self._weights(X.dtype), self._loss(), X), scale):
            yield ConvergenceWarning, message
        elif message := poor_code(self, mean, variance, scale):
            yield UserWarning, message

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
        state = unstamped(state, type(self).__name__)
        if any(name.endswith("_") for name in state):  # what scikit-learn, too, calls fitted
            _check_state(state, type(self).__name__)
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _weight_shapes(n_components, n_features):
    k, d = n_components, n_features
    return {"components_": (k, d), "intercept_": (k,), "decoder_components_": (k, d), "decoder_intercept_": (d,)}


def _check_state(state, name):
    """ValueError unless the fitted attributes in `state` fit together; the number of units is that of the biases."""
    huge = np.finfo(np.float64).max
    check_numbers(state, {"n_features_in_": (int, 1, np.inf), "n_iter_": (int, 1, np.inf), "loss_": (float, 0, huge)}, name)
    shape = np.size(state.get("intercept_")), state["n_features_in_"]
    check_arrays(state, _weight_shapes(*shape) | {"mean_activations_": shape[:1]}, name)
    if state.get("_optimizer_state") is not None:
        check_packed(state["_optimizer_state"], *shape, name)


def _evaluate(problem, theta, X):
    w = unflatten(theta, problem.n_components, problem.n_features)
    return evaluate(problem.objective, w, row_blocks(X, problem.n_components))
