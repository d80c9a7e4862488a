"""
Edge detectors from image patches
=================================

A sparse autoencoder that is fitted to small patches of natural images learns
edges at several places, orientations and widths. Cells of the visual cortex
respond to similar edges. This is the first exercise of the UFLDL tutorial, with
scikit-learn's two photographs.
"""

# %%
# Whitened photographs
# --------------------
#
# Neighbouring pixels of a photograph are nearly equal, and patches differ
# mostly in their brightness. A code for brightness would say little about
# edges. So the spectrum is flattened first: each frequency is amplified in
# proportion to itself, up to a limit. Above the limit there is mostly noise
# (Olshausen and Field, 1996). UFLDL's images are prepared in the same way.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.compat import ufldl_parameters
from skl_sparse_ae.plotting import FeaturesDisplay, TopRowsDisplay


def whiten(image):
    frequency = np.hypot(
        *np.meshgrid(*map(np.fft.fftfreq, image.shape), indexing="ij")
    )
    return np.fft.ifft2(
        np.fft.fft2(image) * frequency * np.exp(-((frequency / 0.4) ** 4))
    ).real


photographs = [image.mean(axis=2) for image in load_sample_images().images]
whitened = [whiten(photograph) for photograph in photographs]
limit = 3 * np.std(whitened)

figure, axes = plt.subplots(2, 2, figsize=(8, 5.4), layout="constrained")
for ax, photograph, name in zip(
    axes[0], photographs, ("china.jpg", "flower.jpg"), strict=True
):
    ax.imshow(photograph, cmap="gray")
    ax.set_title(name)
for ax, image in zip(axes[1], whitened, strict=True):
    ax.imshow(image, cmap="gray", vmin=-limit, vmax=limit)
    ax.set_title("whitened")
for ax in axes.ravel():
    ax.set_axis_off()

# %%
# Ten thousand patches
# --------------------
#
# The patches have 8 x 8 pixels, and half of them are from each photograph. As
# in UFLDL, the mean of each patch is subtracted. Then all values are clipped at
# three standard deviations and mapped to 0.1 .. 0.9, a range that a sigmoid
# decoder can reach.
patches = [
    extract_patches_2d(image, (8, 8), max_patches=5000, random_state=0)
    for image in whitened
]
X = np.concatenate(patches).reshape(-1, 64)
X -= X.mean(axis=1, keepdims=True)
X = 0.5 + 0.4 * np.clip(X / (3 * X.std()), -1, 1)

# %%
# The constants of the tutorial
# -----------------------------
#
# The tutorial's constants belong to its own objective.
# :func:`~skl_sparse_ae.compat.ufldl_parameters` translates them. One
# is changed here: ``lambda_`` is half of the tutorial's value. With more decay,
# several units stay unused on two photographs. As in the tutorial, the fit runs
# all 400 iterations, because of ``tol=0``: edges take longer than a good
# reconstruction.
parameters = ufldl_parameters(64, lambda_=5e-5)
for name, value in parameters.items():
    print(f"{name} = {value!r}")
model = SparseAutoencoderTransformer(**parameters, tol=0, random_state=0).fit(X)
mean = model.transform(X).mean()
print(f"{model.n_iter_} iterations, R2 {model.score(X):.2f}, mean {mean:.3f}")

# %%
# For each unit, the figure shows the patch of unit norm that activates it most.
# Horizontal and vertical edges are frequent, because one of the two photographs
# shows a building. Several units learn similar edges.
display = FeaturesDisplay.from_estimator(
    model, image_shape=(8, 8), order="norm"
)


# %%
# Are the features edges?
# -----------------------
#
# In an edge or a grating, all gradients point along one line. The coherence of
# a patch measures this: it is 1 if they do, and near 0 if they point
# everywhere. The figure shows the coherence of the 25 features, of 25 random
# whitened patches, and of white noise.
def coherence(rows):
    down, across = np.gradient(rows.reshape(-1, 8, 8), axis=(1, 2))
    total, along = (
        (across**2 + down**2).sum(axis=(1, 2)),
        (across**2 - down**2).sum(axis=(1, 2)),
    )
    return np.hypot(along, 2 * (across * down).sum(axis=(1, 2))) / total


rng = np.random.default_rng(0)
groups = {
    "features": coherence(model.components_),
    "random patches": coherence(rng.choice(X, 25, replace=False)),
    "white noise": coherence(rng.standard_normal((25, 64))),
}
figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
for height, (name, values) in enumerate(groups.items()):
    print(f"{name}: median coherence {np.median(values):.2f}")
    ax.plot(
        values, np.full(25, height), "o", color="black", markerfacecolor="none"
    )
    ax.plot(
        np.median(values),
        height,
        "|",
        color="#D55E00",
        markersize=28,
        markeredgewidth=2.5,
    )
ax.set_yticks(range(3), groups)
ax.set_title("The features are edges: most have a single orientation")
ax.set(
    xlim=(0, 1),
    ylim=(2.6, -0.6),
    xlabel="coherence: 1 is a single orientation (bar: median)",
)
ax.spines[["top", "right"]].set_visible(False)

# %%
# The patches that activate one of the units most, with their activations. The
# first image is what the unit adds to a reconstruction: vertical stripes. Most
# of the patches have stripes at the same places. Some of these are slanted.
display = TopRowsDisplay.from_estimator(
    model,
    X,
    unit=int(np.argmax(groups["features"])),
    image_shape=(8, 8),
    feature=True,
)

# sphinx_gallery_thumbnail_number = 2
plt.show()
