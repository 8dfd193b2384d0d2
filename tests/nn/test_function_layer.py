"""Layers made of a function and its settings: constructor, repr, buffers, training flag."""

import inspect

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.errors import ArgumentError

LAYERS = [
    value
    for value in vars(nn).values()
    if isinstance(value, type)
    and issubclass(value, nn.FunctionLayer)
    and value is not nn.FunctionLayer
]


def test_settings_come_in_pytorchs_order() -> None:
    torch = pytest.importorskip("torch")
    legacy = {"size_average", "reduce"}
    compared = 0
    for layer in LAYERS:
        theirs = getattr(torch.nn, layer.__name__, None)
        if theirs is None:
            continue
        untyped = {"args", "kwargs"}
        given = inspect.signature(theirs).parameters
        wanted = [n for n in given if n not in legacy | untyped]
        if theirs in (torch.nn.Hardtanh, torch.nn.KLDivLoss):
            wanted = [n for n in wanted if n not in {"min_value", "max_value"}]
        found = list(inspect.signature(layer).parameters)
        assert found == wanted, layer.__name__
        compared += 1
    assert compared > 70


def test_defaults_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for layer in LAYERS:
        theirs = getattr(torch.nn, layer.__name__, None)
        if theirs is None or layer.__name__.startswith("Softm") or layer is nn.LogSoftmax:
            continue
        wanted = inspect.signature(theirs).parameters
        for name, parameter in inspect.signature(layer).parameters.items():
            if parameter.default is inspect.Parameter.empty:
                assert wanted[name].default is inspect.Parameter.empty, (layer, name)
            elif isinstance(parameter.default, (int, float, str)):
                assert parameter.default == wanted[name].default, (layer, name)


def test_settings_are_attributes_that_can_change() -> None:
    layer = nn.LeakyReLU(0.5)
    x = lamina.tensor([-2.0])
    assert layer(x).item() == -1.0
    layer.negative_slope = 0.25
    assert layer(x).item() == -0.5 and repr(layer) == "LeakyReLU(negative_slope=0.25)"


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'slope'"):
        nn.LeakyReLU(slope=1.0)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'kernel_size'"):
        nn.MaxPool2d()


def test_inplace_is_taken_and_changes_nothing() -> None:
    x = lamina.tensor([-1.0, 1.0])
    assert nn.ReLU(True)(x).tolist() == [0.0, 1.0] and x.tolist() == [-1.0, 1.0]
    assert repr(nn.ReLU(inplace=True)) == "ReLU()"


def test_tensor_settings_are_buffers() -> None:
    loss = nn.CrossEntropyLoss(weight=np.array([1.0, 3.0], np.float32), reduction="sum")
    assert [name for name, _ in loss.named_buffers()] == ["weight"]
    assert loss.double().weight.dtype == np.float64
    logits, target = lamina.zeros(2, 2, dtype="float64"), lamina.tensor([0, 1])
    assert loss(logits, target).item() == pytest.approx(4 * np.log(2))
    assert loss(input=logits, target=target).item() == pytest.approx(4 * np.log(2))
    assert nn.CrossEntropyLoss().weight is None


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (nn.Dropout(0.5), F.dropout),
        (nn.AlphaDropout(0.5), F.alpha_dropout),
        (nn.RReLU(), F.rrelu),
    ],
    ids=["Dropout", "AlphaDropout", "RReLU"],
)
def test_random_layers_follow_mode_and_key_stream(layer: nn.Module, function: object) -> None:
    x = -lamina.ones(50)
    with lamina.random.use_keys(lamina.random.key(3)):
        first, second = layer(x).tolist(), layer(x).tolist()
    with lamina.random.use_keys(lamina.random.key(3)):
        again = layer(x).tolist()
    assert first == again != second
    layer.eval()
    assert layer(x).tolist() == function(x, training=False).tolist()  # type: ignore[operator]
    assert len(set(layer(x).tolist())) == 1


def test_padding_sides() -> None:
    assert nn.ZeroPad2d(1)(lamina.ones(1, 2, 2)).shape == (1, 4, 4)
    assert nn.ConstantPad1d((0, 2), 7.0)(lamina.ones(1, 1)).tolist() == [[1.0, 7.0, 7.0]]
    with pytest.raises(ArgumentError, match="ReflectionPad2d: padding is one number or 4"):
        nn.ReflectionPad2d((1, 2))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_every_layer_is_documented(layer: type) -> None:
    assert layer.__doc__ and not layer.__doc__.startswith(layer.__name__ + "(")
