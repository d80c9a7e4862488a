"""How good are the code and its default weights, over tables, losses, solvers, widths and seeds?

    python -m benchmarks.study.defaults --json scale.json --studies scale    # hours
    python -m benchmarks.study.peers --json peers.json
    python -m benchmarks.study.defaults --table scale.json --peers peers.json    # Markdown

A study that was interrupted goes on where it stopped. "scale" (each weight in multiples of its own
default, the others at theirs), "decays" (all pairs of multiples of the two decays), "tol" and
"target" serve for the choice, on tables with the role CHOSEN. "reported" has the defaults, on the
other tables and beside the peers. "encoder" has a tenth of the default `encoder_alpha` and ten
times it there: does held-out R2 want another one? Each fit has one BLAS thread. Seconds are CPU
time of `fit`. Small tables are split three times.
"""

import argparse
import json
import re
import time
import warnings
from collections.abc import Callable
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from benchmarks.study.figures import accuracy, agreement, append, judged, read
from benchmarks.study.peers import PEERS, RAW, mean
from benchmarks.study.tables import CHOSEN, REPORTED, TABLES, with_role
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity

SEEDS, SOLVERS = (0, 1, 2), ("lbfgs", "adam")
WEIGHTS = ("sparsity_weight", "encoder_alpha", "decoder_alpha")
PLACE = ("table", "k", "loss", "solver")
MULTIPLES = (0.1, 0.3, 1, 3, 10)
FIGURES = ("accuracy", "R2", "R2 in sample", "hoyer", "agreement", "n_iter", "seconds")
LEAST_HOYER, MOST_ITERATIONS, TOLERANCE = 0.4, 150, 0.02  # goals for a code of the defaults


class Job(NamedTuple):
    """The fits of one process, which differ in their seeds alone."""

    study: str
    table: str
    k: int
    loss: str
    solver: str
    settings: dict
    split: int

    @property
    def key(self):
        return json.dumps(self)


# -------------------------------------------------------------------------------------- the studies


def times(multiple):
    return f"{multiple:g}*scale"


def one_at_a_time(multiples):
    """The defaults, and each weight in multiples of its own."""
    others = [m for m in multiples if m != 1]
    return [{}] + [{weight: times(m)} for weight, m in product(WEIGHTS, others)]


def decays(multiples):
    """All pairs of the two decays."""
    pairs = product(multiples, multiples)
    return [{"encoder_alpha": times(e), "decoder_alpha": times(d)} for e, d in pairs]


def values(name, *choice):
    """Values of one parameter; the multiples are ignored."""
    return lambda multiples: [{name: value} for value in choice]


class Study(NamedTuple):
    role: str
    settings: Callable[[tuple], list]  # a function of the multiples
    above: bool = False  # True to include widths above the number of columns


STUDIES = {
    "scale": Study(CHOSEN, one_at_a_time),
    "decays": Study(CHOSEN, decays),
    "tol": Study(CHOSEN, values("tol", 3e-3, 1e-3, 3e-4, 1e-4)),
    "target": Study(CHOSEN, values("sparsity_target", 0.03, 0.05, 0.1, 0.2)),
    "reported": Study(REPORTED, lambda multiples: [{}], above=True),
    "encoder": Study(REPORTED, values("encoder_alpha", times(0.1), times(10))),
}


def jobs(name, tables=None, solvers=SOLVERS, multiples=MULTIPLES):
    """Yield the jobs of a study, or those of some tables and solvers."""
    study = STUDIES[name]
    settings = study.settings(multiples)
    for table in [TABLES[t] for t in tables] if tables else with_role(study.role):
        widths = table.widths if study.above else table.widths[:1]
        options = product(widths, table.losses, solvers, settings, table.splits)
        yield from (Job(name, table.name, *option) for option in options)


# ------------------------------------------------------------------------------------- measurements


def measure(table, k, loss="squared_error", solver="lbfgs", settings=None, seed=0, split=0):
    """Return a record of one fit, and its decoder."""
    (X, y), (X_test, y_test) = judged(table, split)
    weights = {"loss": loss, "solver": solver, "random_state": seed} | (settings or {})
    model = SparseAutoencoderTransformer(k, **weights)
    with threadpool_limits(1):
        caught, seconds = fit(model, table.load(split)[0])
        code = model.transform(X_test)
        record = {
            "d/n": table.d_over_n,
            "accuracy": accuracy(model.transform(X), code, y, y_test),
            "R2": model.score(X_test),
            "R2 in sample": model.score(X),
            "hoyer": hoyer_sparsity(code),
            "off target": float(np.abs(model.mean_activations_ - model.sparsity_target).max()),
            "n_iter": model.n_iter_,
            "objective": model.loss_,
            "seconds": seconds,
            "warnings": caught,
            "weights": {name: getattr(model, name + "_", None) for name in WEIGHTS},
        }
    return record, model.decoder_components_


def fit(model, X):
    """Fit the model; return the texts of the warnings, and the CPU seconds."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.process_time()
        model.fit(X)
        seconds = time.process_time() - start
    return [f"{w.category.__name__}: {w.message}" for w in caught], seconds


def run_job(job, seeds):
    """A record for each seed, with the mean agreement of its decoder with the others'."""
    table = TABLES[job.table]
    fits = [measure(table, *job[2:6], seed, job.split) for seed in seeds]
    pairs = combinations(range(len(fits)), 2)
    cosines = {(i, j): agreement(fits[i][1], fits[j][1]) for i, j in pairs}
    for i, (record, _) in enumerate(fits):
        own = [cosine for pair, cosine in cosines.items() if i in pair]
        record |= {"seed": seeds[i], "agreement": float(np.mean(own)) if own else None}
    return [job._asdict() | record for record, _ in fits]


def run(path, todo, seeds, n_processes):
    done = {Job(*(row[field] for field in Job._fields)).key for row in read(path)}
    todo = [job for job in todo if job.key not in done]
    parallel = Parallel(n_processes, return_as="generator_unordered")
    results = parallel(delayed(run_job)(job, seeds) for job in todo)
    for i, records in enumerate(results, 1):
        append(path, records)
        what = " ".join(str(records[0][field]) for field in Job._fields)
        print(f"{i} of {len(todo)}: {what}", flush=True)


# ------------------------------------------------------------------------------------------- tables


def grouped(records, *keys):
    groups = {}
    for row in records:
        key = tuple(words(row[k]) if isinstance(row[k], dict) else row[k] for k in keys)
        groups.setdefault(key, []).append(row)
    return groups


def words(settings):
    return ", ".join(f"{key} {value}" for key, value in settings.items()) or "defaults"


def average(records, figure):
    return mean_of(row.get(figure) for row in records)


def mean_of(values):
    """Their mean without those that are None, such as an accuracy without labels; else None."""
    values = [value for value in values if value is not None]
    return float(np.mean(values)) if values else None


def cells(figures, values):
    """The values as text, None as an empty text."""
    formats = {"n_iter": ".0f", "seconds": ".3g"}
    pairs = zip(figures, values, strict=True)
    return ["" if v is None else format(v, formats.get(f, ".3f")) for f, v in pairs]


def markdown_table(header, lines):
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def short_warnings(records):
    """The beginnings of the warnings' texts, without numbers."""
    texts = {re.sub(r"\d[\d.e+-]*", "#", text)[:60] for row in records for text in row["warnings"]}
    return "; ".join(sorted(texts)).replace("|", "/")


def details(records):
    """A line for each table and setting: means over seeds and splits."""
    keys = (*PLACE, "settings")
    lines = []
    for key, group in grouped(records, *keys).items():
        own = cells(FIGURES, [average(group, figure) for figure in FIGURES])
        lines.append([*key, *own, short_warnings(group)])
    return markdown_table([*keys, *FIGURES, "warnings"], lines)


def summary(records, peers):
    """A line for each loss, solver and setting: means over tables, and the worst table.

    "below raw" counts tables where the code is clearly less accurate than the raw columns. "lost"
    is the loss against the best setting of the study, on the table that loses most.
    """
    best = {place: best_of(group) for place, group in grouped(records, *PLACE).items()}
    raw, lines = raw_accuracies(peers), []
    for key, group in grouped(records, "loss", "solver", "settings").items():
        places = grouped(group, *PLACE)
        values = [mean_of(average(g, figure) for g in places.values()) for figure in FIGURES]
        lost = [most_lost(places, best, figure) for figure in ("accuracy", "R2")]
        counts = [n_below(places, raw), sum(any(r["warnings"] for r in g) for g in places.values())]
        lines.append([*key, *cells(FIGURES, values), *lost, *counts, len(places)])
    counts = ["below raw", "warned", "of"]
    header = ["loss", "solver", "settings", *FIGURES, "accuracy lost", "R2 lost", *counts]
    return markdown_table(header, lines)


def best_of(records):
    settings = grouped(records, "settings").values()
    return {figure: best_average(settings, figure) for figure in ("accuracy", "R2")}


def best_average(groups, figure):
    values = [average(group, figure) for group in groups]
    return max((value for value in values if value is not None), default=None)


def most_lost(places, best, figure):
    known = {p: g for p, g in places.items() if best[p][figure] is not None}
    lost = {p: best[p][figure] - average(g, figure) for p, g in known.items()}
    place = max(lost, key=lost.get, default=None)
    return "" if place is None else f"{lost[place]:.3f} ({place[0]})"


def raw_accuracies(peers):
    own = [row for row in peers if row["model"] == RAW]
    return {table: average(rows, "accuracy") for (table,), rows in grouped(own, "table").items()}


def n_below(places, raw):
    return sum(is_below(place[0], group, raw) for place, group in places.items())


def is_below(table, records, raw):
    accuracy = average(records, "accuracy")
    known = accuracy is not None and raw.get(table) is not None
    return known and accuracy < raw[table] - TOLERANCE


def reported(records, peers):
    """A line for each table, width, loss and solver, beside the peers, with the missed goals."""
    names, raw, lines = [RAW, *PEERS], raw_accuracies(peers), []
    for key, group in grouped(records, *PLACE).items():
        beside = [row for row in peers if (row["table"], row["k"]) == key[:2]]
        own = cells(FIGURES, [average(group, figure) for figure in FIGURES])
        others = [mean(beside, name, "accuracy") for name in names]
        lines.append([*key, *own, *others, missed(key[0], group, raw)])
    return markdown_table([*PLACE, *FIGURES, *names, "misses"], lines)


def missed(name, records, raw):
    is_tall = records[0]["d/n"] < 1
    misses = {
        "accuracy": is_below(name, records, raw),
        "hoyer": is_tall and average(records, "hoyer") < LEAST_HOYER,
        "iterations": max(row["n_iter"] for row in records) > MOST_ITERATIONS,
        "warned: " + short_warnings(records): any(row["warnings"] for row in records),
    }
    return ", ".join(miss for miss, is_missed in misses.items() if is_missed)


def encoder(records):
    """Held-out R2 at multiples of the encoder's decay, and the default's loss to the best."""
    columns, lines = [words(s) for s in (*STUDIES["encoder"].settings(MULTIPLES), {})], []
    for key, group in grouped(records, *PLACE).items():
        r2 = {settings: average(g, "R2") for (settings,), g in grouped(group, "settings").items()}
        if set(columns) <= set(r2):
            values = [r2[column] for column in columns]
            values.append(max(values) - r2[words({})])
            lines.append([*key, *cells([*columns, "lost"], values)])
    return markdown_table([*PLACE, *columns, "lost"], lines)


def print_tables(path, peers):
    records, peers = read(path), read(peers) if peers else []
    for (study,), group in grouped(records, "study").items():
        print(f"\n## {study}\n")
        if study == "reported":
            print(reported(group, peers))
        elif study == "encoder":
            print(encoder([row for row in records if row["study"] in ("reported", "encoder")]))
        else:
            print(summary(group, peers) + "\n\n" + details(group))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    several = {"nargs": "+", "metavar": "NAME"}
    parser.add_argument("--json", help="run the studies and append each measurement to this file")
    parser.add_argument("--studies", default=list(STUDIES), choices=list(STUDIES), **several)
    parser.add_argument("--tables", choices=list(TABLES), help="only these", **several)
    parser.add_argument("--without", default=[], choices=list(TABLES), **several)
    parser.add_argument("--multiples", nargs="+", type=float, default=MULTIPLES)
    parser.add_argument("--solvers", default=SOLVERS, choices=SOLVERS, **several)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--table", help="print the tables of such a file")
    parser.add_argument("--peers", help="with --table: the file of `benchmarks.study.peers`")
    args = parser.parse_args()
    if args.json:
        options = args.tables, args.solvers, args.multiples
        todo = [job for study in args.studies for job in jobs(study, *options)]
        todo = [job for job in todo if job.table not in args.without]
        run(args.json, todo, args.seeds, args.processes)
    if args.table:
        print_tables(args.table, args.peers)


if __name__ == "__main__":
    main()
