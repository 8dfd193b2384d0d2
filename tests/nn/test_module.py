"""The mechanics of modules: registration, walking, modes, conversion, showing."""

import copy

import numpy as np
import pytest

import lamina
from lamina import nn
from lamina.core.errors import ArgumentError, ShapeError


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.scale = nn.Parameter([1.0, 2.0])
        self.register_buffer("offset", lamina.zeros(2))
        self.register_buffer("cache", lamina.ones(2), persistent=False)
        self.setting = 3

    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        return self.linear(x) * self.scale + self.offset


def test_attributes_are_registered_by_kind() -> None:
    block = Block()
    assert [name for name, _ in block.named_parameters()] == [
        "scale",
        "linear.weight",
        "linear.bias",
    ]
    assert [name for name, _ in block.named_buffers()] == ["offset", "cache"]
    assert [name for name, _ in block.named_children()] == ["linear"]
    assert [name for name, _ in block.named_modules()] == ["", "linear"]
    assert block.setting == 3 and "setting" in vars(block)


def test_an_attribute_has_one_kind_at_a_time() -> None:
    block = Block()
    block.setting = nn.Parameter([1.0])
    assert "setting" in dict(block.named_parameters()) and "setting" not in vars(block)
    block.setting = nn.ReLU()
    assert "setting" not in dict(block.named_parameters())
    assert dict(block.named_children())["setting"] is block.setting
    block.linear = None
    assert block.linear is None and "linear.weight" not in block.state_dict()


def test_a_parameter_is_not_replaced_by_something_else() -> None:
    block = Block()
    with pytest.raises(ArgumentError, match="Block.scale: expected a Parameter or None.*assign"):
        block.scale = lamina.ones(2)
    with pytest.raises(ArgumentError, match="Block.offset: a buffer is a Tensor"):
        block.offset = 3
    with pytest.raises(ArgumentError, match="Block.linear: expected a Module"):
        block.linear = 3


@pytest.mark.parametrize("value", [nn.Parameter([1.0]), nn.ReLU(), 3])
def test_setting_before_init_says_what_to_call(value: object) -> None:
    class Hasty(nn.Module):
        def __init__(self) -> None:
            self.part = value
            super().__init__()

    with pytest.raises(ArgumentError, match=r"Hasty: call super\(\).__init__\(\) before.*'part'"):
        Hasty()


def test_names_with_dots_are_refused() -> None:
    with pytest.raises(ArgumentError, match="no dot"):
        nn.Module().register_module("a.b", nn.ReLU())


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="Block has no attribute 'lineal'"):
        _ = Block().lineal
    assert not hasattr(Block(), "nothing")


def test_deleting_attributes() -> None:
    block = Block()
    del block.linear, block.setting
    assert list(block.state_dict()) == ["scale", "offset"]
    assert not hasattr(block, "linear") and not hasattr(block, "setting")
    assert "scale" in dir(block) and "linear" not in dir(block)


def test_shared_parameters_are_listed_once_and_saved_under_each_name() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    assert [name for name, _ in model.named_parameters()] == ["0.weight"]
    assert list(model.state_dict()) == ["0.weight", "1.weight"]
    assert len(list(nn.Sequential(model[0], model[0]).modules())) == 2


def test_modes_reach_every_module() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.BatchNorm1d(2)))
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model.train()
    assert all(module.training for module in model.modules())


def test_requires_grad_and_zero_grad() -> None:
    block = Block()
    block(lamina.ones(3, 2)).sum().backward()
    assert block.scale.grad is not None
    block.zero_grad()
    assert all(parameter.grad is None for parameter in block.parameters())
    block.requires_grad_(False)
    assert not block(lamina.ones(3, 2)).requires_grad


def test_conversion_keeps_identity_and_integers() -> None:
    layer = nn.BatchNorm1d(2)
    weight = layer.weight
    layer.double()
    assert layer.weight is weight and weight.requires_grad and weight.dtype == np.float64
    assert layer.running_mean.dtype == np.float64
    assert layer.num_batches_tracked.dtype == np.int64
    assert layer.float().weight.dtype == np.float32
    with pytest.raises(ArgumentError, match="floating-point"):
        layer.to("int64")


def test_constructors_take_a_dtype() -> None:
    for layer in (
        nn.Linear(2, 3, dtype="float64"),
        nn.Conv2d(1, 1, 1, dtype="float64"),
        nn.ConvTranspose1d(1, 1, 1, dtype="float64"),
        nn.BatchNorm2d(3, dtype="float64"),
        nn.Subsample2d(2, dtype="float64"),
        nn.ConnectionTableConv2d(2, [[0], [0, 1]], 3, dtype="float64"),
        nn.Embedding(3, 2, dtype="float64"),
    ):
        assert {p.dtype for p in layer.parameters()} == {np.dtype("float64")}


def test_apply_visits_children_first() -> None:
    visited: list[str] = []
    model = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
    model.apply(lambda module: visited.append(type(module).__name__))
    assert visited == ["ReLU", "Sequential", "Tanh", "Sequential"]


def test_get_submodule() -> None:
    model = nn.Sequential(nn.Sequential(nn.ReLU()))
    assert model.get_submodule("0.0") is model[0][0]
    assert model.get_submodule("") is model
    with pytest.raises(ArgumentError, match="no submodule '1'; it has: 0, 0.0"):
        model.get_submodule("1")


def test_deepcopy_is_independent() -> None:
    block = Block()
    twin = copy.deepcopy(block)
    twin.linear.weight.assign(np.zeros((2, 2)))
    assert block.linear.weight.numpy().any()
    assert isinstance(twin.scale, nn.Parameter) and twin.scale.requires_grad
    layer = copy.deepcopy(nn.LeakyReLU(0.3))
    assert layer.negative_slope == 0.3


def test_repr_is_a_tree() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU()), nn.MaxPool2d(2))
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Sequential(\n"
        "    (0): Linear(in_features=1, out_features=2, bias=False)\n"
        "    (1): ReLU()\n"
        "  )\n"
        "  (1): MaxPool2d(kernel_size=2, stride=None, padding=0, dilation=1, "
        "return_indices=False, ceil_mode=False)\n"
        ")"
    )


def test_forward_must_be_defined() -> None:
    with pytest.raises(NotImplementedError, match="Module does not define forward"):
        nn.Module()(1)


def test_parameter_shares_nothing_with_the_array_it_came_from() -> None:
    array = np.ones(2, np.float32)
    parameter = nn.Parameter(array)
    array[0] = 5
    assert parameter.tolist() == [1.0, 1.0]
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad


def test_errors_name_the_layer_they_came_up_in() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(3, 4)))
    with pytest.raises(ShapeError) as caught:
        model(lamina.ones(2, 5))
    assert caught.value.__notes__ == [
        "in layer 1.0: Linear(in_features=3, out_features=4, bias=True)"
    ]
