"""Convolution, which deep learning computes without flipping the kernel (cross-correlation).

    out[n, o, y] = bias[o] + Σ_{c,k} input[n, c, S y + D k - P] · weight[o, c, k]

for each spatial axis. With ``flip=True`` the kernel is read backwards, ``weight[o, c, K-1-k]``:
convolution as mathematics and signal processing define it. With ``groups`` G the channels
fall into G blocks, and outputs of a block see inputs of that block only.

Source: Qiu, *Neural Networks and Deep Learning*, §5.1; Dumoulin and Visin, *A guide to
convolution arithmetic for deep learning*, 2016.
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
    check_windows,
    loops,
    sizes,
    window_loops,
)
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.tensors import Tensor, apply, composite, promoted

__all__ = ["conv1d", "conv2d", "conv3d"]

NAMED = {"narrow": "narrow", "valid": "narrow", "same": "same", "wide": "wide", "full": "wide"}


@composite("conv1d")
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    flip: bool = False,
) -> Tensor:
    """Convolve along one axis; arguments and errors as for `conv2d`.

    Shapes: input (N, C, L) or (C, L), weight (O, C/groups, K), bias (O).

    >>> from lamina import tensor
    >>> x, w = tensor([[1.0, 2.0, 4.0]]), tensor([[[1.0, -1.0]]])
    >>> conv1d(x, w).tolist(), conv1d(x, w, flip=True).tolist()
    ([[-1.0, -2.0]], [[1.0, 2.0]])
    """
    return _convolve("conv1d", input, weight, bias, stride, padding, dilation, groups, flip)


@composite("conv2d")
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    flip: bool = False,
) -> Tensor:
    """Convolve along two axes (formula: see `lamina.functions.convolution`).

    Shapes: input (N, C, H, W) or (C, H, W), weight (O, C/groups, K, L), bias (O); the output
    has ``(H - ((K - 1) D + 1) + 2P) / S + 1`` rows. Operands of different dtypes are promoted.

    ``padding`` is a number, a pair, or a name: ``"narrow"`` (or "valid", P = 0), ``"same"``
    (as many outputs as inputs, stride 1; an odd element goes to the end), ``"wide"`` (or
    "full", P = (K - 1) D).

    Errors: `ShapeError` if channels, bias or kernel do not fit; `ArgumentError` for an
    impossible stride, padding, dilation or number of groups.

    >>> from lamina import ones
    >>> conv2d(ones((1, 1, 3, 3)), ones((1, 1, 2, 2))).tolist()
    [[[[4.0, 4.0], [4.0, 4.0]]]]
    >>> conv2d(ones((64, 3, 28, 28)), ones((8, 3, 5, 5)), stride=2, padding="wide").shape
    (64, 8, 16, 16)
    """
    return _convolve("conv2d", input, weight, bias, stride, padding, dilation, groups, flip)


@composite("conv3d")
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    flip: bool = False,
) -> Tensor:
    """Convolve along three axes; arguments and errors as for `conv2d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (O, C/groups, K, L, M), bias (O).

    >>> from lamina import ones
    >>> conv3d(ones((2, 4, 5, 6, 7)), ones((6, 2, 3, 3, 3)), padding="same", groups=2).shape
    (2, 6, 5, 6, 7)
    """
    return _convolve("conv3d", input, weight, bias, stride, padding, dilation, groups, flip)


def _convolve(
    op: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes | str,
    dilation: Sizes,
    groups: int,
    flip: bool,
) -> Tensor:
    rank = int(op[-2])
    check_image(op, input, rank)
    check_kernel(op, weight, rank)
    _check_channels(op, input.shape, weight.shape, groups)
    check_bias(op, bias, weight.shape[0])
    shapes = input.shape[-rank:], weight.shape[-rank:]
    windows = _windows(op, *shapes, stride, padding, dilation)
    input, weight = promoted(input, weight)
    spec = _contraction(input.shape, weight.shape, windows, groups, flip)
    out = apply(spec, weight, input)
    if groups > 1:
        out = out.reshape(input.shape[: -rank - 1] + weight.shape[:1] + spec.out_shape[-rank:])
    return add_bias(out, bias, rank)


def _windows(
    op: str, extents: Shape, kernel: Shape, stride: Sizes, padding: Sizes | str, dilation: Sizes
) -> Windows:
    rank = len(extents)
    strides = sizes(op, "stride", stride, rank, least=1)
    dilations = sizes(op, "dilation", dilation, rank, least=1)
    if isinstance(padding, str):
        pads = _named_padding(op, padding, kernel, strides, dilations)
    else:
        pads = [(p, p) for p in sizes(op, "padding", padding, rank)]
    columns = zip(extents, kernel, strides, pads, dilations, strict=True)
    windows = tuple(Window(m, k, s, *p, d) for m, k, s, p, d in columns)
    check_windows(op, windows)
    return windows


def _named_padding(
    op: str, padding: str, kernel: Shape, strides: Shape, dilations: Shape
) -> list[tuple[int, int]]:
    name = NAMED.get(padding)
    if name is None:
        raise ArgumentError(
            f"{op}: padding must be numbers or one of {', '.join(NAMED)}, got {padding!r}"
        )
    if name == "same" and set(strides) != {1}:
        raise ArgumentError(
            f"{op}: padding 'same' needs stride 1, got stride {strides}; give padding in numbers"
        )
    totals = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
    if name == "same":
        return [(total // 2, total - total // 2) for total in totals]
    return [(0, 0) if name == "narrow" else (total, total) for total in totals]


@lru_cache(maxsize=1024)
def _contraction(
    shape: Shape, kernel: Shape, windows: Windows, groups: int, flip: bool
) -> Contraction:
    """Return the contraction of (weight, input): this order suits both NumPy and the printer."""
    rank = len(windows)
    lead, group = loops("n", shape[: -rank - 1]), Loop("g", groups)
    o, c = Loop("o", kernel[0] // groups), Loop("c", kernel[1])
    y, k = window_loops(windows)
    places = [w.place(*pair) for w, *pair in zip(windows, y, k, strict=True)]
    taps = [w.kernel - 1 - loop if flip else loop for w, loop in zip(windows, k, strict=True)]
    blocks = () if groups == 1 else (group,)
    return contraction(
        (*lead, *blocks, o, *y),
        (kernel, (block(group, o, groups), c, *taps)),
        (shape, (*lead, block(group, c, groups), *places)),
    )


def _check_channels(op: str, shape: Shape, kernel: Shape, groups: int) -> None:
    if groups < 1 or kernel[0] % groups:
        raise ArgumentError(
            f"{op}: groups must divide the {kernel[0]} output channels of weight {kernel}, "
            f"got groups={groups}"
        )
    channels = shape[1 - len(kernel)]
    if channels != kernel[1] * groups:
        raise ShapeError(
            f"{op}: weight expects {kernel[1] * groups} input channels (weight {kernel}, "
            f"groups={groups}), input {shape} has {channels}"
        )
