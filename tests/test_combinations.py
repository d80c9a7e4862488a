"""Features of the package together: each way to get a model with each use of it.

Every use of every model must give what it gives for the plain model of its family.
"""

import copy
import importlib.util
import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import (
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    metrics,
    plotting,
)
from skl_sparse_ae.export import to_mlp_classifier, to_mlp_regressor, to_source, to_torch
from skl_sparse_ae.model_selection import sparse_autoencoder_path

pytestmark = [
    pytest.mark.usefixtures("no_figure_left"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings(
        "ignore:The mean activations are", "ignore:The codes have collapsed", "ignore:.* are dead"
    ),
]


class Subclass(SparseAutoencoderTransformer):
    """A subclass that changes nothing."""


def first(k=5):
    return SparseAutoencoderTransformer(k, max_iter=10, tol=0, random_state=0)


def local_of_dask(X):
    dask = pytest.importorskip("skl_sparse_ae.dask")
    distributed, array = pytest.importorskip("distributed"), pytest.importorskip("dask.array")
    with distributed.Client(processes=False, n_workers=1, dashboard_address=None) as client:
        model = dask.DaskSparseAutoencoderTransformer(**first().get_params())
        model.client = client
        return model.fit(array.from_array(X, chunks=(200, -1))).to_local()


def with_output(container):
    return lambda X: first().set_output(transform=container).fit(X)


MODELS = {
    "plain": lambda X: first().fit(X),
    "float32": lambda X: first().fit(X.astype(np.float32)),
    "subclass": lambda X: Subclass(**first().get_params()).fit(X),
    "Dask's to_local": local_of_dask,
    "pandas out": with_output("pandas"),
    "polars out": with_output("polars"),
    "pickled": lambda X: pickle.loads(pickle.dumps(first().fit(X))),
    "copied": lambda X: copy.copy(first().fit(X)),
}


def topk(**parameters):
    options = {"n_nonzero_coefs": 4, "max_iter": 4, "sparse_output": False, "random_state": 0}
    return TopKAutoencoderTransformer(20, **options | parameters)


class TopKSubclass(TopKAutoencoderTransformer):
    """A subclass that changes nothing."""


TOPK_MODELS = {
    "dense": lambda X: topk().fit(X),
    "CSR": lambda X: topk(sparse_output=True).fit(X),
    "TopK subclass": lambda X: TopKSubclass(**topk().get_params()).fit(X),
    "TopK to pandas": lambda X: topk().set_output(transform="pandas").fit(X),
    "TopK pickled": lambda X: pickle.loads(pickle.dumps(topk().fit(X))),
}
BEFORE = {
    "alone": None,
    "behind a scaler": StandardScaler(),
    "second of two": first(64),
}


@pytest.fixture(scope="module")
def models(images):
    """A function of two names that returns the model, and the plain one in the same place.

    Each model, with the steps before it, is made once.
    """
    made = {}

    def rows_and_step(before):
        if before not in made:
            step = BEFORE[before] and clone(BEFORE[before]).fit(images)
            made[before] = (images, None) if step is None else (step.transform(images), step)
        return made[before]

    def make(name, before):
        rows, step = rows_and_step(before)
        if (name, before) not in made:
            model = (MODELS | TOPK_MODELS)[name](rows)
            made[name, before] = model if step is None else make_pipeline(step, model)
        return made[name, before]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = dict.fromkeys(MODELS, "plain") | dict.fromkeys(TOPK_MODELS, "dense")
        yield lambda name, before: (make(name, before), make(plain[name], before))


def coded(model, X):
    code = model.transform(X)
    return code.toarray() if issparse(code) else np.asarray(code)


def y_of(X):
    return np.digitize(X.mean(axis=1), [0.28, 0.34])


def onnx_outputs(model, X):
    skl2onnx, onnxruntime = pytest.importorskip("skl2onnx"), pytest.importorskip("onnxruntime")
    from skl_sparse_ae.export import register_converters

    register_converters()
    graph = skl2onnx.to_onnx(
        model, X[:1], options={"zipmap": False} if hasattr(model, "predict") else None
    )
    return onnxruntime.InferenceSession(graph.SerializeToString()).run(None, {"X": X})


def tuned(model, X, make, y):
    return make(model, X[:200], y, max_iter=3, random_state=0).fit(X[:200], y)


def classified(model, X):
    return tuned(model, X, to_mlp_classifier, y_of(X[:200])).predict_proba(X)


def predicted(model, X):
    return tuned(model, X, to_mlp_regressor, X[:200].mean(axis=1)).predict(X)


def classified_by_onnx(model, X):
    classifier = tuned(model, X, to_mlp_classifier, y_of(X[:200]))
    _, probabilities = onnx_outputs(classifier, X)
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X), rtol=0, atol=1e-5)
    return probabilities


def coded_by_source(model, X, path):
    model = model[-1] if hasattr(model, "steps") else model
    to_source(model, path / "exported.py")
    spec = importlib.util.spec_from_file_location("exported", path / "exported.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.transform(np.zeros((3, X.shape[1])) + np.arange(3)[:, np.newaxis])


def coded_by_torch(model, X):
    torch = pytest.importorskip("torch")
    model = model[-1] if hasattr(model, "steps") else model
    return to_torch(model).double().encoder(torch.from_numpy(np.array(X))).detach().numpy()


def figures(display):
    return [
        part
        for part in vars(display).values()
        if isinstance(part, np.ndarray) and part.dtype.kind == "f"
    ]


def path_of(model, X):
    model = model[-1] if hasattr(model, "steps") else model
    return sparse_autoencoder_path(X, [0.1, 0.2], estimator=model).r2


USES = {
    "transform": lambda model, X, _: coded(model, X),
    "frozen": lambda model, X, _: coded(FrozenEstimator(model), X),
    "frozen in a Pipeline": lambda model, X, _: coded(make_pipeline(FrozenEstimator(model)), X),
    "ONNX": lambda model, X, _: onnx_outputs(model, X),
    "ONNX, frozen": lambda model, X, _: onnx_outputs(FrozenEstimator(model), X),
    "classifier": lambda model, X, _: classified(model, X),
    "regressor": lambda model, X, _: predicted(model, X),
    "classifier in ONNX": lambda model, X, _: classified_by_onnx(model, X),
    "source": coded_by_source,
    "torch": lambda model, X, _: coded_by_torch(model, X),
    "row errors": lambda model, X, _: metrics.row_errors(model, X),
    "feature errors": lambda model, X, _: metrics.feature_errors(model, X),
    "scores": lambda model, X, _: list(
        metrics.reconstruction_and_sparsity_scorer(model, X).values()
    ),
    "lifetime": lambda model, X, _: metrics.lifetime_sparseness_scorer(model, X),
    "population": lambda model, X, _: metrics.population_sparseness_scorer(model, X),
    "path": lambda model, X, _: path_of(model, X),
    "features": lambda model, X, _: figures(plotting.FeaturesDisplay.from_estimator(model, (8, 8))),
    "activations": lambda model, X, _: figures(
        plotting.ActivationsDisplay.from_estimator(model, X)
    ),
    "reconstructions": lambda model, X, _: figures(
        plotting.ReconstructionsDisplay.from_estimator(model, X, (8, 8))
    ),
    "top rows": lambda model, X, _: figures(plotting.TopRowsDisplay.from_estimator(model, X, 1)),
    "latent plane": lambda model, X, _: figures(
        plotting.LatentPlaneDisplay.from_estimator(model, X)
    ),
    "loss curve": lambda model, X, _: figures(plotting.LossCurveDisplay.from_estimator(model)),
}


def parts(result):
    return result if isinstance(result, list) else [result]


OF_SIGMOIDS = {"classifier", "regressor", "classifier in ONNX", "path"}
PAIRS = [(name, use) for name in MODELS for use in USES]
PAIRS += [(name, use) for name in TOPK_MODELS for use in USES if use not in OF_SIGMOIDS]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(("name", "use"), PAIRS)
def test_every_model_with_every_use(models, images, tmp_path, name, before, use):
    model, plain = models(name, before)
    tolerance = {"float32": 2e-3, "Dask's to_local": 1e-6}.get(name, 1e-12)
    got, expected = (parts(USES[use](each, images, tmp_path)) for each in (model, plain))
    for value, wanted in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=tolerance, atol=tolerance)
