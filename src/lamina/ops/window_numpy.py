"""The NumPy reference of window maxima.

Small windows are walked place by place, each a strided view over all windows at once; large
ones (a maximum over whole axes) are laid out along a last axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lamina.core.types import Array
from lamina.ops.contraction import Contraction
from lamina.ops.gather import scatter_add

_SMALL = 32


def maximum(window: Contraction, x: Array) -> Array:
    """Return the greatest element of each window (NaN if it holds one)."""
    if 0 in window.extents:
        return np.zeros(window.out_shape, x.dtype)
    if _size(window) > _SMALL:
        return np.asarray(_rows(window, x).max(axis=-1))
    places = _places(window, _padded(window, x))
    best = np.array(next(places))
    for values in places:
        np.maximum(best, values, out=best)
    return best


def argmax(window: Contraction, x: Array) -> Array:
    """Return the first place of the greatest element (or the first NaN) of each window."""
    if 0 in window.extents:
        return np.zeros(window.out_shape, np.int64)
    best, inside = maximum(window, x), _inside(window)
    if _size(window) > _SMALL:
        rows = _rows(window, x)
        return np.asarray((_equal(rows, best[..., None]) & _rows_of(window, inside)).argmax(-1))
    seen = np.zeros(window.out_shape, bool)
    found = np.zeros(window.out_shape, np.int64)
    places = _places(window, _padded(window, x)), _places(window, inside)
    for values, exists in zip(*places, strict=True):
        seen |= _equal(values, best) & exists
        found += ~seen
    return found


def _equal(values: Array, best: Array) -> Array:
    """Return where the values are the best (NaN being equal to NaN)."""
    if best.dtype.kind == "f" and np.isnan(best).any():
        return np.asarray((values == best) | np.isnan(values))
    return np.asarray(values == best)


def select(window: Contraction, x: Array, place: Array) -> Array:
    """Return the element at a place of each window, zero where that is outside."""
    if not x.size:
        return np.zeros(window.out_shape, x.dtype)
    flat, inside = _flat(window, place)
    return np.where(inside, x.ravel()[flat], x.dtype.type(0))


def spread(window: Contraction, g: Array, place: Array) -> Array:
    """Return zeros with each element of g added to its place in the operand."""
    shape = window.reads[0].shape
    if not g.size or _size(window) > _SMALL or not _one_to_one(window):
        flat, inside = _flat(window, place)
        return scatter_add(np.where(inside, g, g.dtype.type(0)), flat, shape)
    before, after = _margins(window)
    out = np.zeros([b + n + a for b, n, a in zip(before, shape, after, strict=True)], g.dtype)
    for number, values in enumerate(_places(window, out, writeable=True)):
        values += np.where(place == number, g, g.dtype.type(0))
    return out[tuple(slice(b, b + n) for b, n in zip(before, shape, strict=True))]


def _size(window: Contraction) -> int:
    return int(np.prod(window.extents[window.out_rank :]))


@lru_cache(maxsize=512)
def _one_to_one(window: Contraction) -> bool:
    """Return whether different windows have different elements at one place."""
    indices, rank = window.reads[0].indices, window.out_rank
    used = [[n for n in range(rank) if i.coefficients[n]] for i in indices]
    return sorted(n for loops in used for n in loops) == list(range(rank)) and all(
        len(loops) <= 1 for loops in used
    )


def _margins(window: Contraction) -> tuple[list[int], list[int]]:
    """Return how far the windows reach beyond the operand, before and after each axis."""
    read = window.reads[0]
    bounds = [i.bounds(window.extents) for i in read.indices]
    before = [max(0, -low) for low, _ in bounds]
    return before, [max(0, high - n + 1) for (_, high), n in zip(bounds, read.shape, strict=True)]


def _padded(window: Contraction, x: Array) -> Array:
    """Return the operand with -∞ (or the least integer) around it, as far as windows reach."""
    before, after = _margins(window)
    if not any(before) and not any(after):
        return x
    least = -np.inf if x.dtype.kind == "f" else int(np.iinfo(x.dtype).min)
    return np.pad(x, list(zip(before, after, strict=True)), constant_values=least)


def _view(window: Contraction, padded: Array, writeable: bool = False) -> Array:
    """Return the padded operand with an axis for every loop."""
    before, _ = _margins(window)
    indices = window.reads[0].indices
    starts = [i.constant + b for i, b in zip(indices, before, strict=True)]
    base = padded[tuple(slice(start, None) for start in starts)]
    strides = [
        sum(i.coefficients[n] * s for i, s in zip(indices, base.strides, strict=True))
        for n in range(len(window.extents))
    ]
    return as_strided(base, window.extents, strides, writeable=writeable)


def _places(window: Contraction, padded: Array, writeable: bool = False) -> Iterator[Array]:
    """Yield, for each place of the window in order, its elements in all windows."""
    view = _view(window, padded, writeable)
    for place in np.ndindex(*window.extents[window.out_rank :]):
        yield view[(..., *place)]


def _inside(window: Contraction) -> Array:
    """Return the padded operand's places: whether each is in the operand."""
    before, after = _margins(window)
    whole = np.broadcast_to(True, window.reads[0].shape)
    if not any(before) and not any(after):
        return whole
    return np.pad(whole, list(zip(before, after, strict=True)))


def _rows(window: Contraction, x: Array) -> Array:
    """Return the windows' elements along a new last axis."""
    return _rows_of(window, _padded(window, x))


def _rows_of(window: Contraction, padded: Array) -> Array:
    return _view(window, padded).reshape((*window.out_shape, -1))


def _flat(window: Contraction, place: Array) -> tuple[Array, Array]:
    """Return, for each window, the flat position in x of its place, and whether it is inside."""
    read = window.reads[0]
    flat = np.zeros(window.out_shape, np.int64)
    inside = np.ones(window.out_shape, bool)
    for axis, size in enumerate(read.shape):
        base, offsets = _axis_positions(window, axis)
        position = base + offsets[place]
        inside &= (position >= 0) & (position < size)
        flat = flat * size + np.clip(position, 0, max(size - 1, 0))
    return flat, inside


@lru_cache(maxsize=512)
def _axis_positions(window: Contraction, axis: int) -> tuple[Array, Array]:
    """Return the position along ``axis``: of each window's origin, and of each place in it."""
    index, rank = window.reads[0].indices[axis], window.out_rank
    base = np.full((1,) * rank, index.constant)
    for n, extent in enumerate(window.out_shape):
        shape = tuple(extent if m == n else 1 for m in range(rank))
        base = base + index.coefficients[n] * np.arange(extent).reshape(shape)
    offsets = np.zeros(1, np.int64)
    for n, extent in enumerate(window.extents[rank:], start=rank):
        offsets = np.add.outer(offsets, index.coefficients[n] * np.arange(extent)).ravel()
    return base, offsets
