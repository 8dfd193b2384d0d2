"""Loops for Winograd's transforms of filters and, lanes along channels, of inputs and outputs.

A tile's elements are in registers. Channels are neighbours in all buffers but the filters', and
images have the zeros around them that are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from lamina.compiler.ir import (
    Affine,
    Assign,
    Buffer,
    Expression,
    For,
    Load,
    Local,
    Number,
    Statement,
    Store,
    op,
    plus,
)
from lamina.compiler.lowering.building import NO_LIMITS, Body, count, in_lanes
from lamina.compiler.lowering.contraction import lower_contraction
from lamina.compiler.lowering.division import divide
from lamina.compiler.lowering.finish import Finish, stored
from lamina.compiler.lowering.winograd_pieces import Piece, of_outputs
from lamina.compiler.machines import Machine
from lamina.compiler.winograd.forms import FORMS, Matrix
from lamina.compiler.winograd.operations import Factors, Joined, RowSums, Tiled, tiles_along
from lamina.core.types import Shape, float32
from lamina.ops.loops import Loop, contraction

IMAGE, ROW, COLUMN = "image", "row", "column"
OUT, GIVEN = "out", "given"

Square = Sequence[Sequence[Expression]]
Weights = Sequence[float]


def lower_factors(
    operation: Factors, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that transform filters, one after another."""
    (x,) = operands
    first, second = Affine(0, ((OUT, 1),)), Affine(0, ((GIVEN, 1),))
    filters = (second, first) if operation.turned else (first, second)
    size = x.shape[-1]
    places = range(size)[::-1] if operation.turned else range(size)
    weights = [[Load(x, (*filters, Affine(n), Affine(m))) for m in places] for n in places]
    body = to_places(out, (first, second), FORMS[size].filters, weights)
    division = divide(out, [{1: (1, 1)}], out.span / 3)
    inner = count(GIVEN, out.shape[2], *body)
    return (For(OUT, *division.limits_along(1, out.shape[1]), (inner,)),), division.chunks


def lower_tiled(
    operation: Tiled, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that transform inputs, which have zeros around them."""
    (x,) = operands
    assert x.strides[-3] == out.strides[2] == 1
    nest, form = _Nest((*x.shape[:-2], *operation.image), out.bytes), FORMS[operation.size]

    def one(place: _Place, channel: Affine) -> Body:
        rows, columns = (
            [plus(start, Affine(first + n)) for n in range(form.side)]
            for start, first in zip(place.starts, operation.origin, strict=True)
        )
        loads: Square = [
            [Load(x, (*place.image, channel, row, column)) for column in columns] for row in rows
        ]
        return to_places(out, (place.tile, channel), form.inputs, loads)

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
    nest, form = _Nest(operation.shape, x.bytes), FORMS[operation.size]

    def one(place: _Place, channel: Affine) -> Body:
        body, outputs = from_places(x, (channel, place.tile), form.outputs)
        for n, m in place.new:
            rows, columns = place.starts
            at = (*place.image, channel, plus(rows, Affine(n)), plus(columns, Affine(m)))
            body = (*body, *finish(at, outputs[n][m]))
        return body

    return nest.around(one, out.shape[-3], machine.lanes(x.dtype.itemsize))


def to_places(out: Buffer, at: tuple[Affine, ...], matrix: Matrix, x: Square) -> Body:
    """Return the transform of a square, stored at each of a tile's places."""
    before, found = transformed(matrix, x)
    numbered = enumerate(value for line in found for value in line)
    return (*before, *(Store(out, (Affine(n), *at), value) for n, value in numbered))


def from_places(x: Buffer, at: tuple[Affine, ...], matrix: Matrix) -> tuple[Body, Square]:
    """Return the transform of what lies at each of a tile's places, and what comes before."""
    side = len(matrix[0])
    loads = [Load(x, (Affine(n), *at)) for n in range(side**2)]
    return transformed(matrix, [loads[n : n + side] for n in range(0, side**2, side)])


def transformed(matrix: Matrix, x: Square) -> tuple[Body, Square]:
    """Return M x Mᵀ, and what has to be computed before."""
    body: list[Statement] = []

    def named(values: Iterable[Expression]) -> list[Expression]:
        assigned = [Assign(Local(f"v{len(body) + n}", v.dtype), v) for n, v in enumerate(values)]
        body.extend(assigned)
        return [statement.local for statement in assigned]

    def multiplied(columns: Square) -> Square:
        return [named(_multiplied(matrix, line, named)) for line in columns]

    square = [named(line) for line in x]
    half = multiplied(list(zip(*square, strict=True)))
    whole = multiplied(list(zip(*half, strict=True)))
    return tuple(body), whole


Named = Callable[[Iterable[Expression]], list[Expression]]


def _multiplied(matrix: Matrix, values: Sequence[Expression], named: Named) -> list[Expression]:
    """Return M x. Neighbouring rows that differ in some signs share the sums of like and unlike."""
    found: list[Expression] = []
    while len(found) < len(matrix):
        row, *others = matrix[len(found) : len(found) + 2]
        like, unlike = _shared(row, others[0]) if others else ((), ())
        if any(like) and any(unlike):
            found += _plus_minus(like, unlike, values, named)
        else:
            found.append(_sum(row, values))
    return found


def _shared(row: Weights, other: Weights) -> tuple[Weights, Weights]:
    """Return weights that two rows share, and those of other signs; none if sizes differ."""
    pairs = list(zip(row, other, strict=True))
    if any(abs(v) != abs(w) for v, w in pairs):
        return (), ()
    return tuple(v if v == w else 0 for v, w in pairs), tuple(v if v != w else 0 for v, w in pairs)


def _plus_minus(
    like: Weights, unlike: Weights, values: Sequence[Expression], named: Named
) -> Iterator[Expression]:
    """Yield the sum, and the difference, of two sums."""
    factor = next(weight for weight in reversed(unlike) if weight)
    sums = (_sum(like, values), _sum([weight / factor for weight in unlike], values))
    pair = named(sums)
    yield from (_sum((1, weight), pair) for weight in (factor, -factor))


def _sum(weights: Sequence[float], values: Sequence[Expression]) -> Expression:
    """Return the sum of values with weights; one of weight 1 is first, or the greatest."""
    used = [(weight == 1, weight, n) for n, weight in enumerate(weights) if weight]
    (_, weight, first), *rest = sorted(used, reverse=True)
    found = _times(weight, values[first])
    for _, weight, n in rest:
        found = _added(found, weight, values[n])
    return found


def _added(total: Expression, weight: float, value: Expression) -> Expression:
    if abs(weight) == 1:
        return op("add" if weight > 0 else "subtract", total, value)
    return op("sum", total, _times(weight, value))


def _times(weight: float, value: Expression) -> Expression:
    return value if weight == 1 else op("multiply", Number(weight, value.dtype), value)


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
        self.rows, self.columns = tiles_along(self.height), tiles_along(self.width)
        axes = (*self.images, self.rows)
        whole = Buffer("", axes, float32, (0,) * len(axes))
        self.division = divide(whole, [dict.fromkeys(range(len(axes)), (1, 1))], touched / 8)

    def around(
        self, one: Callable[[_Place, Affine], Body], channels: int, width: int
    ) -> tuple[Body, int]:
        """Return the loops, and into how many chunks they are divided."""
        body: Body = ()
        limits = self.division.limits(len(self.images), 0, 1)
        for rows in of_outputs(ROW, self.height):
            inner: Body = ()
            for columns in of_outputs(COLUMN, self.width):
                place = self._place(rows, columns)
                lanes = in_lanes(channels, width, partial(one, place))
                inner = (*inner, columns.around(NO_LIMITS, lanes))
            body = (*body, rows.around(limits, inner))
        if self.images:
            body = (For(IMAGE, *self.division.limits_along(0, self.images[0]), body),)
        return body, self.division.chunks

    def _place(self, rows: Piece, columns: Piece) -> _Place:
        image = tuple(Affine(0, ((IMAGE, 1),)) for _ in self.images)
        number = Affine(0, ((ROW, self.columns), (COLUMN, 1)))
        before = [Affine(0, ((IMAGE, self.rows * self.columns),)) for _ in self.images]
        tile = plus(before[0], number) if before else number
        new = tuple((n, m) for n in rows.new for m in columns.new)
        return _Place(image, tile, (rows.start, columns.start), new)


def lower_row_sums(
    operation: RowSums, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that sum pairs of rows, where no convolution does it."""
    (x,) = operands
    *blocks, _, channels, height, width = x.shape
    block, row, channel, sample, line, column = (
        Loop("", n) for n in (*(blocks or (1,)), height // 2, channels, operation.samples, 2, width)
    )
    before = (block,) if blocks else ()
    spec = contraction(
        (block, row, channel, sample),
        (x.shape, (*before, sample, channel, 2 * row + line, column)),
    )
    shape = tuple(loop.extent for loop in (block, row, channel, sample))
    step = out.strides[0]
    seen = Buffer(out.name, shape, out.dtype, (height // 2 * step, step, *out.strides[1:]))
    return lower_contraction(spec, seen, operands, machine)
