"""Receptive fields as gradients measure them: the inputs whose change changes a unit.

The field of unit o is the support of Σ |∂z_o/∂x| over inputs x drawn at random: max pooling routes
its gradient to one element a window and ReLU to the positive ones, so one input would not do.
The model's own weights may hide a path by a zero or by cancellation; for the support it is
measured with positive ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

import lamina
from lamina.core.errors import ArgumentError
from lamina.core.types import Array, Shape
from lamina.insight.fields.tracing import output_of
from lamina.nn import functional_call
from lamina.nn.calling import record_calls
from lamina.nn.modes import evaluation
from lamina.nn.module import Module
from lamina.tensors import Tensor

BATCH = 8
Parameters = dict[str, Any]
Pull = Callable[[Array], Array]
"""From ∂L/∂z of a layer to ∂L/∂x."""


def measured_field(
    model: Module,
    input_shape: Sequence[int],
    layer: str,
    unit: int | Sequence[int],
    *,
    seed: int = 0,
    patience: int = 6,
    most: int = 200,
) -> Array:
    """Return which places of the input a unit depends on, by gradients: bool, the spatial shape.

    ``unit`` is a place in the layer's output (``()`` for a dense layer), all its channels
    together. Random inputs are drawn, eight at a time, until ``patience`` draws in a row have added
    nothing, at most ``most`` times.

    Errors: `ArgumentError` for an unknown layer or unit.

    >>> from lamina import nn
    >>> model = nn.Sequential(nn.Conv1d(1, 2, 3, dilation=2), nn.ReLU(), nn.MaxPool1d(2))
    >>> measured_field(model, (1, 10), "2", 1).astype(int)
    array([0, 0, 1, 1, 1, 1, 1, 1, 0, 0])
    """
    rng, at = np.random.default_rng(seed), _as_place(unit)

    def once() -> Array:
        shape, pull = _pull(model, _positive(model, rng), _draw(input_shape, rng), layer)
        _check_unit(layer, shape, at)
        return _support(pull, shape, at, rng)

    return _settled(once, patience, most)


def measured_fields(
    model: Module,
    input_shape: Sequence[int],
    layer: str,
    *,
    seed: int = 0,
    patience: int = 6,
    most: int = 200,
) -> Array:
    """Return `measured_field` of all units of a layer: bool, (units' shape, spatial shape).

    >>> from lamina import nn
    >>> measured_fields(nn.Conv1d(1, 1, 3, stride=2, padding=1), (1, 5), "").astype(int)
    array([[1, 1, 0, 0, 0],
           [0, 1, 1, 1, 0],
           [0, 0, 0, 1, 1]])
    """
    rng = np.random.default_rng(seed)

    def once() -> Array:
        shape, pull = _pull(model, _positive(model, rng), _draw(input_shape, rng), layer)
        rows = [_support(pull, shape, at, rng) for at in np.ndindex(shape[2:])]
        return np.array(rows).reshape(*shape[2:], *tuple(input_shape)[1:])

    return _settled(once, patience, most)


def effective_field(
    model: Module,
    inputs: Any,
    layer: str,
    unit: int | Sequence[int],
) -> Array:
    """Return the mean of |∂z/∂x| over inputs (N, C, *spatial) for a unit: how much it sees where.

    This is with the model's own weights: the *effective* receptive field, which is strong in the
    middle and fades towards the border of the theoretical one. Its shape is the spatial one.

    Source: Luo, Li, Urtasun and Zemel, *Understanding the effective receptive field in deep
    convolutional neural networks*, NIPS 2016.

    >>> from lamina import nn, ones
    >>> layer = nn.Conv1d(1, 1, 3, bias=False)
    >>> _ = nn.init.constant_(layer.weight, 0.5)
    >>> effective_field(layer, ones((4, 1, 5)), "", 1).round(3).tolist()
    [0.0, 0.5, 0.5, 0.5, 0.0]
    """
    at = _as_place(unit)
    x = np.asarray(inputs)
    shape, pull = _pull(model, {}, x, layer)
    _check_unit(layer, shape, at)
    total = np.zeros((len(x), *x.shape[2:]))
    for channel in range(shape[1] if len(shape) > 1 else 1):
        cotangent = np.zeros(shape)
        place: tuple[Any, ...] = (slice(None), channel, *at)
        cotangent[place] = 1
        total += np.abs(pull(cotangent)).sum(1)
    return np.asarray(total.mean(0) / shape[1])


def _settled(once: Callable[[], Array], patience: int, most: int) -> Array:
    """Return where any of several draws is positive: ``patience`` in a row have added nothing."""
    seen = once() > 0
    idle = 0
    for _ in range(most - 1):
        fresh = (once() > 0) & ~seen
        idle = 0 if fresh.any() else idle + 1
        seen |= fresh
        if idle == patience:
            break
    return np.asarray(seen)


def _support(pull: Pull, shape: Shape, at: Shape, rng: np.random.Generator) -> Array:
    """Return Σ |∂(c · z)/∂x| over a batch and channels, c positive weights of a unit's channels.

    They differ, for a sum of all channels may be constant (softmax).
    """
    cotangent = np.zeros(shape)
    place: tuple[Any, ...] = (slice(None), slice(None), *at)
    cotangent[place] = rng.uniform(0.5, 1.5, shape[:2])
    return np.asarray(np.abs(pull(cotangent)).sum((0, 1)))


def _pull(model: Module, parameters: Parameters, x: Array, layer: str) -> tuple[Shape, Pull]:
    """Return the shape of a layer's output and what pulls cotangents back to the input."""

    def output(x: Tensor) -> Tensor:
        with record_calls() as calls:
            functional_call(model, parameters, x)
        named = {call.name: call for call in calls}
        found = output_of(named[layer]) if layer in named else None
        if found is None:
            raise ArgumentError(f"receptive field: no layer {layer!r}; called were {list(named)}")
        return found

    with evaluation(model), lamina.random.use_keys(lamina.random.key(0)):
        z, pull = lamina.vjp(output, lamina.tensor(x))

    def back(cotangent: Array) -> Array:
        return np.asarray(pull(lamina.tensor(cotangent.astype(z.numpy().dtype)))[0].numpy())

    return z.shape, back


def _as_place(unit: int | Sequence[int]) -> Shape:
    return tuple(unit) if isinstance(unit, Sequence) else (unit,)


def _draw(input_shape: Sequence[int], rng: np.random.Generator) -> Array:
    """Return positive inputs, a few of them much larger: any may be a maximum."""
    x = np.exp(2.5 * rng.normal(size=(BATCH, *input_shape)))
    return np.asarray(x / x.max())


def _positive(model: Module, rng: np.random.Generator) -> Parameters:
    """Return random positive parameters, small enough that nothing saturates."""
    drawn = {}
    for name, parameter in model.named_parameters():
        shape = parameter.shape
        fan_in = prod(shape[1:]) if len(shape) > 1 else 1
        values = rng.uniform(0.5, 1.5, shape) / max(fan_in, 1)
        drawn[name] = lamina.tensor(values)
    return drawn


def _check_unit(layer: str, shape: Shape, at: Shape) -> None:
    sizes = shape[2:]
    inside = all(0 <= place < size for place, size in zip(at, sizes, strict=False))
    if len(at) != len(sizes) or not inside:
        raise ArgumentError(
            f"receptive field: a unit of layer {layer!r} is a place in {sizes}, its output "
            f"without batch and channels; got {at}"
        )
