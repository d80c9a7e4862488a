"""
Anomaly detection by likelihood: ELBO and PCA
=============================================

``score_samples`` of a variational autoencoder is a lower bound on the
log-likelihood of each row, the evidence lower bound (ELBO), in nats. It is low
for rows unlike those of the fit. Probabilistic PCA is the linear case. Its
log-likelihood is known exactly, in closed form.
"""

# %%
# Finding an unseen digit
# -----------------------
#
# Each of the ten digits in turn is left out of training. The task is to find it
# among unseen rows of all digits. The area under the ROC curve measures the
# success: 0.5 is random guessing. No parameter is chosen by it.
#
# ``AutoencoderOutlierDetector`` adds a threshold to the scores. Rows that a
# model was fitted to score higher than others, so 300 rows are held out for the
# threshold: 5% of them score below it. ``FrozenEstimator`` keeps the model from
# being fitted again.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skl_sparse_ae import (
    AutoencoderOutlierDetector,
    VariationalAutoencoderTransformer,
)

WIDTH = 10
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
parameters = {
    "hidden_layer_sizes": (128,),
    "max_iter": 60,
    "tol": 0,
    "random_state": 0,
}
auc, found, alarms = {"variational": [], "PCA": []}, [], []
for digit in range(10):
    rows, is_unseen = X_train[y_train != digit], y_test == digit
    rows, held_out = rows[300:], rows[:300]
    model = VariationalAutoencoderTransformer(WIDTH, **parameters).fit(rows)
    detector = AutoencoderOutlierDetector(
        FrozenEstimator(model), contamination=0.05
    ).fit(held_out)
    models = {"variational": detector, "PCA": PCA(WIDTH).fit(rows)}
    for name, fitted in models.items():
        scores = -fitted.score_samples(X_test)
        auc[name].append(roc_auc_score(is_unseen, scores))
    is_outlier = detector.predict(X_test) == -1
    found.append(is_outlier[is_unseen].mean())
    alarms.append(is_outlier[~is_unseen].mean())
for name, values in auc.items():
    mean, lowest = np.mean(values), np.min(values)
    print(f"{name:11} ROC AUC: mean {mean:.3f}, lowest {lowest:.3f}")
print(f"rows of unseen digits found: {np.mean(found):.0%}")
print(f"false alarms: {np.mean(alarms):.0%} of the other rows")

# %%
# The results by digit:
figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
styles = (("o", "black"), ("^", "white"))
for (name, values), (marker, fill) in zip(auc.items(), styles, strict=True):
    ax.plot(
        values,
        marker,
        color="black",
        markerfacecolor=fill,
        markersize=7,
        label=f"{name}, {WIDTH} units",
    )
ax.axhline(0.5, color="0.5", linestyle=":")
ax.annotate("random", (9.4, 0.5), ha="right", va="bottom", color="0.3")
ax.set(xlabel="digit left out of training", ylabel="ROC AUC")
ax.set(xticks=range(10), ylim=(0.3, 1.02))
ax.set_title("Detection of the left-out digit by its likelihood")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# How likely are unseen rows?
# ---------------------------
#
# The mean log-likelihood of test rows compares models of any kind, because it
# is always in nats. These models are fitted to all ten digits. The output gives
# the bound of the variational autoencoder, the tighter importance-weighted
# bound, and the exact value of probabilistic PCA. Rows held out by
# ``early_stopping`` decide when to stop.
parameters |= {"max_iter": 300, "tol": 1e-4, "early_stopping": True}
model = VariationalAutoencoderTransformer(WIDTH, **parameters).fit(X_train)
print(f"variational, ELBO                {model.score(X_test):6.1f} nats")
weighted = model.score_samples(X_test, bound="importance_weighted", n_draws=200)
print(f"variational, importance-weighted {weighted.mean():6.1f} nats")
pca = PCA(WIDTH).fit(X_train)
print(f"PCA                              {pca.score(X_test):6.1f} nats")

# sphinx_gallery_thumbnail_number = 1
plt.show()
