"""The sparse autoencoder as an estimator: parameters, fitted attributes and warnings."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from skl_sparse_ae._estimator.base import BaseAutoencoder
from skl_sparse_ae._estimator.diagnostics import not_converged
from skl_sparse_ae._estimator.optimizer_state import check_optimizer_state
from skl_sparse_ae._estimator.persistence import check_arrays, check_numbers
from skl_sparse_ae._estimator.solvers import SOLVERS
from skl_sparse_ae._estimator.transaction import reading
from skl_sparse_ae._estimator.validation import check_code
from skl_sparse_ae._nn.activations import Logistic
from skl_sparse_ae._nn.losses import CrossEntropy, LogisticSquaredError, SquaredError
from skl_sparse_ae._nn.penalties import KullbackLeibler
from skl_sparse_ae._rows.batches import AutomaticSize
from skl_sparse_ae._rows.moments import least_scale, moments_of
from skl_sparse_ae._sparse.diagnostics import (
    learned_nothing,
    out_of_reach,
    poor_code,
    unlike_columns,
)
from skl_sparse_ae._sparse.frame import Frame
from skl_sparse_ae._sparse.objective import Objective, Terms
from skl_sparse_ae._sparse.predict import (
    Network,
    code_of,
    errors_of_columns_and_variance,
    excess_of_rows,
    explained_variance,
    losses_of_rows,
    reconstructions,
    rows_of,
)
from skl_sparse_ae._sparse.problems import MiniBatchProblem, Spec, for_all_rows
from skl_sparse_ae._sparse.scale import NAMES, Scale, factor_of
from skl_sparse_ae._sparse.weights import Weights, flatten, n_weights

LOSSES = {
    ("squared_error", "identity"): SquaredError,
    ("squared_error", "logistic"): LogisticSquaredError,
    ("cross_entropy", "logistic"): CrossEntropy,
}
DEFAULT_DECODER = {"squared_error": "identity", "cross_entropy": "logistic"}
VARIATIONAL_METHODS = ("sample", "sample_posterior", "posterior", "interpolate")


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
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


class SparseAutoencoderTransformer(BaseAutoencoder):
    """Sparse autoencoder: learns a code in which few of the units are active in each row.

    The encoder is ``code = sigmoid(X @ We.T + be)``. The decoder is ``X_hat = g(code @ Wd + bd)``.
    A fit minimises ::

        J = R(X, X_hat) + sparsity_weight * sum_j KL(sparsity_target || mean activation of unit j)
            + (encoder_alpha * ||We||^2 + decoder_alpha * ||Wd||^2) / (2 * n_features)

    R is the mean over rows AND features of the loss. The divergence is summed over units:
    ``KL(p || q) = p log(p/q) + (1-p) log((1-p)/(1-q))``. The weight decays matter as much as the
    sparsity weight, because KL constrains only the means: with a small `decoder_alpha`, all
    activations stay near the target while the decoder weights grow.

    Each of the three weights is a number, "scale", or a multiple such as "0.5*scale". "scale" is
    computed from the data (see Notes), so that the code does not depend on the unit of X.

    Parameters
    ----------
    n_components : int, default=100
        Number of code units. It may exceed the number of features.
    sparsity_target : float in (0, 1), default=0.1
        Target for the mean activation of each unit over rows.
    sparsity_weight : float >= 0 or str, default="scale"
        Weight of the KL divergences: a number, "scale", or a multiple such as "0.3*scale". Search
        over ``["0.3*scale", "scale", "3*scale"]``, for example. The score of the search must
        measure more than the reconstruction.
    loss : {"squared_error", "cross_entropy"}, default="squared_error"
        ``(x_hat - x)^2``, or the cross-entropy of the decoder's logits. Cross-entropy needs X in
        [0, 1]: use `MinMaxScaler` with ``clip=True``, because `score` and `score_samples` reject
        other values as `fit` does.
    decoder_activation : {"identity", "logistic"} or None, default=None
        None means "identity" for squared error and "logistic" for cross-entropy. Cross-entropy
        allows only "logistic".
    encoder_alpha, decoder_alpha : float >= 0 or str, default="scale"
        Weight decays, as in J: a number, "scale", or a multiple of it. A lower `encoder_alpha`
        makes the code sparser, a higher one smoother. A higher `decoder_alpha` makes the code
        sparser and the reconstruction worse.
    solver : {"lbfgs", "adam"}, default="lbfgs"
        "lbfgs" minimises J over all rows at once. Use it up to about 10,000 rows. "adam" uses
        mini-batches, with the KL divergence of the mean activations of the batch. Use it for more
        rows, and for `partial_fit`.
    max_iter : int, default=1000
        Maximum number of iterations of L-BFGS, or of epochs of Adam.
    tol : float >= 0, default=1e-3
        Training stops when the objective (Adam: its mean over the epoch) has not improved by
        ``tol * u`` in `n_iter_no_change` consecutive iterations or epochs, where u is the
        explainable loss (see Notes). With `early_stopping`, the validation score R2 must improve by
        `tol`. With 0, all `max_iter` iterations are run. A larger `tol` such as 1e-2 makes long
        fits shorter.
    learning_rate_init : float > 0, default=0.01
        Step size of Adam, for X scaled to unit variance.
    batch_size : int or "auto", default="auto"
        Maximum number of rows in a mini-batch of Adam. All batches have the same size, to within
        one row. "auto" is an eighth of the rows, but between 32 and 256. For batches of less than
        128 rows, the penalty uses a running mean of the activations.
    early_stopping : bool, default=False
        If True, hold out `validation_fraction` of the rows, and keep the weights with the best
        `score` on them.
    validation_fraction : float in (0, 1), default=0.1
    n_iter_no_change : int, default=10
        See `tol`.
    warm_start : bool, default=False
        If True, `fit` continues from the fitted weights, with new moments of Adam. `n_components`,
        `loss` and `decoder_activation` must then not change.
    verbose : int, default=0
        Print one line per iteration or epoch.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the shuffling and the validation split. Pass an int for
        reproducible results: the same bits with the same library versions and number of BLAS
        threads.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Encoder weights We: ``transform(X) == expit(X @ components_.T + intercept_)``.
    intercept_ : ndarray of shape (n_components,)
        Encoder biases be.
    decoder_components_ : ndarray of shape (n_components, n_features)
        Decoder weights Wd. Row j belongs to unit j, as in `components_`:
        ``inverse_transform(H) == H @ decoder_components_ + decoder_intercept_``, or `expit` of it
        with a logistic decoder.
    decoder_intercept_ : ndarray of shape (n_features,)
        Decoder biases bd.
    mean_activations_ : ndarray of shape (n_components,)
        Mean of each code unit over the rows of the last `fit` or `partial_fit`, float64.
    sparsity_weight_, encoder_alpha_, decoder_alpha_ : float
        The three weights as numbers. A fit with these numbers gives the same model.
    loss_ : float
        J at the fitted weights, over the same rows.
    loss_curve_ : list of float
        J after each iteration of L-BFGS, or the mean of J over the mini-batches of each epoch of
        Adam. `partial_fit` keeps the last 1,000 entries.
    loss_terms_ : dict of lists of float
        The three terms of `loss_curve_`: "reconstruction", "sparsity" and "weight_decay". They
        include the weights, so they add up to J.
    n_iter_ : int
        Iterations or epochs of the last `fit`, plus the calls of `partial_fit` since.
    validation_scores_, best_validation_score_ : list of float and float, or None
        R2 of the rows held out by `fit`, after each iteration or epoch. None without
        `early_stopping`.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names of X, if it was a DataFrame with string column names.

    Warns
    -----
    ConvergenceWarning
        If the solver stopped at `max_iter` or diverged, if the model reconstructs X no better than
        the column means, or if Ctrl-C ended `fit` (the best weights so far are kept).
    UserWarning
        If the code is useless (its mean is far from the target, or it hardly varies), if the
        columns of X have such different units that small ones are ignored, or if a logistic decoder
        cannot reach the values of X.

    See Also
    --------
    sklearn.decomposition.PCA : Linear, dense, closed form.
    sklearn.neural_network.BernoulliRBM : A generative model of bits.

    Notes
    -----
    X has n rows and d features. v is the variance of X, mean over columns. u is the explainable
    loss: the loss of the best constant row minus the loss of a perfect reconstruction. c is half
    the second derivative of the loss with respect to the decoder's output, 1 for the default loss.
    Then "scale" is ::

        sparsity_weight = 0.2 u
        encoder_alpha   = min(0.01 d / n, 0.03) d v u
        decoder_alpha   = 0.02 c

    For squared error, u equals v. In `partial_fit`, n is the number of rows so far.

    No noise is added to X during a fit, so this is not a denoising autoencoder. The weights of the
    encoder and the decoder are not tied.

    A fit of 5,000 rows of 784 columns with 1,000 units takes half a minute on one core. To shorten
    longer fits, pass float32, use ``tol=1e-2``, fewer units or, for many rows, ``solver="adam"``.

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
        "solver": [StrOptions(set(SOLVERS))],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    }

    _terms = Terms._fields
    _frame_type = Frame
    # Small tables need several steps per epoch, and larger batches gain no more speed.
    _automatic_size = AutomaticSize(8, least=32, most=256)
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

    # --- fitting

    @available_if(_solver_is_stochastic)
    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Train for one epoch of Adam on X, from the current weights; only for ``solver="adam"``.

        The first call determines the precision of the weights. Later calls continue where the
        optimiser stopped, also after `fit` or after loading a file. "scale" and the scaling of the
        rows within the solver are computed from all rows so far. If their spread differs from that
        of the first rows, the optimiser restarts with a new scaling.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows, used once in shuffled mini-batches of `batch_size`; see `fit`.
        y : ignored

        Returns
        -------
        self : SparseAutoencoderTransformer
            If an exception is raised, the estimator is left unchanged.

        Raises
        ------
        AttributeError
            If ``solver="lbfgs"``.
        TypeError, ValueError, MemoryError
            As in `fit`.
        """
        return self._partial_fit(X)

    def _loss(self):
        """The loss, a class of `_nn.losses`. A subclass may override this."""
        return LOSSES[self.loss, self.decoder_activation or DEFAULT_DECODER[self.loss]]

    def _activation(self):
        """The activation of the code, a class of `_nn.activations`. Subclasses may override it."""
        return Logistic

    def _penalty(self, weight):
        """The penalty on the mean activations, with this weight. A subclass may override this."""
        return KullbackLeibler(self.sparsity_target, weight)

    @property
    def _solver(self):
        return SOLVERS[self.solver]

    def _check_parameters(self):
        super()._check_parameters()
        decoder = self.decoder_activation or DEFAULT_DECODER[self.loss]
        if (self.loss, decoder) not in LOSSES:
            raise ValueError(
                f"decoder_activation={decoder!r} does not fit loss={self.loss!r}, which is defined "
                "for reconstructions between 0 and 1. Use decoder_activation='logistic' or None, "
                "or loss='squared_error'."
            )

    def _functions(self):
        decoder = self.decoder_activation or DEFAULT_DECODER.get(str(self.loss))
        return ({"decoder_activation": str(decoder)} if decoder else {}) | super()._functions()

    def _count_weights(self, n_features):
        return n_weights(self.n_components, n_features)

    def _moments(self, rows):
        return moments_of(rows, self.n_components, self._loss().floor)

    def _make_frame(self, moments, dtype):
        raw_scale = self._loss().raw_scale(moments.variance)
        return Frame.of(moments.mean, moments.variance, self.sparsity_target, raw_scale, dtype)

    def _full_batch_problem(self, frame, moments, rows):
        return for_all_rows(self._spec(frame, moments, rows.dtype), rows, moments.variance)

    def _stochastic_problem(self, frame, moments, rows):
        return MiniBatchProblem(self._spec(frame, moments, rows.dtype), moments.n_rows)

    def _spec(self, frame, moments, dtype):
        loss = self._loss()
        scale = Scale.of(moments, loss)
        weights = {name: scale.resolve(name, getattr(self, name)) for name in NAMES}
        penalty = self._penalty(weights["sparsity_weight"])
        decays = weights["encoder_alpha"], weights["decoder_alpha"]
        objective = Objective(loss, self._activation(), penalty, *decays)
        return Spec(objective, frame, self.n_components, dtype, scale.loss, tuple(weights.items()))

    def _progress_unit(self, problem):
        return 1.0 if self.early_stopping else problem.spec.loss_scale

    def _memory(self, is_warm):
        target = np.full(self.n_components, self.sparsity_target)
        return {"running_mean": self.mean_activations_ if is_warm else target}

    def _validation_score(self, spec, weights, rows):
        network = Network(spec.weights(weights), spec.objective.loss, spec.objective.activation)
        return explained_variance(network, rows)

    def __getattr__(self, name):
        """Raise AttributeError, with the solver or the class that would have the method."""
        message = f"This {type(self).__name__!r} has no attribute {name!r}"
        if name in VARIATIONAL_METHODS:
            message += ". VariationalAutoencoderTransformer has this method"
        if name != "partial_fit":
            raise AttributeError(message + ".", name=name, obj=self)
        try:
            _solver_is_stochastic(self)
        except AttributeError as reason:
            message += f" with solver={self.solver!r}. Use solver='adam'"
            raise AttributeError(message + ".", name=name, obj=self) from reason

    # --- fitted attributes

    def _store(self, spec, weights, rows):
        summary = super()._store(spec, weights, rows)
        self.mean_activations_ = summary.code_mean
        return summary

    def _named_weights(self, spec, weights):
        parts = (part.copy() for part in spec.weights(weights))
        used = {f"{name}_": value for name, value in spec.penalty_weights}
        return dict(zip(_weight_shapes(*spec.shape), parts, strict=True)) | used

    def _flat_weights(self):
        shapes = _weight_shapes(self.n_components, self.n_features_in_)
        check_arrays(vars(self), shapes, type(self).__name__)
        return flatten(self._weights(np.float64))

    def _weights(self, dtype=None):
        """The fitted weights, in the precision in which they are stored or in another."""
        names = ("components_", "intercept_", "decoder_components_", "decoder_intercept_")
        return Weights(*(np.asarray(getattr(self, name), dtype=dtype) for name in names))

    def _network(self, dtype=None):
        return Network(self._weights(dtype), self._loss(), self._activation())

    @property
    def _dtype(self):
        return self.components_.dtype

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

    # --- using a fitted model

    @reading
    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the code of each row: ``expit(X @ components_.T + intercept_)``.

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
            If X is so large that an activation is undefined, and for scikit-learn's usual reasons.
        """
        self._check_fitted()
        return code_of(self._network(), self._check_rows(X))

    @reading
    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Decode codes: ``X @ decoder_components_ + decoder_intercept_``, or the sigmoid of it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, for example from `transform`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            In the dtype of X; between 0 and 1 with a logistic decoder. It is an array also after
            `set_output`, which applies to `transform` only, as in scikit-learn.

        Raises
        ------
        ValueError
            If X does not have `n_components` columns of finite numbers, or if its values are so
            large that a row overflows.
        """
        self._check_fitted()
        X = check_code(self, X, self.components_.shape[0])
        return rows_of(self._network(X.dtype), X)

    @reading
    def reconstruct(self, X: ArrayLike) -> np.ndarray:
        """Return ``inverse_transform(transform(X))``, without storing the code of all rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`.

        Returns
        -------
        X_hat : ndarray of shape (n_samples, n_features)
            In the dtype of X; an array also after `set_output`, as from `inverse_transform`.
        """
        self._check_fitted()
        return np.concatenate(list(reconstructions(self._network(), self._check_rows(X))))

    @reading
    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the share of the variance of X that the reconstruction explains (R2).

        ``1 - sum((X - X_hat)^2) / sum((X - column means)^2)``, both sums over rows and features.
        Higher is better: 1 is perfect, and the column means score exactly 0. The penalties are not
        included, so scores for different `sparsity_weight` and `loss` are comparable. Constant
        columns of X are ignored. If all columns are constant, the score is 0.

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
        return explained_variance(self._network(), self._check_targets(X))

    @reading
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the reconstruction error of each row: low for abnormal rows.

        A perfect reconstruction scores 0. With ``loss="cross_entropy"`` the error is the
        Kullback-Leibler divergence of the row from its reconstruction, that is, the cross-entropy
        minus the entropy of the row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`; with ``loss="cross_entropy"``, between 0 and 1 as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the squared error or the divergence, mean over features. At most 0, float64.

        Raises
        ------
        ValueError
            If X is so large that an error overflows or, with ``loss="cross_entropy"``, not between
            0 and 1.
        """
        self._check_fitted()
        return -excess_of_rows(self._network(), self._check_targets(X))

    def _mean_loss(self, X):
        """The reconstruction loss, as it is in J."""
        return losses_of_rows(self._network(), self._check_targets(X)).mean()

    def _messages(self, status, summary, rows, moments):
        loss, mean = self._loss(), summary.code_mean
        errors, variances = errors_of_columns_and_variance(self._network(), rows)
        scale, total = Scale.of(moments, loss), variances.sum()
        r2 = 1 - errors[variances > 0].sum() / total if total else 0.0
        deviation = np.sqrt(moments.variance.mean())
        is_tiny = 0 < deviation < least_scale(rows.dtype)
        of_constant = loss.of_constant(moments.mean, moments.variance)
        bounds = self._activation().bounds
        if message := not_converged(self, self._solver, status):
            yield ConvergenceWarning, message
        if message := out_of_reach(moments, of_constant, rows):
            yield UserWarning, message
        elif message := learned_nothing(self, r2, scale, is_tiny):
            yield ConvergenceWarning, message
        elif (message := poor_code(self, mean, summary.code_variance, bounds, scale)) or (
            message := unlike_columns(errors, variances, rows.is_sparse)
        ):
            yield UserWarning, message

    @staticmethod
    def _check_state(state, name):
        huge = np.finfo(np.float64).max
        counts = dict.fromkeys(("n_features_in_", "n_iter_"), (int, 1, np.inf))
        check_numbers(state, counts | {"loss_": (float, 0, huge)}, name)
        k, d = np.size(state.get("intercept_")), state["n_features_in_"]
        check_arrays(state, _weight_shapes(k, d) | {"mean_activations_": (k,)}, name)
        if state.get("_optimizer_state") is not None:
            sizes = n_weights(k, d), d, {"running_mean": (k,)}
            check_optimizer_state(state["_optimizer_state"], Frame, *sizes, name)


def _weight_shapes(n_components, n_features):
    """The shapes of the fitted weights, by name, in the order of `Weights`."""
    k, d = n_components, n_features
    return {
        "components_": (k, d),
        "intercept_": (k,),
        "decoder_components_": (k, d),
        "decoder_intercept_": (d,),
    }
