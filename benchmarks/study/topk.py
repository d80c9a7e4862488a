"""Are TopK codes better and cheaper than those of PyTorch, K-SVD, scikit-learn and sigmoid units?

    python -m benchmarks.study.topk --out topk.json    # 20 minutes; --quick: 1 minute

Held-out rows of three matrices are coded with 8, 16 and 32 active units: sparse mixtures of known
atoms, an embedding of words, and colour patches of images. Defaults were chosen on other matrices
(`benchmarks.study.topk_defaults`). `--table` adds the rows of an .npy file.
All contenders have the same rows, units and epochs, in float32. Each runs on one thread, and
seconds are processor time. A learning rate that is searched is the best on a tenth of the training
rows. Results so far are read from the JSON file, so the study goes on where it was stopped.
"""

import argparse
import json
import platform
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.datasets import colour_patches, words
from benchmarks.study.topk_peers import CONTENDERS, Task, timed, unexplained
from skl_sparse_ae.datasets import make_superposed_features
from skl_sparse_ae.metrics import atom_recovery, dead_fraction, l0_norm, matched_cosine

L0S, MIDDLE = (8, 16, 32), 16
EPOCHS, N_TEST = 30, 2000
SIGNED = {"MiniBatchDictionaryLearning", "dictlearn", "sigmoid, largest", "sigmoid, all units"}
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "dictlearn", "numba")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="topk.json", help="results so far, and where they go")
    parser.add_argument("--quick", action="store_true", help="few rows, units and epochs")
    parser.add_argument("--table", help=".npy with rows of an embedding (n, n_features)")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    args = parser.parse_args()
    matrices, epochs = (QUICK, 5) if args.quick else (MATRICES, EPOCHS)
    if args.table:
        matrices = matrices | {"table": (partial(np.load, args.table), 1024)}
    with threadpool_limits(1):
        results = study(Path(args.out), matrices, args.contenders, epochs)
    print(tables(results))


# ------------------------------------------------------------------------------------ matrices


@cache
def superposed(n_rows, n_features=96, n_atoms=192, n_active=8, seed=1):
    """Rows, and the atoms that they are made of."""
    X, _, atoms = make_superposed_features(
        n_rows, n_features, n_atoms, n_active=n_active, noise=0.05, random_state=seed
    )
    return X, atoms


# Functions that return rows or (rows, atoms), and numbers of units.
MATRICES = {
    "mixtures": (partial(superposed, 8000 + N_TEST), 288),
    "words": (lambda: words()[0][: 4000 + N_TEST], 512),
    "colour patches": (lambda: colour_patches(12_000 + N_TEST)[0], 384),
}
QUICK = {
    "mixtures": (partial(superposed, 1000 + N_TEST), 160),
    "colour patches": (lambda: colour_patches(2000 + N_TEST)[0], 128),
}


# --------------------------------------------------------------------------------------- study


def study(path, matrices, contenders, epochs):
    """All results, a list of dicts, after those that are missing in the file have been added."""
    results = json.loads(path.read_text())["results"] if path.exists() else []
    for matrix, (load, width) in matrices.items():
        done = {r["contender"] for r in results if r["matrix"] == matrix}
        missing = [name for name in contenders if name not in done]
        if not missing:
            continue
        X, atoms = _rows_and_atoms(load())
        for name in missing:
            found = compare(CONTENDERS[name], X, atoms, width, epochs)
            results += [{"matrix": matrix, "contender": name} | figures for figures in found]
            path.write_text(json.dumps({"machine": machine(), "results": results}, indent=1))
            print(f"{matrix}: {name}", flush=True)
    return results


def _rows_and_atoms(loaded):
    X, atoms = loaded if isinstance(loaded, tuple) else (loaded, None)
    return np.ascontiguousarray(X, dtype=np.float32), atoms


def compare(contender, X, atoms, width, epochs):
    """Figures of each code of a contender, with the agreement of two seeds at the middle L0."""
    X_train, X_test = X[:-N_TEST], X[-N_TEST:]
    first = list(contender(X_train, Task(width, MIDDLE, epochs, 0), L0S))
    second = list(contender(X_train, Task(width, MIDDLE, epochs, 1), (MIDDLE,)))
    others = {(fitted.name, fitted.l0): fitted.atoms for fitted in second}
    found = [figures(fitted, X_train, X_test, atoms, width) for fitted in first]
    for fitted, of_it in zip(first, found, strict=True):
        other = others.get((fitted.name, fitted.l0))
        if other is not None:
            of_it["agreement"] = float(
                matched_cosine(fitted.atoms, other, absolute=fitted.name in SIGNED)
            )
    return found


def figures(fitted, X_train, X_test, atoms, width):
    """What is reported of a code, plain numbers."""
    seconds, code = timed(fitted.code, X_test)
    of_it = {
        "name": fitted.name,
        "l0": fitted.l0,
        "n_rows": len(X_train),
        "n_units": width,
        "n_features": X_train.shape[1],
        "unexplained": unexplained(X_test, fitted.decode(code)),
        "active": float(l0_norm(code)),
        "fit_seconds": fitted.seconds,
        "code_microseconds": 1e6 * seconds / len(X_test),
        "dead": dead_fraction(fitted.code(X_train[:5000]))[0],
        "search": fitted.search,
    }
    if atoms is not None and fitted.atoms is not None:
        signed = fitted.name in SIGNED
        of_it["recovered"] = float(atom_recovery(atoms, fitted.atoms, absolute=signed))
    return of_it


def installed(package):
    """The version of a package, which may be missing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def machine():
    return {
        "machine": f"{platform.machine()}, {platform.system()}",
        "python": platform.python_version(),
    } | {package: installed(package) for package in PACKAGES}


# -------------------------------------------------------------------------------------- tables


def tables(results):
    """Markdown: the figures of each matrix, a row for each code."""
    return "\n\n".join(
        table([r for r in results if r["matrix"] == matrix])
        for matrix in dict.fromkeys(r["matrix"] for r in results)
    )


def table(results):
    """Unexplained variance of held-out rows at each L0, then time, and figures at the middle L0."""
    sizes = results[0]
    head = f"{sizes['matrix']}: {sizes['n_rows']} rows of {sizes['n_features']} columns"
    columns = [f"FVU, L0 {l0}" for l0 in L0S]
    columns += ["s to fit", "µs to code a row", "dead", "seeds agree", "recovered"]
    lines = [f"**{head}, {sizes['n_units']} units**", "", "| code | " + " | ".join(columns) + " |"]
    lines += ["|---" * (len(columns) + 1) + "|"]
    for name in dict.fromkeys(r["name"] for r in results):
        of_name = {r["l0"]: r for r in results if r["name"] == name}
        lines.append(f"| {name} | " + " | ".join(_cells(of_name)) + " |")
    return "\n".join(lines)


def _cells(of_name):
    middle = of_name.get(MIDDLE) or next(iter(of_name.values()))
    errors = [of_name.get(l0, {}).get("unexplained") for l0 in L0S]
    if len(of_name) == 1:
        errors = [middle["unexplained"]] * len(L0S)
    rest = ("agreement", ".2f"), ("recovered", ".0%")
    return [
        *("" if error is None else f"{error:.4f}" for error in errors),
        f"{middle['fit_seconds']:.1f}",
        f"{middle['code_microseconds']:.0f}",
        f"{middle['dead']:.0%}",
        *(f"{middle[key]:{form}}" if key in middle else "" for key, form in rest),
    ]


if __name__ == "__main__":
    main()
