"""Is the variational autoencoder level with PyTorch, and are its samples better than an RBM's?

    python -m benchmarks.study.variational --mnist mnist.npz --out samples.png    # 10 minutes

The same network in both: 10,000 rows, 500-500-20 and back, ReLU, batches of 150, Adam at 0.001,
cross-entropy; float32, one BLAS thread each, epochs in turn. Losses are nats per image, the mean
over the mini-batches of an epoch. `BernoulliRBM` has 500 hidden units. 1,000 Gibbs chains sample
it until their mean free energy has settled: from random pixels, as a user would who has only the
model, and from 1,000 training rows. A classifier of real digits judges all samples. The file is an
.npz with X of shape (n, 784) in 0..255 and y.
"""

import argparse
import time
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.special import expit
from sklearn.neural_network import BernoulliRBM, MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks import core
from benchmarks.datasets import mnist
from skl_sparse_ae import VariationalAutoencoderTransformer

HIDDEN, N_COMPONENTS, BATCH, RATE = (500, 500), 20, 150, 0.001
WINDOW = 50  # Gibbs steps over which the free energy is averaged
SETTLED = 0.05  # most difference between two windows' means, in standard deviations over chains


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", required=True, help=".npz with X (n, 784) in 0..255 and y")
    parser.add_argument("--epochs", type=int, default=50)
    out = "where to draw samples beside training rows"
    parser.add_argument("--out", default="samples.png", help=out)
    args = parser.parse_args()
    X, y = mnist(args.mnist)
    X, y = X[:10_000].astype(np.float32), y[:10_000]
    with threadpool_limits(1):
        against_torch(X, args.epochs)
        against_rbm(X, y, args.epochs, args.out)


# ---------------------------------------------------------------------------------- epoch by epoch


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
        cells = " | ".join(f"{losses[name][epoch - 1]:.2f}" for name in contenders)
        print(f"| {epoch} | {cells} |")
    ratios = np.divide(seconds["ours"], seconds["PyTorch"])
    medians = ", ".join(f"{name} {np.median(s):.2f} s" for name, s in seconds.items())
    low, median, high = np.percentile(ratios, (25, 50, 75))
    print(f"an epoch: {medians}; ours / PyTorch {median:.2f} (quartiles {low:.2f} to {high:.2f})\n")


def vae(max_iter=1):
    options = {"batch_size": BATCH, "learning_rate_init": RATE, "max_iter": max_iter, "tol": 0}
    options["early_stopping"] = False  # PyTorch, too, sees all rows
    return VariationalAutoencoderTransformer(
        N_COMPONENTS,
        hidden_layer_sizes=HIDDEN,
        loss="cross_entropy",
        random_state=0,
        **options,
    )


def our_epochs(X):
    """Yield the loss of each epoch."""
    return core.variational_epochs(vae(), X)


def torch_epochs(X):
    """Yield the loss of each epoch of a network written by hand with PyTorch's defaults."""
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


# ---------------------------------------------------------------------------------------- new rows


COLUMNS = (
    "rows from",
    "training",
    "drawing 1,000",
    "median confidence",
    "share of the rarest and the commonest class",
)


def against_rbm(X, y, n_epochs, out):
    classifier = MLPClassifier((200,), early_stopping=True, random_state=0).fit(X, y)
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    print_row("MNIST itself", "", "", classifier, X[:1000])
    model, seconds = timed(vae(n_epochs).fit, X)
    samples, drawing = timed(partial(model.sample, 1000, random_state=0))
    print_row(
        f"ours, {n_epochs} epochs", f"{seconds:.0f} s", f"{drawing:.3f} s", classifier, samples
    )
    options = {"learning_rate": 0.01, "batch_size": 100, "n_iter": 20, "random_state": 0}
    rbm, seconds = timed(BernoulliRBM(500, **options).fit, X)
    noise = np.random.default_rng(0).random((1000, X.shape[1])) < 0.5
    for start, first in (("random pixels", noise), ("rows", X[:1000] > 0.5)):
        (rows, n_steps), drawing = timed(partial(gibbs, rbm, first))
        name = f"BernoulliRBM, 20 epochs, {n_steps} Gibbs steps from {start}"
        print_row(name, f"{seconds:.0f} s", f"{drawing:.1f} s", classifier, rows)
    draw(model, X, rows, out)


def print_row(name, training, drawing, classifier, rows):
    print(f"| {name} | {training} | {drawing} | {judged(classifier, rows)} |", flush=True)


def timed(function, *args):
    start = time.perf_counter()
    return function(*args), time.perf_counter() - start


def judged(classifier, rows):
    """The last two columns, as text."""
    chances = classifier.predict_proba(rows)
    shares = np.bincount(chances.argmax(axis=1), minlength=10) / len(rows)
    return f"{np.median(chances.max(axis=1)):.3f} | {shares.min():.3f}, {shares.max():.3f}"


def gibbs(rbm, rows, most=2000):
    """Run Gibbs chains from the rows until the mean free energy has settled.

    Return the mean of each row given its last hidden units, and the number of steps.
    """
    energies = []
    for step in range(1, most + 1):
        rows = rbm.gibbs(rows)
        energies.append(rbm._free_energy(rows.astype(float)))
        if step % WINDOW == 0 and step > WINDOW:
            change = np.mean(energies[-WINDOW:]) - np.mean(energies[-2 * WINDOW : -WINDOW])
            if abs(change) < SETTLED * np.std(energies[-1]):
                break
    hidden = np.random.default_rng(1).random((1000, len(rbm.components_))) < rbm.transform(rows)
    return expit(hidden @ rbm.components_ + rbm.intercept_visible_), step


def draw(model, X, rows, out):
    from skl_sparse_ae.plotting import SamplesDisplay

    ours = SamplesDisplay.from_estimator(model, X, (28, 28), n_samples=40, random_state=0)
    ours.figure_.savefig(out)
    theirs = SamplesDisplay(X[:40], rows[:40], image_shape=(28, 28)).plot()
    theirs.figure_.savefig(out.replace(".", "_rbm."))


if __name__ == "__main__":
    main()
