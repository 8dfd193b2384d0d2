"""Splitting a loop of a contraction in two, so that a block of an operand lies in one piece.

Lanes along output channels read a few vectors of the weights for every channel and place of the
window. If all channels are neighbours in memory, those few are far from the next few. Where the
loop over channels is split into blocks and channels in a block, the weights of one block can
lie together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lamina.compiler.layouts import Layout
from lamina.core.types import Shape
from lamina.ops.affine import AffineIndex, unit
from lamina.ops.contraction import Contraction, Read


@dataclass(frozen=True, slots=True)
class Split:
    """A loop of a contraction, in blocks of ``size``; ``operand`` has it as its ``axis``.

    ``outer`` are the operand's axes that are other loops of the result: groups, places of a tile.
    """

    loop: int
    size: int
    operand: int
    axis: int
    outer: tuple[int, ...] = ()

    def contraction(self, spec: Contraction) -> Contraction:
        """Return the contraction with one more loop, and one more axis of its result."""
        return split_loop(spec, self.loop, self.size, {self.operand: self.axis})

    def shape(self, shape: Shape, axis: int) -> Shape:
        """Return a shape with an axis in blocks."""
        return in_blocks(shape, axis, self.size)

    def layout(self, layout: Layout, axis: int) -> Layout:
        """Return how the same memory looks with an axis in blocks."""
        stride = layout.strides[axis]
        strides = (
            *layout.strides[:axis],
            stride * self.size,
            stride,
            *layout.strides[axis + 1 :],
        )
        halo = layout.halo and (*layout.halo[:axis], 0, 0, *layout.halo[axis + 1 :])
        return replace(layout, shape=self.shape(layout.shape, axis), strides=strides, halo=halo)

    def result(self, layout: Layout) -> Layout:
        """Return how a result, or an array of its shape, looks."""
        return self.layout(layout, self.loop)

    def packed(self, layout: Layout) -> Layout:
        """Return the layout of the operand in which a block lies in one piece.

        In a block the first other axis, the input channels, runs fastest, as it does in images.
        What is read for one element of the result alone is not in between.
        """
        shape = self.shape(layout.shape, self.axis)
        outer = [n + (n > self.axis) for n in self.outer]
        order = [n for n in range(len(shape)) if n not in (self.axis, self.axis + 1, *outer)]
        strides, step = [0] * len(shape), 1
        inner = (self.axis + 1, *order[:1], *reversed(order[1:]), self.axis)
        for axis in (*inner, *reversed(outer)):
            strides[axis] = step
            step *= shape[axis]
        return Layout(shape, layout.dtype, tuple(strides))


def in_blocks(shape: Shape, axis: int, size: int) -> Shape:
    """Return a shape with an axis in blocks of ``size``."""
    return (*shape[:axis], shape[axis] // size, size, *shape[axis + 1 :])


def split_loop(spec: Contraction, loop: int, size: int, axes: Mapping[int, int]) -> Contraction:
    """Return the contraction with a loop as two: over blocks of ``size``, and inside one.

    ``axes`` says which operands (by number) have the loop as an axis, which becomes two as well.
    """

    def change(index: AffineIndex) -> AffineIndex:
        old = index.coefficients
        both = (*old[:loop], old[loop] * size, old[loop], *old[loop + 1 :])
        return replace(index, coefficients=both)

    names = spec.loop_names
    found = spec.changed(
        change,
        extents=in_blocks(spec.extents, loop, size),
        out_rank=spec.out_rank + (loop < spec.out_rank),
        loop_names=names and (*names[: loop + 1], f"{names[loop]}{loop}", *names[loop + 1 :]),
    )
    reads = list(found.reads)
    for operand, axis in axes.items():
        reads[operand] = _read_in_blocks(reads[operand], axis, size, loop)
    return replace(found, reads=tuple(reads))


def _read_in_blocks(read: Read, axis: int, size: int, loop: int) -> Read:
    """Return the read of an operand whose axis, along a loop that is now two, is in blocks."""
    loops, indices = len(read.indices[0].coefficients), list(read.indices)
    indices[axis : axis + 1] = [unit(loop, loops), unit(loop + 1, loops)]
    return Read(in_blocks(read.shape, axis, size), tuple(indices))


BLOCKS = (2, 3, 1)
"""How many vectors a block is, in order of preference."""


def block(extent: int, width: int) -> int:
    """Return the length of blocks that divides a loop; the whole if none does."""
    return next((n * width for n in BLOCKS if extent % (n * width) == 0), extent)


def split_along(spec: Contraction, operand: int, width: int) -> Split | None:
    """Return the split of the output loop along an operand's last axis, if that is all it is."""
    if len(spec.reads) != 2 or not spec.reads[operand].shape:
        return None
    axis = len(spec.reads[operand].shape) - 1
    for loop, own in own_axes(spec, operand, 1 - operand):
        size = block(spec.extents[loop], width)
        if own == axis and size < spec.extents[loop]:
            return split(spec, loop, size, operand, axis)
    return None


def split(spec: Contraction, loop: int, size: int, operand: int, axis: int) -> Split:
    """Return the split of a loop that is an operand's axis."""
    indices = spec.reads[operand].indices
    others = [n for n in range(spec.out_rank) if n != loop]
    outer = (n for n, index in enumerate(indices) if any(is_loop(index, o) for o in others))
    return Split(loop, size, operand, axis, tuple(outer))


def own_axes(operation: Contraction, own: int, other: int) -> Iterator[tuple[int, int]]:
    """Yield the output loops that only one operand has, with its axis that is as long as they."""
    for loop in range(operation.out_rank):
        if any(index.coefficients[loop] for index in operation.reads[other].indices):
            continue
        read = operation.reads[own]
        for axis, (index, size) in enumerate(zip(read.indices, read.shape, strict=True)):
            if is_loop(index, loop) and size == operation.extents[loop]:
                yield loop, axis


def is_loop(index: AffineIndex, loop: int) -> bool:
    """Return whether an index is a loop and nothing else."""
    return index == unit(loop, len(index.coefficients))
