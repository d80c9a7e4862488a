"""
Anomaly detection by reconstruction error
=========================================

An autoencoder learns to reconstruct rows like those it was fitted to. It
reconstructs other rows badly. So the error of a row measures how unusual the
row is, and the errors of its features show why. This example compares the
autoencoder with PCA of the same width and with ``IsolationForest``, on two
tasks. No method is best on both.
"""

# %%
# Unseen digits
# -------------
#
# Each of the ten digits in turn is left out of training. The task is to find it
# among unseen rows of all digits. ``score_samples`` is minus the error of each
# row. The area under the ROC curve measures the success: 0.5 is random
# guessing, and a lower value is worse than guessing. The parameters are the
# defaults. The width is not chosen: results are given for three.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import feature_errors

WIDTHS = (8, 16, 32)


def anomaly_scores(X_train, X_test):
    """Scores of each method, high for rows unlike those of X_train."""
    forest = IsolationForest(random_state=0).fit(X_train)
    scores = {"IsolationForest": -forest.score_samples(X_test)}
    for width in (width for width in WIDTHS if width < X_train.shape[1]):
        pca = PCA(width).fit(X_train)
        X_hat = pca.inverse_transform(pca.transform(X_test))
        scores[f"PCA, {width}"] = np.square(X_test - X_hat).mean(axis=1)
    for width in WIDTHS:
        model = SparseAutoencoderTransformer(width, random_state=0)
        model.fit(X_train)
        scores[f"autoencoder, {width}"] = -model.score_samples(X_test)
    return scores


X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
auc = {}
for digit in range(10):
    by_method = anomaly_scores(X_train[y_train != digit], X_test)
    for name, scores in by_method.items():
        auc.setdefault(name, []).append(roc_auc_score(y_test == digit, scores))
for name, values in auc.items():
    mean, lowest = np.mean(values), np.min(values)
    print(f"{name:16} ROC AUC: mean {mean:.3f}, lowest {lowest:.3f}")

# %%
# The results by digit, for the middle width:
shown = {"autoencoder, 16": "o", "PCA, 16": "^", "IsolationForest": "x"}
figure, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for name, marker in shown.items():
    fill = "white" if name.startswith("PCA") else "black"
    ax.plot(
        auc[name],
        marker,
        color="black",
        markerfacecolor=fill,
        markersize=7,
        label=name,
    )
ax.axhline(0.5, color="0.5", linestyle=":")
ax.annotate("random", (9.4, 0.5), ha="right", va="bottom", color="0.3")
ax.set(xlabel="digit left out of training", ylabel="ROC AUC")
ax.set(xticks=range(10), ylim=(0.3, 1))
ax.set_title("Detection of the digit that was left out of training")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# Why is a row an anomaly?
# ------------------------
#
# The breast cancer table has 30 measurements of cells. They are standardised.
# The models are fitted to benign rows only, and tested on other benign rows and
# on all malignant rows. Here ``IsolationForest`` is best, and PCA is as good as
# the autoencoder. Malignant rows differ by large values, which can be found
# without a reconstruction.
X, y = load_breast_cancer(return_X_y=True)
names = load_breast_cancer().feature_names
X_train, X_benign = train_test_split(X[y == 1], random_state=0)
scaler = StandardScaler().fit(X_train)
X_train = scaler.transform(X_train)
X_test = scaler.transform(np.concatenate([X_benign, X[y == 0]]))
is_malignant = np.arange(len(X_test)) >= len(X_benign)
for name, scores in anomaly_scores(X_train, X_test).items():
    print(f"{name:16} ROC AUC {roc_auc_score(is_malignant, scores):.3f}")

# %%
# The autoencoder gives a reason. The errors of the features of one row show
# what the code could not represent. Here are the errors of the row with the
# highest error, and the mean errors of the benign test rows.
model = SparseAutoencoderTransformer(8, random_state=0).fit(X_train)
worst = np.argmin(model.score_samples(X_test))
of_worst = feature_errors(model, X_test[[worst]])
usual = feature_errors(model, X_test[~is_malignant])
top = np.argsort(-of_worst)[:8][::-1]
kind = "malignant" if is_malignant[worst] else "benign"
print(f"row {worst} is {kind}; most unusual in its {names[top[-1]]}")
figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.plot(of_worst[top], range(8), "ko", label="the most anomalous row")
ax.plot(
    usual[top],
    range(8),
    "o",
    color="black",
    markerfacecolor="white",
    label="mean of benign test rows",
)
ax.hlines(range(8), usual[top], of_worst[top], color="0.75", zorder=0)
ax.set_yticks(range(8), names[top])
ax.set(xscale="log", title="Why this row is an anomaly")
ax.set_xlabel("squared error, in variances of the benign training rows")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# sphinx_gallery_thumbnail_number = 1
plt.show()
