"""The estimator: parameters, the choice of solver, fitted attributes, warnings. No formula."""

from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from skl_sparse_ae._estimator.base import BaseAutoencoder
from skl_sparse_ae._estimator.diagnostics import not_converged
from skl_sparse_ae._estimator.optimizer_state import check_packed, unpack_frame
from skl_sparse_ae._estimator.persistence import check_arrays, check_numbers
from skl_sparse_ae._estimator.training import run_lbfgs
from skl_sparse_ae._estimator.transaction import reading
from skl_sparse_ae._estimator.validation import check_code
from skl_sparse_ae._nn.losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.moments import least_scale, moments_of
from skl_sparse_ae._solvers.lbfgs import refuse_too_many_parameters
from skl_sparse_ae._solvers.solution import NOT_FINITE_AT_START
from skl_sparse_ae._sparse.diagnostics import (
    learned_nothing,
    out_of_reach,
    poor_code,
    unlike_columns,
)
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective, Terms
from skl_sparse_ae._sparse.predict import (
    code_of,
    errors_of_columns_and_variance,
    excess_of_rows,
    explained_variance,
    losses_of_rows,
    reconstructions,
    rows_of,
)
from skl_sparse_ae._sparse.problems import JointProblem, MiniBatchProblem, for_all_rows
from skl_sparse_ae._sparse.scale import NAMES, Scale, factor_of
from skl_sparse_ae._sparse.weights import Weights, flatten, n_weights, unflatten

LOSSES = {
    ("squared_error", "identity"): SquaredError,
    ("squared_error", "logistic"): LogisticSquaredError,
    ("cross_entropy", "logistic"): CrossEntropy,
}


OF_THE_OTHER = ("sample", "sample_posterior", "posterior", "interpolate")  # methods


# The "auto" batch: small tables need several steps in an epoch, and large products pay off up to some 256 rows.
MIN_BATCHES, MIN_BATCH, MAX_BATCH = 8, 32, 256


DEFAULT_DECODER = {"squared_error": "identity", "cross_entropy": "logistic"}


class MultipleOfScale(StrOptions):
    """The constraint of a parameter that may be "scale" or a multiple of it."""

    def __init__(self):
        super().__init__({"scale"})

    def is_satisfied_by(self, val):
        return isinstance(val, str) and factor_of(val) is not None

    def __str__(self):
        return "'scale' or a multiple of it such as '0.5*scale'"


def _solver_is_stochastic(estimator):
    if estimator.solver != "adam":
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True


class SparseAutoencoderTransformer(BaseAutoencoder):
    """A sparse autoencoder as a transformer: many code units of which few are active for any one row.

    Minimises, over an encoder ``code = sigmoid(X @ We.T + be)`` and a decoder ``X_hat = g(code @ Wd + bd)``, ::

        J = R(X, X_hat) + sparsity_weight * sum_j KL(sparsity_target || mean activation of unit j)
            + (encoder_alpha * ||We||^2 + decoder_alpha * ||Wd||^2) / (2 * n_features)

    where R is the mean over rows AND features of the loss, and ``KL(p || q) = p log(p/q) + (1-p) log((1-p)/(1-q))`` is
    summed over units. The weight decays matter as much as the sparsity weight: KL fixes only the mean, and with a weak
    `decoder_alpha` the units meet it by hovering around their target while the decoder weights grow.

    The three weights take a number, "scale", or a multiple such as "0.5*scale". "scale" is set from the variance of X and what
    its column means leave to explain, so that the code does not depend on the unit of X; see the Notes.

    Parameters
    ----------
    n_components : int, default=100
        Number of code units. May exceed the number of features.
    sparsity_target : float in (0, 1), default=0.1
        Mean activation over rows that each unit is drawn to.
    sparsity_weight : float >= 0 or str, default="scale"
        Weight of the KL divergences: a number, "scale", or a multiple such as "0.3*scale". Worth searching, say over
        ``["0.3*scale", "scale", "3*scale"]``, with a score that sees more than the reconstruction.
    loss : {"squared_error", "cross_entropy"}, default="squared_error"
        ``(x_hat - x)^2``, or the cross-entropy of the decoder's logits for X in [0, 1], e.g. from `MinMaxScaler`
        with ``clip=True``, since `score` and `score_samples` refuse other values as `fit` does.
    decoder_activation : {"identity", "logistic"} or None, default=None
        None is "identity" for squared error and "logistic" for cross-entropy, which allows no other.
    encoder_alpha, decoder_alpha : float >= 0 or str, default="scale"
        Weight decays, as in J: a number, "scale", or a multiple of it. Less `encoder_alpha` makes the code sparser, more of it
        smoother; more `decoder_alpha` makes the code sparser and the reconstruction worse.
    solver : {"lbfgs", "adam"}, default="lbfgs"
        "lbfgs" minimises J over all rows at once: exact, and best up to some 10,000 rows. "adam" makes steps from
        mini-batches, the KL being that of the batch's mean activations: for more rows than that, and for `partial_fit`.
    max_iter : int, default=1000
        Most iterations of L-BFGS, or epochs of Adam.
    tol : float >= 0, default=1e-3
        Stop once the objective (Adam: its mean over the epoch) has not improved by `tol` times the loss that there is to
        explain, u in the Notes, in `n_iter_no_change` consecutive iterations or epochs. With `early_stopping` the validation
        score R2 must improve by `tol`. 0 runs all of `max_iter`.
    learning_rate_init : float > 0, default=0.01
        Adam's step size, for weights in a frame in which X has unit variance.
    batch_size : int or "auto", default="auto"
        Most rows in a mini-batch of Adam; batches are made equal in size, and X smaller than one is a single batch. "auto" is
        an eighth of the rows, but from 32 to 256. In batches of less than 128 rows the penalty sees a running mean of the
        activations.
    early_stopping : bool, default=False
        Hold out `validation_fraction` of the rows, and keep the weights that score best on them (see `score`).
    validation_fraction : float in (0, 1), default=0.1
    n_iter_no_change : int, default=10
        See `tol`.
    warm_start : bool, default=False
        Let `fit` continue from the weights there are. Adam's moments start anew.
        The weights depend on `n_components`, `loss` and `decoder_activation`:
        after a change of these, it is an error.
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
    sparsity_weight_, encoder_alpha_, decoder_alpha_ : float
        The weights used. A fit with these numbers gives the same model.
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
        If the code is useless though the solver is content: its mean far from the target, or all but constant; if the columns
        of X are in such different units that small ones are ignored; or if a logistic decoder cannot reach the values of X.

    See Also
    --------
    sklearn.decomposition.PCA : Linear, dense, closed form.
    sklearn.neural_network.BernoulliRBM : A generative relative without reconstruction.

    Notes
    -----
    With n rows, d features, v the mean over columns of the variance of X, u the loss of the best constant row less that of a
    perfect reconstruction, and c half the curvature of the loss in the decoder's output (1 for the default loss), "scale" is ::

        sparsity_weight = 0.2 u     encoder_alpha = min(0.01 d / n, 0.03) d v u     decoder_alpha = 0.02 c

    For the squared error u is v; n is the number of rows seen so far in `partial_fit`.

    References
    ----------
    Ng, A., Sparse autoencoder, CS294A lecture notes, Stanford (2011).

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

    _parameter_constraints = BaseAutoencoder._parameter_constraints | {
        "sparsity_target": [Interval(Real, 0, 1, closed="neither")],
        "sparsity_weight": [Interval(Real, 0, None, closed="left"), MultipleOfScale()],
        "decoder_activation": [StrOptions({"identity", "logistic"}), None],
        "encoder_alpha": [Interval(Real, 0, None, closed="left"), MultipleOfScale()],
        "decoder_alpha": [Interval(Real, 0, None, closed="left"), MultipleOfScale()],
        "solver": [StrOptions({"lbfgs", "adam"})],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    }

    _terms = Terms._fields
    _fitted_names = {
        "components_",
        "intercept_",
        "decoder_components_",
        "decoder_intercept_",
        "mean_activations_",
        "sparsity_weight_",
        "encoder_alpha_",
        "decoder_alpha_",
    }

    def __init__(
        self,
        n_components: int = 100,
        *,
        sparsity_target: float = 0.1,
        sparsity_weight: float | str = "scale",
        loss: Literal["squared_error", "cross_entropy"] = "squared_error",
        decoder_activation: Literal["identity", "logistic"] | None = None,
        encoder_alpha: float | str = "scale",
        decoder_alpha: float | str = "scale",
        solver: Literal["lbfgs", "adam"] = "lbfgs",
        max_iter: int = 1000,
        tol: float = 1e-3,
        learning_rate_init: float = 0.01,
        batch_size: int | Literal["auto"] = "auto",
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

    @available_if(_solver_is_stochastic)
    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """One epoch of Adam over X, from the current weights; ``solver="adam"`` only.

        The first call fixes the precision of the weights. Later calls, also after `fit` or after loading the estimator from a
        file, continue the optimiser where it stopped. All rows so far decide what "scale" means, and the unit in which the
        solver sees them; if their spread turns out to be another than that of the first rows, the optimiser starts anew.

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
        return self._partial_fit(X)

    def _check_parameters(self):
        super()._check_parameters()
        decoder = self.decoder_activation or DEFAULT_DECODER[self.loss]
        if (self.loss, decoder) not in LOSSES:
            raise ValueError(
                f"decoder_activation={decoder!r} does not fit loss={self.loss!r}, which is defined for reconstructions "
                "between 0 and 1. Use decoder_activation='logistic' or None, or loss='squared_error'."
            )

    def _check_size(self, n_parameters, itemsize):
        super()._check_size(n_parameters, itemsize)
        if self.solver == "lbfgs":
            refuse_too_many_parameters(n_parameters)

    def _functions(self):
        decoder = self.decoder_activation or DEFAULT_DECODER.get(str(self.loss))
        return ({"decoder_activation": str(decoder)} if decoder else {}) | super()._functions()

    def _count_weights(self, n_features):
        return n_weights(self.n_components, n_features)

    def _loss(self):
        return LOSSES[self.loss, self.decoder_activation or DEFAULT_DECODER[self.loss]]

    def _penalty(self, weight):
        """The penalty on the mean activations, of this weight."""
        return KullbackLeibler(self.sparsity_target, weight)

    def _moments(self, X):
        return moments_of(X, self.n_components, self._loss().floor)

    def _problem(self, frame, moments, dtype):
        scale = Scale.of(moments, self._loss())
        weights = [scale.resolve(name, getattr(self, name)) for name in NAMES]
        self.sparsity_weight_, self.encoder_alpha_, self.decoder_alpha_ = weights
        objective = Objective(self._loss(), self._penalty(weights[0]), *weights[1:])
        if self.solver == "adam":
            return MiniBatchProblem(
                objective, frame, self.n_components, dtype, scale.loss, moments.n_rows
            )
        return JointProblem(objective, frame, self.n_components, dtype, scale.loss)

    def _new_problem(self, moments, dtype):
        if not np.isfinite(moments.variance.sum()):
            raise ValueError(NOT_FINITE_AT_START)
        raw_scale = self._loss().raw_scale(moments.variance)
        return self._problem(
            Frame.of(moments.mean, moments.variance, self.sparsity_target, raw_scale, dtype),
            moments,
            dtype,
        )

    def _kept_problem(self, kept, moments, dtype):
        return self._problem(unpack_frame(Frame, kept), moments, dtype)

    def _problem_of(self, X, moments):
        problem = self._new_problem(moments, X.dtype)
        return problem if self.solver == "adam" else for_all_rows(problem, X, moments.variance)

    def _rows_in_a_batch(self, X):
        if self.batch_size != "auto":
            return self.batch_size
        return int(np.clip(X.shape[0] // MIN_BATCHES, MIN_BATCH, MAX_BATCH))

    def _progress_unit(self, problem):
        return 1.0 if self.early_stopping else problem.loss_scale

    def _memory(self, is_warm):
        return (
            self.mean_activations_ if is_warm else np.full(self.n_components, self.sparsity_target)
        )

    def _first(self, problem, mean, rng):
        return problem.first(self._loss().raw_of_mean(mean), self.sparsity_target, rng)

    def _solve(self, problem, X, start, memory, watch, rng):
        if self.solver == "adam":
            return super()._solve(problem, X, start, memory, watch, rng)
        return run_lbfgs(
            problem, X, start, max_iter=self.max_iter, patience=self._patience(problem), watch=watch
        ), None

    def _validation_score(self, problem, X):
        if X is None:
            return None
        shape = problem.n_components, problem.n_features
        return lambda x: explained_variance(unflatten(problem.weights(x), *shape), self._loss(), X)

    def __getattr__(self, name):
        """What there is not: with the solver or the class that has it, in the last line of the error."""
        message = f"This {type(self).__name__!r} has no attribute {name!r}"
        if name in OF_THE_OTHER:
            message += (
                ". VariationalAutoencoderTransformer has it, which learns a distribution of rows"
            )
        if name != "partial_fit":
            raise AttributeError(message + ".", name=name, obj=self)
        try:
            _solver_is_stochastic(self)
        except AttributeError as reason:
            message += f" with solver={self.solver!r}. Set solver='adam', whose steps see few rows"
            raise AttributeError(message + ".", name=name, obj=self) from reason

    # -------------------------------------------------------------------------------------- fitted attributes

    def _store_the_better(self, problem, X, start, solution):
        if self.solver == "adam":
            return super()._store_the_better(problem, X, start, solution)
        return solution.status, self._store(
            problem.weights(solution.best.x), problem, X
        )  # L-BFGS never accepts a rise

    def _store(self, theta, problem, X):
        terms, mean, variance = super()._store(theta, problem, X)
        self.mean_activations_ = mean
        return terms, mean, variance

    def _named_weights(self, problem, theta):
        shape = problem.n_components, problem.n_features
        parts = (part.copy() for part in unflatten(theta, *shape))
        return dict(zip(_weight_shapes(*shape), parts, strict=True))

    def _flat_weights(self):
        check_arrays(
            vars(self), _weight_shapes(self.n_components, self.n_features_in_), type(self).__name__
        )
        return flatten(self._weights(np.float64))

    def _weights(self, dtype=None):
        """The fitted weights, as they are stored or in another precision."""
        parts = (
            self.components_,
            self.intercept_,
            self.decoder_components_,
            self.decoder_intercept_,
        )
        return Weights(*(np.asarray(part, dtype=dtype) for part in parts))

    @property
    def _dtype(self):
        return self.components_.dtype

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

    # ------------------------------------------------------------------------------------- using a fitted model

    @reading
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
        self._check_fitted()
        X = self._check_rows(X)
        return code_of(self._weights(), self._loss(), X)

    @reading
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
        self._check_fitted()
        X = check_code(self, X, self.components_.shape[0])
        return rows_of(self._weights(X.dtype), self._loss(), X)

    @reading
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
        self._check_fitted()
        X = self._check_rows(X)
        return np.concatenate(list(reconstructions(self._weights(), self._loss(), X)))

    @reading
    def score(self, X: ArrayLike, y: Any = None) -> float:
        """How much of X the reconstruction explains: variance-weighted R2, higher is better.

        ``1 - sum((X - X_hat)^2) / sum((X - column means)^2)``, both sums over rows and features: 1 is perfect, the column
        means themselves score exactly 0. It contains no penalty and so compares across `sparsity_weight`, for either
        loss. Columns that are constant in X weigh nothing; if all are, the score is 0.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`; with ``loss="cross_entropy"``, between 0 and 1 as in `fit`.
        y : ignored

        Returns
        -------
        score : float
        """
        self._check_fitted()
        X = self._check_targets(X)
        return explained_variance(self._weights(), self._loss(), X)

    @reading
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Minus the reconstruction error of each row: low for rows unlike those seen in `fit`, 0 for a perfect reconstruction.

        With ``loss="cross_entropy"`` the error is the Kullback-Leibler divergence of the row from its reconstruction: the
        cross-entropy less the row's own entropy, which no reconstruction can avoid.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`; with ``loss="cross_entropy"``, between 0 and 1 as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the squared error or the divergence, mean over features, float64. At most 0.

        Raises
        ------
        ValueError
            If X is so large that an error overflows or, with ``loss="cross_entropy"``, not between 0 and 1.
        """
        self._check_fitted()
        X = self._check_targets(X)
        return -excess_of_rows(self._weights(), self._loss(), X)

    def _mean_loss(self, X):
        """The reconstruction loss, as it is in J."""
        X = self._check_targets(X)
        return losses_of_rows(self._weights(), self._loss(), X).mean()

    def _messages(self, status, figures, X, moments):
        """Whatever makes the fit less than it looks, as (category, message); one thing only if it explains the next."""
        _, mean, variance = figures
        errors, variances = errors_of_columns_and_variance(self._weights(), self._loss(), X)
        scale, total = Scale.of(moments, self._loss()), variances.sum()
        r2 = 1 - errors[variances > 0].sum() / total if total else 0.0
        if message := not_converged(self, self.solver, status):
            yield ConvergenceWarning, message
        if message := out_of_reach(
            moments, self._loss().of_constant(moments.mean, moments.variance), X
        ):
            yield UserWarning, message
        elif message := learned_nothing(
            self, r2, scale, 0 < np.sqrt(moments.variance.mean()) < least_scale(X.dtype)
        ):
            yield ConvergenceWarning, message
        elif message := poor_code(self, mean, variance, scale) or unlike_columns(
            errors, variances, X
        ):
            yield UserWarning, message

    @staticmethod
    def _check_state(state, name):
        """ValueError unless the fitted attributes in `state` fit together; the number of units is that of the biases."""
        huge = np.finfo(np.float64).max
        check_numbers(
            state,
            {
                "n_features_in_": (int, 1, np.inf),
                "n_iter_": (int, 1, np.inf),
                "loss_": (float, 0, huge),
            },
            name,
        )
        n_components, n_features = shape = np.size(state.get("intercept_")), state["n_features_in_"]
        check_arrays(state, _weight_shapes(*shape) | {"mean_activations_": shape[:1]}, name)
        if state.get("_optimizer_state") is not None:
            check_packed(
                state["_optimizer_state"], Frame, n_weights(*shape), n_features, n_components, name
            )


def _weight_shapes(n_components, n_features):
    k, d = n_components, n_features
    return {
        "components_": (k, d),
        "intercept_": (k,),
        "decoder_components_": (k, d),
        "decoder_intercept_": (d,),
    }
