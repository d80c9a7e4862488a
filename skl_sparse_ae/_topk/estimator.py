"""The TopK autoencoder as an estimator: parameters, attributes, warnings. No formula."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

from skl_sparse_ae._estimator.base import BaseAutoencoder
from skl_sparse_ae._estimator.diagnostics import not_converged
from skl_sparse_ae._estimator.optimizer_state import check_optimizer_state
from skl_sparse_ae._estimator.persistence import check_arrays, check_numbers, corrupted
from skl_sparse_ae._estimator.transaction import reading
from skl_sparse_ae._estimator.validation import check_code, check_integers
from skl_sparse_ae._rows.batches import AutomaticSize
from skl_sparse_ae._rows.moments import moments_of
from skl_sparse_ae._topk.codes import Selection
from skl_sparse_ae._topk.diagnostics import many_dead_units
from skl_sparse_ae._topk.frame import TopKFrame
from skl_sparse_ae._topk.objective import Shape, Terms, Weights, flatten, unflatten
from skl_sparse_ae._topk.predict import (
    ALGORITHMS,
    TrainedModel,
    code_of,
    errors_of_rows,
    explained_variance,
    reconstruct,
    rows_of,
)
from skl_sparse_ae._topk.problem import TopKProblem, TopKSpec

OF_USE = ("n_nonzero_coefs", "transform_algorithm", "sparse_output")  # read by methods of use
HUGE = float(np.finfo(np.float64).max)


class TopKAutoencoderTransformer(BaseAutoencoder):
    """TopK autoencoder: learns a wide dictionary of which each row uses few atoms.

    The code of a row x contains its largest positive pre-activations; all other elements are 0. The
    row is reconstructed as a combination of few atoms, the rows of `decoder_components_`::

        z     = components_ @ x + intercept_
        a     = z where z > threshold_, 0 elsewhere                  transform
        x_hat = a @ decoder_components_ + decoder_intercept_         inverse_transform

        J     = mean over rows and features of (x_hat - x)^2

    Use it to find hundreds or thousands of features in embeddings or activations of neural
    networks, that is, in dense rows of some hundred columns. Codes are CSR matrices with about
    `n_nonzero_coefs` elements per row.

    A fit centres X and divides it by one number, so the offset and the unit of X do not matter:
    ``fit(c * X)`` has the same active units. Columns are not scaled one by one.

    Parameters
    ----------
    n_components : int, default=512
        Number of units, and of atoms. Usually more than columns of X, and fewer than its rows.
    n_nonzero_coefs : int, default=16
        Number of active units in a row, see `selection`. With `n_components` or more, every
        positive pre-activation is active.
    selection : {"batch", "row"}, default="batch"
        "batch" trains with `n_nonzero_coefs` active units on average over the rows of a mini-batch
        (BatchTopK): rows that need more units have more. "row" trains with the `n_nonzero_coefs`
        largest of each row (TopK).
    nested_components : array-like of int or None, default=None
        Increasing numbers of units, below `n_components`. The first units of a code, up to each of
        these numbers, learn to reconstruct the rows on their own (Matryoshka). J is then the mean
        over these prefixes and the whole code. None trains only the whole code.
    transform_algorithm : {"threshold", "top_k", "least_squares", "omp"}, default="threshold"
        How `transform` computes codes. "threshold" keeps pre-activations above `threshold_`.
        "top_k" keeps the `n_nonzero_coefs` largest positive ones of each row; it suits
        ``selection="row"``. "least_squares" uses the same units as "threshold", with the
        non-negative values that reconstruct the row best: less error, for several times the time.
        "omp" does not use the encoder: orthogonal matching pursuit chooses up to `n_nonzero_coefs`
        atoms for each row. It has less error than "top_k", and than "least_squares" on some tables.
        You can set this parameter after `fit`.
    sparse_output : bool, default=True
        If True, `transform` returns CSR matrices, otherwise arrays. You can set this after `fit`. A
        CSR matrix cannot become a DataFrame: with ``set_output(transform="pandas")`` or "polars",
        scikit-learn raises a ValueError unless this is False.
    max_iter : int, default=200
        Maximum number of epochs of Adam.
    tol : float >= 0, default=1e-4
        The learning rate begins to fall when the objective has not improved by this share of the
        variance of X (with `early_stopping`, the score by `tol`) in `n_iter_no_change` consecutive
        epochs. Training stops when it has fallen. With 0, all `max_iter` epochs are run.
    learning_rate_init : float > 0, default=0.005
        Step size of Adam, for X centred and scaled to unit variance. It is constant at first, and
        falls to 0 over the last fifth of the steps. The fall begins when the objective stops
        improving (see `tol`), or early enough for `max_iter`.
    batch_size : int or "auto", default="auto"
        Maximum number of rows in a mini-batch. All batches have the same size, to within one row.
        "auto" is a 64th of the rows, but between 64 and 256.
    early_stopping : bool, default=False
        If True, hold out `validation_fraction` of the rows, and keep the weights with the best
        `score` on them.
    validation_fraction : float in (0, 1), default=0.1
    n_iter_no_change : int, default=10
        See `tol`.
    warm_start : bool, default=False
        If True, `fit` continues from the fitted weights, with new moments of Adam. `n_components`
        must then not change.
    verbose : int, default=0
        Print one line per epoch.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial atoms, the shuffling and the validation split. Pass an int for
        reproducible results: the same bits with the same library versions and number of BLAS
        threads.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Encoder weights.
    intercept_ : ndarray of shape (n_components,)
        Encoder biases.
    decoder_components_ : ndarray of shape (n_components, n_features)
        The atoms, of unit norm.
    decoder_intercept_ : ndarray of shape (n_features,)
        Decoder biases: the reconstruction of a row without active units.
    threshold_ : float
        A unit is active if its pre-activation exceeds this number. After `fit`, the mean number of
        active units over the training rows is exactly `n_nonzero_coefs`, unless pre-activations are
        equal, or so few are positive that the threshold is 0. After `partial_fit`, a running mean
        of the thresholds of mini-batches.
    density_ : ndarray of shape (n_components,)
        Share of the rows of the last `fit` or `partial_fit` that use each unit, float64.
    n_dead_ : int
        Number of units that none of these rows uses.
    loss_ : float
        J at the fitted weights, over the same rows: the mean squared error of `reconstruct` (with
        `nested_components`, the mean of it and of those of the prefixes), in the squared unit of X.
    loss_curve_ : list of float
        Mean of J over the mini-batches of each epoch. `partial_fit` keeps the last 1,000 entries.
    loss_terms_ : dict of lists of float
        The same as ``{"reconstruction": loss_curve_}``.
    n_iter_ : int
        Epochs of the last `fit`, plus the calls of `partial_fit` since.
    validation_scores_, best_validation_score_ : list of float and float, or None
        R2 of the held-out rows after each epoch, with `early_stopping`.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names of X, if it was a DataFrame with string column names.

    Warns
    -----
    ConvergenceWarning
        If the objective was still falling at `max_iter`, if Adam diverged, or if Ctrl-C ended `fit`
        (the best weights so far are kept).
    UserWarning
        If more than a quarter of the units are dead.

    See Also
    --------
    SparseAutoencoderTransformer : A dense code of sigmoid units with a low mean activation.
    sklearn.decomposition.MiniBatchDictionaryLearning : Signed codes by an L1 penalty, without an
        encoder.

    Notes
    -----
    The initial atoms are directions of random rows, and of residuals of random rows after
    orthogonal matching pursuit with other atoms. A unit that no row uses during an epoch is
    replaced, until the learning rate falls: its new atom is the direction of the residual of a
    random row. After each step of Adam, atoms are scaled to unit norm. In training, units compete
    within a mini-batch. In `transform`, the code of a row does not depend on the other rows.

    References
    ----------
    Makhzani, A. & Frey, B., k-Sparse Autoencoders, ICLR (2014).

    Gao, L. et al., Scaling and evaluating sparse autoencoders, arXiv:2406.04093 (2024).

    Bussmann, B., Leask, P. & Nanda, N., BatchTopK Sparse Autoencoders, arXiv:2412.06410 (2024).

    Bussmann, B. et al., Learning Multi-Level Features with Matryoshka Sparse Autoencoders,
    arXiv:2503.17547 (2025).

    Examples
    --------
    >>> from skl_sparse_ae import TopKAutoencoderTransformer
    >>> from skl_sparse_ae.datasets import make_superposed_features
    >>> from skl_sparse_ae.metrics import atom_recovery
    >>> X, _, atoms = make_superposed_features(2000, 32, 48, n_active=2, random_state=0)
    >>> model = TopKAutoencoderTransformer(64, n_nonzero_coefs=3, random_state=0).fit(X)
    >>> code = model.transform(X)
    >>> code.shape, code.nnz / len(X)
    ((2000, 64), 3.0)
    >>> model.score(X) > 0.9
    True
    >>> atom_recovery(atoms, model.decoder_components_) > 0.9
    True
    """

    _parameter_constraints = {
        name: constraints
        for name, constraints in BaseAutoencoder._parameter_constraints.items()
        if name != "loss"
    } | {
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left")],
        "selection": [StrOptions({"batch", "row"})],
        "nested_components": ["array-like", None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "transform_algorithm": [StrOptions(set(ALGORITHMS))],
        "sparse_output": ["boolean"],
    }

    _terms = Terms._fields
    _frame_type = TopKFrame
    _automatic_size = AutomaticSize(64, least=64, most=256)
    _falling_share = 0.2
    _fitted_names = {
        "components_",
        "intercept_",
        "decoder_components_",
        "decoder_intercept_",
        "threshold_",
        "density_",
        "n_dead_",
    }

    def __init__(
        self,
        n_components: int = 512,
        *,
        n_nonzero_coefs: int = 16,
        selection: Literal["batch", "row"] = "batch",
        nested_components: ArrayLike | None = None,
        transform_algorithm: Literal["threshold", "top_k", "least_squares", "omp"] = "threshold",
        sparse_output: bool = True,
        max_iter: int = 200,
        tol: float = 1e-4,
        learning_rate_init: float = 0.005,
        batch_size: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_components = n_components
        self.n_nonzero_coefs = n_nonzero_coefs
        self.selection = selection
        self.nested_components = nested_components
        self.transform_algorithm = transform_algorithm
        self.sparse_output = sparse_output
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
        """One epoch of Adam over X, from the current weights, at a constant learning rate.

        The first call fixes the precision of the weights, and takes the first atoms from its rows:
        give it many. Later calls continue the optimiser where it stopped, also after `fit` or after
        loading the estimator from a file. All rows so far decide the unit in which the solver sees
        the rows. If their spread turns out to differ from that of the first rows, the optimiser
        starts anew.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows, visited once in shuffled mini-batches of `batch_size`; see `fit`.
        y : ignored

        Returns
        -------
        self : TopKAutoencoderTransformer
            If an exception is raised, the estimator is left unchanged.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As in `fit`.
        """
        return self._partial_fit(X)

    def _check_parameters(self):
        super()._check_parameters()
        check_integers(self, ("n_nonzero_coefs",))
        self._nested()

    def _nested(self):
        """The numbers of units in the prefixes that reconstruct; ValueError unless they ascend."""
        nested = () if self.nested_components is None else self.nested_components
        widths = (0, *nested, self.n_components)
        are_integers = all(isinstance(w, Integral) and not isinstance(w, bool) for w in widths)
        if not are_integers or any(a >= b for a, b in pairwise(widths)):
            raise ValueError(
                f"The 'nested_components' parameter of {type(self).__name__} must hold ints that "
                f"ascend from 1 and are below n_components={self.n_components}. Got "
                f"{self.nested_components!r} instead."
            )
        return tuple(int(width) for width in nested)

    def _functions(self):
        return {}

    def _within_range(self, rows):
        return rows

    def _count_weights(self, n_features):
        return Shape(n_features, self.n_components).n_weights

    def _moments(self, rows):
        return moments_of(rows, self.n_components)

    def _make_frame(self, moments, dtype):
        return TopKFrame.of(moments.mean, moments.variance, dtype)

    def _stochastic_problem(self, frame, moments, rows):
        selection = Selection(self.n_nonzero_coefs, self.selection == "row")
        shape = Shape(len(frame.input_mean), self.n_components)
        algorithm = self.transform_algorithm
        spec = TopKSpec(selection, frame, shape, rows.dtype, algorithm, self._nested())
        return TopKProblem(spec, moments, rows)

    def _memory(self, is_warm):
        return {"idle": np.zeros(self.n_components), "threshold": np.zeros(1)}

    def _final_weights(self, training, params):
        weights = super()._final_weights(training, params)
        return training.problem.spec.calibrated(weights, training.rows)

    def _progress_unit(self, problem):
        return 1.0 if self.early_stopping else problem.spec.frame.input_scale**2

    def _validation_score(self, spec, weights, rows):
        return explained_variance(spec.model(spec.calibrated(weights, rows)), rows)

    # --- fitted attributes

    def _store(self, spec, weights, rows):
        summary = super()._store(spec, weights, rows)
        self.density_ = summary.density
        self.n_dead_ = int((summary.density == 0).sum())
        return summary

    def _named_weights(self, spec, weights):
        w = unflatten(weights, spec.shape)
        return {
            "components_": w.We.copy(),
            "intercept_": w.be.copy(),
            "decoder_components_": w.Wd.copy(),
            "decoder_intercept_": w.bd.copy(),
            "threshold_": float(w.threshold[0]),
        }

    def _flat_weights(self):
        _check_weights(vars(self), type(self).__name__)
        return flatten(self._weights(np.float64))

    def _weights(self, dtype):
        """The fitted `Weights`, in this precision."""
        named = (
            self.components_,
            self.intercept_,
            self.decoder_components_,
            self.decoder_intercept_,
            [self.threshold_],
        )
        return Weights(*(np.asarray(part, dtype) for part in named))

    def _model(self):
        weights = self._weights(np.float64)
        return TrainedModel(weights, int(self.n_nonzero_coefs), self.transform_algorithm)

    @property
    def _dtype(self):
        return self.components_.dtype

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

    # --- using a fitted model

    @reading
    def transform(self, X: ArrayLike) -> csr_matrix | np.ndarray:
        """Return the sparse code of each row, computed by `transform_algorithm`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Any finite values, also outside the range seen in `fit`.

        Returns
        -------
        code : CSR matrix or ndarray of shape (n_samples, n_components)
            Non-negative, in the dtype of X. The CSR matrix has sorted indices and stores no zeros;
            see `sparse_output`.

        Raises
        ------
        ValueError
            If X is so large that a code overflows, and for scikit-learn's usual reasons.
        """
        self._check_usable()
        code = code_of(self._model(), self._check_rows(X))
        return code if self.sparse_output else code.toarray()

    @reading
    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Decode codes: ``X @ decoder_components_ + decoder_intercept_``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_components)
            Codes, for example from `transform`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            In the dtype of X. It is an array also after `set_output`, which applies to `transform`
            only, as in scikit-learn.

        Raises
        ------
        ValueError
            If X does not have `n_components` columns of finite numbers, or if its values are so
            large that a row overflows.
        """
        self._check_usable()
        code = check_code(self, X, self._n_features_out, accept_sparse="csr")
        return rows_of(self._model(), code)

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
        self._check_usable()
        return reconstruct(self._model(), self._check_rows(X))

    @reading
    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the share of the variance of X that the reconstruction explains (R2).

        It is one minus the fraction of variance unexplained. The variance is about the column means
        of these rows. Constant columns are ignored.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`.
        y : ignored

        Returns
        -------
        score : float
            At most 1; 0 if all columns are constant.

        Raises
        ------
        ValueError
            If X is so large that an error overflows.
        """
        self._check_usable()
        return explained_variance(self._model(), self._check_rows(X))

    @reading
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the reconstruction error of each row: low for abnormal rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            As in `transform`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the squared error, mean over features, float64. At most 0.

        Raises
        ------
        ValueError
            If X is so large that an error overflows.
        """
        self._check_usable()
        return -errors_of_rows(self._model(), self._check_rows(X))

    def _check_usable(self):
        """Raise NotFittedError, or ValueError for parameters of use outside their range."""
        self._check_fitted()
        constraints = {name: self._parameter_constraints[name] for name in OF_USE}
        values = {name: getattr(self, name) for name in OF_USE}
        validate_parameter_constraints(constraints, values, type(self).__name__)

    def _messages(self, status, summary, rows, moments):
        if not moments.variance.any():
            return  # rows that are all the same: there is nothing to learn but rounding
        if message := not_converged(self, self._solver, status):
            yield ConvergenceWarning, message
        if message := many_dead_units(self):
            yield UserWarning, message

    @staticmethod
    def _check_state(state, name):
        counts = dict.fromkeys(("n_features_in_", "n_iter_"), (int, 1, np.inf))
        check_numbers(state, counts | {"loss_": (float, 0, HUGE)}, name)
        shape = _check_weights(state, name)
        check_arrays(state, {"density_": (shape.n_components,)}, name)
        check_numbers(state, {"n_dead_": (int, 0, shape.n_components)}, name)
        if state.get("_optimizer_state") is not None:
            memory = {"idle": (shape.n_components,), "threshold": (1,)}
            sizes = shape.n_weights, shape.n_features, memory
            check_optimizer_state(state["_optimizer_state"], TopKFrame, *sizes, name)


def _check_weights(values, name):
    """The `Shape` of fitted attributes. Raise ValueError unless they have one."""
    d, k = values["n_features_in_"], np.size(values.get("intercept_"))
    if k < 1:
        raise corrupted(name, "intercept_", "an array")
    shapes = {"intercept_": (k,), "decoder_intercept_": (d,)}
    matrices = dict.fromkeys(("components_", "decoder_components_"), (k, d))
    check_arrays(values, shapes | matrices, name)
    check_numbers(values, {"threshold_": (float, 0, HUGE)}, name)
    return Shape(d, k)
