"""Which goals of the speed study are met, and what do its tables and pictures look like?

    python -m benchmarks.speed.report speed.json --docs docs    # seconds
    python -m benchmarks.speed.report --docs docs    # only the pictures, from the tables

It reads the files of `benchmarks.speed`, `time_to_objective`, `jobs` and `growth`, prints the
tables and the goals, and writes the pictures to --out. With --docs, both go into the pages of the
documentation: see `benchmarks.speed.tables`. The pictures of times, jobs and growth are drawn from
the tables. Tables that the files do not have are those of the pages.

Times are medians. Ratios are medians of the ratios within a round, so a disturbance of a whole
round does not count. The floor is the faster, in each round, of the two ways to compute NumPy's
matrix products. "share" is floor / time.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.speed import pictures
from benchmarks.speed.goals import goals, median_of
from benchmarks.speed.rounds import floor, ratio
from benchmarks.speed.tables import filled, places, table
from benchmarks.speed.time_to_objective import TEXTBOOK, time_to_target

PAGES = ("performance.md", "solvers.md")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="JSON files, whose contents are joined")
    parser.add_argument("--out", default=".", help="folder for the pictures")
    parser.add_argument("--docs", type=Path, help="folder of the pages to fill")
    args = parser.parse_args()
    result = read(args.files)
    tables = {name: lines for name, table in TABLES.items() if (lines := list(table(result)))}
    for name, lines in tables.items():
        print(f"\n{name}\n\n" + "\n".join(lines))
    curves = result["time to objective"]
    if args.docs:
        pictures.draw(filled_pages(args.docs, tables), curves, args.docs / "images")
    else:
        pictures.draw(tables, curves, Path(args.out))
    print("\n| goal | measured | met |\n|---|---|---|")
    for goal, measured, is_met in goals(result):
        print(f"| {goal} | {measured} | {'yes' if is_met else 'NO'} |")


def read(paths):
    """Return the joined contents of the files; print the machine of each."""
    result = {"times": [], "time to objective": [], "jobs": [], "growth": [], "memory": []}
    for path in paths:
        part = json.loads(Path(path).read_text(encoding="utf-8"))
        machine = {"clock": part.get("clock", "wall")} | part["machine"]
        print(f"{path}: {', '.join(f'{name} {value}' for name, value in machine.items())}")
        for name in result:
            result[name] += part.get(name, [])
    return result


def filled_pages(docs, tables):
    """Fill the places of the pages in the folder. Return what stands in them now."""
    found = {}
    for path in (docs / page for page in PAGES):
        page = filled(path.read_text(encoding="utf-8"), tables)
        path.write_text(page, encoding="utf-8")
        found |= places(page)
    return found


def picture(name, says):
    """The line that shows a picture of `benchmarks.speed.pictures` in a page."""
    return f"![{says}](images/{name}.png)"


# -------------------------------------------------------------------------- steps and evaluations


def times_table(result):
    """Times on a quiet machine. `busy_table` has those beside a competitor."""
    quiet = [r for r in result["times"] if r["load"] == "quiet"]
    others = dict.fromkeys(name for r in quiet for name in r["seconds"] if is_other(name))
    columns = ["case", "threads", "ours, ms", "share of the products"]
    columns += [f"{name} / ours" for name in others]

    def row(r):
        seconds, ours = r["seconds"], r["seconds"]["ours"]
        own = [f"{1e3 * np.median(ours):.3g}", f"{ratio(floor(seconds), ours):.2f}"]
        ratios = [f"{ratio(seconds[n], ours):.2f}" if n in seconds else "" for n in others]
        return [f"{r['part']}, {r['case']}", r["threads"], *own, *ratios]

    return table(columns, map(row, quiet))


def is_other(name):
    return not name.startswith(("ours", "products"))


def busy_table(result):
    """Every contender's time beside a competitor over its time without one."""
    records = {(r["case"], r["threads"], r["load"]): r["seconds"] for r in result["times"]}
    busy = [r for r in result["times"] if r["load"] == "busy"]
    names = dict.fromkeys(name for r in busy for name in r["seconds"])
    names = [name for name in names if name == "ours" or is_other(name)]

    def row(r):
        before, now = records[r["case"], r["threads"], "quiet"], r["seconds"]
        slower = [f"{ratio(now[n], before[n]):.2f}" if n in before else "" for n in names]
        return [f"{r['part']}, {r['case']}", r["threads"], *slower]

    return table(["case", "threads", *names], map(row, busy))


def memory_of_evaluations(result):
    """A row for each case, which has the same memory under any number of threads and any load."""
    cases = {r["case"]: r["megabytes"] for r in result["times"] if r["part"] == "evaluations"}
    names = dict.fromkeys(name for megabytes in cases.values() for name in megabytes)
    rows = [[case, *(f"{made[name]:.0f}" for name in names)] for case, made in cases.items()]
    return table(["peak, MB beyond the inputs", *names], rows)


# --------------------------------------------------------------------------------- J against time


def objectives_table(result):
    """A row for each problem: medians over its starts, and the J to reach from the first one."""
    names = dict.fromkeys(name for r in result["time to objective"] for name in r["curves"])
    problems = {}
    for r in result["time to objective"]:
        problems.setdefault((r["problem"], r["loss"]), []).append(r["curves"])
    rows = []
    for (problem, loss), starts in problems.items():
        J = min(value for _, value, _ in starts[0][TEXTBOOK])
        cells = [to_objective(starts, name) for name in names]
        rows.append([f"{problem}, {loss.replace('_', ' ')}, J {J:.5g}", *cells])
    return table(["", *names], rows)


def curves(result):
    for loss in dict.fromkeys(r["loss"] for r in result["time to objective"]):
        says = f"J against iterations and against seconds, {loss.replace('_', ' ')}"
        yield picture(f"objective_{loss}", says)


def to_objective(starts, name):
    if name not in starts[0]:
        return "-"
    seconds = np.median([time_to_target(curves, name) for curves in starts])
    last, value, _ = starts[0][name][-1]
    return f"{seconds:.2g}" if np.isfinite(seconds) else f"not in {last:.2g} (J {value:.3g})"


# ------------------------------------------------------------------------------------------- jobs


def jobs_table(result):
    columns = ["problem", "estimator", "s to choose", "s to fit", "s to transform", "accuracy"]
    columns += ["lowest and highest", "settings"]

    def row(problem, who, group):
        names = ("choose", "fit", "transform", "accuracy")
        choose, fit, transform, accuracy = (median_of(group, name) for name in names)
        own = [f"{choose:.1f}" if choose else "", f"{fit:.3f}", f"{transform:.3f}"]
        scores = [r["accuracy"] for r in group]
        spread = f"{min(scores):.4f}, {max(scores):.4f}"
        settings = ", ".join(f"{k}={v}" for k, v in group[0]["settings"].items())
        return [problem, who, *own, f"{accuracy:.4f}", spread, settings]

    groups = by_estimator(result["jobs"])
    return table(columns, (row(*who, group) for who, group in groups.items()))


def by_estimator(records):
    """``{(problem, who): records}``."""
    groups = {}
    for r in records:
        groups.setdefault((r["problem"], r["who"]), []).append(r)
    return groups


def times_picture(result):
    says = "Times of the other libraries divided by those of this package"
    return [picture("times", says)] if result["times"] else []


def jobs_picture(result):
    says = "Accuracy of each estimator, with its seconds"
    return [picture("jobs", says)] if result["jobs"] else []


# ----------------------------------------------------------------------------------------- growth


def growth_picture(result):
    says = "Milliseconds of an evaluation against rows, features and units"
    return [picture("growth", says)] if result["growth"] else []


def growth_table(result):
    def row(r):
        cells = (f"{size}: {t:.1f}" for size, t in zip(r["sizes"], r["milliseconds"], strict=True))
        return [r["grows"], *cells, f"{pictures.slope(r['sizes'], r['milliseconds']):.2f}"]

    columns = ["grows", "from, ms", "", "", "", "", "to, ms", "slope"]
    return table(columns, map(row, result["growth"]))


def memory_table(result):
    def row(r):
        n_rows, n_features, n_units = r["shape"]
        shape = f"{n_rows} x {n_features}, {n_units}"
        return [r["solver"], shape, *(f"{r[field]:.0f}" for field in ("X", "megabytes", "formula"))]

    columns = ["solver", "rows x features, units", "MB of X", "MB beyond X", "formula"]
    return table(columns, map(row, result["memory"]))


TABLES = {
    "times": times_table,
    "busy": busy_table,
    "times picture": times_picture,
    "memory of evaluations": memory_of_evaluations,
    "time to objective": objectives_table,
    "curves": curves,
    "jobs": jobs_table,
    "jobs picture": jobs_picture,
    "growth": growth_table,
    "growth picture": growth_picture,
    "memory": memory_table,
}

if __name__ == "__main__":
    main()
