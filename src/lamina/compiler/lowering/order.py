"""Which loops of a contraction go around which, so that little is fetched from far away again.

Around the tile are the result's loops, the loop over rows of tiles and the loop over columns. For
each order it is counted how many bytes each cache has to fetch: what is read inside the outermost
loop from which on everything fits is fetched once there, and again in each iteration further out,
but for what neighbouring iterations share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lamina.compiler.lowering.schedule import Footprint, Schedule, reached

ROWS, COLUMNS = -1, -2
"""The loops over tiles, beside the numbers of other loops."""

FIRST_LEVEL = 24 * 1024
"""Bytes of most of a first-level cache."""

FARTHER = 4
"""How much longer a byte takes from beyond the second-level cache than from there."""


@dataclass(frozen=True, slots=True)
class Nest:
    """A contraction's loops and what its operands reach over."""

    extents: tuple[int, ...]
    outputs: tuple[int, ...]
    schedule: Schedule
    operands: tuple[Footprint, ...]

    def order(self, cache: int) -> tuple[int, ...]:
        """Return the loops around the tile, the outermost first: the order that fetches least."""

        def cost(order: tuple[int, ...]) -> float:
            sizes = [self._reach(order[place:]) for place in range(len(order) + 1)]
            far, near = (self._fetched(order, sizes, level) for level in (cache, FIRST_LEVEL))
            return FARTHER * far + near

        return min(self._orders(), key=cost)

    def _orders(self) -> Iterator[tuple[int, ...]]:
        """Yield the orders worth comparing; of equally good ones the first is taken."""
        for place in reversed(range(len(self.outputs) + 1)):
            yield *self.outputs[:place], ROWS, *self.outputs[place:], COLUMNS
        yield COLUMNS, *self.outputs, ROWS

    def _fetched(self, order: Sequence[int], sizes: Sequence[Sequence[int]], cache: int) -> float:
        """Return how many bytes a cache of that size fetches.

        ``sizes`` are the extents of all loops inside the first loops of the order, then fewer.
        """
        fitting = (n for n, size in enumerate(sizes) if reached(self.operands, size) <= cache)
        level = next(fitting, len(order))
        return sum(self._traffic(operand, order[:level], sizes) for operand in self.operands)

    def _traffic(
        self, operand: Footprint, around: Sequence[int], sizes: Sequence[Sequence[int]]
    ) -> float:
        """Return what is fetched of an operand inside the loops around."""
        found, moved = float(operand.bytes(sizes[len(around)])), False
        for place in reversed(range(len(around))):
            inside, whole = operand.bytes(sizes[place + 1]), operand.bytes(sizes[place])
            if whole > inside:
                found, moved = found * whole / inside, True
            elif moved:
                found *= self._times(around[place])
        return found

    def _reach(self, inside: Sequence[int]) -> list[int]:
        """Return how many iterations of each loop there are inside some of them."""
        extents = list(self.extents)
        for loop in self.outputs:
            extents[loop] = extents[loop] if loop in inside else 1
        for marker in (ROWS, COLUMNS):
            if marker not in inside and (tile := self._tile(marker)) is not None:
                loop, size = tile
                extents[loop] = min(size, extents[loop])
        return extents

    def _times(self, loop: int) -> int:
        """Return the number of iterations of a loop around the tile."""
        if loop >= 0:
            return self.extents[loop]
        tile = self._tile(loop)
        return 1 if tile is None else -(-self.extents[tile[0]] // tile[1])

    def _tile(self, marker: int) -> tuple[int, int] | None:
        """Return the loop that tiles are cut along, and how far one reaches."""
        schedule = self.schedule
        if marker == ROWS:
            return None if schedule.rows is None else (schedule.rows.loop, schedule.rows.size)
        (lanes,) = schedule.columns
        return lanes.loop, lanes.size * schedule.width
