import numpy as np
from threadpoolctl import threadpool_limits

from skl_sparse_ae._rows.local import LocalRows


def test_an_epoch_is_one_step_over_all_rows_with_the_workers_that_there_are():
    rows, rng, calls = LocalRows(), np.random.default_rng(0), []

    def step(*arguments):
        calls.append(arguments)
        return "new state", 10, 0.5, (0.3, 0.2)

    with threadpool_limits(2, user_api="blas"), rows.epochs(step, 2) as epoch:
        assert epoch("state", rng) == ("new state", 0.5, (0.3, 0.2))
        assert epoch("new state", rng) == ("new state", 0.5, (0.3, 0.2))
    (_, seen, workers, given), (_, _, others, _) = calls
    assert [call[0] for call in calls] == ["state", "new state"]
    assert (seen, given) == (rows, rng)
    assert workers is others  # whose memory is used again
    assert workers.n_workers == 2


def test_there_are_no_more_workers_than_are_asked_for():
    with threadpool_limits(2, user_api="blas"):
        for max_workers in (0, 1):
            with LocalRows().epochs(lambda *arguments: arguments, max_workers) as epoch:
                _, workers, _ = epoch("state", None)
                assert workers.n_workers == 1
