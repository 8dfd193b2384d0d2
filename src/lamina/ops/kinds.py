"""What many operations share: being linear in the first operand, or having no derivative."""

from __future__ import annotations

from abc import abstractmethod

from lamina.core.node import Node, Operation, apply
from lamina.core.types import Shape


class LinearInFirst(Operation):
    """Linear in its first operand; the others (integers) only say where things go."""

    @abstractmethod
    def transposed(self, shape: Shape) -> Operation:
        """Return the adjoint for a first operand of this shape; it takes the same others."""

    def vjp(self, node: Node, index: int, cotangent: Node, /) -> Node | None:
        if index:
            return None
        shape = node.operands[0].shape
        return apply(self.transposed(shape), cotangent, *node.operands[1:])

    def jvp(self, node: Node, index: int, tangent: Node, /) -> Node | None:
        return None if index else apply(self, tangent, *node.operands[1:])


class Constantlike(Operation):
    """Piecewise constant, or of integers: derivatives do not pass."""

    def vjp(self, node: Node, index: int, cotangent: Node, /) -> Node | None:
        return None

    jvp = vjp
