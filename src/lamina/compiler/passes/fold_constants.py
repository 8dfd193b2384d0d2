"""Fold constants: what depends on constants alone is computed now, once."""

from __future__ import annotations

from math import prod

import numpy as np

from lamina.compiler.passes.numbers import compact, number, repeated, stored_bytes
from lamina.compiler.passes.rewriting import Operands, known, rebuilt, rewrite
from lamina.core.errors import LaminaError
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Array
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Cast, Pointwise

_SMALL_BYTES = 1 << 16
_MOST_WORK = 1 << 22


def fold_constants(program: Program) -> Program:
    """Evaluate nodes whose operands are constants, unless the result needs much more memory.

    A result is kept if it is small (64 KiB) or takes no more than its operands; numbers
    repeated over an array are stored once and stay so. The values are the reference's own.
    What the reference refuses (an index out of range) is left to fail when it is run.
    """
    return rewrite(program, _fold, _compact)


def _compact(node: Node) -> Node:
    assert node.value is not None
    value = compact(node.value)
    return node if value is node.value else known(value, node)


def _fold(node: Node, operands: Operands) -> Node:
    values = [operand.value for operand in operands if operand.value is not None]
    if len(values) == len(operands):
        value = _value(node, operands, values)
        if value is not None:
            return known(compact(value), node)
    return rebuilt(node, operands)


def _value(node: Node, operands: Operands, values: list[Array]) -> Array | None:
    operation = node.operation
    if isinstance(operation, Pointwise | Cast):
        numbers = [number(operand) for operand in operands]
        if None not in numbers:
            with np.errstate(all="ignore"):
                single = operation.evaluate(*[np.asarray(n) for n in numbers])
            return repeated(single.item(), node.dtype, node.shape)
    if _work(node, operands) > _MOST_WORK:
        return None
    try:
        with np.errstate(all="ignore"):
            value = operation.evaluate(*values)
    except LaminaError:
        return None
    allowed = max(_SMALL_BYTES, sum(map(stored_bytes, values)))
    return value if stored_bytes(value) <= allowed else None


def _work(node: Node, operands: Operands) -> int:
    """Return about how many elements are touched to evaluate the node."""
    loops = prod(node.operation.extents) if isinstance(node.operation, Contraction) else 0
    return max(loops, node.type.size, *(operand.type.size for operand in operands))
