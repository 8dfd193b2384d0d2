"""Limits of loops: what an index that may leave its operand asks of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from lamina.compiler.ir import Affine, Buffer, Limit
from lamina.compiler.lowering.building import place
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction

Loose = Sequence[tuple[AffineIndex, int]]
Key = TypeVar("Key")


@dataclass(frozen=True)
class Clip:
    """The limits that an index puts on a loop; ``loop`` is -1 if the index never is inside."""

    loop: int
    start: Limit
    stop: Limit

    @property
    def names(self) -> frozenset[str]:
        """The other loops that the limits depend on."""
        return frozenset(name for name, _ in self.start.affine.terms)

    def first(self, values: Mapping[str, int]) -> int:
        """Return the first iteration inside, where other loops have these values."""
        return -(-_value(self.start.affine, values) // self.start.divisor)

    def end(self, values: Mapping[str, int]) -> int:
        """Return the end of the iterations inside, where other loops have these values."""
        return _value(self.stop.affine, values) // self.stop.divisor


def _value(affine: Affine, values: Mapping[str, int]) -> int:
    return affine.constant + sum(c * values[name] for name, c in affine.terms)


def loose_indices(spec: Contraction, operands: Sequence[Buffer]) -> list[tuple[AffineIndex, int]]:
    """Return the indices that may leave their operand and the zeros around it, with its length."""
    found = []
    for read, buffer in zip(spec.reads, operands, strict=True):
        for axis, (index, size) in enumerate(zip(read.indices, read.shape, strict=True)):
            around = buffer.around(axis)
            low, high = index.bounds(spec.extents)
            if index.divisor != 1 or low < -around or high >= size + around:
                found.append((index, size))
    guards = [(guard.index, guard.size) for guard in spec.guards]
    return found + [(i, size) for i, size in guards if not i.stays_inside(spec.extents, size)]


def unrollable(loose: Loose, rank: int) -> set[int]:
    """Return the output loops whose clips depend on one summed loop and nothing else."""
    involved: dict[int, bool] = {}
    for index, _ in loose:
        used = [n for n, c in enumerate(index.coefficients) if c]
        simple = len(used) == 2 and used[0] < rank <= used[1]
        for n in used:
            involved[n] = involved.get(n, True) and simple and n < rank
    return {n for n, simple in involved.items() if simple}


def clips_of(loose: Loose, loops: Sequence[str]) -> list[Clip]:
    """Return the limits, each on the innermost loop that its index contains."""
    return [_clip(index, size, loops) for index, size in loose]


def _clip(index: AffineIndex, size: int, loops: Sequence[str]) -> Clip:
    used = [n for n, c in enumerate(index.coefficients) if c]
    if not used:
        return Clip(-1, Limit(Affine(0)), Limit(Affine(0)))
    loop = used[-1]
    factor = index.coefficients[loop]
    sign = 1 if factor > 0 else -1
    terms = place(index, loops).terms
    others = tuple((n, -sign * c) for n, c in terms if n != loops[loop])
    low, high = -index.constant, size - 1 - index.constant
    if sign < 0:
        low, high = -high, -low
    past = Affine(high + abs(factor), others)  # floor(high / factor) + 1
    return Clip(loop, Limit(Affine(low, others), abs(factor)), Limit(past, abs(factor)))


def segments(
    extent: int, ranges: Mapping[Key, tuple[int, int]]
) -> Iterator[tuple[int, int, list[Key]]]:
    """Cut a loop where the set of elements that take part changes: (start, end, the elements)."""
    ends = {min(max(end, 0), extent) for pair in ranges.values() for end in pair}
    borders = sorted(ends)
    for begin, end in pairwise(borders):
        inside = [key for key, (first, last) in ranges.items() if first <= begin and end <= last]
        if inside:
            yield begin, end, inside
