"""
Features of text embeddings, and search by sparse codes
=======================================================

The single numbers of an embedding mean nothing.
:class:`~skl_sparse_ae.TopKAutoencoderTransformer` writes an embedding as a sum
of a few directions out of many, and these can often be named. The same sparse
code is a small index for nearest neighbours.

The texts are the docstrings of three installed packages, so nothing is
downloaded. Their embeddings are made here, by latent semantic analysis.
"""

# %%
# Texts and their embeddings
# --------------------------
#
# A regular expression finds the docstrings in the source files. A truncated
# singular value decomposition of their tf-idf matrix, with rows scaled to
# length 1, is an embedding in which neighbours are about the same subject.
import re
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from skl_sparse_ae import TopKAutoencoderTransformer
from skl_sparse_ae.inspection import top_features
from skl_sparse_ae.plotting import DensityDisplay

DOCSTRING = re.compile(
    r"(?:def|class) ([a-zA-Z]\w*)"  # a public name,
    r'(?:(?!\bdef\b|\bclass\b)[^"])*?:\n +'  # the rest of the signature,
    r'r?"""((?:(?!""").){200,})"""',  # and a text of some length
    re.DOTALL,
)


def docstrings(packages):
    """Docstrings of public functions and classes: ``{docstring: its name}``."""
    found = {}
    for package in packages:
        folder = Path(find_spec(package).origin).parent
        for path in sorted(folder.rglob("*.py")):
            if "tests" not in path.parts:
                source = path.read_text(encoding="utf8")
                for name, text in DOCSTRING.findall(source):
                    parts = path.relative_to(folder).parts[:-1]
                    found.setdefault(text, ".".join((package, *parts, name)))
    return found


documents = docstrings(["numpy", "scipy", "sklearn"])
names = np.array(list(documents.values()))
vectorizer = TfidfVectorizer(
    stop_words="english",
    min_df=5,
    max_df=0.2,
    sublinear_tf=True,
    token_pattern=r"[a-z]{3,}",
    dtype=np.float32,
)
svd = TruncatedSVD(128, n_iter=2, random_state=0)
X = make_pipeline(vectorizer, svd, Normalizer()).fit_transform(documents)
X = X.astype(np.float32)
print(f"{X.shape[0]} embeddings of {X.shape[1]} numbers")

# %%
# Fit
# ---
#
# The model has 256 units. On average, 8 are active. The code is a CSR matrix.
# ``transform_algorithm="least_squares"`` solves for the values of the active
# units, which reconstructs better than the encoder's values do.
shuffled = np.random.RandomState(0).permutation(len(X))
queries, train = X[shuffled[:500]], X[shuffled[500:]]
names = names[shuffled[500:]]


def fitted(n_nonzero_coefs):
    """A model with this number of active units per row."""
    return TopKAutoencoderTransformer(
        256,
        n_nonzero_coefs=n_nonzero_coefs,
        transform_algorithm="least_squares",
        tol=1e-3,
        random_state=0,
    ).fit(train)


model = fitted(8)
code = model.transform(train)
print(f"{code.nnz / len(train):.1f} active units of {code.shape[1]}")
print(f"R2 of rows not used for training: {model.score(queries):.2f}")

# %%
# How many rows use each unit? Some units are used by ten times as many rows as
# others. Units that no row uses would be a hatched bar at the left.
display = DensityDisplay.from_estimator(model)

# %%
# Name the features
# -----------------
#
# An atom is a direction of the embedding, and each number of the embedding is a
# weighted sum of words. So ``top_features`` can list the words with the largest
# weights of each unit. To the right are the two docstrings that activate the
# unit most. The list has ten units, from the most used to rarely used ones. Not
# all of them have a clear subject.
words = vectorizer.get_feature_names_out()
units = np.argsort(-model.density_)[:200:20]
table = top_features(
    make_pipeline(svd, model), words, n=6, units=units, original_features=True
)


def top_rows(unit):
    """Indices of the two rows with the highest activation."""
    return np.argsort(-code[:, [unit]].toarray().ravel())[:2]


for unit, line in zip(units, str(table).splitlines(), strict=True):
    print(f"{line:<75.75} {', '.join(names[top_rows(unit)])}")

# %%
# The picture shows four of the units with the weights of their words. The
# titles name the function or class with the highest activation.
figure, axes = plt.subplots(2, 2, figsize=(8, 5.4), layout="constrained")
figure.suptitle("The words of four units, and the docstring that fits best")
for ax, row in zip(axes.flat, (2, 4, 6, 8), strict=True):
    unit = units[row]
    ax.barh(table.names[row], table.weights[row], color="0.75")
    strongest = names[top_rows(unit)[0]].rpartition(".")[2]
    ax.set_title(f"unit {unit}: {strongest}", fontsize="medium", loc="left")
    ax.axvline(0, color="black", linewidth=0.8)
    ax.invert_yaxis()
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)

# %%
# Search with sparse codes
# ------------------------
#
# The task is to find the ten nearest neighbours of rows that were not used for
# training. Only a compressed form of the training rows is kept. The query is
# compared with their reconstructions, whose products are cheap: multiply the
# query by the atoms once, and then by the sparse codes. PCA is used in the same
# way. The exact neighbours are those of the embeddings themselves. Recall@10 is
# the share of these neighbours that the search finds.
exact = np.argsort(-queries @ train.T, axis=1)[:, :10]


def recall(products):
    """Recall@10 from the products (n_queries, n_rows)."""
    found = np.argpartition(-products, 10, axis=1)[:, :10]
    pairs = zip(exact, found, strict=True)
    return np.mean([len(np.intersect1d(*pair)) / 10 for pair in pairs])


curves = {"TopK": [], "PCA": []}
for active in (model if k == 8 else fitted(k) for k in (4, 8, 16)):
    A = active.transform(train)
    n_bytes = (A.data.nbytes + A.indices.nbytes + A.indptr.nbytes) / len(train)
    products = (A @ (active.decoder_components_ @ queries.T)).T
    curves["TopK"].append((n_bytes, recall(products)))
for n_components in (8, 16, 32, 64):
    pca = PCA(n_components, random_state=0).fit(train)
    A = pca.transform(train)
    products = queries @ pca.components_.T @ A.T
    curves["PCA"].append((A.nbytes / len(train), recall(products)))
for name, points in curves.items():
    for n_bytes, share in points:
        print(f"{name:4} {n_bytes:4.0f} bytes a row: recall@10 {share:.2f}")

# %%
# At equal memory the sparse codes find far more of the neighbours. These
# docstrings form many small groups, each with a vocabulary of its own. So a few
# directions chosen for each row from 256 describe it better than the few
# directions that PCA keeps for all rows. Embeddings without such groups gain
# less, so measure on your own. Half precision and 16-bit indices would halve
# the bytes of both.
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, points), marker, style in zip(
    curves.items(), "os", ("-", "--"), strict=True
):
    n_bytes, shares = zip(*points, strict=True)
    ax.plot(n_bytes, shares, style, color="black", marker=marker)
    ax.annotate(
        name,
        (n_bytes[-1], shares[-1]),
        (8, 0),
        textcoords="offset points",
        va="center",
    )
ax.set_xscale("log", base=2)
ax.set_xticks([32, 64, 128, 256, 512], [32, 64, 128, 256, "512 (exact)"])
ax.set(xlabel="bytes of a row", ylabel="recall@10", ylim=(0, 1))
ax.set_title("At equal memory, sparse codes find more of the neighbours")
ax.spines[["top", "right"]].set_visible(False)

# sphinx_gallery_thumbnail_number = 3
plt.show()
