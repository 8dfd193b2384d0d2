"""A box of elements of an image."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.core.types import Array, Shape


@dataclass(frozen=True)
class Box:
    """The elements from ``start`` up to, not including, ``stop`` along every axis.

    >>> box = Box((2, 0), (7, 5))
    >>> print(box, box.shape, box.slices)
    2…6 × 0…4 (5, 5) (slice(2, 7, None), slice(0, 5, None))
    """

    start: Shape
    stop: Shape

    @property
    def shape(self) -> Shape:
        """The size along every axis."""
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """What cuts the box out of an array."""
        return tuple(map(slice, self.start, self.stop))

    @property
    def empty(self) -> bool:
        """Whether there is no element inside."""
        return prod(self.shape) == 0

    def __str__(self) -> str:
        if self.empty:
            return "nothing"
        return " × ".join(f"{a}…{b - 1}" for a, b in zip(self.start, self.stop, strict=True))


def hull(mask: Array) -> Box:
    """Return the smallest box around the true elements.

    >>> print(hull(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 1]], bool)))
    1…2 × 1…2
    """
    return hull_of_places([np.asarray(mask.any(_others(mask.ndim, n))) for n in range(mask.ndim)])


def hull_of_places(marked: list[Array]) -> Box:
    """Return the smallest box around a product of sets, each a boolean vector along its axis."""
    places = [np.flatnonzero(line) for line in marked]
    if any(len(line) == 0 for line in places):
        return Box((0,) * len(places), (0,) * len(places))
    return Box(tuple(int(line[0]) for line in places), tuple(int(line[-1]) + 1 for line in places))


def _others(rank: int, axis: int) -> tuple[int, ...]:
    return tuple(n for n in range(rank) if n != axis)
