"""ResNet, AlexNet and VGGSmall: their sizes, and their values beside PyTorch's."""

from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.core.errors import ArgumentError, ShapeError
from lamina.nn import Module, models

SIZES = {
    "alexnet": 61_100_840,
    "resnet18": 11_689_512,
    "resnet20": 269_722,
    "resnet34": 21_797_672,
    "vgg_small": 814_122,
}
# Small inputs; AlexNet's own size is needed to fill its six by six features.
INPUTS = {
    "alexnet": (2, 3, 224, 224),
    "resnet18": (2, 3, 64, 64),
    "resnet20": (3, 3, 32, 32),
    "vgg_small": (3, 3, 32, 32),
}


def size(model: Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", SIZES)
def test_parameters(name: str) -> None:
    assert size(models.create(name)) == SIZES[name]


@pytest.mark.parametrize(
    ("depth", "parameters"), [(32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)]
)
def test_deeper_cifar_networks(depth: int, parameters: int) -> None:
    assert size(models.resnet20(depth)) == parameters


def test_summary_of_resnet18() -> None:
    found = models.resnet18().summary((3, 224, 224))
    assert found.to_dict()["parameters"] == SIZES["resnet18"]


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "resnet20", "resnet34", "vgg_small"])
def test_number_of_classes(name: str) -> None:
    model = models.create(name, num_classes=7).eval()
    assert model(lamina.zeros(1, *models.input_shape(name))).shape == (1, 7)


@pytest.mark.parametrize("name", ["resnet18", "resnet20", "vgg_small"])
def test_every_gradient_is_finite_and_not_zero(name: str) -> None:
    lamina.manual_seed(0)
    model, x = models.create(name), lamina.randn(*INPUTS[name])
    F.cross_entropy(model(x), lamina.tensor(np.arange(len(x)))).backward()
    for parameter in model.parameters():
        assert np.isfinite(parameter.grad.numpy()).all()
        assert parameter.grad.numpy().any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: models.CifarResNet(18), ArgumentError, r"depth must be 6n \+ 2 .* got 18"),
        (lambda: models.CifarResNet(2), ArgumentError, r"depth must be 6n \+ 2 .* got 2"),
        (lambda: models.alexnet(10, 1.5)(lamina.zeros(1, 3, 63, 63)), ArgumentError, "1.5"),
        (lambda: models.vgg_small()(lamina.zeros(1, 3, 64, 64)), ShapeError, "8192"),
        (lambda: models.alexnet(10)(lamina.zeros(1, 3, 32, 32)), ShapeError, "pool"),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# Beside PyTorch ----------------------------------------------------------------------------


def torch_model(name: str) -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from tests.torch_reference.torch_models import MODELS

    torch.manual_seed(0)
    return MODELS[name]()


def model_of(name: str, reference: Any) -> Module:
    options = {"dropout": 0.0} if name == "alexnet" else {}
    model = models.create(name, **options)
    model.load_state_dict(reference.state_dict())
    return model


def assert_close(found: Any, expected: Any, tolerance: float = 1e-4) -> None:
    expected = expected.detach().numpy()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("name", INPUTS)
def test_a_step_beside_pytorch(name: str) -> None:
    reference = torch_model(name)
    import torch

    model, x = model_of(name, reference), torch.randn(INPUTS[name])
    labels = torch.arange(len(x))
    torch.nn.functional.cross_entropy(reference(x), labels).backward()
    F.cross_entropy(model(lamina.tensor(x.numpy())), lamina.tensor(labels.numpy())).backward()
    gradients = dict(model.named_parameters())
    for key, parameter in reference.named_parameters():
        assert_close(gradients[key].grad, parameter.grad, 1e-3)
    state = model.state_dict()  # the running statistics have changed
    for key, value in reference.state_dict().items():
        assert_close(state[key], value)


@pytest.mark.parametrize("name", INPUTS)
def test_evaluation_beside_pytorch(name: str) -> None:
    reference = torch_model(name).eval()
    import torch

    x = torch.randn(INPUTS[name])
    for key, value in reference.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0)
    model = model_of(name, reference).eval()
    assert_close(model(lamina.tensor(x.numpy())), reference(x))
