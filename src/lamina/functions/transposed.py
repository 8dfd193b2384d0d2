"""Transposed convolution: the adjoint of convolution, which spreads where that one gathers.

    out[n, o, i] = bias[o] + Σ_{c,k} input[n, c, (i + P - D k) / S] · weight[c, o, k]

for each spatial axis, where only exact divisions count. Its matrix is the transpose of the
convolution's matrix with the same weight, stride, padding and dilation. A stride above 1
makes M elements into ``S (M - 1) + (K - 1) D + 1 - 2P + output padding``.

Source: Qiu, *Neural Networks and Deep Learning*, §5.5.1; Dumoulin and Visin, 2016, §4.
"""

from __future__ import annotations

from functools import lru_cache

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Shape
from lamina.functions.spatial import (
    Sizes,
    Window,
    Windows,
    add_bias,
    block,
    check_bias,
    check_image,
    check_kernel,
    loops,
    sizes,
)
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.tensors import Tensor, apply, composite, promoted

__all__ = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


@composite("conv_transpose1d")
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Transposed convolution along one axis; arguments and errors as for `conv_transpose2d`.

    Shapes: input (N, C, L) or (C, L), weight (C, O/groups, K), bias (O).

    >>> from lamina import tensor
    >>> x, w = tensor([[1.0, 2.0]]), tensor([[[1.0, 10.0, 100.0]]])
    >>> conv_transpose1d(x, w, stride=2).tolist()
    [[1.0, 10.0, 102.0, 20.0, 200.0]]
    """
    return _transpose(
        "conv_transpose1d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite("conv_transpose2d")
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Transposed convolution along two axes (formula: see `lamina.functions.transposed`).

    Shapes: input (N, C, H, W) or (C, H, W), weight (C, O/groups, K, L), bias (O).
    ``output_padding`` (less than stride or dilation) adds rows at the end, for a convolution
    whose output length was rounded down. Operands of different dtypes are promoted.

    Errors: `ShapeError` if channels or bias do not fit or nothing would be left of the
    output; `ArgumentError` for an impossible stride, padding, dilation or number of groups.

    >>> from lamina import ones
    >>> conv_transpose2d(ones((1, 2, 4, 4)), ones((2, 3, 2, 2)), stride=2).shape
    (1, 3, 8, 8)
    """
    return _transpose(
        "conv_transpose2d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite("conv_transpose3d")
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Transposed convolution along three axes; arguments and errors as for `conv_transpose2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (C, O/groups, K, L, M), bias (O).

    >>> from lamina import ones
    >>> conv_transpose3d(ones((1, 2, 4, 4, 4)), ones((2, 1, 2, 2, 2)), stride=2).shape
    (1, 1, 8, 8, 8)
    """
    return _transpose(
        "conv_transpose3d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def _transpose(
    op: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> Tensor:
    rank = int(op[-2])
    check_image(op, input, rank)
    check_kernel(op, weight, rank)
    _check_channels(op, input.shape, weight.shape, groups)
    check_bias(op, bias, weight.shape[1] * groups)
    shapes = input.shape[-rank:], weight.shape[-rank:]
    windows = _windows(op, *shapes, stride, padding, output_padding, dilation)
    input, weight = promoted(input, weight)
    spec = _contraction(input.shape, weight.shape, windows, groups)
    out = apply(spec, weight, input)
    if groups > 1:
        channels = weight.shape[1] * groups
        out = out.reshape((*input.shape[: -rank - 1], channels, *spec.out_shape[-rank:]))
    return add_bias(out, bias, rank)


def _windows(
    op: str,
    counts: Shape,
    kernel: Shape,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    dilation: Sizes,
) -> Windows:
    """Return the windows of the convolution that this transposes: its input is our output."""
    rank = len(counts)
    strides = sizes(op, "stride", stride, rank, least=1)
    dilations = sizes(op, "dilation", dilation, rank, least=1)
    pads = sizes(op, "padding", padding, rank)
    extra = sizes(op, "output_padding", output_padding, rank)
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        raise ArgumentError(
            f"{op}: output_padding must be less than stride {strides} or dilation {dilations}, "
            f"got {extra}"
        )
    windows = []
    for m, k, s, p, e, d in zip(counts, kernel, strides, pads, extra, dilations, strict=True):
        extent = s * (m - 1) + (k - 1) * d + 1 - 2 * p + e
        windows.append(Window(extent, k, s, p, p, d))
    if any(w.extent < 1 for w in windows):
        raise ShapeError(
            f"{op}: the output would have spatial shape {tuple(w.extent for w in windows)} "
            f"(input {counts}, kernel {kernel}, padding {pads}); use less padding"
        )
    return tuple(windows)


@lru_cache(maxsize=1024)
def _contraction(shape: Shape, kernel: Shape, windows: Windows, groups: int) -> Contraction:
    """Return the contraction of (weight, input)."""
    rank = len(windows)
    lead, group = loops("n", shape[: -rank - 1]), Loop("g", groups)
    c, o = Loop("c", kernel[0] // groups), Loop("o", kernel[1])
    i = loops("zyx"[3 - rank :], [w.extent for w in windows])
    k = loops("kij"[3 - rank :], kernel[2:])
    origins = [w.origin(*pair) for w, *pair in zip(windows, i, k, strict=True)]
    blocks = () if groups == 1 else (group,)
    return contraction(
        (*lead, *blocks, o, *i),
        (kernel, (block(group, c, groups), o, *k)),
        (shape, (*lead, block(group, c, groups), *origins)),
    )


def _check_channels(op: str, shape: Shape, kernel: Shape, groups: int) -> None:
    channels = shape[1 - len(kernel)]
    if channels != kernel[0]:
        raise ShapeError(
            f"{op}: weight expects {kernel[0]} input channels (weight {kernel}), "
            f"input {shape} has {channels}"
        )
    if groups < 1 or channels % groups:
        raise ArgumentError(
            f"{op}: groups must divide the {channels} input channels of input {shape}, "
            f"got groups={groups}"
        )
