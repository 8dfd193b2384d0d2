"""Unfolding an image into columns of windows, and its adjoint, folding.

    unfold: columns[n, (c, k), y] = image[n, c, S y + D k - P]
    fold:   image[n, c, i] = Σ_k columns[n, (c, k), (i + P - D k) / S]

for each spatial axis, where only exact divisions count. A convolution is a matrix product
with the unfolded image (im2col).

Source: Chellapilla et al., *High performance convolutional neural networks for document
processing*, 2006, §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Shape
from lamina.functions.spatial import (
    Sizes,
    Windows,
    check_image,
    loops,
    make_windows,
    sizes,
    window_loops,
)
from lamina.ops.contraction import Contraction
from lamina.ops.loops import contraction
from lamina.tensors import Tensor, apply, composite

__all__ = ["unfold", "fold"]


@composite("unfold")
def unfold(
    input: Tensor,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Return every window as a column.

    Shapes: (N, C, H, W) or (C, H, W) to (N, C·K·L, windows) or (C·K·L, windows). Images are
    two-dimensional unless ``kernel_size`` has 1 or 3 numbers.

    Errors: `ShapeError` if no window fits, `ArgumentError` for impossible arguments.

    >>> from lamina import arange
    >>> unfold(arange(6.0).reshape((1, 2, 3)), 2).tolist()
    [[0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]
    """
    rank = _rank(kernel_size)
    check_image("unfold", input, rank)
    windows = make_windows("unfold", input.shape[-rank:], kernel_size, stride, padding, dilation)
    spec = _unfold_contraction(input.shape, windows)
    lead = input.shape[: -rank - 1]
    rows, columns = _sizes(input.shape[-rank - 1], windows)
    return apply(spec, input).reshape((*lead, rows, columns))


@composite("fold")
def fold(
    input: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Return the image in which every column is added at its window: the adjoint of `unfold`.

    Shapes: (N, C·K·L, windows) or (C·K·L, windows) to (N, C, H, W) or (C, H, W) with (H, W) =
    ``output_size``. Images are two-dimensional unless sizes have 1 or 3 numbers.

    Errors: `ShapeError` if the columns are not those of such an image, `ArgumentError` for
    impossible arguments.

    >>> from lamina import ones
    >>> fold(ones((4, 2)), (2, 3), 2).tolist()
    [[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]
    """
    rank = _rank(output_size, kernel_size)
    extents = sizes("fold", "output_size", output_size, rank, least=1)
    windows = make_windows("fold", extents, kernel_size, stride, padding, dilation)
    channels = _check_columns(input.shape, windows)
    lead = input.shape[:-2]
    shape = (*lead, channels, *(w.kernel for w in windows), *(w.count for w in windows))
    return apply(_fold_contraction(shape, windows), input.reshape(shape))


def _rank(*given: Sizes) -> int:
    lengths = {len(each) for each in given if isinstance(each, Sequence)}
    if len(lengths) > 1 or not lengths <= {1, 2, 3}:
        raise ArgumentError(f"unfold, fold: sizes must agree on 1, 2 or 3 axes, got {given}")
    return lengths.pop() if lengths else 2


def _sizes(channels: int, windows: Windows) -> tuple[int, int]:
    """Return the numbers of rows and columns."""
    return channels * prod(w.kernel for w in windows), prod(w.count for w in windows)


def _check_columns(shape: Shape, windows: Windows) -> int:
    """Return the number of channels."""
    taps, columns = _sizes(1, windows)
    if len(shape) not in (2, 3) or shape[-1] != columns or shape[-2] % taps:
        output = tuple(w.extent for w in windows)
        raise ShapeError(
            f"fold: input must have shape (N, C·{taps}, {columns}) or (C·{taps}, {columns}): "
            f"{taps} elements a window and {columns} windows on an image of {output}, "
            f"got shape {shape}"
        )
    return shape[-2] // taps


@lru_cache(maxsize=1024)
def _unfold_contraction(shape: Shape, windows: Windows) -> Contraction:
    lead = loops("nc"[len(windows) + 2 - len(shape) :], shape[: -len(windows)])
    y, k = window_loops(windows)
    places = [w.place(*pair) for w, *pair in zip(windows, y, k, strict=True)]
    return contraction((*lead, *k, *y), (shape, (*lead, *places)))


@lru_cache(maxsize=1024)
def _fold_contraction(shape: Shape, windows: Windows) -> Contraction:
    rank = len(windows)
    lead = loops("nc"[2 * rank + 2 - len(shape) :], shape[: -2 * rank])
    i = loops("zyx"[3 - rank :], [w.extent for w in windows])
    _, k = window_loops(windows)
    origins = [w.origin(*pair) for w, *pair in zip(windows, i, k, strict=True)]
    return contraction((*lead, *i), (shape, (*lead, *k, *origins)))
