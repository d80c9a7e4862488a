"""Messages that all families share: fits that did not converge, results that overflow."""


def not_converged(estimator, solver, status):
    """The message for a solver that did not converge; None if it converged or was stopped."""
    name, n_iter = solver.name, estimator.n_iter_
    if status == "max_iter" and estimator.tol > 0:  # with tol=0 the user asked for max_iter
        return (
            f"{name} failed to converge after {n_iter} {solver.iteration}(s): the objective was "
            f"still falling by more than tol={estimator.tol:g} allows. Increase "
            f"max_iter={estimator.max_iter}, or tol."
        )
    if status == "not_finite":
        return (
            f"{name} repeatedly met non-finite values and stopped after {n_iter} iteration(s) at "
            "the best weights so far. Scale the data, e.g. with StandardScaler."
        )
    if status == "diverged":
        return (
            f"{name} diverged: the objective ended above its first value {estimator.loss_:.3g}, "
            "whose weights are kept. Lower "
            f"learning_rate_init={estimator.learning_rate_init:g}, or raise "
            f"batch_size={estimator.batch_size}."
        )
    return None


def overflow(what, X, cause=""):
    """The ValueError for a result that overflows because of large values in X."""
    return ValueError(
        f"The {what}: X has values up to {largest(X)}{cause}. Scale X like the rows passed to fit."
    )


def largest(X):
    """The largest absolute value of rows or an array, as text."""
    return f"{max(abs(float(X.min())), abs(float(X.max()))):.3g}"
