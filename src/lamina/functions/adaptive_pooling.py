"""Adaptive pooling: as many windows as asked for, of lengths that differ by one at most.

Along an axis of M elements, window i of N covers ``⌊i M / N⌋ … ⌈(i + 1) M / N⌉ - 1``. The
mean is a contraction with one matrix an axis, whose row i is 1 on window i:

    out[…, i, j] = Σ_{a,b} input[…, a, b] · R[i, a] · C[j, b] / (number of elements)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array, Shape
from lamina.functions.pooling import Pooled, plane_indices
from lamina.functions.spatial import check_image, loops, sizes
from lamina.ops.contraction import Contraction
from lamina.ops.gather import Gather
from lamina.ops.loops import Expression, Loop, contraction
from lamina.ops.window import WindowArgMax, WindowMax
from lamina.tensors import Tensor, apply, as_tensor, composite

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
]

OutputSize = int | None | Sequence[int | None]


@composite("adaptive_avg_pool1d")
def adaptive_avg_pool1d(input: Tensor, output_size: OutputSize) -> Tensor:
    """Return ``output_size`` means along the last axis; arguments as for `adaptive_avg_pool2d`.

    >>> from lamina import tensor
    >>> adaptive_avg_pool1d(tensor([[1.0, 2.0, 3.0]]), 2).tolist()
    [[1.5, 2.5]]
    """
    return _adaptive_avg_pool("adaptive_avg_pool1d", input, output_size)


@composite("adaptive_avg_pool2d")
def adaptive_avg_pool2d(input: Tensor, output_size: OutputSize) -> Tensor:
    """Return means of windows chosen so that the image becomes ``output_size``.

    Shapes: (N, C, H, W) or (C, H, W) to the same with ``output_size`` (a number, or one an
    axis; None keeps the axis). Errors: `ShapeError` for an image without elements,
    `ArgumentError` for an impossible size.

    >>> from lamina import arange
    >>> adaptive_avg_pool2d(arange(16.0).reshape((1, 4, 4)), (1, 2)).tolist()
    [[[6.5, 8.5]]]
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", input, output_size)


@composite("adaptive_avg_pool3d")
def adaptive_avg_pool3d(input: Tensor, output_size: OutputSize) -> Tensor:
    """Return means over three axes; arguments as for `adaptive_avg_pool2d`.

    >>> from lamina import ones
    >>> adaptive_avg_pool3d(ones((1, 5, 6, 7)), (None, 2, 1)).shape
    (1, 5, 2, 1)
    """
    return _adaptive_avg_pool("adaptive_avg_pool3d", input, output_size)


@composite("adaptive_max_pool1d")
def adaptive_max_pool1d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Pooled:
    """Return ``output_size`` maxima along the last axis; arguments as for `adaptive_max_pool2d`.

    >>> from lamina import tensor
    >>> adaptive_max_pool1d(tensor([[1.0, 3.0, 2.0]]), 2).tolist()
    [[3.0, 3.0]]
    """
    return _adaptive_max_pool("adaptive_max_pool1d", input, output_size, return_indices)


@composite("adaptive_max_pool2d")
def adaptive_max_pool2d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Pooled:
    """Return maxima of windows chosen so that the image becomes ``output_size``.

    Shapes and errors as for `adaptive_avg_pool2d`. With ``return_indices`` the result is a
    pair: the maxima, and where each stands in its plane, counted row by row (int64).

    >>> from lamina import arange
    >>> maxima, indices = adaptive_max_pool2d(arange(16.0).reshape((1, 4, 4)), (1, 2), True)
    >>> maxima.tolist(), indices.tolist()
    ([[[13.0, 15.0]]], [[[13, 15]]])
    """
    return _adaptive_max_pool("adaptive_max_pool2d", input, output_size, return_indices)


@composite("adaptive_max_pool3d")
def adaptive_max_pool3d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Pooled:
    """Return maxima over three axes; arguments as for `adaptive_max_pool2d`.

    >>> from lamina import ones
    >>> adaptive_max_pool3d(ones((1, 5, 6, 7)), (None, 2, 1)).shape
    (1, 5, 2, 1)
    """
    return _adaptive_max_pool("adaptive_max_pool3d", input, output_size, return_indices)


def _targets(op: str, input: Tensor, output_size: Any) -> Shape:
    """Return the spatial shape to reach."""
    rank = int(op[-2])
    check_image(op, input, rank)
    extents = input.shape[-rank:]
    if 0 in extents:
        raise ShapeError(f"{op}: the image has no elements, input has shape {input.shape}")
    wanted = output_size if isinstance(output_size, Sequence) else (output_size,) * rank
    if len(wanted) != rank:
        raise ArgumentError(f"{op}: output_size must be one number or {rank}, got {output_size!r}")
    filled = tuple(m if n is None else n for m, n in zip(extents, wanted, strict=True))
    return sizes(op, "output_size", filled, rank, least=1)


@lru_cache(maxsize=1024)
def _bounds(extent: int, count: int) -> tuple[Array, Array]:
    """Return the first element of each window and the element after its last."""
    i = np.arange(count)
    return i * extent // count, -(-(i + 1) * extent // count)


def _adaptive_avg_pool(op: str, input: Tensor, output_size: OutputSize) -> Tensor:
    targets = _targets(op, input, output_size)
    matrices, counts = [], np.ones(())
    for extent, target in zip(input.shape[-len(targets) :], targets, strict=True):
        start, stop = (bound[:, None] for bound in _bounds(extent, target))
        a = np.arange(extent)
        if extent % target:
            matrices.append(as_tensor(((a >= start) & (a < stop)).astype(input.dtype)))
        counts = np.multiply.outer(counts, (stop - start)[:, 0])
    sums = apply(_sum_contraction(input.shape, targets), input, *matrices)
    return sums / as_tensor(counts.astype(input.dtype))


@lru_cache(maxsize=1024)
def _sum_contraction(shape: Shape, targets: Shape) -> Contraction:
    """Return the sums over windows: side by side where they divide an axis, else by matrices."""
    rank = len(targets)
    lead = loops("nc"[rank + 2 - len(shape) :], shape[:-rank])
    i, matrices = loops("zyx"[3 - rank :], targets), []
    places: list[Expression] = []
    for name, row, m, n in zip("abc", i, targets, shape[-rank:], strict=False):
        width, rest = divmod(n, m)
        column = Loop(name, n if rest else width)
        if rest:
            matrices.append(((m, n), (row, column)))
        if rest or m == 1:
            places.append(column)
        else:
            places.append(row if width == 1 else width * row + column)
    return contraction((*lead, *i), (shape, (*lead, *places)), *matrices)


def _adaptive_max_pool(
    op: str, input: Tensor, output_size: OutputSize, return_indices: bool
) -> Pooled:
    targets = _targets(op, input, output_size)
    rank = len(targets)
    extents = input.shape[-rank:]
    positions = [_positions(m, n) for m, n in zip(extents, targets, strict=True)]
    windows = input
    for axis, position in enumerate(positions):
        windows = apply(Gather(input.ndim - rank + 2 * axis), windows, as_tensor(position))
    spec = _gathered_contraction(windows.shape, rank)
    maxima = apply(WindowMax(spec), windows)
    if not return_indices:
        return maxima
    return maxima, plane_indices(apply(WindowArgMax(spec), windows), positions, extents)


def _positions(extent: int, count: int) -> Array:
    """Return where each window's elements stand; shorter windows repeat their last element.

    A repetition comes after the element itself, so the first maximum is never a repetition.
    """
    start, stop = (bound[:, None] for bound in _bounds(extent, count))
    return np.asarray(np.minimum(start + np.arange((stop - start).max()), stop - 1))


@lru_cache(maxsize=1024)
def _gathered_contraction(shape: Shape, rank: int) -> Contraction:
    """Return the contraction whose windows are the axes after each output axis."""
    lead = loops("nc", shape[: len(shape) - 2 * rank])
    y, k = loops("zyx", shape[-2 * rank :: 2]), loops("kij", shape[1 - 2 * rank :: 2])
    pairs = [loop for pair in zip(y, k, strict=True) for loop in pair]
    return contraction((*lead, *y), (shape, (*lead, *pairs)))
