"""Plots of fitted autoencoders, as Display classes in the style of scikit-learn.

They need matplotlib: ``pip install matplotlib``. No information depends on colour alone: images
are grey unless they have colour channels, and curves differ in line style and marker and carry
their names. If you pass your own axes, create their figure with
``plt.subplots(..., layout="constrained")``, which leaves room for the names.
"""

from skl_sparse_ae.plotting._activations import ActivationsDisplay
from skl_sparse_ae.plotting._density import DensityDisplay
from skl_sparse_ae.plotting._features import FeaturesDisplay
from skl_sparse_ae.plotting._latent_plane import LatentPlaneDisplay
from skl_sparse_ae.plotting._loss_curve import LossCurveDisplay
from skl_sparse_ae.plotting._reconstructions import ReconstructionsDisplay
from skl_sparse_ae.plotting._samples import SamplesDisplay
from skl_sparse_ae.plotting._top_rows import TopRowsDisplay
from skl_sparse_ae.plotting._trade_off import TradeOffDisplay

__all__ = [
    "ActivationsDisplay",
    "DensityDisplay",
    "FeaturesDisplay",
    "LatentPlaneDisplay",
    "LossCurveDisplay",
    "ReconstructionsDisplay",
    "SamplesDisplay",
    "TopRowsDisplay",
    "TradeOffDisplay",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
