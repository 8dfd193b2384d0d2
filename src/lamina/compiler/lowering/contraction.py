"""Loops for contractions: phases, limits, and a nest around a register tile.

Strides of adjoints are split into phases first, so that no division is left. Every index that
may leave its operand limits the innermost loop it contains, so that no bounds are checked inside.
What the nest looks like, `lamina.compiler.lowering.schedule` decides; which part of it a chunk
of the kernel does, `lamina.compiler.lowering.division`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise, product

from lamina.compiler.elementary import Bindings, expand
from lamina.compiler.ir import (
    LANE,
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
    contiguous,
    op,
    operations,
)
from lamina.compiler.lowering.building import Body, count, fill, moved, plus, zero
from lamina.compiler.lowering.clips import Clip, clips_of, loose_indices, segments, unrollable
from lamina.compiler.lowering.division import UNDIVIDED, Division, divide
from lamina.compiler.lowering.finish import Finish, stored
from lamina.compiler.lowering.schedule import CACHE, Footprint, Role, Schedule, choose, hoisted
from lamina.compiler.lowering.tiles import NO_LIMITS, Limits, Piece, cut, cut_lanes
from lamina.compiler.machines import Machine
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Guard, Read
from lamina.ops.phases import Phase, phases
from lamina.ops.scalar import Scalar

Places = Mapping[int, Affine]
Key = tuple[int, ...]
"""An element of a tile: its row, and its place along each axis of the columns."""


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
    division = divide(out, [part.divisible() for part in parts], _work(parts, out, operands))
    for part in parts:
        part.stores, part.finish, part.division = separate, finish, division
        part.lead = None if lead is None else (lead, operands)
        part.overlaps = separate and not finish.overwrites
    start = () if complete else division.fill(out, zero(out.dtype))
    return (*start, *(s for part in parts for s in part.body())), division.chunks


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
    """Return whether a sum can be of a function of several arrays that lie alike."""
    main = _main(operands)
    parts = _parts(operation, out, [main], machine) if 0 not in out.shape else []
    if len(parts) != 1 or parts[0].clips:
        return False
    schedule = parts[0].schedule
    whole = schedule is None or parts[0].extents[schedule.lane] % schedule.width == 0
    return whole and all(
        step in (0, own)
        for other in operands
        for step, own in zip(other.strides, main.strides, strict=True)
    )


def sums_over_lanes(
    operation: Contraction, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> bool:
    """Return whether lanes would run along a summed loop, or not at all."""
    parts = phases(operation)
    if len(parts) != 1 or 0 in operation.extents:
        return False
    schedule = Part(0, parts[0], out, operands, machine).schedule
    return schedule is None or not schedule.over_output


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
    return _are_separate(parts) and sum(part.stored for part in parts) == _product(out.shape)


def _work(parts: Sequence[Part], out: Buffer, operands: Sequence[Buffer]) -> float:
    """Return roughly how many nanoseconds one core takes: by arithmetic, or by memory."""
    products = sum(part.products for part in parts)
    touched = sum(b.span * b.dtype.itemsize for b in (out, *operands))
    return max(products / 50, touched / 15)


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
        footprints = [_footprint(read, buffer) for read, buffer in self._reads()]
        return hoisted(self.extents, self.summed, footprints)

    @property
    def sums_at_once(self) -> bool:
        """Whether a tile's sums are complete when they are written."""
        return self.schedule is None or self.schedule.over_output

    @property
    def stored(self) -> int:
        """How many elements are written, for sure."""
        if any(clip.loop < self.rank for clip in self.clips):
            return 0
        return _product(self.extents[: self.rank])

    @property
    def products(self) -> int:
        """How many products are summed, but for those at borders."""
        return _product(self.extents)

    def divisible(self) -> dict[int, tuple[int, int]]:
        """Return the output loops that chunks may divide: extent and unit along the result."""
        found = {
            n: (self.phase.writes[n][1], self.phase.writes[n][1])
            for n in range(self.rank)
            if n not in self.tiled
        }
        rows = None if self.schedule is None else self.schedule.rows
        if rows is not None and self.phase.writes[rows.loop] == (0, 1):
            found[rows.loop] = (1, rows.size)
        if self.schedule is not None and self.schedule.over_output:
            (axis,) = self.schedule.columns
            if self.phase.writes[axis.loop] == (0, 1):
                found[axis.loop] = (1, axis.size * self.schedule.width)
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
        plain = self._plain()
        outputs = range(self.rank)
        bindings = Bindings("u")
        term = self._term(plain, bindings)
        if not self.summed:
            return self.wrap(outputs, (*bindings.statements, *self._write(plain, term)))
        total = Local("total", self.out.dtype)
        add = Assign(total, op("sum", total, term))
        inner = self.wrap(self.summed, (*bindings.statements, add))
        start = Assign(total, zero(self.out.dtype))
        return self.wrap(outputs, (start, *inner, *self._write(plain, total)))

    def _plain(self) -> dict[int, Affine]:
        return {n: Affine(0, ((loop, 1),)) for n, loop in enumerate(self.loops)}

    def _tiles(self, schedule: Schedule) -> Body:
        """Return loops over tiles: what is hoisted, then outputs, rows and columns."""
        rows = self._row_pieces(schedule)
        columns = list(self._column_pieces(schedule))
        outputs = [n for n in range(self.rank) if n not in self.tiled]
        outermost = self._outermost(schedule)
        body: list[Statement] = []
        if outermost == "columns":
            for pieces in columns:
                over = [s for r in rows for s in r.around(self._tile(schedule, r, pieces))]
                body += _inside(pieces, self.wrap(outputs, tuple(over)))
        else:
            inner = [(row, self._over(columns, schedule, row)) for row in rows]
            if outermost == "rows":
                body += [s for r, b in inner for s in r.around(self.wrap(outputs, b))]
            else:
                body += self.wrap(outputs, tuple(s for r, b in inner for s in r.around(b)))
        for loop, block in reversed(self.hoisted.items()):
            body = [count(f"{self.loops[loop]}_block", -(-self.extents[loop] // block), *body)]
        return tuple(body)

    def _outermost(self, schedule: Schedule) -> str:
        """Return the loops that go outermost, so that least is read from far away again.

        An operand that the cache does not hold is read again in every iteration of the loops
        around that it does not depend on.
        """
        if schedule.row_operand is None or not schedule.over_output:
            return "outputs"
        whole = [_footprint(r, b).bytes(self.extents) for r, b in self._reads()]
        row, column = whole[schedule.row_operand], whole[1 - schedule.row_operand]
        outputs = [n for n in range(self.rank) if n not in self.tiled]
        steps = [self.roles[n].steps for n in outputs]
        again = [
            _product([self.extents[n] for n, s in zip(outputs, steps, strict=True) if not s[k]])
            for k in (schedule.row_operand, 1 - schedule.row_operand)
        ]
        tiles = 1
        if schedule.rows is not None:
            tiles = -(-self.extents[schedule.rows.loop] // schedule.rows.size)
        (lanes,) = schedule.columns
        vectors = -(-self.extents[lanes.loop] // (lanes.size * schedule.width))
        costs = {
            "outputs": _again(row, again[0]) + _again(column, again[1] * tiles),
            "rows": _again(row, again[0]) + _again(column, tiles),
            "columns": _again(row, vectors) + _again(column, 1),
        }
        return min(costs, key=lambda name: costs[name])

    def _over(self, columns: Sequence[tuple[Piece, ...]], schedule: Schedule, row: Piece) -> Body:
        tiles = [_inside(pieces, self._tile(schedule, row, pieces)) for pieces in columns]
        return tuple(statement for tile in tiles for statement in tile)

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
        if loop != self.division.axis:
            return NO_LIMITS
        start, stop = self.division.limits(*self.phase.writes[loop])
        return (start,), (stop,)

    def _tile(self, schedule: Schedule, row: Piece, columns: tuple[Piece, ...]) -> Body:
        return Tile(self, schedule, row, columns).body()

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

    def _write(self, places: Places, value: Expression) -> Body:
        target = tuple(
            Affine(
                start + step * places[n].constant, tuple((k, step * c) for k, c in places[n].terms)
            )
            for n, (start, step) in enumerate(self.phase.writes)
        )
        if self.stores:
            return self.finish(target, value)
        return (Accumulate(self.out, target, value),)

    def _term(self, places: Places, bindings: Bindings, active: int = 0) -> Expression:
        if self.lead is not None:
            function, arrays = self.lead
            (read,) = self.spec.reads
            indices = tuple(moved(i, places) for i in read.indices)
            loads = tuple(Load(array, indices) for array in arrays)
            return expand(function, loads, bindings, fused=self.machine.fma)
        factors = [self._load(n, places, active) for n in range(len(self.operands))]
        return reduce(lambda a, b: op("multiply", a, b), factors)

    def _load(self, operand: int, places: Places, active: int = 0) -> Expression:
        read = self.spec.reads[operand]
        indices = tuple(moved(i, places) for i in read.indices)
        return Load(self.operands[operand], indices, active)


class Tile:
    """The sums of one tile: zeros, products, writes."""

    def __init__(
        self, part: Part, schedule: Schedule, row: Piece, columns: tuple[Piece, ...]
    ) -> None:
        self.part, self.schedule = part, schedule
        self.row, self.columns = row, columns
        self.kind = part.out.dtype
        pieces = (row, *columns)
        self.keys: list[Key] = list(product(*(range(len(piece.places)) for piece in pieces)))
        self.loops = [None if schedule.rows is None else schedule.rows.loop]
        self.loops += [axis.loop for axis in schedule.columns]
        self.windows = self._windows()

    def _windows(self) -> dict[int, int]:
        """Return the loops that clips mention and the tile takes in whole: their place in keys."""
        mentioned = {name for clip in self.part.clips for name in clip.names}
        return {
            loop: place
            for place, loop in enumerate(self.loops)
            if loop is not None and self.part.loops[loop] in mentioned
        }

    def body(self) -> Body:
        """Return the loop over lanes around the sums."""
        sums = [self._sum(key) for key in self.keys]
        start = [Assign(total, zero(self.kind)) for total in sums]
        if self._is_finished_later():
            return self._finished_later(start)
        ends = [
            statement
            for key, total in zip(self.keys, sums, strict=True)
            for statement in self.part._write(self._places(key), total)
        ]
        inner = (*start, *self._sums(self.part.summed, self.keys), *ends)
        lanes = self.columns[0].lanes if self.schedule.over_output else self.schedule.width
        stop = (Limit(Affine(lanes)),)
        return (For(LANE, (Limit(Affine(0)),), stop, inner, self.schedule.width),)

    def _is_finished_later(self) -> bool:
        """Return whether the finish is so long that it is written once, as a loop."""
        if not self.part.stores or not self.schedule.over_output or len(self.keys) <= FEW:
            return False
        first = self.part._write(self._places(self.keys[0]), self._sum(self.keys[0]))
        return operations(first) > SHORT

    def _finished_later(self, start: Sequence[Statement]) -> Body:
        """Return the loop that puts sums in a little memory, and those that finish them."""
        (columns,), width = self.columns, self.schedule.width
        shape = (len(self.row.places), len(columns.places), width)
        tile = contiguous("tile", shape, self.kind)
        lane = Affine(0, ((LANE, 1),))
        ends = [Store(tile, (Affine(i), Affine(j), lane), self._sum((i, j))) for i, j in self.keys]
        stop = (Limit(Affine(columns.lanes)),)
        inner = (*start, *self._sums(self.part.summed, self.keys), *ends)
        sums = For(LANE, (Limit(Affine(0)),), stop, inner, width)
        row, names = Affine(0, (("row", 1),)), {**self._places(self.keys[0])}
        if self.loops[0] is not None:
            names[self.loops[0]] = plus(self.row.places[0], row)
        finishes: Body = ()
        for column, place in self._column_places(columns):
            names[self.schedule.lane] = place
            finish = self.part._write(names, Load(tile, (row, column, lane)))
            body: Body = (For(LANE, (Limit(Affine(0)),), stop, finish, width),)
            if column.terms:
                body = (count("column", len(columns.places), *body),)
            finishes += (count("row", len(self.row.places), *body),)
        return (sums, *finishes)

    def _column_places(self, columns: Piece) -> list[tuple[Affine, Affine]]:
        """Return places in the tile and along the lanes' loop: one for all where they are even."""
        places, width = columns.places, self.schedule.width
        even = all(b.constant - a.constant == width for a, b in pairwise(places))
        if even and len(places) > 1:
            column = Affine(0, (("column", 1),))
            return [(column, plus(places[0], Affine(0, (("column", width),))))]
        return [(Affine(j), place) for j, place in enumerate(places)]

    def _sum(self, key: Key) -> Local:
        return Local("sum" + "_".join(map(str, key)), self.kind)

    def _places(self, key: Key) -> dict[int, Affine]:
        """Return where every loop stands for an element of the tile."""
        found = self.part._plain()
        pieces = (self.row, *self.columns)
        for loop, piece, place in zip(self.loops, pieces, key, strict=True):
            if loop is not None:
                found[loop] = piece.places[place]
        if not self.schedule.over_output:
            width = self.schedule.width
            found[self.schedule.lane] = Affine(0, (("block", width), (LANE, 1)))
        return found

    def _sums(self, loops: Sequence[int], keys: Sequence[Key]) -> Body:
        """Return the summed loops; one that windows limit is cut where their elements change."""
        if not loops:
            return self._lane_blocks(keys)
        (n, *rest), part = loops, self.part
        clips = [clip for clip in part.clips if clip.loop == n]
        names = {part.loops[loop] for loop in self.windows}
        cutting = [clip for clip in clips if names & clip.names]
        starts, stops = part.range_of(n)
        starts += tuple(c.start for c in clips if c not in cutting)
        stops += tuple(c.stop for c in clips if c not in cutting)
        if not cutting:
            return (For(part.loops[n], starts, stops, self._sums(rest, keys)),)
        found: list[Statement] = []
        for begin, end, inside in segments(part.extents[n], self._ranges(cutting, keys)):
            limits = (*starts, Limit(Affine(begin))), (*stops, Limit(Affine(end)))
            found.append(For(part.loops[n], *limits, self._sums(rest, inside)))
        return tuple(found)

    def _ranges(self, clips: Sequence[Clip], keys: Sequence[Key]) -> dict[Key, tuple[int, int]]:
        """Return the first and last-but-one iteration that each element takes part in."""
        found = {}
        for key in keys:
            values = {self.part.loops[loop]: key[place] for loop, place in self.windows.items()}
            found[key] = (
                max(clip.first(values) for clip in clips),
                min(clip.end(values) for clip in clips),
            )
        return found

    def _lane_blocks(self, keys: Sequence[Key]) -> Body:
        """Return the loop over vectors where lanes are summed, and what is left of the last."""
        if self.schedule.over_output:
            return tuple(self._products(keys, {}))
        loop, width = self.schedule.lane, self.schedule.width
        whole, rest = divmod(self.part.extents[loop], width)
        body: Body = ()
        if whole:
            body = (count("block", whole, *self._products(keys, {})),)
        if rest:
            last = {loop: Affine(whole * width, ((LANE, 1),))}
            body += tuple(self._products(keys, last, rest))
        return body

    def _products(
        self, keys: Sequence[Key], moved_to: Places, active: int = 0
    ) -> Iterator[Statement]:
        """Yield loads and products: columns' operands first, each row's right before its use."""
        places = {key: {**self._places(key), **moved_to} for key in keys}
        if self.schedule.row_operand is None:
            for key in keys:
                bindings = Bindings("u")
                term = self.part._term(places[key], bindings, active)
                yield from bindings.statements
                yield Assign(self._sum(key), op("sum", self._sum(key), term))
            return
        row, column = self.schedule.row_operand, 1 - self.schedule.row_operand
        for key in keys:
            if key[0] == keys[0][0]:
                yield Assign(self._column(key), self.part._load(column, places[key], active))
        element = Local("row", self.kind)
        for key in keys:
            if key[1:] == keys[0][1:]:
                yield Assign(element, self.part._load(row, places[key], active))
            term = op("multiply", element, self._column(key))
            yield Assign(self._sum(key), op("sum", self._sum(key), term))

    def _column(self, key: Key) -> Local:
        return Local("column" + "_".join(map(str, key[1:])), self.kind)


def _inside(pieces: Sequence[Piece], body: Body) -> Body:
    """Return a body inside the loops of pieces, the first outermost."""
    for piece in reversed(pieces):
        body = piece.around(body)
    return body


FEW, SHORT = 2, 3
"""Up to so many elements of a tile, or operations for each, a finish is written out."""


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

    reads = tuple(Read(r.shape, tuple(turn(i) for i in r.indices)) for r in spec.reads)
    guards = tuple(Guard(turn(guard.index), guard.size) for guard in spec.guards)
    return replace(spec, reads=reads, guards=guards)


def _step(read: Read, buffer: Buffer, loop: int) -> int:
    pairs = zip(read.indices, buffer.strides, strict=True)
    return sum(i.coefficients[loop] * stride for i, stride in pairs)


def _footprint(read: Read, buffer: Buffer) -> Footprint:
    axes = tuple(
        (size, tuple((n, c) for n, c in enumerate(index.coefficients) if c))
        for index, size in zip(read.indices, read.shape, strict=True)
    )
    return Footprint(axes, buffer.dtype.itemsize)


def _product(extents: Sequence[int]) -> int:
    result = 1
    for extent in extents:
        result *= extent
    return result


def _again(size: int, times: int) -> int:
    """Return the traffic of reading memory again and again, if the cache does not hold it."""
    return size * times if size > CACHE else size
