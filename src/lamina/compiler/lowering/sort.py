"""Loops for the stable order of a sort: merging runs of doubling length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.compiler.ir import (
    Affine,
    Assign,
    Buffer,
    Expression,
    If,
    Load,
    Local,
    Op,
    Statement,
    Store,
    contiguous,
    op,
)
from lamina.compiler.lowering.building import Body, count, integer, nest
from lamina.compiler.machines import Machine
from lamina.core.types import bool_, int64
from lamina.ops.structure import ArgSort

_At = Callable[[Expression], tuple[Expression, ...]]
LEFT, RIGHT = Local("left", int64), Local("right", int64)
MIDDLE, END = Local("middle", int64), Local("end", int64)
TAKEN, FIRST = Local("taken", int64), Local("first", bool_)


def scratch(out: Buffer) -> Buffer:
    """Return the memory that sorting needs beside the result."""
    return contiguous(f"{out.name}_scratch", out.shape, int64)


def lower_argsort(
    operation: ArgSort, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops; the last operand is `scratch` memory."""
    x, spare = operands
    axis, size = operation.axis, out.shape[operation.axis]
    outer = [f"i{a}" for a in range(len(out.shape)) if a != axis]
    rest = out.shape[:axis] + out.shape[axis + 1 :]

    def at(place: Expression) -> tuple[Expression, ...]:
        indices: list[Expression] = [Affine(0, ((loop, 1),)) for loop in outer]
        indices.insert(axis, place)
        return tuple(indices)

    widths = [1 << p for p in range(max(size - 1, 0).bit_length())]
    source, target = (out, spare) if len(widths) % 2 == 0 else (spare, out)
    place = Affine(0, (("k", 1),))
    body: list[Statement] = [count("k", size, Store(source, at(place), place))]
    for width in widths:
        body.append(_merges(width, size, x, source, target, at))
        source, target = target, source
    return nest(outer, rest, *body), 1


def _merges(width: int, size: int, x: Buffer, source: Buffer, target: Buffer, at: _At) -> Statement:
    """Return the loop that merges each pair of neighbouring runs of ``width``."""
    start = Affine(0, (("run", 2 * width),))
    runs = -(-size // (2 * width))
    setup = (
        Assign(LEFT, start),
        Assign(MIDDLE, _least(Affine(width, start.terms), size)),
        Assign(RIGHT, MIDDLE),
        Assign(END, _least(Affine(2 * width, start.terms), size)),
    )
    left, right = (
        Load(source, at(_least(LEFT, size - 1))),
        Load(source, at(_least(RIGHT, size - 1))),
    )
    a, b = Load(x, at(left)), Load(x, at(right))
    ordered: Expression = op("less_equal", a, b)
    if x.dtype.kind == "f":
        ordered = op("or", ordered, op("not_equal", b, b))
    has_left, no_right = op("less", LEFT, MIDDLE), op("less_equal", END, RIGHT)
    step: Body = (
        Assign(FIRST, op("and", has_left, op("or", no_right, ordered))),
        Assign(TAKEN, Op("select", (FIRST, left, right), int64)),
        Assign(LEFT, op("add", LEFT, Op("convert", (FIRST,), int64))),
        Assign(RIGHT, op("add", RIGHT, Op("convert", (op("not", FIRST),), int64))),
        Store(target, at(Affine(0, (("run", 2 * width), ("k", 1)))), TAKEN),
    )
    inside = op("less", Affine(0, (("run", 2 * width), ("k", 1))), integer(size))
    return count("run", runs, *setup, count("k", 2 * width, If(inside, step)))


def _least(value: Expression, limit: int) -> Expression:
    small = op("less", value, integer(limit))
    return Op("select", (small, value, integer(limit)), int64)
