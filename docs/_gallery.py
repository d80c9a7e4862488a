"""How sphinx-gallery runs and sorts the examples. A module, because Sphinx cannot store functions that live in `conf.py`."""

import warnings
from contextlib import ExitStack

# As a reader would take them; what is not named comes last, by name.
ORDER = (
    "digits",
    "image_patches",
    "kl_is_not_sparsity",
    "sparsity_weight",
    "choosing_weight",
    "cross_entropy",
    "denoising",
    "anomalies",
    "mixed_table",
    "stacking",
    "variational_digits",
    "elbo_anomalies",
    "text_topics",
)


class ReadingOrder:
    """Sorts the examples of a folder by `ORDER`."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, file_name):
        name = file_name.removeprefix("plot_").removesuffix(".py")
        return (ORDER.index(name) if name in ORDER else len(ORDER)), name


_around_example = ExitStack()


def warnings_are_errors(gallery_conf, file_name, when):
    """Around each example: a reader who copies it should not meet a warning that the page does not speak of."""
    if when == "before":
        _around_example.enter_context(warnings.catch_warnings(action="error"))
    else:
        _around_example.close()
