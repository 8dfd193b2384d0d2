"""Shorthand for writing loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod

from lamina.compiler.ir import (
    LANE,
    Affine,
    Buffer,
    Expression,
    For,
    Limit,
    Number,
    Op,
    Statement,
    Store,
    op,
)
from lamina.core.types import DType, Shape, int64
from lamina.ops.affine import AffineIndex

Body = tuple[Statement, ...]

Limits = tuple[tuple[Limit, ...], tuple[Limit, ...]]
"""Starts and stops."""

NO_LIMITS: Limits = ((), ())

BLOCK = "block"
"""The loop over vectors."""


def count(loop: str, extent: int, *body: Statement) -> For:
    """Return ``for loop in range(extent): body``."""
    return For(loop, (Limit(Affine(0)),), (Limit(Affine(extent)),), body)


def in_lanes(extent: int, width: int, one: Callable[[Affine], Body]) -> Body:
    """Return the loop over an extent in vectors, what is left over in some lanes of one more.

    ``one`` returns the body for the element at an index.
    """
    whole, rest = divmod(extent, width)
    found: Body = ()
    if whole:
        along = Affine(0, ((BLOCK, width), (LANE, 1)))
        found = (count(BLOCK, whole, _vector(width, width, one(along))),)
    if rest:
        found = (*found, _vector(rest, width, one(Affine(whole * width, ((LANE, 1),)))))
    return found


def _vector(lanes: int, width: int, body: Body) -> For:
    return replace(count(LANE, lanes, *body), lanes=width)


def nest(loops: Sequence[str], shape: Shape, *body: Statement) -> Body:
    """Return loops over a shape, the first outermost."""
    for loop, extent in zip(reversed(loops), reversed(shape), strict=True):
        body = (count(loop, extent, *body),)
    return body


def nest_for(out: Buffer, loops: Sequence[str], *body: Statement) -> Body:
    """Return loops over a buffer's shape, in the order in which its memory runs."""
    order = sorted(range(len(loops)), key=lambda axis: -out.strides[axis])
    return nest([loops[a] for a in order], tuple(out.shape[a] for a in order), *body)


def names(shape: Sequence[int], stem: str = "i") -> list[str]:
    """Return a loop name for every axis."""
    return [f"{stem}{axis}" for axis in range(len(shape))]


def at(loops: Sequence[str]) -> tuple[Affine, ...]:
    """Return the loops as indices."""
    return tuple(Affine(0, ((loop, 1),)) for loop in loops)


def place(index: AffineIndex, loops: Sequence[str]) -> Affine:
    """Return an affine index without division over named loops."""
    terms = tuple((n, c) for n, c in zip(loops, index.coefficients, strict=True) if c)
    return Affine(index.constant, terms)


def integer(value: int) -> Number:
    """Return an int64."""
    return Number(value, int64)


def zero(dtype: DType) -> Number:
    """Return 0 of a dtype."""
    return Number(dtype.type(0).item(), dtype)


def fill(buffer: Buffer, value: Expression) -> Body:
    """Return loops that store one value everywhere."""
    (buffer,) = merge((buffer,))
    loops = names(buffer.shape, "f")
    return nest_for(buffer, loops, Store(buffer, at(loops), value))


def inside(index: Expression, size: int) -> Op:
    """Return ``0 <= index < size``."""
    low = op("less_equal", integer(0), index)
    return op("and", low, op("less", index, integer(size)))


def merge(buffers: Sequence[Buffer]) -> list[Buffer]:
    """Return the buffers with as few axes as they can be read by, in the order of memory.

    They have one shape. Neighbouring axes become one where in every buffer the outer one
    goes on where the inner one ends.
    """
    shape = buffers[0].shape
    order = sorted(range(len(shape)), key=lambda axis: -buffers[0].strides[axis])
    groups: list[list[int]] = []
    for axis in order:
        if shape[axis] == 1:
            continue
        outer = groups[-1][-1] if groups else None
        if outer is not None and _continues(buffers, outer, axis):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    return [_merged(buffer, groups) for buffer in buffers]


def _continues(buffers: Sequence[Buffer], outer: int, inner: int) -> bool:
    return all(b.strides[outer] == b.strides[inner] * b.shape[inner] for b in buffers)


def _merged(buffer: Buffer, groups: Sequence[Sequence[int]]) -> Buffer:
    shape = tuple(prod(buffer.shape[axis] for axis in group) for group in groups)
    strides = tuple(buffer.strides[group[-1]] for group in groups)
    return Buffer(buffer.name, shape, buffer.dtype, strides, (), buffer.offset)


def flat(buffer: Buffer) -> Buffer | None:
    """Return the buffer as one axis, if its elements are evenly spaced in row-major order."""
    size = 1
    for n in buffer.shape:
        size *= n
    if not any(buffer.strides) or size <= 1:
        return Buffer(buffer.name, (size,), buffer.dtype, (0,), (), buffer.offset)
    step = 1
    for n, stride in zip(reversed(buffer.shape), reversed(buffer.strides), strict=True):
        if n != 1 and stride != step:
            return None
        step *= n
    return Buffer(buffer.name, (size,), buffer.dtype, (1,), (), buffer.offset)


def scaled(a: Affine, factor: int) -> Affine:
    """Return a multiple of an index."""
    return Affine(factor * a.constant, tuple((name, factor * c) for name, c in a.terms))


def moved(index: AffineIndex, places: Mapping[int, Affine]) -> Affine:
    """Return an index with every loop replaced by where it stands."""
    constant = index.constant
    terms: dict[str, int] = {}
    for n, coefficient in enumerate(index.coefficients):
        if coefficient:
            constant += coefficient * places[n].constant
            for name, c in places[n].terms:
                terms[name] = terms.get(name, 0) + coefficient * c
    return Affine(constant, tuple((n, c) for n, c in terms.items() if c))
