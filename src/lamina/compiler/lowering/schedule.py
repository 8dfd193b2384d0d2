"""How a contraction's nest is arranged: lanes, register tile, what stays in the cache.

The lanes of vectors run along a loop in which memory is contiguous. If that is a loop of the
result, one operand is read as vectors and the other as single elements; if it is a summed loop,
both are read as vectors, whose lanes are added up at the end. A tile of sums is kept in
registers: rows along a loop that only one operand depends on, columns along others (or along
further vectors of the lanes' loop).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from lamina.compiler.machines import Machine
from lamina.core.types import DType

LONGEST_WINDOW = 8
"""The longest loop that a tile takes in whole, beside its rows and columns."""

STREAMS = 4
"""Sums of one operand that go on at once: an addition waits for the one before it."""


@dataclass(frozen=True, slots=True)
class Role:
    """What matters of a loop: steps are how far apart in memory its neighbours are.

    A loop is clipped where an index limits it; if it limits others by amounts known when
    compiling, it can still be tiled in whole (``unrollable``).
    """

    extent: int
    is_output: bool
    clipped: bool
    unrollable: bool
    out_step: int
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """A loop that the tile takes ``size`` iterations of."""

    loop: int
    size: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """The loop over lanes, and the tile.

    ``rows`` is along a loop of ``row_operand`` alone; ``columns`` along loops of the other, or
    along the lanes (then counted in vectors).
    """

    lane: int
    over_output: bool
    row_operand: int | None
    rows: Axis | None
    columns: tuple[Axis, ...]
    width: int

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Rows and columns, in iterations of their loops."""
        along = self.width if self.over_output else 1
        columns = tuple(Axis(axis.loop, along * axis.size) for axis in self.columns)
        return columns if self.rows is None else (self.rows, *columns)

    @property
    def tiled(self) -> frozenset[int]:
        """The loops that the tile replaces."""
        rows = () if self.rows is None else (self.rows.loop,)
        return frozenset({self.lane, *rows, *(axis.loop for axis in self.columns)})


def choose(roles: Sequence[Role], machine: Machine, dtype: DType) -> Schedule | None:
    """Return the schedule for loops of these roles, or None if vectors do not fit."""
    if dtype.kind != "f":
        return None
    width = machine.lanes(dtype.itemsize)
    lanes = [n for n, r in enumerate(roles) if _fits_lanes(r, width)]
    outputs = [n for n in lanes if roles[n].is_output]
    if outputs:
        lane = max(outputs, key=lambda n: roles[n].extent)
        return _over_outputs(roles, lane, width, machine, dtype.itemsize)
    summed = [n for n in lanes if not roles[n].is_output]
    if summed:
        return _over_sums(roles, max(summed, key=lambda n: roles[n].extent), width, machine)
    return None


def _fits_lanes(role: Role, width: int) -> bool:
    contiguous = role.out_step == 1 if role.is_output else 1 in role.steps
    return (
        contiguous and not role.clipped and set(role.steps) <= {0, 1} and 2 * role.extent >= width
    )


def _over_outputs(
    roles: Sequence[Role], lane: int, width: int, machine: Machine, itemsize: int
) -> Schedule:
    """Return a schedule with one operand in vectors and the other in single elements."""
    steps = roles[lane].steps
    row_operand = steps.index(0) if len(steps) == 2 and sorted(steps) == [0, 1] else None
    row_loop = None if row_operand is None else _own_loop(roles, row_operand, {lane})
    blocks = -(-roles[lane].extent // width)
    extent = 1 if row_loop is None else roles[row_loop].extent
    sizes = {
        (even(extent, rows), even(blocks, tile.vectors))
        for tile in machine.tiles(itemsize)
        for rows in range(1, tile.rows + 1)
    }
    rows, vectors = min(
        sizes, key=lambda size: (multiplication_cost((extent, blocks), *size), -size[0])
    )
    axis = None if row_loop is None else Axis(row_loop, rows)
    return Schedule(lane, True, row_operand, axis, (Axis(lane, vectors),), width)


def _over_sums(roles: Sequence[Role], lane: int, width: int, machine: Machine) -> Schedule:
    """Return a schedule with both operands in vectors and a sum over lanes at the end."""
    if len(roles[lane].steps) != 2:
        rows = _own_loop(roles, 0, {lane}) if len(roles[lane].steps) == 1 else None
        size = 1 if rows is None else even(roles[rows].extent, STREAMS)
        return Schedule(lane, False, None, None if rows is None else Axis(rows, size), (), width)
    rows, columns = _own_loop(roles, 0, {lane}), _own_loop(roles, 1, {lane})
    windows = [n for n in _own_loops(roles, 1) if n not in (lane, columns)]
    windows = [n for n in windows if _is_window(roles[n])]
    nearest = sorted(windows, key=lambda n: abs(roles[n].steps[1]))[:1]
    found = [_sum_tile(roles, rows, columns, window, machine) for window in (*nearest, None)]
    _, row_size, axes = min((f for f in found if f), key=lambda f: f[0])
    axis = None if rows is None else Axis(rows, row_size)
    return Schedule(lane, False, 0, axis, axes, width)


def _is_window(role: Role) -> bool:
    return role.extent <= LONGEST_WINDOW and (role.unrollable or not role.clipped)


_SumTile = tuple[float, int, tuple[Axis, ...]]


def _sum_tile(
    roles: Sequence[Role],
    rows: int | None,
    columns: int | None,
    window: int | None,
    machine: Machine,
) -> _SumTile | None:
    """Return the best tile with a window taken in whole: its cost, rows and column axes.

    Neighbours in a window are mostly the same memory one step on, so that they cost loads
    but no traffic between caches.
    """
    row_extent = 1 if rows is None else roles[rows].extent
    column_extent = 1 if columns is None else roles[columns].extent
    length = 1 if window is None else roles[window].extent
    best: _SumTile | None = None
    for r, c in product(range(1, 13), range(1, 9)):
        r, c = even(row_extent, r), even(column_extent, c)
        if r * c * length + c * length + 1 + (not machine.fma) > machine.registers:
            continue
        sums = r * c * length
        idle = waste(row_extent, r) * waste(column_extent, c)
        cost = idle * (r + c * length + (r + c) / 2) / sums
        axes = [Axis(columns, c)] if columns is not None else []
        axes += [Axis(window, length)] if window is not None else []
        if best is None or cost < best[0]:
            best = cost, r, tuple(axes)
    return best


def _own_loop(roles: Sequence[Role], operand: int, taken: set[int]) -> int | None:
    """Return the longest output loop that of all operands only this one depends on.

    Of equally long ones it is the one with the shortest steps in memory.
    """
    found = [n for n in _own_loops(roles, operand) if n not in taken and not roles[n].clipped]

    def rank(loop: int) -> tuple[int, int]:
        return roles[loop].extent, -abs(roles[loop].steps[operand])

    return max(found, key=rank, default=None)


def _own_loops(roles: Sequence[Role], operand: int) -> Iterator[int]:
    for n, r in enumerate(roles):
        if r.is_output and all(bool(step) == (k == operand) for k, step in enumerate(r.steps)):
            yield n


LOAD = 0.25
"""What a load costs beside a multiplication, as far as both go on at once."""

TRAFFIC = 1.0
"""What it costs to fetch a vector from the second-level cache for one multiplication."""

FEWEST_SUMS = 12
"""Sums that must go on at once so that none waits for its last addition."""


def multiplication_cost(extents: tuple[int, int], rows: int, vectors: int) -> float:
    """Return the time of a multiplication that counts, in a tile of that many sums.

    The tile is one of many along loops of these lengths, the lanes' counted in vectors.
    """
    sums = rows * vectors
    waiting = max(1.0, FEWEST_SUMS / sums)
    loads = LOAD * (rows + vectors) / sums + TRAFFIC / rows
    return waste(extents[0], rows) * waste(extents[1], vectors) * waiting * (1 + loads)


def waste(extent: int, size: int) -> float:
    """Return how much longer whole tiles are than what they cover."""
    return -(-extent // size) * size / extent


def even(extent: int, size: int) -> int:
    """Return the size, at most ``size``, that divides ``extent`` into tiles most evenly."""
    if extent <= size:
        return max(extent, 1)
    return -(-extent // -(-extent // size))


# Memory --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Footprint:
    """How far an operand reaches in memory: for each of its axes its length, and its loops."""

    axes: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
    itemsize: int

    def bytes(self, extents: Sequence[int]) -> int:
        """Return how many bytes are read while the loops run over these extents."""
        lengths = (
            min(size, 1 + sum(abs(c) * (extents[n] - 1) for n, c in terms))
            for size, terms in self.axes
        )
        return self.itemsize * prod(lengths)


def hoisted(
    extents: Sequence[int], summed: Sequence[int], operands: Sequence[Footprint], cache: int
) -> dict[int, int]:
    """Return which summed loops go around all tiles, in blocks of how many iterations.

    Tiles read everything again for each tile of the other operand. That comes from the cache
    if outermost loops take the operands a piece at a time.
    """
    blocks: dict[int, int] = {}
    now = list(extents)
    for loop in summed:
        if reached(operands, now) <= cache:
            break
        size = extents[loop]
        while size > 1 and reached(operands, now) > cache:
            size = -(-size // 2)
            now[loop] = size
        blocks[loop] = size
    return blocks


def reached(operands: Sequence[Footprint], extents: Sequence[int]) -> int:
    """Return how many bytes of all operands are read while the loops run over these extents."""
    return sum(operand.bytes(extents) for operand in operands)
