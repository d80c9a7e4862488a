"""Which defaults suit the outlier detector, and what do other detectors find?

    python -m benchmarks.study.outliers fits.jsonl    # 15 minutes

Settings of `AutoencoderOutlierDetector` are compared on the tables that serve for the choice. The
default is then compared with other detectors on the other tables: see `outlier_tables`. Each fit
has no, 5% or 10% anomalies among its training rows, without labels. Three splits of each table.

The ROC AUC of the scores of unseen rows is reported, and what the threshold makes of the scores:
the share of anomalies found, and of false alarms among normal rows. Peers have the defaults of
scikit-learn. The number of components of PCA was chosen like our defaults. A study that was
interrupted goes on where it stopped.
"""

import argparse
import time
import warnings
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.study.figures import append, read
from benchmarks.study.outlier_tables import SHARES, TABLES, with_role
from benchmarks.study.tables import CHOSEN, REPORTED
from skl_sparse_ae import (
    AutoencoderOutlierDetector,
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)

SPLITS = range(3)
TRIM, FENCES = 0.2, (1.5, 3)

# ------------------------------------------------------- detectors: fit(X_train, seed) is fitted


def default(X, seed, **parameters):
    return AutoencoderOutlierDetector(random_state=seed, **parameters).fit(X)


def sparse(width, decoder_alpha, trim, X, seed):
    """The default with another width (a number, or a share of the columns), decay or trim."""
    n_units = width if isinstance(width, int) else max(1, round(width * X.shape[1]))
    return around(SparseAutoencoderTransformer(n_units, decoder_alpha=decoder_alpha), trim, X, seed)


def topk(X, seed):
    """As many units as columns, an eighth of them active."""
    width = X.shape[1]
    active = max(1, round(width / 8))
    return around(TopKAutoencoderTransformer(width, n_nonzero_coefs=active), TRIM, X, seed)


def variational(X, seed):
    return around(VariationalAutoencoderTransformer(), TRIM, X, seed)


def around(autoencoder, trim, X, seed):
    estimator = make_pipeline(StandardScaler(with_mean=False), autoencoder)
    return AutoencoderOutlierDetector(estimator, trim=trim, random_state=seed).fit(X)


def forest(X, seed):
    return IsolationForest(random_state=seed).fit(X)


def neighbours(X, seed):
    return make_pipeline(StandardScaler(), LocalOutlierFactor(novelty=True)).fit(X)


class PCAError:
    """Minus the squared error of a PCA of standardised columns, mean over columns."""

    def __init__(self, share, X, seed):
        """`share` of the variance is kept; all scores are of the distance to the mean if it is 0"""
        self.scaler = StandardScaler().fit(X)
        rows = self.scaler.transform(X)
        self.pca = PCA(share, svd_solver="full").fit(rows) if share else None

    def score_samples(self, X):
        rows = self.scaler.transform(X)
        known = self.pca.inverse_transform(self.pca.transform(rows)) if self.pca else 0
        return -np.square(rows - known).mean(axis=1)


def trimmed(detector, X, seed):
    """Another detector, fitted without the rows that the default leaves out."""
    distances = np.square(StandardScaler().fit_transform(X)).sum(axis=1)
    return detector(X[np.argsort(distances)[: len(X) - int(TRIM * len(X))]], seed)


WIDTHS = {"d/8": 1 / 8, "d/4": 1 / 4, "d/2": 1 / 2, "d": 1.0, "2d": 2.0, "100": 100}
DECAYS, TRIMS = ("scale", "3*scale", "10*scale"), (0, 0.1, 0.2)
SHARES_OF_VARIANCE = (0.5, 0.8, 0.9)
PLAIN = {f"{name}, scale, 0": partial(sparse, w, "scale", 0) for name, w in WIDTHS.items()}
FITTING = {
    f"{name}, 3*scale, {TRIM}": partial(sparse, w, "3*scale", TRIM) for name, w in WIDTHS.items()
}
AROUND = {f"d, {a}, {t}": partial(sparse, 1.0, a, t) for a, t in product(DECAYS, TRIMS)}
CHOICE = f"d, 3*scale, {TRIM}"
LINEAR = {f"PCA, {share:.0%}": partial(PCAError, share) for share in SHARES_OF_VARIANCE}
LINEAR |= {f"{name}, trimmed": partial(trimmed, detector) for name, detector in LINEAR.items()}
OURS = {
    "default": default,
    "default, trim=0": partial(default, trim=0),
    "100 units, trim=0": partial(sparse, 100, "scale", 0),
    "TopK": topk,
    "variational": variational,
}
PEERS = {
    "IsolationForest": forest,
    "LocalOutlierFactor": neighbours,
    "PCA": partial(PCAError, 0.5),
    "distance to the mean": partial(PCAError, 0),
}
PEERS |= {f"{name}, trimmed": partial(trimmed, detector) for name, detector in PEERS.items()}
BY_TABLE = ["default", "default, trim=0", "variational", *list(PEERS)[:3]]
BY_TABLE.insert(-1, "LocalOutlierFactor, trimmed")
STUDIES = {CHOSEN: PLAIN | FITTING | AROUND | LINEAR, REPORTED: OURS | PEERS}

# ----------------------------------------------------------------------------------- the figures


def measured(detector, table, share, split):
    """A record of one fit."""
    X_train, X_test, is_anomaly = table.load(share, split)
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = detector(X_train, split)
    seconds, scores = time.process_time() - start, fitted.score_samples(X_test)
    return {
        "auc": roc_auc_score(is_anomaly, -scores),
        "precision": average_precision_score(is_anomaly, -scores),
        "warnings": len(caught),
        "seconds": seconds,
        **thresholds(fitted, X_train, X_test, is_anomaly, share),
    }


def thresholds(fitted, X_train, X_test, is_anomaly, share):
    """Shares of anomalies found and of false alarms, with several thresholds.

    "auto" is that of the detector, and "known" that of the true contamination.
    """
    if not hasattr(fitted, "predict"):
        return {}
    known, scores = fitted.score_samples(X_train), fitted.score_samples(X_test)
    low, high = np.quantile(known, [0.25, 0.75])
    flagged = {f"fence {fence}": scores < low - fence * (high - low) for fence in FENCES}
    flagged["auto"] = fitted.predict(X_test) == -1
    if share:
        flagged["known"] = scores < np.quantile(known, share)
    return {
        f"{name}, {what}": float(rows[mask].mean())
        for name, rows in flagged.items()
        for what, mask in (("found", is_anomaly), ("alarms", ~is_anomaly))
    }


def run(path, studies=STUDIES):
    """Append to the file the records that it lacks."""
    done = {key(record) for record in read(path)}
    for role, detectors in studies.items():
        for table, share, split in product(with_role(role), SHARES, SPLITS):
            for name, detector in detectors.items():
                where = {"role": role, "detector": name, "table": table.name}
                where |= {"share": share, "split": split}
                if key(where) not in done:
                    append(path, [where | measured(detector, table, share, split)])


def key(record):
    return tuple(record[name] for name in ("role", "detector", "table", "share", "split"))


# ------------------------------------------------------------------------------------ the tables


def mean(records, figure, **where):
    """The mean over the records that match."""
    values = [
        record[figure]
        for record in records
        if figure in record and all(record[name] == value for name, value in where.items())
    ]
    return float(np.mean(values)) if values else np.nan


def markdown(header, rows):
    cells = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in cells)


def by_share(records, detectors, role, figure="auc"):
    """A row for each detector: the mean over tables and splits, for each share of anomalies."""
    rows = []
    for name in detectors:
        of_name = partial(mean, records, figure, role=role, detector=name)
        figures = [*(of_name(share=share) for share in SHARES), of_name()]
        rows.append([name, *(f"{value:.3f}" for value in figures)])
    return markdown(["detector", *(f"{share:.0%}" for share in SHARES), "mean"], rows)


def by_table(records, detectors, share):
    """A row for each reported table, a column for each detector. The best are bold."""
    rows = []
    for table in with_role(REPORTED):
        where = {"role": REPORTED, "table": table.name, "share": share}
        aucs = [mean(records, "auc", detector=name, **where) for name in detectors]
        best = max(np.round(aucs, 2))
        rows.append([table.name, *(shown(auc, round(auc, 2) == best) for auc in aucs)])
    return markdown(["table", *detectors], rows)


def shown(value, is_best):
    return f"**{value:.2f}**" if is_best else f"{value:.2f}"


def of_thresholds(records, detectors, thresholds, *, role):
    """What each detector's threshold finds, and how often it is wrong."""
    rows = []
    for name, share, threshold in product(detectors, SHARES, thresholds):
        where = {"role": role, "detector": name, "share": share}
        found, alarms = (mean(records, f"{threshold}, {w}", **where) for w in ("found", "alarms"))
        if np.isfinite(found):
            rows.append([name, f"{share:.0%}", threshold, f"{found:.0%}", f"{alarms:.0%}"])
    return markdown(["detector", "anomalies in X", "threshold", "found", "false alarms"], rows)


def print_tables(records):
    print("Width, as it is\n", by_share(records, PLAIN, CHOSEN), sep="\n")
    print("\nWidth, with trim and decay\n", by_share(records, FITTING, CHOSEN), sep="\n")
    print("\nDecay and trim\n", by_share(records, AROUND, CHOSEN), sep="\n")
    print("\nPCA\n", by_share(records, LINEAR, CHOSEN), sep="\n")
    print("\nReported, ROC AUC\n", by_share(records, OURS | PEERS, REPORTED), sep="\n")
    print("\nPrecision\n", by_share(records, OURS | PEERS, REPORTED, "precision"), sep="\n")
    for share in SHARES:
        print(f"\n{share:.0%} anomalies\n", by_table(records, BY_TABLE, share), sep="\n")
    fences = [f"fence {fence}" for fence in FENCES]
    print("\nFence\n", of_thresholds(records, [CHOICE], fences, role=CHOSEN), sep="\n")
    of_reported = partial(of_thresholds, records, role=REPORTED)
    print("\nAuto\n", of_reported(OURS | PEERS, ["auto"]), sep="\n")
    known = of_reported(["default", "IsolationForest"], ["known"])
    print("\nKnown contamination\n", known, sep="\n")
    print("\nSeconds\n", by_share(records, OURS | PEERS, REPORTED, "seconds"), sep="\n")
    print("\nWarnings\n", by_share(records, OURS, REPORTED, "warnings"), sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="a .jsonl of records, which is appended to")
    path = parser.parse_args().path
    print(f"{len(TABLES)} tables")
    with threadpool_limits(1):
        run(path)
    print_tables(read(path))


if __name__ == "__main__":
    main()
