"""Modules that hold others: `Sequential`, `ModuleList`, `ModuleDict`, `ParameterList`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import index as as_index
from typing import Any, Self, overload

from lamina.core.errors import ArgumentError
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter


class _ModuleSequence(Module):
    """Modules under the names "0", "1", …"""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module | Self:
        if isinstance(index, slice):
            return self._of(list(self.named_children())[index])
        return list(self)[self._place(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(list(self._modules)[self._place(index)], module)

    def __delitem__(self, index: int | slice) -> None:
        kept = list(self)
        del kept[index]
        self._modules.clear()
        self.extend(kept)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.register_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before place ``index``."""
        modules = list(self)
        modules.insert(index, module)
        self._modules.clear()
        return self.extend(modules)

    def _of(self, named: list[tuple[str, Module]]) -> Self:
        raise NotImplementedError

    def _place(self, index: int) -> int:
        size, place = len(self), as_index(index)
        if not -size <= place < size:
            raise IndexError(f"{type(self).__name__} of {size} modules has no index {place}")
        return place % size


class Sequential(_ModuleSequence):
    """Modules one after another: each gets what the one before it returned.

    Takes the modules, or one mapping of names to modules.

    >>> from lamina import nn, ones
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> model(ones((3, 4))).shape
    (3, 2)
    >>> model[:2]
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): Tanh()
    )
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.register_module(name, module)
        else:
            self.extend(modules)  # type: ignore[arg-type]

    def _of(self, named: list[tuple[str, Module]]) -> Self:
        return type(self)(dict(named))

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input


class ModuleList(_ModuleSequence):
    """A list of modules, registered as "0", "1", …; what is done with them is up to the owner.

    >>> from lamina import nn
    >>> branches = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    >>> len(branches), list(branches[1:].state_dict())
    (3, ['0.weight', '0.bias', '1.weight', '1.bias'])
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def _of(self, named: list[tuple[str, Module]]) -> Self:
        return type(self)(module for _, module in named)


class ModuleDict(Module):
    """Modules by name, in the order in which they were added.

    >>> from lamina import nn
    >>> heads = nn.ModuleDict({"digits": nn.Linear(8, 10)})
    >>> heads["letters"] = nn.Linear(8, 26)
    >>> list(heads), heads["letters"].out_features
    (['digits', 'letters'], 26)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, name: str) -> Module:
        module = self._modules.get(name)
        if module is None:
            raise KeyError(f"{type(self).__name__} has {list(self._modules)}, not {name!r}")
        return module

    def __setitem__(self, name: str, module: Module) -> None:
        self.register_module(name, module)

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, name: str) -> bool:
        return name in self._modules

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """Return the modules."""
        return list(self.children())

    def items(self) -> Iterable[tuple[str, Module]]:
        """Return names with modules."""
        return list(self.named_children())

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add or replace modules."""
        for name, module in modules.items():
            self.register_module(name, module)


class ParameterList(Module):
    """A list of parameters, registered as "0", "1", …

    >>> from lamina import nn
    >>> weights = nn.ParameterList([nn.Parameter([1.0]), nn.Parameter([2.0])])
    >>> list(weights.state_dict()), weights[-1].tolist()
    (['0', '1'], [2.0])
    """

    def __init__(self, parameters: Iterable[Any] = ()) -> None:
        super().__init__()
        self.extend(parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return self.parameters(recurse=False)

    def __getitem__(self, index: int) -> Parameter:
        parameter = self._parameters[self._name(index)]
        assert parameter is not None
        return parameter

    def __setitem__(self, index: int, parameter: Parameter) -> None:
        self.register_parameter(self._name(index), parameter)

    def append(self, parameter: Any) -> Self:
        """Add a parameter (or values to make one of) at the end."""
        made = parameter if isinstance(parameter, Parameter) else Parameter(parameter)
        self.register_parameter(str(len(self)), made)
        return self

    def extend(self, parameters: Iterable[Any]) -> Self:
        """Add parameters at the end."""
        for parameter in parameters:
            self.append(parameter)
        return self

    def extra_repr(self) -> str:
        return ", ".join(f"({name}): {p.node.type}" for name, p in self.named_parameters())

    def _name(self, index: int) -> str:
        size, place = len(self), as_index(index)
        if not -size <= place < size:
            raise ArgumentError(f"ParameterList of {size} parameters has no index {place}")
        return str(place % size)
