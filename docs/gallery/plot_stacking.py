"""
Stacked autoencoders and fine-tuning with few labels
====================================================

Often there are many rows but few labels. Here a second autoencoder is fitted to
the code of a first one, both on all rows without labels. Then they become the
hidden layers of a classifier, and the few labels fine-tune it. Is it better
than a network with random weights, or than a linear classifier?
"""

# %%
# A stack is a Pipeline
# ---------------------
#
# Each autoencoder is fitted to the output of the one before. Codes lie between
# 0 and 1, like the pixels, so they need no scaling.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.export import to_mlp_classifier
from skl_sparse_ae.metrics import explained_variance
from skl_sparse_ae.plotting import TopRowsDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, stratify=y, random_state=0
)

stack = make_pipeline(
    SparseAutoencoderTransformer(64, random_state=0),
    SparseAutoencoderTransformer(32, random_state=0),
)
stack.fit(X_train)
first, second = stack
code = first.transform(X_test)
X_back = stack.inverse_transform(stack.transform(X_test))
print(f"first: R2 of the pixels {first.score(X_test):.2f}")
print(f"second: R2 of the first's code {second.score(code):.2f}")
r2 = explained_variance(X_test, X_back)
print(f"both: R2 of the pixels from the second's code {r2:.2f}")

# %%
# What does a unit of the second layer represent? It has no weights on pixels.
# So look at the rows that activate it most, and, at the left, at what it adds
# to the reconstruction. These rows were found without labels.
figure, axes = plt.subplots(3, 1, figsize=(7.5, 3.6), layout="constrained")
for unit, ax in enumerate(axes):
    TopRowsDisplay.from_estimator(
        stack, X_test, unit, image_shape=(8, 8), feature=True, ax=ax
    )

# %%
# Few labels
# ----------
#
# :func:`~skl_sparse_ae.export.to_mlp_classifier` returns an
# ``MLPClassifier``. Its hidden layers are the two encoders, and its last layer
# is a logistic regression on the code. ``fit`` continues from there. It is
# compared with the same network from random weights, trained in the same way,
# and with logistic regressions on the pixels and on the code. All get the same
# labelled rows, drawn three times, and are scored on the same unseen rows. No
# parameter was chosen by these scores.
training = {"learning_rate_init": 0.01, "max_iter": 1000}


def classifiers(X, y, seed):
    """Fitted classifiers by name."""
    options = training | {"random_state": seed}
    tuned = to_mlp_classifier(stack, X, y, **options)
    random = MLPClassifier((64, 32), activation="logistic", **options)
    on_code = LogisticRegression(C=10, max_iter=2000)
    made = {
        "network, fine-tuned": tuned,
        "network, random start": random,
        "linear, on the code": make_pipeline(FrozenEstimator(stack), on_code),
        "linear, on the pixels": LogisticRegression(max_iter=2000),
    }
    return {name: classifier.fit(X, y) for name, classifier in made.items()}


n_labels = [50, 100, 200, 400, len(X_train)]
accuracy = {}
for n in n_labels:
    for seed in range(3):
        drawn = np.random.default_rng(seed).permutation(len(X_train))[:n]
        fitted = classifiers(X_train[drawn], y_train[drawn], seed)
        for name, classifier in fitted.items():
            score = classifier.score(X_test, y_test)
            accuracy.setdefault(name, {}).setdefault(n, []).append(score)
for name, by_n in accuracy.items():
    means = (f"{n}: {np.mean(scores):.3f}" for n, scores in by_n.items())
    print(f"{name:22}", "  ".join(means))

# %%
# The figure shows the means over the three draws.
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
styles = ("s-", "o--", "^:", "x-.")
for (name, by_n), style in zip(accuracy.items(), styles, strict=True):
    means = [np.mean(by_n[n]) for n in n_labels]
    ax.semilogx(
        n_labels,
        means,
        style,
        color="black",
        markerfacecolor="white",
        label=name,
    )
ax.set_xticks(n_labels, n_labels)
ax.minorticks_off()
ax.set(
    xlabel=f"labelled rows (of {len(X_train)})",
    ylabel="accuracy on unseen rows",
    title="With few labels, the initial weights matter",
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# With fewer labels, the first weights of the network matter more. With random
# weights it is far behind at first, and is equally good only when every row has
# a label. The linear classifier on the code is the stronger competitor. With up
# to 200 labels it is as good as the fine-tuned network, and much better than
# the linear classifier on the pixels: there, the gain comes from the code. With
# more labels the fine-tuned network is better, because its encoders adapt to
# the labels.

# sphinx_gallery_thumbnail_number = 2
plt.show()
