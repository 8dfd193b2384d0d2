"""Loops for whole convolutions in tiles: lanes along the batch.

Of a group of tiles the terms of all channels are computed, then for a few filters at a time the
products of its terms and the factors, and the outputs of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod

from lamina.compiler.ir import (
    LANE,
    Accumulate,
    Affine,
    Assign,
    Buffer,
    Expression,
    Load,
    Prefetch,
    Statement,
    Store,
    plus,
)
from lamina.compiler.lowering.building import Body, count, nest, scaled, zero
from lamina.compiler.lowering.finish import Finish, stored
from lamina.compiler.lowering.winograd import from_places, to_places
from lamina.compiler.lowering.winograd_pieces import Piece, pixel
from lamina.compiler.lowering.winograd_product import Product, tile, together
from lamina.compiler.lowering.winograd_rows import Rows, lines, share
from lamina.compiler.machines import Machine
from lamina.compiler.winograd.forms import with_places
from lamina.compiler.winograd.operations import Convolved, tiles_along

CHANNEL, FILTER, OWN, PLACE, VECTORS = "channel", "filter", "own", "place", "vectors"

MOST = 2
"""Vectors of terms, for each place and channel, that are multiplied by a factor once loaded."""

_CHANNEL, _OWN, _PLACE, _FILTER = (Affine(0, ((n, 1),)) for n in (CHANNEL, OWN, PLACE, FILTER))


def lower_convolved(
    operation: Convolved, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops of a convolution in tiles."""
    return finish_convolved(operation, out, operands, stored(out), machine)


def finish_convolved(
    operation: Convolved,
    out: Buffer,
    operands: Sequence[Buffer],
    finish: Finish,
    machine: Machine,
    sums: Sequence[Buffer] = (),
) -> tuple[Body, int]:
    """Return the loops of a convolution in tiles, every element put through ``finish``.

    The sums of ``finish`` are added up over each row of tiles, to ``sums``.
    """
    factors, x = operands
    tiles = _Nest(operation, out, factors, x, finish, sums, machine)
    division = tiles.rows.divide(factors.span * prod(out.shape[:-3]) * prod(out.shape[-2:]) / 200)
    return tiles.rows.around(tiles.body(), division, tiles.zeros()), division.chunks


class _Nest:
    """What is done with a group."""

    def __init__(
        self,
        operation: Convolved,
        out: Buffer,
        factors: Buffer,
        x: Buffer,
        finish: Finish,
        sums: Sequence[Buffer],
        machine: Machine,
    ) -> None:
        self.sums = dict(zip(finish.sums.values(), sums, strict=True))
        self.factors, self.x, self.finish, self.kind = factors, x, finish, out.dtype
        places, self.filters, self.channels = factors.shape
        form = with_places(places)
        assert form is not None
        self.form = form
        self.width, batch = machine.lanes(out.dtype.itemsize), out.shape[:-3]
        assert x.strides[len(batch) - 1] == out.strides[len(batch) - 1] == 1
        group, vectors = together(tiles_along(out.shape[-1]), batch[-1] // self.width, MOST)
        samples = vectors * self.width
        self.rows = Rows(
            self.form, operation.image, operation.origin, x.shape[-2:], batch, group, samples
        )
        self.filters_at_once, self.vectors = tile(self.filters, group * vectors, machine)
        own = self.rows.own
        self.terms = self.rows.by_place("terms", self.channels, own, self.kind)
        self.products = self.rows.by_place("products", self.filters_at_once, own, self.kind)

    def zeros(self) -> Body:
        """Return the loops that clear the sums of a row."""
        loops = ("z0", "z1")
        at = (self.rows.number(), *(Affine(0, ((loop, 1),)) for loop in loops))
        clears = (Store(buffer, at, zero(self.kind)) for buffer in self.sums.values())
        shape = (self.filters, self.rows.batch[-1])
        return nest(loops, shape, *clears) if self.sums else ()

    def body(self) -> Body:
        """Return the loops for the terms of a group, and for its outputs."""
        outputs = (self._products(), *self._outputs())
        filters = replace(count(FILTER, self.filters, *outputs), step=self.filters_at_once)
        return (*self._terms(), filters)

    def _terms(self) -> Body:
        lanes = self.rows.samples, self.width
        return self.rows.tiles(self.rows.reading, CHANNEL, self.channels, lanes, self._term)

    def _term(self, line: Piece, column: Piece, at: Affine) -> Body:
        """Return the transform of a tile's inputs."""
        inputs = self.rows.inputs(self.x, line, column, at, _CHANNEL)
        return to_places(self.terms, (_CHANNEL, self.rows.place(at)), self.form.inputs, inputs)

    def _products(self) -> Statement:
        """Return the loops that multiply the terms of a group with the factors of some filters."""
        step = self.vectors * self.width

        def own(n: int) -> Affine:
            return Affine(n * self.width, ((VECTORS, step), (LANE, 1)))

        def factor(r: int) -> Load:
            return Load(self.factors, (_PLACE, plus(_FILTER, Affine(r)), _CHANNEL))

        def term(n: int) -> Load:
            return Load(self.terms, (_PLACE, _CHANNEL, own(n)))

        def end(r: int, n: int, total: Expression) -> Statement:
            return Store(self.products, (_PLACE, Affine(r), own(n)), total)

        sums = Product(
            self.filters_at_once, self.vectors, CHANNEL, self.channels, factor, term, end
        )
        vectors = count(VECTORS, self.rows.own // step, sums.body(self.width))
        return count(PLACE, self.form.places, *self._hints(), vectors)

    def _hints(self) -> Body:
        """Return hints at what is written and read soon, some for each of the places.

        Of every channel it is a little, so that processors do not see it coming.
        """
        here = self.rows.pixels(0, 0, 2, 2 * self.rows.group)
        samples = [self.rows.sample(at) for at in lines(self.rows.samples, self.kind)]
        far = [array for array in self.finish.arrays if all(array.strides)]
        outputs = [
            Prefetch(array, (*sample, plus(_FILTER, _OWN), *place))
            for array in dict.fromkeys((*self.finish.stores.values(), *far))
            for sample, place in product(samples, here)
        ]
        inputs = [
            Prefetch(self.x, (*sample, _CHANNEL, *place))
            for sample, place in product(samples, self.rows.next_inputs())
        ]
        some, all_of = self.filters_at_once, self.form.places * self.filters
        before = plus(scaled(_FILTER, self.form.places), scaled(_PLACE, some))
        return (
            share(OWN, some, _PLACE, 1, self.form.places, outputs),
            share(CHANNEL, self.channels, before, some, all_of, inputs),
        )

    def _outputs(self) -> Body:
        lanes, number = (self.rows.samples, self.width), self.filters_at_once
        return self.rows.tiles(self.rows.writing, OWN, number, lanes, self._output)

    def _output(self, line: Piece, column: Piece, at: Affine) -> Body:
        """Return the transform of a tile's products, and what is done with the outputs."""
        body, outputs = from_places(self.products, (_OWN, self.rows.place(at)), self.form.outputs)
        for n, m in product(line.new, column.new):
            target = (*self.rows.sample(at), plus(_FILTER, _OWN), *pixel(line, column, n, m))
            body = (*body, *self.finish(target, outputs[n][m]))
        clears = (Assign(total, zero(self.kind)) for total in self.sums)
        row = (self.rows.number(), plus(_FILTER, _OWN), self.rows.sample(at)[-1])
        ends = (Accumulate(buffer, row, total) for total, buffer in self.sums.items())
        return (*clears, *body, *ends)
