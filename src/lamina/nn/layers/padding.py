"""Padding layers; see `lamina.functions.pad`.

``padding`` is a number for all sides, or (before, after) for the last axis, then for the one
before it, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import lamina.functions as F
from lamina.core.errors import ArgumentError
from lamina.nn.layers.function_layer import FunctionLayer
from lamina.tensors import Tensor

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

Sizes = int | Sequence[int]


class _Pad(FunctionLayer):
    _rank: ClassVar[int]
    _mode: ClassVar[str] = "constant"

    padding: Sizes

    def __init_subclass__(cls, rank: int | None = None) -> None:
        super().__init_subclass__()
        if rank is not None:
            cls._rank = rank

    def __post_init__(self) -> None:
        self.padding = self._sides()

    def _sides(self) -> tuple[int, ...]:
        given, count = self.padding, 2 * self._rank
        sides = (given,) * count if isinstance(given, int) else tuple(given)
        if len(sides) != count:
            raise ArgumentError(
                f"{type(self).__name__}: padding is one number or {count}, got {given!r}"
            )
        return sides

    def forward(self, input: Tensor) -> Tensor:
        value = getattr(self, "value", None)
        return F.pad(input, self._sides(), mode=self._mode, value=value)


class ZeroPad1d(_Pad, rank=1):
    """Zeros around (N, C, L) or (C, L)."""


class ZeroPad2d(_Pad, rank=2):
    """Zeros around (N, C, H, W) or (C, H, W)."""


class ZeroPad3d(_Pad, rank=3):
    """Zeros around (N, C, D, H, W) or (C, D, H, W)."""


class _ConstantPad(_Pad):
    value: float


class ConstantPad1d(_ConstantPad, rank=1):
    """A constant around (N, C, L) or (C, L)."""


class ConstantPad2d(_ConstantPad, rank=2):
    """A constant around (N, C, H, W) or (C, H, W)."""


class ConstantPad3d(_ConstantPad, rank=3):
    """A constant around (N, C, D, H, W) or (C, D, H, W)."""


class _ReflectionPad(_Pad):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPad, rank=1):
    """The mirror image around (N, C, L) or (C, L), without the border itself."""


class ReflectionPad2d(_ReflectionPad, rank=2):
    """The mirror image around (N, C, H, W) or (C, H, W), without the border itself."""


class ReflectionPad3d(_ReflectionPad, rank=3):
    """The mirror image around (N, C, D, H, W) or (C, D, H, W), without the border itself."""


class _ReplicationPad(_Pad):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPad, rank=1):
    """The border repeated around (N, C, L) or (C, L)."""


class ReplicationPad2d(_ReplicationPad, rank=2):
    """The border repeated around (N, C, H, W) or (C, H, W)."""


class ReplicationPad3d(_ReplicationPad, rank=3):
    """The border repeated around (N, C, D, H, W) or (C, D, H, W)."""


class _CircularPad(_Pad):
    _mode = "circular"


class CircularPad1d(_CircularPad, rank=1):
    """The other end around (N, C, L) or (C, L)."""


class CircularPad2d(_CircularPad, rank=2):
    """The other end around (N, C, H, W) or (C, H, W)."""


class CircularPad3d(_CircularPad, rank=3):
    """The other end around (N, C, D, H, W) or (C, D, H, W)."""
