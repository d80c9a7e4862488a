import numpy as np
import pytest

from skl_sparse_ae.plotting._images import figsize, mosaic, painted, signed, stacked, tiles_of


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2, 3), (4, 2, 3, 1)), ((1, 2, 3), (4, 1, 2, 3)), ([3, 2], (4, 3, 2, 1))],
)
def test_rows_become_tiles(shape, expected):
    rows = np.arange(24.0).reshape(4, 6)
    tiles = tiles_of(rows, shape)
    assert tiles.shape == expected
    np.testing.assert_array_equal(tiles.ravel(), rows.ravel())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((8, 9), r"image_shape=\(8, 9\) has 72 pixels, X has 64 features"),
        ((8, 8, 3), r"image_shape=\(8, 8, 3\) has 192 values, X has 64 features"),
        (64, "must be"),
        ((64,), "must be"),
        ((2, 2, 16), "must be"),
        ((-8, -8), "must be"),
        ((8.0, 8), "must be"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shape, message):
    with pytest.raises(ValueError, match=message):
        tiles_of(np.zeros((2, 64)), shape)


def test_grey_tiles_run_from_black_to_white_and_are_cut_beyond():
    tile = np.array([-1, 0, 1, 2, 3]).reshape(1, 1, 5, 1)
    np.testing.assert_allclose(painted(tile, 0, 2)[0, 0], [[g, g, g, 1] for g in (0, 0, 0.5, 1, 1)])


def test_a_signed_tile_has_its_own_scale_with_zero_in_the_middle():
    tiles = np.array([[-4, 0, 2], [-0.1, 0.1, 0], [0, 0, 0]]).reshape(3, 1, 3, 1)
    np.testing.assert_allclose(
        signed(tiles)[..., 0].reshape(3, 3), [[0, 0.5, 0.75], [0, 1, 0.5], [0.5, 0.5, 0.5]]
    )


def test_colour_channels_share_one_scale_per_tile():
    tile = np.array([1.0, -2, 0]).reshape(1, 1, 1, 3)
    np.testing.assert_allclose(signed(tile)[0, 0, 0], [0.75, 0, 0.5, 1])


def test_a_mosaic_fills_rows_first_and_leaves_clear_gaps():
    tiles = painted(np.arange(5.0).reshape(5, 1, 1, 1) * np.ones((1, 2, 3, 1)), 0, 4)
    whole = mosaic(tiles, 3, (1, 2))
    assert whole.shape == (2 * 2 + 1, 3 * 3 + 2 * 2, 4)
    np.testing.assert_array_equal(whole[0, :, 3], [1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(whole[:, 0, 3], [1, 1, 0, 1, 1])
    np.testing.assert_array_equal(whole[::3, ::5, 0], [[0, 0.25, 0.5], [0.75, 1, 1]])
    assert not whole[3:, 10:, 3].any()  # there is no sixth tile


def test_a_mosaic_without_gaps_is_whole():
    assert mosaic(np.ones((4, 2, 2, 4)), 2, (0, 0)).shape == (4, 4, 4)


def test_pairs_stand_one_above_the_other():
    above, below = np.zeros((1, 2, 16, 4)), np.full((1, 2, 16, 4), 0.5)
    pair = stacked(above, below)
    assert pair.shape == (1, 2 + 2 + 2, 16, 4)
    np.testing.assert_array_equal(pair[0, :, 0, 0], [0, 0, 1, 1, 0.5, 0.5])
    np.testing.assert_array_equal(pair[0, 2:4, :, 3], 0)


@pytest.mark.parametrize(
    ("n", "shape", "columns"),
    [(64, (8, 8), 8), (2000, (28, 28), 45), (3, (1, 100), 1), (1, (100, 1), 1)],
)
def test_no_figure_is_larger_than_a_page_or_too_small_to_see(n, shape, columns):
    size = figsize(np.zeros((n, *shape, 4)), columns, (1, 1))
    assert min(size) >= 1
    assert max(size) <= 12.1


def test_tiles_of_a_single_value_are_black_rather_than_undefined():
    np.testing.assert_array_equal(painted(np.full((1, 2, 2, 1), 0.3), 0.3, 0.3)[..., :3], 0)
