"""Into how many chunks a kernel is divided, and along which axis of its result.

Chunks are what threads take one after another. Their borders depend on the kernel alone, and
no sum crosses them, so that results do not depend on who computed what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm

from lamina.compiler.ir import CHUNK, Affine, Buffer, Expression, For, Limit, Statement, Store
from lamina.compiler.lowering.building import Body, at, fill, names, nest

GRAIN = 5_000
"""Nanoseconds of work that a chunk has at least, many times what handing it out costs."""

MOST_CHUNKS = 32
"""Enough for the cores of one processor, and to even out what a busy one is late with."""


ENOUGH = 8
"""So many chunks along an outer axis are better than more along an inner one."""

ALIGNED = 64
"""Neighbours in memory are divided at multiples of this, so that vectors stay whole."""


@dataclass(frozen=True, slots=True)
class Division:
    """Chunk c writes the places ``size · c`` … ``size · (c + 1) - 1`` along an axis."""

    axis: int
    size: int
    chunks: int

    def limits(self, start: int, step: int) -> tuple[Limit, Limit]:
        """Return the limits of a loop that writes the places ``start + step · loop``."""
        first = Affine(-start, ((CHUNK, self.size),))
        end = Affine(self.size - start + step - 1, ((CHUNK, self.size),))
        return Limit(first, step), Limit(end, step)

    def limits_along(self, axis: int, extent: int) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """Return the limits of a loop over all places along an axis."""
        starts, stops = (Limit(Affine(0)),), (Limit(Affine(extent)),)
        if axis != self.axis:
            return starts, stops
        start, stop = self.limits(0, 1)
        return (start,), (*stops, stop)

    def blocks(
        self, axis: int, extent: int, block: int
    ) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """Return the limits of a loop over blocks of places along an axis."""
        starts, stops = self.limits_along(axis, -(-extent // block))
        if axis == self.axis:
            size = self.size // block
            starts = (Limit(Affine(0, ((CHUNK, size),))),)
            stops = (stops[0], Limit(Affine(size, ((CHUNK, size),))))
        return starts, stops

    def fill(self, out: Buffer, value: Expression) -> Body:
        """Return the loops that store a value at all places of the chunk."""
        if self.axis < 0:
            return fill(out, value)
        loops = names(out.shape, "f")
        body: tuple[Statement, ...] = (Store(out, at(loops), value),)
        for axis in sorted(range(len(loops)), key=lambda axis: out.strides[axis]):
            body = (For(loops[axis], *self.limits_along(axis, out.shape[axis]), body),)
        return body


UNDIVIDED = Division(-1, 0, 1)


def chunks_for(work: float) -> int:
    """Return how many chunks are worth it for that many nanoseconds of work."""
    return max(1, min(MOST_CHUNKS, int(work / GRAIN)))


def divide(out: Buffer, parts: Sequence[Mapping[int, tuple[int, int]]], work: float) -> Division:
    """Divide along the first axis that gives enough of the chunks wanted, else the most.

    Each part says which axes it can be divided along, at multiples of how many places.
    """
    wanted = chunks_for(work)
    best = UNDIVIDED
    if 0 in out.shape:
        return best
    for axis in sorted(set.intersection(*(set(part) for part in parts))):
        unit = lcm(*(n for part in parts for n in part[axis]))
        units = -(-out.shape[axis] // unit)
        size = unit * _balanced(units, min(wanted, units))
        chunks = -(-out.shape[axis] // size)
        if chunks > best.chunks and best.chunks < ENOUGH:
            best = Division(axis, size, chunks)
    return best


def _balanced(units: int, wanted: int) -> int:
    """Return how many units make a chunk: about as many as wanted, and few threads end together.

    With t threads the longest way is that of the thread with the most chunks.
    """
    most = -(-units // wanted)

    def late(size: int) -> float:
        chunks = -(-units // size)
        return sum(-(-chunks // t) * t * size / units for t in (2, 4))

    sizes = range(max(1, most // 2), most + 1) if wanted > 1 else (most,)
    return min(sizes, key=lambda size: (round(late(size), 3), -size))


def divided(out: Buffer, loops: Sequence[str], body: Body, work: float) -> tuple[Body, int]:
    """Return loops over a buffer's shape in the order of memory, the outermost in chunks."""
    order = sorted(range(len(loops)), key=lambda axis: -out.strides[axis])
    if not order or 0 in out.shape:
        return nest([loops[a] for a in order], tuple(out.shape[a] for a in order), *body), 1
    first, *rest = order
    inner = nest([loops[a] for a in rest], tuple(out.shape[a] for a in rest), *body)
    unit = ALIGNED if out.strides[first] == 1 else 1
    division = divide(out, [{first: (unit, 1)}], work)
    if division.axis < 0:
        return nest([loops[first]], (out.shape[first],), *inner), 1
    limits = division.limits_along(first, out.shape[first])
    return (For(loops[first], *limits, inner),), division.chunks
