"""Messages for suspicious fits, which the estimator issues as warnings.

A message names what is wrong, the parameter to blame, and a value that was tried. Figures that come
from the rows have one digit: the folds of a search then have the same message, which Python shows
once. The thresholds come from fits on the tables of `docs/defaults.md`, with single weights far off
their scale.
"""

import numpy as np

from skl_sparse_ae._sparse.scale import NAMES

# Fits that learned nothing have an R2 within 0.005 of 0; the poorest of the others reach 0.06, on
# noise.
MIN_R2 = 0.05
# Variance of the median unit, as a share of the largest that its mean allows, m (1 - m). Weights
# far off their scale make codes with up to 0.05 of it. Good codes of tables with far more columns
# than rows have as little: hence the second limit, for weights on their scale.
MIN_VARIATION, MIN_VARIATION_ON_SCALE = 0.1, 0.01
# A weight is to blame if it is more than this many times its scale, or its scale is more than this
# many times the weight: a search would not try it.
OFF_SCALE = 4.0
# A target that means fewer active units per row than this is too low.
MIN_ACTIVE_UNITS, USUAL_TARGET = 0.5, 0.1
# Columns are small if their deviation is below this share of the largest, and reconstructed from
# this R2 on.
SMALL_SHARE, RECONSTRUCTED = 0.01, 0.5
# The share of the variance of X that the decoder may be unable to reach without a message.
MAX_OUT_OF_REACH = 0.05


def learned_nothing(estimator, r2, scale, is_tiny=False):
    """The message for a reconstruction that is no better than the column means, or None.

    `is_tiny` says that X deviates from its means by too little for its precision.
    """
    if (scale.loss == 0 and not is_tiny) or r2 >= MIN_R2:
        return None
    if is_tiny:
        return (
            "The fitted model reconstructs X no better than its column means: the deviations from "
            "these means are too small for the precision of X. Multiply X by a constant."
        )
    advice = " ".join(too_few_active(estimator) + too_high(estimator, scale)) or (
        'All weights are near their "scale". The columns may have too little in common for '
        f"n_components={estimator.n_components}: raise it."
    )
    return (
        f"The fitted model reconstructs X no better than its column means (R2 below {MIN_R2:g}). "
        f"{advice}"
    )


def poor_code(estimator, mean, variance, bounds, scale):
    """The message for a code that is off target or nearly constant, or None.

    `mean` and `variance` (n_components,) are those of the code over rows, `bounds` its limits.
    """
    if scale.loss == 0:
        return None
    return off_target(estimator, mean, scale) or collapsed(estimator, mean, variance, bounds, scale)


def off_target(estimator, mean, scale):
    """The message for mean activations (n_components,) far from their target, or None.

    One active unit per row is always allowed: a few units cannot code a row with less.
    """
    target, n_components = estimator.sparsity_target, len(mean)
    is_weak = estimator.sparsity_weight_ < scale.sparsity_weight / OFF_SCALE
    allowed = max(target, 1 / n_components) * (1 if is_weak else 2)
    if estimator.sparsity_weight_ == 0 or np.abs(mean - target).mean() <= allowed:
        return None
    found = (
        f"The mean activations are {_digit(mean.mean())} on average, far from "
        f"sparsity_target={target:g}"
    )
    if is_weak:
        return f"{found}. {_raise(estimator, scale, 'sparsity_weight')}."
    return (
        f"{found}, which means {target * n_components:.2g} active units per row. Raise "
        "sparsity_target or n_components."
    )


def collapsed(estimator, mean, variance, bounds, scale):
    """The message for a code whose units hardly vary over the rows, or None.

    A unit within bounds varies by (high - mean) (mean - low) at most. Without bounds there is no
    such limit.
    """
    if not np.isfinite(bounds).all():
        return None
    variation = float(np.median(variance / ((mean - bounds[0]) * (bounds[1] - mean))))
    causes = too_few_active(estimator) + too_high(estimator, scale)
    if estimator.decoder_alpha_ < scale.decoder_alpha / OFF_SCALE:
        advice = _raise(estimator, scale, "decoder_alpha")
        causes += [f"{advice}: otherwise units that stay near the target cost nothing."]
    if not variation < (MIN_VARIATION if causes else MIN_VARIATION_ON_SCALE):
        return None
    advice = " ".join(causes) or (
        f"n_components={len(mean)} may be too many for so few rows: lower it."
    )
    return (
        "The codes have collapsed: the units hardly vary over the rows (half of them by less than "
        f"{MIN_VARIATION:g} of the variance that their means allow). {advice}"
    )


def too_few_active(estimator):
    """Advice for a target that keeps nearly all units off: a list of at most one sentence."""
    target, active = estimator.sparsity_target, estimator.sparsity_target * estimator.n_components
    is_enough = active >= MIN_ACTIVE_UNITS or target >= USUAL_TARGET
    if is_enough or estimator.sparsity_weight_ == 0:
        return []
    return [
        f"Raise sparsity_target={target:g}: it means {active:.2g} active units per row. Try "
        f"{USUAL_TARGET:g}."
    ]


def too_high(estimator, scale):
    """Advice for weights far above their scale: a list of sentences."""
    return [
        f'Lower {name}={getattr(estimator, name)}: "scale" is {_digit(getattr(scale, name))} here.'
        for name in NAMES
        if getattr(estimator, f"{name}_") > OFF_SCALE * getattr(scale, name)
    ]


def _raise(estimator, scale, name):
    value, on_scale = getattr(estimator, name), _digit(getattr(scale, name))
    return f'Raise {name}={value}, e.g. to "scale", here {on_scale}'


def _digit(number):
    """The number rounded to one digit, without an exponent if possible."""
    return f"{float(f'{number:.1g}'):g}"


def out_of_reach(moments, of_constant, rows):
    """The message for rows that the logistic decoder cannot reach, or None.

    `of_constant` is the loss of the best constant row.
    """
    low, high = float(rows.min()), float(rows.max())
    if 0 <= low <= high <= 1 or moments.floor <= MAX_OUT_OF_REACH * of_constant:
        return None
    return (
        "decoder_activation='logistic' gives values between 0 and 1, and X has values in "
        f"[{low:.2g}, {high:.2g}]: {moments.floor / of_constant:.0%} of the error of the column "
        "means cannot be removed. Scale X, e.g. with MinMaxScaler, or use "
        "decoder_activation='identity'."
    )


def unlike_columns(errors, variance, is_sparse):
    """The message for columns in such different units that small ones are ignored, or None.

    `errors` (n_features,) are the mean squared errors of the columns, `variance` their variances.
    """
    varies = variance > 0
    deviations, n_columns = np.sqrt(variance[varies]), int(varies.sum())
    if not n_columns:
        return None
    is_reconstructed = errors[varies] <= (1 - RECONSTRUCTED) * variance[varies]
    n_reconstructed = int(is_reconstructed.sum())
    is_small = deviations < SMALL_SHARE * deviations.max()
    if 2 * is_small.sum() < n_columns or 4 * n_reconstructed > 3 * n_columns:
        return None
    scaler = "StandardScaler(with_mean=False)" if is_sparse else "StandardScaler"
    return (
        f"Only {n_reconstructed} of {n_columns} columns are reconstructed (R2 of at least "
        f"{RECONSTRUCTED:g}). The standard deviations of the columns range from "
        f"{_digit(deviations.min())} to {_digit(deviations.max())}, and the largest dominate the "
        f"loss. Scale the columns first, e.g. with {scaler}."
    )
