import sys
from typing import NamedTuple

import numpy as np
import pytest

from skl_sparse_ae._estimator.monitor import FitMonitor
from skl_sparse_ae._solvers.solution import Iterate


class Terms(NamedTuple):
    error: float
    decay: float


ITERATE = Iterate(1, np.array([2.0]), 0.6, Terms(0.4, 0.2))


def test_the_monitor_records_prints_and_judges_by_the_value(capsys):
    monitor = FitMonitor(Terms, verbose=1)
    assert monitor(ITERATE) == (0.6, False)
    assert monitor.values == [0.6]
    assert monitor.terms == {"error": [0.4], "decay": [0.2]}
    assert capsys.readouterr().out == "Iteration 1, loss = 0.60000000\n"


def test_the_monitor_judges_by_the_score_if_there_is_one(capsys):
    monitor = FitMonitor(Terms, verbose=1, score=lambda params: float(params[0]) + 1)
    assert monitor(ITERATE) == (-3.0, False)
    assert monitor.scores == [3.0]
    assert monitor.values == [0.6]
    assert "Validation score: 3.000000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "stop"), [(True, True), (False, False), (None, False), (1, True)]
)
def test_whoever_is_told_may_stop_the_fit(answer, stop):
    told = []

    def notify(iterate):
        told.append(iterate)
        return answer

    assert FitMonitor(Terms, 0, notify=notify)(ITERATE) == (0.6, stop)
    assert told == [ITERATE]


def test_the_score_of_an_iterate_that_stops_a_fit_counts():
    monitor = FitMonitor(Terms, 0, score=lambda params: 5.0, notify=lambda iterate: True)
    assert monitor(ITERATE) == (-5.0, True)


def test_an_iterate_is_recorded_whole_or_not_at_all():
    def fail(params):
        raise KeyboardInterrupt

    monitor = FitMonitor(Terms, 0, score=fail)
    with pytest.raises(KeyboardInterrupt):
        monitor(ITERATE)
    assert monitor.values == monitor.scores == []
    assert monitor.terms == {"error": [], "decay": []}


def test_records_are_plain_numbers():
    monitor = FitMonitor(Terms, 0)
    monitor(Iterate(1, None, np.float32(0.5), np.array([0.25, 0.25])))
    assert type(monitor.values[0]) is type(monitor.terms["error"][0]) is float


def test_nothing_is_printed_unless_asked_for_nor_after_the_output_is_gone(capsys, monkeypatch):
    FitMonitor(Terms, 0)(ITERATE)
    assert not capsys.readouterr().out
    monitor = FitMonitor(Terms, 1)

    class Gone:
        def write(self, text):
            raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Gone())
        assert monitor(ITERATE).criterion == 0.6
    monitor(ITERATE)
    assert not capsys.readouterr().out
    assert len(monitor.records) == 2
