"""Loops for Winograd's transforms: lanes along channels, a tile's elements in registers.

Channels are neighbours in all buffers, and images have the zeros around them that are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from lamina.compiler.ir import (
    Affine,
    Assign,
    Buffer,
    Expression,
    For,
    Limit,
    Load,
    Local,
    Statement,
    Store,
    op,
    plus,
)
from lamina.compiler.lowering.building import Body, Limits, in_lanes
from lamina.compiler.lowering.division import UNDIVIDED, Division, divide
from lamina.compiler.lowering.finish import Finish, stored
from lamina.compiler.machines import Machine
from lamina.compiler.winograd.operations import INPUTS, OUTPUTS, PLACES, Joined, Matrix, Tiled
from lamina.core.types import Shape, float32

IMAGE, ROW, COLUMN = "image", "row", "column"

Square = Sequence[Sequence[Expression]]


def lower_tiled(
    operation: Tiled, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that transform inputs, which have zeros around them."""
    (x,) = operands
    assert x.strides[-3] == out.strides[2] == 1
    nest = _Nest((*x.shape[:-2], *operation.image), out.bytes)

    def one(place: _Place, channel: Affine) -> Body:
        rows, columns = (
            [plus(start, Affine(first + n)) for n in range(4)]
            for start, first in zip(place.starts, operation.origin, strict=True)
        )
        loads: Square = [
            [Load(x, (*place.image, channel, row, column)) for column in columns] for row in rows
        ]
        before, terms = _transformed(INPUTS, loads)
        numbered = enumerate(term for line in terms for term in line)
        return (*before, *(Store(out, (Affine(n), place.tile, channel), t) for n, t in numbered))

    return nest.around(one, x.shape[-3], machine.lanes(x.dtype.itemsize))


def lower_joined(
    operation: Joined, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that transform products to outputs."""
    return finish_joined(operation, out, operands, stored(out), machine)


def finish_joined(
    operation: Joined, out: Buffer, operands: Sequence[Buffer], finish: Finish, machine: Machine
) -> tuple[Body, int]:
    """Return the loops that transform products to outputs, and put each through ``finish``."""
    (x,) = operands
    assert x.strides[1] == out.strides[-3] == 1
    nest = _Nest(operation.shape, x.bytes)

    def one(place: _Place, channel: Affine) -> Body:
        products = [Load(x, (Affine(n), channel, place.tile)) for n in range(PLACES)]
        body, outputs = _transformed(OUTPUTS, [products[n : n + 4] for n in range(0, PLACES, 4)])
        for n, m in place.new:
            rows, columns = place.starts
            at = (*place.image, channel, plus(rows, Affine(n)), plus(columns, Affine(m)))
            body = (*body, *finish(at, outputs[n][m]))
        return body

    return nest.around(one, out.shape[-3], machine.lanes(x.dtype.itemsize))


def _transformed(matrix: Matrix, x: Square) -> tuple[Body, Square]:
    """Return M x Mᵀ, and what has to be computed before."""
    body: list[Statement] = []

    def one(name: str, value: Expression) -> Local:
        body.append(Assign(Local(name, value.dtype), value))
        return Local(name, value.dtype)

    def named(stem: str, values: Square) -> Square:
        lines = enumerate(values)
        return [[one(f"{stem}{n}{m}", v) for m, v in enumerate(line)] for n, line in lines]

    columns = named("d", x)
    half = named("t", [[_sum(row, line) for line in zip(*columns, strict=True)] for row in matrix])
    whole = named("v", [[_sum(row, line) for row in matrix] for line in half])
    return tuple(body), whole


def _sum(signs: Sequence[float], values: Sequence[Expression]) -> Expression:
    """Return the sum of values with signs 1, 0 or -1; the first that counts are added."""
    pairs = sorted(zip(signs, range(len(signs)), strict=True), reverse=True)
    (_, first), *rest = [(sign, n) for sign, n in pairs if sign]
    found = values[first]
    for sign, n in rest:
        found = op("add" if sign > 0 else "subtract", found, values[n])
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """A tile: its image, its number, where it starts, and which of its outputs are new."""

    image: tuple[Affine, ...]
    tile: Affine
    starts: tuple[Affine, Affine]
    new: tuple[tuple[int, int], ...]


class _Nest:
    """The loops over tiles of outputs [C, H, W] or [N, C, H, W]."""

    def __init__(self, shape: Shape, touched: int) -> None:
        *before, self.height, self.width = shape
        self.images = before[:-1]
        self.rows, self.columns = -(-self.height // 2), -(-self.width // 2)
        axes = (*self.images, self.rows)
        whole = Buffer("", axes, float32, (0,) * len(axes))
        self.division = divide(whole, [dict.fromkeys(range(len(axes)), (1, 1))], touched / 8)

    def around(
        self, one: Callable[[_Place, Affine], Body], channels: int, width: int
    ) -> tuple[Body, int]:
        """Return the loops, and into how many chunks they are divided."""
        body: Body = ()
        for rows in _along(ROW, self.height, self.division, len(self.images)):
            inner: Body = ()
            for columns in _along(COLUMN, self.width, UNDIVIDED, 0):
                place = self._place(rows, columns)
                lanes = in_lanes(channels, width, partial(one, place))
                inner = (*inner, columns.around(lanes))
            body = (*body, rows.around(inner))
        if self.images:
            body = (For(IMAGE, *self.division.limits_along(0, self.images[0]), body),)
        return body, self.division.chunks

    def _place(self, rows: _Piece, columns: _Piece) -> _Place:
        image = tuple(Affine(0, ((IMAGE, 1),)) for _ in self.images)
        number = Affine(0, ((ROW, self.columns), (COLUMN, 1)))
        before = [Affine(0, ((IMAGE, self.rows * self.columns),)) for _ in self.images]
        tile = plus(before[0], number) if before else number
        new = tuple((n, m) for n in rows.new for m in columns.new)
        return _Place(image, tile, (rows.start, columns.start), new)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Tiles along an axis: their loop, where one starts, and which of its outputs are new."""

    loop: str
    limits: Limits
    start: Affine
    new: tuple[int, ...]

    def around(self, body: Body) -> For:
        """Return the loop over these tiles."""
        return For(self.loop, *self.limits, body)


def _along(loop: str, size: int, division: Division, axis: int) -> Iterator[_Piece]:
    """Yield the tiles that stand side by side, then the one at an odd end that is moved back."""
    starts, stops = division.limits_along(axis, -(-size // 2))
    whole = size // 2
    yield _Piece(loop, (starts, (*stops, Limit(Affine(whole)))), Affine(0, ((loop, 2),)), (0, 1))
    if size % 2:
        yield _Piece(loop, ((*starts, Limit(Affine(whole))), stops), Affine(size - 2), (1,))
