"""What all exports check: the type of the model, that it is fitted, its activation and its loss."""

import copy
import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skl_sparse_ae import SparseAutoencoderTransformer, TopKAutoencoderTransformer, export
from skl_sparse_ae._nn.losses import SquaredError
from skl_sparse_ae.export import to_source, to_torch
from skl_sparse_ae.export._model import code_activation, score_of, selection_rule

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}


@pytest.mark.parametrize(
    "convert", [to_torch, lambda model: to_source(model, "never.py")], ids=["torch", "source"]
)
def test_only_fitted_autoencoders(convert, autoencoder):
    for kind in (SparseAutoencoderTransformer, TopKAutoencoderTransformer):
        with pytest.raises(NotFittedError):
            convert(kind())
    for model, name in ((PCA(), "PCA"), (make_pipeline(autoencoder), "Pipeline")):
        with pytest.raises(TypeError, match=f"takes a Sparse.* or a TopK.*, got {name}"):
            convert(model)


@pytest.mark.parametrize(
    "change", [{"decoder_activation": "logistic"}, {"loss": "cross_entropy"}], ids=str
)
def test_weights_of_another_meaning_are_not_exported(autoencoder, tmp_path, change):
    changed = copy.copy(autoencoder).set_params(**change)
    for export_to in (to_torch, lambda model: to_source(model, tmp_path / "never.py")):
        with pytest.raises(
            ValueError, match=r"of the fit that the weights are from\. Set .* back, or fit again"
        ):
            export_to(changed)
    assert not list(tmp_path.iterdir())


def test_the_code_is_logistic_unless_a_subclass_says_otherwise(autoencoder, with_activation):
    assert code_activation(autoencoder) == "logistic"
    for name in ("identity", "tanh", "relu", "elu"):
        assert code_activation(with_activation(name)[0]) == name


def test_activations_and_losses_that_no_export_knows_are_refused(autoencoder, with_activation):
    class Softplus:
        pass

    class Huber(SquaredError):
        pass

    model, _ = with_activation("tanh")
    model._activation = lambda: Softplus
    with pytest.raises(ValueError, match=r"code activation Softplus of .* cannot be exported"):
        code_activation(model)
    other = copy.copy(autoencoder)
    other._loss = lambda: Huber
    with pytest.raises(ValueError, match=r"its loss .*Huber.* is not one of this package"):
        score_of(other)


def test_the_score_of_each_loss(any_autoencoder):
    expected = {"squared_error": "squared_error", "cross_entropy": "divergence"}
    assert score_of(any_autoencoder) == expected[any_autoencoder.loss]


def test_nothing_optional_is_imported_before_it_is_needed():
    names = {"onnx", "skl2onnx", "onnxruntime", "torch"}
    code = f"import sys, skl_sparse_ae.export; assert not {names} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_that_is_public_is_listed_and_documented():
    assert {getattr(export, name).__module__ for name in export.__all__} == {export.__name__}
    assert all(">>>" in getattr(export, name).__doc__ for name in export.__all__)


def test_the_rule_by_which_units_are_selected(any_topk):
    expected = {"threshold": any_topk.threshold_, "top_k": 4}
    name = any_topk.transform_algorithm
    assert selection_rule(any_topk) == (name, expected[name])
    many = copy.copy(any_topk).set_params(n_nonzero_coefs=50, transform_algorithm="top_k")
    assert selection_rule(many) == ("top_k", 20)


def test_codes_that_are_solved_for_are_refused_with_a_cure(any_topk, tmp_path):
    solved = copy.copy(any_topk).set_params(transform_algorithm="least_squares")
    with pytest.raises(ValueError, match=r"'least_squares' cannot be exported.*'threshold'"):
        to_source(solved, tmp_path / "never.py")
    assert not list(tmp_path.iterdir())


def test_parameters_of_a_topk_model_are_checked(any_topk):
    wrong = copy.copy(any_topk).set_params(n_nonzero_coefs=0)
    with pytest.raises(ValueError, match="'n_nonzero_coefs' parameter"):
        selection_rule(wrong)
