"""The variational autoencoder against the same network in PyTorch, epoch by epoch, and BernoulliRBM as a source of rows.

    python -m benchmarks.study.variational --mnist mnist.npz [--epochs 50] [--out samples.png]

Protocol: 10,000 rows, 500-500-20 and back, ReLU, batches of 150, Adam at 0.001, cross-entropy; float32, one BLAS thread each,
epochs taken in turn. Losses are nats per image, the mean over the mini-batches of an epoch. The RBM has 500 hidden units and
is sampled by 1,000 Gibbs chains until their mean free energy has settled: from random pixels, as one would who has only the
model, and from 1,000 training rows. A classifier of real digits judges the samples of all.
"""

import argparse
import time
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.special import expit
from sklearn.neural_network import BernoulliRBM, MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.datasets import mnist
from skl_sparse_ae import VariationalAutoencoderTransformer
from skl_sparse_ae._estimator.history import Watch
from skl_sparse_ae._estimator.training import run_adam_once
from skl_sparse_ae._rows.moments import moments_of
from skl_sparse_ae._solvers.adam import adam_start

HIDDEN, N_COMPONENTS, BATCH, RATE = (500, 500), 20, 150, 0.001
WINDOW = 50  # Gibbs steps over which the free energy is averaged
SETTLED = 0.05  # standard deviations over chains that the means of two windows may differ by


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", required=True, help=".npz with X (n, 784) in 0..255 and y")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument(
        "--out", default="samples.png", help="where to draw samples beside training rows"
    )
    args = parser.parse_args()
    X, y = mnist(args.mnist)
    X, y = X[:10_000].astype(np.float32), y[:10_000]
    with threadpool_limits(1):
        against_torch(X, args.epochs)
        against_rbm(X, y, args.epochs, args.out)


# ------------------------------------------------------------------------------------------------------- epoch by epoch


def against_torch(X, n_epochs):
    contenders = {"ours": our_epochs(X), "PyTorch": torch_epochs(X)}
    losses, seconds = ({name: [] for name in contenders} for _ in range(2))
    for _ in range(n_epochs):
        for name, epochs in contenders.items():
            start = time.perf_counter()
            losses[name].append(next(epochs))
            seconds[name].append(time.perf_counter() - start)
    print("| epoch | " + " | ".join(f"{name}, nats" for name in contenders) + " |\n|---|---|---|")
    for epoch in sorted({1, 2, 5, 10, 20, n_epochs} & set(range(1, n_epochs + 1))):
        print(
            f"| {epoch} | "
            + " | ".join(f"{losses[name][epoch - 1]:.2f}" for name in contenders)
            + " |"
        )
    ratios = np.divide(seconds["ours"], seconds["PyTorch"])
    medians = ", ".join(f"{name} {np.median(s):.2f} s" for name, s in seconds.items())
    low, median, high = np.percentile(ratios, (25, 50, 75))
    print(f"an epoch: {medians}; ours / PyTorch {median:.2f} (quartiles {low:.2f} to {high:.2f})\n")


def vae(max_iter=1):
    options = {
        "loss": "cross_entropy",
        "batch_size": BATCH,
        "learning_rate_init": RATE,
        "tol": 0,
        "random_state": 0,
    }
    options["early_stopping"] = False  # PyTorch, too, sees all rows
    return VariationalAutoencoderTransformer(
        N_COMPONENTS, hidden_layer_sizes=HIDDEN, max_iter=max_iter, **options
    )


def our_epochs(X):
    """Yield the loss of each epoch."""
    model, moments = vae(), moments_of(X, N_COMPONENTS)
    problem = model._new_problem(moments, X.dtype)
    state = adam_start(
        model._first(problem, moments.mean, np.random.default_rng(0)).astype(X.dtype)
    )
    watch = Watch(problem.terms, verbose=0)
    while True:
        state = run_adam_once(
            problem, X, state, 0, 1, batch_size=BATCH, learning_rate=RATE, watch=watch
        )
        yield watch.values[-1]


def torch_epochs(X):
    """Yield the loss of each epoch of what one writes by hand: layers, loss and optimiser of PyTorch, its defaults."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)

    def stack(sizes):
        layers = [layer for m, n in pairwise(sizes) for layer in (nn.Linear(m, n), nn.ReLU())]
        return nn.Sequential(*layers[:-1])

    encoder = stack((X.shape[1], *HIDDEN, 2 * N_COMPONENTS))
    decoder = stack((N_COMPONENTS, *HIDDEN[::-1], X.shape[1]))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=RATE)
    rows = torch.from_numpy(X)
    while True:
        total = 0.0
        for batch in torch.randperm(len(rows)).tensor_split(-(-len(rows) // BATCH)):
            x = rows[batch]
            mean, log_variance = encoder(x).chunk(2, dim=1)
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            loss = nn.functional.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
            loss = loss + 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
            optimizer.zero_grad()
            (loss / len(x)).backward()
            optimizer.step()
            total += loss.item()
        yield total / len(rows)


# ------------------------------------------------------------------------------------------------------------- new rows


def against_rbm(X, y, n_epochs, out):
    classifier = MLPClassifier((200,), early_stopping=True, random_state=0).fit(X, y)
    model, seconds = timed(vae(n_epochs).fit, X)
    samples, to_draw = timed(partial(model.sample, 1000, random_state=0))
    print(
        "| rows from | training | drawing 1,000 | median confidence | share of the rarest and the commonest class |"
    )
    print("|---|---|---|---|---|")
    print(f"| MNIST itself | | | {judged(classifier, X[:1000])} |")
    print(
        f"| ours, {n_epochs} epochs | {seconds:.0f} s | {to_draw:.3f} s | {judged(classifier, samples)} |"
    )
    rbm, seconds = timed(
        BernoulliRBM(500, learning_rate=0.01, batch_size=100, n_iter=20, random_state=0).fit, X
    )
    for start, rows in (
        ("random pixels", np.random.default_rng(0).random((1000, X.shape[1])) < 0.5),
        ("rows", X[:1000] > 0.5),
    ):
        (rows, n_steps), to_draw = timed(partial(gibbs, rbm, rows))
        name = f"BernoulliRBM, 20 epochs, {n_steps} Gibbs steps from {start}"
        print(
            f"| {name} | {seconds:.0f} s | {to_draw:.1f} s | {judged(classifier, rows)} |",
            flush=True,
        )
    draw(model, X, rows, out)


def timed(function, *args):
    start = time.perf_counter()
    return function(*args), time.perf_counter() - start


def judged(classifier, rows):
    chances = classifier.predict_proba(rows)
    shares = np.bincount(chances.argmax(axis=1), minlength=10) / len(rows)
    return f"{np.median(chances.max(axis=1)):.3f} | {shares.min():.3f}, {shares.max():.3f}"


def gibbs(rbm, rows, most=2000):
    """Means of rows given their last hidden units, once the mean free energy of the chains has settled; and the steps made."""
    energies = []
    for step in range(1, most + 1):
        rows = rbm.gibbs(rows)
        energies.append(rbm._free_energy(rows.astype(float)))
        if step % WINDOW == 0 and step > WINDOW:
            before, now = (
                np.mean(part) for part in (energies[-2 * WINDOW : -WINDOW], energies[-WINDOW:])
            )
            if abs(now - before) < SETTLED * np.std(energies[-1]):
                break
    hidden = np.random.default_rng(1).random((1000, len(rbm.components_))) < rbm.transform(rows)
    return expit(hidden @ rbm.components_ + rbm.intercept_visible_), step


def draw(model, X, rows, out):
    from skl_sparse_ae.plotting import SamplesDisplay

    SamplesDisplay.from_estimator(model, X, (28, 28), n_samples=40, random_state=0).figure_.savefig(
        out
    )
    SamplesDisplay(X[:40], rows[:40], image_shape=(28, 28)).plot().figure_.savefig(
        out.replace(".", "_rbm.")
    )


if __name__ == "__main__":
    main()
