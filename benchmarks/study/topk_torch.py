"""BatchTopK in PyTorch with dense codes, by the recipe of the library dictionary_learning.

Sources: L. Gao et al., arXiv:2406.04093 (2024); B. Bussmann et al., arXiv:2412.06410 (2024).

- Inputs are divided by the root mean square of their norms, and the decoder bias starts at the
  geometric median of 2,048 rows.
- Atoms start as random directions, and the encoder as their transpose.
- A batch keeps its n_rows * n_nonzero largest activations. Dead units pay for what the others
  leave, with weight 1/32 and at most n_features / 2 of them a row.
- Adam, with the gradient's norm clipped at 1 and without its part along each atom. The rate rises
  at first and falls over the last fifth. Atoms are set back to norm 1 after each step.

The recipe is made for 10^9 rows. Three numbers suit thousands of rows instead, in its favour: the
rate rises over a tenth of the steps, not 1,000 steps; a unit is dead after one epoch without use,
not after 10^7 rows; and the threshold is the exact one for the training rows, not a running mean.
"""

import numpy as np
import torch

AUXILIARY_WEIGHT = 1 / 32
MEDIAN_ROWS, MEDIAN_ITERATIONS = 2048, 100
RISE, FALL = 0.1, 0.2  # shares of the steps


def fit(X, width, n_nonzero, n_epochs, seed, rate, batch_size=256):
    """Weights for rows in their own units: We, be, Wd, bd and the threshold."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    scale = float(np.sqrt(np.square(X, dtype=np.float64).sum(axis=1).mean()))
    rows = torch.from_numpy(X / np.float32(scale))
    weights = _start(rows, width)
    _train(rows, weights, n_nonzero, n_epochs, rate, batch_size)
    We, be, Wd, bd = weights
    with torch.no_grad():
        Z = torch.relu((rows - bd) @ We.T + be).flatten()
        largest = torch.topk(Z, len(X) * n_nonzero).values
        threshold = scale * float(largest[-1])
        be = scale * (be - We @ bd)
        return We.numpy(), be.numpy(), Wd.numpy(), (scale * bd).numpy(), max(threshold, 0.0)


def _start(rows, width):
    Wd = torch.randn(width, rows.shape[1])
    Wd /= Wd.norm(dim=1, keepdim=True)
    weights = Wd.clone(), torch.zeros(width), Wd, _geometric_median(rows[:MEDIAN_ROWS])
    return [weight.requires_grad_() for weight in weights]


def _geometric_median(rows):
    median = rows.mean(dim=0)
    for _ in range(MEDIAN_ITERATIONS):
        inverse = 1 / (rows - median).norm(dim=1).clamp_min(1e-9)
        median = inverse @ rows / inverse.sum()
    return median


def _train(rows, weights, n_nonzero, n_epochs, rate, batch_size):
    n_rows, width = len(rows), len(weights[0])
    n_steps = n_epochs * -(-n_rows // batch_size)
    optimizer = torch.optim.Adam(weights, lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: min(1, (t + 1) / (RISE * n_steps), (n_steps - t) / (FALL * n_steps))
    )
    idle = torch.zeros(width)
    for _ in range(n_epochs):
        for batch in torch.randperm(n_rows).split(batch_size):
            X = rows[batch]
            loss, used = _loss(X, weights, n_nonzero, idle >= n_rows)
            optimizer.zero_grad()
            loss.backward()
            _step(weights, optimizer)
            schedule.step()
            idle += len(X)
            idle[used] = 0


def _loss(X, weights, n_nonzero, dead):
    """The objective of a batch, and which units it uses."""
    We, be, Wd, bd = weights
    Z = torch.relu((X - bd) @ We.T + be)
    A = _largest(Z.flatten(), len(X) * n_nonzero).reshape(Z.shape)
    left = X - (A @ Wd + bd)
    loss = left.square().sum(dim=1).mean()
    if dead.any():
        loss = loss + AUXILIARY_WEIGHT * _auxiliary(left.detach(), Z[:, dead], Wd[dead])
    return loss, (A > 0).any(dim=0)


def _auxiliary(left, Z, Wd):
    """The share of what is left that the dead units do not explain."""
    values, units = Z.topk(min(left.shape[1] // 2, Z.shape[1]), dim=1)
    A = torch.zeros_like(Z).scatter(1, units, values)
    error = (left - A @ Wd).square().sum(dim=1).mean()
    return error / (left - left.mean(dim=0)).square().sum(dim=1).mean().clamp_min(1e-12)


def _largest(values, count):
    """The `count` largest values in their places, 0 elsewhere."""
    kept, places = values.topk(count, sorted=False)
    return torch.zeros_like(values).scatter(0, places, kept)


def _step(weights, optimizer):
    Wd = weights[2]
    Wd.grad -= (Wd.grad * Wd.detach()).sum(dim=1, keepdim=True) * Wd.detach()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()
    with torch.no_grad():
        Wd /= Wd.norm(dim=1, keepdim=True)
