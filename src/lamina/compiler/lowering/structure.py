"""Loops that copy: reshape, concatenate, alias."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.compiler.ir import Affine, Buffer, Expression, Load, Statement, Store
from lamina.compiler.lowering.building import Body, at, flat, names, nest, nest_for
from lamina.compiler.machines import Machine
from lamina.core.errors import GraphError
from lamina.core.node import Operation
from lamina.ops.structure import Concatenate


def lower_copy(
    operation: Operation, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> Body:
    """Return the loops that copy all elements (in row-major order, if the shapes differ)."""
    (x,) = operands
    if out.shape != x.shape:
        whole, parts = flat(out), flat(x)
        if whole is None or parts is None:
            raise GraphError(f"{operation.name}: expected contiguous buffers, got {out}, {x}")
        out, x = whole, parts
    loops = names(out.shape)
    return nest_for(out, loops, Store(out, at(loops), Load(x, at(loops))))


def lower_concatenate(
    operation: Concatenate, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> Body:
    """Return the loops that copy one operand after another."""
    body: list[Statement] = []
    start = 0
    for number, operand in enumerate(operands):
        loops = names(operand.shape, f"o{number}_")
        source = at(loops)
        target: list[Expression] = list(source)
        target[operation.axis] = Affine(start, ((loops[operation.axis], 1),))
        body += nest(loops, operand.shape, Store(out, tuple(target), Load(operand, source)))
        start += operand.shape[operation.axis]
    return tuple(body)
