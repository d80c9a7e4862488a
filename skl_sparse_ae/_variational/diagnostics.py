"""Messages for variational fits that are not what they look like."""

# Variance over rows of a posterior mean, of whose prior the variance is 1: Y. Burda, R. Grosse & R. Salakhutdinov, Importance
# Weighted Autoencoders (2016), section 5.2, who find a gap of orders of magnitude between units above and below it.
LEAST_ACTIVITY = 0.01


# Columns whose variance is less than this share of the one noise variance are noise to the model. Images have a tenth of such
# columns, pixels at their edges; a table of columns of unlike scale has more.
LEAST_OF_NOISE, MOST_COLUMNS_IN_NOISE = 1e-3, 0.25


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
