"""A picture of what the units of a fitted model look for."""

import numpy as np


def draw_features(model, shape, path, title):
    """Write a grid of images: for each unit, the input of unit norm that activates it most, ``We_j / ||We_j||``.

    Dark and light are the two signs, each tile on its own symmetric scale, so that a grey printer shows it too.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    tiles = model.components_ / np.linalg.norm(model.components_, axis=1, keepdims=True)
    n_columns = int(np.ceil(np.sqrt(len(tiles))))
    n_rows = -(-len(tiles) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(n_columns * 0.75, n_rows * 0.75 + 0.4), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, tile in zip(axes.flat, tiles, strict=False):
        limit = np.abs(tile).max()
        axis.imshow(tile.reshape(shape), cmap="gray", vmin=-limit, vmax=limit)
    figure.suptitle(title, fontsize=11)
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=1 - 0.4 / figure.get_figheight(), wspace=0.08, hspace=0.08)
    figure.savefig(path, dpi=110)
    plt.close(figure)
