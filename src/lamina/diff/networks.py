"""Networks as functions of one tensor: of their input, or of all their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

import lamina.tensors as T
from lamina.core.errors import ArgumentError
from lamina.core.types import Shape
from lamina.diff.interface import Function
from lamina.nn import Module
from lamina.nn.pure_call import functional_call
from lamina.tensors import Tensor, tensor

Loss = Callable[[Tensor, Any], Tensor]


@dataclass(frozen=True)
class NetworkFunction:
    """A loss (or an output) as a function of one vector of all parameters.

    ``slices`` and ``shapes`` say, by name, where a parameter's elements are in the vector.
    """

    function: Function
    start: Tensor
    slices: Mapping[str, slice]
    shapes: Mapping[str, Shape]

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the value for these parameters."""
        return self.function(vector)

    def part(self, name: str, of: np.ndarray) -> np.ndarray:
        """Return a parameter's part of a Jacobian or gradient by the vector."""
        return of[..., self.slices[name]].reshape(*of.shape[:-1], *self.shapes[name])


def network_function(
    module: Module,
    x: Tensor,
    y: Tensor | None = None,
    loss: Loss | None = None,
    layer: str | None = None,
) -> NetworkFunction:
    """Return ``loss(module(x), y)`` (or ``module(x)``) as a function of the parameters' vector.

    With ``layer``, the qualified name of a part of the module, it is a function of that part's
    parameters only, and the others stay as they are. The module itself is not changed: buffers
    that a call updates are discarded.

    Errors: `ArgumentError` for a layer without parameters, and for targets without a loss.

    >>> import lamina
    >>> net = lamina.nn.Linear(3, 1)
    >>> f = network_function(net, lamina.ones(2, 3))
    >>> f.start.shape, f(f.start).shape, dict(f.slices)
    ((4,), (2, 1), {'weight': slice(0, 3, None), 'bias': slice(3, 4, None)})
    """
    _check_loss("network_function", y, loss)
    parameters = _parameters(module, layer)
    shapes = {name: tuple(p.shape) for name, p in parameters.items()}
    ends = np.cumsum([prod(shape) for shape in shapes.values()]).tolist()
    slices = {n: slice(e - prod(s), e) for (n, s), e in zip(shapes.items(), ends, strict=True)}

    def function(vector: Tensor) -> Tensor:
        values = {name: vector[slices[name]].reshape(*shapes[name]) for name in shapes}
        result = functional_call(module, values, x)
        return result if loss is None else loss(result, y)

    arrays = [p.numpy().ravel() for p in parameters.values()]
    start = tensor(np.concatenate(arrays)) if arrays else T.zeros(0)
    return NetworkFunction(function, start, slices, shapes)


def _parameters(module: Module, layer: str | None) -> dict[str, Tensor]:
    every: dict[str, Tensor] = dict(module.named_parameters())
    if layer is None:
        return every
    found = {name: p for name, p in every.items() if name.startswith(f"{layer}.")}
    if not found:
        known = ", ".join(dict.fromkeys(name.rpartition(".")[0] for name in every))
        raise ArgumentError(
            f"network_function: {type(module).__name__} has no layer {layer!r} with parameters; "
            f"there are: {known}"
        )
    return found


def _check_loss(name: str, y: Tensor | None, loss: Loss | None) -> None:
    if (y is None) != (loss is None):
        given, missing = ("y", "loss") if loss is None else ("loss", "y")
        raise ArgumentError(
            f"{name}: {given} was given without {missing}; give both for loss(module(x), y), or "
            "neither for module(x)"
        )


def input_function(module: Module, y: Tensor | None = None, loss: Loss | None = None) -> Function:
    """Return ``loss(module(x), y)`` (or ``module(x)``) as a function of x.

    The module is not changed: buffers that a call updates are discarded.

    Errors: `ArgumentError` for targets without a loss.

    >>> import lamina
    >>> input_function(lamina.nn.Linear(3, 1))(lamina.ones(3)).shape
    (1,)
    """

    _check_loss("input_function", y, loss)

    def function(x: Tensor) -> Tensor:
        result: Tensor = functional_call(module, {}, x)
        return result if loss is None else loss(result, y)

    return function
