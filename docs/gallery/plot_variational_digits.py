"""
Generate new digits with a variational autoencoder
==================================================

A variational autoencoder is a generative model: it draws a code from a standard
normal distribution and decodes it. So, unlike a plain autoencoder, it can
generate new rows, and interpolate smoothly between two rows.
"""

# %%
# A plane of codes
# ----------------
#
# Two code units can be drawn as a plane. Each row gets a posterior distribution
# over codes, and ``transform`` returns its mean. The fit does not use the
# labels. By default the rows are Gaussian with a learned variance, which suits
# grey values.
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
# The next figure decodes a grid of codes. All cells of the grid have the same
# probability under the prior, so each image is as likely as any other.
display = LatentPlaneDisplay.from_grid(plane, (8, 8), n_lines=12, limits=(0, 1))
display.ax_.set_title("Rows decoded from a grid of codes")

# %%
# New rows
# --------
#
# Two units are too few for sharp digits. With ten units, those that the data do
# not need would stay unused.
model = VariationalAutoencoderTransformer(10, **parameters).fit(X)
print(f"{model.active_units_} of 10 units are active")
print(f"noise variance {model.noise_variance_:.4f}")
SamplesDisplay.from_estimator(model, X, (8, 8), n_samples=35, random_state=0)

# %%
# Do the new rows look like digits to a classifier? It was fitted to the real
# rows. For each of 1,000 samples it predicts a digit and a confidence. It is
# less confident than for real rows, and it finds all ten digits.
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
# Interpolation between two rows
# ------------------------------
#
# The upper images decode codes on the line between the code of a 5 (left) and
# that of a 0 (right). The lower images mix the pixels, so both digits are
# visible at once.
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
# At this size the difference is hard to see, but it can be measured. Take the
# point halfway between two random digits of different kinds. How far is it from
# the nearest real row? The distance is smaller for the decoded codes than for
# the mixed pixels:
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
