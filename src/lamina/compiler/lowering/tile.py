"""A tile of sums in registers: zeros, products, what is done with the sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

from lamina.compiler.elementary import Bindings
from lamina.compiler.ir import (
    LANE,
    Affine,
    Assign,
    For,
    Limit,
    Load,
    Local,
    Prefetch,
    Statement,
    Store,
    contiguous,
    op,
    operations,
    plus,
)
from lamina.compiler.lowering.building import Body, count, zero
from lamina.compiler.lowering.clips import Clip, segments
from lamina.compiler.lowering.schedule import Schedule
from lamina.compiler.lowering.tiles import Piece

if TYPE_CHECKING:
    from lamina.compiler.lowering.part import Part

Places = Mapping[int, Affine]
Key = tuple[int, ...]
"""An element of a tile: its row, and its place along each axis of the columns."""

FEW, SHORT = 2, 3
"""Up to so many elements of a tile, or operations for each, a finish is written out."""

AHEAD = 48
"""Steps: with two vectors each, more than a page."""

STREAMED = 4
"""Caches: what lies in one piece, and in so many, processors fetch ahead sooner than hints do."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Vectors that are finished at once: where in the tile and along the loop, and how often."""

    column: Affine
    place: Affine
    times: int
    stop: int
    lanes: int


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
        start: list[Statement] = [Assign(total, zero(self.kind)) for total in sums]
        start += self._finish_fetches()
        if self._is_finished_later():
            return self._finished_later(start)
        ends = [
            statement
            for key, total in zip(self.keys, sums, strict=True)
            for statement in self.part.write(self._places(key), total)
        ]
        inner = (*start, *self._sums(self.part.summed, self.keys), *ends)
        lanes = self.columns[0].lanes if self.schedule.over_output else self.schedule.width
        stop = (Limit(Affine(lanes)),)
        return (For(LANE, (Limit(Affine(0)),), stop, inner, self.schedule.width),)

    def _finish_fetches(self) -> Iterator[Statement]:
        """Yield hints at what the finish will read, and where it writes, while the sums go on.

        Of every channel it is a little, so that processors do not see it coming.
        """
        part = self.part
        if not part.stores or not self.schedule.over_output or not part.summed:
            return
        arrays = dict.fromkeys((*part.finish.arrays, *part.finish.stores.values()))
        large = [array for array in arrays if part.is_large(array)]
        for key in self.keys:
            target = part.target(self._places(key))
            yield from (Prefetch(array, target) for array in large)

    def _is_finished_later(self) -> bool:
        """Return whether the finish is so long that it is written once, as a loop."""
        if not self.part.stores or not self.schedule.over_output or len(self.keys) <= FEW:
            return False
        first = self.part.write(self._places(self.keys[0]), self._sum(self.keys[0]))
        return operations(first) > SHORT

    def _finished_later(self, start: Sequence[Statement]) -> Body:
        """Return the loop that puts sums in a little memory, and those that finish them."""
        (columns,), width = self.columns, self.schedule.width
        tile = contiguous("tile", (len(self.row.places), len(columns.places) * width), self.kind)
        ends = [
            Store(tile, (Affine(i), Affine(j * width, ((LANE, 1),))), self._sum((i, j)))
            for i, j in self.keys
        ]
        inner = (*start, *self._sums(self.part.summed, self.keys), *ends)
        sums = For(LANE, (Limit(Affine(0)),), (Limit(Affine(columns.lanes)),), inner, width)
        row, names = Affine(0, (("row", 1),)), {**self._places(self.keys[0])}
        if self.loops[0] is not None:
            names[self.loops[0]] = plus(self.row.places[0], row)
        finishes: Body = ()
        for run in self._runs(columns):
            names[self.schedule.lane] = run.place
            finish = self.part.write(names, Load(tile, (row, run.column)))
            body: Body = (
                For(LANE, (Limit(Affine(0)),), (Limit(Affine(run.stop)),), finish, run.lanes),
            )
            if run.times > 1:
                body = (count("column", run.times, *body),)
            finishes += (count("row", len(self.row.places), *body),)
        return (sums, *finishes)

    def _runs(self, columns: Piece) -> list[_Run]:
        """Return runs of neighbouring vectors: one for all where they are even.

        Several vectors at once wait less for one operation after another.
        """
        places, width = columns.places, self.schedule.width
        even = all(b.constant - a.constant == width for a, b in pairwise(places))
        if not even or len(places) == 1:
            return [
                _Run(Affine(j * width, ((LANE, 1),)), place, 1, columns.lanes, width)
                for j, place in enumerate(places)
            ]
        at_once = self._at_once(len(places))
        lanes, times = at_once * width, len(places) // at_once
        step = Affine(0, (("column", lanes),) if times > 1 else ())
        column = plus(Affine(0, ((LANE, 1),)), step)
        return [_Run(column, plus(places[0], step), times, lanes, lanes)]

    def _at_once(self, vectors: int) -> int:
        """Return the greatest power of two that divides a number and leaves registers enough."""
        fitting = (
            n for n in (8, 4, 2) if vectors % n == 0 and 8 * n <= self.part.machine.registers
        )
        return next(fitting, 1)

    def _sum(self, key: Key) -> Local:
        return Local("sum" + "_".join(map(str, key)), self.kind)

    def _places(self, key: Key) -> dict[int, Affine]:
        """Return where every loop stands for an element of the tile."""
        found = self.part.plain()
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
                term = self.part.term(places[key], bindings, active)
                yield from bindings.statements
                yield Assign(self._sum(key), op("sum", self._sum(key), term))
            return
        row, column = self.schedule.row_operand, 1 - self.schedule.row_operand
        for key in keys:
            if key[0] == keys[0][0]:
                yield Assign(self._column(key), self.part.load(column, places[key], active))
        yield from self._fetches(column, keys, places)
        element = Local("row", self.kind)
        for key in keys:
            if key[1:] == keys[0][1:]:
                yield Assign(element, self.part.load(row, places[key], active))
            term = op("multiply", element, self._column(key))
            yield Assign(self._sum(key), op("sum", self._sum(key), term))

    def _fetches(
        self, column: int, keys: Sequence[Key], places: Mapping[Key, Places]
    ) -> Iterator[Statement]:
        """Yield hints at what columns read some steps later, if it comes from far away.

        Processors fetch ahead by themselves, but not across pages.
        """
        part = self.part
        if not (self.schedule.over_output and part.summed) or not part.is_far(column):
            return
        lanes = len(self.columns[0].places) * self.schedule.width
        following = self._following(column, lanes, places[keys[0]])
        if following is not None:
            yield following
            return
        if part.is_streamed(column, lanes) and not part.is_far(column, STREAMED):
            return
        for key in keys:
            if key[0] != keys[0][0]:
                return
            load = part.load(column, {**places[key], **self._ahead(places[key])})
            if isinstance(load, Load):
                yield Prefetch(load.buffer, load.indices)

    def _following(self, column: int, lanes: int, places: Places) -> Prefetch | None:
        """Return a hint at a share of the columns that tiles after those of these rows read.

        All tiles of rows read the same columns, so there is time to fetch the ones after these in
        memory, a share during each. None if they do not lie so.
        """
        part, rows, around = self.part, self.schedule.rows, self.row.loop
        if rows is None or around is None or not part.is_followed(column, lanes):
            return None
        (summed,) = part.summed
        steps, tiles = part.extents[summed], -(-part.extents[rows.loop] // rows.size)
        share = -(-lanes // tiles)
        done = Affine(0, ((around.loop, steps * share // rows.size), (part.loops[summed], share)))
        load = part.load(column, {**places, summed: Affine(0)})
        assert isinstance(load, Load)
        axis = load.buffer.strides.index(1)
        at = [index for index in load.indices if isinstance(index, Affine)]
        at[axis] = plus(at[axis], plus(Affine(steps * lanes), done))
        return Prefetch(load.buffer, tuple(at))

    def _ahead(self, places: Places) -> Places:
        """Return where the innermost summed loop stands some steps later."""
        inner = self.part.summed[-1]
        return {inner: plus(places[inner], Affine(AHEAD))}

    def _column(self, key: Key) -> Local:
        return Local("column" + "_".join(map(str, key[1:])), self.kind)
