"""Models and their registry."""

import numpy as np
import pytest

import lamina
from lamina import nn
from lamina.core.errors import ArgumentError
from lamina.nn import models


def test_every_model_runs_with_its_defaults() -> None:
    assert {"alexnet", "lenet", "lenet5", "mlp", "resnet18", "vgg_small"} <= set(models.names())
    for name in models.names():
        model = models.create(name)
        assert model(lamina.zeros(2, *models.input_shape(name))).shape[0] == 2


def test_parameters() -> None:
    def size(model: nn.Module) -> int:
        return sum(parameter.numel() for parameter in model.parameters())

    assert size(models.lenet5()) == 60_000
    assert size(models.lenet()) == 61_706
    assert size(models.MLP((2, 5, 1))) == 2 * 5 + 5 + 5 + 1


def test_names_of_layers() -> None:
    assert [n for n, _ in models.lenet5().named_children()] == [
        *("c1", "s2", "c3", "s4", "c5", "f6", "output")
    ]
    mlp = models.MLP((2, 3, 4, 1))
    assert [n for n, _ in mlp.named_children()] == [
        *("flatten", "linear1", "activation1", "linear2", "activation2", "linear3")
    ]
    assert isinstance(mlp[:2], nn.Sequential)


def test_options() -> None:
    assert isinstance(models.create("lenet", activation="relu").act1, nn.ReLU)
    assert isinstance(models.create("lenet", pooling="mean").pool1, nn.AvgPool2d)
    assert models.create("lenet", classes=3)(lamina.zeros(1, 1, 32, 32)).shape == (1, 3)
    assert isinstance(models.create("mlp", sizes=(2, 2, 2), activation=nn.Mish)[2], nn.Mish)
    assert models.options("mlp") == {"sizes": (64, 32, 10), "activation": "relu"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: models.create("lenet_5"), "no model 'lenet_5'; did you mean 'lenet5'"),
        (
            lambda: models.create("lenet", depth=3),
            "'lenet' has no option depth; it has: activation",
        ),
        (lambda: models.create("lenet", pooling="min"), "pooling must be 'max' or 'mean'"),
        (
            lambda: models.create("mlp", activation="relo"),
            "activation must be one of relu, .*'relo'",
        ),
        (lambda: models.MLP((3,)), "of inputs, of hidden units and of outputs"),
    ],
)
def test_errors(call: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()  # type: ignore[operator]


def test_registering() -> None:
    @models.register("test-only", input_shape=(3,))
    def build(width: int = 2) -> nn.Module:
        return nn.Linear(3, width)

    try:
        assert models.create("test-only", width=5).out_features == 5
        assert models.input_shape("test-only") == (3,)
    finally:
        del models.registry._MODELS["test-only"]


def test_lenet5_starts_as_the_paper_says() -> None:
    model = models.lenet5()
    for layer, fan_in in ((model.c1, 25), (model.s2, 4), (model.c5, 400), (model.f6, 120)):
        bound = 2.4 / fan_in
        values = np.concatenate([p.numpy().ravel() for p in layer.parameters()])
        assert 0.7 * bound < abs(values).max() <= bound


def test_a_step_down_the_gradient_of_lenet5_helps() -> None:
    lamina.manual_seed(1)
    model = models.lenet5()
    images = np.full((10, 1, 32, 32), -0.1, np.float32)
    codes = nn.digit_codes().reshape(10, 1, 12, 7)
    images[:, :, 4:28, 9:23] = np.kron(codes, np.ones((2, 2), np.float32)) * 0.6 + 0.5
    x, labels = lamina.tensor(images), lamina.tensor(np.arange(10))
    before = nn.lenet_loss(model(x), labels)
    before.backward()
    slope = sum(float(p.grad.square().sum()) for p in model.parameters())
    for parameter in model.parameters():
        assert parameter.grad.numpy().any()
        parameter.assign(parameter.detach() - 1e-4 * parameter.grad)
    drop = before.item() - nn.lenet_loss(model(x), labels).item()
    assert drop == pytest.approx(1e-4 * slope, rel=0.3)
