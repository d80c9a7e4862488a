"""How sphinx-gallery runs and sorts the examples.

This is a module of its own because Sphinx cannot pickle functions defined in `conf.py`.
"""

import warnings
from contextlib import ExitStack

# The order in which to read the examples. Examples not listed come last, by name.
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
    "topk_embeddings",
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
    """Turn warnings into errors during each example.

    Otherwise a reader who copies the example could see warnings that the page does not mention.
    """
    if when == "before":
        _around_example.enter_context(warnings.catch_warnings(action="error"))
    else:
        _around_example.close()
