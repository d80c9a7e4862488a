"""Fitted autoencoders in other runtimes: ONNX, a NumPy source file, PyTorch, scikit-learn's MLPs.

`register_converters` lets skl2onnx convert autoencoders and Pipelines that contain them.
`to_source` writes a Python file that needs only NumPy. `to_torch` returns a PyTorch module.
`to_mlp_classifier` and `to_mlp_regressor` return perceptrons whose hidden layers are fitted
encoders, for fine-tuning on labelled rows.

skl2onnx and torch are imported only when they are needed.
"""

from skl_sparse_ae.export._mlp import to_mlp_classifier, to_mlp_regressor
from skl_sparse_ae.export._onnx import register_converters
from skl_sparse_ae.export._source import to_source
from skl_sparse_ae.export._torch import to_torch

__all__ = [
    "register_converters",
    "to_mlp_classifier",
    "to_mlp_regressor",
    "to_source",
    "to_torch",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
