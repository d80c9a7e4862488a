"""
What the sparsity weight does
=============================

Textbooks say of the weight of the sparsity penalty: too low, and the units are not sparse and learn nothing of interest; too
high, and they keep to their target at the price of the reconstruction. Here is what that looks like, and how much of it is
due to the solver.
"""

# %%
# Three weights, mini-batches
# ---------------------------
#
# Digits of 8 x 8 pixels, divided by 16; 32 units, drawn to a mean activation of 0.1 by Adam on mini-batches of 64 rows, the
# way such networks are usually trained. What ``fit`` warns of is collected here, to be printed beside the figures. R2 and
# sparsity (Hoyer's measure: 0 if all units are equally active, 1 if only one is) are those of rows that ``fit`` has not seen.
import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity
from skl_sparse_ae.plotting import ActivationsDisplay, FeaturesDisplay

X_train, X_test = train_test_split(load_digits().data / 16, random_state=0)


def fit(weight, **parameters):
    model = SparseAutoencoderTransformer(32, sparsity_weight=weight, random_state=0, **parameters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X_train)
    return model, [str(warning.message) for warning in caught]


mini_batches = {"solver": "adam", "batch_size": 64}
names = {1e-4: "too low", 1e-2: "about right", 10.0: "too high"}
fits = {weight: fit(weight, **mini_batches) for weight in names}
for weight, (model, messages) in fits.items():
    code = model.transform(X_test)
    print(f"sparsity_weight={weight:g}: {names[weight]}")
    print(f"  R2 {model.score(X_test):.2f}, mean activation {code.mean():.2f}, Hoyer sparsity {hoyer_sparsity(code):.2f}")
    print("  " + "\n  ".join(messages or ["no warning"]))

# %%
# The picture has a column for each weight. Above, what each unit adds to the reconstruction; below, how active each unit is
# over the rows. Too low: the units fire for about anything, and the means (dots) are far above the target. About right: every
# unit is silent for most rows and speaks up for some. Too high: the bands have shrunk to a thread at the target. It is met,
# by a code that says next to nothing: the units have become copies of one another. Two of the three come with a warning that
# says so.
figure, axes = plt.subplots(2, 3, figsize=(11, 5.6), height_ratios=[1, 1.2], layout="constrained")
for weight, above, below in zip(names, *axes, strict=True):
    model, _ = fits[weight]
    FeaturesDisplay.from_estimator(model, (8, 8), weights="decoder", ax=above, n_columns=8)
    ActivationsDisplay.from_estimator(model, X_test, ax=below)
    code = model.transform(X_test)
    figures = f"R2 {model.score(X_test):.2f}, Hoyer sparsity {hoyer_sparsity(code):.2f}"
    above.set_title(f"weight {weight:g}: {names[weight]}\n{figures}")
for ax in axes[1, :2]:
    ax.get_legend().remove()
for ax in axes[1, 1:]:
    ax.set_ylabel("")

# %%
# All rows at once
# ----------------
#
# Why should too high a weight ruin anything, once the means are on target? Because a mini-batch has means of its own. They
# stray from the target by chance, the more the more the units vary, and the penalty is paid for that, too: so it pays not to
# vary. L-BFGS takes the means over all rows, which do not stray. The same weights with either solver:
weights = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
solvers = {"adam, mini-batches of 64": mini_batches, "lbfgs, all rows": {"tol": 1e-3}}
r2, hoyer = {}, {}
for solver, parameters in solvers.items():
    models = [fit(weight, **parameters)[0] for weight in weights]
    r2[solver] = [model.score(X_test) for model in models]
    hoyer[solver] = [hoyer_sparsity(model.transform(X_test)) for model in models]
    for weight, *figures in zip(weights, r2[solver], hoyer[solver], strict=True):
        print("{}, weight {:g}: R2 {:.2f}, Hoyer sparsity {:.2f}".format(solver, weight, *figures))

figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharex=True, sharey=True, layout="constrained")
for ax, values, name in zip(axes, (r2, hoyer), ("R2 of the reconstruction", "Hoyer sparsity of the code"), strict=True):
    for (solver, curve), style in zip(values.items(), ("o--", "s-"), strict=True):
        ax.semilogx(weights, curve, style, color="black", markerfacecolor="white", label=solver)
    ax.set(title=name, xlabel="sparsity_weight", ylim=(0, 1))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].legend(loc="lower left", frameon=False)

# %%
# So the first half of what the textbooks say is true of both solvers, the second half of mini-batches: there the weight has a
# range in which it works. With all rows at once it has a lower end only, for as far as the picture goes; beyond it sparsity
# is set by ``sparsity_target`` and the weight decays (see :ref:`sphx_glr_auto_gallery_plot_kl_is_not_sparsity.py`). With
# Adam, a weight that is too high can be met by larger batches, whose means stray less, as well as by a lower weight:
for batch_size in (32, 128, 512):
    model, messages = fit(1.0, solver="adam", batch_size=batch_size)
    figures = model.score(X_test), hoyer_sparsity(model.transform(X_test))
    print("weight 1, batches of {}: R2 {:.2f}, Hoyer sparsity {:.2f}".format(batch_size, *figures), "(warned)" * bool(messages))

# sphinx_gallery_thumbnail_number = 1
plt.show()
