"""Into how many chunks a kernel is divided, and along which axis of its result.

Chunks are what threads take one after another. Their borders depend on the kernel alone, and
no sum crosses them, so that results do not depend on who computed what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import lcm

from lamina.compiler.ir import CHUNK, Affine, Buffer, Expression, For, Limit, Statement, Store, plus
from lamina.compiler.lowering.building import (
    NO_LIMITS,
    Body,
    Limits,
    at,
    fill,
    names,
    scaled,
)

GRAIN = 5_000
"""Nanoseconds of work that a chunk has at least, many times what handing it out costs."""

MOST_CHUNKS = 32
"""Enough for the cores of one processor, and to even out what a busy one is late with."""


ENOUGH = 8
"""So many chunks along an outer axis are better than more along an inner one."""

ALIGNED = 64
"""Neighbours in memory are divided at multiples of this, so that vectors stay whole."""

UNEVEN = 2.1
"""A sum of `_late` from which on it is worth while to divide two axes."""

CHUNKS = Affine(0, ((CHUNK, 1),))

OUTER = "outer"
"""The loop, of one iteration, whose number is a chunk's slice along the outer of two axes."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Slice number n has the places ``size · n`` … ``size · (n + 1) - 1`` along an axis."""

    axis: int
    size: int
    number: Affine = CHUNKS

    def limits(self, start: int, step: int) -> tuple[Limit, Limit]:
        """Return the limits of a loop that writes the places ``start + step · loop``."""
        first = plus(scaled(self.number, self.size), Affine(-start))
        return Limit(first, step), Limit(plus(first, Affine(self.size + step - 1)), step)


@dataclass(frozen=True, slots=True)
class Division:
    """A chunk writes one slice along an axis, or of each of two axes.

    Chunk c has slice c // inner of the first and slice c - inner · (c // inner) of the second.
    """

    cuts: tuple[Cut, ...] = ()
    chunks: int = 1
    inner: int = 0

    def cut(self, axis: int) -> Cut | None:
        """Return how an axis is divided, if it is."""
        return next((cut for cut in self.cuts if cut.axis == axis), None)

    def limits(self, axis: int, start: int, step: int) -> Limits:
        """Return the limits of a loop that writes the places ``start + step · loop`` of an axis."""
        cut = self.cut(axis)
        if cut is None:
            return NO_LIMITS
        first, end = cut.limits(start, step)
        return (first,), (end,)

    def limits_along(self, axis: int, extent: int) -> Limits:
        """Return the limits of a loop over all places along an axis."""
        cut = self.cut(axis)
        if cut is None:
            return (Limit(Affine(0)),), (Limit(Affine(extent)),)
        start, stop = cut.limits(0, 1)
        return (start,), (Limit(Affine(extent)), stop)

    def fill(self, out: Buffer, value: Expression) -> Body:
        """Return the loops that store a value at all places of the chunk."""
        if not self.cuts:
            return fill(out, value)
        loops = names(out.shape, "f")
        body: tuple[Statement, ...] = (Store(out, at(loops), value),)
        for axis in sorted(range(len(loops)), key=lambda axis: out.strides[axis]):
            body = (For(loops[axis], *self.limits_along(axis, out.shape[axis]), body),)
        return body

    def around(self, body: Body) -> Body:
        """Return a chunk's body where its slice along the outer of two axes has a name."""
        if not self.inner:
            return body
        start = Limit(plus(CHUNKS, Affine(1 - self.inner)), self.inner)
        return (For(OUTER, (start,), (Limit(plus(CHUNKS, Affine(self.inner)), self.inner),), body),)


UNDIVIDED = Division()


def along(axis: int, size: int, chunks: int) -> Division:
    """Return the division along one axis."""
    return Division((Cut(axis, size),), chunks)


def chunks_for(work: float) -> int:
    """Return how many chunks are worth it for that many nanoseconds of work."""
    return max(1, min(MOST_CHUNKS, int(work / GRAIN)))


def divide(
    out: Buffer, parts: Sequence[Mapping[int, tuple[int, int]]], work: float, pairs: bool = False
) -> Division:
    """Divide along the first axis that gives enough of the chunks wanted, else the most.

    Each part says which axes it can be divided along, at multiples of how many places. With
    ``pairs``, two axes may be divided where one gives threads unequal shares.
    """
    wanted = chunks_for(work)
    best = UNDIVIDED
    if 0 in out.shape:
        return best
    axes = sorted(set.intersection(*(set(part) for part in parts)))
    units = {axis: lcm(*(n for part in parts for n in part[axis])) for axis in axes}
    for axis in axes:
        single = _single(axis, out.shape[axis], units[axis], wanted)
        if single.chunks > best.chunks and best.chunks < ENOUGH:
            best = single
    if not pairs or wanted < 2 or _late(best.chunks) < UNEVEN:
        return best
    pairings = (_pair(out, a, b, units, wanted) for a, b in combinations(axes, 2))
    more = [division for division in pairings if division.chunks > best.chunks]
    return min((best, *more), key=lambda division: (_late(division.chunks), division.chunks))


def _single(axis: int, extent: int, unit: int, wanted: int) -> Division:
    units = -(-extent // unit)
    size = unit * _balanced(units, min(wanted, units))
    return along(axis, size, -(-extent // size))


def _pair(out: Buffer, outer: int, inner: int, units: Mapping[int, int], wanted: int) -> Division:
    """Divide one axis as far as it goes, and the other into what is wanted beyond that."""
    first = _single(outer, out.shape[outer], units[outer], wanted)
    second = _single(inner, out.shape[inner], units[inner], -(-wanted // first.chunks))
    if min(first.chunks, second.chunks) == 1:
        return max(first, second, key=lambda division: division.chunks)
    number = Affine(0, ((OUTER, 1),))
    within = Affine(0, ((CHUNK, 1), (OUTER, -second.chunks)))
    cuts = replace(first.cuts[0], number=number), replace(second.cuts[0], number=within)
    return Division(cuts, first.chunks * second.chunks, second.chunks)


def _late(chunks: int) -> float:
    """Return how much longer than an even share the longest way takes, over two and four threads.

    The longest way is that of the thread with the most chunks.
    """
    return sum(-(-chunks // threads) * threads / chunks for threads in (2, 4))


def _balanced(units: int, wanted: int) -> int:
    """Return how many units make a chunk: about as many as wanted, and few threads end together."""
    most = -(-units // wanted)

    def late(size: int) -> float:
        chunks = -(-units // size)
        return _late(chunks) * chunks * size / units

    sizes = range(max(1, most // 2), most + 1) if wanted > 1 else (most,)
    return min(sizes, key=lambda size: (round(late(size), 3), -size))


def divided(out: Buffer, loops: Sequence[str], body: Body, work: float) -> tuple[Body, int]:
    """Return loops over a buffer's shape in the order of memory, one of the outer two in chunks."""
    order = sorted(range(len(loops)), key=lambda axis: -out.strides[axis])
    units = {axis: (ALIGNED if out.strides[axis] == 1 else 1, 1) for axis in order[:2]}
    division = divide(out, [units], work)
    for axis in reversed(order):
        body = (For(loops[axis], *division.limits_along(axis, out.shape[axis]), body),)
    return body, division.chunks
