"""Into how many chunks a kernel is divided, and along which axis of its result.

Chunks are what threads take one after another. Their borders depend on the kernel alone, and
no sum crosses them, so that results do not depend on who computed what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm

from lamina.compiler.ir import CHUNK, Affine, Buffer, Expression, For, Limit, Statement, Store
from lamina.compiler.lowering.building import Body, at, fill, names

GRAIN = 12_000
"""Nanoseconds of work that a chunk has at least, many times what handing it out costs."""

MOST_CHUNKS = 32
"""Enough for the cores of one processor, and to even out what a busy one is late with."""


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

    def fill(self, out: Buffer, value: Expression) -> Body:
        """Return the loops that store a value at all places of the chunk."""
        if self.axis < 0:
            return fill(out, value)
        loops = names(out.shape, "f")
        body: tuple[Statement, ...] = (Store(out, at(loops), value),)
        for axis in sorted(range(len(loops)), key=lambda axis: out.strides[axis]):
            starts, stops = (Limit(Affine(0)),), (Limit(Affine(out.shape[axis])),)
            if axis == self.axis:
                start, stop = self.limits(0, 1)
                starts, stops = (start,), (*stops, stop)
            body = (For(loops[axis], starts, stops, body),)
        return body


UNDIVIDED = Division(-1, 0, 1)


def chunks_for(work: float) -> int:
    """Return how many chunks are worth it for that many nanoseconds of work."""
    return max(1, min(MOST_CHUNKS, int(work / GRAIN)))


def divide(
    out: Buffer, parts: Sequence[Mapping[int, tuple[int, int]]], work: float
) -> Division:
    """Divide along the axis that gives the most chunks of those wanted, an outer one if equal.

    Each part says which axes it can be divided along, at multiples of how many places.
    """
    wanted = chunks_for(work)
    best = UNDIVIDED
    for axis in sorted(set.intersection(*(set(part) for part in parts))):
        unit = lcm(*(n for part in parts for n in part[axis]))
        units = -(-out.shape[axis] // unit)
        size = unit * -(-units // min(wanted, units))
        chunks = -(-out.shape[axis] // size)
        if chunks > best.chunks:
            best = Division(axis, size, chunks)
    return best
