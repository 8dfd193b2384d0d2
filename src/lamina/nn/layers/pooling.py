"""Pooling layers; each is the function of the same name, see there."""

from __future__ import annotations

from collections.abc import Sequence

import lamina.functions as F
from lamina.nn.layers.function_layer import FunctionLayer

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

Sizes = int | Sequence[int]


class _MaxPool(FunctionLayer):
    _connects = True

    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Sizes = 0
    dilation: Sizes = 1
    return_indices: bool = False
    ceil_mode: bool = False


class MaxPool1d(_MaxPool, function=F.max_pool1d):
    """The maxima of windows of (N, C, L) or (C, L)."""


class MaxPool2d(_MaxPool, function=F.max_pool2d):
    """The maxima of windows of (N, C, H, W) or (C, H, W)."""


class MaxPool3d(_MaxPool, function=F.max_pool3d):
    """The maxima of windows of (N, C, D, H, W) or (C, D, H, W)."""


class AvgPool1d(FunctionLayer, function=F.avg_pool1d):
    """The means of windows of (N, C, L) or (C, L)."""

    _connects = True

    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Sizes = 0
    ceil_mode: bool = False
    count_include_pad: bool = True


class _AvgPool(FunctionLayer):
    _connects = True

    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Sizes = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None


class AvgPool2d(_AvgPool, function=F.avg_pool2d):
    """The means of windows of (N, C, H, W) or (C, H, W)."""


class AvgPool3d(_AvgPool, function=F.avg_pool3d):
    """The means of windows of (N, C, D, H, W) or (C, D, H, W)."""


class _LPPool(FunctionLayer):
    _connects = True

    norm_type: float
    kernel_size: Sizes
    stride: Sizes | None = None
    ceil_mode: bool = False


class LPPool1d(_LPPool, function=F.lp_pool1d):
    """The p-norms of windows of (N, C, L) or (C, L), p = ``norm_type``."""


class LPPool2d(_LPPool, function=F.lp_pool2d):
    """The p-norms of windows of (N, C, H, W) or (C, H, W), p = ``norm_type``."""


class LPPool3d(_LPPool, function=F.lp_pool3d):
    """The p-norms of windows of (N, C, D, H, W) or (C, D, H, W), p = ``norm_type``."""


class _AdaptiveAvgPool(FunctionLayer):
    _connects = True

    output_size: int | Sequence[int | None] | None


class AdaptiveAvgPool1d(_AdaptiveAvgPool, function=F.adaptive_avg_pool1d):
    """Means of as many windows as ``output_size`` says."""


class AdaptiveAvgPool2d(_AdaptiveAvgPool, function=F.adaptive_avg_pool2d):
    """Means of as many windows as ``output_size`` says, an axis (None: as many as there are)."""


class AdaptiveAvgPool3d(_AdaptiveAvgPool, function=F.adaptive_avg_pool3d):
    """Means of as many windows as ``output_size`` says, an axis (None: as many as there are)."""


class _AdaptiveMaxPool(FunctionLayer):
    _connects = True

    output_size: int | Sequence[int | None] | None
    return_indices: bool = False


class AdaptiveMaxPool1d(_AdaptiveMaxPool, function=F.adaptive_max_pool1d):
    """Maxima of as many windows as ``output_size`` says."""


class AdaptiveMaxPool2d(_AdaptiveMaxPool, function=F.adaptive_max_pool2d):
    """Maxima of as many windows as ``output_size`` says, an axis (None: as many as there are)."""


class AdaptiveMaxPool3d(_AdaptiveMaxPool, function=F.adaptive_max_pool3d):
    """Maxima of as many windows as ``output_size`` says, an axis (None: as many as there are)."""
