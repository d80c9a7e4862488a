"""Which defaults? R2, sparsity and usefulness of the code over data sets, scalings, losses, solvers and seeds.

    python -m benchmarks.defaults --json defaults.json     # about half an hour on two cores
    python -m benchmarks.defaults --table defaults.json    # the tables of docs/defaults.md

A quarter of the rows of every data set (stratified where there are labels) is set aside. The study sees only the rest, of
which each seed trains on three quarters and measures on one. The last table, of the settings chosen, is measured once on
the rows that were set aside. Scalers see all rows; they have no labels to leak.
"""

import argparse
import json
import warnings
from itertools import product

import numpy as np
from joblib import Parallel, delayed
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.datasets import DATASETS, IN_UNIT_INTERVAL
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity

SEEDS = (0, 1, 2)
N_COMPONENTS = 64
DECAYS = [
    {"sparsity_weight": w, "encoder_alpha": e, "decoder_alpha": d}
    for w, (e, d) in product(
        (0.02, 0.2), ((0, 1e-2), (1e-5, 1e-2), (1e-4, 1e-3), (1e-4, 1e-2), (1e-3, 1e-2), (1e-3, 3e-2), (1e-2, 3e-2))
    )
]
CHOSEN = {}
STOPPING = [{"tol": t, "max_iter": 2000} for t in (3e-3, 1e-3, 3e-4, 1e-4)]
STEPS = [{"solver": "adam", "learning_rate_init": r, "batch_size": b} for r, b in product((1e-3, 3e-3, 1e-2, 3e-2), (64, 256))]


def unit_variation(code):
    """Variance of each unit over rows as a share of the most its mean allows; the median unit."""
    mean = code.mean(axis=0)
    return float(np.median(code.var(axis=0) / (mean * (1 - mean))))


def accuracy(train, y_train, test, y_test):
    """Of a linear classifier on columns brought to [0, 1], so that every representation starts equal."""
    classifier = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=5000, C=10))
    return float(classifier.fit(train, y_train).score(test, y_test))


def split(name, seed, final):
    X, y = DATASETS[name]()
    rest, held_out = train_test_split(np.arange(len(X)), test_size=0.25, random_state=0, stratify=y)
    train, test = (rest, held_out)
    if not final:
        train, test = train_test_split(rest, test_size=0.25, random_state=seed, stratify=None if y is None else y[rest])
    return X[train], X[test], *((None, None) if y is None else (y[train], y[test]))


def measure(study, name, loss, settings, seed, final=False):
    X_train, X_test, y_train, y_test = split(name, seed, final)
    model = SparseAutoencoderTransformer(N_COMPONENTS, loss=loss, random_state=seed, **settings)
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X_train)
        code = model.transform(X_test)
        row = {
            "R2": model.score(X_test),
            "hoyer": hoyer_sparsity(code),
            "active": float((code > 0.5).mean()),
            "off_target": float(np.abs(model.mean_activations_ - model.sparsity_target).max()),
            "variation": unit_variation(code),
            "n_iter": model.n_iter_,
            "objective": model.loss_,
            "accuracy": None if y_train is None else accuracy(model.transform(X_train), y_train, code, y_test),
            "warnings": [str(w.message).split(":")[0] for w in caught],
        }
    return {"study": study, "data": name, "loss": loss, "settings": settings, "seed": seed} | row


def peers(name, seed):
    """Accuracy on raw columns, and on the code of PCA and BernoulliRBM of the same width, on the rows set aside."""
    X_train, X_test, y_train, y_test = split(name, seed, final=True)
    width = min(N_COMPONENTS, *X_train.shape)
    rbm = make_pipeline(MinMaxScaler(clip=True), BernoulliRBM(N_COMPONENTS, learning_rate=0.06, n_iter=20, random_state=seed))
    pca = make_pipeline(StandardScaler(), PCA(width, random_state=seed))
    with threadpool_limits(1):
        scores = {"raw": accuracy(X_train, y_train, X_test, y_test)}
        for label, model in (("PCA", pca), ("BernoulliRBM", rbm)):
            train = model.fit_transform(X_train)
            scores[label] = accuracy(train, y_train, model.transform(X_test), y_test)
    return {"study": "peers", "data": name, "seed": seed} | scores


def problems():
    return [(name, "squared_error") for name in DATASETS] + [(name, "cross_entropy") for name in IN_UNIT_INTERVAL]


def run(studies):
    jobs = []
    for study in studies:
        settings = {"decays": DECAYS, "stopping": STOPPING, "steps": STEPS, "chosen": [CHOSEN]}[study]
        final = study == "chosen"
        jobs += [
            delayed(measure)(study, name, loss, setting, seed, final)
            for (name, loss), setting, seed in product(problems(), settings, SEEDS)
        ]
        if final:
            jobs += [delayed(peers)(name, seed) for name, seed in product(DATASETS, SEEDS) if DATASETS[name]()[1] is not None]
    return Parallel(n_jobs=2, verbose=1)(jobs)


def table(rows, study):
    """One Markdown line for each problem and setting: medians over seeds; the JSON has every run."""
    keys = ["objective", "R2", "hoyer", "active", "variation", "n_iter", "accuracy"]
    others = ["raw", "PCA", "BernoulliRBM"] if study == "chosen" else []
    header = ["data", "loss", "settings", *keys, *others]
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for (data, loss, settings), group in grouped(rows, study, ("data", "loss", "settings")).items():
        cells = [cell(key, [row[key] for row in group]) for key in keys]
        peer_rows = [row for row in rows if row["study"] == "peers" and row["data"] == data]
        cells += [cell(other, [row[other] for row in peer_rows] or [None]) for other in others]
        lines.append(f"| {data} | {loss} | {words(json.loads(settings))} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def grouped(rows, study, keys):
    groups = {}
    for row in rows:
        if row["study"] == study:
            key = tuple(row[key] if isinstance(row[key], str) else json.dumps(row[key]) for key in keys)
            groups.setdefault(key, []).append(row)
    return groups


def cell(key, values):
    if values[0] is None:
        return ""
    return format(np.median(values), {"n_iter": ".0f", "objective": ".4g"}.get(key, ".3f"))


def words(settings):
    short = {
        "sparsity_weight": "w",
        "encoder_alpha": "e",
        "decoder_alpha": "d",
        "learning_rate_init": "rate",
        "batch_size": "batch",
    }
    shown = {short.get(key, key): value for key, value in settings.items() if key not in ("solver", "max_iter")}
    return ", ".join(f"{key} {value:g}" for key, value in shown.items()) or "defaults"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", nargs="+", default=["decays", "stopping", "steps", "chosen"])
    parser.add_argument("--json", help="run the studies and write every measurement here")
    parser.add_argument("--table", help="print the tables of such a file")
    args = parser.parse_args()
    if args.json:
        with open(args.json, "w") as file:
            json.dump(run(args.studies), file, indent=0)
    for study in args.studies if args.table else ():
        with open(args.table) as file:
            print(f"\n## {study}\n\n" + table(json.load(file), study))


if __name__ == "__main__":
    main()
