"""PyTorch modules give the same numbers as the estimators they were made from."""

import copy
import sys

import numpy as np
import pytest

from skl_sparse_ae.export import to_torch

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def test_without_torch_its_name_is_said(autoencoder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch"):
        to_torch(autoencoder)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip(
        "torch",
        reason="to_torch is NOT TESTED without torch, which is too heavy for the test group",
    )


@every_dtype
def test_the_torch_module_gives_the_same_numbers(torch, any_autoencoder, unseen, dtype, rounded):
    X = unseen.astype(dtype)
    module = to_torch(any_autoencoder)
    assert module.encoder[0].weight.dtype == torch.float64
    module = module.float() if dtype == np.float32 else module
    with torch.no_grad():
        code = module.encoder(torch.from_numpy(X))
        decoded, reconstructed = module.decoder(code), module(torch.from_numpy(X))
    exact_code, exact_rows = rounded(any_autoencoder, X)
    exact_code.check(code.numpy(), any_autoencoder.transform(X))
    exact_rows.check(decoded.numpy(), any_autoencoder.reconstruct(X))
    np.testing.assert_array_equal(decoded, reconstructed)


def test_the_torch_module_trains_on_copies_and_draws_no_numbers(torch, autoencoder, images, frozen):
    before, state = frozen(vars(autoencoder)), torch.get_rng_state()
    module = to_torch(autoencoder)
    assert torch.equal(torch.get_rng_state(), state)
    X = torch.from_numpy(images.copy())
    loss = torch.nn.functional.mse_loss(module(X), X)
    loss.backward()
    np.testing.assert_allclose(loss.item(), -autoencoder.score_samples(images).mean(), rtol=1e-12)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    optimizer.step()
    assert torch.nn.functional.mse_loss(module(X), X) < loss
    assert frozen(vars(autoencoder)) == before


@pytest.mark.parametrize("activation", ["identity", "tanh", "relu", "elu"])
def test_other_code_activations(torch, with_activation, images, activation):
    model, activate = with_activation(activation)
    code = to_torch(model).encoder(torch.from_numpy(images.copy())).detach().numpy()
    expected = activate(images @ model.components_.T + model.intercept_)
    np.testing.assert_allclose(code, expected, rtol=1e-10, atol=1e-12)


@every_dtype
def test_the_encoder_of_a_topk_model_has_the_same_codes(torch, any_topk, unseen, dtype, rounded):
    X = unseen.astype(dtype)
    module = to_torch(any_topk)
    module = module.float() if dtype == np.float32 else module
    with torch.no_grad():
        got = module.encoder(torch.from_numpy(X))
        decoded, reconstructed = module.decoder(got), module(torch.from_numpy(X))
    code, rows = rounded(any_topk, X)
    expected = any_topk.transform(X).toarray()
    code.check(got.numpy(), expected)
    np.testing.assert_array_equal(got > 0, expected > 0)
    rows.check(decoded.numpy(), any_topk.reconstruct(X))
    np.testing.assert_array_equal(decoded, reconstructed)


def test_a_topk_module_trains_on_copies(torch, any_topk, images, frozen):
    before = frozen(vars(any_topk))
    module, X = to_torch(any_topk), torch.from_numpy(images.copy())
    loss = torch.nn.functional.mse_loss(module(X), X)
    loss.backward()
    np.testing.assert_allclose(loss.item(), -any_topk.score_samples(images).mean(), rtol=1e-12)
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    assert torch.nn.functional.mse_loss(module(X), X) < loss
    assert frozen(vars(any_topk)) == before
    other = to_torch(any_topk)
    other.load_state_dict(module.state_dict())
    np.testing.assert_array_equal(other(X).detach(), module(X).detach())


@pytest.mark.usefixtures("torch")
def test_codes_that_are_solved_for_have_no_module(any_topk):
    solved = copy.copy(any_topk).set_params(transform_algorithm="least_squares")
    with pytest.raises(ValueError, match=r"'least_squares' cannot be exported.*'threshold'"):
        to_torch(solved)
