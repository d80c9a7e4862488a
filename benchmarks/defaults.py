"""Which defaults? What the code is worth, over tables, losses, solvers, widths and seeds.

    python -m benchmarks.defaults --json scale.json --studies scale     # goes on where it stopped
    python -m benchmarks.defaults --table scale.json                    # Markdown
    python -m benchmarks.defaults --table reported.json --peers peers.json

"scale", "decays", "tol" and "target" serve for the choice, on tables that are CHOSEN on. "reported" has the defaults as they
come, on the other tables and beside the peers of `benchmarks.peers`. "encoder" has a tenth of the default `encoder_alpha` and
ten times it there: does held-out R2 want another one? Each fit has one BLAS thread; seconds are the processor's, of `fit`.
Small tables are split three times. `benchmarks.tables` has the tables, `benchmarks.figures` the figures.
"""

import argparse
import json
import time
import warnings
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from benchmarks.figures import accuracy, agreement, append, judged, read
from benchmarks.peers import PEERS, RAW, mean
from benchmarks.tables import CHOSEN, REPORTED, TABLES, with_role
from skl_sparse_ae import SparseAutoencoderTransformer
from skl_sparse_ae.metrics import hoyer_sparsity

SEEDS, SOLVERS = (0, 1, 2), ("lbfgs", "adam")
WEIGHTS = ("sparsity_weight", "encoder_alpha", "decoder_alpha")
MULTIPLES = (0.1, 0.3, 1, 3, 10)
FIGURES = ("accuracy", "R2", "R2 in sample", "hoyer", "agreement", "n_iter", "seconds")
LEAST_HOYER, MOST_ITERATIONS, TOLERANCE = 0.4, 150, 0.02  # what a default code must reach


class Job(NamedTuple):
    """What one process fits from a few seeds."""

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


# ---------------------------------------------------------------------------------------------------------- the studies


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


class Study(NamedTuple):
    role: str
    settings: list
    above: bool = False  # whether widths above the number of columns take part


STUDIES = {
    "scale": Study(CHOSEN, one_at_a_time(MULTIPLES)),
    "decays": Study(CHOSEN, decays(MULTIPLES)),
    "tol": Study(CHOSEN, [{"tol": tol} for tol in (3e-3, 1e-3, 3e-4, 1e-4)]),
    "target": Study(CHOSEN, [{"sparsity_target": rho} for rho in (0.03, 0.05, 0.1, 0.2)]),
    "reported": Study(REPORTED, [{}], above=True),
    "encoder": Study(REPORTED, [{"encoder_alpha": times(m)} for m in (0.1, 10)]),
}


def jobs(name, tables=None, solvers=SOLVERS):
    """All fits of a study, or those of some tables and solvers."""
    study = STUDIES[name]
    for table in [TABLES[t] for t in tables] if tables else with_role(study.role):
        widths = table.widths if study.above else table.widths[:1]
        options = product(widths, table.losses, solvers, study.settings, table.splits)
        yield from (Job(name, table.name, *option) for option in options)


# --------------------------------------------------------------------------------------------------------- measurements


def measure(table, k, loss="squared_error", solver="lbfgs", settings=None, seed=0, split=0):
    """A record of one fit, and its decoder."""
    (X, y), (X_test, y_test) = judged(table, split)
    weights = {"loss": loss, "solver": solver, "random_state": seed} | (settings or {})
    model = SparseAutoencoderTransformer(k, **weights)
    with threadpool_limits(1):
        caught, seconds = fit(model, table.load(split)[0])
        code = model.transform(X_test)
        record = {
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
    """The warnings' texts, and seconds of the processor."""
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
    pairs = {(i, j): agreement(fits[i][1], fits[j][1]) for i, j in combinations(range(len(fits)), 2)}
    for i, (record, _) in enumerate(fits):
        own = [value for pair, value in pairs.items() if i in pair]
        record |= {"seed": seeds[i], "agreement": float(np.mean(own)) if own else None}
    return [job._asdict() | record for record, _ in fits]


def run(path, todo, seeds, n_processes):
    done = {Job(*(row[field] for field in Job._fields)).key for row in read(path)}
    todo = [job for job in todo if job.key not in done]
    results = Parallel(n_processes, return_as="generator_unordered")(delayed(run_job)(job, seeds) for job in todo)
    for i, records in enumerate(results, 1):
        append(path, records)
        first = records[0]
        print(i, len(todo), first["study"], first["table"], first["solver"], first["settings"], flush=True)


# --------------------------------------------------------------------------------------------------------------- tables


def grouped(records, *keys):
    groups = {}
    for row in records:
        key = tuple(row[k] if not isinstance(row[k], dict) else words(row[k]) for k in keys)
        groups.setdefault(key, []).append(row)
    return groups


def words(settings):
    return ", ".join(f"{key} {value}" for key, value in settings.items()) or "defaults"


def average(records, figure):
    values = [row[figure] for row in records if row.get(figure) is not None]
    return float(np.mean(values)) if values else None


def cell(figure, value):
    digits = {"n_iter": ".0f", "seconds": ".3g"}.get(figure, ".3f")
    return "" if value is None else format(value, digits)


def markdown_table(header, lines):
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def details(records):
    """A line for each table and setting: means over seeds and splits."""
    keys = ("table", "k", "loss", "solver", "settings")
    lines = [
        [*key, *(cell(figure, average(group, figure)) for figure in FIGURES), short_warnings(group)]
        for key, group in grouped(records, *keys).items()
    ]
    return markdown_table([*keys, *FIGURES, "warnings"], lines)


def summary(records):
    """A line for each loss, solver and setting: means over tables, and the table that loses most against the best."""
    figures, lines = ("accuracy", "R2", "hoyer", "agreement"), []
    best = {place: best_of(group) for place, group in grouped(records, "table", "k", "loss", "solver").items()}
    for key, group in grouped(records, "loss", "solver", "settings").items():
        places = grouped(group, "table", "k", "loss", "solver")
        values = [cell(f, mean_over(places.values(), f)) for f in figures]
        worst = [most_lost(places, best, figure) for figure in ("accuracy", "R2")]
        effort = [cell(f, mean_over(places.values(), f)) for f in ("n_iter", "seconds")]
        lines.append([*key, *values, *worst, *effort, sum(bool(row["warnings"]) for row in group)])
    worst = ["most accuracy lost", "most R2 lost"]
    return markdown_table(["loss", "solver", "settings", *figures, *worst, "n_iter", "seconds", "warned"], lines)


def best_of(records):
    settings = grouped(records, "settings").values()
    return {f: max((average(g, f) for g in settings if average(g, f) is not None), default=None) for f in ("accuracy", "R2")}


def mean_over(groups, figure):
    values = [average(group, figure) for group in groups]
    values = [value for value in values if value is not None]
    return float(np.mean(values)) if values else None


def most_lost(places, best, figure):
    lost = {p: best[p][figure] - average(g, figure) for p, g in places.items() if best[p][figure] is not None}
    place = max(lost, key=lost.get, default=None)
    return "" if place is None else f"{lost[place]:.3f} ({place[0]})"


def short_warnings(records):
    texts = {text[:60] for row in records for text in row["warnings"]}
    return "; ".join(sorted(texts)).replace("|", "/")


def reported(records, peers):
    """A line for each table, width, loss and solver, beside the peers; the last column is what a default code misses."""
    keys, peer_names = ("table", "k", "loss", "solver"), [RAW, *PEERS]
    lines = []
    for key, group in grouped(records, *keys).items():
        beside = [row for row in peers if (row["table"], row["k"]) == key[:2]]
        own = [cell(figure, average(group, figure)) for figure in FIGURES]
        others = [mean(beside, name, "accuracy") for name in peer_names]
        lines.append([*key, *own, *others, missed(key[0], group, others[0])])
    return markdown_table([*keys, *FIGURES, *peer_names, "misses"], lines)


def missed(name, records, raw):
    table, accurate = TABLES[name], average(records, "accuracy")
    misses = {
        "accuracy": bool(raw) and accurate < float(raw) - TOLERANCE,
        "hoyer": table.d_over_n < 1 and average(records, "hoyer") < LEAST_HOYER,
        "iterations": max(row["n_iter"] for row in records) > MOST_ITERATIONS,
        "warned: " + short_warnings(records): any(row["warnings"] for row in records),
    }
    return ", ".join(miss for miss, is_missed in misses.items() if is_missed)


def encoder(records):
    """Held-out R2 at multiples of the encoder's decay, and what the default loses against the best."""
    lines, keys = [], ("table", "k", "loss", "solver")
    of_width = {(row["table"], row["k"]) for row in records if row["study"] == "encoder"}
    own = [row for row in records if (row["table"], row["k"]) in of_width]
    for key, group in grouped(own, *keys).items():
        r2 = {settings: average(rows, "R2") for (settings,), rows in grouped(group, "settings").items()}
        cells = [cell("R2", r2.get(s)) for s in ("encoder_alpha 0.1*scale", "defaults", "encoder_alpha 10*scale")]
        lost = f"{max(r2.values()) - r2['defaults']:.3f}" if "defaults" in r2 else ""
        lines.append([*key, *cells, lost])
    return markdown_table([*keys, "0.1*scale", "scale", "10*scale", "lost"], lines)


def tables_of(path, peers):
    records = read(path)
    for (study,), group in grouped(records, "study").items():
        print(f"\n## {study}\n")
        if study == "reported":
            print(reported(group, read(peers) if peers else []))
        elif study == "encoder":
            print(encoder([row for row in records if row["study"] in ("reported", "encoder")]))
        else:
            print(summary(group) + "\n\n" + details(group))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="run the studies and append each measurement to this file")
    parser.add_argument("--studies", nargs="+", default=list(STUDIES), choices=list(STUDIES), metavar="STUDY")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), metavar="NAME", help="instead of the study's own")
    parser.add_argument("--solvers", nargs="+", default=SOLVERS, choices=SOLVERS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--table", help="print the tables of such a file")
    parser.add_argument("--peers", help="with --table: the file of `benchmarks.peers`")
    args = parser.parse_args()
    if args.json:
        todo = [job for study in args.studies for job in jobs(study, args.tables, args.solvers)]
        run(args.json, todo, args.seeds, args.processes)
    if args.table:
        tables_of(args.table, args.peers)


if __name__ == "__main__":
    main()
