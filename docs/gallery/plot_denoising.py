"""
Denoising
=========

What a code cannot express, a reconstruction does not have: fitted to clean digits, an autoencoder turns noisy ones into
something more like a digit. So does PCA, by projecting them. Which is better depends on the width, and on how much noise
there is.
"""

# %%
# Clean rows to learn from, noisy rows to clean
# ---------------------------------------------
#
# Both models are fitted to clean training rows, and given test rows with Gaussian noise. How far is the result from the clean
# test row? The root mean squared error is in units of the grey scale, 1 from black to white, and the noise itself has that
# error to begin with.
#
# The autoencoder comes twice: with default parameters, and with ten times the weight decay of the encoder. Small encoder
# weights react less to noise.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skl_sparse_ae import SparseAutoencoderTransformer

X_train, X_test = train_test_split(load_digits().data / 16, random_state=0)
rng = np.random.default_rng(0)
noisy = {sd: X_test + sd * rng.standard_normal(X_test.shape) for sd in (0.15, 0.3)}


def autoencoder(width, encoder_alpha=1e-4):
    return SparseAutoencoderTransformer(width, encoder_alpha=encoder_alpha, tol=1e-3, random_state=0).fit(X_train)


def pca(width):
    return PCA(width).fit(X_train)


def cleaned(model, X):
    return model.inverse_transform(model.transform(X))


def rms(errors):
    return np.sqrt(np.square(errors).mean())


models = {
    "PCA": {width: pca(width) for width in (4, 8, 12, 16, 24, 32, 48)},
    "autoencoder": {width: autoencoder(width) for width in (8, 16, 32, 64, 128)},
    "autoencoder, encoder_alpha=1e-3": {width: autoencoder(width, 1e-3) for width in (8, 16, 32, 64, 128)},
}
error = {
    (sd, name): [rms(cleaned(model, X) - X_test) for model in by_width.values()]
    for sd, X in noisy.items()
    for name, by_width in models.items()
}
for (sd, name), values in error.items():
    figures = ", ".join(f"{width}: {value:.3f}" for width, value in zip(models[name], values, strict=True))
    print(f"noise {sd:.2f}, {name}, error by width  {figures}")

# %%
# With as few units as components PCA is the better of the two at little noise: it is the best linear map of its width, and a
# component of PCA takes any value where a unit of the code goes from 0 to 1 only. But PCA ends at the number of pixels, where
# it returns the noise as it came, and has to be stopped the earlier the more noise there is. The autoencoder gains from width
# beyond that: with as many units as pixels and more it leaves less error than PCA does at any width. The stronger decay pays
# where there is much noise.
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, sd in zip(axes, noisy, strict=True):
    for (name, by_width), style in zip(models.items(), ("^:", "o--", "s-"), strict=True):
        ax.plot(list(by_width), error[sd, name], style, color="black", markerfacecolor="white", label=name)
    ax.axhline(sd, color="#D55E00")
    ax.annotate("noise", (128, sd), ha="right", va="bottom", color="#A04000")
    ax.set_xscale("log", base=2)
    ax.set_xticks([4, 8, 16, 32, 64, 128], [4, 8, 16, 32, 64, 128])
    ax.set(title=f"noise of {sd:g}", xlabel="components or units", ylim=(0, 0.32))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("error after cleaning")
axes[1].legend(loc="lower left", frameon=False)

# %%
# Ten digits
# ----------
#
# The stronger noise, and what is made of it: by PCA with the number of components that does best for it, by autoencoders with
# the stronger decay.
strong = noisy[0.3]
best = list(models["PCA"])[np.argmin(error[0.3, "PCA"])]
narrow, wide = (models["autoencoder, encoder_alpha=1e-3"][width] for width in (16, 128))
lines = {
    "clean": X_test,
    "noisy": strong,
    f"PCA, {best} components": cleaned(models["PCA"][best], strong),
    "autoencoder, 16 units": cleaned(narrow, strong),
    "autoencoder, 128 units": cleaned(wide, strong),
}
figure, axes = plt.subplots(len(lines), 1, figsize=(7.5, 3.2), layout="constrained")
for ax, (name, images) in zip(axes, lines.items(), strict=True):
    tiles = np.pad(images[:10].reshape(-1, 8, 8), ((0, 0), (0, 0), (0, 1)), constant_values=1)
    ax.imshow(np.hstack(tiles), cmap="gray", vmin=0, vmax=1)
    ax.set_yticks([3.5], [name])
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)

# sphinx_gallery_thumbnail_number = 2
plt.show()
