"""Normalisation: standardise over some axes, then scale and shift."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Shape
from lamina.functions.checks import held_constant, require_float, require_shape
from lamina.functions.distance import vector_norm
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.tensors import Tensor, apply, composite
from lamina.tensors.shape import axis_of

__all__ = [
    "batch_norm",
    "batch_statistics",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


def batch_statistics(input: Tensor) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and (biased) variance over all axes but axis 1.

    Shapes: input ``(N, C, *)``, results ``(C,)`` of its dtype. Errors: `ShapeError`,
    `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> mean, variance = F.batch_statistics(lamina.tensor([[1.0, 0.0], [3.0, 0.0]]))
    >>> mean.tolist(), variance.tolist()
    ([2.0, 0.0], [1.0, 0.0])

    Source: Ioffe and Szegedy 2015, algorithm 1.
    """
    channels = _channels("batch_statistics", input)
    mean, variance = _moments(input, _all_but_channels(input))
    return mean.reshape(channels), variance.reshape(channels)


@composite("batch_norm")
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise each channel over the batch: ``(x - μ) / √(σ² + eps) · weight + bias``.

    In training μ and σ² are the batch's (biased) statistics, and the running statistics, where
    given, are assigned ``(1 - momentum) · running + momentum · batch`` (with the unbiased
    variance). Otherwise they are the running statistics. Shapes: input ``(N, C, *)``, the rest
    ``(C,)``; the result is like ``input``. Errors: `ShapeError`, also when training on one value
    a channel; `DTypeError` unless float; `ArgumentError` if statistics are missing.

    >>> import lamina, lamina.functions as F
    >>> x, mean, variance = lamina.tensor([[1.0], [3.0]]), lamina.zeros(1), lamina.ones(1)
    >>> F.batch_norm(x, mean, variance, training=True, momentum=0.5, eps=0.0).tolist()
    [[-1.0], [1.0]]
    >>> mean.tolist(), variance.tolist()
    ([1.0], [1.5])

    Source: Ioffe and Szegedy 2015, algorithms 1 and 2.
    """
    channels = _channels("batch_norm", input, running_mean, running_var, weight, bias)
    mean, variance = running_mean, running_var
    if training:
        count = input.numel() // max(channels, 1)
        _require_several("batch_norm", input, count)
        mean, variance = batch_statistics(input)
        if count:
            _update(running_mean, mean, momentum)
            _update(running_var, variance * (count / (count - 1)), momentum)
    if mean is None or variance is None:
        raise ArgumentError("batch_norm: give running_mean and running_var, or set training=True")
    shape = _channel_shape(input)
    standard = _standardised(input, mean.reshape(shape), variance.reshape(shape), eps)
    return _affine(standard, weight, bias, shape)


@composite("instance_norm")
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise each channel of each sample over its spatial axes, then scale and shift.

    With ``use_input_stats=False`` the running statistics serve for every sample; with it they
    are updated, where given, by the statistics' mean over the batch. Shapes: input
    ``(N, C, *)``, the rest ``(C,)``; the result is like ``input``. Errors: as `batch_norm`, and
    `ShapeError` for a single spatial position.

    >>> import lamina, lamina.functions as F
    >>> F.instance_norm(lamina.tensor([[[1.0, 3.0], [10.0, 30.0]]]), eps=0.0).tolist()
    [[[-1.0, 1.0], [-1.0, 1.0]]]

    Source: Ulyanov, Vedaldi and Lempitsky 2016, *Instance normalization*, eq. 4.
    """
    channels = _channels("instance_norm", input, running_mean, running_var, weight, bias)
    shape = _channel_shape(input)
    if use_input_stats:
        count = prod(input.shape[2:])
        _require_several("instance_norm", input, count)
        mean, variance = _moments(input, tuple(range(2, input.ndim)))
        if input.numel():
            of_channel = (input.shape[0], channels)
            _update(running_mean, mean.reshape(of_channel).mean(0), momentum)
            unbiased = variance.reshape(of_channel).mean(0) * (count / (count - 1))
            _update(running_var, unbiased, momentum)
    elif running_mean is None or running_var is None:
        raise ArgumentError("instance_norm: use_input_stats=False needs running statistics")
    else:
        mean, variance = running_mean.reshape(shape), running_var.reshape(shape)
    return _affine(_standardised(input, mean, variance, eps), weight, bias, shape)


@composite("layer_norm")
def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise over the last axes: ``(x - μ) / √(σ² + eps) · weight + bias``.

    Shapes: input ``(*, *normalized_shape)``; weight and bias ``normalized_shape``; the result
    is like ``input``. Errors: `ShapeError`, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.layer_norm(lamina.tensor([[1.0, 3.0], [10.0, 30.0]]), [2], eps=0.0).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]

    Source: Ba, Kiros and Hinton 2016, *Layer normalization*, eq. 3.
    """
    axes, shape = _last_axes("layer_norm", input, normalized_shape, weight, bias)
    mean, variance = _moments(input, axes)
    return _affine(_standardised(input, mean, variance, eps), weight, bias, shape)


@composite("rms_norm")
def rms_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide by the root mean square over the last axes: ``x / √(mean x² + eps) · weight``.

    ``eps`` defaults to the dtype's machine epsilon. Shapes and errors are those of `layer_norm`.

    >>> import lamina, lamina.functions as F
    >>> F.rms_norm(lamina.tensor([2.0, 2.0, -2.0]), [3], eps=0.0).tolist()
    [1.0, 1.0, -1.0]

    Source: Zhang and Sennrich 2019, *Root mean square layer normalization*, eq. 4.
    """
    axes, shape = _last_axes("rms_norm", input, normalized_shape, weight, None)
    least = float(np.finfo(input.dtype).eps) if eps is None else eps
    scale = (input.square().mean(axes, keepdim=True) + least).rsqrt()
    return _affine(input * scale, weight, None, shape)


@composite("group_norm")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise groups of channels of each sample over channels and space together.

    Shapes: input ``(N, C, *)``, weight and bias ``(C,)``; the result is like ``input``.
    Errors: `ShapeError`, `DTypeError` unless float, `ArgumentError` unless ``num_groups``
    divides C.

    >>> import lamina, lamina.functions as F
    >>> F.group_norm(lamina.tensor([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0.0).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]

    Source: Wu and He 2018, *Group normalization*, §3.
    """
    channels = _channels("group_norm", input, weight, bias)
    if num_groups < 1 or channels % num_groups:
        raise ArgumentError(
            f"group_norm: num_groups must divide the {channels} channels of input "
            f"{input.shape}, got {num_groups}"
        )
    batch, rest = input.shape[0], input.shape[2:]
    _require_several("group_norm", input, input.numel() // num_groups)
    grouped = input.reshape(batch, num_groups, channels // num_groups * prod(rest))
    standard = _standardised(grouped, *_moments(grouped, (2,)), eps).reshape(input.shape)
    return _affine(standard, weight, bias, _channel_shape(input))


@composite("local_response_norm")
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by activity in neighbouring channels: ``x_c / (k + alpha/size · Σ x_c'²)^beta``.

    The sum is over the ``size`` channels from ``c - size // 2`` on; there are none outside.
    (AlexNet's paper has alpha without the division by ``size``.) Shapes: input ``(N, C, *)``
    with at least one more axis; the result is like ``input``. Errors: `ShapeError`,
    `ArgumentError` unless size ≥ 1, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.local_response_norm(lamina.tensor([[[3.0], [4.0]]]), 2, alpha=2.0, beta=0.5, k=0.0)
    tensor([[[1. ],
            [0.8]]])

    Source: Krizhevsky, Sutskever and Hinton 2012, §3.3.
    """
    require_float("local_response_norm", input=input)
    if input.ndim < 3:
        raise ShapeError(f"local_response_norm: expected input (N, C, *), got {input.shape}")
    if size < 1:
        raise ArgumentError(f"local_response_norm: size must be at least 1, got {size}")
    energy = apply(_neighbours(input.shape, size), input.square())
    return input / (energy * (alpha / size) + k) ** beta


@lru_cache(maxsize=256)
def _neighbours(shape: Shape, size: int) -> Contraction:
    n, c, *rest = (Loop(name, extent) for name, extent in zip("ncdhw", shape, strict=False))
    j = Loop("j", size)
    return contraction((n, c, *rest), (shape, (n, c + j - size // 2, *rest)))


@composite("normalize")
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Scale to unit length along ``dim``: ``x / max(‖x‖_p, eps)``.

    Shape and dtype are those of ``input``. Errors: `ShapeError`, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> [round(v, 4) for v in F.normalize(lamina.tensor([3.0, 4.0]), dim=0).tolist()]
    [0.6, 0.8]

    Source: Goodfellow, Bengio and Courville, *Deep Learning*, §2.5.
    """
    require_float("normalize", input=input)
    axis = axis_of("normalize", dim, input.ndim)
    return input / vector_norm(input, p, axis, keepdim=True).clamp(min=eps)


def _channels(function: str, input: Tensor, *of_channel: Tensor | None) -> int:
    """Return the number of channels; check that per-channel tensors have as many elements."""
    require_float(function, input=input)
    if input.ndim < 2:
        raise ShapeError(f"{function}: expected input (N, C, *), got {input.shape}")
    for tensor in of_channel:
        require_shape(function, "every per-channel tensor", tensor, input.shape[1:2])
    return input.shape[1]


def _channel_shape(input: Tensor) -> Shape:
    return (input.shape[1],) + (1,) * (input.ndim - 2)


def _all_but_channels(input: Tensor) -> tuple[int, ...]:
    return (0, *range(2, input.ndim))


def _last_axes(
    function: str, input: Tensor, normalized_shape: int | Sequence[int], *affine: Tensor | None
) -> tuple[tuple[int, ...], Shape]:
    require_float(function, input=input)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{function}: input must end with normalized_shape {shape}, got {input.shape}"
        )
    for tensor in affine:
        require_shape(function, "weight and bias", tensor, shape)
    return tuple(range(input.ndim - len(shape), input.ndim)), shape


def _moments(input: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance over the axes, kept with length 1 (two passes)."""
    mean = input.mean(axes, keepdim=True)
    return mean, (input - mean).square().mean(axes, keepdim=True)


def _standardised(input: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    return (input - mean) * (variance + eps).rsqrt()


def _affine(input: Tensor, weight: Tensor | None, bias: Tensor | None, shape: Shape) -> Tensor:
    scaled = input if weight is None else input * weight.reshape(shape)
    return scaled if bias is None else scaled + bias.reshape(shape)


def _update(running: Tensor | None, batch: Tensor, momentum: float | Tensor) -> None:
    if running is not None:
        with held_constant():
            mixed = (1 - momentum) * running + momentum * batch
            running.assign(mixed.to(running.dtype))


def _require_several(function: str, input: Tensor, count: int) -> None:
    if count == 1:
        raise ShapeError(
            f"{function}: statistics need more than one value a channel, got input "
            f"{input.shape}; use a larger batch, or running statistics"
        )
