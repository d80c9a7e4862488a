"""The variational autoencoder as an estimator: parameters, attributes and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Set
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_scalar
from sklearn.utils._param_validation import Interval, StrOptions

from skl_sparse_ae._estimator.base import BaseAutoencoder
from skl_sparse_ae._estimator.containers import as_one_row
from skl_sparse_ae._estimator.diagnostics import not_converged
from skl_sparse_ae._estimator.optimizer_state import check_optimizer_state
from skl_sparse_ae._estimator.persistence import check_arrays, check_numbers, corrupted
from skl_sparse_ae._estimator.random_state import draw_seed
from skl_sparse_ae._estimator.transaction import reading
from skl_sparse_ae._estimator.validation import check_code
from skl_sparse_ae._nn.activations import ACTIVATIONS
from skl_sparse_ae._nn.layers import Layer
from skl_sparse_ae._rows.moments import moments_of
from skl_sparse_ae._variational.diagnostics import (
    MIN_ACTIVITY,
    collapsed_posterior,
    unlike_scales,
)
from skl_sparse_ae._variational.frame import VariationalFrame
from skl_sparse_ae._variational.likelihoods import Bernoulli, Gaussian
from skl_sparse_ae._variational.objective import (
    Architecture,
    Networks,
    Objective,
    Terms,
    draw,
    flatten,
    unflatten,
)
from skl_sparse_ae._variational.predict import (
    MonteCarlo,
    TrainedModel,
    elbo,
    evidence_bounds,
    importance_weighted,
    posterior_of,
    reconstruct,
    rows_of,
)
from skl_sparse_ae._variational.problem import VariationalProblem, VariationalSpec

LIKELIHOODS = {"squared_error": Gaussian, "cross_entropy": Bernoulli}
BOUNDS = {"elbo": elbo, "importance_weighted": importance_weighted}
STACKS = {
    "encoder": ("encoder_coefs_", "encoder_intercepts_"),
    "decoder": ("decoder_coefs_", "decoder_intercepts_"),
}
# `early_stopping="auto"` holds out rows if there are at least this many. With 2,000 images,
# stopping in time gains more than a tenth of the rows is worth. Some tables with up to 1,257 rows
# lose more than they gain. See `benchmarks/study/variational_defaults.py`.
MIN_ROWS_TO_HOLD_OUT = 2000
LOSS_DRAWS = 4  # draws of each row's code, for `loss_` and by default for `score_samples`


class VariationalAutoencoderTransformer(BaseAutoencoder):
    """Variational autoencoder: learns probabilistic codes, and generates new rows.

    The model: a row is decoded from a code z with a standard normal prior. An encoder network maps
    each row x to a normal posterior ``q(z | x) = N(mu, diag(variance))``. A decoder network maps
    each code to a distribution of rows. A fit minimises, in nats, ::

        J = mean over rows of  -E log p(x | z)  +  kl_weight * KL(q(z | x) || N(0, I))

    The expectation is over z from the posterior. ``log p`` is summed over features, and KL over
    code units::

        KL = 1/2 sum_j (mu_j^2 + variance_j - 1 - log variance_j)

        -log p(x | z) = 1/2 sum_i ((x_i - x_hat_i)^2 / v + log(2 pi v))         squared_error
        -log p(x | z) = -sum_i (x_i log(x_hat_i) + (1 - x_i) log(1 - x_hat_i))  cross_entropy

    With ``kl_weight=1``, -J is a lower bound on the mean log-likelihood of X: the evidence lower
    bound (ELBO). The variance v is learned, too, so the code does not depend on the unit of X.

    Parameters
    ----------
    n_components : int, default=2
        Number of code units. Two can be plotted. Units that are not needed stay unused; see
        `active_units_`.
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Numbers of units in the encoder's hidden layers, first to last. The decoder has the same
        layers in reverse order. ``()`` gives a linear model, whose optimum is probabilistic PCA.
    activation : {"identity", "logistic", "tanh", "relu", "elu"}, default="relu"
        Activation of the hidden layers.
    loss : {"squared_error", "cross_entropy"}, default="squared_error"
        Distribution of the features given the code: Gaussian for "squared_error", Bernoulli for
        "cross_entropy". Cross-entropy needs X in [0, 1]: use `MinMaxScaler` with ``clip=True``,
        because `score` and `score_samples` reject other values as `fit` does.
    kl_weight : float >= 0, default=1.0
        Weight of the KL divergence. 1 gives the ELBO. A higher weight gives simpler codes (the
        beta-VAE). A lower one gives better reconstructions and worse samples.
    max_iter : int, default=500
        Maximum number of epochs of Adam.
    tol : float >= 0, default=1e-4
        Training stops when the loss (or the validation score, if rows are held out) has not
        improved by `tol` nats per feature in `n_iter_no_change` consecutive epochs. With 0, all
        `max_iter` epochs are run.
    learning_rate_init : float > 0, default=0.005
        Step size of Adam, for X centred and scaled to unit variance.
    batch_size : int, default=100
        Maximum number of rows in a mini-batch. All batches have the same size, to within one row.
    early_stopping : bool or "auto", default="auto"
        If True, hold out `validation_fraction` of the rows, and keep the weights with the best
        `score` on them. "auto" does so if there are at least 2,000 rows, because this is faster and
        gives a better bound for new rows.
    validation_fraction : float in (0, 1), default=0.1
    n_iter_no_change : int, default=10
        See `tol`.
    warm_start : bool, default=False
        If True, `fit` continues from the fitted weights, with new moments of Adam. `n_components`,
        `hidden_layer_sizes`, `activation` and `loss` must then not change.
    verbose : int, default=0
        Print one line per epoch.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the shuffling, the draws from the posterior and the validation
        split. Pass an int for reproducible results: the same bits with the same library versions
        and number of BLAS threads.

    Attributes
    ----------
    encoder_coefs_, encoder_intercepts_ : lists of ndarrays
        Arrays of shape (n_inputs, n_outputs) and (n_outputs,). Layer i computes
        ``activation(A @ encoder_coefs_[i] + encoder_intercepts_[i])``. The last layer has no
        activation: its first `n_components` outputs are the posterior mean, and the other outputs
        r give the variance ``exp(20 * tanh(r / 20))``.
    decoder_coefs_, decoder_intercepts_ : lists of ndarrays
        As in the encoder. The outputs of the last layer are x_hat, or its logits with
        ``loss="cross_entropy"``.
    noise_variance_ : float or None
        The variance v, in the unit of X squared. None with ``loss="cross_entropy"``.
    active_units_ : int
        Number of code units whose posterior mean has a variance above 0.01 over the rows of the
        last `fit` or `partial_fit`.
    loss_ : float
        J at the fitted weights, over the same rows. With ``kl_weight=1`` it equals ``-score(X)``.
    loss_curve_ : list of float
        Mean of J over the mini-batches of each epoch, with one draw per row. `partial_fit` keeps
        the last 1,000 entries.
    loss_terms_ : dict of lists of float
        The two terms of `loss_curve_`: "reconstruction" and "kl_divergence". The second includes
        `kl_weight`.
    n_iter_ : int
        Epochs of the last `fit`, plus the calls of `partial_fit` since.
    validation_scores_, best_validation_score_ : list of float and float, or None
        ELBO of the rows held out by `fit`, mean over rows, after each epoch. None if no rows were
        held out.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names of X, if it was a DataFrame with string column names.

    Warns
    -----
    ConvergenceWarning
        If the loss was still falling at `max_iter`, if Adam diverged, if the posterior collapsed
        (no code unit is active, so all rows have the same code), or if Ctrl-C ended `fit` (the best
        weights so far are kept).
    UserWarning
        If many columns have far less variance than the noise, whose variance is the same for all
        columns. The model then ignores them.

    See Also
    --------
    SparseAutoencoderTransformer : Learns a deterministic code of many units.
    sklearn.decomposition.PCA : The linear case, in closed form.
    sklearn.neural_network.BernoulliRBM : Generates rows by Gibbs sampling.

    References
    ----------
    Kingma, D. P. & Welling, M., Auto-Encoding Variational Bayes, ICLR (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae import VariationalAutoencoderTransformer
    >>> X = load_digits().data / 16
    >>> model = VariationalAutoencoderTransformer(loss="cross_entropy", random_state=0).fit(X)
    >>> model.n_iter_ < model.max_iter
    True
    >>> model.transform(X).shape
    (1797, 2)
    >>> model.sample(5, random_state=0).shape
    (5, 64)
    >>> bool(np.isclose(model.score(X), -model.loss_))
    True
    """

    _parameter_constraints = BaseAutoencoder._parameter_constraints | {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "kl_weight": [Interval(Real, 0, None, closed="left")],
    }

    _terms = Terms._fields
    _frame_type = VariationalFrame
    _fitted_names = {name for names in STACKS.values() for name in names} | {
        "noise_variance_",
        "active_units_",
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        hidden_layer_sizes: int | ArrayLike = (100,),
        activation: Literal["identity", "logistic", "tanh", "relu", "elu"] = "relu",
        loss: Literal["squared_error", "cross_entropy"] = "squared_error",
        kl_weight: float = 1.0,
        max_iter: int = 500,
        tol: float = 1e-4,
        learning_rate_init: float = 0.005,
        batch_size: int = 100,
        early_stopping: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.kl_weight = kl_weight
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

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Train for one epoch of Adam on X, from the current weights.

        The first call determines the precision of the weights. Later calls continue where the
        optimiser stopped, also after `fit` or after loading a file. The scaling of the rows within
        the solver is computed from all rows so far. If their spread differs from that of the first
        rows, the optimiser restarts with a new scaling.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows, used once in shuffled mini-batches of `batch_size`; see `fit`.
        y : ignored

        Returns
        -------
        self : VariationalAutoencoderTransformer
            If an exception is raised, the estimator is left unchanged.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As in `fit`.
        """
        return self._partial_fit(X)

    def _check_parameters(self):
        super()._check_parameters()
        is_ordered = not isinstance(self.hidden_layer_sizes, Set | Mapping)
        if not (is_ordered and all(map(_is_positive_integer, self._hidden()))):
            raise ValueError(
                f"The 'hidden_layer_sizes' parameter of {type(self).__name__} must contain ints of "
                f"at least 1, in order. Got {self.hidden_layer_sizes!r} instead."
            )

    def _sizes(self):
        return super()._sizes() | {"hidden_layer_sizes": tuple(map(int, self._hidden()))}

    def _functions(self):
        return {"activation": str(self.activation)} | super()._functions()

    def _hidden(self):
        """The sizes of the encoder's hidden layers, as a tuple."""
        sizes = self.hidden_layer_sizes
        return tuple(sizes) if np.iterable(sizes) else (sizes,)

    def _count_weights(self, n_features):
        return self._architecture(n_features).n_weights

    def _architecture(self, n_features=None):
        """The `Architecture` that the parameters describe."""
        k, hidden = self._sizes().values()
        n_features = int(n_features or self.n_features_in_)
        return Architecture(n_features, hidden, k, LIKELIHOODS[self.loss].n_parameters)

    def _objective(self, kl_weight):
        likelihood, activation = LIKELIHOODS[self.loss], ACTIVATIONS[self.activation]
        return Objective(likelihood, activation, float(kl_weight))

    def _moments(self, rows):
        return moments_of(rows, self.n_components)

    def _make_frame(self, moments, dtype):
        is_scaled = self.loss == "squared_error"
        return VariationalFrame.of(moments.mean, moments.variance, is_scaled, dtype)

    def _stochastic_problem(self, frame, moments, rows):
        architecture = self._architecture(len(frame.input_mean))
        objective = self._objective(self.kl_weight)
        spec = VariationalSpec(objective, frame, architecture, rows.dtype, _expectation())
        return VariationalProblem(spec)

    def _split(self, rows, seed):
        if self.early_stopping == "auto" and rows.shape[0] < MIN_ROWS_TO_HOLD_OUT:
            return rows, None
        return super()._split(rows, seed)

    def _progress_unit(self, problem):
        return problem.spec.architecture.n_features

    def _validation_score(self, spec, weights, rows):
        return float(evidence_bounds(spec.model(weights), rows, spec.expectation, elbo).mean())

    # --- fitted attributes

    def _store(self, spec, weights, rows):
        summary = super()._store(spec, weights, rows)
        self.active_units_ = int((summary.code_variance > MIN_ACTIVITY).sum())
        return summary

    def _named_weights(self, spec, weights):
        networks = unflatten(weights, spec.architecture)
        named = {"noise_variance_": None}
        if spec.architecture.n_parameters:
            named["noise_variance_"] = float(np.exp(np.float64(networks.log_variance[0])))
        for layers, (coefs, intercepts) in zip(networks[:2], STACKS.values(), strict=True):
            named[coefs] = [layer.coef.copy() for layer in layers]
            named[intercepts] = [layer.intercept.copy() for layer in layers]
        return named

    def _flat_weights(self):
        _check_weights(vars(self), self._architecture(), type(self).__name__)
        return flatten(self._networks(np.float64))

    def _networks(self, dtype):
        """The fitted `Networks`, in this precision."""
        stacks = []
        for names in STACKS.values():
            parts = zip(*(getattr(self, name) for name in names), strict=True)
            stacks.append([Layer(*(np.asarray(part, dtype) for part in layer)) for layer in parts])
        log_variance = np.log([] if self.noise_variance_ is None else [self.noise_variance_])
        return Networks(*stacks, log_variance)

    def _model(self, dtype):
        architecture = _architecture_of(vars(self), type(self).__name__)
        return TrainedModel(self._networks(dtype), architecture, self._objective(1.0))

    @property
    def _dtype(self):
        return self.encoder_coefs_[0].dtype

    @property
    def _n_features_out(self):
        return self.decoder_coefs_[0].shape[0]

    # --- using a fitted model

    @reading
    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the posterior mean of each row's code.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Any finite values, also outside the range seen in `fit`.

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            In the dtype of X.

        Raises
        ------
        ValueError
            If X is so large that a code overflows, and for scikit-learn's usual reasons.
        """
        return self.posterior(X)[0]

    @reading
    def posterior(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of each row's code: ``q(z | x) = N(mean, diag(variance))``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`.

        Returns
        -------
        mean, variance : ndarrays of shape (n_samples, n_components)
            In the dtype of X. A unit with a mean near 0 and a variance near 1 has the distribution
            of the prior: it contains no information about the row.
        """
        self._check_fitted()
        X = self._check_rows(X)
        mean, log_variance = posterior_of(self._model(X.dtype), X)
        return mean, np.exp(log_variance)

    @reading
    def sample_posterior(
        self, X: ArrayLike, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Draw a code for each row from its posterior. For more draws, repeat the rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            In the dtype of X.
        """
        self._check_fitted()
        X = self._check_rows(X)
        mean, log_variance = posterior_of(self._model(X.dtype), X)
        rng = np.random.default_rng(draw_seed(random_state))
        return draw(mean, log_variance, rng.standard_normal(mean.shape, dtype=mean.dtype))[0]

    @reading
    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Decode codes: return the mean of p(x | z) for each code z.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, for example from `transform`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            In the dtype of X; between 0 and 1 with ``loss="cross_entropy"``. It is an array also
            after `set_output`, which applies to `transform` only, as in scikit-learn.

        Raises
        ------
        ValueError
            If X does not have `n_components` columns of finite numbers, or if its values are so
            large that a row overflows.
        """
        self._check_fitted()
        X = check_code(self, X, self._n_features_out)
        return rows_of(self._model(X.dtype), X)

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
        X = self._check_rows(X)
        return reconstruct(self._model(X.dtype), X)

    @reading
    def sample(
        self,
        n_samples: int = 1,
        *,
        with_noise: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Generate new rows from standard normal codes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        with_noise : bool, default=False
            False returns the mean of p(x | z), as in most pictures of samples. True draws from this
            distribution of rows: it adds Gaussian noise of variance `noise_variance_`, or draws
            zeros and ones with ``loss="cross_entropy"``.
        random_state : int, RandomState instance or None, default=None
            Seed of the codes and the noise.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            In the dtype of the weights.
        """
        self._check_fitted()
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        rng = np.random.default_rng(draw_seed(random_state))
        model = self._model(self._dtype)
        code = rng.standard_normal((n_samples, self._n_features_out), dtype=self._dtype)
        X = rows_of(model, code)
        if not with_noise:
            return X
        return model.objective.likelihood.draw(X, model.networks.log_variance, rng)

    @reading
    def interpolate(self, x_start: ArrayLike, x_end: ArrayLike, n_samples: int = 10) -> np.ndarray:
        """Interpolate between two rows, along the line between their posterior means.

        Parameters
        ----------
        x_start, x_end : array-like of shape (n_features,)
            The two rows. A pandas Series, or one row of a DataFrame, must have the feature names
            of `fit` in their order.
        n_samples : int, default=10
            Number of rows, at least 2. The codes are equally spaced.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The first and last rows are the reconstructions of `x_start` and `x_end`.
        """
        self._check_fitted()
        check_scalar(n_samples, "n_samples", Integral, min_val=2)
        has_names = hasattr(self, "feature_names_in_")
        start, end = (self.posterior(as_one_row(x, has_names))[0] for x in (x_start, x_end))
        share = np.linspace(0, 1, n_samples, dtype=np.result_type(start, end))[:, np.newaxis]
        return self.inverse_transform((1 - share) * start + share * end)

    @reading
    def score_samples(
        self,
        X: ArrayLike,
        *,
        bound: Literal["elbo", "importance_weighted"] = "elbo",
        n_draws: int = LOSS_DRAWS,
        random_state: int | np.random.RandomState | None = 0,
    ) -> np.ndarray:
        """Return a lower bound on the log-likelihood of each row: low for abnormal rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`; with ``loss="cross_entropy"``, between 0 and 1 as in `fit`.
        bound : {"elbo", "importance_weighted"}, default="elbo"
            "elbo" is ``E log p(x | z) - KL(q(z | x) || N(0, I))``, without `kl_weight`.
            "importance_weighted" is the logarithm of the mean of ``p(x, z) / q(z | x)`` over the
            draws. It is tighter, and tends to log p(x) as the number of draws grows.
        n_draws : int, default=4
            Number of draws of z for each row. They depend only on the row and on `random_state`, so
            the score of a row does not depend on the other rows.
        random_state : int, RandomState instance or None, default=0
            Seed of the draws.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            In nats, sum over features, float64. With ``loss="squared_error"`` it is a log-density,
            which may be positive.

        Raises
        ------
        ValueError
            If X is so large that a bound overflows or, with ``loss="cross_entropy"``, not between
            0 and 1; for another `bound`.
        """
        self._check_fitted()
        check_scalar(n_draws, "n_draws", Integral, min_val=1)
        if bound not in BOUNDS:
            raise ValueError(f"bound must be one of {sorted(BOUNDS)}, got {bound!r}.")
        X, expectation = self._check_targets(X), _expectation(n_draws, random_state)
        return evidence_bounds(self._model(X.dtype), X, expectation, BOUNDS[bound])

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the mean of `score_samples`: the ELBO per row, in nats. Higher is better.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `score_samples`.
        y : ignored

        Returns
        -------
        score : float
        """
        return float(self.score_samples(X).mean())

    def _messages(self, status, summary, rows, moments):
        scale = float(np.sqrt(moments.variance.mean()))
        if message := not_converged(self, self._solver, status):
            yield ConvergenceWarning, message
        if message := collapsed_posterior(self, summary.code_variance, scale):
            yield ConvergenceWarning, message
        elif self.noise_variance_ and (
            message := unlike_scales(self.noise_variance_, moments.variance)
        ):
            yield UserWarning, message

    @staticmethod
    def _check_state(state, name):
        huge = np.finfo(np.float64).max
        counts = dict.fromkeys(("n_features_in_", "n_iter_"), (int, 1, np.inf))
        check_numbers(state, counts | {"loss_": (float, -huge, huge)}, name)
        architecture = _architecture_of(state, name)
        check_numbers(state, {"active_units_": (int, 0, architecture.n_components)}, name)
        _check_weights(state, architecture, name)
        if state.get("_optimizer_state") is not None:
            sizes = architecture.n_weights, architecture.n_features, {}
            check_optimizer_state(state["_optimizer_state"], VariationalFrame, *sizes, name)


def _is_positive_integer(value):
    is_integer = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    return is_integer and value >= 1


def _expectation(n_draws=LOSS_DRAWS, random_state=0):
    """The estimator of expectations over the posterior, with these draws."""
    return MonteCarlo(n_draws, draw_seed(random_state))


def _architecture_of(values, name):
    """The `Architecture` of fitted attributes, from the shapes of their biases."""
    intercepts = values.get("encoder_intercepts_")
    sizes = [np.size(part) for part in intercepts] if isinstance(intercepts, list) else []
    if not sizes or sizes[-1] < 2:
        raise corrupted(name, "encoder_intercepts_", "a list of arrays")
    n_parameters = int(values.get("noise_variance_") is not None)
    return Architecture(values["n_features_in_"], tuple(sizes[:-1]), sizes[-1] // 2, n_parameters)


def _check_weights(values, architecture, name):
    """Raise ValueError unless the weights among fitted attributes have this `Architecture`."""
    for stack, (coefs, intercepts) in STACKS.items():
        sizes = getattr(architecture, stack)
        _check_arrays_of(values, coefs, list(pairwise(sizes)), name)
        _check_arrays_of(values, intercepts, [(size,) for size in sizes[1:]], name)
    if architecture.n_parameters:
        limits = float, np.finfo(np.float64).tiny, np.finfo(np.float64).max
        check_numbers(values, {"noise_variance_": limits}, name)


def _check_arrays_of(values, attribute, shapes, name):
    """Raise ValueError unless this attribute is a list of arrays of these shapes."""
    arrays = values.get(attribute)
    if not isinstance(arrays, list) or len(arrays) != len(shapes):
        raise corrupted(name, attribute, f"a list of {len(shapes)} arrays")
    named = {f"{attribute}[{i}]": array for i, array in enumerate(arrays)}
    check_arrays(named, dict(zip(named, shapes, strict=True)), name)
