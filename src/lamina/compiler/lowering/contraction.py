"""Loops for contractions: phases, limits, and a nest around a register tile.

Strides of adjoints are split into phases first, so that no division is left. Every index that
may leave its operand limits the innermost loop it contains, so that no bounds are checked inside.
What the nest looks like, `lamina.compiler.lowering.schedule` decides; which part of it a chunk
of the kernel does, `lamina.compiler.lowering.division`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from lamina.compiler.ir import Buffer
from lamina.compiler.lowering.building import Body, fill, zero
from lamina.compiler.lowering.division import divide
from lamina.compiler.lowering.finish import Finish, stored
from lamina.compiler.lowering.part import Part
from lamina.compiler.lowering.schedule import waste
from lamina.compiler.machines import Machine
from lamina.ops.contraction import Contraction
from lamina.ops.phases import phases
from lamina.ops.scalar import Scalar


def lower_contraction(
    operation: Contraction, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops of a contraction, and into how many chunks they are divided."""
    return finish_contraction(operation, out, operands, stored(out), machine)


def finish_contraction(
    operation: Contraction,
    out: Buffer,
    operands: Sequence[Buffer],
    finish: Finish,
    machine: Machine,
    lead: Scalar | None = None,
) -> tuple[Body, int]:
    """Return the loops that put every element of a contraction through ``finish``.

    ``out`` is how the result lies. Where sums are not whole in registers, they are added up
    in memory: then ``finish`` can only store them. With ``lead``, what is summed is that
    function of all operands, which lie alike or are repeated.
    """
    if 0 in out.shape:
        return (), 1
    factors = operands if lead is None else [_main(operands)]
    parts = _parts(operation, out, factors, machine)
    if not parts:
        return fill(out, zero(out.dtype)), 1
    separate, complete = _are_separate(parts), _is_complete(parts, out)
    axes = [part.divisible() for part in parts]
    division = divide(out, axes, _work(parts, out, operands), pairs=True)
    for part in parts:
        part.stores, part.finish, part.division = separate, finish, division
        part.lead = None if lead is None else (lead, operands)
        part.overlaps = separate and not finish.overwrites
    start = () if complete else division.fill(out, zero(out.dtype))
    body = (*start, *(s for part in parts for s in part.body()))
    return division.around(body), division.chunks


def can_finish(
    operation: Contraction,
    out: Buffer,
    operands: Sequence[Buffer],
    arrays: Sequence[Buffer],
    machine: Machine,
) -> bool:
    """Return whether every element is whole in a register once, with those of other arrays."""
    parts = _parts(operation, out, operands, machine) if 0 not in out.shape else []
    if not parts or not _is_complete(parts, out):
        return False
    lanes = {part.schedule.lane for part in parts if part.schedule is not None}
    return all(array.strides[lane] in (0, 1) for array in arrays for lane in lanes)


def _main(operands: Sequence[Buffer]) -> Buffer:
    """Return the array that a sum's loops follow: one that is repeated along no axis, if any."""
    return max(operands, key=lambda b: sum(map(bool, b.strides)))


def can_lead(
    operation: Contraction, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> bool:
    """Return whether a sum can be of a function of several arrays, in lanes along all of them."""
    main = _main(operands)
    part = _single_part(operation, out, [main], machine)
    if part is None or part.clips:
        return False
    schedule = part.schedule
    if schedule is None:
        return True
    whole = part.extents[schedule.lane] % schedule.width == 0
    return whole and all(part.step(other, schedule.lane) in (0, 1) for other in operands)


MOST_IDLE = 1.25
"""How much longer whole vectors may be than what they hold, for an operand to be turned."""


def sums_over_lanes(
    operation: Contraction, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> bool:
    """Return whether lanes would run along a summed loop, or not at all."""
    part = _single_part(operation, out, operands, machine)
    return part is not None and (part.schedule is None or not part.schedule.over_output)


def fills_lanes(
    operation: Contraction, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> bool:
    """Return whether lanes would run along a loop of the result, most of them in use."""
    part = _single_part(operation, out, operands, machine)
    if part is None or part.schedule is None or not part.schedule.over_output:
        return False
    return waste(part.extents[part.schedule.lane], part.schedule.width) <= MOST_IDLE


def _single_part(
    operation: Contraction, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> Part | None:
    """Return the one phase of a contraction; None if there are several, or nothing to do."""
    parts = phases(operation)
    if len(parts) != 1 or 0 in operation.extents:
        return None
    return Part(0, parts[0], out, operands, machine)


def _parts(
    operation: Contraction, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> list[Part]:
    if 0 in operation.extents:
        return []
    return [Part(n, phase, out, operands, machine) for n, phase in enumerate(phases(operation))]


def _are_separate(parts: Sequence[Part]) -> bool:
    """Return whether every element is written once at most, with its whole sum."""
    starts = {tuple(start for start, _ in part.phase.writes) for part in parts}
    steps = {tuple(step for _, step in part.phase.writes) for part in parts}
    once = len(starts) == len(parts) and len(steps) == 1
    return once and all(part.sums_at_once for part in parts)


def _is_complete(parts: Sequence[Part], out: Buffer) -> bool:
    """Return whether every element is written just once."""
    return _are_separate(parts) and sum(part.stored for part in parts) == prod(out.shape)


def _work(parts: Sequence[Part], out: Buffer, operands: Sequence[Buffer]) -> float:
    """Return roughly how many nanoseconds one core takes: by arithmetic, or by memory."""
    products = sum(part.products for part in parts)
    touched = sum(b.bytes for b in (out, *operands))
    return max(products / 50, touched / 15)
