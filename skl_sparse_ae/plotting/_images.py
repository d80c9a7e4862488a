"""Mosaics of small images: from rows to tiles, to painted (RGBA) tiles, to one image."""

from math import ceil, prod, sqrt
from numbers import Integral

import numpy as np

from skl_sparse_ae.plotting._calls import kind
from skl_sparse_ae.plotting._canvas import SMALL

TILE_INCHES = 0.6
MAX_INCHES = 12
CAPTION_INCHES = 0.25  # height of the captions below the last row of tiles
MIN_INCHES = 1
LAYOUT_PAD = 0.1  # around the axes in a new figure
CLEAR = (1, 1, 1, 0)  # of gaps: transparent, or white for viewers that ignore transparency


def tiles_of(rows, image_shape, owner="X"):
    """Rows (n, n_features) as images (n, height, width, 1 or 3).

    Raises ValueError if the shape does not match; `owner` is whose features the message counts.
    """
    check_image_shape(image_shape)
    if prod(image_shape) != rows.shape[1]:
        pixels = "pixels" if len(image_shape) == 2 else "values"
        raise ValueError(
            f"image_shape={image_shape} has {prod(image_shape)} {pixels}, {owner} has "
            f"{rows.shape[1]} features."
        )
    return rows.reshape(len(rows), *image_shape[:2], -1)


def check_image_shape(image_shape):
    """Raise ValueError unless it is (height, width) or (height, width, 3)."""
    are_sizes = isinstance(image_shape, tuple | list) and all(
        isinstance(n, Integral) and n > 0 for n in image_shape
    )
    if not (are_sizes and (len(image_shape) == 2 or tuple(image_shape[2:]) in [(1,), (3,)])):
        raise ValueError(
            f"image_shape must be (height, width) or (height, width, 3), got {kind(image_shape)}."
        )


def painted(tiles, low, high):
    """Tiles as opaque RGBA, black at `low` and white at `high`: numbers, or one for each tile."""
    low, high = (np.reshape(limit, (-1, 1, 1, 1)) for limit in (low, high))
    share = np.clip((tiles - low) / np.where(high > low, high - low, 1), 0, 1)
    colours = np.broadcast_to(share, (*tiles.shape[:3], 3))
    return np.concatenate([colours, np.ones((*tiles.shape[:3], 1))], axis=-1)


def signed(tiles):
    """Tiles painted on symmetric scales of their own: 0 is mid-grey, and so is a tile of zeros."""
    limit = np.abs(tiles).max(axis=(1, 2, 3))
    limit = np.where(limit > 0, limit, 1)
    return painted(tiles, -limit, limit)


def stacked(above, below):
    """Each painted tile above its partner, as one tile with a gap between them."""
    gap = np.full((len(above), gap_of(above), above.shape[2], 4), CLEAR, dtype=float)
    return np.concatenate([above, gap, below], axis=1)


def gap_of(tiles):
    """The number of pixels between tiles: an eighth of their width."""
    return max(1, round(tiles.shape[2] / 8))


def mosaic(tiles, n_columns, gaps):
    """Painted tiles (n, height, width, 4) as one image, `n_columns` per row.

    `gaps` are the numbers of clear pixels (between rows, between columns).
    """
    n, height, width, _ = tiles.shape
    n_rows, (below, beside) = -(-n // n_columns), gaps
    cells = np.full((n_rows * n_columns, height + below, width + beside, 4), CLEAR, dtype=float)
    cells[:n, :height, :width] = tiles
    rows = cells.reshape(n_rows, n_columns, *cells.shape[1:]).swapaxes(1, 2)
    return rows.reshape(n_rows * (height + below), n_columns * (width + beside), 4)[
        : -below or None, : -beside or None
    ]


def square(n):
    """The number of columns of a mosaic that is about as wide as high."""
    return ceil(sqrt(n))


def figsize(tiles, n_columns, gaps, margins=(0, 0), least=MIN_INCHES):
    """(width, height) in inches of a figure with a mosaic and margins (width, height) for text.

    Tiles have the same size in all figures, unless the mosaic would be larger than a page. `least`
    is the width that the title needs.
    """
    n_rows, (height, width) = -(-len(tiles) // n_columns), tiles.shape[1:3]
    pixels = n_columns * (width + gaps[1]) - gaps[1], n_rows * (height + gaps[0]) - gaps[0]
    size = np.array(pixels) * TILE_INCHES / width
    size = size * min(1, MAX_INCHES / size.max()) + margins + LAYOUT_PAD
    return tuple(np.maximum(size, (least, MIN_INCHES)))


def draw(ax, tiles, n_columns, gaps, captions=None, **imshow_kw):
    """Draw painted tiles, with captions below them if given. Returns the image and the texts."""
    whole = mosaic(tiles, n_columns, gaps)
    image = ax.imshow(whole, **{"interpolation": "nearest"} | imshow_kw)
    ax.set_axis_off()
    if captions is None:
        return image, []
    height, width = tiles.shape[1] + gaps[0], tiles.shape[2] + gaps[1]
    ax.set_ylim(len(whole) + gaps[0] - 0.5, -0.5)
    texts = []
    for i, caption in enumerate(captions):
        row, column = divmod(i, n_columns)
        x, y = column * width + (tiles.shape[2] - 1) / 2, row * height + tiles.shape[1]
        texts.append(ax.text(x, y, caption, ha="center", va="top", fontsize=SMALL))
    return image, texts
