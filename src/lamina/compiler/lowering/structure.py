"""Loops that copy: reshape, concatenate, alias."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.compiler.ir import (
    Affine,
    Buffer,
    Expression,
    For,
    Limit,
    Load,
    Statement,
    Store,
)
from lamina.compiler.lowering.building import Body, at, flat, merge, names, nest
from lamina.compiler.lowering.division import divide, divided
from lamina.compiler.machines import Machine
from lamina.core.errors import GraphError
from lamina.core.node import Operation
from lamina.ops.structure import Concatenate

BLOCK = 16
"""The side of the squares in which a transposition goes: a cache line of floats."""


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
    return _transposed(out, x, work) or _straight(out, x, work)


def _straight(out: Buffer, x: Buffer, work: float) -> tuple[Body, int]:
    loops = names(out.shape)
    return divided(out, loops, (Store(out, at(loops), Load(x, at(loops))),), work)


def _transposed(out: Buffer, x: Buffer, work: float) -> tuple[Body, int] | None:
    """Return loops over square blocks, if different axes run fastest in the two memories."""
    fast = _fastest(out), _fastest(x)
    if None in fast or fast[0] == fast[1]:
        return None
    loops = names(out.shape)
    body: Body = (Store(out, at(loops), Load(x, at(loops))),)
    blocked = [axis for axis in (fast[1], fast[0]) if axis is not None]
    rest = [axis for axis in range(len(loops)) if axis not in blocked]
    division = divide(out, [dict.fromkeys(rest, (1, 1)) | dict.fromkeys(blocked, (BLOCK, 1))], work)
    for axis in reversed(blocked):
        block = f"block{axis}"
        start = Limit(Affine(0, ((block, BLOCK),)))
        stop = Limit(Affine(BLOCK, ((block, BLOCK),)))
        limits = division.limits_along(axis, out.shape[axis])
        body = (For(loops[axis], (start, *limits[0]), (stop, *limits[1]), body),)
    for axis in blocked:
        starts, stops = division.blocks(axis, out.shape[axis], BLOCK)
        body = (For(f"block{axis}", starts, stops, body),)
    for axis in reversed(rest):
        body = (For(loops[axis], *division.limits_along(axis, out.shape[axis]), body),)
    return body, division.chunks


def _fastest(buffer: Buffer) -> int | None:
    """Return the axis along which neighbours in memory lie."""
    axes = (a for a, s in enumerate(buffer.strides) if s == 1 and buffer.shape[a] >= BLOCK)
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
