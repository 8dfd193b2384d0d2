"""Parameters and connections of each layer against a dense layer of the same sizes.

A dense layer from M inputs to N outputs has N M weights and N biases, each used once: as many
connections as parameters, N (M + 1). A convolution has fewer connections because a unit sees only
its window (local connection), and far fewer parameters because all units of a map share theirs
(weight sharing).

Source: Qiu, *Neural Networks and Deep Learning*, §5.2.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import prod
from operator import index as as_index
from typing import Any

from lamina.core.text import ruled
from lamina.core.types import Shape
from lamina.insight.fields.tracing import trace_layers
from lamina.nn.module import Module
from lamina.nn.summary import show_shape

HEAD = ("layer", "type", "input", "output", "parameters", "connections", "if dense", "fewer by")


@dataclass(frozen=True)
class LayerCounts:
    """What a layer has, and what a dense layer of the same sizes would have."""

    name: str
    type: str
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    parameters: int
    connections: int

    @property
    def dense(self) -> int:
        """N (M + 1), the parameters and the connections of the dense layer."""
        return prod(self.output_shape) * (sum(map(prod, self.input_shapes)) + 1)

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        shapes = " + ".join(map(show_shape, self.input_shapes))
        counts = [f"{n:,}" for n in (self.parameters, self.connections, self.dense)]
        sizes = (shapes, show_shape(self.output_shape))
        fewer = _fewer(self.dense, self.parameters)
        return (self.name or "(model)", self.type, *sizes, *counts, fewer)


@dataclass(frozen=True)
class DenseComparison:
    """The layers that have parameters or connections; ``print`` shows the table."""

    model: str
    layers: tuple[LayerCounts, ...]

    @property
    def parameters(self) -> int:
        """The trainable parameters of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def connections(self) -> int:
        """The connections of all layers."""
        return sum(layer.connections for layer in self.layers)

    @property
    def dense(self) -> int:
        """The parameters of all layers if each were dense."""
        return sum(layer.dense for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values (for JSON)."""
        layers = [asdict(layer) | {"dense": layer.dense} for layer in self.layers]
        totals = {name: getattr(self, name) for name in ("parameters", "connections", "dense")}
        return {"model": self.model, "layers": layers, **totals}

    def __str__(self) -> str:
        counts = [f"{n:,}" for n in (self.parameters, self.connections, self.dense)]
        total = ("total", "", "", "", *counts, _fewer(self.dense, self.parameters))
        rows = [HEAD, *(layer.cells() for layer in self.layers), total]
        return "\n".join(ruled(rows, left=range(4)))


def dense_comparison(model: Module, input_shape: Sequence[int]) -> DenseComparison:
    """Return each layer's parameters and connections beside those of a dense layer.

    ``input_shape`` is a sample's, without the batch. Connections are LeCun's (1998): for every
    unit the inputs that it reads, padding left out, and its bias (see `Module.summary`).

    >>> from lamina import nn
    >>> model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2))
    >>> print(dense_comparison(model, (1, 32, 32)))
    layer  type       input    output   parameters  connections    if dense   fewer by
    ----------------------------------------------------------------------------------
    0      Conv2d     1@32×32  6@28×28         156      122,304   4,821,600  30,907.7×
    2      AvgPool2d  6@28×28  6@14×14           0        4,704   5,533,080
    total                                      156      127,008  10,354,680  66,376.2×
    """
    shape = tuple(as_index(n) for n in input_shape)
    return DenseComparison(type(model).__name__, tuple(_counts(model, shape)))


def _counts(model: Module, shape: Shape) -> Iterator[LayerCounts]:
    inputs = {layer.name: layer.input_shapes for layer in trace_layers(model, shape).layers}
    for row in model.summary(shape).rows:
        if row.parameters or row.connections:
            yield LayerCounts(
                row.name,
                row.type,
                inputs[row.name],
                row.output_shape,
                row.parameters,
                row.connections,
            )


def _fewer(dense: int, parameters: int) -> str:
    return f"{dense / parameters:,.1f}×" if parameters else ""
