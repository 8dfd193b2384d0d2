"""How arrays lie in memory: what a kernel is made for."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from lamina.compiler.ir import Buffer, contiguous
from lamina.core.types import DType, Shape, Type

LINE = 64
"""Bytes of a cache line."""

PAGE = 4096
"""Addresses a multiple of this apart compete for the same places of a first-level cache."""


@dataclass(frozen=True, slots=True)
class Layout:
    """An array's shape, dtype and strides (in elements)."""

    shape: Shape
    dtype: DType
    strides: Shape

    def buffer(self, name: str) -> Buffer:
        """Return a buffer laid out so."""
        return Buffer(name, self.shape, self.dtype, self.strides)

    @property
    def size(self) -> int:
        """How many bytes of memory the array reaches over."""
        return self.buffer("").span * self.dtype.itemsize


def row_major(type_: Type) -> Layout:
    """Return the layout in which the last axis runs fastest."""
    return Layout(type_.shape, type_.dtype, contiguous("", type_.shape, type_.dtype).strides)


def batch_innermost(type_: Type) -> Layout:
    """Return the layout in which the first axis, the batch, runs fastest.

    Channels whose distance is a multiple of a page are moved apart by a line, as their
    elements would else be kept in the same few places of the cache.
    """
    batch, *rest = type_.shape
    step, strides = batch, [0] * len(rest)
    for axis in reversed(range(len(rest))):
        strides[axis] = step
        step *= rest[axis]
        if axis == 1 and len(rest) > 2 and step * type_.dtype.itemsize % PAGE == 0:
            step += LINE // type_.dtype.itemsize
    return Layout(type_.shape, type_.dtype, (1, *strides))


def repeated(type_: Type) -> Layout:
    """Return the layout of one element that stands for all."""
    return Layout(type_.shape, type_.dtype, (0,) * len(type_.shape))


def is_dense(layout: Layout) -> bool:
    """Return whether the elements fill the memory that they reach over."""
    return layout.size == prod(layout.shape) * layout.dtype.itemsize
