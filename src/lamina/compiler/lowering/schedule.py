"""How a contraction's nest is arranged: the loop over lanes and the register tile.

The lanes of vectors run along a loop in which memory is contiguous. If that is a loop of the
result, one operand is read as vectors and the other as single elements; if it is a summed loop,
both are read as vectors, whose lanes are added up at the end. A tile of sums is kept in
registers: rows along a loop that only one operand depends on, columns along another (or along
further vectors of the lanes' loop).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from lamina.compiler.ir import Affine, For, Limit
from lamina.compiler.lowering.building import Body
from lamina.compiler.machines import Machine
from lamina.core.types import DType

NONE = -1


@dataclass(frozen=True, slots=True)
class Role:
    """What matters of a loop: steps are how far apart in memory its neighbours are."""

    extent: int
    is_output: bool
    clipped: bool
    out_step: int
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """``count`` blocks of ``size`` from ``start`` on."""

    start: int
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Tiling:
    """One kind of tile: rows × columns of sums in ``lanes`` (of ``width``) lanes."""

    row: Segment
    column: Segment
    lanes: int
    width: int
    lane_blocks: int
    lane_start: int
    columns_are_lanes: bool

    @property
    def rows(self) -> int:
        """Rows of the tile."""
        return self.row.size

    @property
    def columns(self) -> int:
        """Columns of the tile."""
        return self.column.size

    def elements(self) -> Iterator[tuple[int, int]]:
        """Yield (row, column) of every sum."""
        return product(range(self.rows), range(self.columns))

    def around(self, body: Body) -> Body:
        """Return the loops over tiles."""
        return _counted("rows", self.row.count, _counted("columns", self.column.count, body))

    def around_sums(self, body: Body) -> Body:
        """Return the loop over blocks of lanes, where lanes are summed over."""
        return body if self.columns_are_lanes else _counted("block", self.lane_blocks, body)


@dataclass(frozen=True)
class Schedule:
    """The chosen loops (or NONE), the operand whose elements make the rows, and the sizes."""

    lane: int
    row_loop: int
    column_loop: int
    row_operand: int | None
    rows: tuple[Segment, ...]
    columns: tuple[Segment, ...]
    extent: int
    width: int

    @property
    def tiled(self) -> frozenset[int]:
        """The loops that the tile replaces."""
        return frozenset({self.lane, self.row_loop, self.column_loop})

    @property
    def columns_are_lanes(self) -> bool:
        """Whether the columns are further vectors along the loop of the lanes."""
        return self.column_loop == self.lane

    def tiles(self) -> Iterator[Tiling]:
        """Yield the kinds of tiles: whole ones, and those at the ends."""
        whole, rest = divmod(self.extent, self.width)
        for row in self.rows:
            if self.columns_are_lanes:
                for column in self.columns:
                    yield self._tiling(row, column, self.width, 1, 0)
                if rest:
                    yield self._tiling(row, Segment(whole, 1, 1), rest, 1, 0)
                continue
            for column in self.columns:
                if whole:
                    yield self._tiling(row, column, self.width, whole, 0)
                if rest:
                    yield self._tiling(row, column, rest, 1, whole)

    def _tiling(self, row: Segment, column: Segment, lanes: int, blocks: int, start: int) -> Tiling:
        return Tiling(row, column, lanes, self.width, blocks, start, self.columns_are_lanes)

    def places(self, tile: Tiling, i: int, j: int) -> dict[int, Affine]:
        """Return where the tiled loops stand for element (i, j) of a tile."""
        found: dict[int, Affine] = {}
        if self.row_loop != NONE:
            found[self.row_loop] = _along(tile.row, i, "rows", 1)
        if self.columns_are_lanes:
            along = _along(tile.column, j, "columns", self.width)
            found[self.lane] = Affine(along.constant, (*along.terms, ("lane", 1)))
            return found
        if self.column_loop != NONE:
            found[self.column_loop] = _along(tile.column, j, "columns", 1)
        start = tile.lane_start * self.width
        found[self.lane] = Affine(start, (("block", self.width), ("lane", 1)))
        return found


def choose(roles: Sequence[Role], machine: Machine, dtype: DType) -> Schedule | None:
    """Return the schedule for loops of these roles, or None if vectors do not fit."""
    if dtype.kind != "f":
        return None
    width = machine.lanes(dtype.itemsize)
    lanes = [n for n, r in enumerate(roles) if _fits_lanes(r, width)]
    outputs = [n for n in lanes if roles[n].is_output]
    if outputs:
        return _over_outputs(roles, max(outputs, key=lambda n: roles[n].extent), width, machine)
    summed = [n for n in lanes if not roles[n].is_output]
    if summed:
        return _over_sums(roles, max(summed, key=lambda n: roles[n].extent), width, machine)
    return None


def _fits_lanes(role: Role, width: int) -> bool:
    contiguous = role.out_step == 1 if role.is_output else 1 in role.steps
    return (
        contiguous and not role.clipped and set(role.steps) <= {0, 1} and 2 * role.extent >= width
    )


def _over_outputs(roles: Sequence[Role], lane: int, width: int, machine: Machine) -> Schedule:
    """Return a schedule with one operand in vectors and the other in single elements."""
    steps = roles[lane].steps
    row_operand = steps.index(0) if len(steps) == 2 and sorted(steps) == [0, 1] else None
    row_loop = NONE if row_operand is None else _own_loop(roles, row_operand, {lane})
    blocks = roles[lane].extent // width
    extent = 1 if row_loop == NONE else roles[row_loop].extent
    best = min(
        ((_even(extent, t.rows), _even(blocks, t.vectors)) for t in machine.tiles()),
        key=lambda size: ((size[0] + size[1]) / (size[0] * size[1]), -size[0]),
    )
    return Schedule(
        lane,
        row_loop,
        lane,
        row_operand,
        _segments(extent, best[0]),
        _segments(blocks, best[1]),
        roles[lane].extent,
        width,
    )


def _over_sums(roles: Sequence[Role], lane: int, width: int, machine: Machine) -> Schedule:
    """Return a schedule with both operands in vectors and a sum over lanes at the end."""
    pair = len(roles[lane].steps) == 2
    row_loop = _own_loop(roles, 0, {lane}) if pair else NONE
    column_loop = _own_loop(roles, 1, {lane}) if pair else NONE
    row_extent = 1 if row_loop == NONE else roles[row_loop].extent
    column_extent = 1 if column_loop == NONE else roles[column_loop].extent
    sizes = [
        (_even(row_extent, r), _even(column_extent, c))
        for r, c in product(range(1, 9), repeat=2)
        if r * c + c + 1 + (not machine.fma) <= machine.registers
    ]
    best = min(sizes, key=lambda size: ((size[0] + size[1]) / (size[0] * size[1]), -size[0]))
    return Schedule(
        lane,
        row_loop,
        column_loop,
        0 if pair else None,
        _segments(row_extent, best[0]),
        _segments(column_extent, best[1]),
        roles[lane].extent,
        width,
    )


def _own_loop(roles: Sequence[Role], operand: int, taken: set[int]) -> int:
    """Return the longest output loop that of all operands only this one depends on."""
    found = [
        n
        for n, r in enumerate(roles)
        if n not in taken
        and r.is_output
        and not r.clipped
        and all(bool(step) == (k == operand) for k, step in enumerate(r.steps))
    ]
    return max(found, key=lambda n: roles[n].extent, default=NONE)


def _even(extent: int, size: int) -> int:
    """Return the size, at most ``size``, that divides ``extent`` into tiles most evenly."""
    if extent <= size:
        return max(extent, 1)
    return -(-extent // -(-extent // size))


def _segments(extent: int, size: int) -> tuple[Segment, ...]:
    whole, rest = divmod(extent, size)
    segments = (Segment(0, whole, size), Segment(whole * size, 1, rest))
    return tuple(s for s in segments if s.count and s.size)


def _along(segment: Segment, position: int, loop: str, width: int) -> Affine:
    constant = (segment.start + position) * width
    if segment.count == 1:
        return Affine(constant)
    return Affine(constant, ((loop, segment.size * width),))


def _counted(loop: str, count: int, body: Body) -> Body:
    return (For(loop, (Limit(Affine(0)),), (Limit(Affine(count)),), body),)
