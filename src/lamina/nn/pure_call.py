"""Calling a module as a pure function of its parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lamina.core.errors import ArgumentError, ShapeError
from lamina.nn.module import Module, joined
from lamina.tensors import Tensor, as_tensor


def functional_call(
    module: Module, parameters_and_buffers: Mapping[str, Any], *args: Any, **kwargs: Any
) -> Any:
    """Return ``module(*args, **kwargs)`` computed with the given values; the module stays as it is.

    Names that are not given keep the module's values. Differentiate and compile training
    steps through it. Buffers that the call updates (running statistics) are discarded: use
    `functional_call_with_buffers` to get them.

    Errors: `ArgumentError` for an unknown name, `ShapeError` for a value that does not fit.

    >>> import lamina
    >>> from lamina import nn
    >>> layer, x = nn.Linear(2, 1), lamina.tensor([[1.0, 3.0]])
    >>> def loss(parameters):
    ...     return functional_call(layer, parameters, x).sum()
    >>> lamina.grad(loss)(dict(layer.named_parameters()))["weight"].tolist()
    [[1.0, 3.0]]
    """
    return functional_call_with_buffers(module, parameters_and_buffers, *args, **kwargs)[0]


def functional_call_with_buffers(
    module: Module, parameters_and_buffers: Mapping[str, Any], *args: Any, **kwargs: Any
) -> tuple[Any, dict[str, Tensor]]:
    """Return the output of `functional_call`, and the values of all buffers after the call.

    >>> import lamina
    >>> from lamina import nn
    >>> layer, x = nn.BatchNorm1d(1), lamina.tensor([[0.0], [2.0]])
    >>> _, buffers = functional_call_with_buffers(layer, {}, x)
    >>> buffers["running_mean"].tolist(), layer.running_mean.tolist()
    ([0.10000000149011612], [0.0])
    """
    with _swapped(module, parameters_and_buffers):
        output = module(*args, **kwargs)
        return output, dict(module.named_buffers())


@contextmanager
def _swapped(module: Module, values: Mapping[str, Any]) -> Iterator[None]:
    """Put other tensors in the places of parameters and buffers, for the time of the block.

    Every buffer gets a handle of its own, since the call may assign to it.
    """
    old = _places(module)
    _check(module, old, values)
    buffers = {id(buffer) for buffer in module.buffers()}
    replacements: dict[int, Tensor] = {}
    for name, (_, _, tensor) in old.items():
        if name in values or id(tensor) not in replacements:
            value = as_tensor(values.get(name, tensor), tensor.dtype)
            replacements[id(tensor)] = Tensor(value.node) if id(tensor) in buffers else value
    for registry, key, tensor in old.values():
        registry[key] = replacements[id(tensor)]
    try:
        yield
    finally:
        for registry, key, tensor in old.values():
            registry[key] = tensor


def _places(module: Module) -> dict[str, tuple[dict[str, Any], str, Tensor]]:
    """Return, by qualified name, where each parameter and buffer is kept."""
    places: dict[str, tuple[dict[str, Any], str, Tensor]] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        registries: list[dict[str, Any]] = [part._parameters, part._buffers]
        for registry in registries:
            for key, tensor in registry.items():
                if tensor is not None:
                    places[joined(path, key)] = (registry, key, tensor)
    return places


def _check(module: Module, places: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    name = type(module).__name__
    unknown = [key for key in values if key not in places]
    if unknown:
        raise ArgumentError(
            f"functional_call: {name} has no parameter or buffer {', '.join(unknown)}; "
            f"it has: {', '.join(places)}"
        )
    for key, value in values.items():
        expected, got = places[key][2].shape, as_tensor(value).shape
        if got != expected:
            raise ShapeError(f"functional_call: {key} has shape {expected}, got {got}")
