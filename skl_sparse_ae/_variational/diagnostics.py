"""Messages for suspicious variational fits, which the estimator issues as warnings."""

# Variance over rows of a posterior mean; that of the prior is 1. Source: Y. Burda, R. Grosse & R.
# Salakhutdinov, Importance Weighted Autoencoders (2016), section 5.2. They find that active and
# inactive units differ by orders of magnitude.
MIN_ACTIVITY = 0.01
# Columns whose variance is less than this share of the noise variance count as noise. In images, a
# tenth of the columns count as noise (pixels at the edges). A table of columns of different scales
# has more.
MIN_OF_NOISE, MAX_COLUMNS_IN_NOISE = 1e-3, 0.25


def collapsed_posterior(estimator, variance, scale):
    """The message if no code unit distinguishes rows, or None.

    `variance` (n_components,) is that of the posterior means, `scale` the standard deviation of X.
    """
    if scale == 0 or (variance > MIN_ACTIVITY).any():
        return None
    return (
        f"The posterior has collapsed: none of the {len(variance)} code units varies over the rows "
        f"(variance of the posterior means at most {variance.max():.2g}, active from "
        f"{MIN_ACTIVITY:g}), so all rows have the same code and reconstruction. Lower "
        f"kl_weight={estimator.kl_weight:g}, raise max_iter={estimator.max_iter} or "
        f"learning_rate_init={estimator.learning_rate_init:g}. Features that have nothing in "
        f"common cannot be coded. The standard deviation of X is {scale:.2g}."
    )


def unlike_scales(noise_variance, variance):
    """The message if many columns are lost in the noise of the others, or None.

    `noise_variance` is one number for all columns, `variance` (n_features,) that of each.
    """
    varying = variance[variance > 0]
    n_lost = int((varying < MIN_OF_NOISE * noise_variance).sum())
    if n_lost <= MAX_COLUMNS_IN_NOISE * len(varying):
        return None
    return (
        f"The columns have very different variances: those of {n_lost} of {len(varying)} are below "
        f"{MIN_OF_NOISE:g} times noise_variance_={noise_variance:.2g}, which is the same for all "
        "columns. The model ignores such columns. Scale the data, e.g. with StandardScaler."
    )
