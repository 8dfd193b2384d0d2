"""One phase of a contraction: the nest of loops around its tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, reduce
from itertools import chain, product
from math import prod

from lamina.compiler.elementary import Bindings, expand
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
    op,
    plus,
)
from lamina.compiler.lowering.building import (
    NO_LIMITS,
    Body,
    Limits,
    count,
    moved,
    scaled,
    zero,
)
from lamina.compiler.lowering.clips import clips_of, loose_indices, unrollable
from lamina.compiler.lowering.division import UNDIVIDED, Division
from lamina.compiler.lowering.finish import Finish, stored
from lamina.compiler.lowering.order import COLUMNS, ROWS, Nest
from lamina.compiler.lowering.schedule import Footprint, Role, Schedule, choose, hoisted
from lamina.compiler.lowering.tile import Places, Tile
from lamina.compiler.lowering.tiles import Piece, cut, cut_lanes
from lamina.compiler.machines import Machine
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.ops.phases import Phase
from lamina.ops.scalar import Scalar


class Part:
    """One phase of a contraction on its way to loops."""

    def __init__(
        self,
        number: int,
        phase: Phase,
        out: Buffer,
        operands: Sequence[Buffer],
        machine: Machine,
    ) -> None:
        self.phase, self.out, self.operands, self.machine = phase, out, operands, machine
        self.spec: Contraction = ascending(phase.contraction, operands)
        self.extents = self.spec.extents
        self.rank = self.spec.out_rank
        self.loops = [f"p{number}_{n}" for n in range(len(self.extents))]
        loose = loose_indices(self.spec, operands)
        self.clips = clips_of(loose, self.loops)
        self.roles = self._roles(loose)
        self.schedule = choose(self.roles, machine, out.dtype)
        self.tiled = frozenset() if self.schedule is None else self.schedule.tiled
        self.summed = self._summed()
        self.hoisted = self._hoisted()
        self.stores = self.overlaps = False
        self.finish: Finish = stored(out)
        self.lead: tuple[Scalar, Sequence[Buffer]] | None = None
        self.division: Division = UNDIVIDED

    def _roles(self, loose: Sequence[tuple[AffineIndex, int]]) -> list[Role]:
        clipped = {n for i, _ in loose for n, c in enumerate(i.coefficients) if c}
        free = unrollable(loose, self.rank)
        return [self._role(n, n in clipped, n in free) for n in range(len(self.extents))]

    def _role(self, loop: int, clipped: bool, free: bool) -> Role:
        is_output = loop < self.rank
        step = self.out.strides[loop] * self.phase.writes[loop][1] if is_output else 0
        steps = tuple(_step(r, b, loop) for r, b in self._reads())
        return Role(self.extents[loop], is_output, clipped, free, step, steps)

    def _summed(self) -> list[int]:
        """Return the summed loops outside tiles, those with the longest steps in memory first.

        Their order is kept where the limits of one depend on another.
        """
        loops = [n for n in range(self.rank, len(self.extents)) if n not in self.tiled]
        names = {self.loops[n] for n in loops}
        if any(names & clip.names for clip in self.clips):
            return loops
        return sorted(loops, key=lambda n: -max((abs(s) for s in self.roles[n].steps), default=0))

    def _reads(self) -> Iterator[tuple[Read, Buffer]]:
        return zip(self.spec.reads, self.operands, strict=True)

    def _hoisted(self) -> dict[int, int]:
        if self.schedule is None or self.schedule.over_output or self.schedule.rows is None:
            return {}
        return hoisted(self.extents, self.summed, self._footprints(), self.machine.cache)

    @property
    def sums_at_once(self) -> bool:
        """Whether a tile's sums are complete when they are written."""
        return self.schedule is None or self.schedule.over_output

    @property
    def stored(self) -> int:
        """How many elements are written, for sure."""
        if any(clip.loop < self.rank for clip in self.clips):
            return 0
        return prod(self.extents[: self.rank])

    @property
    def products(self) -> int:
        """How many products are summed, but for those at borders."""
        return prod(self.extents)

    def divisible(self) -> dict[int, tuple[int, int]]:
        """Return the output loops that chunks may divide: extent and unit along the result."""
        found = {
            n: (self.phase.writes[n][1], self.phase.writes[n][1])
            for n in range(self.rank)
            if n not in self.tiled
        }
        for axis in () if self.schedule is None else self.schedule.axes:
            if axis.loop < self.rank and self.phase.writes[axis.loop] == (0, 1):
                found[axis.loop] = (1, axis.size)
        return found

    # Nests -----------------------------------------------------------------------------

    def body(self) -> Body:
        """Return the loops."""
        if any(clip.loop < 0 for clip in self.clips):
            return ()
        if self.schedule is None:
            return self._scalar()
        return self._tiles(self.schedule)

    def _scalar(self) -> Body:
        """Return the plain nest, the sum in a variable."""
        plain = self.plain()
        outputs = range(self.rank)
        bindings = Bindings("u")
        term = self.term(plain, bindings)
        if not self.summed:
            return self.wrap(outputs, (*bindings.statements, *self.write(plain, term)))
        total = Local("total", self.out.dtype)
        add = Assign(total, op("sum", total, term))
        inner = self.wrap(self.summed, (*bindings.statements, add))
        start = Assign(total, zero(self.out.dtype))
        return self.wrap(outputs, (start, *inner, *self.write(plain, total)))

    def plain(self) -> dict[int, Affine]:
        return {n: Affine(0, ((loop, 1),)) for n, loop in enumerate(self.loops)}

    def _tiles(self, schedule: Schedule) -> Body:
        """Return loops over tiles: what is hoisted, then outputs, rows and columns."""
        rows, columns = self._row_pieces(schedule), list(self._column_pieces(schedule))
        body = self._nest(schedule, self.order, rows, columns)
        for loop, block in reversed(self.hoisted.items()):
            body = (count(f"{self.loops[loop]}_block", -(-self.extents[loop] // block), *body),)
        return body

    def _nest(
        self,
        schedule: Schedule,
        order: Sequence[int],
        rows: Sequence[Piece],
        columns: Sequence[tuple[Piece, ...]],
    ) -> Body:
        """Return loops in an order around tiles; those over rows and columns leave one of each."""
        if not order:
            (row,), (column,) = rows, columns
            return Tile(self, schedule, row, column).body()
        first, rest = order[0], order[1:]
        if first >= 0:
            return self.wrap([first], self._nest(schedule, rest, rows, columns))
        if first == ROWS:
            found = [r.around(self._nest(schedule, rest, [r], columns)) for r in rows]
        else:
            found = [_inside(c, self._nest(schedule, rest, rows, [c])) for c in columns]
        return tuple(chain.from_iterable(found))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The loops around tiles, the outermost first."""
        schedule = self.schedule
        if schedule is None:
            return ()
        outputs = tuple(n for n in range(self.rank) if n not in self.tiled)
        if schedule.row_operand is None or not schedule.over_output:
            return (*outputs, ROWS, COLUMNS)
        nest = Nest(self.extents, outputs, schedule, self._footprints())
        return nest.order(self.machine.cache)

    def _footprints(self) -> tuple[Footprint, ...]:
        return tuple(_footprint(read, buffer) for read, buffer in self._reads())

    def _row_pieces(self, schedule: Schedule) -> list[Piece]:
        if schedule.rows is None:
            return [Piece((Affine(0),))]
        loop, size = schedule.rows.loop, schedule.rows.size
        return cut("rows", self.extents[loop], size, self.overlaps, self._limits(loop))

    def _column_pieces(self, schedule: Schedule) -> Iterator[tuple[Piece, ...]]:
        """Yield a piece for every axis of the columns, in all their combinations."""
        if schedule.over_output:
            (axis,) = schedule.columns
            extent = self.extents[axis.loop]
            pieces = cut_lanes(
                "columns", extent, axis.size, schedule.width, self.overlaps, self._limits(axis.loop)
            )
            yield from ((piece,) for piece in pieces)
            return
        axes = [
            cut(f"columns{n}", self.extents[a.loop], a.size, False, self._limits(a.loop))
            for n, a in enumerate(schedule.columns)
        ]
        yield from product(*axes)

    def _limits(self, loop: int) -> Limits:
        if loop >= self.rank:
            return NO_LIMITS
        return self.division.limits(loop, *self.phase.writes[loop])

    def wrap(self, loops: Sequence[int], body: Body) -> Body:
        """Return the body inside loops, the first outermost, limited where an index demands it."""
        for n in reversed(loops):
            starts, stops = self.range_of(n)
            starts += tuple(c.start for c in self.clips if c.loop == n)
            stops += tuple(c.stop for c in self.clips if c.loop == n)
            body = (For(self.loops[n], starts, stops, body),)
        return body

    def range_of(self, n: int) -> Limits:
        """Return the limits of a loop but for its clips."""
        block = self.hoisted.get(n)
        name = f"{self.loops[n]}_block"
        starts, stops = self._limits(n)
        if block:
            starts += (Limit(Affine(0, ((name, block),))),)
            stops += (Limit(Affine(block, ((name, block),))),)
        else:
            starts = (Limit(Affine(0)), *starts)
        return starts, (Limit(Affine(self.extents[n])), *stops)

    # Elements --------------------------------------------------------------------------

    def is_far(self, operand: int, caches: int = 1) -> bool:
        """Return whether an operand is too large for the cache, or several such."""
        return self._footprints()[operand].bytes(self.extents) > caches * self.machine.cache

    def is_streamed(self, operand: int, lanes: int) -> bool:
        """Return whether an operand's columns, of so many lanes, lie in one piece."""
        if self.schedule is None or len(self.summed) != 1:
            return False
        summed, lane = (self.roles[n].steps[operand] for n in (*self.summed, self.schedule.lane))
        return (summed, lane) == (lanes, 1)

    def is_followed(self, operand: int, lanes: int) -> bool:
        """Return whether columns lie in one piece, and the next after them.

        Then all rows of tiles read them, before the loop around goes on to the next.
        """
        if not self.is_streamed(operand, lanes) or ROWS not in self.order[1:]:
            return False
        place = self.order.index(ROWS)
        around, block = self.order[place - 1], self.extents[self.summed[0]] * lanes
        follows = around >= 0 and self.roles[around].steps[operand] == block
        return follows and self.order[place + 1 :] in ((), (COLUMNS,))

    def is_large(self, array: Buffer) -> bool:
        """Return whether an array of the result's shape is too large for the cache."""
        return all(array.strides) and array.bytes > self.machine.cache

    def step(self, array: Buffer, loop: int) -> int:
        """Return how far apart a sum's terms along a loop are in an array that it reads."""
        (read,) = self.spec.reads
        return _step(read, array, loop)

    def target(self, places: Places) -> tuple[Affine, ...]:
        """Return where in the result an element is."""
        return tuple(
            plus(scaled(places[n], step), Affine(start))
            for n, (start, step) in enumerate(self.phase.writes)
        )

    def write(self, places: Places, value: Expression) -> Body:
        target = self.target(places)
        if self.stores:
            return self.finish(target, value)
        return (Accumulate(self.out, target, value),)

    def term(self, places: Places, bindings: Bindings, active: int = 0) -> Expression:
        if self.lead is not None:
            function, arrays = self.lead
            (read,) = self.spec.reads
            indices = tuple(moved(i, places) for i in read.indices)
            loads = tuple(Load(array, indices) for array in arrays)
            return expand(function, loads, bindings, fused=self.machine.fma)
        factors = [self.load(n, places, active) for n in range(len(self.operands))]
        return reduce(lambda a, b: op("multiply", a, b), factors)

    def load(self, operand: int, places: Places, active: int = 0) -> Expression:
        read = self.spec.reads[operand]
        indices = tuple(moved(i, places) for i in read.indices)
        return Load(self.operands[operand], indices, active)


def _inside(pieces: Sequence[Piece], body: Body) -> Body:
    """Return a body inside the loops of pieces, the first outermost."""
    for piece in reversed(pieces):
        body = piece.around(body)
    return body


def ascending(spec: Contraction, operands: Sequence[Buffer]) -> Contraction:
    """Return the contraction with summed loops turned round that would run backwards in memory.

    Processors fetch ahead what is read upwards. An operand that reaches further counts.
    """
    for loop in range(spec.out_rank, len(spec.extents)):
        steps = [_step(r, b, loop) for r, b in zip(spec.reads, operands, strict=True)]
        if max(steps, key=abs, default=0) < 0:
            spec = _turned_round(spec, loop)
    return spec


def _turned_round(spec: Contraction, loop: int) -> Contraction:
    last = spec.extents[loop] - 1

    def turn(index: AffineIndex) -> AffineIndex:
        factor = index.coefficients[loop]
        coefficients = (*index.coefficients[:loop], -factor, *index.coefficients[loop + 1 :])
        return replace(index, constant=index.constant + factor * last, coefficients=coefficients)

    return spec.changed(turn)


def _step(read: Read, buffer: Buffer, loop: int) -> int:
    pairs = zip(read.indices, buffer.strides, strict=True)
    return sum(i.coefficients[loop] * stride for i, stride in pairs)


def _footprint(read: Read, buffer: Buffer) -> Footprint:
    axes = tuple(
        (size, tuple((n, c) for n, c in enumerate(index.coefficients) if c))
        for index, size in zip(read.indices, read.shape, strict=True)
    )
    return Footprint(axes, buffer.dtype.itemsize)
