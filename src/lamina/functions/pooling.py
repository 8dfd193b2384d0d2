"""Maximum and average pooling over sliding windows, and over whole images.

    max:     out[…, y] = max_k input[…, S y + D k - P]
    average: out[…, y] = Σ_k input[…, S y + k - P] / (number of elements)

for each spatial axis. Padding counts as -∞ for the maximum and as 0 for the average. Of equal
maxima the first (in row-major order) gets the gradient; the average spreads it evenly.

Source: Qiu, *Neural Networks and Deep Learning*, §5.2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array, Shape
from lamina.functions.spatial import (
    Sizes,
    Window,
    Windows,
    check_image,
    loops,
    make_windows,
    window_loops,
)
from lamina.ops.contraction import Contraction
from lamina.ops.gather import Gather
from lamina.ops.loops import contraction
from lamina.ops.window import WindowArgMax, WindowMax
from lamina.tensors import Tensor, apply, as_tensor, composite

__all__ = [
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "global_avg_pool",
    "global_max_pool",
]

Pooled = Any
"""A Tensor, or with ``return_indices`` a pair of them."""


@composite("max_pool1d")
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Return the maxima of windows along the last axis; arguments as for `max_pool2d`.

    >>> from lamina import tensor
    >>> max_pool1d(tensor([[1.0, 3.0, 2.0, 5.0]]), 2).tolist()
    [[3.0, 5.0]]
    """
    return _max_pool(
        "max_pool1d", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@composite("max_pool2d")
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Return the maxima of windows over the last two axes.

    Shapes: (N, C, H, W) or (C, H, W) to the same with ``(H - ((K - 1) D + 1) + 2P) / S + 1``
    rows, rounded up with ``ceil_mode``. ``stride`` is the kernel size by default, ``padding``
    at most half the kernel. With ``return_indices`` the result is a pair: the maxima, and
    where each stands in its H × W plane, counted row by row (int64).

    Errors: `ShapeError` if no window fits, `ArgumentError` for impossible arguments.

    >>> from lamina import arange
    >>> image = arange(16.0).reshape((1, 4, 4))
    >>> max_pool2d(image, 2).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    >>> max_pool2d(image, 2, return_indices=True)[1].tolist()
    [[[5, 7], [13, 15]]]
    """
    return _max_pool(
        "max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@composite("max_pool3d")
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Return the maxima of windows over the last three axes; arguments as for `max_pool2d`.

    >>> from lamina import ones
    >>> max_pool3d(ones((2, 1, 4, 5, 6)), 2, stride=(2, 1, 2)).shape
    (2, 1, 2, 4, 3)
    """
    return _max_pool(
        "max_pool3d", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@composite("avg_pool1d")
def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the means of windows along the last axis; arguments as for `avg_pool2d`.

    >>> from lamina import tensor
    >>> avg_pool1d(tensor([[1.0, 3.0, 2.0, 6.0]]), 2).tolist()
    [[2.0, 4.0]]
    """
    return _avg_pool(
        "avg_pool1d", input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


@composite("avg_pool2d")
def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the means of windows over the last two axes.

    Shapes: (N, C, H, W) or (C, H, W) to the same with ``(H - K + 2P) / S + 1`` rows, rounded
    up with ``ceil_mode``. ``stride`` is the kernel size by default, ``padding`` at most half
    the kernel. The sum is divided by the window's elements inside the padded image, without
    ``count_include_pad`` by those inside the image, or by ``divisor_override``.

    Errors: `ShapeError` if no window fits, `ArgumentError` for impossible arguments.

    >>> from lamina import arange
    >>> avg_pool2d(arange(16.0).reshape((1, 4, 4)), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    return _avg_pool(
        "avg_pool2d",
        input,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )


@composite("avg_pool3d")
def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the means of windows over the last three axes; arguments as for `avg_pool2d`.

    >>> from lamina import ones
    >>> avg_pool3d(ones((1, 2, 2, 2)), 2).tolist()
    [[[[1.0]]]]
    """
    return _avg_pool(
        "avg_pool3d",
        input,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )


@composite("global_avg_pool")
def global_avg_pool(input: Tensor) -> Tensor:
    """Return the mean of each channel's image: (N, C, spatial…) to (N, C).

    Errors: `ShapeError` if there is no spatial axis. Source: Lin et al., *Network in
    network*, 2014, §3.2.

    >>> from lamina import arange
    >>> global_avg_pool(arange(8.0).reshape((1, 2, 2, 2))).tolist()
    [[1.5, 5.5]]
    """
    return input.mean(_spatial_axes("global_avg_pool", input))


@composite("global_max_pool")
def global_max_pool(input: Tensor) -> Tensor:
    """Return the maximum of each channel's image: (N, C, spatial…) to (N, C).

    Of equal maxima the first gets the gradient. Errors: `ShapeError` if there is no spatial
    axis or no element.

    >>> from lamina import arange
    >>> global_max_pool(arange(8.0).reshape((1, 2, 2, 2))).tolist()
    [[3.0, 7.0]]
    """
    extents = tuple(input.shape[axis] for axis in _spatial_axes("global_max_pool", input))
    windows = make_windows("global_max_pool", extents, extents, 1, 0)
    maxima = apply(WindowMax(_window_contraction(input.shape, windows)), input)
    return maxima.reshape(input.shape[:2])


def _spatial_axes(op: str, input: Tensor) -> tuple[int, ...]:
    if input.ndim < 3:
        raise ShapeError(
            f"{op}: input must have shape (N, C, spatial…), got shape {input.shape}; "
            "add the missing axes with unsqueeze"
        )
    return tuple(range(2, input.ndim))


def _max_pool(
    op: str,
    input: Tensor,
    kernel: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Pooled:
    windows = pool_windows(op, input, kernel, stride, padding, dilation, ceil_mode)
    spec = _window_contraction(input.shape, windows)
    maxima = apply(WindowMax(spec), input)
    if not return_indices:
        return maxima
    positions = [w.positions() for w in windows]
    places = apply(WindowArgMax(spec), input)
    return maxima, plane_indices(places, positions, input.shape[-len(windows) :])


def pool_windows(
    op: str,
    input: Tensor,
    kernel: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> Windows:
    """Return checked windows over the spatial axes of ``input`` (as many as ``op`` says)."""
    rank = int(op[-2])
    check_image(op, input, rank)
    step = kernel if stride is None else stride
    windows = make_windows(op, input.shape[-rank:], kernel, step, padding, dilation, ceil_mode)
    if any(2 * w.before > w.kernel for w in windows):
        raise ArgumentError(
            f"{op}: padding must be at most half the kernel, got padding {padding} and kernel "
            f"size {kernel}; pad the input first with lamina.functions.pad"
        )
    if not all(_meets_image(w) for w in windows):
        raise ShapeError(
            f"{op}: some window of kernel {kernel} with dilation {dilation} and padding {padding} "
            f"has no element of the image (input {input.shape}); use less dilation or padding"
        )
    return windows


@lru_cache(maxsize=1024)
def _meets_image(window: Window) -> bool:
    """Return whether every window has an element that is not padding."""
    positions = window.positions()
    return bool(((positions >= 0) & (positions < window.extent)).any(axis=1).all())


def plane_indices(places: Tensor, positions: Sequence[Array], extents: Shape) -> Tensor:
    """Turn places in each window into row-major positions in a plane of these extents.

    ``positions[axis]`` holds, windows × elements, where a window's elements stand on an axis.
    """
    rank = len(extents)
    table = np.zeros((1,) * (2 * rank), np.int64)
    for axis, (position, extent) in enumerate(zip(positions, extents, strict=True)):
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis] = position.shape
        table = table * extent + position.reshape(shape)
    counts, size = table.shape[:rank], prod(table.shape[rank:])
    first = np.arange(prod(counts)).reshape(counts) * size
    return apply(Gather(0), as_tensor(table.ravel()), places + as_tensor(first))


@lru_cache(maxsize=1024)
def _window_contraction(shape: Shape, windows: Windows) -> Contraction:
    """Return the sum over each window; a maximum reads the same places."""
    rank = len(windows)
    lead = loops("nc"[rank + 2 - len(shape) :], shape[:-rank])
    y, k = window_loops(windows)
    places = [w.place(*pair) for w, *pair in zip(windows, y, k, strict=True)]
    return contraction((*lead, *y), (shape, (*lead, *places)))


def _avg_pool(
    op: str,
    input: Tensor,
    kernel: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Tensor:
    windows = pool_windows(op, input, kernel, stride, padding, 1, ceil_mode)
    if divisor is not None and divisor < 1:
        raise ArgumentError(f"{op}: divisor_override must be 1 or more, got {divisor}")
    return mean_windows(input, windows, count_include_pad, divisor)


def mean_windows(
    input: Tensor, windows: Windows, count_include_pad: bool = True, divisor: int | None = None
) -> Tensor:
    """Return the sum over each window divided by ``divisor`` or by its number of elements."""
    sums = apply(_window_contraction(input.shape, windows), input)
    counts = divisor or _counts(windows, count_include_pad)
    return sums / (counts if isinstance(counts, int) else as_tensor(counts.astype(input.dtype)))


@lru_cache(maxsize=1024)
def _counts(windows: Windows, count_include_pad: bool) -> int | Array:
    """Return how many elements of each window count: one number if all windows agree."""
    counts = np.ones((), np.int64)
    for window in windows:
        pad = window.before if count_include_pad else 0
        positions = window.positions()
        inside = (positions >= -pad) & (positions < window.extent + pad)
        counts = np.multiply.outer(counts, inside.sum(axis=1))
    return int(counts.flat[0]) if (counts == counts.flat[0]).all() else counts
