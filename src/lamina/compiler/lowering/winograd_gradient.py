"""Loops for the gradients of factors, and from them of filters.

Of a group of tiles the terms are computed with lanes along channels, the transformed errors with
lanes along samples; then, for each place, the products of single errors with vectors of terms are
summed over the group in registers, and added to the gradients in memory. So nothing is ever summed
over lanes. Every chunk adds up gradients of its own, in the order of its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod

from lamina.compiler.ir import (
    CHUNK,
    LANE,
    Accumulate,
    Affine,
    Buffer,
    Expression,
    For,
    Load,
    Prefetch,
    Statement,
    Store,
    plus,
)
from lamina.compiler.lowering.building import Body, count, nest, zero
from lamina.compiler.lowering.division import along, divide
from lamina.compiler.lowering.winograd import Square, from_places, to_places
from lamina.compiler.lowering.winograd_pieces import Piece, pixel
from lamina.compiler.lowering.winograd_product import Product, tile, together
from lamina.compiler.lowering.winograd_rows import Rows, lines, share
from lamina.compiler.machines import Machine
from lamina.compiler.winograd.forms import THREE
from lamina.compiler.winograd.gradients import ERRORS, WEIGHTS, Correlated, FilterGradient
from lamina.compiler.winograd.operations import LARGEST, tiles_along

CHANNEL, FILTER, STEP, PLACE, SAMPLE, OUT = "channel", "filter", "step", "place", "sample", "out"

VECTORS = (4, 2, 1)
"""Vectors of a group's errors: so many times as many products are summed in registers."""

_CHANNEL, _FILTER, _STEP, _PLACE, _SAMPLE, _OUT = (
    Affine(0, ((n, 1),)) for n in (CHANNEL, FILTER, STEP, PLACE, SAMPLE, OUT)
)
_PART = Affine(0, ((CHUNK, 1),))


def lower_correlated(
    operation: Correlated, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that add up the gradients of factors, a part in each chunk."""
    x, errors = operands
    nest_ = _Nest(operation, out, x, errors, machine)
    number = nest_.rows.images * nest_.rows.rows
    division = along(0, -(-number // operation.parts), operation.parts)
    return (*nest_.zeros(), *nest_.rows.around(nest_.body(), division)), operation.parts


class _Nest:
    """What is done with a group."""

    def __init__(
        self, operation: Correlated, out: Buffer, x: Buffer, errors: Buffer, machine: Machine
    ) -> None:
        self.out, self.x, self.errors, self.kind = out, x, errors, out.dtype
        *_, self.filters, self.channels = out.shape
        self.width, batch = machine.lanes(out.dtype.itemsize), errors.shape[:-3]
        assert x.strides[-3] == errors.strides[len(batch) - 1] == 1
        each = THREE.places * (self.filters + self.channels) * machine.vector_bytes
        most = next((n for n in VECTORS if n * each <= LARGEST), 1)
        group, vectors = together(tiles_along(errors.shape[-1]), batch[-1] // self.width, most)
        samples, image = vectors * self.width, errors.shape[-2:]
        self.rows = Rows(THREE, image, operation.origin, x.shape[-2:], batch, group, samples)
        vectors = self.channels // self.width
        self.filters_at_once, self.vectors = tile(self.filters, vectors, machine)
        own = self.rows.own
        self.terms = self.rows.by_place("terms", own, self.channels, self.kind)
        self.factors = self.rows.by_place("factors", self.filters, own, self.kind)

    def zeros(self) -> Body:
        """Return the loops that clear a chunk's part."""
        loops = ("z0", "z1", "z2")
        at = (_PART, *(Affine(0, ((loop, 1),)) for loop in loops))
        return nest(loops, self.out.shape[1:], Store(self.out, at, zero(self.kind)))

    def body(self) -> Body:
        """Return the loops for the terms and errors of a group, and for their products."""
        return (*self._terms(), *self._factors(), self._products())

    def _terms(self) -> Body:
        lanes, samples = (self.channels, self.width), self.rows.samples
        return self.rows.tiles(self.rows.reading, SAMPLE, samples, lanes, self._term)

    def _term(self, line: Piece, column: Piece, channel: Affine) -> Body:
        """Return the transform of a tile's inputs."""
        inputs = self.rows.inputs(self.x, line, column, _SAMPLE, channel)
        return to_places(self.terms, (self.rows.place(_SAMPLE), channel), THREE.inputs, inputs)

    def _factors(self) -> Body:
        lanes = self.rows.samples, self.width
        return self.rows.tiles(self.rows.writing, OUT, self.filters, lanes, self._factor)

    def _factor(self, line: Piece, column: Piece, at: Affine) -> Body:
        """Return the transform of a tile's error terms, those that no tile before has."""
        sample = self.rows.sample(at)
        square: Square = [
            [
                Load(self.errors, (*sample, _OUT, *pixel(line, column, n, m)))
                if n in line.new and m in column.new
                else zero(self.kind)
                for m in (0, 1)
            ]
            for n in (0, 1)
        ]
        return to_places(self.factors, (_OUT, self.rows.place(at)), ERRORS, square)

    def _products(self) -> Statement:
        """Return the loops that add products to the gradients."""
        step = self.vectors * self.width

        def channel(n: int) -> Affine:
            return Affine(n * self.width, ((CHANNEL, 1), (LANE, 1)))

        def filters(r: int) -> Affine:
            return plus(_FILTER, Affine(r))

        def factor(r: int) -> Load:
            return Load(self.factors, (_PLACE, filters(r), _STEP))

        def term(n: int) -> Load:
            return Load(self.terms, (_PLACE, _STEP, channel(n)))

        def end(r: int, n: int, total: Expression) -> Statement:
            return Accumulate(self.out, (_PART, _PLACE, filters(r), channel(n)), total)

        rows, own = self.filters_at_once, self.rows.own
        sums = Product(rows, self.vectors, STEP, own, factor, term, end).body(self.width)
        channels = replace(count(CHANNEL, self.channels, sums), step=step)
        filters_ = replace(count(FILTER, self.filters, channels), step=rows)
        return count(PLACE, self.rows.places, *self._hints(), filters_)

    def _hints(self) -> Body:
        """Return hints at what the next group reads, some for each of the places."""
        size = 2 * self.rows.group
        inputs = [
            Prefetch(self.x, (*self.rows.sample(_SAMPLE), at, *place))
            for at, place in product(lines(self.channels, self.kind), self.rows.next_inputs())
        ]
        errors = [
            Prefetch(self.errors, (*self.rows.sample(at), _OUT, *place))
            for at in lines(self.rows.samples, self.kind)
            for place in self.rows.pixels(0, size, 2, size)
        ]
        return (
            share(SAMPLE, self.rows.samples, _PLACE, 1, self.rows.places, inputs),
            share(OUT, self.filters, _PLACE, 1, self.rows.places, errors),
        )


def lower_filter_gradient(
    operation: FilterGradient, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that transform gradients of factors, of one filter after another."""
    (x,) = operands
    before, weights = from_places(x, (_OUT, _CHANNEL), WEIGHTS)
    stores = (
        Store(out, (_OUT, _CHANNEL, Affine(n), Affine(m)), weight)
        for n, line in enumerate(weights)
        for m, weight in enumerate(line)
    )
    division = divide(out, [{0: (1, 1)}], prod(out.shape) / 2)
    inner = count(CHANNEL, out.shape[1], *before, *stores)
    return (For(OUT, *division.limits_along(0, out.shape[0]), (inner,)),), division.chunks
