"""Functions that arrange elements: reshape, permute, broadcast, flip, join and cut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Shape
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.ops.structure import Concatenate, Reshape
from lamina.tensors.application import apply, broadcast, promoted
from lamina.tensors.handle import Tensor, TensorLike, as_tensor, shape_of

Dims = int | Sequence[int] | None


def shape(input: TensorLike) -> Shape:
    """Return the lengths of the axes."""
    return as_tensor(input).shape


def rank(input: TensorLike) -> int:
    """Return the number of axes."""
    return as_tensor(input).ndim


def axis_of(name: str, dim: int, rank: int) -> int:
    """Return ``dim`` counted from the front, or raise if there is no such axis."""
    if not -rank <= dim < rank:
        raise ArgumentError(f"{name}: dim {dim} is out of range for {rank} axes")
    return dim % rank


def axes_of(name: str, dims: Dims, rank: int) -> tuple[int, ...]:
    """Return ``dims`` (None: all) as distinct axes counted from the front."""
    if dims is None:
        return tuple(range(rank))
    given = (dims,) if isinstance(dims, int) else tuple(dims)
    axes = tuple(axis_of(name, d, rank) for d in given)
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"{name}: dim {given} names an axis twice")
    return axes


def reshape(input: TensorLike, *shape: Any) -> Tensor:
    """Return the same elements in row-major order under another shape; one length may be -1.

    >>> import lamina
    >>> lamina.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    x = as_tensor(input)
    new = shape_of(shape)
    if new.count(-1) == 1:
        known = -prod(new)
        if known == 0 or x.numel() % known:
            raise ShapeError(f"reshape: {x.shape} does not fit {new}")
        new = tuple(x.numel() // known if n == -1 else n for n in new)
    if any(n < 0 for n in new):
        raise ShapeError(f"reshape: lengths must be at least 0 (one may be -1), got {new}")
    return apply(Reshape(new), x)


def flatten(input: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the tensor with the axes from ``start_dim`` to ``end_dim`` joined into one."""
    x = as_tensor(input)
    if x.ndim == 0:
        return reshape(x, 1)
    start, end = axis_of("flatten", start_dim, x.ndim), axis_of("flatten", end_dim, x.ndim)
    if end < start:
        raise ArgumentError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    joined = prod(x.shape[start : end + 1])
    return reshape(x, *x.shape[:start], joined, *x.shape[end + 1 :])


def unflatten(input: TensorLike, dim: int, sizes: Sequence[int]) -> Tensor:
    """Return the tensor with one axis cut into several (one length may be -1)."""
    x = as_tensor(input)
    axis = axis_of("unflatten", dim, x.ndim)
    inner = list(sizes)
    if -1 in inner:
        inner[inner.index(-1)] = x.shape[axis] // max(1, -prod(inner))
    return reshape(x, *x.shape[:axis], *inner, *x.shape[axis + 1 :])


def squeeze(input: TensorLike, dim: Dims = None) -> Tensor:
    """Return the tensor without axes of length 1 (all of them, or those in ``dim``)."""
    x = as_tensor(input)
    axes = axes_of("squeeze", dim, x.ndim)
    return reshape(x, [n for a, n in enumerate(x.shape) if n != 1 or a not in axes])


def unsqueeze(input: TensorLike, dim: int) -> Tensor:
    """Return the tensor with a new axis of length 1 at ``dim``."""
    x = as_tensor(input)
    axis = axis_of("unsqueeze", dim, x.ndim + 1)
    return reshape(x, [*x.shape[:axis], 1, *x.shape[axis:]])


def permute(input: TensorLike, *dims: Any) -> Tensor:
    """Return the tensor with its axes in another order.

    >>> import lamina
    >>> lamina.zeros(2, 3, 4).permute(2, 0, 1).shape
    (4, 2, 3)
    """
    x = as_tensor(input)
    order = axes_of("permute", shape_of(dims), x.ndim)
    if len(order) != x.ndim:
        raise ArgumentError(f"permute: expected {x.ndim} dims, got {dims}")
    return x if order == tuple(range(x.ndim)) else apply(_permute(x.shape, order), x)


@lru_cache(maxsize=1024)
def _permute(old: Shape, order: tuple[int, ...]) -> Contraction:
    loops = [Loop("ijklmnpq"[a % 8], n) for a, n in enumerate(old)]
    return contraction([loops[a] for a in order], (old, loops))


def transpose(input: TensorLike, dim0: int, dim1: int) -> Tensor:
    """Return the tensor with two axes exchanged."""
    x = as_tensor(input)
    a, b = axis_of("transpose", dim0, x.ndim), axis_of("transpose", dim1, x.ndim)
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return permute(x, order)


def broadcast_to(input: TensorLike, shape: Sequence[int]) -> Tensor:
    """Return the tensor repeated along new axes and axes of length 1."""
    x, new = as_tensor(input), tuple(shape)
    aligned = new[len(new) - x.ndim :] if len(new) >= x.ndim else ()
    if len(new) < x.ndim or any(o not in (1, n) for o, n in zip(x.shape, aligned, strict=True)):
        raise ShapeError(f"broadcast_to: shape {x.shape} does not broadcast to {new}")
    return broadcast(x, new)


def expand(input: TensorLike, *shape: Any) -> Tensor:
    """Return the tensor repeated to ``shape``; -1 keeps a length (as in PyTorch)."""
    x, new = as_tensor(input), shape_of(shape)
    old = (1,) * (len(new) - x.ndim) + x.shape
    return broadcast_to(x, tuple(o if n == -1 else n for o, n in zip(old, new, strict=False)))


def flip(input: TensorLike, dims: Dims) -> Tensor:
    """Return the tensor with the order of elements reversed along ``dims``."""
    x = as_tensor(input)
    return apply(_flip(x.shape, axes_of("flip", dims, x.ndim)), x)


@lru_cache(maxsize=1024)
def _flip(old: Shape, axes: tuple[int, ...]) -> Contraction:
    loops = [Loop("ijklmnpq"[a % 8], n) for a, n in enumerate(old)]
    at = [old[a] - 1 - loop if a in axes else loop for a, loop in enumerate(loops)]
    return contraction(loops, (old, at))


def tile(input: TensorLike, *repeats: Any) -> Tensor:
    """Return the tensor repeated whole, ``repeats`` times along each axis."""
    x, times = as_tensor(input), shape_of(repeats)
    times = (1,) * (x.ndim - len(times)) + times
    old = (1,) * (len(times) - x.ndim) + x.shape
    paired = [n for t, o in zip(times, old, strict=True) for n in (1, o)]
    wide = [n for t, o in zip(times, old, strict=True) for n in (t, o)]
    joined = [t * o for t, o in zip(times, old, strict=True)]
    return reshape(broadcast_to(reshape(x, paired), wide), joined)


def cat(tensors: Sequence[TensorLike], dim: int = 0) -> Tensor:
    """Return the tensors one after another along an axis, in their common dtype.

    >>> import lamina
    >>> lamina.cat([lamina.zeros(1, 2), lamina.ones(2, 2)]).shape
    (3, 2)
    """
    if not tensors:
        raise ArgumentError("cat: expected at least one tensor")
    ready = promoted(*tensors)
    axis = axis_of("cat", dim, ready[0].ndim)
    return ready[0] if len(ready) == 1 else apply(Concatenate(axis), *ready)


concatenate = cat


def stack(tensors: Sequence[TensorLike], dim: int = 0) -> Tensor:
    """Return the tensors (of one shape) along a new axis."""
    return cat([unsqueeze(t, dim) for t in tensors], dim)


def split(input: TensorLike, size: int | Sequence[int], dim: int = 0) -> list[Tensor]:
    """Return consecutive pieces along an axis: of one size, or of the sizes listed."""
    x = as_tensor(input)
    axis = axis_of("split", dim, x.ndim)
    length = x.shape[axis]
    if isinstance(size, int):
        if size < 1:
            raise ArgumentError(f"split: expected a size of at least 1, got {size}")
        sizes = [min(size, length - start) for start in range(0, length, size)] or [0]
    else:
        sizes = list(size)
    if sum(sizes) != length or min(sizes, default=0) < 0:
        raise ArgumentError(f"split: sizes {sizes} do not add up to {length} (dim {dim})")
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    before = (slice(None),) * axis
    return [x[(*before, slice(a, a + n))] for a, n in zip(starts, sizes, strict=True)]


def chunk(input: TensorLike, chunks: int, dim: int = 0) -> list[Tensor]:
    """Return at most ``chunks`` pieces of (nearly) equal length along an axis."""
    x = as_tensor(input)
    if chunks < 1:
        raise ArgumentError(f"chunk: expected at least 1 chunk, got {chunks}")
    length = x.shape[axis_of("chunk", dim, x.ndim)]
    return split(x, max(1, -(-length // chunks)), dim)


def unbind(input: TensorLike, dim: int = 0) -> list[Tensor]:
    """Return the slices along an axis, without it."""
    x = as_tensor(input)
    axis = axis_of("unbind", dim, x.ndim)
    return [x[(*(slice(None),) * axis, i)] for i in range(x.shape[axis])]
