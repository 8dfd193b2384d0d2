"""Indexing as NumPy users expect: slices are views, integer arrays gather."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lamina.core.blame import user_line
from lamina.core.errors import ArgumentError, DTypeError, ShapeError, TraceError
from lamina.core.types import Shape, int64
from lamina.ops.contraction import Contraction
from lamina.ops.gather import Gather
from lamina.ops.loops import Expression, Loop, contraction
from lamina.ops.structure import ArgSort
from lamina.tensors import elementwise
from lamina.tensors.application import apply, broadcast, broadcast_shape, cast
from lamina.tensors.handle import Tensor, TensorLike, as_tensor
from lamina.tensors.reduction import Extremum
from lamina.tensors.shape import axis_of, flip, permute

Key = int | slice | None | Tensor


def index(input: TensorLike, key: Any) -> Tensor:
    """Return ``input[key]`` for ints, slices, None, Ellipsis, integer and bool arrays."""
    input = as_tensor(input)
    entries = _entries(input, key if isinstance(key, tuple) else (key,))
    arrays = any(isinstance(entry, Tensor) for entry in entries)
    if not arrays:
        return _slice(input, entries)
    held = [slice(None) if isinstance(e, Tensor | int) else e for e in entries]
    chosen = [as_tensor(e) if isinstance(e, int) else e for e in entries]
    axes = [axis for axis, entry in enumerate(chosen) if isinstance(entry, Tensor)]
    return _gather(_slice(input, held), axes, [e for e in chosen if isinstance(e, Tensor)])


def _entries(input: Tensor, key: tuple[Any, ...]) -> list[Key]:
    """Write out the ellipsis and masks, and check every entry."""
    entries: list[Any] = []
    for entry in key:
        entries.extend(_plain(entry))
    _check_masks(input, key)
    used = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if used > input.ndim:
        raise ArgumentError(f"index: {used} indices for a tensor of shape {input.shape}")
    if not any(entry is Ellipsis for entry in entries):
        entries.append(Ellipsis)
    at = next(i for i, entry in enumerate(entries) if entry is Ellipsis)
    full = entries[:at] + [slice(None)] * (input.ndim - used) + entries[at + 1 :]
    if any(entry is Ellipsis for entry in full):
        raise ArgumentError("index: at most one Ellipsis")
    return full


def _plain(entry: Any) -> list[Any]:
    """Return an entry as ints, slices, None, Ellipsis and integer tensors."""
    if entry is None or entry is Ellipsis or isinstance(entry, slice):
        return [entry]
    if isinstance(entry, int | np.integer) and not isinstance(entry, bool):
        return [int(entry)]
    array = as_tensor(np.zeros(0, np.int64) if isinstance(entry, list) and not entry else entry)
    if array.dtype.kind == "b":
        if not array.shape:
            raise ArgumentError("index: a single bool is not an index; use int(…), or a mask")
        if array.node.value is None:
            raise TraceError(
                f"index: a traced mask has no static size{user_line()}; use lamina.where instead"
            )
        return [as_tensor(places) for places in np.nonzero(array.value)]
    if array.dtype.kind not in "iu":
        raise DTypeError(f"index: expected ints, slices or integer arrays, got {array.dtype}")
    return [array]


def _check_masks(input: Tensor, key: tuple[Any, ...]) -> None:
    """A mask must have the lengths of the axes that it covers."""
    masks = [_mask_shape(entry) for entry in key]
    widths = [
        0 if entry is None or entry is Ellipsis else 1 if mask is None else len(mask)
        for entry, mask in zip(key, masks, strict=True)
    ]
    at = next((n for n, entry in enumerate(key) if entry is Ellipsis), len(key))
    for n, mask in enumerate(masks):
        start = sum(widths[:n]) if n < at else input.ndim - sum(widths[n:])
        covered = input.shape[start : start + widths[n]]
        if mask is not None and mask != covered:
            raise ShapeError(
                f"index: a mask of shape {mask} on axes of lengths {covered}; they must be equal"
            )


def _mask_shape(entry: Any) -> Shape | None:
    if entry is None or entry is Ellipsis or isinstance(entry, slice | int):
        return None
    array = as_tensor(entry)
    return array.shape if array.dtype.kind == "b" else None


def _slice(input: Tensor, entries: Sequence[Any]) -> Tensor:
    """Return the view that ints, slices and None describe."""
    if all(isinstance(entry, slice) and entry == slice(None) for entry in entries):
        return input
    plain: list[tuple[int, int, int] | int | None] = []
    sizes = iter(input.shape)
    for axis, entry in enumerate(entries):
        plain.append(None if entry is None else _range(entry, next(sizes), axis))
    return apply(_view(input.shape, tuple(plain)), input)


def _range(entry: int | slice, size: int, axis: int) -> tuple[int, int, int] | int:
    if isinstance(entry, slice):
        start, stop, step = entry.indices(size)
        return start, step, len(range(start, stop, step))
    if not -size <= entry < size:
        raise ArgumentError(f"index: {entry} is out of range for axis {axis} of size {size}")
    return entry % size


@lru_cache(maxsize=4096)
def _view(shape: Shape, entries: tuple[tuple[int, int, int] | int | None, ...]) -> Contraction:
    outputs: list[Loop] = []
    at: list[Expression | int] = []
    for entry in entries:
        if isinstance(entry, int):
            at.append(entry)
            continue
        start, step, length = entry or (0, 1, 1)
        outputs.append(Loop("ijklmnpq"[len(outputs) % 8], length))
        if entry is not None:
            at.append(start + step * outputs[-1])
    return contraction(outputs, (shape, at))


def _gather(x: Tensor, axes: list[int], arrays: list[Tensor]) -> Tensor:
    """Gather at the axes; if they are apart, the gathered axes come first (as in NumPy)."""
    shape = broadcast_shape("index", [a.shape for a in arrays])
    ready = [
        broadcast(_wrapped(a, x.shape[axis]), shape) for axis, a in zip(axes, arrays, strict=True)
    ]
    if axes != list(range(axes[0], axes[0] + len(axes))):
        rest = [axis for axis in range(x.ndim) if axis not in axes]
        x, axes = permute(x, [*axes, *rest]), list(range(len(axes)))
    return apply(Gather(axes[0]), x, *ready)


def _wrapped(places: Tensor, size: int) -> Tensor:
    """Count negative positions from the end (in int64, which holds any length)."""
    if places.dtype.kind not in "iu":
        raise DTypeError(f"index: indices must be integers, got {places.dtype}")
    places = cast(places, int64)
    if places.node.value is not None and not (places.value < 0).any():
        return places
    return elementwise.where(places < 0, places + size, places)


def gather(input: TensorLike, dim: int, index: TensorLike) -> Tensor:
    """Return ``out[i, j, …] = input[…, index[i, j, …], …]`` along ``dim`` (as torch.gather).

    >>> import lamina
    >>> lamina.gather(lamina.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, lamina.tensor([[1], [0]]))
    tensor([[2.],
            [3.]])
    """
    x, places = as_tensor(input), as_tensor(index)
    axis = axis_of("gather", dim, x.ndim)
    if places.ndim != x.ndim:
        raise ShapeError(f"gather: index has {places.ndim} axes, input has {x.ndim}")
    grids = np.meshgrid(*[np.arange(n) for n in places.shape], indexing="ij", sparse=True)
    arrays = [as_tensor(np.broadcast_to(g, places.shape)) for g in grids]
    arrays[axis] = _wrapped(places, x.shape[axis])
    return apply(Gather(0), x, *arrays)


def take_along_dim(input: TensorLike, indices: TensorLike, dim: int | None = None) -> Tensor:
    """Return the elements at ``indices`` along ``dim``, after broadcasting the other axes.

    Without ``dim``, both are flattened. Undoes `argsort`: it gives the sorted elements.
    """
    x, places = as_tensor(input), as_tensor(indices)
    if dim is None:
        return gather(x.reshape(-1), 0, places.reshape(-1))
    axis = axis_of("take_along_dim", dim, x.ndim)
    if places.ndim != x.ndim:
        raise ShapeError(f"take_along_dim: indices have {places.ndim} axes, input has {x.ndim}")
    others = [s[:axis] + (1,) + s[axis + 1 :] for s in (x.shape, places.shape)]
    common = broadcast_shape("take_along_dim", others)
    wide, chosen = list(common), list(common)
    wide[axis], chosen[axis] = x.shape[axis], places.shape[axis]
    return gather(broadcast(x, tuple(wide)), axis, broadcast(places, tuple(chosen)))


def index_select(input: TensorLike, dim: int, index: TensorLike) -> Tensor:
    """Return the slices of ``input`` along ``dim`` at the positions ``index``."""
    x = as_tensor(input)
    axis = axis_of("index_select", dim, x.ndim)
    return apply(Gather(axis), x, _wrapped(as_tensor(index), x.shape[axis]))


def argsort(input: TensorLike, dim: int = -1, descending: bool = False) -> Tensor:
    """Return the positions that sort ``input`` along ``dim``; equal elements keep their order."""
    x = as_tensor(input)
    axis = axis_of("argsort", dim, x.ndim)
    if not descending:
        return apply(ArgSort(axis), x)
    order = flip(apply(ArgSort(axis), flip(x, axis)), axis)
    return elementwise.subtract(x.shape[axis] - 1, order)


def sort(input: TensorLike, dim: int = -1, descending: bool = False) -> Extremum:
    """Return the pair (values, indices) of ``input`` sorted along ``dim``."""
    order = argsort(input, dim, descending)
    return Extremum(gather(input, dim, order), order)
