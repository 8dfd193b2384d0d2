"""Sums: contractions that add up an operand's elements, each once."""

from __future__ import annotations

from math import prod

from lamina.core.node import Node
from lamina.ops.contraction import Contraction

LONG = 64
"""Terms of each of the parts of a sum."""


def is_sum(node: Node) -> bool:
    """Return whether a node adds up its operand's elements, each once."""
    operation = node.operation
    if node.value is not None or not isinstance(operation, Contraction) or operation.guards:
        return False
    if len(operation.reads) != 1 or operation.is_view:
        return False
    indices = operation.reads[0].indices
    used = [[n for n, c in enumerate(i.coefficients) if c] for i in indices]
    plain = all(
        len(loops) == 1 and (i.constant, i.coefficients[loops[0]], i.divisor) == (0, 1, 1)
        for i, loops in zip(indices, used, strict=True)
    )
    return plain and sorted(loops[0] for loops in used) == list(range(len(operation.extents)))


def adds_up(node: Node) -> bool:
    """Return whether a node is a sum, or a few long parts of one."""
    operation = node.operation
    if is_sum(node):
        return True
    if node.value is not None or not isinstance(operation, Contraction) or operation.guards:
        return False
    if len(operation.reads) != 1 or prod(operation.extents) < LONG * prod(operation.out_shape):
        return False
    (read,) = operation.reads
    inside = all(
        index.divisor == 1 and index.stays_inside(operation.extents, size)
        for index, size in zip(read.indices, read.shape, strict=True)
    )
    return inside and prod(read.shape) == prod(operation.extents)


def loops_of(operation: Contraction) -> list[int]:
    """Return which loop runs along each axis of a sum's operand."""
    indices = operation.reads[0].indices
    return [next(n for n, c in enumerate(i.coefficients) if c) for i in indices]
