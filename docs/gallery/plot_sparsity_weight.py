"""
Effect of the sparsity weight
=============================

Textbooks describe the weight of the sparsity penalty as follows. If it is too
low, the units are not sparse. If it is too high, they meet their target, but
the reconstruction is poor. This example shows both effects, and how much of the
second one is due to mini-batches.
"""

# %%
# Three weights, mini-batches
# ---------------------------
#
# The rows are digits of 8 x 8 pixels, divided by 16. Adam fits 32 units with a
# target of 0.1 on mini-batches of 64 rows. The weights are multiples of
# "scale", the default, which is set from the variance of the data: a hundredth
# of it, the scale itself, and a thousand times it. The warnings are collected
# and printed beside the figures. R2 and sparsity are those of rows that ``fit``
# has not seen. Hoyer's measure of sparsity is 0 if all units are equally
# active, and 1 if only one is active.
import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity
from skl_sparse_ae.plotting import ActivationsDisplay, FeaturesDisplay

X_train, X_test = train_test_split(load_digits().data / 16, random_state=0)


def fit(multiple, **parameters):
    model = SparseAutoencoderTransformer(
        32, sparsity_weight=f"{multiple:g}*scale", random_state=0, **parameters
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X_train)
    return model, [str(warning.message) for warning in caught]


def figures(model):
    hoyer = hoyer_sparsity(model.transform(X_test))
    return f"R2 {model.score(X_test):.2f}, Hoyer sparsity {hoyer:.2f}"


mini_batches = {"solver": "adam", "batch_size": 64}
names = {0.01: "too low", 1: "about right", 1000: "much too high"}
fits = {multiple: fit(multiple, **mini_batches) for multiple in names}
for multiple, (model, messages) in fits.items():
    mean = model.transform(X_test).mean()
    print(
        f"{multiple:g} scale = {model.sparsity_weight_:.2g}, {names[multiple]}"
    )
    print(f"  {figures(model)}, mean activation {mean:.2f}")
    print("  " + "\n  ".join(messages or ["no warning"]))

# %%
# The picture has a column for each weight. The images show what each unit adds
# to the reconstruction. The bands show how active each unit is over the rows.
#
# - Too low: most rows activate most units, and the means (dots) are far above
#   the target.
# - About right: every unit is near 0 for most rows and active for some.
# - Much too high: the bands are very narrow and lie at the target. The target
#   is met, but the code hardly depends on the row.
#
# ``fit`` warns of the first and of the last, and names a better weight.
figure, axes = plt.subplots(
    2, 3, figsize=(11, 5.6), height_ratios=[1, 1.2], layout="constrained"
)
figure.suptitle("Adam, mini-batches of 64 rows")
for (multiple, name), above, below in zip(names.items(), *axes, strict=True):
    model, _ = fits[multiple]
    FeaturesDisplay.from_estimator(
        model, (8, 8), weights="decoder", ax=above, n_columns=8
    )
    ActivationsDisplay.from_estimator(model, X_test, ax=below)
    above.set_title(f"weight {multiple:g} scale: {name}\n{figures(model)}")
    below.set_title("")
for ax in axes[1, :2]:
    ax.get_legend().remove()
for ax in axes[1, 1:]:
    ax.set_ylabel("")

# %%
# All rows at once
# ----------------
#
# Why does a very high weight ruin the code, although the means are on target?
# The penalty of a mini-batch uses the means of few rows: those of the batch,
# or, for small batches, of about the last 128 rows. These means differ from the
# target by chance. The difference is larger if the units vary more, and the
# penalty includes it. So units that vary less have a lower penalty. L-BFGS uses
# the means over all rows, which have no such random error. Here are the same
# weights with both solvers:
multiples = [0.01, 0.1, 1, 10, 100, 1000]
solvers = {"Adam, mini-batches of 64": mini_batches, "L-BFGS, all rows": {}}
r2, hoyer = {}, {}
for solver, parameters in solvers.items():
    models = [fit(multiple, **parameters)[0] for multiple in multiples]
    r2[solver] = [model.score(X_test) for model in models]
    hoyer[solver] = [
        hoyer_sparsity(model.transform(X_test)) for model in models
    ]
    for multiple, model in zip(multiples, models, strict=True):
        print(f"{solver}, weight {multiple:g} scale: {figures(model)}")

titles = {"R2 of the reconstruction": r2, "Hoyer sparsity of the code": hoyer}
figure, axes = plt.subplots(
    1, 2, figsize=(10, 3.8), sharex=True, sharey=True, layout="constrained"
)
figure.suptitle("A very high weight ruins the code of Adam, not that of L-BFGS")
for ax, (title, curves) in zip(axes, titles.items(), strict=True):
    styles = zip(curves.items(), ("o--", "s-"), strict=True)
    for (solver, curve), style in styles:
        ax.semilogx(
            multiples,
            curve,
            style,
            color="black",
            markerfacecolor="white",
            label=solver,
        )
    ax.axvline(1, color="#D55E00", linestyle=":")
    ax.set(title=title, xlabel="sparsity_weight / scale", ylim=(0, 1))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].legend(loc="lower left", frameon=False)

# %%
# The dotted line is the default. Both solvers need a weight that is not too
# low. Up to ten times the scale they give nearly the same figures. Above that,
# the code of Adam collapses, but the code of L-BFGS does not change: there,
# ``sparsity_target`` and the weight decays set the sparsity (see
# :ref:`sphx_glr_auto_gallery_plot_kl_is_not_sparsity.py`). If the weight is too
# high, larger batches help Adam a little, because their means vary less. A
# lower weight is the better solution.
for batch_size in (32, 128, 512):
    model, messages = fit(100, solver="adam", batch_size=batch_size)
    warned = "(warned)" if messages else ""
    print(
        f"weight 100 scale, batches of {batch_size}: {figures(model)} {warned}"
    )

# sphinx_gallery_thumbnail_number = 1
plt.show()
