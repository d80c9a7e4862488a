"""
Mixed tables: numbers and categories
====================================

Many tables have columns of both kinds. A ``ColumnTransformer`` turns them into
numbers of a similar scale. An autoencoder after it learns which values occur
together in a row. The names of the columns are kept, so the units can be
interpreted. This example needs pandas (``pip install pandas``).
"""

# %%
# The table
# ---------
#
# The rows are scikit-learn's diabetes patients in their original units. Blood
# pressure and six blood values are numbers. Sex, age and body mass index are
# categories: age and body mass index are divided into groups here.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.plotting import TopRowsDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
table = pd.DataFrame(
    {
        "sex": X["sex"].map(
            {1: "one", 2: "two"}
        ),  # the data do not say which is which
        "age": pd.cut(
            X["age"],
            [0, 40, 55, 100],
            labels=["under 40", "40 to 55", "over 55"],
        ).astype(str),
        "weight": pd.cut(
            X["bmi"], [0, 25, 30, 100], labels=["normal", "overweight", "obese"]
        ).astype(str),
        "pressure": X["bp"],
        "cholesterol": X["s1"],
        "ldl": X["s2"],
        "hdl": X["s3"],
        "triglycerides": X["s5"],
        "glucose": X["s6"],
    }
)
train, test, y_train, y_test = train_test_split(table, y, random_state=0)
print(train.head().to_string())

# %%
# The pipeline
# ------------
#
# Numbers are standardised. Each category becomes a column of zeros and ones.
# The variance of these columns is at most a quarter, and the variance of the
# numbers is 1, so the squared error gives more weight to the numbers.
# ``set_output`` keeps the names. The output shows four units for five rows. It
# is transposed, because the names of the units are long.
categories = ["sex", "age", "weight"]
numbers = [name for name in table if name not in categories]
columns = make_column_transformer(
    (StandardScaler(), numbers),
    (OneHotEncoder(sparse_output=False), categories),
    verbose_feature_names_out=False,
)
autoencoder = SparseAutoencoderTransformer(
    12, sparsity_target=0.15, random_state=0
)
pipeline = make_pipeline(columns, autoencoder).set_output(transform="pandas")
code = pipeline.fit(train).transform(test)
print(code.iloc[:5, :4].T.round(2).to_string())

# %%
# The columns that reach the autoencoder, and the columns of its code:
print(*pipeline[:-1].get_feature_names_out(), sep=", ")
print(*pipeline.get_feature_names_out()[:3], "...", sep=", ")

# %%
# Quality of the reconstruction
# -----------------------------
#
# For each number, the output shows the share of the variance of unseen rows
# that a code of 12 units reconstructs. For each category, it shows how often
# the largest of its columns is the right one, and how often the most frequent
# category is right.
seen = pipeline[:-1].transform(test)
rebuilt = pd.DataFrame(
    pipeline[-1].reconstruct(seen), columns=seen.columns, index=seen.index
)
kept = 1 - np.square(rebuilt - seen).mean() / seen.var(ddof=0)
print(kept[numbers].round(2).to_string())
for name in categories:
    group = [column for column in seen if column.startswith(name + "_")]
    right = (rebuilt[group].idxmax(axis=1) == seen[group].idxmax(axis=1)).mean()
    frequent = seen[group].mean().max()
    print(f"{name}: {right:.2f} right, most frequent {frequent:.2f}")

# %%
# Interpreting the units
# ----------------------
#
# Each column of the picture is a unit, and each row is a column of the table.
# For each unit, take the tenth of the training rows in which it is most active.
# A cell is the mean of these rows minus the mean of all rows, in standard
# deviations. Orange is above the mean, blue is below, and white is the mean.
# Units are ordered by the column in which their rows differ most.
X_train = pipeline[:-1].transform(train)
code = pipeline[-1].transform(X_train).to_numpy()
top = np.argsort(-code, axis=0)[: len(train) // 10]
standardised = (X_train - X_train.mean()) / X_train.std()
profile = np.stack([standardised.iloc[rows].mean() for rows in top.T], axis=1)
units = np.argsort(np.abs(profile).argmax(axis=0), kind="stable")
for unit in units:
    differences = profile[:, unit]
    largest = np.argsort(-np.abs(differences))[:3]
    named = (f"{seen.columns[i]} {differences[i]:+.1f}" for i in largest)
    print(f"unit {unit:2}:", ", ".join(named))

figure, ax = plt.subplots(figsize=(9, 5.4), layout="constrained")
colors = LinearSegmentedColormap.from_list("", ["#0072B2", "w", "#D55E00"])
shown = profile[:, units]
ax.imshow(shown, cmap=colors, vmin=-2.5, vmax=2.5, aspect="auto")
for (row, column), value in np.ndenumerate(shown):
    if abs(value) >= 0.5:
        ax.text(column, row, f"{value:+.1f}", ha="center", va="center")
ax.set_xticks(range(len(units)), units)
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
ax.set_yticks(range(len(seen.columns)), seen.columns)
ax.set_xlabel("unit")
ax.set_title(
    "The rows that activate a unit most: differences from the mean of all rows"
)

# %%
# The next figure shows one unit, the one whose rows differ most. There is a
# mark for each of its ten top rows and a bar for their mean.
unit = int(np.argmax(np.abs(profile).sum(axis=0)))
display = TopRowsDisplay.from_estimator(
    pipeline, train, unit=unit, n_features=8
)

# %%
# Does the code help to predict?
# ------------------------------
#
# A ridge regression predicts the progress of the disease after a year, from the
# table and from the code. The score is R2 of unseen rows. The relation is
# nearly linear in the table, and there are few rows. So the code makes the
# table easier to interpret, but not easier to predict from.
for name, before in {"table": pipeline[:-1], "code": pipeline}.items():
    regression = RidgeCV(np.geomspace(1e-3, 1e3, 13))
    regression.fit(before.transform(train), y_train)
    r2 = regression.score(before.transform(test), y_test)
    print(f"{name}: R2 {r2:.2f}")

# sphinx_gallery_thumbnail_number = 1
plt.show()
