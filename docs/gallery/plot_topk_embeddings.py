"""
Features of text embeddings, and search by sparse codes
=======================================================

An embedding is a row of numbers of which no single one means anything.
:class:`~skl_sparse_ae.TopKAutoencoderTransformer` writes it as a sum of a few
directions out of many, and these can often be named. The same sparse code is a
small index for nearest neighbours.

The texts are the docstrings of three installed packages, so nothing is
downloaded. Their embeddings are made here, by latent semantic analysis.
"""

# %%
# Texts and their embeddings
# --------------------------
#
# A regular expression finds the docstrings in the source files. A truncated
# singular value decomposition of their tf-idf matrix, with rows scaled to length
# 1, is an embedding in which neighbours are about the same subject.
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

DOCSTRING = re.compile(r'(?:def|class) (\w+)[^"#]*?"""(.{200,}?)"""', re.DOTALL)


def docstrings(packages):
    """The docstrings of functions and classes: ``{docstring: its name}``."""
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
# 512 units, of which 8 are active on average. The code is a CSR matrix.
shuffled = np.random.RandomState(0).permutation(len(X))
queries, train = shuffled[:500], shuffled[500:]
model = TopKAutoencoderTransformer(512, n_nonzero_coefs=8, random_state=0)
model.fit(X[train])
code = model.transform(X[train])
print(f"{code.nnz / len(train):.1f} active units of {code.shape[1]}")
print(f"R2 of unseen rows: {model.score(X[queries]):.2f}")

# %%
# How many rows use each unit? Most units are used by about 1% of the rows. The
# hatched bar holds the units that no row uses.
DensityDisplay.from_estimator(model)

# %%
# Name the features
# -----------------
#
# The atom of a unit is a direction of the embedding, and that is a combination
# of words. ``top_features`` lists the words with the largest weights. The rows
# that activate the unit most are another view of the same: here the three
# docstrings with the highest activation. Not all units are as clear as these,
# which are spread evenly over the densities.
