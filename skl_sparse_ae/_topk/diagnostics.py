"""Messages for suspicious TopK fits, which the estimator issues as warnings."""

# A few units that no row uses are no loss; more than this share is memory and time for nothing.
MAX_DEAD = 0.25


def many_dead_units(estimator):
    """The message if many units are dead, or None."""
    n_units, n_dead = len(estimator.density_), estimator.n_dead_
    if n_dead <= MAX_DEAD * n_units:
        return None
    return (
        f"{n_dead} of {n_units} units are dead: no training row uses them. Lower "
        f"n_components={estimator.n_components}, fit more rows, or raise "
        f"n_nonzero_coefs={estimator.n_nonzero_coefs} or max_iter={estimator.max_iter}. A lower "
        f"learning_rate_init={estimator.learning_rate_init:g} may help as well."
    )
