"""Pieces of a loop: tiles of one size each, and the loop over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lamina.compiler.ir import LANE, Affine, For, Limit
from lamina.compiler.lowering.building import NO_LIMITS, Body, Limits


@dataclass(frozen=True, slots=True)
class Piece:
    """Where the elements of a tile stand along a loop, and the loop over such tiles, if any.

    Along lanes an element is a vector, with ``lanes`` of its lanes in use.
    """

    places: tuple[Affine, ...]
    loop: For | None = None
    lanes: int = 0

    def around(self, body: Body) -> Body:
        """Return the loop over tiles."""
        return body if self.loop is None else (replace(self.loop, body=body),)


def cut(name: str, extent: int, size: int, overlap: bool, limits: Limits) -> list[Piece]:
    """Cut a loop into tiles of ``size``, limited further by ``limits``.

    What is left at the end makes a tile of its own, or one that overlaps its neighbour.
    """
    if extent <= size and limits == NO_LIMITS:
        return [Piece(_run(extent, None))]
    if overlap and extent >= size:
        return [Piece(_run(size, name), _loop(name, extent, size, limits))]
    whole = extent // size * size
    found = []
    if whole:
        found.append(Piece(_run(size, name), _loop(name, whole, size, limits)))
    if whole < extent:
        starts = (Limit(Affine(whole)), *limits[0])
        stops = (Limit(Affine(whole + 1)), *limits[1])
        found.append(Piece(_run(extent - whole, name), For(name, starts, stops, ())))
    return found


def cut_lanes(
    name: str, extent: int, vectors: int, width: int, overlap: bool, limits: Limits
) -> Iterator[Piece]:
    """Cut a loop into tiles of ``vectors`` vectors; with ``overlap`` no lane is left idle."""
    if overlap and extent >= width and vectors * width >= extent and limits == NO_LIMITS:
        starts = [min(n * width, extent - width) for n in range(-(-extent // width))]
        yield Piece(tuple(_lanes(start, None) for start in starts), None, width)
        return
    size = vectors * width
    if overlap and extent >= size:
        yield _vectors(name, vectors, width, _loop(name, extent, size, limits))
        return
    whole = extent // size * size
    if whole:
        yield _vectors(name, vectors, width, _loop(name, whole, size, limits))
    yield from _end(extent, whole, width, limits, name)


def _end(extent: int, start: int, width: int, limits: Limits, name: str) -> Iterator[Piece]:
    """Yield the vectors after the last whole tile, and the lanes after the last whole vector."""
    vectors, rest = divmod(extent - start, width)
    last = extent - rest
    pieces = ((start, vectors, width), (last, int(rest > 0), rest))
    for begin, count, lanes in pieces:
        if not count:
            continue
        if limits == NO_LIMITS:
            places = tuple(_lanes(begin + n * width, None) for n in range(count))
            yield Piece(places, None, lanes)
            continue
        starts = (Limit(Affine(begin)), *limits[0])
        stops = (Limit(Affine(begin + 1)), *limits[1])
        yield _vectors(name, count, lanes, For(name, starts, stops, ()), width)


def _vectors(name: str, count: int, lanes: int, loop: For, width: int = 0) -> Piece:
    return Piece(tuple(_lanes(n * (width or lanes), name) for n in range(count)), loop, lanes)


def _loop(name: str, extent: int, size: int, limits: Limits) -> For:
    starts = (Limit(Affine(0)), *limits[0])
    stops = (Limit(Affine(extent)), *limits[1])
    return For(name, starts, stops, (), step=size)


def _run(size: int, name: str | None) -> tuple[Affine, ...]:
    terms = () if name is None else ((name, 1),)
    return tuple(Affine(n, terms) for n in range(size))


def _lanes(start: int, name: str | None) -> Affine:
    terms = ((LANE, 1),) if name is None else ((name, 1), (LANE, 1))
    return Affine(start, terms)
