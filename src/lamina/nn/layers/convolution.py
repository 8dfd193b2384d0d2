"""Convolution layers, plain and transposed, along one, two or three axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import lamina.functions as F
from lamina.core.errors import ArgumentError
from lamina.core.types import Shape
from lamina.functions.spatial import sizes
from lamina.nn import init
from lamina.nn.layers.linear import bias_parameter, check_sizes
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensors import Tensor, zeros

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

Sizes = int | Sequence[int]
PADDING_MODES = {
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "replicate",
    "circular": "circular",
}


class _ConvBase(Module):
    """Sizes, weight and bias of a convolution along ``_rank`` axes."""

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Tensor]]
    weight: Parameter
    bias: Parameter | None

    def __init_subclass__(cls, function: Callable[..., Tensor] | None = None) -> None:
        super().__init_subclass__()
        if function is not None:
            cls._function = staticmethod(function)
            cls._rank = int(cls.__name__[-2])

    def _set_sizes(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        dilation: Sizes,
        groups: int,
    ) -> None:
        name = type(self).__name__
        check_sizes(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: groups must divide in_channels and out_channels, got "
                f"{in_channels=}, {out_channels=}, {groups=}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = sizes(name, "kernel_size", kernel_size, self._rank, least=1)
        self.stride = sizes(name, "stride", stride, self._rank, least=1)
        self.dilation = sizes(name, "dilation", dilation, self._rank, least=1)

    def _make_parameters(self, channels: tuple[int, int], bias: bool, dtype: Any) -> None:
        self.weight = Parameter(zeros((*channels, *self.kernel_size), dtype=dtype))
        made = bias_parameter(self.out_channels, dtype) if bias else None
        self.register_parameter("bias", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.default_(self.weight, self.bias)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        parts.append(f"stride={self.stride}")
        defaults = {
            "padding": (0,) * self._rank,
            "output_padding": (0,) * self._rank,
            "dilation": (1,) * self._rank,
            "groups": 1,
            "padding_mode": "zeros",
            "flip": False,
        }
        for name, default in defaults.items():
            value = getattr(self, name, default)
            parts += [] if value == default else [f"{name}={value!r}"]
        return ", ".join(parts + ([] if self.bias is not None else ["bias=False"]))


class _Conv(_ConvBase):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        dtype: Any = None,
        flip: bool = False,
    ) -> None:
        super().__init__()
        self._set_sizes(in_channels, out_channels, kernel_size, stride, dilation, groups)
        name = type(self).__name__
        self.padding = (
            padding if isinstance(padding, str) else sizes(name, "padding", padding, self._rank)
        )
        if padding_mode not in PADDING_MODES:
            raise ArgumentError(
                f"{name}: padding_mode must be one of {', '.join(PADDING_MODES)}, "
                f"got {padding_mode!r}"
            )
        self.padding_mode, self.flip = padding_mode, flip
        self._sides = self._padding_sides()
        self._make_parameters((out_channels, in_channels // groups), bias, dtype)

    def _padding_sides(self) -> Shape:
        """Return (before, after) for the last axis, the one before it, … as `pad` takes them."""
        spans = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
        match self.padding:
            case "narrow" | "valid":
                pairs = [(0, 0)] * self._rank
            case "same":
                if set(self.stride) != {1}:
                    raise ArgumentError(
                        f"{type(self).__name__}: padding 'same' needs stride 1, got {self.stride}"
                    )
                pairs = [(span // 2, span - span // 2) for span in spans]
            case "wide" | "full":
                pairs = [(span, span) for span in spans]
            case str():
                raise ArgumentError(
                    f"{type(self).__name__}: padding must be numbers or one of narrow, valid, "
                    f"same, wide, full, got {self.padding!r}"
                )
            case numbers:
                pairs = [(p, p) for p in numbers]
        return tuple(side for pair in reversed(pairs) for side in pair)

    def forward(self, input: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._sides, mode=PADDING_MODES[self.padding_mode])
            padding = 0
        rest = (self.stride, padding, self.dilation, self.groups)
        return type(self)._function(input, self.weight, self.bias, *rest, flip=self.flip)


class Conv1d(_Conv, function=F.conv1d):
    """Convolution along one axis: (N, in_channels, L) to (N, out_channels, L'); see `Conv2d`."""


class Conv2d(_Conv, function=F.conv2d):
    """Convolution of images: out[n, o] = Σ_c weight[o, c] ⊗ input[n, c] + bias[o].

    The kernel is not flipped (cross-correlation) unless ``flip``. ``padding`` is a number, one
    an axis, or a name: "narrow" (or "valid"), "same", "wide" (or "full"); ``padding_mode`` says
    what it is filled with: "zeros", "reflect", "replicate", "circular".

    Shapes: (N, in_channels, H, W) to (N, out_channels, H', W'), H' = ⌊(H + 2P - D(K-1) - 1)/S⌋
    + 1; weight (out_channels, in_channels/groups, K, K), bias (out_channels). Both start as
    U(±1/√fan_in).

    >>> from lamina import nn, ones
    >>> nn.Conv2d(1, 6, 5)(ones((2, 1, 32, 32))).shape
    (2, 6, 28, 28)
    """


class Conv3d(_Conv, function=F.conv3d):
    """Convolution along three axes, (N, in_channels, D, H, W); see `Conv2d`."""


class _ConvTranspose(_ConvBase):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set_sizes(in_channels, out_channels, kernel_size, stride, dilation, groups)
        name = type(self).__name__
        self.padding = sizes(name, "padding", padding, self._rank)
        self.output_padding = sizes(name, "output_padding", output_padding, self._rank)
        self._make_parameters((in_channels, out_channels // groups), bias, dtype)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._output_padding(input.shape, output_size)
        rest = (self.stride, self.padding, extra, self.groups, self.dilation)
        return type(self)._function(input, self.weight, self.bias, *rest)

    def _output_padding(self, shape: Shape, output_size: Sequence[int] | None) -> Shape:
        """Return the output padding that gives ``output_size``, where one is asked for."""
        if output_size is None:
            return self.output_padding
        wanted = tuple(output_size)[-self._rank :]
        axes = (shape[-self._rank :], self.stride, self.padding, self.dilation, self.kernel_size)
        least = tuple(
            (m - 1) * s - 2 * p + d * (k - 1) + 1 for m, s, p, d, k in zip(*axes, strict=True)
        )
        extra = tuple(w - n for w, n in zip(wanted, least, strict=False))
        fits = all(0 <= e < s for e, s in zip(extra, self.stride, strict=False))
        if len(extra) != self._rank or not fits:
            most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
            raise ArgumentError(
                f"{type(self).__name__}: output_size must lie between {least} and {most}, "
                f"got {tuple(output_size)}"
            )
        return extra


class ConvTranspose1d(_ConvTranspose, function=F.conv_transpose1d):
    """Transposed convolution along one axis; see `ConvTranspose2d`."""


class ConvTranspose2d(_ConvTranspose, function=F.conv_transpose2d):
    """The adjoint of a convolution with these settings, learned: it enlarges by the stride.

    Shapes: (N, in_channels, H, W) to (N, out_channels, H', W'), H' = S (H - 1) - 2P + D (K - 1)
    + 1 + output_padding; weight (in_channels, out_channels/groups, K, K). Where several H' fit a
    stride, ``forward(input, output_size)`` chooses one.

    >>> from lamina import nn, ones
    >>> nn.ConvTranspose2d(6, 1, 2, stride=2)(ones((2, 6, 14, 14))).shape
    (2, 1, 28, 28)
    """


class ConvTranspose3d(_ConvTranspose, function=F.conv_transpose3d):
    """Transposed convolution along three axes; see `ConvTranspose2d`."""
