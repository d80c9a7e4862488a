"""Figures of a representation: a classifier's accuracy, R2, agreement between seeds."""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks.study.tables import variance

CS, N_FOLDS = (0.03, 0.3), 3
ROWS_TO_CHOOSE = 1500  # at most, to choose C on
MOST_ROWS = 5000  # at most, to train the classifier on, and to test it on


def accuracy(train, test, y_train, y_test):
    """Test accuracy of a linear classifier on standardised columns, or None without labels.

    Its C is chosen by folds of the training rows.
    """
    if y_train is None:
        return None
    rows, y = subset(train, y_train, ROWS_TO_CHOOSE)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings(action="ignore"):
        scores = [cross_val_score(classifier(rows, C), rows, y, cv=folds).mean() for C in CS]
        best = classifier(train, CS[int(np.argmax(scores))]).fit(train, y_train)
    return float(best.score(test, y_test))


def judged(table, split):
    """(X, y) of the training rows and of the test rows that codes are judged on."""
    X, X_test, y, y_test = table.load(split)
    return subset(X, y, MOST_ROWS), subset(X_test, y_test, MOST_ROWS)


def subset(X, y, n):
    """At most n rows with their labels, stratified by the labels."""
    if X.shape[0] <= n:
        return X, y
    rows, _ = train_test_split(np.arange(X.shape[0]), train_size=n, random_state=0, stratify=y)
    return X[rows], None if y is None else y[rows]


def classifier(X, C):
    """A logistic regression on standardised columns.

    Sparse rows are divided by one number instead: standardised, rare words would dominate.
    """
    scaler = StandardScaler()
    if issparse(X):
        unit = {"number": np.sqrt(variance(X))}
        scaler = FunctionTransformer(_divided, kw_args=unit, accept_sparse=True)
    return make_pipeline(scaler, LogisticRegression(C=C, max_iter=300))


def _divided(X, number):
    return X / number


def explained(X, reconstruction):
    """R2 over all elements of X at once: 0 for the mean row of X."""
    X = X.toarray() if issparse(X) else np.asarray(X, dtype=np.float64)
    return float(1 - np.square(X - reconstruction).sum() / np.square(X - X.mean(axis=0)).sum())


def agreement(first, second, signed=True):
    """Mean cosine of matched decoder rows of two fits; unless `signed`, opposite rows match."""
    cosines = directions(first) @ directions(second).T
    cosines = cosines if signed else np.abs(cosines)
    return float(cosines[linear_sum_assignment(cosines, maximize=True)].mean())


def directions(decoder):
    norms = np.linalg.norm(decoder, axis=1, keepdims=True)
    return decoder / np.where(norms > 0, norms, 1)


def read(path):
    """The records of a file with one on each line; an empty list if there is no file."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    return [json.loads(line) for line in lines]


def append(path, records):
    with open(path, "a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
