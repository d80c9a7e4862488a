"""The floor of an evaluation: the five matrix products that one value and gradient take."""

from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
import torch

from benchmarks import core


def five_products(X, k):
    """Return a function that computes X We', A Wd, dR Wd', dZ' X and A' dR into existing arrays."""
    d = X.shape[1]
    w = core.unflatten(np.full(core.n_weights(k, d), 1e-2, dtype=X.dtype), k, d)
    A, Z, R = np.empty((len(X), k), X.dtype), np.empty((len(X), k), X.dtype), np.empty_like(X)
    d_We, d_Wd = np.empty_like(w.We), np.empty_like(w.Wd)
    products = [(X, w.We.T, A), (A, w.Wd, R), (R, w.Wd.T, Z), (Z.T, X, d_We), (A.T, R, d_Wd)]
    return lambda: [np.matmul(left, right, out=out) for left, right, out in products]


def five_products_in_torch(X, k):
    We, Wd = torch.full((2, k, X.shape[1]), 1e-2, dtype=torch.from_numpy(X).dtype)
    (A, Z), R = torch.empty(2, len(X), k, dtype=We.dtype), torch.empty(X.shape, dtype=We.dtype)
    X, d_We, d_Wd = torch.from_numpy(X), torch.empty_like(We), torch.empty_like(Wd)
    products = [(X, We.T, A), (A, Wd, R), (R, Wd.T, Z), (Z.T, X, d_We), (A.T, R, d_Wd)]
    return lambda: [torch.mm(left, right, out=out) for left, right, out in products]


@contextmanager
def in_row_workers(parts, n_times):
    """Yield a function that calls the `parts` `n_times`, on as many threads as BLAS uses."""
    with core.workers(len(parts)) as map:
        yield lambda: [list(map(lambda part: part(), parts)) for _ in range(n_times)]


def floors(X, blocks, k, n_times):
    """Contenders that compute the products of all rows `n_times`.

    They are split over BLAS's threads, split by rows over ours, and computed by PyTorch's BLAS.
    """
    whole, in_torch = five_products(X, k), five_products_in_torch(X, k)
    of_blocks = [five_products(block, k) for block in blocks]
    return {
        "products": lambda: nullcontext(lambda: [whole() for _ in range(n_times)]),
        "products, row workers": partial(in_row_workers, of_blocks, n_times),
        "products, PyTorch": lambda: nullcontext(lambda: [in_torch() for _ in range(n_times)]),
    }
