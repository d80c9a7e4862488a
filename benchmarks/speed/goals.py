"""What the speed study is meant to show, as statements about its results. `benchmarks.speed.report` prints them.

A goal is a row (statement, measured, whether it is met). Only those whose measurements are there are listed.
"""

import numpy as np

from benchmarks.speed.rounds import floor, ratio
from benchmarks.speed.time_to_objective import TEXTBOOK, time_to_target

RIVALS = ("PCA", "MiniBatchNMF", "BernoulliRBM", "MiniBatchDictionaryLearning")
SLOW_RIVALS = RIVALS[2:]
SLACK = 0.03  # "level with": within what repeated runs differ by


def goals(result):
    for r in result["times"]:
        where = f"{r['case']}, {r['threads']} threads"
        if r["load"] == "quiet":
            yield from (
                (f"{where}: {what}", f"{figure:.2f}", met) for what, figure, met in _of_times(r)
            )
    yield from _beside_a_competitor(result["times"])
    yield from _of_objectives(result["time to objective"])
    yield from _of_jobs(result["jobs"])


def _of_times(r):
    """(statement, figure, met) of one quiet record."""
    ours = r["seconds"]["ours"]
    faster = {name: ratio(values, ours) for name, values in r["seconds"].items()}
    share = ratio(floor(r["seconds"]), ours)
    if r["part"] == "transform":
        yield "at most 1.3 times the product", 1 / share, 1 / share <= 1.3
    elif r["part"] == "evaluations":
        if r["case"].endswith("k=50, float64"):
            memory = r["megabytes"]["ours"] / r["megabytes"]["textbook NumPy"]
            yield (
                "textbook NumPy / ours at least 2.5",
                faster["textbook NumPy"],
                faster["textbook NumPy"] >= 2.5,
            )
            yield "memory, ours / textbook at most 0.3", memory, memory <= 0.3
        if r["case"].endswith("k=64, float64"):
            yield "share of the floor at least 1.1", share, share >= 1.1
    else:
        yield from _of_steps(r["case"], faster, share)


def _of_steps(case, faster, share):
    least = 4 if case.startswith("digits") else 1
    yield f"PyTorch / ours at least {least}", faster["PyTorch"], faster["PyTorch"] >= least
    if case.startswith("784-1000-784"):
        yield "share of the floor at least 0.85", share, share >= 0.85
        if "PyTorch compiled" in faster:
            yield (
                "PyTorch compiled / ours at least 1",
                faster["PyTorch compiled"],
                faster["PyTorch compiled"] >= 1 - SLACK,
            )


def _beside_a_competitor(records):
    """One more thread on two cores: n threads of ours may take (n + 1) / 2 times as long, if they needed all the cores."""
    quiet = {
        (r["case"], r["threads"]): r["seconds"]["ours"] for r in records if r["load"] == "quiet"
    }
    for r in records:
        if r["load"] == "busy":
            slower = ratio(r["seconds"]["ours"], quiet[r["case"], r["threads"]])
            most = 1.1 * max(1, (r["threads"] + 1) / 2)
            yield (
                f"{r['case']}, {r['threads']} threads: busy / quiet at most {most:.2f}",
                f"{slower:.2f}",
                slower <= most,
            )


def _of_objectives(records):
    least = {"squared_error": 8, "cross_entropy": 2}
    for problem, loss in dict.fromkeys((r["problem"], r["loss"]) for r in records):
        if problem.startswith("MNIST"):
            group = [r["curves"] for r in records if (r["problem"], r["loss"]) == (problem, loss)]
            for rival in (TEXTBOOK, "PyTorch's L-BFGS"):
                ratios = [
                    _seconds(curves, rival) / _seconds(curves, _own(curves)) for curves in group
                ]
                goal = f"{problem}, {loss}: {rival} / {_own(group[0])} at least {least[loss]}"
                yield goal, f"{np.median(ratios):.1f}", np.median(ratios) >= least[loss]


def _own(curves):
    return (
        "ours, without the decoder"
        if "ours, without the decoder" in curves
        else "ours, all weights"
    )


def _seconds(curves, name):
    """To the textbook's lowest J; for a rival that never got there, all the time it had."""
    seconds = time_to_target(curves, name)
    return seconds if np.isfinite(seconds) or name.startswith("ours") else curves[name][-1][0]


def _of_jobs(records):
    """Defaults against defaults, and chosen settings against chosen ones where the rival has some."""
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
    def compared(*fields):
        return [
            float(np.median([sum(r[field] for field in fields) for r in group[who]]))
            for who in (own, rival)
        ]

    mine, other = compared("accuracy")
    yield f"{problem}: accuracy, {own} above {rival}", f"{mine:.4f}, {other:.4f}", mine > other
    if is_slow:
        mine, other = compared("fit", "transform")
        yield f"{problem}: seconds, {own} below {rival}", f"{mine:.2f}, {other:.2f}", mine < other
