"""Loops for contractions: phases, limits, and one of three nests.

Strides of adjoints are split into phases first, so that no division is left. Every index that
may leave its operand limits the innermost loop it contains, so that no bounds are checked inside.
What the nest looks like, `lamina.compiler.lowering.schedule` decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from lamina.compiler.ir import (
    Accumulate,
    Affine,
    Assign,
    Buffer,
    Expression,
    For,
    Limit,
    Load,
    Local,
    Statement,
    Store,
    op,
)
from lamina.compiler.lowering.building import Body, fill, moved, place, zero
from lamina.compiler.lowering.schedule import Role, Schedule, Tiling, choose
from lamina.compiler.machines import Machine
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.ops.phases import Phase, phases


def lower_contraction(
    operation: Contraction, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> Body:
    """Return the loops of a contraction: zeros, then the sums of its phases."""
    if 0 in out.shape:
        return ()
    if 0 in operation.extents:
        return fill(out, zero(out.dtype))
    parts = [Part(n, phase, out, operands, machine) for n, phase in enumerate(phases(operation))]
    if len(parts) == 1 and parts[0].stores:
        return parts[0].body()
    for part in parts:
        part.stores = False
    return (*fill(out, zero(out.dtype)), *(s for part in parts for s in part.body()))


def sums_over_lanes(
    operation: Contraction, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> bool:
    """Return whether lanes would run along a summed loop, or not at all."""
    parts = phases(operation)
    if len(parts) != 1 or 0 in operation.extents:
        return False
    schedule = Part(0, parts[0], out, operands, machine).schedule
    return schedule is None or schedule.lane >= operation.out_rank


@dataclass(frozen=True)
class Clip:
    """The limits that an index puts on a loop; ``loop`` is -1 if the index never is inside."""

    loop: int
    start: Limit
    stop: Limit


@dataclass
class Part:
    """One phase of a contraction on its way to loops."""

    number: int
    phase: Phase
    out: Buffer
    operands: Sequence[Buffer]
    machine: Machine
    stores: bool = field(init=False)

    def __post_init__(self) -> None:
        self.spec: Contraction = self.phase.contraction
        self.rank = self.spec.out_rank
        self.loops = [f"p{self.number}_{n}" for n in range(len(self.spec.extents))]
        self.indices = list(self._loose_indices())
        clipped = frozenset(n for i, _ in self.indices for n, c in enumerate(i.coefficients) if c)
        roles = [self._role(n, n in clipped) for n in range(len(self.loops))]
        self.schedule: Schedule | None = choose(roles, self.machine, self.out.dtype)
        self.clips = [self._clip(index, size) for index, size in self.indices]
        whole = all(write == (0, 1) for write in self.phase.writes)
        partial = any(clip.loop < self.rank for clip in self.clips)
        by_lane_sums = self.schedule is not None and self.schedule.lane >= self.rank
        self.stores = whole and not partial and not by_lane_sums

    def _loose_indices(self) -> Iterator[tuple[AffineIndex, int]]:
        """Yield the indices that may leave their operand, with its length."""
        for read in self.spec.reads:
            for index, size in zip(read.indices, read.shape, strict=True):
                if not index.stays_inside(self.spec.extents, size):
                    yield index, size
        for guard in self.spec.guards:
            if not guard.index.stays_inside(self.spec.extents, guard.size):
                yield guard.index, guard.size

    def _role(self, loop: int, clipped: bool) -> Role:
        is_output = loop < self.rank
        step = self.out.strides[loop] * self.phase.writes[loop][1] if is_output else 0
        steps = tuple(_step(r, b, loop) for r, b in self._reads())
        return Role(self.spec.extents[loop], is_output, clipped, step, steps)

    def _reads(self) -> Iterator[tuple[Read, Buffer]]:
        return zip(self.spec.reads, self.operands, strict=True)

    def _clip(self, index: AffineIndex, size: int) -> Clip:
        used = [n for n, c in enumerate(index.coefficients) if c]
        if not used:
            return Clip(-1, Limit(Affine(0)), Limit(Affine(0)))
        loop = used[-1]
        factor = index.coefficients[loop]
        sign = 1 if factor > 0 else -1
        terms = place(index, self.loops).terms
        others = tuple((n, -sign * c) for n, c in terms if n != self.loops[loop])
        low, high = -index.constant, size - 1 - index.constant
        if sign < 0:
            low, high = -high, -low
        past = Affine(high + abs(factor), others)  # floor(high / factor) + 1
        return Clip(loop, Limit(Affine(low, others), abs(factor)), Limit(past, abs(factor)))

    # Nests -----------------------------------------------------------------------------

    def body(self) -> Body:
        """Return the loops."""
        if any(clip.loop < 0 for clip in self.clips):
            return ()
        if self.schedule is None:
            return self._scalar()
        return tuple(s for tile in self.schedule.tiles() for s in self._tiled(self.schedule, tile))

    def _scalar(self) -> Body:
        """Return the plain nest, the sum in a variable."""
        plain = {n: Affine(0, ((self.loops[n], 1),)) for n in range(len(self.loops))}
        outputs, summed = range(self.rank), range(self.rank, len(self.loops))
        if not summed:
            return self.wrap(outputs, (self._write(plain, self._term(plain)),))
        total = Local("total", self.out.dtype)
        inner = self.wrap(summed, (Assign(total, op("sum", total, self._term(plain))),))
        start = Assign(total, zero(self.out.dtype))
        return self.wrap(outputs, (start, *inner, self._write(plain, total)))

    def _tiled(self, schedule: Schedule, tile: Tiling) -> Body:
        """Return the nest around a register tile: sums in locals, one for each of its elements."""
        places = {
            key: {n: Affine(0, ((self.loops[n], 1),)) for n in range(len(self.loops))}
            | schedule.places(tile, *key)
            for key in tile.elements()
        }
        sums = {key: Local(f"sum{key[0]}_{key[1]}", self.out.dtype) for key in places}
        start = [Assign(total, zero(self.out.dtype)) for total in sums.values()]
        body: Body = tuple(self._products(schedule, tile, places, sums))
        tiled = schedule.tiled
        summed = [n for n in range(self.rank, len(self.loops)) if n not in tiled]
        body = tile.around_sums(self.wrap(summed, body))
        ends = [self._write(places[key], total) for key, total in sums.items()]
        lane = For("lane", *_range(tile.lanes), (*start, *body, *ends), tile.width)
        outputs = [n for n in range(self.rank) if n not in tiled]
        return self.wrap(outputs, tile.around((lane,)))

    def _products(
        self,
        schedule: Schedule,
        tile: Tiling,
        places: Mapping[tuple[int, int], dict[int, Affine]],
        sums: Mapping[tuple[int, int], Local],
    ) -> Iterator[Statement]:
        """Yield loads and products: columns' operands first, each row's right before its use."""
        if schedule.row_operand is None:
            for key, total in sums.items():
                yield Assign(total, op("sum", total, self._term(places[key])))
            return
        row, column = schedule.row_operand, 1 - schedule.row_operand
        kind = self.out.dtype
        for j in range(tile.columns):
            yield Assign(Local(f"column{j}", kind), self._load(column, places[0, j]))
        for i in range(tile.rows):
            element = Local("row", kind)
            yield Assign(element, self._load(row, places[i, 0]))
            for j in range(tile.columns):
                term = op("multiply", element, Local(f"column{j}", kind))
                yield Assign(sums[i, j], op("sum", sums[i, j], term))

    def wrap(self, loops: Sequence[int], body: Body) -> Body:
        """Return the body inside loops, the first outermost, limited where an index demands it."""
        for n in reversed(loops):
            starts, stops = _range(self.spec.extents[n])
            starts = (*starts, *(c.start for c in self.clips if c.loop == n))
            stops = (*stops, *(c.stop for c in self.clips if c.loop == n))
            body = (For(self.loops[n], starts, stops, body),)
        return body

    def _write(self, places: Mapping[int, Affine], value: Expression) -> Statement:
        target = tuple(
            Affine(
                start + step * places[n].constant, tuple((k, step * c) for k, c in places[n].terms)
            )
            for n, (start, step) in enumerate(self.phase.writes)
        )
        kind = Store if self.stores else Accumulate
        return kind(self.out, target, value)

    def _term(self, places: Mapping[int, Affine]) -> Expression:
        factors: list[Expression] = [self._load(n, places) for n in range(len(self.operands))]
        return reduce(lambda a, b: op("multiply", a, b), factors)

    def _load(self, operand: int, places: Mapping[int, Affine]) -> Load:
        read = self.spec.reads[operand]
        return Load(self.operands[operand], tuple(moved(i, places) for i in read.indices))


def _step(read: Read, buffer: Buffer, loop: int) -> int:
    pairs = zip(read.indices, buffer.strides, strict=True)
    return sum(i.coefficients[loop] * stride for i, stride in pairs)


def _range(extent: int) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
    return (Limit(Affine(0)),), (Limit(Affine(extent)),)
