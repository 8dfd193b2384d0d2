"""Writing contractions as on paper: named loops, indices as arithmetic on them.

>>> from lamina.core.node import constant
>>> import numpy as np
>>> o, k = Loop("o", 2), Loop("k", 3)
>>> W, a = constant(np.ones((2, 3), "float32")), constant(np.arange(3, dtype="float32"))
>>> contract((o,), (W, (o, k)), (a, (k,))).value
array([3., 3.], dtype=float32)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.core.errors import ArgumentError
from lamina.core.node import Node, apply
from lamina.core.types import Shape
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read


@dataclass(frozen=True, eq=False)
class Expression:
    """``(constant + Σ coefficient · loop) / divisor`` while it is being written."""

    terms: tuple[tuple[Loop, int], ...] = ()
    constant: int = 0
    divisor: int = 1

    def __add__(self, other: Expression | int) -> Expression:
        other = as_expression(other)
        if self.divisor != 1 or other.divisor != 1:
            raise ArgumentError("contract: divide last: (a + b) / c, not a / c + b")
        return Expression(self.terms + other.terms, self.constant + other.constant)

    __radd__ = __add__

    def __mul__(self, factor: int) -> Expression:
        if self.divisor != 1:
            raise ArgumentError("contract: divide last: (a * b) / c, not (a / c) * b")
        return Expression(
            tuple((loop, c * factor) for loop, c in self.terms), self.constant * factor
        )

    __rmul__ = __mul__

    def __neg__(self) -> Expression:
        return self * -1

    def __sub__(self, other: Expression | int) -> Expression:
        return self + -as_expression(other)

    def __rsub__(self, other: int) -> Expression:
        return -self + other

    def __truediv__(self, divisor: int) -> Expression:
        if divisor < 1:
            raise ArgumentError(f"contract: an index is divided by 1 or more, got {divisor}")
        return Expression(self.terms, self.constant, self.divisor * divisor)


class Loop(Expression):
    """A loop: a name for listings and an extent. Two loops are never the same."""

    name: str
    extent: int

    def __init__(self, name: str, extent: int) -> None:
        super().__init__(((self, 1),))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "extent", extent)


def as_expression(value: Expression | int) -> Expression:
    """Return ``value`` as an index expression."""
    return value if isinstance(value, Expression) else Expression((), int(value))


ReadSpec = tuple[Shape, Sequence[Expression | int]]


def contraction(outputs: Sequence[Loop], *reads: ReadSpec) -> Contraction:
    """Return the contraction with these output loops and reads (shape, an index for each axis).

    Loops that occur in a read and not among the outputs are summed over.
    """
    loops = list(outputs)
    for _, indices in reads:
        for loop in (loop for index in indices for loop, _ in as_expression(index).terms):
            if loop not in loops:
                loops.append(loop)
    made = tuple(_read(shape, indices, loops) for shape, indices in reads)
    extents = tuple(loop.extent for loop in loops)
    return Contraction(extents, len(outputs), made, (), tuple(loop.name for loop in loops))


def contract(outputs: Sequence[Loop], *reads: tuple[Node, Sequence[Expression | int]]) -> Node:
    """Return ``out[outputs] = Σ Π node[indices]`` over the nodes and indices in ``reads``."""
    spec = contraction(outputs, *[(node.shape, indices) for node, indices in reads])
    return apply(spec, *[node for node, _ in reads])


def _read(shape: Shape, indices: Sequence[Expression | int], loops: list[Loop]) -> Read:
    if len(indices) != len(shape):
        raise ArgumentError(
            f"contract: an operand of shape {shape} needs {len(shape)} indices, got {len(indices)}"
        )
    return Read(shape, tuple(_index(as_expression(index), loops) for index in indices))


def _index(expression: Expression, loops: list[Loop]) -> AffineIndex:
    coefficients = [0] * len(loops)
    for loop, coefficient in expression.terms:
        coefficients[loops.index(loop)] += coefficient
    return AffineIndex(expression.constant, tuple(coefficients), expression.divisor).reduced()
