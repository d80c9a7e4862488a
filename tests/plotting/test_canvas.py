import matplotlib.pyplot as plt
import numpy as np
import pytest

from skl_sparse_ae.plotting._canvas import name_ends, plain, spread

pytestmark = pytest.mark.usefixtures("no_figure_left")


def test_heights_far_enough_apart_stay():
    np.testing.assert_allclose(spread([0.5, 0.1, 0.9], 0.1), [0.5, 0.1, 0.9])


def test_heights_too_close_move_apart_around_their_mean_and_keep_their_order():
    np.testing.assert_allclose(spread([0.52, 0.1, 0.5], 0.1), [0.56, 0.1, 0.46])


def test_names_fit_into_the_axes_right_of_the_last_point():
    _, ax = plt.subplots()
    ax.plot([1, 20], [[0, 3], [1, 1.001]])
    ax.set(xlim=(1, 20), ylim=(0, 3))
    texts = name_ends(ax, 20, [1, 1.001], ["a curve", "another curve"])
    boxes = [text.get_window_extent() for text in texts]
    end = ax.transData.transform((20, 1))[0]
    assert all(end < box.x0 and box.x1 <= ax.get_window_extent().x1 for box in boxes)
    assert not boxes[0].overlaps(boxes[1])
    assert max(ax.get_xticks()) <= 20


@pytest.mark.parametrize(
    "name",
    [r"$\\frac{$", r"$\\badcmd$", "a$b$c", "one $", "_hidden", "two\nlines", "\x1b[31m", "ä", 7],
)
def test_names_of_columns_and_classes_are_drawn_as_they_are(name):
    figure, ax = plt.subplots()
    ax.plot([0, 1], label=plain(name))
    legend = ax.legend()
    ax.set_yticks([0], [plain(name)])
    figure.canvas.draw()  # where matplotlib would fail
    assert legend.get_lines()[0].get_visible()
    (text,) = [text.get_text() for text in legend.get_texts()]
    shown = text.strip().replace(r"\$", "$")
    assert shown == str(name).replace("\n", "\ufffd").replace("\x1b", "\ufffd")
