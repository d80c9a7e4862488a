"""
Generate new digits with a variational autoencoder
==================================================

A variational autoencoder is a generative model: it draws a code from a standard
normal distribution and decodes it. So it can generate new rows, and it can
interpolate smoothly between two rows. A plain autoencoder can do neither.
"""

# %%
# Printed digits
# --------------
#
# The images are digits in twelve typefaces, which come with matplotlib. Each
# digit is rotated, slanted and resized at random. An image has 20 x 20 pixels
# between 0 (black) and 1 (white).
from pathlib import Path

import matplotlib.path
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from skl_sparse_ae import VariationalAutoencoderTransformer
from skl_sparse_ae.plotting import LatentPlaneDisplay, SamplesDisplay

SIDE = 20
FOLDER = Path(matplotlib.get_data_path(), "fonts", "ttf")
FACES = [
    face
    for family in ("DejaVuSans", "DejaVuSerif", "STIXGeneral")
    for face in sorted(FOLDER.glob(f"{family}*.ttf"))
    if "Display" not in face.name and "Mono" not in face.name
]
# Each pixel is the mean of 2 x 2 points.
across = (np.arange(2 * SIDE) + 0.5) / SIDE - 1
points = np.stack(np.meshgrid(across, -across), axis=-1).reshape(-1, 2)


def outline(digit, face):
    """The polygons of a digit, between -1 and 1."""
    text = TextPath((0, 0), str(digit), prop=FontProperties(fname=face))
    low, high = text.get_extents().get_points()
    middle, size = (low + high) / 2, (high - low).max() / 2
    return [(polygon - middle) / size for polygon in text.to_polygons()]


def drawn(polygons, rng):
    """The pixels of a digit, rotated, slanted and resized at random."""
    angle, slant = rng.normal(0, 0.06), rng.normal(0, 0.1)
    sine, cosine = np.sin(angle), np.cos(angle)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    change = rng.uniform(0.75, 0.95) * rotation @ [[1, slant], [0, 1]]
    ink = np.zeros(len(points), dtype=bool)
    for polygon in polygons:  # those inside another are its holes
        ink ^= matplotlib.path.Path(polygon @ change.T).contains_points(points)
    return ink.reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3)).ravel()


rng = np.random.default_rng(0)
outlines = [[outline(digit, face) for face in FACES] for digit in range(10)]
y = rng.integers(10, size=3000)
faces = rng.integers(len(FACES), size=len(y))
rows = zip(y, faces, strict=True)
X = np.array([drawn(outlines[digit][face], rng) for digit, face in rows])
X = X.astype(np.float32)
print(f"{len(X)} images of {X.shape[1]} pixels in {len(FACES)} typefaces")

# %%
# A plane of codes
# ----------------
#
# Two code units can be drawn as a plane. Each row gets a posterior distribution
# over codes, and ``transform`` returns its mean. The fit does not use the
# labels, but each digit has a region of its own, or two. Most pixels are black
# or white, so the loss is the cross-entropy.
parameters = {
    "hidden_layer_sizes": (256, 64),
    "loss": "cross_entropy",
    "batch_size": 100,
    "max_iter": 40,
    "tol": 0,
    "random_state": 0,
}
plane = VariationalAutoencoderTransformer(2, **parameters).fit(X)
display = LatentPlaneDisplay.from_estimator(plane, X, y)

# %%
# The next figure decodes a grid of codes. All cells of the grid have the same
# probability under the prior, so each image is as likely as any other.
display = LatentPlaneDisplay.from_grid(
    plane, (SIDE, SIDE), n_lines=12, limits=(0, 1)
)

# %%
# New rows
# --------
#
# Two units are too few for sharp digits. With ten units, those that the data do
# not need would stay inactive.
model = VariationalAutoencoderTransformer(10, **parameters).fit(X)
print(f"{model.active_units_} of 10 units are active")
display = SamplesDisplay.from_estimator(
    model, X, (SIDE, SIDE), n_samples=30, random_state=0
)

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
# The upper images decode codes on the line between the code of a 7 and that of
# a 0. They change step by step, through other digits. The lower images mix the
# pixels: both digits are visible at once.
n_steps = 8
start, end = X[y == 7][0], X[y == 0][0]
share = np.linspace(0, 1, n_steps)[:, np.newaxis]
lines = {
    "codes": model.interpolate(start, end, n_steps),
    "pixels": (1 - share) * start + share * end,
}
figure, axes = plt.subplots(2, n_steps, figsize=(8, 2.6), layout="constrained")
figure.suptitle("From a 7 to a 0: codes change the shape, pixels only fade")
for line, (name, rows) in zip(axes, lines.items(), strict=True):
    line[0].set_ylabel(name)
    for ax, row in zip(line, rows, strict=True):
        ax.imshow(row.reshape(SIDE, SIDE), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
axes[0, 0].set_title("start", fontsize="medium")
axes[0, -1].set_title("end", fontsize="medium")

# %%
# The difference can be measured. Take the point halfway between two random
# digits of different kinds. How far is it from the nearest real row? The
# decoded codes are nearer than the mixed pixels:
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

# sphinx_gallery_thumbnail_number = 2
plt.show()
