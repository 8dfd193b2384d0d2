"""Winograd's tiles along an axis of images, in pieces that lie alike.

At borders tiles read beyond the image; where the image is odd, the last is moved back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from lamina.compiler.ir import Affine, For, Limit, plus
from lamina.compiler.lowering.building import Body, Limits
from lamina.compiler.winograd.operations import starts


@dataclass(frozen=True, slots=True)
class Piece:
    """Tiles along an axis that lie alike: their loop, the first, the end, where each starts.

    ``inside`` says which of its lines of inputs are in the image, ``new`` which of its two outputs
    no tile before has.
    """

    loop: str
    first: int
    end: int
    start: Affine
    inside: tuple[bool, ...]
    new: tuple[int, ...]

    def around(self, limits: Limits, body: Body) -> For:
        """Return the loop over those of its tiles that are within further limits."""
        starts, stops = limits
        first, end = Limit(Affine(self.first)), Limit(Affine(self.end))
        return For(self.loop, (first, *starts), (end, *stops), body)


def within(start: Affine, size: int) -> Limits:
    """Return the limits of so many tiles from one on."""
    return (Limit(start),), (Limit(plus(start, Affine(size))),)


def pixel(line: Piece, column: Piece, n: int, m: int) -> tuple[Affine, Affine]:
    """Return the place in the image of one of a tile's outputs."""
    return plus(line.start, Affine(n)), plus(column.start, Affine(m))


Pieces = tuple[list[Piece], list[Piece]]
"""Those of lines, and those of columns."""


def of_inputs(loop: str, size: int, origin: int, length: int, side: int) -> list[Piece]:
    """Return the tiles along an axis, by which of their inputs are in images of a length.

    A tile has so many inputs on a ``side``.
    """

    def inside(first: int) -> tuple[bool, ...]:
        return tuple(0 <= first + origin + k < length for k in range(side))

    return list(_pieces(loop, size, inside))


def of_outputs(loop: str, size: int) -> list[Piece]:
    """Return the tiles along an axis, by which of their outputs no tile before has."""
    return list(_pieces(loop, size, lambda first: ()))


def _pieces(
    loop: str, size: int, inside_from: Callable[[int], tuple[bool, ...]]
) -> Iterator[Piece]:
    def kind(n: int) -> tuple[bool, tuple[bool, ...]]:
        first = starts(size)[n]
        return first == 2 * n, inside_from(first)

    end = 0
    for (even, inside), tiles in groupby(range(len(starts(size))), kind):
        first, end = end, end + len(list(tiles))
        start = Affine(0, ((loop, 2),)) if even else Affine(size - 2)
        yield Piece(loop, first, end, start, inside, (0, 1) if even else (1,))
