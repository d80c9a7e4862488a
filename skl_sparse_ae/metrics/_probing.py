"""Accuracy of classifiers that use few units of a code."""

from __future__ import annotations

from math import ceil
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length, check_random_state, check_scalar, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skl_sparse_ae._estimator.validation import check_real
from skl_sparse_ae.metrics._codes import averaged, check_code


def k_sparse_probing(
    code: ArrayLike,
    y: ArrayLike,
    n_units: int = 1,
    *,
    test_size: float = 0.2,
    average: bool = True,
    random_state: Any = None,
) -> float | np.ndarray:
    """Accuracy of classifiers that use only `n_units` units, one class against the rest.

    It is high if single units correspond to classes. For each class:

    1. Draw as many rows of the class as of all others, and split them into training and test rows.
    2. Choose the `n_units` units whose means over the two kinds of training rows differ most.
    3. Fit a `LogisticRegression` with ``C=1`` to these units.
    4. Measure its accuracy on the test rows. Chance is 0.5.

    Compare codes of the same rows for 1, 2 and 5 units, also with the columns of X and of a `PCA`.
    The scale of the code matters, because the regression is regularised.

    Parameters
    ----------
    code : array-like or sparse matrix of shape (n_samples, n_components)
        Codes of any sign, preferably of rows that were not used to fit the autoencoder.
    y : array-like of shape (n_samples,)
        The class of each row.
    n_units : int, default=1
        Number of units per classifier (k in the literature).
    test_size : float in (0, 1), default=0.2
        Fraction of the drawn rows that are test rows.
    average : bool, default=True
        If True, return the mean over classes, otherwise the accuracy for each class, sorted as by
        `np.unique`.
    random_state : int, RandomState instance or None, default=None
        Draws and splits the rows. Pass an int for reproducible results.

    Returns
    -------
    accuracy : float, or ndarray of shape (n_classes,), float64
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `code` is not a matrix of finite numbers, y does not contain the classes of its rows, a
        class has too few rows, or a parameter is out of range.
    TypeError
        If a parameter is not a number.

    References
    ----------
    Gurnee, W. et al., Finding neurons in a haystack: case studies with sparse probing, Transactions
    on Machine Learning Research (2023).

    Karvonen, A. et al., SAEBench: a comprehensive benchmark for sparse autoencoders in language
    model interpretability, ICML (2025), for this protocol.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sparse_ae.metrics import k_sparse_probing
    >>> X, y = load_digits(return_X_y=True)
    >>> few, more = (k_sparse_probing(X / 16, y, k, random_state=0) for k in (1, 5))
    >>> 0.7 < few < more < 1
    True
    """
    code = check_code(code)
    y = column_or_1d(y)
    check_consistent_length(code, y)
    check_classification_targets(y)
    check_scalar(n_units, "n_units", Integral, min_val=1, max_val=code.shape[1])
    test_size = check_real(
        test_size, "test_size", min_val=0, max_val=1, include_boundaries="neither"
    )
    random = check_random_state(random_state)
    classes = np.unique(y)
    for label in classes:
        _check_count(y == label, label, test_size)
    accuracies = [_probe(code, y == label, n_units, test_size, random) for label in classes]
    return averaged(np.array(accuracies), average)


def _check_count(is_class, label, test_size):
    """Raise ValueError unless training and test rows can contain both kinds of rows."""
    n_rows = 2 * min(is_class.sum(), (~is_class).sum())
    n_test = ceil(test_size * n_rows)
    if min(n_test, n_rows - n_test) < 2:
        raise ValueError(
            f"Class {label!s} has {is_class.sum()} of {len(is_class)} rows: too few rows in it, or "
            f"outside it, to fit and test a classifier with test_size={test_size:.3g}."
        )


def _probe(code, is_class, n_units, test_size, random):
    rows = _balanced(is_class, random)
    train, test = train_test_split(
        rows, test_size=test_size, stratify=is_class[rows], random_state=random
    )
    means = [code[train[is_class[train] == kind]].mean(axis=0) for kind in (True, False)]
    difference = np.abs(np.asarray(means[0] - means[1])).ravel()
    units = np.argsort(-difference, kind="stable")[:n_units]
    probe = LogisticRegression(C=1, max_iter=1000)
    probe.fit(code[train][:, units], is_class[train])
    return probe.score(code[test][:, units], is_class[test])


def _balanced(is_class, random):
    """Indices of equally many rows of the class and of the others, drawn from the larger side."""
    kinds = np.flatnonzero(is_class), np.flatnonzero(~is_class)
    size = min(map(len, kinds))
    return np.concatenate([random.choice(rows, size, replace=False) for rows in kinds])
