"""
Why the KL penalty alone is not sparsity
========================================

The penalty of a sparse autoencoder is the Kullback-Leibler (KL) divergence of
each unit's mean activation from a target. It constrains only the means. A unit
can meet a target of 0.1 in two ways: it is fully active for one row in ten, or
it hovers at 0.1 for every row. The weight decay of the decoder decides between
the two.
"""

# %%
# The same target, twice
# ----------------------
#
# The decoder can use a unit that hovers: it multiplies the small differences by
# large weights. So nothing discourages hovering unless large decoder weights
# are penalised. Here are two fits to digits that differ only in
# ``decoder_alpha``, the penalty on the decoder's weights. One uses a hundredth
# of "scale", the other uses "scale", the default.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import (
    active_fraction,
    hoyer_sparsity,
    sparsity_divergence,
)

X_train, X_test = train_test_split(load_digits().data / 16, random_state=0)
target = 0.1


def fit(multiple):
    model = SparseAutoencoderTransformer(
        64,
        sparsity_target=target,
        decoder_alpha=f"{multiple:g}*scale",
        random_state=0,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X_train)
    return model, [str(warning.message) for warning in caught]


fits = {multiple: fit(multiple) for multiple in (0.01, 1)}
for multiple, (model, messages) in fits.items():
    code = model.transform(X_test)
    divergences = sparsity_divergence(model.transform(X_train), target)
    largest = np.abs(model.decoder_components_).max()
    print(f"decoder_alpha: {multiple:g} scale = {model.decoder_alpha_:g}")
    print(f"  mean activation                    {code.mean():8.3f}")
    print(f"  KL of the training rows, all units {divergences.sum():8.3f}")
    print(f"  share of activations above 0.5     {active_fraction(code):8.3f}")
    print(f"  Hoyer sparsity                     {hoyer_sparsity(code):8.3f}")
    print(f"  R2 of the reconstruction           {model.score(X_test):8.3f}")
    print(f"  largest decoder weight             {largest:8.2f}")
    print("  " + "\n  ".join(messages or ["no warning"]))

# %%
# Both means are near the target, and the penalty is small in both fits. But the
# codes differ. With the weak decay, hardly any activation exceeds 0.5, and
# ``fit`` warns that the units hardly vary.
#
# Distribution of the activations
# -------------------------------
#
# The upper images show the codes of 24 test rows: white is 0, black is 1. The
# histograms show all activations of the test rows: the share in each bin, on a
# logarithmic axis. The means, the dashed lines, are nearly the same. But on the
# left all units hover around the mean, and on the right most are near 0 and
# some are near 1.
figure, axes = plt.subplots(
    2, 2, figsize=(10, 6), height_ratios=[1, 1.2], layout="constrained"
)
figure.suptitle("The same mean activation, but only one sparse code")
for (multiple, (model, _)), above, ax in zip(fits.items(), *axes, strict=True):
    code = model.transform(X_test)
    above.imshow(code[:24], cmap="gray_r", vmin=0, vmax=1, aspect="auto")
    above.set(xlabel="unit", yticks=[], ylabel="24 rows")
    share = np.full(code.size, 1 / code.size)
    ax.hist(
        code.ravel(),
        bins=np.linspace(0, 1, 41),
        weights=share,
        color="0.75",
        edgecolor="black",
        linewidth=0.5,
        log=True,
    )
    ax.axvline(
        code.mean(),
        color="#D55E00",
        linestyle="--",
        label=f"mean {code.mean():.2f}",
    )
    hoyer = hoyer_sparsity(code)
    above.set_title(
        f"decoder_alpha: {multiple:g} scale\nHoyer sparsity {hoyer:.2f}"
    )
    ax.axvspan(0.5, 1, color="0.94", zorder=0)
    high = f"{active_fraction(code):.1%} above 0.5"
    ax.annotate(high, (0.75, 0.1), ha="center", fontsize="large")
    ax.set(xlabel="activation", xlim=(0, 1), ylim=(1e-4, 1))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper right", frameon=False)
axes[1, 0].set_ylabel("share of all activations")

# %%
# From one to the other
# ---------------------
#
# There is no threshold between the two. With more decay, the sparsity increases
# and the reconstruction gets worse. The mean hardly changes, so do not judge a
# code by its mean activation. Look at its distribution
# (:class:`~skl_sparse_ae.plotting.ActivationsDisplay`) or at
# :func:`~skl_sparse_ae.metrics.hoyer_sparsity`.
multiples = np.geomspace(0.01, 10, 7)
models = [fit(multiple)[0] for multiple in multiples]
codes = [model.transform(X_test) for model in models]
curves = {
    "R2 of the reconstruction": (
        "s-",
        [model.score(X_test) for model in models],
    ),
    "Hoyer sparsity": ("o-", [hoyer_sparsity(code) for code in codes]),
    "mean activation": ("^--", [code.mean() for code in codes]),
}
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, (style, values) in curves.items():
    ax.semilogx(
        multiples,
        values,
        style,
        color="black",
        markerfacecolor="white",
        label=name,
    )
ax.set(xlabel="decoder_alpha / scale", ylim=(0, 1))
ax.set_title("The mean hardly changes, but the sparsity does")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# sphinx_gallery_thumbnail_number = 1
plt.show()
