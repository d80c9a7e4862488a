"""
Topics of text documents
========================

The rows are documents, the columns are words, and nearly all elements are zero.
Sparse matrices are fitted without conversion: the cost of a product is
proportional to the stored elements, and no dense matrix of the full size is
created.

The documents are docstrings of functions and classes from modules of Python's
standard library.
"""

# %%
# From documents to a sparse matrix
# ---------------------------------
#
# ``TfidfVectorizer`` gives a word more weight if fewer documents contain it,
# and scales each row to length 1. The elements of such rows are small, but no
# scaling is needed: by default the weights of the penalties are set from the
# variance of the data.
import importlib
import inspect

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.inspection import top_features

MODULES = """
argparse array asyncio base64 bisect calendar codecs collections
concurrent.futures configparser contextlib copy csv ctypes dataclasses
datetime decimal difflib doctest email.message enum fileinput fractions ftplib
functools gettext gzip hashlib heapq html http.client http.cookies imaplib
inspect io ipaddress itertools json locale logging logging.handlers mailbox
math mimetypes multiprocessing operator os pathlib pickle platform poplib
pprint queue random re sched secrets selectors shelve shlex shutil smtplib
socket sqlite3 ssl statistics string struct subprocess tarfile tempfile
textwrap threading time timeit tokenize trace traceback types unittest
unittest.mock urllib.parse urllib.request uuid warnings wave weakref
xml.dom.minidom xml.etree.ElementTree xmlrpc.client zipfile zlib
"""


def docstrings():
    """The docstrings of the modules: ``{docstring: module}``.

    They are those of functions, classes and methods, if longer than 150
    characters.
    """
    found = {}
    for name in MODULES.split():
        for thing in vars(importlib.import_module(name)).values():
            if getattr(thing, "__module__", None) == name:
                for part in (
                    thing,
                    *(vars(thing).values() if inspect.isclass(thing) else ()),
                ):
                    text = getattr(part, "__doc__", None)
                    if isinstance(text, str) and len(text) > 150:
                        found.setdefault(text, name)
    return found


documents = docstrings()
vectorizer = TfidfVectorizer(
    stop_words="english",
    min_df=4,
    max_df=0.2,
    sublinear_tf=True,
    token_pattern=r"[a-z]{3,}",
    dtype=np.float32,
)
X = vectorizer.fit_transform(documents)
stored = X.nnz / np.prod(X.shape)
print(f"{X.shape[0]} documents, {X.shape[1]} words, {stored:.1%} stored")

# %%
# Units as topics
# ---------------
#
# The decoder weights of a unit are what it adds to a document when it is
# active. The words with the largest weights are its topic, and
# :func:`~skl_sparse_ae.inspection.top_features` lists them. The right column
# shows the module from which most of the unit's 30 strongest documents come. No
# fit has used the modules.
model = SparseAutoencoderTransformer(24, sparsity_target=0.05, random_state=0)
code = model.fit_transform(X)
words = vectorizer.get_feature_names_out()
modules = np.array(list(documents.values()))


def module_of(unit):
    """The module of most of the 30 documents that activate the unit most."""
    strongest = modules[np.argsort(-code[:, unit])[:30]]
    names, counts = np.unique(strongest, return_counts=True)
    return names[counts.argmax()]


units = np.argsort(-code.std(axis=0))[:12]
table = top_features(model, words, n=7, units=units)
for unit, line in zip(units, str(table).splitlines(), strict=True):
    print(f"{line:<75.75} {module_of(unit)}")

# %%
# The picture shows six of the units, with the weights of their words.
figure, axes = plt.subplots(2, 3, figsize=(9, 5.4), layout="constrained")
figure.suptitle("The words of six units, and the module of their documents")
for ax, unit, names, weights in zip(
    axes.flat, units, table.names, table.weights, strict=False
):
    ax.barh(names, weights, color="0.75")
    ax.axvline(0, color="black", linewidth=0.8)
    ax.invert_yaxis()
    ax.set_title(
        f"unit {unit}: {module_of(unit)}", fontsize="medium", loc="left"
    )
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)

# %%
# How sparse is the code? Most documents activate only one or two units.
active = np.sort(code, axis=1)[:, ::-1].mean(axis=0)
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.bar(range(1, len(active) + 1), active, color="0.75", edgecolor="black")
ax.set(xlabel="rank of the unit, strongest first", ylabel="mean activation")
ax.set_title("Sorted activations of a document, mean over documents")
ax.spines[["top", "right"]].set_visible(False)

# sphinx_gallery_thumbnail_number = 1
plt.show()
