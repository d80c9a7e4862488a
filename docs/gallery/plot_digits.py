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
from skl_sparse_ae.plotting import ActivationsDisplay, FeaturesDisplay, ReconstructionsDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
model = SparseAutoencoderTransformer(64, random_state=0).fit(X_train)
code = model.transform(X_test)
print(f"{model.n_iter_} iterations; R2 {model.score(X_test):.2f}")
print(f"mean activation {code.mean():.2f}")
print(f"Hoyer sparsity of the code {hoyer_sparsity(code):.2f}, of the pixels {hoyer_sparsity(X_test):.2f}")

# %%
# What the units look for
# -----------------------
#
# For each unit, the image of a given contrast that excites it most: ink in the white pixels speaks for it, ink in the black
# ones against it. Some look for a single spot, most for a piece of a stroke beside empty paper.
FeaturesDisplay.from_estimator(model, (8, 8))

# %%
# What is kept
# ------------
#
# Test rows above, and what 64 sparse activations say of them below.
ReconstructionsDisplay.from_estimator(model, X_test[:10], (8, 8))

# %%
# How the activations are spread
# ------------------------------
#
# A good code spreads from 0 to 1, with most of it near 0; one that has collapsed would be a thread at the target.
ActivationsDisplay.from_estimator(model, X_test)

# %%
# In a pipeline
# -------------
#
# As any transformer, it is searched together with the classifier behind it, here by the weight of the sparsity penalty.
pixels = LogisticRegression(max_iter=5000).fit(X_train, y_train)
pipeline = make_pipeline(SparseAutoencoderTransformer(64, tol=1e-3, random_state=0), LogisticRegression(C=10, max_iter=5000))
search = GridSearchCV(pipeline, {"sparseautoencodertransformer__sparsity_weight": [0.02, 0.2]}, cv=3)
search.fit(X_train, y_train)
print("best:", search.best_params_)
print(f"accuracy on test rows: pixels {pixels.score(X_test, y_test):.3f}, code {search.score(X_test, y_test):.3f}")
