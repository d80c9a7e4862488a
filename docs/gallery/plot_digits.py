"""
Features of digits, and a classifier on them
============================================

This example fits a sparse autoencoder to digits. It shows what the units
respond to, how sparse the code is, and how well a linear classifier works on
the code instead of on raw pixels.
"""

# %%
# Fit
# ---
#
# The images have 8 x 8 pixels between 0 and 1. A quarter of the rows is kept
# for testing. The autoencoder does not use the labels.
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity
from skl_sparse_ae.plotting import (
    ActivationsDisplay,
    FeaturesDisplay,
    ReconstructionsDisplay,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
model = SparseAutoencoderTransformer(64, random_state=0).fit(X_train)
code = model.transform(X_test)
print(f"{model.n_iter_} iterations; R2 {model.score(X_test):.2f}")
print(f"mean activation {code.mean():.2f}")
print(f"Hoyer sparsity of the code   {hoyer_sparsity(code):.2f}")
print(f"Hoyer sparsity of the pixels {hoyer_sparsity(X_test):.2f}")

# %%
# What the units respond to
# -------------------------
#
# For each unit, the figure shows the image of a given contrast that activates
# it most. Ink in the white pixels raises the activation, ink in the black
# pixels lowers it. Some units respond to a single spot. Most respond to ink in
# a few places and no ink next to them.
display = FeaturesDisplay.from_estimator(model, (8, 8))
display.figure_.savefig("digits_features.png")

# %%
# Reconstructions
# ---------------
#
# The test rows are above, and their reconstructions from 64 sparse activations
# are below.
ReconstructionsDisplay.from_estimator(model, X_test[:10], (8, 8))

# %%
# Distribution of the activations
# -------------------------------
#
# The activations of a good code spread from 0 to 1, and most are near 0. Those
# of a collapsed code would be a thin band at the target.
ActivationsDisplay.from_estimator(model, X_test)

# %%
# In a pipeline
# -------------
#
# Like any transformer, the autoencoder can be searched together with the
# classifier that follows it. Here the search is over the weight of the sparsity
# penalty. "scale" is the default, which is set from the variance of the data.
pixels = LogisticRegression(max_iter=5000).fit(X_train, y_train)
pipeline = make_pipeline(
    SparseAutoencoderTransformer(64, random_state=0),
    LogisticRegression(C=10, max_iter=5000),
)
name = "sparseautoencodertransformer__sparsity_weight"
search = GridSearchCV(pipeline, {name: ["0.3*scale", "scale", "3*scale"]}, cv=3)
search.fit(X_train, y_train)
print("best:", search.best_params_)
print(f"accuracy on test rows, pixels: {pixels.score(X_test, y_test):.3f}")
print(f"accuracy on test rows, code:   {search.score(X_test, y_test):.3f}")

# %%
# Other random starts
# -------------------
#
# A fit starts at random weights, so its figures depend on the seed. Here are
# the medians of five fits with default settings, and the range of the accuracy.
figures = []
for seed in range(5):
    other = SparseAutoencoderTransformer(64, random_state=seed).fit(X_train)
    code = other.transform(X_test)
    classifier = LogisticRegression(C=10, max_iter=5000)
    classifier.fit(other.transform(X_train), y_train)
    accuracy = classifier.score(code, y_test)
    figures.append((other.score(X_test), hoyer_sparsity(code), accuracy))
r2, sparsity, accuracy = np.median(figures, axis=0)
*_, lowest = np.min(figures, axis=0)
*_, highest = np.max(figures, axis=0)
print(f"R2 {r2:.2f}, Hoyer sparsity of the code {sparsity:.2f}")
print(f"accuracy {accuracy:.3f}, from {lowest:.3f} to {highest:.3f}")
