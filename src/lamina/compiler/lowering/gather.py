"""Loops for gather and scatter-add.

A position out of range reads NaN (0 in integers) and adds nothing: a loss computed from it is not
finite, and the dynamic engine then says which index it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from lamina.compiler.ir import (
    Assign,
    Buffer,
    Expression,
    If,
    Load,
    Local,
    Number,
    Op,
    Statement,
    Store,
    op,
)
from lamina.compiler.lowering.building import Body, at, fill, inside, names, nest, zero
from lamina.compiler.machines import Machine
from lamina.core.types import DType, Shape, int64
from lamina.ops.gather import Gather, ScatterAdd


class _Positions:
    """Where each gathered element lies, from the loops over the gathered array."""

    def __init__(self, axis: int, shape: Shape, indices: Sequence[Buffer]) -> None:
        rank = len(indices[0].shape)
        self.shape = shape[:axis] + indices[0].shape + shape[axis + len(indices) :]
        self.loops = names(self.shape)
        chosen = at(self.loops[axis : axis + rank])
        self.locals = [Local(f"at{n}", int64) for n in range(len(indices))]
        self.read: list[Statement] = [
            Assign(local, Op("convert", (Load(index, chosen),), int64))
            for local, index in zip(self.locals, indices, strict=True)
        ]
        before, after = at(self.loops[:axis]), at(self.loops[axis + rank :])
        self.place: tuple[Expression, ...] = (*before, *self.locals, *after)
        sizes = shape[axis : axis + len(indices)]
        checks = [inside(n, size) for n, size in zip(self.locals, sizes, strict=True)]
        self.valid = reduce(lambda a, b: op("and", a, b), checks)


def lower_gather(
    operation: Gather, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that read at computed positions."""
    x, *indices = operands
    where = _Positions(operation.axis, x.shape, indices)
    target = at(where.loops)
    copy = If(where.valid, (Store(out, target, Load(x, where.place)),))
    clear = Store(out, target, _nothing(out.dtype))
    return nest(where.loops, where.shape, *where.read, clear, copy), 1


def lower_scatter_add(
    operation: ScatterAdd, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that add to computed positions."""
    g, *indices = operands
    where = _Positions(operation.axis, operation.shape, indices)
    value = op("add", Load(out, where.place), Load(g, at(where.loops)))
    add = If(where.valid, (Store(out, where.place, value),))
    body = nest(where.loops, where.shape, *where.read, add)
    return (*fill(out, zero(out.dtype)), *body), 1


def _nothing(dtype: DType) -> Number:
    return Number(float("nan"), dtype) if dtype.kind == "f" else zero(dtype)
