"""Tables and pictures from the files of `benchmarks.speed`, `time_to_objective` and `jobs`, and which goals are met.

    python -m benchmarks.report speed.json [more.json ...] [--out FOLDER]

Times are medians; ratios are medians of the ratios within a round, so what disturbed a whole round does not count. The floor is
the faster, in each round, of the two ways of NumPy's matrix products; "share" is floor / time. "busy / quiet" is by how much a
busy process on one thread slows the contender down.
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np

from benchmarks.goals import goals
from benchmarks.time_to_objective import TEXTBOOK

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402  after the choice of backend

FLOORS = ("products", "products, row workers")
STYLES = {  # line, marker, grey
    TEXTBOOK: ("--", "s", "0.6"),
    "PyTorch's L-BFGS": (":", "^", "0.6"),
    "ours, all weights": ("-", "D", "0.3"),
    "ours, without the decoder": ("-", "o", "black"),
    "ours, Adam": ("-.", "v", "0.3"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="JSON, whose contents are put together")
    parser.add_argument("--out", default=".", help="folder for the pictures")
    args = parser.parse_args()
    result = {"times": [], "time to objective": [], "jobs": []}
    for path in args.files:
        part = json.loads(Path(path).read_text(encoding="utf-8"))
        machine = {"clock": part.get("clock", "wall")} | part["machine"]
        print(f"{path}: {', '.join(f'{name} {value}' for name, value in machine.items())}\n")
        for name in result:
            result[name] += part.get(name, [])
    sections = {"times": times_table, "time to objective": objectives_table, "jobs": jobs_table}
    pictures = {"times": draw_times, "time to objective": draw_curves, "jobs": draw_jobs}
    for name in (name for name in sections if result[name]):
        sections[name](result[name])
        picture = pictures[name](result[name])
        picture.savefig(Path(args.out) / f"{name.replace(' ', '_')}.png", dpi=150, bbox_inches="tight")
    print("\n| goal | measured | met |\n|---|---|---|")
    for goal, measured, is_met in goals(result):
        print(f"| {goal} | {measured} | {'yes' if is_met else 'NO'} |")


# ----------------------------------------------------------------------------------------------- steps and evaluations


def floor(seconds):
    return np.min([seconds[name] for name in FLOORS], axis=0)


def ratio(numerator, denominator):
    return float(np.median(np.divide(numerator, denominator)))


def times_table(records):
    quiet = {(r["case"], r["threads"]): r["seconds"] for r in records if r["load"] == "quiet"}
    print("| case | threads | load | contender | ms | of ours | share of the floor | busy / quiet | MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for r in records:
        for name, values in r["seconds"].items():
            slower = "" if r["load"] == "quiet" else f"{ratio(values, quiet[r['case'], r['threads']][name]):.2f}"
            memory = f"{r['megabytes'][name]:.1f}" if name in r.get("megabytes", ()) else ""
            cells = f"{1e3 * np.median(values):.3g} | {ratio(values, r['seconds']['ours']):.2f}"
            shares = f"{ratio(floor(r['seconds']), values):.2f} | {slower} | {memory}"
            print(f"| {r['part']}, {r['case']} | {r['threads']} | {r['load']} | {name} | {cells} | {shares} |")


def draw_times(records):
    """Bars of time over floor, a panel for each case and number of threads, quiet."""
    quiet = [r for r in records if r["load"] == "quiet"]
    n_columns = min(2, len(quiet))
    n_rows = -(-len(quiet) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(6.4 * n_columns, 2.2 * n_rows), squeeze=False, layout="constrained")
    for axis in axes.flat[len(quiet) :]:
        axis.remove()
    for axis, r in zip(axes.flat, quiet, strict=False):
        names = [name for name in r["seconds"] if name not in FLOORS][::-1]
        widths = [1 / ratio(floor(r["seconds"]), r["seconds"][name]) for name in names]
        colors = ["black" if name.startswith("ours") else "0.75" for name in names]
        axis.barh(names, widths, color=colors, edgecolor="black")
        axis.axvline(1, color="black", linestyle="--")
        axis.set_title(f"{r['part']}: {r['case']}, {r['threads']} threads", fontsize=9)
        axis.set_xlabel("time / matrix products alone", fontsize=8)
        axis.tick_params(labelsize=8)
    return figure


# ------------------------------------------------------------------------------------------------------ J against time


def time_to_target(record, name):
    """Seconds until the textbook's lowest J; infinite if it was not reached."""
    target = min(value for _, value in record["curves"][TEXTBOOK])
    return next((seconds for seconds, value in record["curves"][name] if value <= target), np.inf)


def objectives_table(records):
    print("\n| problem | loss | start | J to reach | contender | seconds to J | the textbook's / its | records |")
    print("|---|---|---|---|---|---|---|---|")
    for r in records:
        target = min(value for _, value in r["curves"][TEXTBOOK])
        textbook = time_to_target(r, TEXTBOOK)
        for name, curve in r["curves"].items():
            seconds = time_to_target(r, name)
            reached = (
                f"{seconds:.2f} | {textbook / seconds:.1f}" if np.isfinite(seconds) else f"not in {curve[-1][0]:.0f} s | -"
            )
            print(f"| {r['problem']} | {r['loss']} | {r['seed']} | {target:.5g} | {name} | {reached} | {len(curve)} |")


def draw_curves(records):
    first = [r for r in records if r["seed"] == 0]
    figure, axes = plt.subplots(1, len(first), figsize=(5 * len(first), 4), squeeze=False, layout="constrained")
    for axis, r in zip(axes.flat, first, strict=True):
        for name, curve in r["curves"].items():
            line, marker, grey = STYLES[name]
            style = {"linestyle": line, "marker": marker, "color": grey, "markevery": 0.12, "markersize": 5}
            axis.plot(*np.transpose(curve), label=name, **style)
        target = min(value for _, value in r["curves"][TEXTBOOK])
        axis.axhline(target, color="black", linewidth=0.6)
        axis.set(xscale="log", xlabel="seconds", ylabel="J", ylim=(0.9 * target, 2.5 * target))
        axis.set_title(f"{r['problem']}, {r['loss']}", fontsize=9)
        axis.legend(fontsize=7)
    return figure


# ---------------------------------------------------------------------------------------------------------------- jobs


def by_estimator(records):
    """``{(problem, who): records}``."""
    groups = {}
    for r in records:
        groups.setdefault((r["problem"], r["who"]), []).append(r)
    return groups


def jobs_table(records):
    print("\n| problem | estimator | s to fit | s to transform | accuracy of a linear classifier | lowest and highest |")
    print("|---|---|---|---|---|---|")
    for (problem, who), group in by_estimator(records).items():
        fit, transform, accuracy = (np.median([r[field] for r in group]) for field in ("fit", "transform", "accuracy"))
        scores = [r["accuracy"] for r in group]
        print(f"| {problem} | {who} | {fit:.2f} | {transform:.3f} | {accuracy:.4f} | {min(scores):.4f}, {max(scores):.4f} |")


def draw_jobs(records):
    problems = list(dict.fromkeys(r["problem"] for r in records))
    figure, axes = plt.subplots(1, len(problems), figsize=(5 * len(problems), 4), squeeze=False, layout="constrained")
    for axis, problem in zip(axes.flat, problems, strict=True):
        for (_, who), marker in zip([key for key in by_estimator(records) if key[0] == problem], "os^DvxP", strict=False):
            group = by_estimator(records)[problem, who]
            seconds, scores = [r["fit"] + r["transform"] for r in group], [r["accuracy"] for r in group]
            axis.plot(seconds, scores, marker, color="black", fillstyle="full" if who.startswith("ours") else "none", label=who)
        axis.set(xscale="log", xlabel="seconds to fit and transform", ylabel="accuracy on test rows", title=problem)
        axis.legend(fontsize=7)
    return figure


if __name__ == "__main__":
    main()
