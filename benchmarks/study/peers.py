"""How accurate are classifiers on raw columns and on the codes of PCA, NMF and other models?

    python -m benchmarks.study.peers --json peers.json    # hours
    python -m benchmarks.study.peers --table peers.json

The tables are those of `benchmarks.study.tables`; --tables selects some. A study that was
interrupted goes on where it stopped. No model is tuned. PCA has fewer units than rows and no more
than columns. NMF takes rows that are not negative. The RBM sees columns scaled to [0, 1] and
learns at a rate of 0.06, for 20 epochs or until it has seen 20,000 rows. Dictionary learning sees
centred rows of mean square norm 1, with `alpha=0.1` throughout, so that its penalty means the same
on every table. NMF and the RBM train on at most `MOST_ROWS` rows, dictionary learning on
`FEWER_ROWS`. Codes are judged on at most `MOST_ROWS` test rows.
"""

import argparse
import time
import warnings
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning, MiniBatchNMF
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler
from threadpoolctl import threadpool_limits

from benchmarks.study.figures import (
    MOST_ROWS,
    accuracy,
    agreement,
    append,
    explained,
    judged,
    read,
    subset,
)
from benchmarks.study.tables import TABLES, variance
from skl_sparse_ae.metrics import hoyer_sparsity

FEWER_ROWS = 2000
RAW = "raw"


class Peer(NamedTuple):
    make: object  # (k, seed, X) -> an estimator
    n_rows: int | None = MOST_ROWS  # to train on
    signed: bool = True  # False if a unit and its negative are equivalent


class Dictionary(MiniBatchDictionaryLearning):
    """Dictionary learning on centred rows of mean square norm 1."""

    def fit(self, X, y=None):
        self.offset_ = np.asarray(X.mean(axis=0)).ravel()
        self.unit_ = np.sqrt(variance(X) * X.shape[1])
        return super().fit(self._scaled(X))

    def _scaled(self, X):
        return ((X.toarray() if issparse(X) else X) - self.offset_) / self.unit_

    def transform(self, X):
        return super().transform(self._scaled(X))

    def inverse_transform(self, code):
        return code @ self.components_ * self.unit_ + self.offset_


def pca(k, seed, X):
    """PCA of width k or less: centred rows have at most n - 1 directions with any variance."""
    width = min(k, X.shape[0] - 1, X.shape[1])
    return PCA(width, svd_solver="arpack" if issparse(X) else "auto", random_state=seed)


def nmf(k, seed, X):
    return MiniBatchNMF(k, random_state=seed, max_iter=100)


def rbm(k, seed, X):
    scaler = MaxAbsScaler() if issparse(X) else MinMaxScaler(clip=True)
    epochs = max(20, 20_000 // X.shape[0])
    model = BernoulliRBM(k, learning_rate=0.06, n_iter=epochs, random_state=seed)
    return make_pipeline(scaler, model)


def dictionary(k, seed, X):
    coding = {"fit_algorithm": "cd", "transform_algorithm": "lasso_cd", "alpha": 0.1}
    return Dictionary(k, max_iter=10, batch_size=64, random_state=seed, **coding)


PEERS = {
    "PCA": Peer(pca, None, signed=False),
    "NMF": Peer(nmf),
    "RBM": Peer(rbm),
    "dictionary": Peer(dictionary, FEWER_ROWS, signed=False),
}


def peers(table, k, seed, split=0):
    """Yield a record for the raw columns and one for each model that accepts the table."""
    (X, y), (X_test, y_test) = judged(table, split)
    names = [name for name in PEERS if name != "NMF" or table.non_negative]
    common = {"study": "peers", "table": table.name, "k": k, "split": split, "seed": seed}
    with threadpool_limits(1), warnings.catch_warnings(action="ignore"):
        raw = {"accuracy": accuracy(X, X_test, y, y_test), "hoyer": _hoyer(X_test)}
        yield common | {"model": RAW} | raw
        for name in names:
            yield common | {"model": name} | _figures(PEERS[name], k, seed, table, split)


def _figures(peer, k, seed, table, split):
    (X, y), (X_test, y_test) = judged(table, split)
    rows = table.load(split)[0] if peer.n_rows is None else subset(X, y, peer.n_rows)[0]
    start = time.process_time()
    model = peer.make(k, seed, rows).fit(rows)
    seconds = time.process_time() - start
    codes = model.transform(X), model.transform(X_test)
    other = peer.make(k, seed + 1, rows).fit(rows)
    with_inverse = hasattr(model, "inverse_transform")
    return {
        "accuracy": accuracy(*codes, y, y_test),
        "R2": explained(X_test, model.inverse_transform(codes[1])) if with_inverse else None,
        "hoyer": hoyer_sparsity(codes[1]),
        "seconds": seconds,
        "agreement": agreement(_units(model), _units(other), peer.signed),
        "training rows": rows.shape[0],
    }


def _hoyer(X):
    return hoyer_sparsity(X.toarray() if issparse(X) else X)


def _units(model):
    return (model[-1] if hasattr(model, "steps") else model).components_


# ---------------------------------------------------------------------------------------- the study


def run(path, tables, seed=0):
    done = {(row["table"], row["k"], row["split"]) for row in read(path)}
    for table in tables:
        for k, split in product(table.widths, table.splits):
            if (table.name, k, split) not in done:
                append(path, list(peers(table, k, seed, split)))
                print(table.name, k, split, flush=True)


def markdown(records):
    """A table with the accuracy of each model and the R2 of some, means over splits."""
    names = [RAW, *PEERS]
    lines = ["| table | k | " + " | ".join(names) + " | R2: PCA, NMF, dictionary |"]
    lines += ["|---" * (len(names) + 3) + "|"]
    for table, k in dict.fromkeys((row["table"], row["k"]) for row in records):
        own = [row for row in records if (row["table"], row["k"]) == (table, k)]
        cells = [mean(own, name, "accuracy") for name in names]
        kept = ", ".join(mean(own, name, "R2") or "-" for name in ("PCA", "NMF", "dictionary"))
        lines.append(f"| {table} | {k} | " + " | ".join(cells) + f" | {kept} |")
    return "\n".join(lines)


def mean(records, model, figure):
    values = [row.get(figure) for row in records if row["model"] == model]
    values = [value for value in values if value is not None]
    return f"{np.mean(values):.3f}" if values else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="append a line for each model to this file")
    names = list(TABLES)
    parser.add_argument("--tables", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--table", help="print the table of such a file")
    args = parser.parse_args()
    if args.json:
        run(args.json, [TABLES[name] for name in args.tables])
    if args.table:
        print(markdown(read(args.table)))


if __name__ == "__main__":
    main()
