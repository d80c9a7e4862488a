"""How much of X a reconstruction explains."""

import numpy as np


def explained_variance(pairs, mean):
    """Variance-weighted R2: ``1 - sum of squared errors / sum of squared deviations`` from `mean`, over all elements.

    `pairs` yields blocks of rows ``(X, X_hat)``; `mean` is that of the columns of X. Equals
    ``r2_score(X, X_hat, multioutput="variance_weighted")`` without holding X_hat. Columns that are constant have no
    variance to explain and weigh nothing, their own error included; if all are, the score is 0.
    """
    errors, deviations, lowest, highest = 0.0, 0.0, np.inf, -np.inf
    for X, X_hat in pairs:
        errors = errors + np.square(np.subtract(X_hat, X, dtype=np.float64)).sum(axis=0)
        deviations = deviations + np.square(X - mean).sum(axis=0)
        lowest, highest = np.minimum(lowest, X.min(axis=0)), np.maximum(highest, X.max(axis=0))
    varies = highest > lowest
    if not varies.any():
        return 0.0
    return 1 - float(errors[varies].sum() / deviations[varies].sum())
