"""
Denoising images
================

A reconstruction contains only what the code can represent. So an autoencoder
that was fitted to clean digits makes noisy digits cleaner. PCA does the same,
by projection. Which is better depends on the width and on the amount of noise.
"""

# %%
# Fit to clean rows, apply to noisy rows
# --------------------------------------
#
# Both models are fitted to clean training rows. The input is test rows with
# Gaussian noise, and the output is compared with the clean test rows. The root
# mean squared error is in units of the grey scale, where white minus black is
# 1. Without a model, the error is the standard deviation of the noise.
#
# There are two versions of the autoencoder: one with default parameters, and
# one with ten times the default weight decay of the encoder. Small encoder
# weights are less sensitive to noise. No noise is added during the fit, so this
# is not a denoising autoencoder in the strict sense.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skl_sparse_ae import SparseAutoencoderTransformer

X_train, X_test = train_test_split(load_digits().data / 16, random_state=0)
rng = np.random.default_rng(0)
noise = rng.standard_normal(X_test.shape), rng.standard_normal(X_test.shape)
noisy = {sd: X_test + sd * z for sd, z in zip((0.15, 0.3), noise, strict=True)}


def autoencoder(width, encoder_alpha):
    model = SparseAutoencoderTransformer(
        width, encoder_alpha=encoder_alpha, random_state=0
    )
    return model.fit(X_train)


def pca(width):
    return PCA(width).fit(X_train)


def cleaned(model, X):
    return model.inverse_transform(model.transform(X))


def rms(errors):
    return np.sqrt(np.square(errors).mean())


widths = (8, 16, 32, 64, 128)
models = {"PCA": {width: pca(width) for width in (4, 8, 12, 16, 24, 32, 48)}}
for name, alpha in {"default": "scale", "10 x decay": "10*scale"}.items():
    models[f"autoencoder, {name}"] = {
        width: autoencoder(width, alpha) for width in widths
    }
error = {
    (sd, name): [rms(cleaned(model, X) - X_test) for model in by_width.values()]
    for sd, X in noisy.items()
    for name, by_width in models.items()
}
for (sd, name), values in error.items():
    by_width = zip(models[name], values, strict=True)
    figures = ", ".join(f"{width}: {value:.3f}" for width, value in by_width)
    print(f"noise {sd:.2f}, {name}, error by width:  {figures}")

# %%
# With little noise, PCA is better than an autoencoder with as many units as PCA
# has components. PCA is the best linear map of its width, and a component can
# take any value, but a unit only values from 0 to 1. But the width of PCA is
# limited. With as many components as pixels it returns the noise unchanged, and
# with more noise it may keep fewer components. The autoencoder still improves
# with more units. With as many units as pixels, or more, its error is lower
# than that of PCA at any width. The stronger decay helps with much noise, and
# harms with little noise.
figure, axes = plt.subplots(
    1, 2, figsize=(10, 4), sharey=True, layout="constrained"
)
figure.suptitle("With many units, the autoencoder removes more noise than PCA")
for ax, sd in zip(axes, noisy, strict=True):
    for name, style in zip(models, ("^:", "o--", "s-"), strict=True):
        ax.plot(
            list(models[name]),
            error[sd, name],
            style,
            color="black",
            markerfacecolor="white",
            label=name,
        )
    ax.axhline(sd, color="#D55E00")
    ax.annotate("noise", (128, sd), ha="right", va="bottom", color="#A04000")
    ax.set_xscale("log", base=2)
    ax.set_xticks([4, 8, 16, 32, 64, 128], [4, 8, 16, 32, 64, 128])
    ax.set(
        title=f"noise of {sd:g}", xlabel="components or units", ylim=(0, 0.32)
    )
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("error after cleaning")
axes[1].legend(loc="lower left", frameon=False)

# %%
# Ten digits
# ----------
#
# The images with the stronger noise, cleaned by PCA with its best number of
# components, and by autoencoders with the stronger decay:
strong = noisy[0.3]
best = list(models["PCA"])[np.argmin(error[0.3, "PCA"])]
narrow, wide = (models["autoencoder, 10 x decay"][width] for width in (16, 128))
lines = {
    "clean": X_test,
    "noisy": strong,
    f"PCA, {best} components": cleaned(models["PCA"][best], strong),
    "autoencoder, 16": cleaned(narrow, strong),
    "autoencoder, 128": cleaned(wide, strong),
}
figure, axes = plt.subplots(
    len(lines), 1, figsize=(9, 4.2), layout="constrained"
)
figure.suptitle("Noise of 0.3, before and after cleaning")
for ax, (name, images) in zip(axes, lines.items(), strict=True):
    tiles = np.pad(
        images[:10].reshape(-1, 8, 8),
        ((0, 0), (0, 0), (0, 1)),
        constant_values=1,
    )
    ax.imshow(np.hstack(tiles), cmap="gray", vmin=0, vmax=1)
    ax.set_yticks([3.5], [name])
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)

# sphinx_gallery_thumbnail_number = 2
plt.show()
