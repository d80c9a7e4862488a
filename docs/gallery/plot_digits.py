"""
Features of digits, and a classifier on them
============================================

The code of a sparse autoencoder in place of raw pixels: what its units look for, how sparse it is, and what a linear classifier
makes of it.
"""

# %%
# Fit
# ---
#
# Images of 8 x 8 pixels between 0 and 1, a quarter of them set aside. The autoencoder sees no labels.
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
# What the units look for
# -----------------------
#
# For each unit, the image of a given contrast that activates it most: ink in the white pixels raises its activation, ink in the
# black ones lowers it. Some units look for a single spot, most for ink in a few places and none beside them.
display = FeaturesDisplay.from_estimator(model, (8, 8))
display.figure_.suptitle("What each of the 64 units looks for")

# %%
# What is kept
# ------------
#
# Test rows above, and their reconstructions from 64 sparse activations below.
ReconstructionsDisplay.from_estimator(model, X_test[:10], (8, 8))

# %%
# How the activations are spread
# ------------------------------
#
# The activations of a good code spread from 0 to 1, and most are near 0. Those of a collapsed one would be a thin band at the
# target.
ActivationsDisplay.from_estimator(model, X_test)

# %%
# In a pipeline
# -------------
#
# As any transformer, it can be searched together with the classifier behind it, here over the weight of the sparsity penalty.
# "scale" is the default, which is set from the variance of the data.
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
