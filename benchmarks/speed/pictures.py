"""The pictures of `benchmarks.speed.report`. Each tells its lines apart by mark and dash, so a grey print loses nothing."""

from io import BytesIO

import matplotlib
import numpy as np
from PIL import Image

from benchmarks.speed.jobs import RAW
from benchmarks.speed.rounds import FLOORS, floor, ratio
from benchmarks.speed.time_to_objective import TEXTBOOK

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402  after the choice of backend

STYLES = {  # line, marker, grey
    TEXTBOOK: ("--", "s", "0.6"),
    "PyTorch's L-BFGS": (":", "^", "0.6"),
    "PyTorch's Adam": ("-.", "x", "0.6"),
    "ours, Adam": ("-.", "v", "0.3"),
    "ours, all weights": ("-", "D", "0.3"),
    "ours, without the decoder": ("-", "o", "black"),
}
MARKERS = {  # of `benchmarks.speed.jobs`; only the raw pixels have none
    "ours, L-BFGS": "s",
    "ours, brief L-BFGS": "D",
    "ours, Adam": "v",
    "PCA": "o",
    "MiniBatchNMF": "s",
    "BernoulliRBM": "^",
    "MiniBatchDictionaryLearning": "p",
}


def draw(result, folder):
    """Files of 16 greys: a third of the size, and no eye sees it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures(result):
        buffer = BytesIO()
        figure.savefig(buffer, dpi=110, bbox_inches="tight")
        plt.close(figure)
        Image.open(buffer).convert("L").quantize(16).save(folder / f"{name}.png", optimize=True)


def figures(result):
    if any(r["load"] == "quiet" for r in result["times"]):
        yield "times", draw_times(result["times"])
    for loss in dict.fromkeys(r["loss"] for r in result["time to objective"]):
        yield (
            f"objective_{loss}",
            draw_curves(
                [r for r in result["time to objective"] if r["loss"] == loss and r["seed"] == 0]
            ),
        )
    if result["jobs"]:
        yield "jobs", draw_jobs(result["jobs"])
    if result["growth"]:
        yield "growth", draw_growth(result["growth"])


def draw_times(records):
    """Bars of time over floor, a panel for each case and number of threads, quiet."""
    quiet = [r for r in records if r["load"] == "quiet"]
    n_columns = min(2, len(quiet))
    n_rows = -(-len(quiet) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(6.4 * n_columns, 2.2 * n_rows),
        squeeze=False,
        layout="constrained",
    )
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
            style = {
                "linestyle": line,
                "marker": marker,
                "color": grey,
                "markevery": 0.12,
                "markersize": 4,
                "linewidth": 1.2,
            }
            by_iteration.plot(numbers, J, label=name, **style)
            by_time.plot(seconds, J, **style)
        target, lowest = curves[TEXTBOOK][1].min(), min(J.min() for _, J, _ in curves.values())
        top = min(2.5 * target, max(J[0] for _, J, _ in curves.values()))
        first = min(seconds[top > J].min() for seconds, J, _ in curves.values() if top > J.min())
        for axis, left, label in (
            (by_iteration, 1, "iterations (Adam: epochs)"),
            (by_time, 0.7 * first, "seconds"),
        ):
            axis.axhline(target, color="black", linewidth=0.6)
            axis.set(
                xscale="log",
                xlim=(left, None),
                xlabel=label,
                ylim=(lowest - 0.05 * (top - lowest), top),
            )
            axis.xaxis.set_minor_formatter("")  # decades are labelled and no more
        by_iteration.set(ylabel="J")
        by_iteration.set_title(r["problem"], fontsize=10, loc="left")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8
    )
    return figure


def by_estimator(records):
    """``{(problem, who): records}``."""
    groups = {}
    for r in records:
        groups.setdefault((r["problem"], r["who"]), []).append(r)
    return groups


def draw_jobs(records):
    """Ours are filled, the others hollow; chosen settings are grey."""
    problems = list(dict.fromkeys(r["problem"] for r in records))
    figure, axes = plt.subplots(
        1, len(problems), figsize=(4.2 * len(problems), 3.6), squeeze=False, layout="constrained"
    )
    for axis, problem in zip(axes.flat, problems, strict=True):
        groups = {
            who: group for (where, who), group in by_estimator(records).items() if where == problem
        }
        axis.axhline(
            groups.pop(RAW)[0]["accuracy"], color="0.5", linestyle="--", label="raw, no code"
        )
        for who, group in groups.items():
            seconds, scores = (
                [r["fit"] + r["transform"] for r in group],
                [r["accuracy"] for r in group],
            )
            marker, color = (
                MARKERS[who.removesuffix(", chosen")],
                "0.5" if who.endswith(", chosen") else "black",
            )
            filled = "full" if who.startswith("ours") else "none"
            axis.plot(seconds, scores, marker, color=color, fillstyle=filled, label=who)
        axis.set(
            xscale="log",
            xlabel="seconds to fit and transform",
            ylabel="accuracy on test rows",
            title=problem,
        )
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8
    )
    return figure


def slope(record):
    """Of the logarithm of the time to that of the size: 1 is linear."""
    return np.polyfit(np.log(record["sizes"]), np.log(record["milliseconds"]), 1)[0]


def draw_growth(records):
    """A panel for each of what grows, log-log, with the fitted line and one of slope 1 through the largest size."""
    figure, axes = plt.subplots(
        1, len(records), figsize=(8, 2.8), squeeze=False, sharey=True, layout="constrained"
    )
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
