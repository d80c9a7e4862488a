"""The pictures of `benchmarks.speed.report`, from its tables and from the curves of J.

Lines and points differ by marker, dash and name, so that a grey print loses nothing. No PyTorch is
needed.
"""

from io import BytesIO

import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

from benchmarks.speed.tables import columns_of, rows_of

plt.switch_backend("Agg")  # no window is opened

TEXTBOOK = "SciPy on PyTorch's gradient"
STYLES = {  # line, marker, grey
    TEXTBOOK: ("--", "s", "0.6"),
    "PyTorch's L-BFGS": (":", "^", "0.6"),
    "PyTorch's Adam": ("-.", "x", "0.6"),
    "ours, Adam": ("-.", "v", "0.3"),
    "ours, all weights": ("-", "D", "0.3"),
    "ours, without the decoder": ("-", "o", "black"),
}
MARKERS = {  # of the contenders of the table of times
    "share of the products": ("|", "matrix products alone"),
    "textbook NumPy / ours": ("s", "textbook NumPy"),
    "PyTorch / ours": ("^", "PyTorch"),
    "PyTorch compiled / ours": ("v", "PyTorch, compiled"),
    "MLPRegressor, no penalty / ours": ("o", "MLPRegressor, without penalty"),
}
ACCENT = "#D55E00"
NAMES = {"raw": "pixels, no code", "MiniBatchDictionaryLearning": "dictionary learning"}


def draw(tables, curves, folder):
    """Write the pictures, each with 64 colours of its own: a third of the size."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures(tables, curves):
        buffer = BytesIO()
        figure.savefig(buffer, dpi=110, bbox_inches="tight")
        plt.close(figure)
        Image.open(buffer).convert("RGB").quantize(64, kmeans=2).save(folder / f"{name}.png")


def figures(tables, curves):
    """Yield (name, figure) for the tables that there are, and for the curves of the first start."""
    for name, draw_table in (("times", draw_times), ("jobs", draw_jobs), ("growth", draw_growth)):
        if tables.get(name):
            yield name, draw_table(tables[name])
    curves = [r for r in curves if r["seed"] == 0]
    for loss in dict.fromkeys(r["loss"] for r in curves):
        yield f"objective_{loss}", draw_curves([r for r in curves if r["loss"] == loss])


def draw_times(lines):
    """Times divided by ours: a panel for each number of threads."""
    columns, rows = columns_of(lines), rows_of(lines)
    threads = list(dict.fromkeys(row[1] for row in rows))
    size = {"figsize": (10, 4.2), "layout": "constrained"}
    figure, axes = plt.subplots(1, len(threads), squeeze=False, sharex=True, sharey=True, **size)
    for axis, n in zip(axes.flat, threads, strict=True):
        _draw_ratios(axis, columns, [row for row in rows if row[1] == n])
        axis.set_title(f"{n} thread" + "s" * (n != "1"), fontsize="medium")
    figure.suptitle("Times relative to this package (right of the line: slower)")
    _legend_below(figure, axes[0, 0])
    return figure


def _draw_ratios(axis, columns, rows):
    places = np.arange(len(rows))
    axis.hlines(places, 0.2, 5, color="0.9", zorder=0)
    axis.axvline(1, color=ACCENT, linewidth=2, label="this package")
    for column, (marker, name) in MARKERS.items():
        if column in columns:
            texts = [row[columns.index(column)] for row in rows]
            ratios = [float(text) if text else np.nan for text in texts]
            style = {"color": "black", "markerfacecolor": "white", "markersize": 8}
            axis.plot(ratios, places, marker, label=name, **style)
    axis.set_yticks(places, [row[0] for row in rows])
    axis.set(xscale="log", xlim=(0.22, 4.6), ylim=(len(rows) - 0.5, -0.5))
    axis.set_xlabel("time / time of this package")
    axis.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
    axis.set_xticks([], minor=True)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)


def draw_curves(records):
    """A row of two panels for each problem: J against iterations and against seconds."""
    size = {"figsize": (8, 2.9 * len(records)), "layout": "constrained"}
    figure, axes = plt.subplots(len(records), 2, squeeze=False, sharey="row", **size)
    for (by_iteration, by_time), r in zip(axes, records, strict=True):
        curves = {name: np.transpose(curve) for name, curve in r["curves"].items()}
        for name, (seconds, J, numbers) in curves.items():
            line, marker, grey = STYLES[name]
            style = {"linestyle": line, "linewidth": 1.2, "color": grey}
            style |= {"marker": marker, "markevery": 0.12, "markersize": 4}
            by_iteration.plot(numbers, J, label=name, **style)
            by_time.plot(seconds, J, **style)
        _set_limits(by_iteration, by_time, curves)
        by_iteration.set(ylabel="J", xlabel="iterations (Adam: epochs)")
        by_iteration.set_title(r["problem"], fontsize=10, loc="left")
        by_time.set(xlabel="seconds")
    _legend_below(figure, axes[0, 0])
    return figure


def _set_limits(by_iteration, by_time, curves):
    """Show J from the lowest to 2.5 times the target, and mark the target."""
    target, lowest = curves[TEXTBOOK][1].min(), min(J.min() for _, J, _ in curves.values())
    top = min(2.5 * target, max(J[0] for _, J, _ in curves.values()))
    first = min(seconds[top > J].min() for seconds, J, _ in curves.values() if top > J.min())
    for axis, left in ((by_iteration, 1), (by_time, 0.7 * first)):
        axis.axhline(target, color="black", linewidth=0.6)
        axis.set(xscale="log", xlim=(left, None), ylim=(lowest - 0.05 * (top - lowest), top))
        axis.xaxis.set_minor_formatter("")  # labels at decades only


def _legend_below(figure, axis):
    handles = axis.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, fontsize="small")


def draw_jobs(lines):
    """Accuracy of each estimator with its default settings, the most accurate on top."""
    rows = [row for row in rows_of(lines) if not row[1].endswith(", chosen")]
    problems = list(dict.fromkeys(row[0] for row in rows))
    size = {"figsize": (5.2 * len(problems), 3.6), "layout": "constrained"}
    figure, axes = plt.subplots(1, len(problems), squeeze=False, **size)
    for axis, problem in zip(axes.flat, problems, strict=True):
        of_problem = [row for row in rows if row[0] == problem]
        _draw_job(axis, sorted(of_problem, key=lambda row: -float(row[5])))
        axis.set_title(problem, fontsize="medium")
    figure.suptitle("Default settings: accuracy with each code, and seconds to compute it")
    figure.supxlabel("accuracy (bar: lowest to highest of three seeds)", fontsize="medium")
    return figure


def _draw_job(axis, rows):
    accuracy = np.array([row[5] for row in rows], float)
    seconds = [float(row[3]) + float(row[4]) for row in rows]
    low, high = np.array([row[6].split(",") for row in rows], float).T
    places = np.arange(len(rows))
    axis.hlines(places, low.min(), high.max(), color="0.9", zorder=0)
    axis.hlines(places, low, high, color="black")
    colours = [ACCENT if row[1].startswith("ours") else "white" for row in rows]
    axis.scatter(accuracy, places, c=colours, edgecolors="black", zorder=3)
    names = [NAMES.get(row[1], row[1]) for row in rows]
    axis.set_yticks(places, [_with_seconds(*pair) for pair in zip(names, seconds, strict=True)])
    axis.invert_yaxis()
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)


def _with_seconds(name, seconds):
    return f"{name}, {seconds:.2g} s" if seconds else name


def slope(sizes, times):
    """The slope of the logarithm of time against that of size: 1 is linear."""
    return np.polyfit(np.log(sizes), np.log(times), 1)[0]


def draw_growth(lines):
    """A log-log panel for rows, features and units, with a line of slope 1 through the last."""
    rows = rows_of(lines)
    size = {"figsize": (9, 3.2), "layout": "constrained"}
    figure, axes = plt.subplots(1, len(rows), squeeze=False, sharey=True, **size)
    for axis, (grows, *cells, steepness) in zip(axes.flat, rows, strict=True):
        sizes, times = np.array([cell.split(":") for cell in cells], dtype=float).T
        axis.plot(sizes, times, "o-", color="black", label="measured")
        axis.plot(sizes, times[-1] * sizes / sizes[-1], ":", color=ACCENT, label="linear")
        axis.set(xscale="log", yscale="log", xlabel=grows)
        axis.set_xticks(sizes[::2], [f"{n:g}" for n in sizes[::2]])
        axis.set_xticks([], minor=True)
        axis.set_title(f"slope {steepness}", fontsize="medium")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set(ylabel="ms per evaluation", yticks=(1, 10), yticklabels=(1, 10))
    axes[0, 0].legend(frameon=False)
    figure.suptitle("Time of one evaluation: every slope is below 1")
    return figure
