"""Do fits still end at the same `loss_`, after a change that must not change results?

    PYTHONPATH=../parent python benchmarks/guard/fixed_fits.py --out before.json    # 2 minutes
    PYTHONPATH=. python benchmarks/guard/fixed_fits.py --against before.json

`../parent` is the working tree of another revision, for example from ``git worktree add``. The set
of fits is fixed: both solvers, all losses, both families; rows that are dense, sparse, in a file
and on a cluster; `fit`, `partial_fit` and warm starts. The script uses the public interface alone,
so it runs on old revisions as well. The second command prints the largest relative difference, and
fails above 1e-12.
"""

import argparse
import json
import sys
import tempfile
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import scale

from skl_sparse_ae import SparseAutoencoderTransformer, VariationalAutoencoderTransformer

LIMIT = 1e-12
LOSSES = [("squared_error", None), ("squared_error", "logistic"), ("cross_entropy", None)]


def tables():
    """Rows by name, dense float64 in [0, 1] or standardised, unless the name says otherwise."""
    digits, cancer = load_digits().data / 16, scale(load_breast_cancer().data)
    values, kept = (np.random.default_rng(seed).random((400, 200)) for seed in (0, 1))
    sparse = csr_matrix(values * (kept < 0.03))
    return {
        "digits": digits,
        "digits float32": digits.astype(np.float32),
        "digits sparse": csr_matrix(digits),
        "very sparse": sparse,
        "very sparse float32": sparse.astype(np.float32),
        "cancer": cancer,
        "offset float32": (cancer + 1000).astype(np.float32),
    }


def is_in_unit_interval(name):
    return "cancer" not in name and "offset" not in name


def sparse_fits():
    settings = (
        {"solver": "lbfgs"},
        {"solver": "adam"},
        {"solver": "adam", "batch_size": 16},
        {"solver": "lbfgs", "early_stopping": True},
        {"solver": "adam", "early_stopping": True},
        {"solver": "lbfgs", "decoder_alpha": 0},
    )
    for name, X in tables().items():
        losses = LOSSES if is_in_unit_interval(name) else LOSSES[:1]
        for (loss, decoder), options in product(losses, settings):
            model = sparse_model(20, loss, decoder, max_iter=15, random_state=0, **options)
            yield f"{name} {loss} {decoder} {options}", model.fit(X)


def sparse_model(n_components, loss, decoder, **options):
    options |= {"loss": loss, "decoder_activation": decoder}
    return SparseAutoencoderTransformer(n_components, **options)


def resumed_fits():
    X = load_digits().data / 16
    for loss, decoder in LOSSES:
        model = sparse_model(20, loss, decoder, solver="adam", random_state=0)
        for start in range(0, 1500, 500):
            yield f"partial_fit {loss} {decoder} {start}", model.partial_fit(X[start : start + 500])
        model.set_params(warm_start=True, max_iter=5)
        yield f"warm adam {loss} {decoder}", model.fit(X)
        yield f"warm lbfgs {loss} {decoder}", model.set_params(solver="lbfgs").fit(X)


def variational_fits():
    settings = ({}, {"early_stopping": True}, {"hidden_layer_sizes": (), "activation": "tanh"})
    for name, X in tables().items():
        losses = ("squared_error", "cross_entropy") if is_in_unit_interval(name) else LOSSES[0][:1]
        for loss, options in product(losses, settings):
            model = VariationalAutoencoderTransformer(4, loss=loss, max_iter=5, random_state=0)
            yield f"variational {name} {loss} {options}", model.set_params(**options).fit(X)
    yield "variational partial_fit", model.partial_fit(X).partial_fit(X)


def large_fits():
    """On all threads, and from a file of more than 256 MiB, which is read block by block."""
    X = np.tile(load_digits().data.astype(np.float32) / 16, (40, 16))[:70000]
    options = {"max_iter": 2, "batch_size": 4000, "random_state": 0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        np.save(path, X)
        for place, rows in {"memory": X[:20000], "file": np.load(path, mmap_mode="r")}.items():
            for (loss, decoder), solver in product(LOSSES, ("lbfgs", "adam")):
                model = sparse_model(30, loss, decoder, solver=solver, **options)
                yield f"{place} {loss} {decoder} {solver}", model.fit(rows)
            model = VariationalAutoencoderTransformer(8, max_iter=1, random_state=0)
            yield f"variational {place}", model.fit(rows)


def cluster_fits():
    import dask.array
    from dask.distributed import Client

    from skl_sparse_ae.dask import DaskSparseAutoencoderTransformer

    X = dask.array.from_array(load_digits().data / 16, chunks=(450, 64))
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
        for (loss, decoder), solver in product(LOSSES, ("lbfgs", "adam")):
            options = {"decoder_activation": decoder, "solver": solver, "max_iter": 4}
            model = DaskSparseAutoencoderTransformer(20, loss=loss, random_state=0, **options)
            yield f"cluster {loss} {decoder} {solver}", model.fit(X)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the values to this file")
    parser.add_argument("--against", type=Path, help="compare with the values of this file")
    options = parser.parse_args()
    losses = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for fits in (sparse_fits, resumed_fits, variational_fits, large_fits, cluster_fits):
            losses |= {name: float(model.loss_) for name, model in fits()}
            print(f"{fits.__name__}: {len(losses)} fits so far", flush=True)
    if options.out:
        options.out.write_text(json.dumps(losses, indent=1))
    if options.against:
        before = json.loads(options.against.read_text())
        differences = {name: abs(losses[name] / before[name] - 1) for name in before}
        worst = max(differences, key=differences.get)
        print(f"{len(before)} fits, largest relative difference {differences[worst]:.1e} ({worst})")
        sys.exit(differences[worst] > LIMIT)


if __name__ == "__main__":
    main()
