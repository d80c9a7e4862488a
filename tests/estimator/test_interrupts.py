import pytest
from sklearn.model_selection import KFold

from skl_sparse_ae._estimator import interrupts
from skl_sparse_ae._estimator.interrupts import SECONDS_TO_PRESS_TWICE, CtrlC


@pytest.fixture
def pressed_at(monkeypatch):
    """A function that passes Ctrl-C on at these times, and returns which of them came through."""

    def press(*times):
        clock, ctrl_c, came = iter(times), CtrlC(), []
        monkeypatch.setattr(interrupts, "monotonic", lambda: next(clock))
        for _ in times:
            try:
                ctrl_c.pass_on()
                came.append(False)
            except KeyboardInterrupt:
                came.append(True)
        return came

    return press


def test_the_first_ends_the_training_and_no_more(pressed_at):
    assert pressed_at(10.0) == [False]


def test_a_second_one_soon_afterwards_comes_through(pressed_at):
    limit = SECONDS_TO_PRESS_TWICE
    assert pressed_at(10.0, 10.0 + limit) == [False, True]
    assert pressed_at(10.0, 10.1 + limit) == [False, False]
    assert pressed_at(10.0, 11.0, 12.5, 20.0) == [False, True, True, False]


def test_within_a_search_every_one_comes_through():
    class Split(KFold):
        """Its module is not of a search, but `split` of its base calls it from one."""

        def _iter_test_indices(self, X=None, y=None, groups=None):
            CtrlC().pass_on()
            yield from super()._iter_test_indices(X, y, groups)

    with pytest.raises(KeyboardInterrupt):
        list(Split(2).split([1, 2, 3, 4]))
    CtrlC().pass_on()
