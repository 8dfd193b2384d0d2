"""Containers behave as lists and mappings of what they hold."""

from collections import OrderedDict

import pytest

import lamina
from lamina import nn
from lamina.core.errors import ArgumentError


def kinds(modules: nn.Sequential | nn.ModuleList) -> list[str]:
    return [type(module).__name__ for module in modules]


def test_sequential_runs_in_order() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Threshold(1.0, -5.0))
    assert model(lamina.tensor([-1.0, 3.0])).tolist() == [-5.0, 3.0]


def test_sequential_of_names() -> None:
    model = nn.Sequential(OrderedDict(first=nn.Linear(1, 2), second=nn.ReLU()))
    assert list(model.state_dict()) == ["first.weight", "first.bias"]
    assert model.first is model[0] and list(dict(model[1:].named_children())) == ["second"]


@pytest.mark.parametrize("container", [nn.Sequential, nn.ModuleList])
def test_list_operations(container: type) -> None:
    parts = [nn.ReLU(), nn.Tanh(), nn.Sigmoid()]
    modules = container(*parts) if container is nn.Sequential else container(parts)
    assert len(modules) == 3 and modules[-1] is parts[2] and list(modules) == parts
    assert kinds(modules[::2]) == ["ReLU", "Sigmoid"] and type(modules[:1]) is container
    modules[1] = nn.ELU()
    modules.append(nn.SELU()).insert(0, nn.GELU()).extend([nn.Mish()])
    assert kinds(modules) == ["GELU", "ReLU", "ELU", "Sigmoid", "SELU", "Mish"]
    del modules[0], modules[-2:]
    assert kinds(modules) == ["ReLU", "ELU", "Sigmoid"]
    assert [name for name, _ in modules.named_children()] == ["0", "1", "2"]
    with pytest.raises(IndexError, match="of 3 modules has no index 3"):
        modules[3]


def test_only_modules_fit() -> None:
    with pytest.raises(ArgumentError, match="expected a Module, got builtin"):
        nn.Sequential(abs)
    with pytest.raises(ArgumentError, match="expected a Module, got int"):
        nn.ModuleList([3])


def test_module_dict() -> None:
    heads = nn.ModuleDict({"a": nn.ReLU()})
    heads.update({"b": nn.Tanh()})
    assert list(heads) == list(heads.keys()) == ["a", "b"] and "b" in heads and len(heads) == 2
    assert [(k, v) for k, v in heads.items()] == list(zip(heads, heads.values(), strict=True))
    del heads["a"]
    with pytest.raises(KeyError, match="has \\['b'\\], not 'a'"):
        heads["a"]


def test_parameter_list() -> None:
    weights = nn.ParameterList([nn.Parameter([1.0]), [2.0, 3.0]])
    weights[0] = nn.Parameter([9.0])
    assert [p.tolist() for p in weights] == [[9.0], [2.0, 3.0]] and len(weights) == 2
    assert repr(weights) == "ParameterList((0): float32[1], (1): float32[2])"
    with pytest.raises(ArgumentError, match="no index 2"):
        weights[2]
