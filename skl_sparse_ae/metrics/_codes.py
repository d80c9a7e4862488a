"""Measures of the sparsity of codes, and masks of dead and active units."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils import check_array, check_scalar
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import check_non_negative

from skl_sparse_ae._estimator.containers import refuse_times
from skl_sparse_ae._estimator.sparse_formats import canonical_csr
from skl_sparse_ae._estimator.transaction import ignore_fp_warnings
from skl_sparse_ae._estimator.validation import check_real
from skl_sparse_ae._nn.penalties import divergences
from skl_sparse_ae._variational.diagnostics import MIN_ACTIVITY


@ignore_fp_warnings
def hoyer_sparsity(code: ArrayLike, *, average: bool = True) -> float | np.ndarray:
    """Hoyer sparsity of each row: 0 if all units are equally active, 1 if only one is active.

    ``(sqrt(k) - sum_j |a_j| / sqrt(sum_j a_j^2)) / (sqrt(k) - 1)`` for the k units of a row.
    Scaling a row does not change it. It is 0 for a row of zeros, and for k = 1.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Codes of any sign.
    average : bool, default=True
        If True, return the mean over rows, otherwise the sparsity of each row.

    Returns
    -------
    sparsity : float, or ndarray of shape (n_samples,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers.

    References
    ----------
    Hoyer, P. O., Non-negative matrix factorization with sparseness constraints, Journal of Machine
    Learning Research 5 (2004), section 3.1.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import hoyer_sparsity
    >>> hoyer_sparsity([[0, 1, 0, 0], [1, 1, 1, 1]], average=False)
    array([1., 0.])
    """
    magnitudes = abs(check_code(code))
    root = np.sqrt(magnitudes.shape[1])
    sums, squares, is_flat = _scaled_sums(magnitudes, axis=1)
    return averaged(_zero_if_flat((root - sums / np.sqrt(squares)) / (root - 1), is_flat), average)


def population_sparseness(code: ArrayLike, *, average: bool = True) -> float | np.ndarray:
    """Treves-Rolls sparseness of each row across units, normalised to [0, 1].

    It is 0 if all units are equally active and 1 if only one is active:
    ``S = (1 - a) / (1 - 1/k)`` with ``a = (mean_j r_j)^2 / mean_j r_j^2`` over the k units of a
    row. `a` is Rolls and Tovee's sparseness, which is 1 for a dense row and 1/k for the sparsest;
    S is Vinje and Gallant's normalisation of it. Scaling a row does not change it. It is 0 for a
    row of zeros, and for k = 1.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Non-negative codes.
    average : bool, default=True
        If True, return the mean over rows, otherwise the sparseness of each row.

    Returns
    -------
    sparseness : float, or ndarray of shape (n_samples,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers >= 0.

    See Also
    --------
    lifetime_sparseness : The same measure, for each unit across rows.

    References
    ----------
    Rolls, E. T. and Tovee, M. J., Sparseness of the neuronal representation of stimuli in the
    primate temporal visual cortex, Journal of Neurophysiology 73 (1995), for `a`, after A. Treves
    and E. T. Rolls (1991).

    Vinje, W. E. and Gallant, J. L., Sparse coding and decorrelation in primary visual cortex during
    natural vision, Science 287 (2000), for S.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import population_sparseness
    >>> code = [[0, 1, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]]
    >>> population_sparseness(code, average=False).round(3)
    array([1.   , 0.   , 0.667])
    """
    return averaged(_sparseness(code, "population_sparseness", axis=1), average)


def lifetime_sparseness(code: ArrayLike, *, average: bool = True) -> float | np.ndarray:
    """Treves-Rolls sparseness of each unit across rows, normalised to [0, 1].

    It is 1 for a unit that is active in a single row: ``S = (1 - a) / (1 - 1/n)`` with
    ``a = (mean_i r_i)^2 / mean_i r_i^2`` over the n rows. Vinje and Gallant define it for a neuron
    and the frames of a film. It is 0 for a constant unit and for n = 1.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Non-negative codes.
    average : bool, default=True
        If True, return the mean over units, otherwise the sparseness of each unit.

    Returns
    -------
    sparseness : float, or ndarray of shape (n_components,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers >= 0.

    See Also
    --------
    population_sparseness : The same measure, for each row across units, with references.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import lifetime_sparseness
    >>> lifetime_sparseness([[1, 0.5], [0, 0.5]], average=False)
    array([1., 0.])
    """
    return averaged(_sparseness(code, "lifetime_sparseness", axis=0), average)


def active_fraction(
    code: ArrayLike, threshold: float = 0.5, *, average: bool = True
) -> float | np.ndarray:
    """Fraction of the rows in which a unit is active.

    With ``threshold=0`` it is the density of a unit of a non-negative code.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Activations, as `transform` returns them.
    threshold : float, default=0.5
        Activations above it count as active.
    average : bool, default=True
        If True, return the mean over units, which is the fraction of all activations; otherwise
        the fraction for each unit.

    Returns
    -------
    fraction : float, or ndarray of shape (n_components,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers, or `threshold` is not finite.
    TypeError
        If `threshold` is not a number.

    See Also
    --------
    unit_density : The fraction of the rows in which a unit is not exactly 0.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import active_fraction
    >>> active_fraction([[0.9, 0.1], [0.8, 0.6]], average=False)
    array([1. , 0.5])
    >>> active_fraction([[0.9, 0.1], [0.8, 0.6]])
    0.75
    """
    n_active, n_rows = _count_active(code, threshold)
    return averaged(n_active / n_rows, average)


def dead_units(code: ArrayLike, threshold: float = 0.5) -> np.ndarray:
    """Mask of the units that are not active in any row.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Activations, as `transform` returns them.
    threshold : float, default=0.5
        Activations above it count as active.

    Returns
    -------
    is_dead : ndarray of shape (n_components,), bool
        ``is_dead.sum()`` is the number of dead units, ``np.flatnonzero(is_dead)`` their indices.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers, or `threshold` is not finite.
    TypeError
        If `threshold` is not a number.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import dead_units
    >>> dead_units([[0.9, 0.1], [0.8, 0.2]])
    array([False,  True])
    """
    n_active, _ = _count_active(code, threshold)
    return n_active == 0


def always_on_units(code: ArrayLike, threshold: float = 0.5) -> np.ndarray:
    """Mask of the units that are active in every row.

    Like dead units, they do not distinguish the rows.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Activations, as `transform` returns them.
    threshold : float, default=0.5
        Activations above it count as active.

    Returns
    -------
    is_always_on : ndarray of shape (n_components,), bool

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers, or `threshold` is not finite.
    TypeError
        If `threshold` is not a number.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import always_on_units
    >>> always_on_units([[0.9, 0.1], [0.8, 0.7]])
    array([ True, False])
    """
    n_active, n_rows = _count_active(code, threshold)
    return n_active == n_rows


@ignore_fp_warnings
def active_latent_units(code: ArrayLike, threshold: float = MIN_ACTIVITY) -> np.ndarray:
    """Mask of the units of a variational code whose posterior mean varies over rows.

    A unit is active if the variance of its posterior mean over rows is above `threshold`. The
    posteriors of the other units equal the prior: the decoder ignores them, and their KL divergence
    is about 0.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Posterior means, as `VariationalAutoencoderTransformer.transform` returns them.
    threshold : float, default=0.01
        Variance above which a unit is active. The variance of the prior is 1.

    Returns
    -------
    is_active : ndarray of shape (n_components,), bool
        ``is_active.sum()`` is the number of active units, ``np.flatnonzero(is_active)`` their
        indices.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers, or `threshold` is not finite.
    TypeError
        If `threshold` is not a number.

    References
    ----------
    Burda, Y., Grosse, R. and Salakhutdinov, R., Importance weighted autoencoders, ICLR (2016),
    section 5.2.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import active_latent_units
    >>> active_latent_units([[1.2, 0.01], [-0.7, 0.02], [0.1, 0.0]])
    array([ True, False])
    """
    threshold = check_real(threshold, "threshold")
    code = check_code(code)
    variances = mean_variance_axis(code, axis=0)[1] if issparse(code) else code.var(axis=0)
    return variances > threshold


@ignore_fp_warnings
def sparsity_divergence(code: ArrayLike, target: float) -> np.ndarray:
    """Kullback-Leibler divergence of each unit's mean activation from the target, in nats.

    ``KL(p || q_j) = p log(p / q_j) + (1 - p) log((1 - p) / (1 - q_j))`` with p the target and q_j
    the mean of unit j over rows. Its sum over units, times `sparsity_weight`, is the penalty that
    `SparseAutoencoderTransformer` minimises.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Codes whose means over rows are between 0 and 1.
    target : float in (0, 1)
        The desired mean activation: `sparsity_target`.

    Returns
    -------
    divergence : ndarray of shape (n_components,), float64
        At least 0. It is 0 if the mean equals the target, and infinite if the mean is 0 or 1.

    Raises
    ------
    ValueError
        If `target` or a mean is out of range, or `code` is not a matrix of finite numbers.

    References
    ----------
    Ng, A., Sparse autoencoder, CS294A lecture notes, Stanford (2011), section 3.

    Examples
    --------
    >>> from skl_sparse_ae.metrics import sparsity_divergence
    >>> sparsity_divergence([[0.1, 0.4], [0.1, 0.6]], target=0.1).round(3)
    array([0.   , 0.368])
    """
    target = check_real(target, "target", min_val=0, max_val=1, include_boundaries="neither")
    mean = np.asarray(check_code(code).mean(axis=0)).ravel()
    if mean.min() < 0 or mean.max() > 1:
        raise ValueError(
            "The mean activations must be in [0, 1], got values in "
            f"[{mean.min():.3g}, {mean.max():.3g}]: the divergence is between probabilities. Pass "
            "the code as `transform` returns it."
        )
    return divergences(target, np.log(mean), np.log1p(-mean))


def check_code(code):
    """The code as a float64 array or canonical CSR matrix. Raise ValueError unless it is finite."""
    refuse_times(code, "A measure of codes")
    code = canonical_csr(code) if issparse(code) and code.ndim == 2 else code
    return check_array(code, dtype=np.float64, accept_sparse="csr", input_name="code")


def element_index(matrix, axis):
    """The row, if `axis` is 1, or column of each stored element of a CSR matrix."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) if axis else matrix.indices


def averaged(values, average):
    """The values, or their mean as a float."""
    check_scalar(average, "average", (bool, np.bool_))
    return float(values.mean()) if average else values


def _count_active(code, threshold):
    """The number of rows in which each unit is above the threshold, and the number of rows."""
    threshold = check_real(threshold, "threshold")
    code = check_code(code)
    if not issparse(code):
        return np.count_nonzero(code > threshold, axis=0), len(code)
    n_rows, n_units = code.shape
    n_active = np.bincount(code.indices[code.data > threshold], minlength=n_units)
    if threshold < 0:  # what is not stored is above it
        n_active += n_rows - np.bincount(code.indices, minlength=n_units)
    return n_active, n_rows


@ignore_fp_warnings
def _sparseness(code, name, axis):
    code = check_code(code)
    check_non_negative(code, name)
    sums, squares, is_flat = _scaled_sums(code, axis)
    n_values = code.shape[axis]
    a = np.square(sums / n_values) / (squares / n_values)
    return _zero_if_flat((1 - a) / (1 - 1 / n_values), is_flat)


def _scaled_sums(values, axis):
    """Sums and sums of squares of values >= 0, and a mask of the rows or units that are constant.

    The values are divided by their maximum, so that squares neither overflow nor underflow. (The
    measures do not depend on the scale.) The sums of zeros are NaN, or 0 if none is stored.
    """
    if not issparse(values):
        largest = values.max(axis=axis)
        scaled = values / np.expand_dims(largest, axis)
        is_flat = values.min(axis=axis) == largest
        return scaled.sum(axis=axis), np.square(scaled).sum(axis=axis), is_flat
    largest, smallest = (
        extreme(axis=axis).toarray().ravel() for extreme in (values.max, values.min)
    )
    n_sums, index = values.shape[1 - axis], element_index(values, axis)
    scaled = values.data / largest[index]
    sums, squares = (np.bincount(index, w, minlength=n_sums) for w in (scaled, np.square(scaled)))
    return sums, squares, smallest == largest


def _zero_if_flat(sparsity, is_flat):
    return np.where(is_flat, 0.0, np.clip(sparsity, 0, 1))  # rounding can leave -1e-16
