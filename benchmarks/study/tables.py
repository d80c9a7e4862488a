"""What are the tables of the study of the defaults?

    python -m benchmarks.study.tables    # 20 seconds

`TABLES[name].load(split)` returns (X_train, X_test, y_train, y_test), with y None without labels.
A table has one of two roles: constants are CHOSEN on some tables and REPORTED on the others. No
source is in both roles. The digits, the wine, one sample image and the documentation of SciPy and
NumPy serve for the choice. MNIST, breast cancer, iris, diabetes, the other image and the
documentation of scikit-learn and joblib serve for the report. Each kind of table is in both.

Nothing is downloaded. scikit-learn brings the real tables, the installed packages bring the text
(so their versions matter), and the others are drawn at random with a known structure. The tables
of MNIST are there if the environment variable `SKL_SPARSE_AE_MNIST` names an .npz with X (n, 784)
in 0..255 and y. Without it a warning says that they are left out.
"""

import argparse
import ast
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_sample_image,
    load_wine,
)
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, PolynomialFeatures, StandardScaler

from benchmarks.datasets import whitened

CHOSEN, REPORTED = "chosen on", "reported on"
MNIST = "SKL_SPARSE_AE_MNIST"
TEST_SHARE, MOST_TEST_ROWS, FEW_ROWS = 0.3, 20_000, 1000


@dataclass(frozen=True)
class Table:
    """Rows of one kind.

    `draw` returns all rows. `prepare` returns a transformer, which is fitted on the training rows.
    """

    name: str
    role: str
    kind: str
    draw: Callable[[], tuple]
    below: int  # a number of units below the number of columns
    above: int | None  # and one above it; None where that takes too long
    prepare: Callable[[], Any] | None = None
    n_train: int | None = None  # the first rows of `draw`, or a share of all

    def load(self, split=0):
        """(X_train, X_test, y_train, y_test) of a numbered split, stratified by the labels."""
        return _load(self.name, split)

    @cached_property
    def _first(self):
        return self.load()[0]

    @property
    def sparse(self):
        return issparse(self._first)

    @property
    def non_negative(self):
        return bool(self._first.min() >= 0)

    @property
    def in_unit_interval(self):
        """Return True if cross-entropy accepts the rows."""
        return not self.sparse and all(_is_inside(X) for X in self.load()[:2])

    @property
    def shape(self):
        return self._first.shape

    @property
    def d_over_n(self):
        return self.shape[1] / self.shape[0]

    @property
    def splits(self):
        """Numbers of splits: several if one has too few test rows to tell two settings apart."""
        return (0,) if self.n_train or self.shape[0] >= FEW_ROWS else (0, 1, 2)

    @property
    def losses(self):
        return ("squared_error", "cross_entropy") if self.in_unit_interval else ("squared_error",)

    @property
    def widths(self):
        return (self.below,) if self.above is None else (self.below, self.above)


def variance(X):
    """The mean of the variances of the columns."""
    if issparse(X):
        return float(X.multiply(X).mean() - np.square(X.mean(axis=0)).mean())
    return float(X.var(axis=0, dtype=np.float64).mean())


def _is_inside(rows):
    return bool(rows.min() >= 0 and rows.max() <= 1)


@lru_cache(maxsize=12)
def _load(name, split):
    table = TABLES[name]
    X, y = table.draw()
    train, test = _rows(table, len(X), y, split)
    X_train, X_test = _take(X, train), _take(X, test)
    if table.prepare is not None:
        scaler = table.prepare().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    return (X_train, X_test, None, None) if y is None else (X_train, X_test, y[train], y[test])


def _take(X, rows):
    return [X[i] for i in rows] if isinstance(X, list) else X[rows]


def _rows(table, n, y, split):
    if table.n_train:
        return np.arange(table.n_train), np.arange(table.n_train, n)[-MOST_TEST_ROWS:]
    options = {"test_size": TEST_SHARE, "random_state": split, "stratify": y}
    train, test = train_test_split(np.arange(n), **options)
    return train, test[:MOST_TEST_ROWS]


# -------------------------------------------------------------------------------------- real tables


def bundled(load, divisor=1, n=None):
    X, y = load(return_X_y=True)
    return X[:n] / divisor, y[:n]


def diabetes():
    """Labelled 1 if the disease progressed more than in the median patient, else 0."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    return X, (y > np.median(y)).astype(int)


def bits(draw, threshold=0.5):
    X, y = draw()
    return np.greater(X, threshold).astype(np.float64), y


@lru_cache(maxsize=1)
def mnist():
    """All images in 0..1 and labels. The first half is for training, the second for testing."""
    with np.load(os.environ[MNIST]) as file:
        return (file["X"] / 255).astype(np.float32), file["y"].astype(int)


def mnist_rows(n_train):
    """The first `n_train` training rows, followed by all test rows."""
    X, y = mnist()
    rows = np.r_[:n_train, len(X) // 2 : len(X)]
    return X[rows], y[rows]


@lru_cache(maxsize=8)
def patches(name, n, size, whiten=False, colour=False):
    """Patches of one of scikit-learn's two images in 0..1, labelled by the image's third."""
    image = load_sample_image(name) / 255
    image = image if colour else image.mean(axis=2, keepdims=True)
    image = whitened(image[..., 0])[..., None] if whiten else image
    height, width = image.shape[:2]
    places = np.random.default_rng(0).permutation((height - size + 1) * (width - size + 1))[:n]
    tops, lefts = np.divmod(places, width - size + 1)
    places = zip(tops, lefts, strict=True)
    rows = [image[top : top + size, left : left + size].ravel() for top, left in places]
    return np.stack(rows).astype(np.float32), (3 * tops // (height - size + 1)).astype(int)


# --------------------------------------------------------------------------------------------- text


@lru_cache(maxsize=4)
def docstrings(*packages, least=40, most=300, n_words=25):
    """Texts, labelled by their part of the package; parts with few texts are left out."""
    texts = dict(_texts(packages, n_words))  # a text that occurs twice counts once
    rng, kept, labels = np.random.default_rng(0), [], []
    for label in sorted(set(texts.values())):
        of_label = sorted(text for text, part in texts.items() if part == label)
        if len(of_label) >= least:
            chosen = rng.permutation(len(of_label))[:most]
            kept += [of_label[i] for i in chosen]
            labels += [label] * len(chosen)
    return kept, np.unique(labels, return_inverse=True)[1]


def _texts(packages, n_words):
    for package in packages:
        root = Path(find_spec(package).origin).parent
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if not {"tests", "externals", "_vendor"} & set(parts):
                label = f"{package}.{parts[0]}"
                texts = _docstrings_in(path)
                yield from ((text, label) for text in texts if len(text.split()) >= n_words)


def _docstrings_in(path):
    try:
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    except (SyntaxError, UnicodeDecodeError):
        return []
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    texts = [ast.get_docstring(node) for node in nodes if isinstance(node, kinds)]
    return list(filter(None, texts))


def tf_idf(n_words):
    words = {"token_pattern": r"[A-Za-z]{3,}", "stop_words": "english", "sublinear_tf": True}
    return TfidfVectorizer(min_df=3, max_features=n_words, **words)


def embeddings(n_columns=384):
    """Latent semantic analysis: rows of unit norm that share one direction, as embeddings do."""
    return make_pipeline(tf_idf(20_000), TruncatedSVD(n_columns, random_state=0), Normalizer())


# -------------------------------------------------------------------------- tables with a structure


@lru_cache(maxsize=4)
def expression(n, d, n_classes, n_programs=20, noise=2.0, spread=1.0, seed=0):
    """Like gene expression: few non-negative programs, active by class, and noise of each gene."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    programs = rng.gamma(1, 1, (n_programs, d)) * (rng.random((n_programs, d)) < 0.15)
    of_class = spread * rng.normal(size=(n_classes, n_programs))
    activity = np.logaddexp(0, of_class[y] + rng.normal(size=(n, n_programs)))
    return activity @ programs + noise * rng.gamma(2, 0.5, d) * rng.normal(size=(n, d)), y


@lru_cache(maxsize=2)
def mixture(n, d, n_clusters=24, n_classes=8, rank=4, seed=0):
    """Clusters with a low-rank covariance each; three clusters share a class."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(n_clusters, size=n)
    loadings = rng.normal(size=(n_clusters, rank, d)) / np.sqrt(rank)
    X = rng.normal(size=(n_clusters, d))[cluster] + 0.3 * rng.normal(size=(n, d))
    for c in range(n_clusters):
        rows = cluster == c
        X[rows] += rng.normal(size=(rows.sum(), rank)) @ loadings[c]
    return X, cluster % n_classes


@lru_cache(maxsize=2)
def heavy_tails(n, d, rank=8, n_classes=5, seed=0):
    """Log-normal columns of different spread, from a few factors that depend on the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    factors = rng.normal(size=(n_classes, rank))[y] + rng.normal(size=(n, rank))
    logs = factors @ rng.normal(size=(rank, d)) / np.sqrt(rank) + 0.5 * rng.normal(size=(n, d))
    return np.exp(logs) * 10 ** rng.uniform(-2, 3, d), y


@lru_cache(maxsize=2)
def counts(n, d, n_classes=6, seed=1):
    """Counts of topics' events in rows of Gamma-distributed length: skewed, of different spread."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    topics = rng.dirichlet(np.full(d, 0.3), 12)
    shares = np.stack([rng.dirichlet(a) for a in rng.gamma(1, 1, (n_classes, 12))[y] + 0.1])
    return rng.poisson(rng.gamma(2, 60, (n, 1)) * (shares @ topics)).astype(float), y


@lru_cache(maxsize=2)
def forest(n, seed=0):
    """Like forest cover: ten measurements, one of 4, one of 40; classes of different sizes."""
    rng = np.random.default_rng(seed)
    y = rng.choice(7, size=n, p=[0.36, 0.46, 0.06, 0.02, 0.03, 0.03, 0.04])
    factors = 0.8 * rng.normal(size=(7, 5))[y] + rng.normal(size=(n, 5))
    measured = factors @ rng.normal(size=(5, 10)) + 0.5 * rng.normal(size=(n, 10))
    measured[:, 5:] = np.exp(0.5 * measured[:, 5:])
    measured *= 10 ** rng.uniform(0, 3, 10)
    return np.hstack([measured, _one_of(4, y, rng), _one_of(40, y, rng)]), y


def _one_of(n_values, y, rng):
    shares = rng.dirichlet(np.full(n_values, 0.3), y.max() + 1).cumsum(axis=1)
    values = (rng.random((len(y), 1)) > shares[y]).sum(axis=1)
    return np.eye(n_values)[np.minimum(values, n_values - 1)]


@lru_cache(maxsize=2)
def parts(n, d, n_parts=24, n_classes=6, seed=0):
    """Bits: each row has some parts, most of them of its class; one bit in fifty is flipped."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    shapes = rng.random((n_parts, d)) < 0.15
    own = np.arange(n_parts) % n_classes == y[:, None]
    present = rng.random((n, n_parts)) < np.where(own, 0.45, 0.06)
    return ((present.astype(int) @ shapes > 0) ^ (rng.random((n, d)) < 0.02)).astype(float), y


@lru_cache(maxsize=2)
def directions(n, d, n_clusters=30, n_classes=10, rank=60, seed=0):
    """Rows of unit norm about one direction, with a falling spectrum, like sentence embeddings."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(n_clusters, size=n)
    spectrum = 1 / np.sqrt(np.arange(1, rank + 1))
    centres = 0.8 * rng.normal(size=(n_clusters, rank))
    latent = (centres[cluster] + rng.normal(size=(n, rank))) * spectrum
    basis = np.linalg.qr(rng.normal(size=(d, rank)))[0].T
    X = 2 * basis[0] + latent @ basis + 0.06 * rng.normal(size=(n, d))
    return X / np.linalg.norm(X, axis=1, keepdims=True), cluster % n_classes


# ------------------------------------------------------------------------------------- the registry


def min_max():
    return MinMaxScaler(clip=True)


def products():
    """All products of two pixels."""
    pairs = PolynomialFeatures(interaction_only=True, include_bias=False)
    return make_pipeline(pairs, StandardScaler())


SCALED = StandardScaler
DIGITS, WINE = partial(bundled, load_digits, 16), partial(bundled, load_wine)
CANCER, CANCER_K = partial(bundled, load_breast_cancer), (16, 48)
CHINA, FLOWER = partial(patches, "china.jpg"), partial(patches, "flower.jpg")
CHINA_WHITE, FLOWER_WHITE = partial(CHINA, 4000, 8, True), partial(FLOWER, 5000, 10, True)
SCIPY, SKLEARN = partial(docstrings, "scipy", "numpy"), partial(docstrings, "sklearn", "joblib")
PRODUCTS, BITS = partial(bundled, load_digits, 16, 300), partial(bits, DIGITS)
GENES = partial(expression, 490, 765, 8, 30, 4.0, 0.6, 1)
MNIST_1000, MNIST_500 = partial(mnist_rows, 1000), partial(mnist_rows, 500)
FOREST, COLOUR = partial(forest, 150_000), partial(FLOWER, 400, 16, False, True)

_ALL = [
    Table("digits", CHOSEN, "pixels", DIGITS, 32, 128),
    Table("digits standardised", CHOSEN, "standardised", DIGITS, 32, 128, SCALED),
    Table("digits of unit norm", CHOSEN, "unit norm", DIGITS, 32, 128, Normalizer),
    Table("digits in bits", CHOSEN, "bits", BITS, 32, 128),
    Table("digits, products of pixels", CHOSEN, "wide", PRODUCTS, 64, None, products),
    Table("wine standardised", CHOSEN, "small", WINE, 8, 26, SCALED),
    Table("wine min-max", CHOSEN, "min-max", WINE, 8, 26, min_max),
    Table("china patches", CHOSEN, "pixels", partial(CHINA, 4000, 8), 32, 128),
    Table("china patches whitened", CHOSEN, "whitened", CHINA_WHITE, 32, 128),
    Table("china patches, 200,000", CHOSEN, "many rows", partial(CHINA, 200_000, 6), 18, 72),
    Table("SciPy's words", CHOSEN, "text", SCIPY, 100, None, partial(tf_idf, 2000)),
    Table("SciPy's embeddings", CHOSEN, "embeddings", SCIPY, 128, 512, embeddings),
    Table("genes, 100 x 2000", CHOSEN, "wide", partial(expression, 100, 2000, 4), 64, None, SCALED),
    Table("mixture, 300,000", CHOSEN, "many rows", partial(mixture, 300_000, 20), 12, 48, SCALED),
    Table("heavy tails", CHOSEN, "standardised", partial(heavy_tails, 3000, 40), 20, 80, SCALED),
    Table("MNIST", REPORTED, "pixels", partial(mnist_rows, 5000), 196, None, n_train=5000),
    Table("MNIST standardised", REPORTED, "standardised", MNIST_1000, 128, None, SCALED, 1000),
    Table("MNIST, 500 rows", REPORTED, "wide", MNIST_500, 128, 1000, n_train=500),
    Table("breast cancer standardised", REPORTED, "standardised", CANCER, *CANCER_K, SCALED),
    Table("breast cancer min-max", REPORTED, "min-max", CANCER, *CANCER_K, min_max),
    Table("iris standardised", REPORTED, "small", partial(bundled, load_iris), 3, 10, SCALED),
    Table("diabetes standardised", REPORTED, "small", diabetes, 6, 20, SCALED),
    Table("flower patches", REPORTED, "pixels", partial(FLOWER, 5000, 10), 64, 200),
    Table("flower patches whitened", REPORTED, "whitened", FLOWER_WHITE, 64, 200),
    Table("flower patches in colour", REPORTED, "wide", COLOUR, 128, None, SCALED),
    Table("scikit-learn's words", REPORTED, "text", SKLEARN, 100, None, partial(tf_idf, 3000)),
    Table("scikit-learn's embeddings", REPORTED, "embeddings", SKLEARN, 128, 512, embeddings),
    Table("directions", REPORTED, "unit norm", partial(directions, 2100, 384), 128, 512),
    Table("genes, 490 x 765", REPORTED, "wide", GENES, 128, 1000, SCALED),
    Table("forest standardised", REPORTED, "many rows", FOREST, 27, 108, SCALED),
    Table("forest min-max", REPORTED, "many rows", FOREST, 27, 108, min_max),
    Table("parts in bits", REPORTED, "bits", partial(parts, 2500, 100), 48, 160),
    Table("counts", REPORTED, "standardised", partial(counts, 3000, 60), 30, 120, SCALED),
]


def _available():
    if os.environ.get(MNIST):
        return _ALL
    message = f"The tables of MNIST are left out: {MNIST} names no .npz with X and y."
    warnings.warn(message, stacklevel=2)
    return [table for table in _ALL if not table.name.startswith("MNIST")]


TABLES = {table.name: table for table in _available()}


def with_role(role):
    return [table for table in TABLES.values() if table.role == role]


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    header = ("table", "role", "kind", "training rows", "columns", "d/n", "v", "k", "in [0, 1]")
    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
    for table in TABLES.values():
        n, d = table.shape
        figures = f"{n} | {d} | {d / n:.2g} | {variance(table.load()[0]):.3g}"
        widths = ", ".join(map(str, table.widths))
        inside = "yes" if table.in_unit_interval else "no"
        print(f"| {table.name} | {table.role} | {table.kind} | {figures} | {widths} | {inside} |")


if __name__ == "__main__":
    main()
