"""Pictures of a fitted autoencoder, as scikit-learn's Display classes.

They need matplotlib: ``pip install "skl_sparse_ae[plots]"``. Nothing is told by colour alone: images are grey unless they have
colour channels, and curves differ by line style and marker and carry their names. Axes of your own leave room for names
if their figure is made by ``plt.subplots(..., layout="constrained")``.
"""

from skl_sparse_ae.plotting._activations import ActivationsDisplay
from skl_sparse_ae.plotting._features import FeaturesDisplay
from skl_sparse_ae.plotting._latent_plane import LatentPlaneDisplay
from skl_sparse_ae.plotting._loss_curve import LossCurveDisplay
from skl_sparse_ae.plotting._reconstructions import ReconstructionsDisplay
from skl_sparse_ae.plotting._samples import SamplesDisplay
from skl_sparse_ae.plotting._top_rows import TopRowsDisplay
from skl_sparse_ae.plotting._trade_off import TradeOffDisplay

__all__ = [
    "ActivationsDisplay",
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
