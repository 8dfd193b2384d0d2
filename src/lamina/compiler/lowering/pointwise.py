"""Loops for pointwise functions and casts."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from lamina.compiler.ir import Buffer, Expression, Load, Op, Store, op
from lamina.compiler.lowering.building import Body, at, merge, names, zero
from lamina.compiler.lowering.division import divided
from lamina.compiler.lowering.finish import Finish, Stage
from lamina.compiler.machines import Machine
from lamina.core.types import bool_
from lamina.ops.pointwise import Cast, Pointwise


def lower_pointwise(
    operation: Pointwise, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops of one function."""
    stage = Stage(operation.function, tuple(range(len(operands))))
    finish = Finish((stage,), operands, {0: out}, machine.fma)
    return finish_pointwise(finish, [out], operands, machine)


def finish_pointwise(
    finish: Finish, results: Sequence[Buffer], arrays: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that put every element through ``finish``."""
    merged = merge((*results, *arrays))
    new = dict(zip((*results, *arrays), merged, strict=True))
    stores = {n: new[buffer] for n, buffer in finish.stores.items()}
    merged_finish = Finish(finish.stages, [new[b] for b in arrays], stores, finish.fma)
    (first, *_) = stores.values()
    loops = names(first.shape)
    calls = len(finish.stages)
    return divided(first, loops, merged_finish(at(loops), None), _work(merged, calls))


def _work(buffers: Sequence[Buffer], calls: int) -> float:
    """Return roughly how many nanoseconds one core takes."""
    elements = prod(buffers[0].shape)
    touched = sum(b.bytes for b in buffers)
    return max(touched / 15, elements * calls / 4)


def lower_cast(
    operation: Cast, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops of a cast."""
    out, source = merge((out, operands[0]))
    loops = names(out.shape)
    value = _converted(Load(source, at(loops)), out)
    return divided(out, loops, (Store(out, at(loops), value),), _work((out, source), 1))


def _converted(value: Expression, out: Buffer) -> Expression:
    if value.dtype == out.dtype:
        return value
    if out.dtype == bool_:
        return op("not_equal", value, zero(value.dtype))
    return Op("convert", (value,), out.dtype)
