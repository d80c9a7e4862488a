"""Messages for fits that are not what they look like. The estimators issue them as warnings.

A message names what is wrong, the parameter to blame, and a value that was tried. Figures that come from the rows have one
digit, so that the folds of a search say the same words, which Python then shows once.

The thresholds come from fits on the tables of `docs/defaults.md`, with single weights far off their scale.
"""

import numpy as np
from scipy.sparse import issparse

from skl_sparse_ae._sparse.scale import NAMES

# Fits that learned nothing have an R2 within 0.005 of 0; the poorest of the others reach 0.06, on noise.
MIN_R2 = 0.05


# Variance of a unit as a share of the most its mean allows, m (1 - m); the median unit. Codes that weights far off their scale
# have made flat have up to 0.05 of it. So have good codes of tables with far more columns than rows: hence the second limit,
# for weights on their scale.
MIN_VARIATION, MIN_VARIATION_ON_SCALE = 0.1, 0.01


# A weight is to blame if it is so many times its scale, or so small a share of it: more than a search would try.
OFF_SCALE = 4.0


# A target asks for too little if less than this number of units are to be active in a row.
MIN_ACTIVE_UNITS, USUAL_TARGET = 0.5, 0.1


# Columns count as small if their deviation is below this share of the largest, and as reconstructed from this R2 on.
SMALL_SHARE, RECONSTRUCTED = 0.01, 0.5


# Share of the variance of X that may lie out of the decoder's reach before a word is said.
MAX_OUT_OF_REACH = 0.05


def learned_nothing(estimator, r2, scale, is_tiny=False):
    """The message for a reconstruction that is no better than the column means, or None.

    `is_tiny` says that the deviations of X from its means are too small for the precision in which it is given.
    """
    if (scale.loss == 0 and not is_tiny) or r2 >= MIN_R2:
        return None
    if is_tiny:
        return (
            "The fitted model reconstructs X no better than its column means: its values deviate from them by less than the "
            "precision of X can work with. Scale X, e.g. multiply X by a constant."
        )
    advice = " ".join(too_few_active(estimator) + too_high(estimator, scale)) or (
        f"All weights are on their scale. The columns may share too little for n_components={estimator.n_components}: raise it."
    )
    return f"The fitted model reconstructs X no better than its column means (R2 below {MIN_R2:g}). {advice}"


def poor_code(estimator, mean, variance, scale):
    """The message for a code that is off target, or all but constant, given its moments (n_components,) over rows; or None."""
    if scale.loss == 0:
        return None
    return off_target(estimator, mean, scale) or collapsed(estimator, mean, variance, scale)


def off_target(estimator, mean, scale):
    """The message for mean activations (n_components,) far from their target, or None.

    One active unit in a row is no excess, whatever the target: a handful of units cannot do with less.
    """
    target, n_components = estimator.sparsity_target, len(mean)
    is_weak = estimator.sparsity_weight_ < scale.sparsity_weight / OFF_SCALE
    allowed = max(target, 1 / n_components) * (1 if is_weak else 2)
    if estimator.sparsity_weight_ == 0 or np.abs(mean - target).mean() <= allowed:
        return None
    found = f"The mean activations are {_digit(mean.mean())} on average, far from sparsity_target={target:g}"
    if is_weak:
        return f"{found}. {_raise(estimator, scale, 'sparsity_weight')}."
    return f"{found}, which asks for {target * n_components:.2g} active units a row. Raise sparsity_target or n_components."


def collapsed(estimator, mean, variance, scale):
    """The message for a code whose units hardly vary over the rows, or None."""
    variation = float(np.median(variance / (mean * (1 - mean))))
    causes = too_few_active(estimator) + too_high(estimator, scale)
    if estimator.decoder_alpha_ < scale.decoder_alpha / OFF_SCALE:
        causes += [
            f"{_raise(estimator, scale, 'decoder_alpha')}: without it, hovering around the target costs nothing."
        ]
    if not variation < (MIN_VARIATION if causes else MIN_VARIATION_ON_SCALE):
        return None
    advice = (
        " ".join(causes) or f"n_components={len(mean)} may be too many for so few rows: lower it."
    )
    return (
        f"The codes have collapsed: the units hardly vary over the rows (half of them by less than {MIN_VARIATION:g} of the "
        f"variance that their means allow). {advice}"
    )


def too_few_active(estimator):
    """What to do about a target that keeps nearly all units off, as a list of at most one sentence."""
    target, active = estimator.sparsity_target, estimator.sparsity_target * estimator.n_components
    if active >= MIN_ACTIVE_UNITS or target >= USUAL_TARGET or estimator.sparsity_weight_ == 0:
        return []
    return [
        f"Raise sparsity_target={target:g}: it asks for {active:.2g} active units a row. Try {USUAL_TARGET:g}."
    ]


def too_high(estimator, scale):
    """What to do about weights far above their scale, as a list of sentences."""
    names = [
        name for name in NAMES if getattr(estimator, f"{name}_") > OFF_SCALE * getattr(scale, name)
    ]
    return [
        f'Lower {_now(estimator, name)}: "scale" is {_digit(getattr(scale, name))} here.'
        for name in names
    ]


def _raise(estimator, scale, name):
    return f'Raise {_now(estimator, name)}, e.g. to "scale", here {_digit(getattr(scale, name))}'


def _digit(number):
    """To one digit, without an exponent where it can be."""
    return f"{float(f'{number:.1g}'):g}"


def _now(estimator, name):
    return f"{name}={getattr(estimator, name)}"


def out_of_reach(moments, of_constant, X):
    """The message for rows X that the logistic decoder cannot reach, or None; `of_constant` is the best constant's loss."""
    low, high = float(X.min()), float(X.max())
    if 0 <= low <= high <= 1 or moments.floor <= MAX_OUT_OF_REACH * of_constant:
        return None
    return (
        f"decoder_activation='logistic' gives values between 0 and 1, and X has values in [{low:.2g}, {high:.2g}]: "
        f"{moments.floor / of_constant:.0%} of what the column means leave cannot be reconstructed. Scale X, e.g. with "
        "MinMaxScaler, or use decoder_activation='identity'."
    )


def unlike_columns(errors, variance, X):
    """The message for columns in such different units that the small ones are not reconstructed, or None.

    `errors` are the mean squared errors of each column (n_features,), `variance` their variances.
    """
    varies = variance > 0
    deviations, n_columns = np.sqrt(variance[varies]), int(varies.sum())
    if not n_columns:
        return None
    n_reconstructed = int((errors[varies] <= (1 - RECONSTRUCTED) * variance[varies]).sum())
    is_small = deviations < SMALL_SHARE * deviations.max()
    if 2 * is_small.sum() < n_columns or 4 * n_reconstructed > 3 * n_columns:
        return None
    scaler = "StandardScaler(with_mean=False)" if issparse(X) else "StandardScaler"
    return (
        f"Only {n_reconstructed} of {n_columns} columns are reconstructed (R2 of at least {RECONSTRUCTED:g}). Their standard "
        f"deviations span {_digit(deviations.min())} to {_digit(deviations.max())}, and the loss sees the largest. Scale the "
        f"columns first, e.g. with {scaler}."
    )
