"""Which elements of the input each unit depends on, from the indices of the graph.

For each axis of the input, ``seen[unit, element]`` tells whether a unit depends on an element. An
operation that reads its operand at affine indices α(o, k) gives

    seen'[o, i] = any over k of seen[α(o, k), i]

Nothing is rounded to a window, so strides, dilations, transposed convolutions (exact division),
every kind of padding and all borders are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lamina.core.graph import topological
from lamina.core.node import Node
from lamina.core.types import Array, Shape
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.ops.gather import Gather
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.structure import Alias, Concatenate, Reshape
from lamina.ops.window import WindowMax


@dataclass(frozen=True, eq=False)
class Reach:
    """What the units of a layer see along one axis of the input.

    ``seen`` has the lengths of those ``axes`` of the layer along which units see different
    elements, in rising order, and then the length of the input's axis.
    """

    axes: tuple[int, ...]
    seen: Array


Reaches = dict[int, Reach]
"""By axis of the input; empty where nothing depends on the input."""


def reaches(
    source: Node, targets: Iterable[Node], axes: Iterable[int]
) -> dict[int, Reaches | None]:
    """Return what each target sees along ``axes`` of ``source``, by id; None where unknown.

    >>> from lamina.core.node import placeholder
    >>> from lamina.core.types import Type, float32
    >>> from lamina.ops.loops import Loop, contract
    >>> x, y, k = placeholder(Type((4,), float32)), Loop("y", 2), Loop("k", 3)
    >>> z = contract((y,), (x, (2 * y + k - 1,)))
    >>> reaches(x, [z], [0])[id(z)][0].seen.astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 1]])
    """
    found: dict[int, Reaches | None] = {}
    for node in topological(targets):
        if node is source:
            found[id(node)] = {a: Reach((a,), np.eye(node.shape[a], dtype=bool)) for a in axes}
        else:
            found[id(node)] = _reaches(node, [found[id(operand)] for operand in node.operands])
    return found


def _reaches(node: Node, operands: Sequence[Reaches | None]) -> Reaches | None:
    known = [each for each in operands if each is not None]
    if len(known) < len(operands):
        return None
    if not any(known):
        return {}
    match node.operation:
        case Contraction() as spec:
            moved = [_through(node, spec, n, each) for n, each in enumerate(known)]
        case WindowMax() as operation:
            moved = [_through(node, operation.window, 0, known[0])]
        case Pointwise() | Cast() | Alias():
            moved = known
        case Reshape():
            moved = [_reshaped(node, known[0])]
        case Concatenate(axis):
            moved = [_placed(node, axis, n, each) for n, each in enumerate(known)]
        case Gather(axis) if all(index.value is not None for index in node.operands[1:]):
            moved = [_gathered(node, axis, known[0])]
        case _:
            return None
    return _united(node.shape, moved)


# Contractions and windows --------------------------------------------------------------------


def _through(node: Node, spec: Contraction, operand: int, given: Reaches) -> Reaches:
    """Return what a contraction's or window's units see through one of its operands."""
    read = spec.reads[operand]
    return {source: _read(node, spec, read, reach) for source, reach in given.items()}


def _read(node: Node, spec: Contraction, read: Read, reach: Reach) -> Reach:
    loops = _loops(node, spec, [read.indices[axis] for axis in reach.axes])
    outputs = tuple(loop for loop in loops if loop < spec.out_rank)
    grid = np.indices([spec.extents[loop] for loop in loops])
    counts, places = _counting(node, spec, loops, grid), []
    for axis in reach.axes:
        index, size = read.indices[axis], read.shape[axis]
        counts = counts & _inside(index, loops, grid, size)
        places.append(_place(index, loops, grid, size))
    terms = reach.seen[tuple(places)] & counts[..., None]
    summed = tuple(range(len(outputs), len(loops)))
    return Reach(outputs, np.asarray(terms.any(summed)))


def _loops(node: Node, spec: Contraction, indices: Sequence[AffineIndex]) -> list[int]:
    """Return the loops, outputs first, that tell what is read.

    Where sums alone do, a constant operand's zeros may tie them to outputs: a matrix that resizes.
    """
    loops = _used(indices)
    if loops and min(loops) >= spec.out_rank:
        for operand, read in zip(node.operands, spec.reads, strict=False):
            if _has_zeros(operand) and _used(read.indices) & loops:
                loops = loops | _used(read.indices)
    return sorted(loops)


def _used(indices: Iterable[AffineIndex]) -> set[int]:
    return {n for index in indices for n, factor in enumerate(index.coefficients) if factor}


def _has_zeros(operand: Node) -> bool:
    return operand.value is not None and not operand.value.all()


def _counting(node: Node, spec: Contraction, loops: list[int], grid: Array) -> Array:
    """Return for which values of ``loops`` a term counts, as far as they alone decide it."""
    counts = np.ones(grid.shape[1:], bool)
    for guard in spec.guards:
        if _used([guard.index]) <= set(loops):
            counts &= _inside(guard.index, loops, grid, guard.size)
    for operand, read in zip(node.operands, spec.reads, strict=False):
        if _has_zeros(operand) and _used(read.indices) <= set(loops):
            counts &= _nonzero(operand, read, loops, grid)
    return counts


def _nonzero(operand: Node, read: Read, loops: list[int], grid: Array) -> Array:
    """Return where a constant operand is read in range and is not zero."""
    inside, places = np.ones(grid.shape[1:], bool), []
    for index, size in zip(read.indices, read.shape, strict=True):
        inside &= _inside(index, loops, grid, size)
        places.append(_place(index, loops, grid, size))
    assert operand.value is not None
    return np.asarray(inside & (operand.value[tuple(places)] != 0))


def _value(index: AffineIndex, loops: list[int], grid: Array) -> Array:
    value = np.full(grid.shape[1:], index.constant)
    for loop, line in zip(loops, grid, strict=True):
        value += index.coefficients[loop] * line
    return value


def _inside(index: AffineIndex, loops: list[int], grid: Array, size: int) -> Array:
    value = _value(index, loops, grid)
    return np.asarray((value % index.divisor == 0) & (value >= 0) & (value < size * index.divisor))


def _place(index: AffineIndex, loops: list[int], grid: Array, size: int) -> Array:
    """Return the elements read, any within range where there is none."""
    return np.asarray(np.clip(_value(index, loops, grid) // index.divisor, 0, size - 1))


# Moving elements -----------------------------------------------------------------------------


def _reshaped(node: Node, given: Reaches) -> Reaches:
    old = node.operands[0].shape
    return {
        source: _selected(
            {axis: _coordinate(old, axis).reshape(node.shape) for axis in reach.axes}, reach
        )
        for source, reach in given.items()
    }


def _gathered(node: Node, axis: int, given: Reaches) -> Reaches:
    old, indices = node.operands[0].shape, [each.value for each in node.operands[1:]]
    assert indices[0] is not None
    rank, gathered = indices[0].ndim, len(indices)
    unit = {n: _coordinate(node.shape, n) for n in range(axis)}
    after = range(axis + gathered, len(old))
    unit |= {n: _coordinate(node.shape, n - gathered + rank) for n in after}
    for n, index in enumerate(indices, axis):
        assert index is not None
        rest = (1,) * (len(node.shape) - axis - rank)
        unit[n] = np.broadcast_to(index.reshape(index.shape + rest), node.shape)
    return {source: _selected(unit, reach) for source, reach in given.items()}


def _selected(unit: dict[int, Array], reach: Reach) -> Reach:
    """Return the reach of elements that are ``unit[axis]`` of the operand along each axis."""
    chosen = [unit[axis] for axis in reach.axes]
    rank = chosen[0].ndim if chosen else 0
    varying = tuple(n for n in range(rank) if any((c != c.take([0], n)).any() for c in chosen))
    cut = tuple(slice(None) if n in varying else 0 for n in range(rank))
    return Reach(varying, reach.seen[tuple(c[cut] for c in chosen)])


def _coordinate(shape: Shape, axis: int) -> Array:
    line = np.arange(shape[axis]).reshape([-1 if n == axis else 1 for n in range(len(shape))])
    return np.broadcast_to(line, shape)


def _placed(node: Node, axis: int, operand: int, given: Reaches) -> Reaches:
    """Return what the units of a concatenation see through one of its operands.

    Along the channels all are taken together, so that a place sees what any branch does there.
    """
    lengths = [each.shape[axis] for each in node.operands]
    ends = (sum(lengths[:operand]), sum(lengths[operand + 1 :]))
    moved = dict(given)
    for source, reach in given.items():
        if axis in reach.axes:
            at = reach.axes.index(axis)
            pads = [ends if n == at else (0, 0) for n in range(reach.seen.ndim)]
            moved[source] = Reach(reach.axes, np.pad(reach.seen, pads))
    return moved


def _united(shape: Shape, operands: Iterable[Reaches]) -> Reaches:
    """Return what is seen through any of the operands."""
    united: Reaches = {}
    for source, reach in _items(operands):
        other = united.get(source, reach)
        axes = tuple(sorted({*reach.axes, *other.axes}))
        united[source] = Reach(axes, _spread(shape, axes, reach) | _spread(shape, axes, other))
    return united


def _items(operands: Iterable[Reaches]) -> Iterator[tuple[int, Reach]]:
    for operand in operands:
        yield from operand.items()


def _spread(shape: Shape, axes: tuple[int, ...], reach: Reach) -> Array:
    """Return ``seen`` with all of ``axes``."""
    lengths = [shape[axis] if axis in reach.axes else 1 for axis in axes]
    size = reach.seen.shape[-1]
    return np.broadcast_to(
        reach.seen.reshape(*lengths, size), [*(shape[axis] for axis in axes), size]
    )
