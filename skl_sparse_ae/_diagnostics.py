"""What to tell a user whose fit is not what it looks like: messages, no warnings (the estimators raise those).

The thresholds come from the study of `docs/defaults.md`: 12 problems (digits, breast cancer and image patches; raw,
min-max scaled and standardised; both losses), 12 of the settings of the weights and 3 seeds, 432 fits in all.
"""

import numpy as np

# Fits that learned nothing have an R2 within 0.005 of 0; the poorest of the others reach 0.14.
LEAST_R2 = 0.05
# Variance of a unit as a share of the most its mean allows, m (1 - m); the median unit. The flat codes have 0 to 0.04 of it
# and a Hoyer sparsity of at most 0.12; the next fit, at 0.056, has a Hoyer sparsity of 0.20.
LEAST_VARIATION = 0.05
# Mean distance of the mean activations from their target, as a share of the target. Weights that work stay below 0.3;
# where sparsity has lost to the reconstruction (unscaled data) it is above 0.75.
MOST_OFF_TARGET = 0.5

# Variance over rows of a posterior mean, of whose prior the variance is 1: Y. Burda, R. Grosse & R. Salakhutdinov, Importance
# Weighted Autoencoders (2016), section 5.2, who find a gap of orders of magnitude between units above and below it.
LEAST_ACTIVITY = 0.01

# Columns whose variance is less than this share of the one noise variance are noise to the model. Images have a tenth of such
# columns, pixels at their edges; a table of columns of unlike scale has more.
LEAST_OF_NOISE, MOST_COLUMNS_IN_NOISE = 1e-3, 0.25


def not_converged(estimator, solver, status):
    """Why the solver ended without having converged, or None if it did or was asked to stop."""
    n_iter = estimator.n_iter_
    if status == "max_iter" and estimator.tol > 0:  # with tol=0 the user asked for just so many
        unit = "iteration" if solver == "lbfgs" else "epoch"
        return (
            f"{solver} failed to converge after {n_iter} {unit}(s): the objective was still falling by more than "
            f"tol={estimator.tol:g} allows. Increase max_iter={estimator.max_iter}, or tol."
        )
    if status == "not_finite":
        return (
            f"{solver} met non-finite values again and again and stopped after {n_iter} iteration(s) at the best "
            "weights so far. Scale the data, e.g. with StandardScaler."
        )
    if status == "diverged":
        return (
            f"{solver} diverged: the objective ended above its first value {estimator.loss_:.3g}, whose weights are "
            f"kept. Lower learning_rate_init={estimator.learning_rate_init:g}, or raise batch_size={estimator.batch_size}."
        )
    return None


def collapsed_posterior(estimator, variance, scale):
    """Whether no code unit tells rows apart, given the variances (n_components,) of their posterior means."""
    if scale == 0 or (variance > LEAST_ACTIVITY).any():
        return None
    return (
        f"The posterior has collapsed: none of the {len(variance)} code units varies over the rows (variance of the posterior "
        f"means at most {variance.max():.2g}, active from {LEAST_ACTIVITY:g}), so all rows have the same code and "
        f"reconstruction. Lower kl_weight={estimator.kl_weight:g}, raise max_iter={estimator.max_iter} or "
        f"learning_rate_init={estimator.learning_rate_init:g}; features that share nothing have no code. Their scale is "
        f"{scale:.2g}."
    )


def learned_nothing(r2, scale):
    """Whether the reconstruction beats the column means, given its R2 and the standard deviation of X."""
    if scale == 0 or r2 >= LEAST_R2:
        return None
    return (
        f"The fitted model reconstructs X no better than its column means (R2 {r2:.2g}). The features have scale {scale:.2g}, "
        "to which the penalties are compared: scale the data, e.g. with StandardScaler, or lower encoder_alpha, "
        "decoder_alpha and sparsity_weight."
    )


def poor_code(estimator, mean, variance, scale):
    """Whether the code is off target, or on target and all but constant, given its moments (n_components,) over rows."""
    target = estimator.sparsity_target
    distance = np.abs(mean - target).mean()
    if estimator.sparsity_weight > 0 and distance > MOST_OFF_TARGET * target:
        return (
            f"The mean activations are {distance:.2g} away from sparsity_target={target:g} on average: "
            f"sparsity_weight={estimator.sparsity_weight:g} is weak against the reconstruction loss of features of scale "
            f"{scale:.2g}. Raise it, or scale the data, e.g. with StandardScaler."
        )
    variation = float(np.median(variance / (mean * (1 - mean))))
    if scale > 0 and variation < LEAST_VARIATION:
        return (
            f"The codes have collapsed: on average on target, but the units hardly vary over the rows ({variation:.2g} of the "
            f"variance their means allow). Lower encoder_alpha={estimator.encoder_alpha:g}, raise "
            f"decoder_alpha={estimator.decoder_alpha:g}, or scale the features, now of scale {scale:.2g}, e.g. with "
            "StandardScaler."
        )
    return None


def unlike_scales(noise_variance, variance):
    """Whether many columns drown in the noise of the others, given the one noise variance and the columns' (n_features,)."""
    varying = variance[variance > 0]
    n_lost = int((varying < LEAST_OF_NOISE * noise_variance).sum())
    if n_lost <= MOST_COLUMNS_IN_NOISE * len(varying):
        return None
    return (
        f"The columns are of unlike scale: {n_lost} of {len(varying)} have less than {LEAST_OF_NOISE:g} times the variance "
        f"noise_variance_={noise_variance:.2g}, which is one for all columns, so they count as noise and are lost. "
        "Scale the data, e.g. with StandardScaler."
    )
