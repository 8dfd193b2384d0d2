"""Layers that rearrange or resize: flatten, unfold, pixel shuffle, upsample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lamina.functions as F
from lamina.nn.layers.function_layer import FunctionLayer
from lamina.nn.module import Module
from lamina.tensors import Tensor, flatten, unflatten

__all__ = [
    "Flatten",
    "Fold",
    "Identity",
    "PixelShuffle",
    "PixelUnshuffle",
    "Unflatten",
    "Unfold",
    "Upsample",
]

Sizes = int | Sequence[int]


class Identity(Module):
    """The input itself; arguments are taken and ignored, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Flatten(FunctionLayer, function=flatten):
    """The axes from ``start_dim`` to ``end_dim`` as one; by default all but the batch."""

    start_dim: int = 1
    end_dim: int = -1


class Unflatten(FunctionLayer, function=unflatten):
    """The axis ``dim`` as axes of the lengths ``unflattened_size``."""

    dim: int
    unflattened_size: Sequence[int]

    def forward(self, input: Tensor) -> Tensor:
        return unflatten(input, self.dim, tuple(self.unflattened_size))


class Unfold(FunctionLayer, function=F.unfold):
    """Windows of (N, C, H, W) as columns: (N, C·ΠK, windows)."""

    kernel_size: Sizes
    dilation: Sizes = 1
    padding: Sizes = 0
    stride: Sizes = 1


class Fold(FunctionLayer, function=F.fold):
    """The adjoint of `Unfold`: columns added up at their places."""

    output_size: Sizes
    kernel_size: Sizes
    dilation: Sizes = 1
    padding: Sizes = 0
    stride: Sizes = 1


class PixelShuffle(FunctionLayer, function=F.pixel_shuffle):
    """Channels to resolution: (N, C·r², H, W) to (N, C, H·r, W·r)."""

    upscale_factor: int


class PixelUnshuffle(FunctionLayer, function=F.pixel_unshuffle):
    """Resolution to channels: the inverse of `PixelShuffle`."""

    downscale_factor: int


class Upsample(FunctionLayer, function=F.interpolate):
    """Resize the spatial axes to ``size`` or by ``scale_factor``."""

    size: Sizes | None = None
    scale_factor: float | Sequence[float] | None = None
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None
