"""
Text: topics of the standard library
====================================

The rows are documents, the columns words, and nearly all elements are zero. Sparse matrices are fitted as they are: products
cost what is stored, and nothing of the matrix's full size is ever made.

The documents are the docstrings that come with Python: of the functions and classes of some modules of its standard library.
"""

# %%
# Documents to a sparse matrix
# ----------------------------
#
# ``TfidfVectorizer`` weighs each word by how few documents have it, and scales each row to length 1. An element is then about
# ``1 / sqrt(n_features)`` in size, and would be outweighed by the penalties, which compare it to 1. One common factor makes up
# for that, and keeps zeros zero.
import importlib
import inspect

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from skl_sparse_ae import SparseAutoencoderTransformer

MODULES = """
argparse array asyncio base64 bisect calendar codecs collections concurrent.futures configparser contextlib copy csv ctypes
dataclasses datetime decimal difflib doctest email.message enum fileinput fractions ftplib functools gettext gzip hashlib heapq
html http.client http.cookies imaplib inspect io ipaddress itertools json locale logging logging.handlers mailbox math mimetypes
multiprocessing operator os pathlib pickle platform poplib pprint queue random re sched secrets selectors shelve shlex shutil
smtplib socket sqlite3 ssl statistics string struct subprocess tarfile tempfile textwrap threading time timeit tokenize trace
traceback types unittest unittest.mock urllib.parse urllib.request uuid warnings wave weakref xml.dom.minidom
xml.etree.ElementTree xmlrpc.client zipfile zlib
"""


def docstrings():
    """The docstrings of all public functions, classes and methods of the modules: ``{docstring: module}``."""
    found = {}
    for name in MODULES.split():
        for thing in vars(importlib.import_module(name)).values():
            if getattr(thing, "__module__", None) == name:
                for part in (thing, *(vars(thing).values() if inspect.isclass(thing) else ())):
                    text = getattr(part, "__doc__", None)
                    if isinstance(text, str) and len(text) > 150:
                        found.setdefault(text, name)
    return found


documents = docstrings()
vectorizer = TfidfVectorizer(
    stop_words="english", min_df=4, max_df=0.2, sublinear_tf=True, token_pattern=r"[a-z]{3,}", dtype=np.float32
)
X = vectorizer.fit_transform(documents)
X *= np.sqrt(X.shape[1])
print(f"{X.shape[0]} documents, {X.shape[1]} words, {X.nnz / np.prod(X.shape):.1%} of the elements stored")

# %%
# Units as topics
# ---------------
#
# A unit's decoder weights are what it adds to a document when it is active: the words with the largest are its topic.
model = SparseAutoencoderTransformer(24, sparsity_target=0.05, max_iter=150, tol=0, random_state=0).fit(X)
words = vectorizer.get_feature_names_out()
code = model.transform(X)
modules = np.array(list(documents.values()))

order = np.argsort(code.std(axis=0))[::-1]
for unit in order[:12]:
    top = words[np.argsort(model.decoder_components_[unit])[::-1][:7]]
    where, counts = np.unique(modules[np.argsort(code[:, unit])[::-1][:30]], return_counts=True)
    print(f"{', '.join(top):<75} {where[counts.argmax()]}")

# %%
# The right column, which no fit has seen, is the module from which most of the unit's 30 strongest documents are.
#
# How sparse is the code? Few documents are about much.
active = np.sort(code, axis=1)[:, ::-1].mean(axis=0)
figure, ax = plt.subplots(layout="constrained")
ax.bar(np.arange(1, len(active) + 1), active)
ax.set(xlabel="units of a document, strongest first", ylabel="mean activation")
plt.show()
