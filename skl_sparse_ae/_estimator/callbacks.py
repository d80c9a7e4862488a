"""scikit-learn's callbacks (`sklearn.callback`, experimental, from 1.9), or a stand-in."""

from functools import wraps

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]  # the stand-in
        """Nothing to support."""

    def with_callbacks(method):
        """The method, one frame further from its caller, as scikit-learn's decorator leaves it."""
        return wraps(method)(lambda estimator, *args, **kwargs: method(estimator, *args, **kwargs))


class CallbackContext:
    """Tells the callbacks of an estimator of its fit, and of each iteration or epoch as a subtask.

    X is passed as the target too: an autoencoder is to reproduce it, and some callbacks score
    nothing without a target. `reconstruction_attributes` are functions that return the fitted
    attributes.
    """

    def __init__(self, estimator):
        self.context = None
        if hasattr(estimator, "_init_callback_context"):  # scikit-learn 1.9
            self.context = estimator._init_callback_context(max_subtasks=estimator.max_iter)

    def begin(self, X, estimator):
        """The fit of `estimator` to X begins; by now its attributes describe X."""
        self.data = {"estimator": estimator, "X": X, "y": X}
        if self.context:
            self.context.call_on_fit_task_begin(**self.data)

    def iterate(self, attributes):
        """One more iteration is done. True if a callback asks the fit to stop."""
        if self.context is None:
            return False
        task = self.context.subcontext(task_name="iteration")
        try:
            task.call_on_fit_task_begin(**self.data)
            return task.call_on_fit_task_end(**self.data, reconstruction_attributes=attributes)
        except (StopIteration, FloatingPointError) as error:  # which mean something to a solver
            raise RuntimeError(
                f"A callback raised {error!r}. To stop a fit, return True from the callback."
            ) from error

    def end(self, attributes):
        """The fit is over."""
        if self.context:
            self.context.call_on_fit_task_end(**self.data, reconstruction_attributes=attributes)
