from typing import NamedTuple

import numpy as np
import pytest

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)
from skl_sparse_ae._estimator.contracts import (
    GradientFrame,
    SavedFrame,
    Spec,
    Summary,
    is_out_of_date,
)
from skl_sparse_ae._rows.in_memory import ArrayRows

X = np.random.default_rng(0).uniform(size=(40, 6))
FAMILIES = {
    "sparse, lbfgs": SparseAutoencoderTransformer(3),
    "sparse, adam": SparseAutoencoderTransformer(3, solver="adam"),
    "variational": VariationalAutoencoderTransformer(3),
    "topk": TopKAutoencoderTransformer(3, n_nonzero_coefs=2),
}


@pytest.fixture(params=FAMILIES)
def problem(request, problem_of):
    return problem_of(FAMILIES[request.param], X)


def test_a_family_keeps_its_contracts(problem, fulfils):
    fulfils(problem.spec, Spec)
    fulfils(problem.spec.frame, SavedFrame)


def test_frames_of_weights_pull_gradients_back(fulfils, problem_of):
    far = (X + 1e6).astype(np.float32)
    of_joint = problem_of(SparseAutoencoderTransformer(3, loss="cross_entropy"), X)
    of_encoder, of_offset = (problem_of(FAMILIES["sparse, lbfgs"], rows) for rows in (X, far))
    for frame in (of_joint.spec.frame, of_encoder.frame, of_offset.translation):
        fulfils(frame, GradientFrame)


def test_a_saved_frame_knows_the_limits_of_all_that_it_holds(problem):
    frame = problem.spec.frame
    numbers, arrays = frame.limits(6)
    assert numbers.keys() | arrays.keys() == set(frame._fields)
    values = frame._asdict()
    assert all(least <= values[name] <= most for name, (_, least, most) in numbers.items())
    assert all(values[name].shape == shape for name, shape in arrays.items())


def test_a_summary_has_terms_and_maybe_moments_of_each_code_unit(problem):
    weights = problem.to_weights(problem.initial_params(np.random.default_rng(0)))
    summary = problem.spec.summarize(weights, ArrayRows(X))
    assert isinstance(summary.terms, problem.terms)
    moments = summary[1:] if isinstance(summary, Summary) else [summary.density]
    for moment in moments:
        assert (moment.shape, moment.dtype) == ((3,), np.float64)


class Frame(NamedTuple):
    input_mean: np.ndarray
    input_scale: float
    total_variance: float


@pytest.mark.parametrize(
    ("scale", "shift"), [(1, 0), (1.9, 0), (2.1, 0), (0.4, 0), (1, 0.9), (1, 1.1)]
)
def test_a_frame_is_out_of_date_if_spread_or_mean_are_far_from_its_own(scale, shift):
    frame = Frame(np.zeros(6), 0.5, 16.0)
    suited = frame._replace(input_scale=0.5 * scale)
    total_deviation = 0.5 * scale * np.sqrt(frame.total_variance)
    assert is_out_of_date(
        frame, suited._replace(input_mean=np.eye(6)[0] * shift * total_deviation)
    ) == (not 0.5 <= scale <= 2 or shift > 1)
