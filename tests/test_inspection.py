import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import random
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sparse_ae import SparseAutoencoderTransformer, TopKAutoencoderTransformer
from skl_sparse_ae.inspection import TopFeatures, top_features

NAMES = np.array([f"pixel{i}" for i in range(64)])


@pytest.fixture(params=["autoencoder", "dictionary"])
def sparse_model(request):
    return request.getfixturevalue(request.param)


def test_the_largest_decoder_weights_come_first(sparse_model):
    W = sparse_model.decoder_components_
    table = top_features(sparse_model, NAMES, n=5)
    np.testing.assert_array_equal(table.units, np.arange(len(W)))
    for unit, names, weights in zip(table.units, table.names, table.weights, strict=True):
        expected = np.argsort(-np.abs(W[unit]), kind="stable")[:5]
        np.testing.assert_array_equal(names, NAMES[expected])
        np.testing.assert_array_equal(weights, W[unit][expected])


def test_all_features_are_listed_if_there_are_fewer_than_n(dictionary):
    assert top_features(dictionary, n=100).names.shape == (24, 64)


def test_units_are_listed_in_the_order_given(dictionary):
    table, every = top_features(dictionary, units=[7, 2]), top_features(dictionary)
    np.testing.assert_array_equal(table.units, [7, 2])
    np.testing.assert_array_equal(table.names, every.names[[7, 2]])
    np.testing.assert_array_equal(table.weights, every.weights[[7, 2]])


def test_names_come_from_the_fit(images):
    X = pd.DataFrame(images[:, 20:30], columns=list("abcdefghij"))
    model = TopKAutoencoderTransformer(5, n_nonzero_coefs=2, max_iter=1, tol=0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = make_pipeline(StandardScaler(), model).fit(X)
    assert set(top_features(pipeline).names.ravel()) <= set("abcdefghij")
    assert set(top_features(model).names.ravel()) <= {f"x{i}" for i in range(10)}


def test_a_variational_autoencoder_is_probed_through_its_decoder(generator):
    table = top_features(generator, NAMES, n=64)
    ends = [generator.inverse_transform(sign * np.eye(3)) for sign in (1, -1)]
    change = dict(zip(NAMES, (ends[0] - ends[1])[1] / 2, strict=True))
    np.testing.assert_allclose(table.weights[1], [change[n] for n in table.names[1]], atol=1e-12)


def test_original_features_of_a_linear_step_are_its_components_times_the_weights():
    X = random(300, 40, density=0.2, format="csr", random_state=0)
    svd = TruncatedSVD(10, random_state=0)
    model = TopKAutoencoderTransformer(70, n_nonzero_coefs=3, max_iter=2, tol=0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = make_pipeline(svd, model).fit(X)
    names = [f"word{i}" for i in range(40)]
    table = top_features(pipeline, names, n=3, original_features=True)
    W = model.decoder_components_ @ svd.components_
    expected = np.argsort(-np.abs(W), axis=1)[:, :3]
    np.testing.assert_array_equal(table.names, np.array(names)[expected])
    np.testing.assert_allclose(table.weights, np.take_along_axis(W, expected, 1), rtol=1e-8)
    assert set(top_features(pipeline).names.ravel()) == {f"x{i}" for i in range(10)}


def test_original_features_are_named_by_the_first_step(images):
    X = pd.DataFrame(images, columns=NAMES)
    model = SparseAutoencoderTransformer(4, max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = make_pipeline(PCA(10), model).fit(X)
    table = top_features(pipeline, original_features=True)
    assert set(table.names.ravel()) <= set(NAMES)


def test_a_weight_of_zero_names_nothing(dictionary):
    model = clone(dictionary)
    vars(model).update(vars(dictionary))
    model.decoder_components_ = dictionary.decoder_components_.copy()
    model.decoder_components_[3] = np.eye(64)[5]
    table = top_features(model, NAMES, n=3, units=[3])
    assert table.names.tolist() == [["pixel5", "", ""]]
    assert str(table) == "unit 3: pixel5"


def test_a_table_prints_a_line_for_each_unit_and_the_sign_of_each_weight():
    names = np.array([["a", "b"], ["c", "d"]], dtype=object)
    table = TopFeatures(np.array([3, 12]), names, np.array([[2, -1], [-3, 0.5]]))
    assert str(table).splitlines() == ["unit  3: a, -b", "unit 12: -c, d"]
    assert repr(table) == "TopFeatures of 2 units, 2 features each"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_names": ["a"]}, "feature_names has 1 names, but there are 64 features"),
        ({"n": 0}, "n must be an int of at least 1, got 0"),
        ({"n": 1.5}, "n must be an int of at least 1, got 1.5"),
        ({"units": [24]}, r"units must be from 0 to 23, got \[24\]"),
        ({"units": [-1]}, r"units must be from 0 to 23, got \[-1\]"),
        ({"units": []}, "units must be None or a non-empty sequence"),
        ({"units": [0.5]}, "units must be None or a non-empty sequence"),
    ],
)
def test_arguments_that_make_no_sense(dictionary, options, message):
    with pytest.raises(ValueError, match=message):
        top_features(dictionary, **options)


def test_models_that_cannot_be_read(images):
    with pytest.raises(NotFittedError):
        top_features(TopKAutoencoderTransformer())
    with pytest.raises(TypeError, match="PCA is not an autoencoder"):
        top_features(PCA().fit(images))
