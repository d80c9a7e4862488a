"""The goals of the speed study, as statements about its results, which `report` prints.

A goal is a row (statement, measured, met). Goals without measurements are left out.
"""

import numpy as np

from benchmarks.speed.rounds import floor, ratio
from benchmarks.speed.time_to_objective import TEXTBOOK, time_to_target

RIVALS = ("PCA", "MiniBatchNMF", "BernoulliRBM", "MiniBatchDictionaryLearning")
SLOW_RIVALS = RIVALS[2:]
SLACK = 0.03  # the difference between repeated runs


def goals(result):
    for r in result["times"]:
        where = f"{r['case']}, {r['threads']} threads"
        if r["load"] == "quiet":
            for what, figure, met in _of_times(r):
                yield f"{where}: {what}", f"{figure:.2f}", met
    yield from _beside_a_competitor(result["times"])
    yield from _of_objectives(result["time to objective"])
    yield from _of_jobs(result["jobs"])


def _of_times(r):
    """Yield (statement, figure, met) for one quiet record."""
    ours = r["seconds"]["ours"]
    faster = {name: ratio(values, ours) for name, values in r["seconds"].items()}
    share = ratio(floor(r["seconds"]), ours)
    if r["part"] == "transform":
        yield "at most 1.3 times the product", 1 / share, 1 / share <= 1.3
    elif r["part"] == "evaluations":
        yield from _of_evaluations(r, faster["textbook NumPy"], share)
    else:
        yield from _of_steps(r["case"], faster, share)


def _of_evaluations(r, faster, share):
    if r["case"].endswith("k=50, float64"):
        memory = r["megabytes"]["ours"] / r["megabytes"]["textbook NumPy"]
        yield "textbook NumPy / ours at least 2.5", faster, faster >= 2.5
        yield "memory, ours / textbook at most 0.3", memory, memory <= 0.3
    if r["case"].endswith("k=64, float64"):
        yield "share of the floor at least 1.1", share, share >= 1.1


def _of_steps(case, faster, share):
    least = 4 if case.startswith("digits") else 1
    yield f"PyTorch / ours at least {least}", faster["PyTorch"], faster["PyTorch"] >= least
    if case.startswith("784-1000-784"):
        yield "share of the floor at least 0.85", share, share >= 0.85
        if "PyTorch compiled" in faster:
            compiled = faster["PyTorch compiled"]
            yield "PyTorch compiled / ours at least 1", compiled, compiled >= 1 - SLACK


def _beside_a_competitor(records):
    """Goals for one busy thread beside ours on two cores.

    n threads of ours may take (n + 1) / 2 times as long if they needed all the cores.
    """
    ours = {(r["case"], r["threads"], r["load"]): r["seconds"]["ours"] for r in records}
    for (case, threads, load), seconds in ours.items():
        if load == "busy":
            slower = ratio(seconds, ours[case, threads, "quiet"])
            most = 1.1 * max(1, (threads + 1) / 2)
            goal = f"{case}, {threads} threads: busy / quiet at most {most:.2f}"
            yield goal, f"{slower:.2f}", slower <= most


def _of_objectives(records):
    least = {"squared_error": 8, "cross_entropy": 2}
    for problem, loss in dict.fromkeys((r["problem"], r["loss"]) for r in records):
        if problem.startswith("MNIST"):
            group = [r["curves"] for r in records if (r["problem"], r["loss"]) == (problem, loss)]
            for rival in (TEXTBOOK, "PyTorch's L-BFGS"):
                own = _own(group[0])
                gain = np.median([_seconds(c, rival) / _seconds(c, own) for c in group])
                goal = f"{problem}, {loss}: {rival} / {own} at least {least[loss]}"
                yield goal, f"{gain:.1f}", gain >= least[loss]


def _own(curves):
    best = "ours, without the decoder"
    return best if best in curves else "ours, all weights"


def _seconds(curves, name):
    """Seconds to the textbook's lowest J; all its time, for a rival that never reached it."""
    seconds = time_to_target(curves, name)
    return seconds if np.isfinite(seconds) or name.startswith("ours") else curves[name][-1][0]


def _of_jobs(records):
    """Compare defaults with defaults, and chosen settings with the rival's, if it has any."""
    groups = {}
    for r in records:
        groups.setdefault(r["problem"], {}).setdefault(r["who"], []).append(r)
    for problem, group in groups.items():
        for own in (who for who in group if who.startswith("ours")):
            chosen = ", chosen" if own.endswith(", chosen") else ""
            for rival in RIVALS:
                other = f"{rival}{chosen}" if f"{rival}{chosen}" in group else rival
                yield from _of_a_pair(problem, group, own, other, rival in SLOW_RIVALS)


def _of_a_pair(problem, group, own, rival, is_slow):
    mine, other = (median_of(group[who], "accuracy") for who in (own, rival))
    yield f"{problem}: accuracy, {own} above {rival}", f"{mine:.4f}, {other:.4f}", mine > other
    if is_slow:
        mine, other = (median_of(group[who], "fit", "transform") for who in (own, rival))
        yield f"{problem}: seconds, {own} below {rival}", f"{mine:.2f}, {other:.2f}", mine < other


def median_of(records, *fields):
    """Median over the records of the sum of the fields."""
    return float(np.median([sum(r[field] for field in fields) for r in records]))
