"""Each scorer against its measure, for autoencoders alone, in Pipelines and in searches."""

import inspect
import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skl_sparse_ae import SparseAutoencoderTransformer, metrics
from skl_sparse_ae.metrics import (
    explained_variance,
    explained_variance_scorer,
    hoyer_scorer,
    hoyer_sparsity,
    lifetime_sparseness,
    lifetime_sparseness_scorer,
    neg_reconstruction_error_scorer,
    population_sparseness,
    population_sparseness_scorer,
    reconstruction_and_sparsity_scorer,
)

# Most models here are stopped after a few iterations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
]
SCORERS = {
    explained_variance_scorer: lambda model, X: model.score(X),
    neg_reconstruction_error_scorer: lambda model, X: -((X - model.reconstruct(X)) ** 2).mean(),
    hoyer_scorer: lambda model, X: hoyer_sparsity(model.transform(X)),
    population_sparseness_scorer: lambda model, X: population_sparseness(model.transform(X)),
    lifetime_sparseness_scorer: lambda model, X: lifetime_sparseness(model.transform(X)),
}


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: scorer.__name__)
def test_scorers_are_the_measures_at_the_autoencoder_wherever_it_is(scorer, X):
    y = load_digits().target[:200]
    autoencoder = SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0)
    alone = autoencoder.fit(X)
    assert scorer(alone, X) == pytest.approx(SCORERS[scorer](alone, X), rel=1e-12)

    for steps in ([StandardScaler()], [MinMaxScaler(), StandardScaler()]):
        pipeline = make_pipeline(*steps, autoencoder).fit(X)
        rows = pipeline[:-1].transform(X)
        assert scorer(pipeline, X, y) == pytest.approx(
            SCORERS[scorer](pipeline[-1], rows), rel=1e-12
        )
    supervised = make_pipeline(StandardScaler(), autoencoder, LogisticRegression(max_iter=500)).fit(
        X, y
    )
    rows = supervised[0].transform(X)
    assert scorer(supervised, X, y) == pytest.approx(
        SCORERS[scorer](supervised[1], rows), rel=1e-12
    )


def test_the_score_of_a_pipeline_is_that_of_its_scorer(X):
    pipeline = make_pipeline(
        StandardScaler(), SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0)
    ).fit(X)
    assert explained_variance_scorer(pipeline, X) == pytest.approx(pipeline.score(X), rel=1e-12)


def test_output_as_data_frames_changes_no_score(X):
    pipeline = make_pipeline(
        StandardScaler(), SparseAutoencoderTransformer(7, max_iter=8, tol=0, random_state=0)
    ).fit(X)
    before = {scorer: scorer(pipeline, X) for scorer in SCORERS}
    pipeline = (
        make_pipeline(*(step for _, step in pipeline.steps)).set_output(transform="pandas").fit(X)
    )
    for scorer, value in before.items():
        assert scorer(pipeline, X) == pytest.approx(value, rel=1e-9)


def test_both_scores_come_at_once(model, X):
    expected = {"r2": explained_variance_scorer(model, X), "hoyer": hoyer_scorer(model, X)}
    assert reconstruction_and_sparsity_scorer(model, X) == expected


@pytest.mark.parametrize(
    "scorer", [*SCORERS, reconstruction_and_sparsity_scorer], ids=lambda scorer: scorer.__name__
)
def test_scorers_can_be_searched_with_also_in_other_processes(scorer, X):
    assert pickle.loads(pickle.dumps(scorer)) is scorer
    pipeline = make_pipeline(
        StandardScaler(), SparseAutoencoderTransformer(7, max_iter=3, tol=0, random_state=0)
    )
    grid = {"sparseautoencodertransformer__sparsity_weight": [0.1, 1]}
    search = GridSearchCV(
        pipeline, grid, scoring=scorer, refit=False, cv=2, error_score="raise"
    ).fit(X)
    names = ["r2", "hoyer"] if scorer is reconstruction_and_sparsity_scorer else ["score"]
    for name in names:
        assert np.isfinite(search.cv_results_[f"mean_test_{name}"]).all()


@pytest.mark.parametrize("estimator", [StandardScaler(), make_pipeline(StandardScaler())])
def test_what_has_no_autoencoder_is_refused_by_name(estimator, X):
    with pytest.raises(TypeError, match=f"{type(estimator).__name__} is not an autoencoder"):
        hoyer_scorer(estimator.fit(X), X)


def test_scores_of_the_other_autoencoder_are_r2_too(generator, images):
    r2 = explained_variance(images, generator.reconstruct(images))
    assert r2 < 1 < abs(generator.score(images))
    assert explained_variance_scorer(generator, images) == r2
    assert explained_variance_scorer(generator, csr_array(images)) == pytest.approx(r2)
    assert reconstruction_and_sparsity_scorer(generator, images)["r2"] == r2


def test_a_scorer_has_the_name_signature_and_whole_docstring_of_a_function():
    for scorer in (*SCORERS, reconstruction_and_sparsity_scorer):
        assert getattr(metrics, scorer.__name__) is scorer
        assert list(inspect.signature(scorer).parameters) == ["estimator", "X", "y"]
        sections = ("Parameters", "Returns", "Raises", "Examples")
        assert all(f"\n{section}\n---" in scorer.__doc__ for section in sections)
        assert f">>> from skl_sparse_ae.metrics import {scorer.__name__}" in scorer.__doc__
