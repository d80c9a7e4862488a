"""Messages for fits that did not converge."""


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
