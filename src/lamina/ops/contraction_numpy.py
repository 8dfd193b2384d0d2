"""The NumPy reference of contractions: strided views, then matrix products.

Each operand becomes a view with one axis a loop (no element is copied but for the zeros
around it); pairs of views are then reduced by broadcasting or by one batched `matmul`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lamina.core.types import Array, Shape
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Guard, Read
from lamina.ops.phases import Phase, phases

Loops = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """An array whose axes are loops."""

    array: Array
    loops: Loops


def evaluate(contraction: Contraction, operands: Sequence[Array]) -> Array:
    """Return the contraction's value."""
    dtype = operands[0].dtype
    if 0 in contraction.extents:
        return np.zeros(contraction.out_shape, dtype)
    parts = phases(contraction)
    if len(parts) == 1 and all(write == (0, 1) for write in parts[0].writes):
        return _dense(parts[0].contraction, operands)
    out = np.zeros(contraction.out_shape, dtype)
    for part in parts:
        out[_places(part)] += _dense(part.contraction, operands)
    return out


def _places(part: Phase) -> tuple[slice, ...]:
    return tuple(slice(start, None, step) for start, step in part.writes)


def _dense(contraction: Contraction, operands: Sequence[Array]) -> Array:
    """Evaluate a contraction without divisions."""
    views = [
        _view(r, a, contraction.extents) for r, a in zip(contraction.reads, operands, strict=True)
    ]
    found = [view for view in views if view is not None]
    if len(found) < len(views):
        return np.zeros(contraction.out_shape, operands[0].dtype)
    for guard in contraction.guards:
        _apply_guard(guard, found, contraction.extents)
    return _combine(found, contraction)


# Views ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to cut, pad and stride an operand so that its axes become loops."""

    cut: tuple[slice, ...]
    padded: Shape | None
    inner: tuple[slice, ...]
    origin: tuple[slice, ...]
    loops: Loops
    steps: tuple[tuple[int, ...], ...]
    simple: bool


@lru_cache(maxsize=8192)
def _plan(read: Read, extents: Shape) -> _Plan | None:
    """Plan the view of an operand; None if no index of some axis is inside it."""
    bounds = [i.bounds(extents) for i in read.indices]
    sizes = read.shape
    if any(high < 0 or low >= size for (low, high), size in zip(bounds, sizes, strict=True)):
        return None
    cuts = [
        slice(max(lo, 0), min(hi, n - 1) + 1) for (lo, hi), n in zip(bounds, sizes, strict=True)
    ]
    exact = all(lo >= 0 and hi < n for (lo, hi), n in zip(bounds, sizes, strict=True))
    inner = [slice(c.start - lo, c.stop - lo) for c, (lo, _) in zip(cuts, bounds, strict=True)]
    origin = [slice(i.constant - lo, None) for i, (lo, _) in zip(read.indices, bounds, strict=True)]
    loops = tuple(n for n in range(len(extents)) if any(i.coefficients[n] for i in read.indices))
    return _Plan(
        cut=tuple(cuts),
        padded=None if exact else tuple(hi - lo + 1 for lo, hi in bounds),
        inner=tuple(inner),
        origin=tuple(origin),
        loops=loops,
        steps=tuple(tuple(i.coefficients[n] for i in read.indices) for n in loops),
        simple=exact and _is_simple(read.indices, loops, extents, sizes),
    )


def _is_simple(
    indices: tuple[AffineIndex, ...], loops: Loops, extents: Shape, sizes: Shape
) -> bool:
    """Return whether every axis is a loop of its own, whole and in order: the array itself."""
    own = [tuple(n for n in loops if i.coefficients[n]) for i in indices]
    return (
        own == [(n,) for n in loops]
        and all(
            i.constant == 0 and i.coefficients[n] == 1 for i, (n,) in zip(indices, own, strict=True)
        )
        and tuple(extents[n] for n in loops) == sizes
    )


def _view(read: Read, array: Array, extents: Shape) -> Labelled | None:
    plan = _plan(read, extents)
    if plan is None:
        return None
    if plan.simple:
        return Labelled(array, plan.loops)
    base = array[plan.cut]
    if plan.padded is not None:
        padded = np.zeros(plan.padded, array.dtype)
        padded[plan.inner] = base
        base = padded
    base = base[plan.origin]
    strides = [
        sum(step * stride for step, stride in zip(steps, base.strides, strict=True))
        for steps in plan.steps
    ]
    shape = tuple(extents[n] for n in plan.loops)
    return Labelled(as_strided(base, shape, strides, writeable=False), plan.loops)


def _apply_guard(guard: Guard, views: list[Labelled], extents: Shape) -> None:
    """Put zeros where the guard fails into the view that shares most loops with it."""
    holds = _holding(guard, extents)
    number = max(
        range(len(views)), key=lambda v: len(set(views[v].loops).intersection(holds.loops))
    )
    view = views[number]
    loops = [*view.loops, *(n for n in holds.loops if n not in view.loops)]
    masked = np.where(_spread(holds, loops), _spread(view, loops), view.array.dtype.type(0))
    views[number] = Labelled(masked, tuple(loops))


def _holding(guard: Guard, extents: Shape) -> Labelled:
    """Return whether the guard holds, over the loops it depends on."""
    loops = tuple(n for n, c in enumerate(guard.index.coefficients) if c)
    value = np.array(guard.index.constant)
    for n in loops:
        value = np.add.outer(value, guard.index.coefficients[n] * np.arange(extents[n]))
    return Labelled((value >= 0) & (value < guard.size), loops)


def _spread(view: Labelled, loops: list[int]) -> Array:
    """Return the view with an axis for each of ``loops``, of length 1 where it has none."""
    array = _transposed(view, [n for n in loops if n in view.loops])
    present = iter(array.shape)
    return array.reshape([next(present) if n in view.loops else 1 for n in loops])


# Products and sums ---------------------------------------------------------------------------


def _combine(views: list[Labelled], contraction: Contraction) -> Array:
    outputs = tuple(range(contraction.out_rank))
    remaining = list(views)
    while len(remaining) > 1:
        first, second = _next_pair(remaining, contraction.extents)
        later = {n for v in remaining if v is not first and v is not second for n in v.loops}
        product = _pair(first, second, later.union(outputs))
        remaining = [v for v in remaining if v is not first and v is not second] + [product]
    (result,) = remaining
    used = {n for view in views for n in view.loops}
    array = _arrange(_sum_out(result, set(outputs)), outputs, contraction.extents)
    idle = prod(e for n, e in enumerate(contraction.extents) if n not in used and n not in outputs)
    return array if idle == 1 else np.asarray(array * array.dtype.type(idle))


def _next_pair(views: list[Labelled], extents: Shape) -> tuple[Labelled, Labelled]:
    """Return the pair whose product runs over the fewest elements."""

    def size(pair: tuple[Labelled, Labelled]) -> int:
        return prod(extents[n] for n in {*pair[0].loops, *pair[1].loops})

    return min(combinations(views, 2), key=size)


def _sum_out(view: Labelled, keep: set[int]) -> Labelled:
    """Sum over the loops that nothing else needs."""
    axes = tuple(axis for axis, n in enumerate(view.loops) if n not in keep)
    if not axes:
        return view
    loops = tuple(n for n in view.loops if n in keep)
    return Labelled(_sum(view.array, axes), loops)


def _sum(array: Array, axes: tuple[int, ...]) -> Array:
    """Sum over ``axes``: by adding slices where the window is small and overlaps in memory."""
    count = prod(array.shape[a] for a in axes)
    if len(axes) == array.ndim or count > 64 or array.size < 4096:
        return np.asarray(array.sum(axis=axes, dtype=array.dtype))
    moved = np.moveaxis(array, axes, range(len(axes)))
    total: Array | None = None
    for place in np.ndindex(*moved.shape[: len(axes)]):
        total = moved[place].copy() if total is None else np.add(total, moved[place], out=total)
    assert total is not None
    return total


def _pair(a: Labelled, b: Labelled, keep: set[int]) -> Labelled:
    """Multiply two views and sum over the loops that nothing else needs."""
    a = _sum_out(a, keep.union(b.loops))
    b = _sum_out(b, keep.union(a.loops))
    shared = [n for n in a.loops if n in b.loops]
    summed = [n for n in shared if n not in keep]
    batch = [n for n in shared if n in keep]
    mine = [n for n in a.loops if n not in shared]
    theirs = [n for n in b.loops if n not in shared]
    if not summed:
        return _multiply(a, b, batch + mine + theirs)
    return _matmul(a, b, (batch, mine, theirs, summed))


def _multiply(a: Labelled, b: Labelled, loops: list[int]) -> Labelled:
    return Labelled(np.asarray(_spread(a, loops) * _spread(b, loops)), tuple(loops))


def _matmul(
    a: Labelled, b: Labelled, groups: tuple[list[int], list[int], list[int], list[int]]
) -> Labelled:
    batch, mine, theirs, summed = groups
    product = np.matmul(_matrix(a, batch, mine, summed), _matrix(b, batch, summed, theirs))
    extents = {n: e for v in (a, b) for n, e in zip(v.loops, v.array.shape, strict=True)}
    loops = tuple(batch + mine + theirs)
    return Labelled(product.reshape([extents[n] for n in loops]), loops)


def _matrix(view: Labelled, batch: list[int], rows: list[int], columns: list[int]) -> Array:
    """Return the view as (a batch of) matrices, copied in runs as long as memory allows."""
    if _run(view, rows) > _run(view, columns):
        return _matrix(view, batch, columns, rows).swapaxes(-1, -2)
    array = _transposed(view, batch + rows + columns)
    outer, inner = len(batch), len(batch) + len(rows)
    shape = (*array.shape[:outer], prod(array.shape[outer:inner]), prod(array.shape[inner:]))
    return array.reshape(shape)


def _run(view: Labelled, loops: list[int]) -> int:
    """Return how many neighbours in memory the last of the loops passes over."""
    if not loops:
        return 0
    axis = view.loops.index(loops[-1])
    near = abs(view.array.strides[axis]) <= view.array.itemsize
    return view.array.shape[axis] if near else 0


def _transposed(view: Labelled, order: list[int]) -> Array:
    return view.array.transpose([view.loops.index(n) for n in order])


def _arrange(view: Labelled, outputs: Loops, extents: Shape) -> Array:
    """Put the axes in the order of the outputs, and repeat along outputs nothing depends on."""
    array = _spread(view, list(outputs))
    return np.broadcast_to(array, tuple(extents[n] for n in outputs))
