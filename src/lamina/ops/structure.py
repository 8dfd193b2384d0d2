"""Moving elements where the indices are not affine: reshape, concatenate, the order of a sort."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.core.errors import DTypeError, ShapeError
from lamina.core.node import Example, Node, Operation
from lamina.core.types import Array, Shape, Type, int64
from lamina.ops.kinds import Constantlike, LinearInFirst
from lamina.ops.loops import Loop, contract


@dataclass(frozen=True)
class Alias(Operation):
    """The operand itself, as a node of its own: where a differentiation starts or ends."""

    def infer(self, *operands: Type) -> Type:
        return operands[0]

    def evaluate(self, *operands: Array) -> Array:
        return operands[0]

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node | None:
        return cotangent

    jvp = vjp

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls(), (rng.normal(size=(2, 3)),))


class Detach(Constantlike, Alias):
    """The operand as a constant: derivatives do not pass."""


@dataclass(frozen=True)
class Reshape(LinearInFirst):
    """The same elements in row-major order under another shape of the same size."""

    shape: Shape

    def infer(self, *operands: Type) -> Type:
        if prod(self.shape) != operands[0].size:
            raise ShapeError(
                f"reshape: {operands[0]} has {operands[0].size} elements, "
                f"shape {self.shape} needs {prod(self.shape)}"
            )
        return Type(self.shape, operands[0].dtype)

    def evaluate(self, *operands: Array) -> Array:
        return operands[0].reshape(self.shape)

    def transposed(self, shape: Shape) -> Operation:
        return Reshape(shape)

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls((3, 2)), (rng.normal(size=(2, 3)),))
        yield Example(cls(()), (rng.normal(size=(1, 1)),))
        yield Example(cls((0, 5)), (rng.normal(size=(2, 0)),))


@dataclass(frozen=True)
class Concatenate(Operation):
    """The operands one after another along an axis."""

    axis: int

    def infer(self, *operands: Type) -> Type:
        shapes = [t.shape for t in operands]
        rests = {s[: self.axis] + s[self.axis + 1 :] for s in shapes}
        if len(rests) != 1 or not 0 <= self.axis < len(shapes[0]):
            raise ShapeError(
                f"concatenate along axis {self.axis}: the other axes must agree, got {shapes}"
            )
        if len({t.dtype for t in operands}) != 1:
            raise DTypeError(f"concatenate: expected one dtype, got {[str(t) for t in operands]}")
        total = sum(s[self.axis] for s in shapes)
        shape = (*shapes[0][: self.axis], total, *shapes[0][self.axis + 1 :])
        return Type(shape, operands[0].dtype)

    def evaluate(self, *operands: Array) -> Array:
        return np.concatenate(operands, self.axis)

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node:
        start = sum(o.shape[self.axis] for o in node.operands[:index])
        return self._place(cotangent, node.operands[index].shape, start)

    def jvp(self, node: Node, index: int, tangent: Node) -> Node:
        start = sum(o.shape[self.axis] for o in node.operands[:index])
        return self._place(tangent, node.shape, -start)

    def _place(self, node: Node, shape: Shape, start: int) -> Node:
        """Return ``out[…, i, …] = node[…, i + start, …]``, zero outside."""
        loops = [Loop("", extent) for extent in shape]
        at = [loop + start if n == self.axis else loop for n, loop in enumerate(loops)]
        return contract(loops, (node, at))

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls(0), (rng.normal(size=(2, 3)), rng.normal(size=(1, 3))))
        yield Example(cls(1), tuple(rng.normal(size=(2, n)) for n in (1, 0, 3)))


@dataclass(frozen=True)
class ArgSort(Constantlike):
    """The stable order that sorts along an axis, as int64 positions."""

    axis: int

    def infer(self, *operands: Type) -> Type:
        if not 0 <= self.axis < operands[0].rank:
            raise ShapeError(f"argsort: axis {self.axis} is not one of {operands[0]}")
        return Type(operands[0].shape, int64)

    def evaluate(self, *operands: Array) -> Array:
        return np.argsort(operands[0], axis=self.axis, kind="stable")

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls(0), (rng.normal(size=5),))
        yield Example(cls(1), (rng.integers(0, 3, (2, 6)),))
