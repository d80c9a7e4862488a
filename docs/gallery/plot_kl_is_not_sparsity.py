"""
Why a KL penalty alone is not sparsity
======================================

The penalty of a sparse autoencoder, the Kullback-Leibler divergence of each unit's mean activation from a target, says
something about means only. A unit meets a target of 0.1 by firing fully for one row in ten; or by hovering at 0.1 for every
row. What decides between the two is the weight decay of the decoder.
"""

# %%
# The same target, twice
# ----------------------
#
# A unit that hovers can be of use to the decoder all the same: it need only multiply the small differences by large weights.
# So nothing stands against hovering, unless large decoder weights cost something. Here are two fits to digits that differ in
# nothing but ``decoder_alpha``, the cost of the decoder's weights.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import active_fraction, hoyer_sparsity, sparsity_divergence

X_train, X_test = train_test_split(load_digits().data / 16, random_state=0)
target = 0.1


def fit(decoder_alpha):
    model = SparseAutoencoderTransformer(64, sparsity_target=target, decoder_alpha=decoder_alpha, tol=1e-3, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X_train)
    return model, [str(warning.message) for warning in caught]


fits = {decoder_alpha: fit(decoder_alpha) for decoder_alpha in (1e-4, 1e-2)}
for decoder_alpha, (model, messages) in fits.items():
    code = model.transform(X_test)
    print(f"decoder_alpha={decoder_alpha:g}")
    print(f"  mean activation                    {code.mean():8.3f}")
    print(f"  KL of the training rows, all units {sparsity_divergence(model.transform(X_train), target).sum():8.0e}")
    print(f"  share of activations above 0.5     {active_fraction(code):8.3f}")
    print(f"  Hoyer sparsity                     {hoyer_sparsity(code):8.3f}")
    print(f"  R2 of the reconstruction           {model.score(X_test):8.3f}")
    print(f"  largest decoder weight             {np.abs(model.decoder_components_).max():8.2f}")
    print("  " + "\n  ".join(messages or ["no warning"]))

# %%
# Both means are on target, and there is next to nothing left of the penalty. The codes are another matter: with the weak
# decay nearly no activation ever comes above 0.5, and ``fit`` warns that the units hardly vary.
#
# The picture
# -----------
#
# All activations of the test rows, on a logarithmic scale: the share that falls into each bin. Both histograms have the same
# mean, the dashed line. One is a heap around it, the other has most of its activations near 0 and a tail that reaches 1.
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharex=True, sharey=True, layout="constrained")
for ax, (decoder_alpha, (model, _)), name in zip(axes, fits.items(), ("weak", "strong"), strict=True):
    code = model.transform(X_test)
    share = np.full(code.size, 1 / code.size)
    ax.hist(code.ravel(), bins=np.linspace(0, 1, 41), weights=share, color="0.75", edgecolor="black", linewidth=0.5, log=True)
    ax.axvline(code.mean(), color="#D55E00", linestyle="--", label=f"mean {code.mean():.2f}")
    ax.set_title(f"{name} decoder decay, {decoder_alpha:g}\nHoyer sparsity {hoyer_sparsity(code):.2f}")
    ax.set(xlabel="activation", xlim=(0, 1))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper right", frameon=False)
axes[0].set_ylabel("share of all activations")

# %%
# From one to the other
# ---------------------
#
# In between there is no threshold: sparsity rises with the decay, and costs reconstruction. The mean stays where it is, all
# the way, so do not judge a code by its mean activation: look at its distribution
# (:class:`~skl_sparse_ae.plotting.ActivationsDisplay`) or at :func:`~skl_sparse_ae.metrics.hoyer_sparsity`.
decays = np.geomspace(1e-4, 1e-1, 7)
models = [fit(decay)[0] for decay in decays]
codes = [model.transform(X_test) for model in models]
curves = {
    "R2 of the reconstruction": ("s-", [model.score(X_test) for model in models]),
    "Hoyer sparsity": ("o-", [hoyer_sparsity(code) for code in codes]),
    "mean activation": ("^--", [code.mean() for code in codes]),
}
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, (style, values) in curves.items():
    ax.semilogx(decays, values, style, color="black", markerfacecolor="white", label=name)
ax.set(xlabel="decoder_alpha", ylim=(0, 1), title="The mean is the same throughout, sparsity is not")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# sphinx_gallery_thumbnail_number = 1
plt.show()
