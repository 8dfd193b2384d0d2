"""Maxima over windows, and routing values to and from the place of the maximum.

A window is described as in a contraction with one operand: output loops, window loops and an
affine index for each axis. Out-of-range places count as -∞. Positions within the window are
numbered in row-major order of the window loops; of equal maxima the first is taken, and a NaN
is greater than any number (both as in PyTorch's max_pool).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.core.errors import ArgumentError, DTypeError, ShapeError
from lamina.core.node import Example, Node, Operation, apply
from lamina.core.types import Array, Shape, Type, int64
from lamina.ops import window_numpy
from lamina.ops.contraction import Contraction, Read
from lamina.ops.kinds import Constantlike, LinearInFirst
from lamina.ops.loops import Loop, contraction


@dataclass(frozen=True)
class Window(Operation):
    """What the four window operations share: the windows."""

    window: Contraction

    @property
    def read(self) -> Read:
        """How the operand is read."""
        return self.window.reads[0]

    @property
    def out_shape(self) -> Shape:
        """The shape of the array of windows."""
        return self.window.out_shape

    @property
    def size(self) -> int:
        """The number of places in a window."""
        return prod(self.window.extents[self.window.out_rank :])

    def render(self, names: Sequence[str], out: str) -> str:
        loops = self.window.names()
        rank = self.window.out_rank
        index = ",".join(i.render(loops) for i in self.read.indices)
        rest = "".join(f", {n}" for n in names[1:])
        left = f"{out}[{','.join(loops[:rank])}]"
        return f"{left} = {self.name}_{{{','.join(loops[rank:])}}} {names[0]}[{index}]{rest}"

    def _check_operand(self, operand: Type) -> None:
        if operand.shape != self.read.shape:
            raise ShapeError(f"{self.name}: expected shape {self.read.shape}, got {operand}")
        if operand.dtype.kind == "b":
            raise DTypeError(f"{self.name}: expected numbers, got bool; cast first")
        if self.size == 0:
            raise ArgumentError(f"{self.name}: the maximum of nothing; operand {operand}")

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        for window in _example_windows():
            yield cls._example(window, rng)

    @classmethod
    def _example(cls, window: Contraction, rng: np.random.Generator) -> Example:
        return Example(cls(window), (_distinct(window.reads[0].shape, rng),))


class WindowMax(Window):
    """``out[o] = max_k x[α(o, k)]``."""

    @property
    def name(self) -> str:
        return "max"

    def infer(self, *operands: Type) -> Type:
        self._check_operand(operands[0])
        return Type(self.out_shape, operands[0].dtype)

    def evaluate(self, *operands: Array) -> Array:
        return window_numpy.maximum(self.window, operands[0])

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node:
        place = apply(WindowArgMax(self.window), node.operands[0])
        return apply(WindowSpread(self.window), cotangent, place)

    def jvp(self, node: Node, index: int, tangent: Node) -> Node:
        place = apply(WindowArgMax(self.window), node.operands[0])
        return apply(WindowSelect(self.window), tangent, place)


class WindowArgMax(Constantlike, Window):
    """``out[o]`` = the first place in window o at which the maximum stands (int64)."""

    @property
    def name(self) -> str:
        return "argmax"

    def infer(self, *operands: Type) -> Type:
        self._check_operand(operands[0])
        return Type(self.out_shape, int64)

    def evaluate(self, *operands: Array) -> Array:
        return window_numpy.argmax(self.window, operands[0])


class _Routing(LinearInFirst, Window):
    """What select and spread share: an operand, and a place (int64) for every window."""

    @property
    @abstractmethod
    def operand_shape(self) -> Shape:
        """The shape of what is routed."""

    def infer(self, *operands: Type) -> Type:
        routed, place = operands
        if routed.shape != self.operand_shape:
            raise ShapeError(f"{self.name}: expected shape {self.operand_shape}, got {routed}")
        if place != Type(self.out_shape, int64):
            raise ShapeError(
                f"{self.name}: expected places int64{list(self.out_shape)}, got {place}"
            )
        return Type(self.transposed(routed.shape).operand_shape, routed.dtype)

    @abstractmethod
    def transposed(self, shape: Shape) -> _Routing: ...

    @classmethod
    def _example(cls, window: Contraction, rng: np.random.Generator) -> Example:
        operation = cls(window)
        place = rng.integers(0, operation.size, window.out_shape)
        return Example(operation, (rng.normal(size=operation.operand_shape), place))


class WindowSelect(_Routing):
    """``out[o] = x[α(o, place[o])]``; zero where that is out of range. Adjoint: `WindowSpread`."""

    @property
    def name(self) -> str:
        return "select"

    @property
    def operand_shape(self) -> Shape:
        return self.read.shape

    def evaluate(self, *operands: Array) -> Array:
        return window_numpy.select(self.window, *operands)

    def transposed(self, shape: Shape) -> _Routing:
        return WindowSpread(self.window)


class WindowSpread(_Routing):
    """Add ``g[o]`` to ``out[α(o, place[o])]``: the adjoint of `WindowSelect`."""

    @property
    def name(self) -> str:
        return "spread"

    @property
    def operand_shape(self) -> Shape:
        return self.out_shape

    def evaluate(self, *operands: Array) -> Array:
        return window_numpy.spread(self.window, *operands)

    def transposed(self, shape: Shape) -> _Routing:
        return WindowSelect(self.window)


def _distinct(shape: Shape, rng: np.random.Generator) -> Array:
    return rng.permutation(prod(shape)).reshape(shape) / 7.0


def _example_windows() -> Iterator[Contraction]:
    """Yield overlapping, strided and padded, dilated and whole-axis windows."""
    y, x, k, m = Loop("y", 3), Loop("x", 3), Loop("k", 2), Loop("m", 2)
    yield contraction((y, x), ((4, 4), (y + k, x + m)))
    yield contraction((y,), ((5,), (2 * y + k - 1,)))
    yield contraction((y,), ((5,), (y + 2 * k,)))
    n, whole = Loop("n", 3), Loop("k", 4)
    yield contraction((n,), ((3, 4), (n, whole)))
    yield contraction((), ((4,), (whole,)))
    yield contraction((Loop("n", 0),), ((4,), (whole,)))
