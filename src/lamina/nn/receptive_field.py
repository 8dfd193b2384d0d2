"""Receptive fields: which part of the input a unit sees, from the indices of the graph.

Along each axis of the input, unit i of a layer sees the ``size`` elements from ``start + jump·i``
on (borders aside). A window of K elements with stride S, dilation D and P elements of padding
turns (size r, jump j, start b) into

    r' = r + (K - 1) D j        j' = S j        b' = b - P j

and that is read off the affine indices of every contraction and window, along all paths.

Source: Araujo, Norris and Sim, *Computing receptive fields of convolutional neural networks*,
Distill 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, prod

from lamina.core.graph import topological
from lamina.core.node import Node
from lamina.core.types import Shape
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.structure import Concatenate, Reshape
from lamina.ops.window import Window


@dataclass(frozen=True)
class Field:
    """What a unit sees along one axis of the input.

    ``axis`` is the axis along which the field moves by ``jump``; None if all see the same part.
    """

    axis: int | None
    size: int
    jump: Fraction
    start: Fraction

    def fixed(self, length: int) -> Field:
        """Return what all ``length`` units along the axis see together."""
        if self.axis is None:
            return self
        path = self.jump * (length - 1)
        size = self.size + floor(abs(path))
        return Field(None, size, Fraction(0), self.start + min(path, Fraction(0)))


Fields = dict[int, Field]
"""By axis of the input; an axis on which nothing depends is missing."""


def receptive_fields(source: Node, targets: Iterable[Node]) -> dict[int, Fields | None]:
    """Return what units of each target see of ``source``, by id; None where no rule applies.

    >>> from lamina.core.node import placeholder
    >>> from lamina.core.types import Type, float32
    >>> from lamina.ops.loops import Loop, contract
    >>> x, y, k = placeholder(Type((9,), float32)), Loop("y", 4), Loop("k", 3)
    >>> z = contract((y,), (x, (2 * y + k - 1,)))
    >>> field = receptive_fields(x, [z])[id(z)][0]
    >>> field.size, int(field.jump), int(field.start)
    (3, 2, -1)
    """
    found: dict[int, Fields | None] = {}
    for node in topological(targets):
        if node is source:
            axes = range(len(node.shape))
            found[id(node)] = {a: Field(a, 1, Fraction(1), Fraction(0)) for a in axes}
        else:
            found[id(node)] = _fields(node, [found[id(o)] for o in node.operands])
    return found


def _fields(node: Node, operands: list[Fields | None]) -> Fields | None:
    if not any(fields != {} for fields in operands):
        return {}
    known = [fields for fields in operands if fields is not None]
    if len(known) < len(operands):
        return None
    match node.operation:
        case Contraction() as spec:
            moved = [_through(node, spec, n, fields) for n, fields in enumerate(known)]
        case Window() as operation:
            moved = [_through(node, operation.window, 0, known[0])]
        case Pointwise() | Cast():
            moved = list(known)
        case Reshape():
            moved = [_reshaped(node.operands[0].shape, node.shape, known[0])]
        case Concatenate(axis) if all(f.axis != axis for fields in known for f in fields.values()):
            moved = list(known)
        case Concatenate(axis) if node.frame is not None and node.frame.name == "pad":
            moved = [_padded(node, axis, known)]
        case _:
            return None
    return _merged(node.shape, moved)


def _through(node: Node, spec: Contraction, operand: int, fields: Fields) -> Fields | None:
    """Return the fields of a contraction's or window's units through one of its operands."""
    moved: Fields = {}
    for source, field in fields.items():
        if field.axis is None:
            moved[source] = field
            continue
        index = spec.reads[operand].indices[field.axis]
        outputs = [loop for loop in range(spec.out_rank) if index.coefficients[loop]]
        if len(outputs) > 1 or (not outputs and _has_band(node, spec, index)):
            return None
        moved[source] = _stepped(spec, index, field, outputs[0] if outputs else None)
    return moved


def _stepped(spec: Contraction, index: AffineIndex, field: Field, output: int | None) -> Field:
    summed = range(spec.out_rank, len(spec.extents))
    ends = [index.coefficients[loop] * (spec.extents[loop] - 1) for loop in summed]
    low = index.constant + sum(min(0, end) for end in ends)
    high = index.constant + sum(max(0, end) for end in ends)
    stride = Fraction(0 if output is None else index.coefficients[output], index.divisor)
    path = abs(field.jump) * floor(Fraction(high - low, index.divisor))
    first = min(field.jump * low, field.jump * high) / index.divisor
    return Field(output, field.size + floor(path), field.jump * stride, field.start + first)


def _has_band(node: Node, spec: Contraction, index: AffineIndex) -> bool:
    """Return whether a constant operand has zeros along the loops that ``index`` sums over.

    Which inputs count is then in its values (a matrix that resizes, say), not in the indices.
    """
    summed = {loop for loop, coefficient in enumerate(index.coefficients) if coefficient}
    for operand, read in zip(node.operands, spec.reads, strict=False):
        shared = any(other.coefficients[loop] for other in read.indices for loop in summed)
        if shared and operand.value is not None and not operand.value.all():
            return True
    return False


def _merged(shape: Shape, operands: Sequence[Fields | None]) -> Fields | None:
    """Return the smallest fields that hold those of all operands."""
    merged: Fields = {}
    for fields in operands:
        if fields is None:
            return None
        for source, field in fields.items():
            other = merged.get(source, field)
            if (other.axis, other.jump) != (field.axis, field.jump):
                field, other = (_at_rest(shape, each) for each in (field, other))
            start = min(field.start, other.start)
            stop = max(field.start + field.size, other.start + other.size)
            merged[source] = replace(field, start=start, size=floor(stop - start))
    return merged


def _at_rest(shape: Shape, field: Field) -> Field:
    return field if field.axis is None else field.fixed(shape[field.axis])


def _padded(node: Node, axis: int, operands: Sequence[Fields]) -> Fields:
    """Return the fields of the longest operand along ``axis``: the rest is border."""
    lengths = [operand.shape[axis] for operand in node.operands]
    longest = lengths.index(max(lengths))
    before = sum(lengths[:longest])
    return {
        source: replace(field, start=field.start - field.jump * before)
        if field.axis == axis
        else field
        for source, field in operands[longest].items()
    }


def _reshaped(old: Shape, new: Shape, fields: Fields) -> Fields:
    kept = _kept_axes(old, new)
    moved: Fields = {}
    for source, field in fields.items():
        if field.axis in kept:
            moved[source] = replace(field, axis=kept[field.axis])
        else:
            moved[source] = _at_rest(old, field)
    return moved


def _kept_axes(old: Shape, new: Shape) -> dict[int | None, int]:
    """Return where the axes went that a reshape leaves whole."""
    places = {(prod(new[:axis]), length): axis for axis, length in enumerate(new)}
    kept: dict[int | None, int] = {}
    for axis, length in enumerate(old):
        place = places.get((prod(old[:axis]), length))
        if place is not None and length > 1:
            kept[axis] = place
    return kept
