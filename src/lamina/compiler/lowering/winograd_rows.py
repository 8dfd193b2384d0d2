"""Rows of Winograd's tiles, a few tiles of some samples at a time.

Neighbouring tiles of a row make a group. What is computed of a group lies in a little memory of
the kernel's own, its tiles side by side with their samples innermost, and stays in the near caches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from math import prod

from lamina.compiler.ir import (
    Affine,
    Buffer,
    For,
    Limit,
    Load,
    Statement,
    plus,
)
from lamina.compiler.layouts import LINE as LINE_BYTES
from lamina.compiler.lowering.building import Body, count, in_lanes, scaled, zero
from lamina.compiler.lowering.division import Division, divide
from lamina.compiler.lowering.winograd import Square
from lamina.compiler.lowering.winograd_pieces import (
    Piece,
    Pieces,
    of_inputs,
    of_outputs,
    within,
)
from lamina.compiler.winograd.forms import Form
from lamina.compiler.winograd.operations import tiles_along
from lamina.core.types import DType, Shape, float32

IMAGE, ROW, LINE, GROUP, COLUMN, SLICE = "image", "row", "line", "group", "column", "slice"


class Rows:
    """The rows of tiles of a batch's outputs, in groups.

    ``image`` is the outputs' size, ``origin`` where the first window begins in inputs of the size
    ``given``. ``batch`` are the batch's axes: blocks, if it is in blocks, and the samples that lie
    together. A group has ``group`` tiles of ``samples`` samples.
    """

    def __init__(
        self,
        form: Form,
        image: Shape,
        origin: Shape,
        given: Shape,
        batch: Shape,
        group: int,
        samples: int,
    ) -> None:
        (height, width), (top, left), (rows, columns) = image, origin, given
        self.side, self.places = form.side, form.places
        self.origin, self.batch, self.group, self.samples = origin, batch, group, samples
        #: Tiles by which inputs they read, and by which outputs they write.
        self.reading: Pieces = (
            of_inputs(LINE, height, top, rows, form.side),
            of_inputs(COLUMN, width, left, columns, form.side),
        )
        self.writing: Pieces = of_outputs(LINE, height), of_outputs(COLUMN, width)
        self.rows, self.groups = tiles_along(height), tiles_along(width) // group
        self.images = prod(batch[:-1])

    @property
    def own(self) -> int:
        """How many places a group has in its memory."""
        return self.group * self.samples

    def divide(self, work: float) -> Division:
        """Return the division of all rows of all images, one after another, into chunks."""
        number = self.images * self.rows
        return divide(Buffer("", (number,), float32, (0,)), [{0: (1, 1)}], work)

    def around(self, body: Body, division: Division, before: Body = ()) -> Body:
        """Return the loops over groups, and over rows before whose groups something is done."""
        starts, stops = division.limits_along(0, self.images * self.rows)
        earlier = Affine(0, ((IMAGE, -self.rows),))
        limits = (
            (Limit(Affine(0)), *(Limit(plus(limit.affine, earlier)) for limit in starts)),
            (Limit(Affine(self.rows)), *(Limit(plus(limit.affine, earlier)) for limit in stops)),
        )
        slices = count(SLICE, self.batch[-1] // self.samples, count(GROUP, self.groups, *body))
        return (count(IMAGE, self.images, For(ROW, *limits, (*before, slices))),)

    def tiles(
        self,
        pieces: Pieces,
        loop: str,
        extent: int,
        lanes: tuple[int, int],
        one: Callable[[Piece, Piece, Affine], Body],
    ) -> Body:
        """Return the loops over a group's tiles, inside a loop, by how they lie.

        ``pieces`` are `reading` or `writing`; ``one`` is what is done with a tile of a line and
        a column, at a place along the lanes, which run over an extent in vectors of a width.
        """
        row = within(Affine(0, ((ROW, 1),)), 1)
        group = within(Affine(0, ((GROUP, self.group),)), self.group)
        found: list[Statement] = []
        for line in pieces[0]:
            columns = (
                column.around(group, in_lanes(*lanes, partial(one, line, column)))
                for column in pieces[1]
            )
            found.append(line.around(row, (count(loop, extent, *columns),)))
        return tuple(found)

    def sample(self, at: Affine) -> tuple[Affine, ...]:
        """Return where a sample of the group is along the batch's axes."""
        at = plus(at, Affine(0, ((SLICE, self.samples),)))
        return (*(Affine(0, ((IMAGE, 1),)) for _ in self.batch[:-1]), at)

    def number(self) -> Affine:
        """Return the number of the row of tiles among those of all images."""
        return Affine(0, ((IMAGE, self.rows), (ROW, 1)))

    def place(self, at: Affine) -> Affine:
        """Return where a tile's sample is in the group's own memory."""
        return Affine(at.constant, ((COLUMN, self.samples), (GROUP, -self.own), *at.terms))

    def inputs(self, x: Buffer, line: Piece, column: Piece, at: Affine, channel: Affine) -> Square:
        """Return the inputs of a tile: zeros beyond the image."""
        rows, columns = (
            [plus(piece.start, Affine(first + n)) for n in range(self.side)]
            for piece, first in zip((line, column), self.origin, strict=True)
        )
        return [
            [
                Load(x, (*self.sample(at), channel, y, x_)) if top and left else zero(x.dtype)
                for x_, left in zip(columns, column.inside, strict=True)
            ]
            for y, top in zip(rows, line.inside, strict=True)
        ]

    # Hints -----------------------------------------------------------------------------

    def pixels(self, row: int, column: int, height: int, width: int) -> list[tuple[Affine, ...]]:
        """Return places of an image that are a distance from where a group starts."""
        y, x = Affine(row, ((ROW, 2),)), Affine(column, ((GROUP, 2 * self.group),))
        places = product(range(height), range(width))
        return [(plus(y, Affine(n)), plus(x, Affine(m))) for n, m in places]

    def next_inputs(self) -> list[tuple[Affine, ...]]:
        """Return the places of inputs that the next group is the first to read."""
        (top, left), size = self.origin, 2 * self.group
        return self.pixels(top, left + self.side - 2 + size, self.side, size)

    def by_place(self, name: str, rows: int, columns: int, kind: DType) -> Buffer:
        """Return a little memory with rows and columns for each place of a tile.

        Places are moved apart by a line, as they would else compete for the same places of the
        cache.
        """
        step = rows * columns + LINE_BYTES // kind.itemsize
        return Buffer(name, (self.places, rows, columns), kind, (step, columns, 1))


def lines(extent: int, kind: DType) -> list[Affine]:
    """Return the elements at which lines of the cache begin."""
    return [Affine(n) for n in range(0, extent, LINE_BYTES // kind.itemsize)]


def share(
    loop: str, extent: int, before: Affine, parts: int, of: int, body: Sequence[Statement]
) -> For:
    """Return the loop over the share of an extent that some parts have, after those before."""
    first = scaled(before, extent)
    last = plus(first, Affine(parts * extent + of - 1))
    return For(loop, (Limit(first, of),), (Limit(last, of),), tuple(body))
