"""
Edge detectors from image patches
=================================

The classic of the field: a sparse autoencoder that sees small patches of natural images learns edges, of several places,
orientations and widths, much as cells of the visual cortex are tuned. This is the first exercise of the UFLDL tutorial, on
scikit-learn's two photographs.
"""

# %%
# Whitened photographs
# --------------------
#
# Neighbouring pixels of a photograph are nearly equal, and most of what a patch varies by is its brightness. A code for that
# would say little about edges, so the spectrum is flattened first: frequencies are amplified in proportion, up to a limit
# beyond which there is mostly noise (Olshausen and Field, 1996). UFLDL's images come like this, too.
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
# Patches of 8 x 8 pixels, half from each photograph. As in UFLDL each loses its own mean, and all are cut at three standard
# deviations and mapped to 0.1 .. 0.9, where a sigmoid decoder can reach them.
patches = [
    extract_patches_2d(image, (8, 8), max_patches=5000, random_state=0)
    for image in whitened
]
X = np.concatenate(patches).reshape(-1, 64)
X -= X.mean(axis=1, keepdims=True)
X = 0.5 + 0.4 * np.clip(X / (3 * X.std()), -1, 1)

# %%
# Other people's constants
# ------------------------
#
# The tutorial's constants belong to its own objective. :func:`~skl_sparse_ae.compat.ufldl_parameters` translates
# them; the one changed here is ``lambda_``, half of the tutorial's: with more decay, two photographs leave several of the
# units unused. As in the tutorial all 400 iterations are run, by ``tol=0``: edges take longer than a good reconstruction.
parameters = ufldl_parameters(64, lambda_=5e-5)
for name, value in parameters.items():
    print(f"{name} = {value!r}")
model = SparseAutoencoderTransformer(**parameters, tol=0, random_state=0).fit(X)
mean = model.transform(X).mean()
print(f"{model.n_iter_} iterations, R2 {model.score(X):.2f}, mean {mean:.3f}")

# %%
# What each unit looks for: the patch of unit norm that activates it most. Horizontal and vertical edges are frequent, because
# one of the two photographs is of a building. Some of the edges are found by several units.
display = FeaturesDisplay.from_estimator(
    model, image_shape=(8, 8), order="norm"
)
display.figure_.suptitle(
    "What each of the 25 units looks for", fontsize="medium"
)


# %%
# How much of an edge?
# --------------------
#
# In an edge or a grating all gradients point along one line. The coherence of a patch measures that: 1 if they do, near 0 if
# they point everywhere. Here are those of the 25 features, of as many whitened patches drawn at random, and of white noise.
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
ax.set(
    xlim=(0, 1),
    ylim=(2.6, -0.6),
    xlabel="coherence: 1 is a single orientation (bar: median)",
)
ax.spines[["top", "right"]].set_visible(False)

# %%
# The patches that activate one of the units most, with their activations: all have its edge, whatever else they hold.
display = TopRowsDisplay.from_estimator(
    model, X, unit=int(np.argmax(groups["features"])), image_shape=(8, 8)
)

# sphinx_gallery_thumbnail_number = 2
plt.show()
