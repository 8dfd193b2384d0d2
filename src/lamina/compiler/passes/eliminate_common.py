"""Eliminate common subexpressions: what is computed twice is computed once. Bit-identical."""

from __future__ import annotations

from collections.abc import Hashable

from lamina.compiler.passes.numbers import is_uniform
from lamina.compiler.passes.rewriting import Operands, rebuilt, rewrite
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.ops import scalars
from lamina.ops.pointwise import Pointwise

_SMALL_BYTES = 1 << 12
_SYMMETRIC = {
    Pointwise(function)
    for function in (scalars.add, scalars.multiply, scalars.logical_and, scalars.logical_or)
}


def eliminate_common(program: Program) -> Program:
    """Give nodes of one operation on the same operands one node; equal small constants too.

    The operands of sums and products may stand in either order.
    """
    first: dict[Hashable, Node] = {}

    def common(node: Node, operands: Operands) -> Node:
        numbers = tuple(id(operand) for operand in operands)
        if node.operation in _SYMMETRIC:
            numbers = tuple(sorted(numbers))
        # Looked up before it is made: one that is found needs no new node.
        found = first.get((node.operation, numbers, node.type))
        if found is None:
            found = rebuilt(node, operands)
            first[node.operation, numbers, node.type] = found
        return found

    return rewrite(program, common, lambda node: first.setdefault(_key(node), node))


def _key(node: Node) -> Hashable:
    """Return what equal constants share: their bits if they are few, else the array itself."""
    value = node.value
    assert value is not None
    if is_uniform(value):
        return node.type, value.dtype.type(value.flat[0]).tobytes()
    content = value.tobytes() if value.nbytes <= _SMALL_BYTES else id(value)
    return node.type, "elements", content
