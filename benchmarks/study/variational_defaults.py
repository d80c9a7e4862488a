"""How good and how fast are the defaults of `VariationalAutoencoderTransformer`?

    python -m benchmarks.study.variational_defaults run fits.jsonl --role "reported on"    # an hour
    python -m benchmarks.study.variational_defaults tables fits.jsonl

The answer is the bound on held-out rows, and seconds. Defaults are chosen on some tables and
reported on others. MNIST serves for both, with other test rows: its tables are there if the
environment variable `SKL_SPARSE_AE_MNIST` names an .npz with X (n, 784) in 0..255. The settings
are fitted in turn, one BLAS thread each; seconds are CPU time. Differences in nats and ratios of
seconds are to `BEFORE`, the defaults of version 0.1, with the same seed and split. A study that
was interrupted goes on where it stopped.
"""

import argparse
import os
import time
import warnings
from functools import partial
from itertools import groupby, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.study.figures import append, read
from benchmarks.study.tables import CHOSEN, MNIST, REPORTED, bits, bundled, mnist, patches
from skl_sparse_ae import VariationalAutoencoderTransformer

BEFORE = "before"
SETTINGS = {
    BEFORE: {"learning_rate_init": 0.003, "early_stopping": False},
    "default": {},
    "always hold out": {"early_stopping": True},
    "never hold out": {"early_stopping": False},
    "never hold out, tol 1e-3": {"early_stopping": False, "tol": 1e-3},
    "tol 1e-3": {"tol": 1e-3},
    "patience 5": {"n_iter_no_change": 5},
    "rate 0.003": {"learning_rate_init": 0.003},
    "rate 0.01": {"learning_rate_init": 0.01},
    "batches of 200": {"batch_size": 200},
}
WIDTHS = 2, 10


class Table(NamedTuple):
    """`split(seed)` returns training and test rows; `losses` are those that accept them."""

    name: str
    role: str
    split: Any
    losses: tuple = ("squared_error",)


def of(draw, is_scaled, seed):
    train, test = train_test_split(draw()[0], test_size=0.3, random_state=seed)
    if not is_scaled:
        return train, test
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


def of_mnist(n_train, first, last, seed):
    X = mnist()[0].astype(np.float64)
    return X[:n_train], X[first:last]


BOTH = ("squared_error", "cross_entropy")
DIGITS, CANCER = partial(bundled, load_digits, 16), partial(bundled, load_breast_cancer)
WINE, IRIS, DIABETES = (partial(bundled, load) for load in (load_wine, load_iris, load_diabetes))
FLOWER = partial(patches, "flower.jpg", 5000, 8)
TABLES = [
    Table("digits", CHOSEN, partial(of, DIGITS, False), BOTH),
    Table("digits standardised", CHOSEN, partial(of, DIGITS, True)),
    Table("digits in bits", CHOSEN, partial(of, partial(bits, DIGITS), False), BOTH),
    Table("breast cancer standardised", CHOSEN, partial(of, CANCER, True)),
    Table("wine standardised", CHOSEN, partial(of, WINE, True)),
    Table("MNIST, 2,000 rows", CHOSEN, partial(of_mnist, 2000, 2000, 4000), BOTH),
    Table("iris standardised", REPORTED, partial(of, IRIS, True)),
    Table("diabetes standardised", REPORTED, partial(of, DIABETES, True)),
    Table("flower patches", REPORTED, partial(of, FLOWER, False), BOTH),
    Table("MNIST, 5,000 rows", REPORTED, partial(of_mnist, 5000, 5000, 10_000), BOTH),
]


def settings_of(role):
    return list(SETTINGS) if role == CHOSEN else [BEFORE, "default"]


def available(role):
    with_mnist, tables = os.environ.get(MNIST), [table for table in TABLES if table.role == role]
    return [table for table in tables if with_mnist or not table.name.startswith("MNIST")]


# ------------------------------------------------------------------------------------- measurements


def run(path, role, seeds):
    """Append a record of each fit that the file lacks.

    Seeds are the outer loop, so that an interrupted study has all tables.
    """
    done = {key_of(record) + (record["setting"],) for record in read(path)}
    for seed, table, k in product(seeds, available(role), WIDTHS):
        for loss in table.losses:
            keys = [(table.name, loss, k, seed, setting) for setting in settings_of(role)]
            records = [measure(table, *key[1:]) for key in keys if key not in done]
            append(path, records)
            print(table.name, loss, k, seed, flush=True)


def measure(table, loss, k, seed, setting):
    X, X_test = table.split(seed)
    model = VariationalAutoencoderTransformer(k, loss=loss, random_state=seed, **SETTINGS[setting])
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.process_time()
        model.fit(X)
        seconds = time.process_time() - start
    where = {"table": table.name, "role": table.role, "loss": loss, "k": k, "seed": seed}
    figures = {"nats": model.score(X_test), "in sample": -model.loss_, "n_iter": model.n_iter_}
    said = [str(warning.message) for warning in caught]
    return where | {"setting": setting} | figures | {"seconds": seconds, "warnings": said}


def key_of(record):
    return record["table"], record["loss"], record["k"], record["seed"]


# ------------------------------------------------------------------------------------------- tables


BY_SETTING = ("setting", "ratio of seconds", "gain in nats, median", "worst", "epochs, most")
BY_TABLE = ("table", "loss", "units", "nats before", "now", "epochs before", "now")
BY_TABLE += ("seconds before", "now", "ratio")


def print_tables(path):
    for role in (CHOSEN, REPORTED):
        pairs = compared(record for record in read(path) if record["role"] == role)
        print(f"\n{role}, all settings\n")
        print_rows(BY_SETTING, by_setting(pairs))
        print(f"\n{role}, the defaults\n")
        print_rows(BY_TABLE, by_table(pairs))
        defaults = [now for _, now in pairs if now["setting"] == "default"]
        print({message for record in defaults for message in record["warnings"]} or "no warning")


def compared(records):
    """Pairs of the record of `BEFORE` and that of a setting, with the same rows and seed."""
    records = list(records)
    before = {key_of(record): record for record in records if record["setting"] == BEFORE}
    return [(before[key_of(record)], record) for record in records if key_of(record) in before]


def by_setting(pairs):
    for setting in SETTINGS:
        of_setting = [pair for pair in pairs if pair[1]["setting"] == setting]
        if of_setting:
            gains = [median(gain, group) for _, group in places(of_setting)]
            most = max(now["n_iter"] for _, now in of_setting)
            figures = f"{np.median(gains):+.2f}", f"{min(gains):+.2f}", most
            yield setting, f"{median(ratio, of_setting):.2f}", *figures


def by_table(pairs):
    for place, group in places([pair for pair in pairs if pair[1]["setting"] == "default"]):
        formats, cells = {"nats": ".1f", "n_iter": ".0f", "seconds": ".2g"}, []
        for name, form in formats.items():
            cells += [format(median(partial(figure, name, i), group), form) for i in (0, 1)]
        yield *place, *cells, f"{median(ratio, group):.2f}"


def places(pairs):
    """Pairs grouped by table, loss and width, over all seeds."""

    def place(pair):
        return key_of(pair[1])[:3]

    return [(key, list(group)) for key, group in groupby(sorted(pairs, key=place), place)]


def median(function, pairs):
    return float(np.median([function(pair) for pair in pairs]))


def ratio(pair):
    return pair[1]["seconds"] / pair[0]["seconds"]


def gain(pair):
    return pair[1]["nats"] - pair[0]["nats"]


def figure(name, i, pair):
    return pair[i][name]


def print_rows(header, rows):
    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["run", "tables"])
    parser.add_argument("path", type=Path, help="a .jsonl of records, which `run` appends to")
    parser.add_argument("--role", choices=[CHOSEN, REPORTED], default=REPORTED)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    if args.action == "run":
        run(args.path, args.role, range(args.seeds))
    print_tables(args.path)


if __name__ == "__main__":
    main()
