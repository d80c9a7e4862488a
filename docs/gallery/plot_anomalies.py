"""
Anomaly detection by reconstruction error
=========================================

An autoencoder learns to reconstruct rows like those that it is fitted to. Its
error on a row therefore measures how unusual the row is.
``AutoencoderOutlierDetector`` makes this an outlier detector with the methods
of those in scikit-learn.
"""

# %%
# Outliers in a table
# -------------------
#
# The breast cancer table has 30 measurements of cells. Here 20 malignant rows
# are hidden among 357 benign ones, without labels. ``predict`` returns -1 for
# outliers. ``contamination`` is the share of outliers to expect. It decides the
# threshold and does not change the scores. The area under the ROC curve
# measures how well the scores separate the two classes: 0.5 is random guessing.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import (
    AutoencoderOutlierDetector,
    SparseAutoencoderTransformer,
)
from skl_sparse_ae.metrics import feature_errors

table = load_breast_cancer()
benign, malignant = table.data[table.target == 1], table.data[table.target == 0]
X = np.concatenate([benign, malignant[:20]])
is_malignant = np.arange(len(X)) >= len(benign)

detector = AutoencoderOutlierDetector(contamination=0.05, random_state=0)
is_outlier = detector.fit_predict(X) == -1
print(f"outliers: {is_outlier.sum()}")
print(f"of these, malignant: {(is_outlier & is_malignant).sum()} of 20")
auc = roc_auc_score(is_malignant, -detector.score_samples(X))
print(f"AutoencoderOutlierDetector: ROC AUC {auc:.3f}")
forest = IsolationForest(random_state=0).fit(X)
auc = roc_auc_score(is_malignant, -forest.score_samples(X))
print(f"IsolationForest: ROC AUC {auc:.3f}")
factor = LocalOutlierFactor().fit(StandardScaler().fit_transform(X))
auc = roc_auc_score(is_malignant, -factor.negative_outlier_factor_)
print(f"LocalOutlierFactor: ROC AUC {auc:.3f}")

# %%
# The three detectors are about equally good on this table. The figure shows the
# scores and the threshold. Some benign rows are as unusual as malignant ones.
errors = -detector.score_samples(X)
bins = np.geomspace(errors.min(), errors.max(), 40)
figure, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.hist(errors[~is_malignant], bins, color="0.75", label="benign")
ax.hist(errors[is_malignant], bins, color="#c1440e", label="malignant")
ax.axvline(-detector.offset_, color="black", linestyle="--")
ax.annotate(
    "threshold: minus offset_",
    (-detector.offset_, ax.get_ylim()[1]),
    xytext=(5, -5),
    textcoords="offset points",
    va="top",
)
ax.set(xscale="log", xlabel="error, in variances of a column", ylabel="rows")
ax.set_title("Malignant rows have large reconstruction errors")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# Why is a row an outlier?
# ------------------------
#
# The errors of the columns show what the autoencoder could not reconstruct.
# Here are the errors of the row with the lowest score, and the mean errors of
# the rows that are not outliers.
worst = np.argmin(detector.score_samples(X))
of_worst = feature_errors(detector.estimator_, X[[worst]])
usual = feature_errors(detector.estimator_, X[~is_outlier])
top = np.argsort(-of_worst)[:8][::-1]
figure, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.hlines(range(8), usual[top], of_worst[top], color="0.75", zorder=0)
ax.plot(of_worst[top], range(8), "ko", label="this row")
ax.plot(
    usual[top],
    range(8),
    "o",
    color="black",
    markerfacecolor="white",
    label="mean of inliers",
)
ax.set_yticks(range(8), table.feature_names[top])
ax.set(xscale="log", xlabel="error, in variances of the column")
ax.set_title(f"Row {worst} is unusual in its {table.feature_names[top[-1]]}")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# Wide codes and outliers among the training rows
# -----------------------------------------------
#
# An autoencoder also learns to reconstruct the outliers that it is fitted to.
# Here 5% of the training rows are outliers, and other rows are tested. The
# outliers are malignant rows among benign ones, and setosa flowers among the
# other two kinds of iris. On breast cancer they cost a plain autoencoder about
# 0.13 at any width. On iris they cost most with many units for each column.
#
# The detector has two settings against this. ``trim=0.2`` leaves the fifth of
# the rows that is farthest from the mean out of the fit.
# ``decoder_alpha="3*scale"`` limits the weights of the decoder. The default
# width is one unit for each column. All points are means over five splits.
UNITS_PER_COLUMN = (0.25, 0.5, 1, 2, 4, 8)


def auc_of(rows, n_components, share, trim, decoder_alpha, seed):
    """ROC AUC on test rows, after a fit to rows with a share of outliers."""
    rng = np.random.default_rng(seed)
    normal, odd = (rng.permutation(kind) for kind in rows)
    n_train = int(0.6 * len(normal))
    n_odd = round(share * n_train)
    train = np.concatenate([normal[: n_train - n_odd], odd[:n_odd]])
    test = np.concatenate([normal[n_train:], odd[n_train // 10 :]])
    model = SparseAutoencoderTransformer(
        n_components, decoder_alpha=decoder_alpha
    )
    detector = AutoencoderOutlierDetector(
        make_pipeline(StandardScaler(), model), trim=trim, random_state=seed
    ).fit(train)
    is_odd = np.arange(len(test)) >= len(normal) - n_train
    return roc_auc_score(is_odd, -detector.score_samples(test))


X, y = load_iris(return_X_y=True)
tables = {"breast cancer": (benign, malignant), "iris": (X[y != 0], X[y == 0])}
settings = {
    "plain, no outliers in training": ((0, 0, "scale"), "o-", "0.65"),
    "defaults, 5% outliers": ((0.05, 0.2, "3*scale"), "s-", "black"),
    "plain, 5% outliers": ((0.05, 0, "scale"), "^--", "#c1440e"),
}
figure, axes = plt.subplots(
    1, 2, figsize=(7.5, 4), sharey=True, layout="constrained"
)
for ax, (name, rows) in zip(axes, tables.items(), strict=True):
    widths = [round(units * rows[0].shape[1]) for units in UNITS_PER_COLUMN]
    for label, (setting, style, color) in settings.items():
        curve = [
            np.mean([auc_of(rows, width, *setting, s) for s in range(5)])
            for width in widths
        ]
        ax.plot(UNITS_PER_COLUMN, curve, style, color=color, label=label)
        print(f"{name:13} {label:30}", *(f"{auc:.2f}" for auc in curve))
    ax.axhline(0.5, color="0.5", linestyle=":")
    ax.set(xscale="log", xlabel="units for each column", title=name)
    ax.set_xticks(UNITS_PER_COLUMN, UNITS_PER_COLUMN)
    ax.minorticks_off()
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("ROC AUC")
figure.suptitle("Outliers among the training rows hide those to be found")
figure.legend(
    *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3
)

# %%
# Novelties: a digit that was never seen
# --------------------------------------
#
# Each of the ten digits in turn is left out of training. The task is to find it
# among unseen rows of all digits. The training rows contain no outliers, so
# ``trim=0``. Pixels share a unit, so there is no scaler. The code has as many
# units as there are pixels. ``LocalOutlierFactor`` is best on average here.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
detectors = {
    "autoencoder": AutoencoderOutlierDetector(
        SparseAutoencoderTransformer(64, random_state=0), trim=0
    ),
    "LocalOutlierFactor": LocalOutlierFactor(novelty=True),
    "IsolationForest": IsolationForest(random_state=0),
}
aucs = {name: [] for name in detectors}
for digit in range(10):
    for name, detector in detectors.items():
        detector.fit(X_train[y_train != digit])
        scores = detector.score_samples(X_test)
        aucs[name].append(roc_auc_score(y_test == digit, -scores))
for name, values in aucs.items():
    mean, lowest = np.mean(values), np.min(values)
    print(f"{name:18} ROC AUC: mean {mean:.3f}, lowest {lowest:.3f}")

# %%
figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
styles = (("o", "black"), ("^", "white"), ("x", "black"))
for (name, values), (marker, fill) in zip(aucs.items(), styles, strict=True):
    ax.plot(
        values,
        marker,
        color="black",
        markerfacecolor=fill,
        markersize=7,
        label=name,
    )
ax.axhline(0.5, color="0.5", linestyle=":")
ax.annotate("random", (9.4, 0.5), ha="right", va="bottom", color="0.3")
ax.set(xlabel="digit left out of training", ylabel="ROC AUC")
ax.set(xticks=range(10), ylim=(0.3, 1.03))
ax.set_title("Detection of a digit that was never seen")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# sphinx_gallery_thumbnail_number = 1
plt.show()
