"""Loops for pointwise functions and casts."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.compiler.elementary import Bindings, expand
from lamina.compiler.ir import Buffer, Expression, Load, Op, Store, op
from lamina.compiler.lowering.building import Body, at, names, nest_for, together, zero
from lamina.compiler.machines import Machine
from lamina.core.types import bool_
from lamina.ops.pointwise import Cast, Pointwise


def lower_pointwise(
    operation: Pointwise, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> Body:
    """Return one loop over all elements where memory allows it, else a loop an axis."""
    out, operands = _flattened(out, operands)
    loops = names(out.shape)
    bindings = Bindings()
    arguments = tuple(Load(buffer, at(loops)) for buffer in operands)
    value = expand(operation.function, arguments, bindings, fused=machine.fma)
    return nest_for(out, loops, *bindings.statements, Store(out, at(loops), value))


def lower_cast(operation: Cast, out: Buffer, operands: Sequence[Buffer], machine: Machine) -> Body:
    """Return the loops of a cast."""
    out, operands = _flattened(out, operands)
    loops = names(out.shape)
    value = _converted(Load(operands[0], at(loops)), out)
    return nest_for(out, loops, Store(out, at(loops), value))


def _converted(value: Expression, out: Buffer) -> Expression:
    if value.dtype == out.dtype:
        return value
    if out.dtype == bool_:
        return op("not_equal", value, zero(value.dtype))
    return Op("convert", (value,), out.dtype)


def _flattened(out: Buffer, operands: Sequence[Buffer]) -> tuple[Buffer, Sequence[Buffer]]:
    """Return all buffers with one axis, if all can be read so."""
    found = together(out, operands)
    return (out, operands) if found is None else (found[0], found[1:])
