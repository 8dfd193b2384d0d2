"""How arrays lie in memory: what a kernel is made for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from lamina.compiler.ir import Buffer, contiguous
from lamina.core.types import DType, Shape, Type

LINE = 64
"""Bytes of a cache line."""

PAGE = 4096
"""Addresses a multiple of this apart compete for the same places of a first-level cache."""


@dataclass(frozen=True, slots=True)
class Layout:
    """An array's shape, dtype and strides (in elements), with zeros around it or not."""

    shape: Shape
    dtype: DType
    strides: Shape
    halo: Shape = ()
    offset: int = 0

    def buffer(self, name: str) -> Buffer:
        """Return a buffer laid out so."""
        return Buffer(name, self.shape, self.dtype, self.strides, self.halo, self.offset)

    @property
    def size(self) -> int:
        """How many bytes of memory the array reaches over."""
        return self.buffer("").bytes

    def surrounded(self, widths: Shape) -> bool:
        """Return whether at least so many zeros lie around the elements along each axis."""
        halo = self.halo or (0,) * len(self.shape)
        return all(own >= width for own, width in zip(halo, widths, strict=False))


def row_major(type_: Type) -> Layout:
    """Return the layout in which the last axis runs fastest."""
    return Layout(type_.shape, type_.dtype, contiguous("", type_.shape, type_.dtype).strides)


def batch_innermost(type_: Type, lanes: int = 0) -> Layout:
    """Return the layout in which the batch runs fastest: the first axis, or in blocks the second.

    Channels and rows whose distance is a multiple of a page are moved apart by a line, as their
    elements would else be kept in the same few places of the cache.
    """
    blocks, size, rest = type_.shape[:lanes], type_.shape[lanes], type_.shape[lanes + 1 :]
    step, strides = size, [0] * len(rest)
    for axis in reversed(range(len(rest))):
        strides[axis] = step
        step *= rest[axis]
        if axis > 0 and len(rest) > 2 and step * type_.dtype.itemsize % PAGE == 0:
            step += LINE // type_.dtype.itemsize
    return Layout(type_.shape, type_.dtype, (*(step for _ in blocks), 1, *strides))


def innermost(type_: Type, axis: int, halo: Shape = ()) -> Layout:
    """Return the layout in which an axis runs fastest, with a halo of zeros or none.

    Neighbours of an image are moved apart by a line where they would compete in the cache.
    """
    order = [*(n for n in range(len(type_.shape)) if n != axis), axis]
    around = halo if any(halo) else (0,) * len(order)
    strides, step = [0] * len(order), 1
    for n in reversed(order):
        strides[n] = step
        step *= type_.shape[n] + 2 * around[n]
        if n == axis and len(order) > 2 and step * type_.dtype.itemsize % (PAGE // 8) == 0:
            step += LINE // type_.dtype.itemsize
    offset = sum(h * s for h, s in zip(around, strides, strict=True))
    return Layout(type_.shape, type_.dtype, tuple(strides), halo if any(halo) else (), offset)


def reshaped(layout: Layout, shape: Shape) -> Layout | None:
    """Return how the elements lie under another shape; None if no strides say that."""
    if 0 in shape:
        return row_major(Type(shape, layout.dtype))
    old = [(n, s, a) for a, (n, s) in enumerate(zip(layout.shape, layout.strides, strict=True))]
    old = [(n, s, a) for n, s, a in old if n != 1]
    strides, halo = [0] * len(shape), [0] * len(shape)
    new = [axis for axis, n in enumerate(shape) if n != 1]
    while old and new:
        taken, axes = [old.pop(0)], [new.pop(0)]
        while (size := prod(n for n, _, _ in taken)) != (wanted := prod(shape[a] for a in axes)):
            (taken.append(old.pop(0)) if size < wanted else axes.append(new.pop(0)))
        if len(taken) == len(axes) == 1:
            strides[axes[0]] = taken[0][1]
            halo[axes[0]] = layout.halo[taken[0][2]] if layout.halo else 0
            continue
        if any(a[1] != b[1] * b[0] for a, b in pairwise(taken)):
            return None
        step = taken[-1][1]
        for axis in reversed(axes):
            strides[axis] = step
            step *= shape[axis]
    kept = tuple(halo) if any(halo) else ()
    return Layout(shape, layout.dtype, tuple(strides), kept, layout.offset)


def repeated(type_: Type) -> Layout:
    """Return the layout of one element that stands for all."""
    return Layout(type_.shape, type_.dtype, (0,) * len(type_.shape))


def is_dense(layout: Layout) -> bool:
    """Return whether the elements fill the memory that they reach over."""
    return layout.size == prod(layout.shape) * layout.dtype.itemsize
