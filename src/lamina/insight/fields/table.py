"""The receptive fields of all layers of a model, as a table and unit by unit.

A window of K elements with stride S, dilation D and P elements of padding turns a field of size
r that starts at b and moves by j from unit to unit into

    r' = r + (K - 1) D j        j' = S j        b' = b - P j

Source: Araujo, Norris and Sim, *Computing receptive fields of convolutional neural networks*,
Distill 2019; Qiu, *Neural Networks and Deep Learning*, §5.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import index as as_index
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.text import ruled
from lamina.core.types import Array, Shape
from lamina.insight.fields.box import Box, hull_of_places
from lamina.insight.fields.reach import Reach, Reaches, reaches
from lamina.insight.fields.tracing import Traced, trace_layers
from lamina.nn.module import Module
from lamina.nn.summary import ReceptiveField, Row, show_shape

HEAD = ("layer", "type", "output", "size", "stride", "offset", "unit in the middle sees")


@dataclass(frozen=True)
class LayerFields:
    """The receptive fields of one layer's units.

    Attributes:
        name: the layer's name in the model.
        type: its class.
        output_shape: channels and spatial sizes of its output, without the batch.
        axes: size, jump (stride) and start (offset) along each axis of the input, borders aside;
            None where the recursion does not apply (the boxes of single units may still be known).
    """

    name: str
    type: str
    output_shape: Shape
    axes: tuple[ReceptiveField, ...] | None
    input_axes: Shape = field(repr=False)
    reach: Reaches | None = field(repr=False, compare=False)

    @property
    def unit_shape(self) -> Shape:
        """The spatial sizes of the output: a unit is a place in it, all channels together."""
        return self.output_shape[1:]

    @property
    def known(self) -> bool:
        """Whether the indices of the graph tell the fields."""
        return self.reach is not None

    def of(self, unit: int | Sequence[int]) -> Box:
        """Return the box of the input that a unit sees, clipped to the image.

        ``unit`` is a place in ``unit_shape`` (for a dense layer, where all units see the same,
        ``()``). The box is the smallest around what the unit's channels depend on together.
        """
        at = _checked_unit(self, unit)
        if self.reach is None:
            raise ArgumentError(
                f"receptive_field: the indices of layer {self.name} ({self.type}) or of one before "
                "it do not tell what its units see; use insight.measured_field"
            )
        seen = [_seen(self.reach.get(axis), n, at) for axis, n in enumerate(self.input_axes, 2)]
        return hull_of_places(seen)

    def middle(self) -> Shape:
        """Return the unit in the middle."""
        return tuple(length // 2 for length in self.unit_shape)

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        axes = self.axes
        parts = ("?",) * 3 if axes is None else _recursion_cells(axes)
        box = str(self.of(self.middle())) if self.known else "?"
        return (self.name or "(model)", self.type, show_shape(self.output_shape), *parts, box)


@dataclass(frozen=True)
class ReceptiveFields:
    """The receptive fields of a model's layers; ``print`` shows the table."""

    model: str
    input_shape: Shape
    layers: tuple[LayerFields, ...]

    def __getitem__(self, name: str) -> LayerFields:
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ArgumentError(f"receptive_field: no layer {name!r}; the layers are {names}")

    def __iter__(self) -> Iterator[LayerFields]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def of(self, layer: str, unit: int | Sequence[int]) -> Box:
        """Return the box of the input that a layer's unit sees (see `LayerFields.of`)."""
        return self[layer].of(unit)

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain values (for JSON)."""
        return {
            "model": self.model,
            "input_shape": list(self.input_shape),
            "layers": [_plain(layer) for layer in self.layers],
        }

    def __str__(self) -> str:
        head = f"{self.model}, input {show_shape(self.input_shape)}"
        rows = [HEAD, *(layer.cells() for layer in self.layers)]
        return "\n".join([head, *ruled(rows, left=range(3))])


def receptive_field(model: Module, input_shape: Sequence[int]) -> ReceptiveFields:
    """Return the receptive fields of every unit of every layer, by arithmetic on the indices.

    ``input_shape`` is a sample's, channels first: (C, L), (C, H, W) or (C, D, H, W). The model is
    traced in evaluation mode; nothing is computed, and weights do not matter.

    Errors: `ShapeError` if the input has no spatial axes, and whatever the model raises for it.

    >>> from lamina import nn
    >>> model = nn.Sequential(nn.Conv1d(1, 2, 3, padding=1), nn.MaxPool1d(2), nn.Conv1d(2, 2, 3))
    >>> fields = receptive_field(model, (1, 12))
    >>> print(fields)
    Sequential, input 1@12
    layer  type       output  size  stride  offset  unit in the middle sees
    -----------------------------------------------------------------------
    0      Conv1d     2@12       3       1      -1                      5…7
    1      MaxPool1d  2@6        4       2      -1                      5…8
    2      Conv1d     2@4        8       2      -1                     3…10
    >>> print(fields.of("2", 0))
    0…6
    """
    shape = tuple(as_index(n) for n in input_shape)
    if len(shape) < 2:
        raise ShapeError(
            f"receptive_field: expected an input shape of channels and spatial axes, such as "
            f"(1, 28, 28), got {shape}"
        )
    traced = trace_layers(model, shape)
    axes = range(2, len(shape) + 1)
    found = reaches(traced.source, [layer.output for layer in traced.layers], axes)
    rows = {row.name: row for row in model.summary(shape).rows}
    return ReceptiveFields(type(model).__name__, shape, tuple(_layers(traced, rows, found, shape)))


def _layers(
    traced: Traced, rows: dict[str, Row], found: dict[int, Reaches | None], shape: Shape
) -> Iterator[LayerFields]:
    for layer in traced.layers:
        if layer.name in rows:
            row, output = rows[layer.name], layer.output
            axes, reach = row.receptive_field, found[id(output)]
            yield LayerFields(layer.name, row.type, output.shape[1:], axes, shape[1:], reach)


def _checked_unit(layer: LayerFields, unit: int | Sequence[int]) -> Shape:
    try:
        at = tuple(map(as_index, unit)) if isinstance(unit, Sequence) else (as_index(unit),)
    except TypeError:
        at = (-1,)
    sizes = layer.unit_shape
    inside = all(0 <= place < size for place, size in zip(at, sizes, strict=False))
    if len(at) != len(sizes) or not inside:
        raise ArgumentError(
            f"receptive_field: a unit of layer {layer.name} is a place in {sizes}, "
            f"its output without channels; got {unit!r}"
        )
    return at


def _seen(reach: Reach | None, length: int, unit: Shape) -> Array:
    """Return which elements along an axis a unit sees, all its channels together."""
    if reach is None:
        return np.zeros(length, bool)
    rows = reach.seen[tuple(unit[axis - 2] if axis >= 2 else slice(None) for axis in reach.axes)]
    return np.asarray(rows.reshape(-1, length).any(0))


def _recursion_cells(axes: tuple[ReceptiveField, ...]) -> tuple[str, ...]:
    parts = [[getattr(axis, part) for axis in axes] for part in ("size", "jump", "start")]
    return tuple(_joined(values) for values in parts)


def _joined(values: Sequence[float]) -> str:
    shown = [f"{value:g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else ", ".join(shown)


def _plain(layer: LayerFields) -> dict[str, Any]:
    axes = layer.axes
    return {
        "name": layer.name,
        "type": layer.type,
        "output_shape": list(layer.output_shape),
        "size": None if axes is None else [axis.size for axis in axes],
        "stride": None if axes is None else [axis.jump for axis in axes],
        "offset": None if axes is None else [axis.start for axis in axes],
    }
