"""Measures of sparse codes and of reconstructions, and scorers for searches.

The measures of a code take a matrix with one row per sample and one column per unit, as
`transform` returns it. A sparse matrix is not made dense. Unless a measure says otherwise, a code
times a constant has the same value. Measures return the mean, or all values with
``average=False``. Everything is computed in float64. Terms:

- "population" means one row across units, "lifetime" one unit across rows;
- the sparsity of a row, or unit, whose values are all equal is 0. That includes zeros and a single
  value: a search must not take a dead code for the sparsest one;
- a unit is active in a row if its activation is above `threshold`, by default 0.5, the middle of
  the sigmoid;
- a row uses a unit if its activation is not exactly 0. This is for sparse codes: a sigmoid is never
  0;
- an atom is the row of the decoder that belongs to a unit.

The scorers are called with ``(estimator, X, y=None)``, for the `scoring` of scikit-learn's
searches. The estimator is the autoencoder, or a `Pipeline`, `FrozenEstimator` or fitted search
that contains one, nested to any depth. The last autoencoder is scored, on X as the steps before it
transform it: like `Pipeline.score` if the autoencoder is the last step.
"""

from skl_sparse_ae.metrics._codes import (
    active_fraction,
    active_latent_units,
    always_on_units,
    dead_units,
    hoyer_sparsity,
    lifetime_sparseness,
    population_sparseness,
    sparsity_divergence,
)
from skl_sparse_ae.metrics._dictionaries import atom_recovery, matched_cosine
from skl_sparse_ae.metrics._probing import k_sparse_probing
from skl_sparse_ae.metrics._reconstruction import (
    explained_variance,
    feature_errors,
    fraction_of_variance_unexplained,
    relative_reconstruction_bias,
    row_errors,
)
from skl_sparse_ae.metrics._scorers import (
    explained_variance_scorer,
    hoyer_scorer,
    lifetime_sparseness_scorer,
    neg_reconstruction_error_scorer,
    population_sparseness_scorer,
    reconstruction_and_sparsity_scorer,
)
from skl_sparse_ae.metrics._usage import dead_fraction, l0_norm, unit_density

__all__ = [
    "active_fraction",
    "active_latent_units",
    "always_on_units",
    "atom_recovery",
    "dead_fraction",
    "dead_units",
    "explained_variance",
    "explained_variance_scorer",
    "feature_errors",
    "fraction_of_variance_unexplained",
    "hoyer_scorer",
    "hoyer_sparsity",
    "k_sparse_probing",
    "l0_norm",
    "lifetime_sparseness",
    "lifetime_sparseness_scorer",
    "matched_cosine",
    "neg_reconstruction_error_scorer",
    "population_sparseness",
    "population_sparseness_scorer",
    "reconstruction_and_sparsity_scorer",
    "relative_reconstruction_bias",
    "row_errors",
    "sparsity_divergence",
    "unit_density",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
