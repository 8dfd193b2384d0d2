"""Loops that copy: reshape, concatenate, alias."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.compiler.ir import (
    Affine,
    Buffer,
    Expression,
    For,
    Load,
    Statement,
    Store,
    Turn,
)
from lamina.compiler.lowering.building import Body, at, flat, merge, names, nest
from lamina.compiler.lowering.division import divide, divided
from lamina.compiler.machines import Machine
from lamina.core.errors import GraphError
from lamina.core.node import Operation
from lamina.ops.structure import Concatenate

SQUARE = 16
"""The longest side of the squares in which a transposition goes: a cache line of floats."""


def lower_copy(
    operation: Operation, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that copy all elements (in row-major order, if the shapes differ)."""
    (x,) = operands
    if out.shape != x.shape:
        whole, parts = flat(out), flat(x)
        if whole is None or parts is None:
            raise GraphError(f"{operation.name}: expected contiguous buffers, got {out}, {x}")
        out, x = whole, parts
    out, x = merge((out, x))
    work = 2 * out.bytes / 10
    return _transposed(out, x, work, machine) or _straight(out, x, work)


def _straight(out: Buffer, x: Buffer, work: float) -> tuple[Body, int]:
    loops = names(out.shape)
    return divided(out, loops, (Store(out, at(loops), Load(x, at(loops))),), work)


def _transposed(out: Buffer, x: Buffer, work: float, machine: Machine) -> tuple[Body, int] | None:
    """Return loops over squares, if different axes run fastest in the two memories."""
    fast = _fastest(out), _fastest(x)
    if None in fast or fast[0] == fast[1] or out.dtype.itemsize not in (4, 8):
        return None
    loops = names(out.shape)
    size = min(SQUARE, machine.lanes(out.dtype.itemsize))
    squared = [axis for axis in (fast[1], fast[0]) if axis is not None]
    rest = [axis for axis in range(len(loops)) if axis not in squared]
    axes = dict.fromkeys(rest, (1, 1)) | dict.fromkeys(squared, (SQUARE, 1))
    division = divide(out, [axes], work)
    body: Body = (Turn(out, x, at(loops), (squared[1], squared[0]), size),)
    for axis in (*reversed(squared), *reversed(rest)):
        step = size if axis in squared else 1
        limits = division.limits_along(axis, out.shape[axis])
        body = (For(loops[axis], *limits, body, step=step),)
    return body, division.chunks


def _fastest(buffer: Buffer) -> int | None:
    """Return the axis along which neighbours in memory lie."""
    axes = (a for a, s in enumerate(buffer.strides) if s == 1 and buffer.shape[a] >= SQUARE)
    return next(axes, None)


def lower_concatenate(
    operation: Concatenate, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
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
    return tuple(body), 1
