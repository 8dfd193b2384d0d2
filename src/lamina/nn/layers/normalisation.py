"""Normalisation layers; the formulas are with the functions of the same names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import lamina.functions as F
from lamina.core.errors import ArgumentError, ShapeError
from lamina.nn import init
from lamina.nn.layers.function_layer import FunctionLayer
from lamina.nn.layers.linear import check_sizes
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensors import Tensor, ones, tensor, zeros

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


class _Affine(Module):
    """A weight that starts as ones and a bias that starts as zeros, either of which may lack."""

    _connects = False
    weight: Parameter | None
    bias: Parameter | None

    def _make_affine(self, shape: tuple[int, ...], weight: bool, bias: bool, dtype: Any) -> None:
        self.register_parameter("weight", Parameter(ones(shape, dtype=dtype)) if weight else None)
        self.register_parameter("bias", Parameter(zeros(shape, dtype=dtype)) if bias else None)

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _RunningNorm(_Affine):
    """Normalisation with running statistics of each channel."""

    _ranks: ClassVar[tuple[int, ...]]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init_subclass__(cls, ranks: tuple[int, ...] = ()) -> None:
        super().__init_subclass__()
        cls._ranks = ranks

    def _set_up(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        dtype: Any,
    ) -> None:
        check_sizes(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make_affine((num_features,), affine, affine, dtype)
        tracked = track_running_stats
        mean, var = zeros((num_features,), dtype=dtype), ones((num_features,), dtype=dtype)
        self.register_buffer("running_mean", mean if tracked else None)
        self.register_buffer("running_var", var if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0) if tracked else None)

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        if self.running_mean is not None and self.running_var is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
        if self.num_batches_tracked is not None:
            init.zeros_(self.num_batches_tracked)

    def _check(self, input: Tensor) -> None:
        if input.ndim not in self._ranks:
            axes = " or ".join(str(rank) for rank in self._ranks)
            raise ShapeError(
                f"{type(self).__name__}: expected input of {axes} axes, got shape {input.shape}"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set_up(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        by_batch = self.training or self.running_mean is None
        momentum = self._momentum()
        running = self.running_mean, self.running_var
        parameters = self.weight, self.bias
        return F.batch_norm(input, *running, *parameters, by_batch, momentum, self.eps)

    def _momentum(self) -> float | Tensor:
        """Return the weight of the current batch; without a momentum, that of a running mean."""
        if not (self.training and self.num_batches_tracked is not None):
            return 0.0 if self.momentum is None else self.momentum
        self.num_batches_tracked.assign(self.num_batches_tracked + 1)
        if self.momentum is not None:
            return self.momentum
        assert self.running_mean is not None
        return 1.0 / self.num_batches_tracked.to(self.running_mean.dtype)


class BatchNorm1d(_BatchNorm, ranks=(2, 3)):
    """Batch normalisation of (N, C) or (N, C, L); see `BatchNorm2d`."""


class BatchNorm2d(_BatchNorm, ranks=(4,)):
    """Standardise each channel of (N, C, H, W) over the batch, then scale and shift.

    Evaluation uses the running statistics: moving averages with weight ``momentum`` of the
    latest batch, or plain averages over all batches if it is None. Without running statistics
    (``track_running_stats=False``) evaluation uses the batch's too.

    Source: Ioffe and Szegedy 2015.

    >>> from lamina import nn, ones
    >>> layer = nn.BatchNorm2d(3)
    >>> layer(ones((2, 3, 4, 4))).shape, layer.num_batches_tracked.item()
    ((2, 3, 4, 4), 1)
    """


class BatchNorm3d(_BatchNorm, ranks=(5,)):
    """Batch normalisation of (N, C, D, H, W); see `BatchNorm2d`."""


class _InstanceNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set_up(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        batched = input if input.ndim == self._ranks[-1] else input.unsqueeze(0)
        by_input = self.training or not self.track_running_stats
        running = self.running_mean, self.running_var
        parameters = self.weight, self.bias
        momentum = 0.0 if self.momentum is None else self.momentum
        out = F.instance_norm(batched, *running, *parameters, by_input, momentum, self.eps)
        return out if batched is input else out.squeeze(0)


class InstanceNorm1d(_InstanceNorm, ranks=(2, 3)):
    """Instance normalisation of (N, C, L) or (C, L); see `InstanceNorm2d`."""


class InstanceNorm2d(_InstanceNorm, ranks=(3, 4)):
    """Standardise each channel of each sample of (N, C, H, W) or (C, H, W) over its pixels.

    Source: Ulyanov, Vedaldi and Lempitsky 2016.
    """


class InstanceNorm3d(_InstanceNorm, ranks=(4, 5)):
    """Instance normalisation of (N, C, D, H, W) or (C, D, H, W); see `InstanceNorm2d`."""


class LayerNorm(_Affine):
    """Standardise each sample over its last axes ``normalized_shape``, then scale and shift.

    Source: Ba, Kiros and Hinton 2016.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        weighted = elementwise_affine
        self._make_affine(self.normalized_shape, weighted, weighted and bias, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = f"elementwise_affine={self.elementwise_affine}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class RMSNorm(_Affine):
    """Divide each sample by its root mean square over the last axes, then scale.

    Source: Zhang and Sennrich 2019.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        shape = self.normalized_shape
        weight = Parameter(ones(shape, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)

    def reset_parameters(self) -> None:
        """Set weight to ones."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        affine = f"elementwise_affine={self.elementwise_affine}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class GroupNorm(_Affine):
    """Standardise groups of channels of each sample of (N, C, …), then scale and shift channels.

    Source: Wu and He 2018.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_sizes("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: num_groups must divide num_channels, got {num_groups=}, "
                f"{num_channels=}"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self._make_affine((num_channels,), affine, affine, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        groups = f"{self.num_groups}, {self.num_channels}"
        return f"{groups}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(FunctionLayer, function=F.local_response_norm):
    """Divide by a power of the neighbouring channels' energy.

    Source: Krizhevsky, Sutskever and Hinton 2012, §3.3.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(normalized_shape, int):
        return (normalized_shape,)
    return tuple(normalized_shape)
