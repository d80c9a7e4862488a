"""The pictures of `benchmarks.speed.report`.

Lines differ by marker and dash, so that a grey print loses nothing.
"""

from io import BytesIO

import matplotlib
import numpy as np
from PIL import Image

from benchmarks.speed.jobs import RAW
from benchmarks.speed.rounds import FLOORS, floor, ratio
from benchmarks.speed.time_to_objective import TEXTBOOK

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402 (after the choice of the backend)

STYLES = {  # line, marker, grey
    TEXTBOOK: ("--", "s", "0.6"),
    "PyTorch's L-BFGS": (":", "^", "0.6"),
    "PyTorch's Adam": ("-.", "x", "0.6"),
    "ours, Adam": ("-.", "v", "0.3"),
    "ours, all weights": ("-", "D", "0.3"),
    "ours, without the decoder": ("-", "o", "black"),
}
MARKERS = {  # of the estimators of `jobs`, except the raw pixels
    "ours, L-BFGS": "s",
    "ours, brief L-BFGS": "D",
    "ours, Adam": "v",
    "PCA": "o",
    "MiniBatchNMF": "s",
    "BernoulliRBM": "^",
    "MiniBatchDictionaryLearning": "p",
}


def draw(result, folder):
    """Write the pictures in 16 greys: a third of the size, without a visible difference."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures(result):
        buffer = BytesIO()
        figure.savefig(buffer, dpi=110, bbox_inches="tight")
        plt.close(figure)
        Image.open(buffer).convert("L").quantize(16).save(folder / f"{name}.png", optimize=True)


def figures(result):
    if any(r["load"] == "quiet" for r in result["times"]):
        yield "times", draw_times(result["times"])
    first_starts = [r for r in result["time to objective"] if r["seed"] == 0]
    for loss in dict.fromkeys(r["loss"] for r in first_starts):
        yield f"objective_{loss}", draw_curves([r for r in first_starts if r["loss"] == loss])
    if result["jobs"]:
        yield "jobs", draw_jobs(result["jobs"])
    if result["growth"]:
        yield "growth", draw_growth(result["growth"])


def draw_times(records):
    """Bars of time over floor, a panel for each case and number of threads, quiet."""
    quiet = [r for r in records if r["load"] == "quiet"]
    n_columns = min(2, len(quiet))
    n_rows = -(-len(quiet) // n_columns)
    size = {"figsize": (6.4 * n_columns, 2.2 * n_rows), "layout": "constrained"}
    figure, axes = plt.subplots(n_rows, n_columns, squeeze=False, **size)
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
    figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=8)


def by_estimator(records):
    """``{(problem, who): records}``."""
    groups = {}
    for r in records:
        groups.setdefault((r["problem"], r["who"]), []).append(r)
    return groups


def draw_jobs(records):
    """Ours are filled, the others hollow; chosen settings are grey."""
    problems = list(dict.fromkeys(r["problem"] for r in records))
    size = {"figsize": (4.2 * len(problems), 3.6), "layout": "constrained"}
    figure, axes = plt.subplots(1, len(problems), squeeze=False, **size)
    for axis, problem in zip(axes.flat, problems, strict=True):
        _draw_job(axis, by_estimator(r for r in records if r["problem"] == problem))
        axis.set(xscale="log", xlabel="seconds to fit and transform", title=problem)
        axis.set(ylabel="accuracy on test rows")
    _legend_below(figure, axes[0, 0])
    return figure


def _draw_job(axis, groups):
    for (_, who), group in groups.items():
        scores = [r["accuracy"] for r in group]
        if who == RAW:
            axis.axhline(scores[0], color="0.5", linestyle="--", label="raw, no code")
            continue
        seconds = [r["fit"] + r["transform"] for r in group]
        marker = MARKERS[who.removesuffix(", chosen")]
        color = "0.5" if who.endswith(", chosen") else "black"
        filled = "full" if who.startswith("ours") else "none"
        axis.plot(seconds, scores, marker, color=color, fillstyle=filled, label=who)


def slope(record):
    """The slope of the logarithm of time against that of size: 1 is linear."""
    return np.polyfit(np.log(record["sizes"]), np.log(record["milliseconds"]), 1)[0]


def draw_growth(records):
    """A log-log panel for rows, features and units.

    Each has the fitted line, and a line of slope 1 through the largest size.
    """
    size = {"figsize": (8, 2.8), "layout": "constrained"}
    figure, axes = plt.subplots(1, len(records), squeeze=False, sharey=True, **size)
    for axis, r in zip(axes.flat, records, strict=True):
        sizes, times = np.array(r["sizes"]), np.array(r["milliseconds"])
        offset = np.mean(np.log(times)) - slope(r) * np.mean(np.log(sizes))
        axis.plot(sizes, times, "o", color="black", label="measured")
        axis.plot(sizes, np.exp(offset) * sizes ** slope(r), "-", color="0.3", label="fitted")
        axis.plot(sizes, times[-1] * sizes / sizes[-1], ":", color="0.5", label="linear")
        axis.set(xscale="log", yscale="log", xlabel=r["grows"])
        axis.set_xticks(sizes[::2], map(str, sizes[::2]))
        axis.set_xticks([], minor=True)
        axis.set_title(f"slope {slope(r):.2f}", fontsize=10)
    axes[0, 0].set(ylabel="ms an evaluation")
    axes[0, 0].legend(fontsize=8)
    return figure
