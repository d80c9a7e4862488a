"""
New digits: a variational autoencoder
=====================================

A variational autoencoder is a model of how rows come about: a code is drawn from a standard normal distribution and decoded.
So it can do what others cannot: make new rows, and go smoothly from one row to another.
"""

# %%
# A plane of codes
# ----------------
#
# Two code units can be looked at. Every row gets a posterior distribution over codes; ``transform`` returns its mean. The
# labels have no part in the fit. Gaussian rows with a learned variance are the default, and suit grey values.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from skl_sparse_ae import VariationalAutoencoderTransformer
from skl_sparse_ae.plotting import LatentPlaneDisplay, SamplesDisplay

X, y = load_digits(return_X_y=True)
X = X / 16
parameters = {
    "hidden_layer_sizes": (128, 64),
    "max_iter": 100,
    "tol": 0,
    "random_state": 0,
}
plane = VariationalAutoencoderTransformer(2, **parameters).fit(X)
display = LatentPlaneDisplay.from_estimator(plane, X, y)
display.ax_.set_title("Each row at the mean of its posterior")

# %%
# And back: what a grid of codes is decoded to. Its points have equal shares of the prior between them, so each image is as
# likely as any other.
display = LatentPlaneDisplay.from_grid(plane, (8, 8), n_lines=12, limits=(0, 1))
display.ax_.set_title("The rows that points of the plane stand for")

# %%
# New rows
# --------
#
# Two numbers are too few for sharp digits. Of ten units, those that the data did not need would stay unused.
model = VariationalAutoencoderTransformer(10, **parameters).fit(X)
print(f"{model.active_units_} of 10 units are active")
print(f"noise variance {model.noise_variance_:.4f}")
SamplesDisplay.from_estimator(model, X, (8, 8), n_samples=35, random_state=0)

# %%
# Do they look like digits to somebody else? A classifier fitted to the real ones says which digit it takes each of 1,000
# samples for, and how sure it is: not as sure as of real rows, and of all ten kinds.
classifier = LogisticRegression(max_iter=5000).fit(X, y)
for name, rows in (
    ("real rows", X),
    ("samples", model.sample(1000, random_state=0)),
):
    chances = classifier.predict_proba(rows)
    shares = np.bincount(chances.argmax(axis=1), minlength=10) / len(rows)
    confidence = np.median(chances.max(axis=1))
    print(f"{name:9}: median confidence {confidence:.2f}")
    print(f"           shares of the digits {shares.round(2)}")

# %%
# From one row to another
# -----------------------
#
# Codes on the line between those of a 5 (left) and a 0 (right), decoded. Below, the images themselves are mixed, so that both
# digits show through.
start, end = X[y == 5][0], X[y == 0][0]
share = np.linspace(0, 1, 10)[:, np.newaxis]
lines = model.interpolate(start, end, 10), (1 - share) * start + share * end
figure, axes = plt.subplots(2, 10, figsize=(8, 2.2), layout="constrained")
figure.suptitle("From a 5 to a 0")
for line, rows in zip(axes, lines, strict=True):
    for ax, row in zip(line, rows, strict=True):
        ax.imshow(row.reshape(8, 8), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
axes[0, 0].set_ylabel("codes")
axes[1, 0].set_ylabel("pixels")

# %%
# At this size the eye sees little of the difference, but it can be measured. Halfway between two random digits of different
# kinds, how far is it to the nearest real row? Less far from the decoded codes than from the mixed pixels:
a, b = np.random.default_rng(0).integers(len(X), size=(2, 500))
a, b = a[y[a] != y[b]], b[y[a] != y[b]]
code = model.transform(X)
halfway = {
    "codes": model.inverse_transform((code[a] + code[b]) / 2),
    "pixels": (X[a] + X[b]) / 2,
}
neighbours = NearestNeighbors(n_neighbors=1).fit(X)
for name, rows in halfway.items():
    distances, _ = neighbours.kneighbors(rows)
    print(f"{name:6}: median distance {np.median(distances):.2f}")

# sphinx_gallery_thumbnail_number = 1
plt.show()
