"""
Choosing the sparsity weight
============================

A search by reconstruction alone always chooses the smallest weight, because the
penalty can only increase the error. So look at the trade-off first. Then set
how much reconstruction may be lost, and let the search choose the sparsest
model within that limit.
"""

# %%
# The trade-off, along a path
# ---------------------------
#
# :func:`~skl_sparse_ae.model_selection.sparse_autoencoder_path` fits a series
# of weights. Each fit starts from the result of the one before. Each model is
# evaluated on rows that no fit has seen. The weights are multiples of "scale",
# the default, which is set from the variance of the data.
import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import (
    hoyer_sparsity,
    reconstruction_and_sparsity_scorer,
)
from skl_sparse_ae.model_selection import (
    SparsestWithin,
    sparse_autoencoder_path,
)
from skl_sparse_ae.plotting import FeaturesDisplay, TradeOffDisplay

X_train, X_test = train_test_split(load_digits().data / 16, random_state=0)
model = SparseAutoencoderTransformer(32, random_state=0)
multiples = [0.03, 0.1, 0.3, 1, 3, 10, 30]
weights = [f"{multiple:g}*scale" for multiple in multiples]
# The smallest weights miss the target, and fit warns about it.
with warnings.catch_warnings(action="ignore"):
    path = sparse_autoencoder_path(
        X_train, weights, estimator=model, X_test=X_test
    )
rows = zip(path.r2, path.hoyer, path.mean_activation, strict=True)
for weight, (r2, hoyer, mean) in zip(weights, rows, strict=True):
    figures = f"R2 {r2:.2f}, Hoyer sparsity {hoyer:.2f}"
    print(f"{weight:10}: {figures}, mean activation {mean:.2f}")

# %%
# At first, a larger weight makes the code much sparser and costs little R2.
# Then it costs more. At the end the mean activations have reached their target,
# and a larger weight changes almost nothing. There, change ``sparsity_target``
# and the weight decays instead. "scale" is just before that region.
# :meth:`TradeOffDisplay.from_path
# <skl_sparse_ae.plotting.TradeOffDisplay.from_path>` draws a path. Below, the
# results of a search are drawn in the same way.
#
# A search with a rule
# --------------------
#
# Pass :class:`~skl_sparse_ae.model_selection.SparsestWithin` as ``refit``.
# Among the models whose cross-validated R2 is within a tolerance of the best,
# it chooses the sparsest. Set the tolerance yourself; here it is at most 0.07
# of R2. The default tolerance is one standard error of the best. This is too
# narrow if R2 hardly varies from fold to fold.
search = GridSearchCV(
    model,
    {"sparsity_weight": weights},
    scoring=reconstruction_and_sparsity_scorer,
    refit=SparsestWithin(tolerance=0.07),
    cv=3,
)
with warnings.catch_warnings(action="ignore"):  # as above
    search.fit(X_train)
print("chosen:", search.best_params_)

# %%
# Points to the right are sparser. Points above reconstruct better. The ring
# marks the choice: the sparsest model above the dashed line. The bars show one
# standard error over the folds. Most of them are hidden by the dots.
display = TradeOffDisplay.from_cv_results(
    search.cv_results_, chosen=search.best_index_
)
best = search.cv_results_["mean_test_r2"].max()
display.ax_.axhline(best - 0.07, color="#D55E00", linestyle="--")
display.ax_.annotate(
    "0.07 below the best R2",
    (0.02, best - 0.07),
    (0, 3),
    xycoords=("axes fraction", "data"),
    textcoords="offset points",
    va="bottom",
)

# %%
# Result of the choice
# --------------------
#
# The figure compares the model that R2 alone would choose with the chosen one,
# on the rows that were set aside at the start. The images show what each unit
# adds to the reconstruction.
by_r2 = path.models[0]
figure, axes = plt.subplots(1, 2, figsize=(10, 3.3), layout="constrained")
figure.get_layout_engine().set(wspace=0.08)
figure.suptitle("What each unit adds to the reconstruction")
compared = {
    "best R2": by_r2,
    "SparsestWithin(tolerance=0.07)": search.best_estimator_,
}
for ax, (name, fitted) in zip(axes, compared.items(), strict=True):
    hoyer = hoyer_sparsity(fitted.transform(X_test))
    figures = f"R2 {fitted.score(X_test):.2f}, Hoyer sparsity {hoyer:.2f}"
    print(f"{name}: {figures}")
    FeaturesDisplay.from_estimator(
        fitted, (8, 8), weights="decoder", ax=ax, n_columns=8
    )
    ax.set_title(f"{name}: weight {fitted.sparsity_weight_:.2g}\n{figures}")

# sphinx_gallery_thumbnail_number = 1
plt.show()
