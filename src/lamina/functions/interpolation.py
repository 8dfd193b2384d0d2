"""Resampling images to other sizes, and trading channels for resolution.

Output element y of an axis resized from M to N stands, in units of input elements, at

    (y + ½) M / N - ½        (elements are cells; the default)
    y (M - 1) / (N - 1)      (align_corners: elements are points, first and last stay put)

Linear modes mix the two neighbours in proportion, which is one constant matrix an axis:

    out[…, y, x] = Σ_{i,j} input[…, i, j] · R[y, i] · C[x, j]

Nearest modes pick the element in whose cell the output's edge ("nearest") or its centre
("nearest-exact") lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import floor

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array, Shape
from lamina.functions.spatial import loops, sizes
from lamina.ops.contraction import Contraction
from lamina.ops.gather import Gather
from lamina.ops.loops import contraction
from lamina.tensors import Tensor, apply, as_tensor, composite

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]

LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}
NEAREST = ("nearest", "nearest-exact")

Ratio = tuple[float, float]
"""So many input elements for so many output elements (a fraction, so that no place is rounded)."""


@composite("interpolate")
def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """Resize images to ``size``, or by ``scale_factor`` (rounded down).

    Shapes: (N, C, spatial…) with 1 to 3 spatial axes to the same with the new extents.
    ``mode`` is "nearest", "nearest-exact", or by the number of axes "linear", "bilinear" or
    "trilinear", to which alone ``align_corners`` applies. With ``recompute_scale_factor`` the
    places follow from the rounded size instead of the factor given.

    Errors: `ArgumentError` for an unknown mode or unless exactly one of ``size`` and
    ``scale_factor`` is given; `ShapeError` if the mode does not fit the input.

    >>> from lamina import tensor
    >>> row = tensor([[[0.0, 10.0]]])
    >>> interpolate(row, size=4, mode="linear").tolist()
    [[[0.0, 2.5, 7.5, 10.0]]]
    >>> interpolate(row, scale_factor=2).tolist()
    [[[0.0, 0.0, 10.0, 10.0]]]
    """
    _check_mode(input.shape, mode, align_corners)
    targets, ratios = _targets(input.shape, size, scale_factor, bool(recompute_scale_factor))
    if mode in NEAREST:
        return _nearest(input, targets, ratios, 0.5 if mode == "nearest-exact" else 0.0)
    if align_corners:
        ratios = _corner_ratios(input.shape[2:], targets)
    shift = 0.0 if align_corners else 0.5
    axes = zip(input.shape[2:], targets, ratios, strict=True)
    matrices = [as_tensor(_linear_matrix(*axis, shift).astype(input.dtype)) for axis in axes]
    return apply(_mixing(input.shape, targets), input, *matrices)


def _check_mode(shape: Shape, mode: str, align_corners: bool | None) -> None:
    rank = len(shape) - 2
    if mode not in LINEAR and mode not in NEAREST:
        modes = ", ".join((*NEAREST, *LINEAR))
        raise ArgumentError(f"interpolate: mode must be one of {modes}, got {mode!r}")
    if rank not in (1, 2, 3) or LINEAR.get(mode, rank) != rank or 0 in shape[2:]:
        axes = LINEAR.get(mode, "1, 2 or 3")
        raise ShapeError(
            f"interpolate: mode {mode!r} needs input (N, C, spatial…) with {axes} non-empty "
            f"spatial axes, got shape {shape}"
        )
    if mode in NEAREST and align_corners is not None:
        raise ArgumentError(
            f"interpolate: align_corners has no meaning in mode {mode!r}; leave it out"
        )


def _targets(
    shape: Shape,
    size: int | Sequence[int] | None,
    factor: float | Sequence[float] | None,
    recompute: bool,
) -> tuple[Shape, tuple[Ratio, ...]]:
    """Return the new extents, and the ratio along each axis."""
    extents = shape[2:]
    if (size is None) == (factor is None):
        raise ArgumentError(
            f"interpolate: give either size or scale_factor, got size={size} and "
            f"scale_factor={factor}"
        )
    if size is not None:
        targets = sizes("interpolate", "size", size, len(extents), least=1)
        return targets, _even_ratios(extents, targets)
    factors = _factors(factor, len(extents))
    targets = tuple(floor(m * f) for m, f in zip(extents, factors, strict=True))
    if min(targets) < 1:
        raise ArgumentError(
            f"interpolate: scale_factor {factor} leaves nothing of spatial shape {extents}"
        )
    return targets, _even_ratios(extents, targets) if recompute else tuple((1, f) for f in factors)


def _factors(factor: float | Sequence[float] | None, rank: int) -> tuple[float, ...]:
    given = factor if isinstance(factor, Sequence) else (factor,) * rank
    factors = tuple(float(f) for f in given if f is not None)
    if len(factors) != rank or min(factors) <= 0:
        raise ArgumentError(
            f"interpolate: scale_factor must be a number above 0 or {rank} of them, got {factor!r}"
        )
    return factors


def _even_ratios(extents: Shape, targets: Shape) -> tuple[Ratio, ...]:
    return tuple(zip(extents, targets, strict=True))


def _corner_ratios(extents: Shape, targets: Shape) -> tuple[Ratio, ...]:
    pairs = zip(extents, targets, strict=True)
    return tuple((m - 1, n - 1) if n > 1 else (0, 1) for m, n in pairs)


@lru_cache(maxsize=256)
def _linear_matrix(extent: int, target: int, ratio: Ratio, shift: float) -> Array:
    """Return the weights of input elements (columns) in each output element (rows)."""
    if target == extent:  # whatever the factor was before rounding, nothing moves
        return np.eye(extent)
    place = (np.arange(target) + shift) * ratio[0] / ratio[1] - shift
    place = np.clip(place, 0, extent - 1)
    low, row = place.astype(np.int64), np.arange(target)
    matrix = np.zeros((target, extent))
    matrix[row, low] = 1 - (place - low)
    matrix[row, np.minimum(low + 1, extent - 1)] += place - low
    return matrix


@lru_cache(maxsize=1024)
def _mixing(shape: Shape, targets: Shape) -> Contraction:
    """Return the contraction of the input with one matrix an axis."""
    lead, a = loops("nc", shape[:2]), loops("ijk", shape[2:])
    y = loops("zyx"[3 - len(targets) :], targets)
    matrices = [((out.extent, m.extent), (out, m)) for out, m in zip(y, a, strict=True)]
    return contraction((*lead, *y), (shape, (*lead, *a)), *matrices)


def _nearest(input: Tensor, targets: Shape, ratios: tuple[Ratio, ...], shift: float) -> Tensor:
    # Gathered rather than multiplied by zeros, so that a NaN stays where it is.
    for axis, (target, ratio) in enumerate(zip(targets, ratios, strict=True), start=2):
        place = np.floor((np.arange(target) + shift) * ratio[0] / ratio[1]).astype(np.int64)
        index = np.minimum(place, input.shape[axis] - 1)
        input = apply(Gather(axis), input, as_tensor(index))
    return input


@composite("pixel_shuffle")
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Turn r² channels into r × r pixels: (…, C r², H, W) to (…, C, H r, W r).

    ``out[…, c, r y + i, r x + j] = input[…, c r² + r i + j, y, x]``. Errors: `ShapeError`
    unless r² divides the channels. Source: Shi et al., *Real-time single image and video
    super-resolution*, 2016, §3.2.

    >>> from lamina import arange
    >>> pixel_shuffle(arange(4.0).reshape((4, 1, 1)), 2).tolist()
    [[[0.0, 1.0], [2.0, 3.0]]]
    """
    r = _check_factor("pixel_shuffle", "upscale_factor", input, upscale_factor)
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle: upscale_factor {r} needs a multiple of {r * r} channels, input "
            f"{input.shape} has {channels}"
        )
    n = len(lead)
    split = input.reshape((*lead, channels // (r * r), r, r, height, width))
    moved = split.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return moved.reshape((*lead, channels // (r * r), height * r, width * r))


@composite("pixel_unshuffle")
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Turn r × r pixels into r² channels: (…, C, H r, W r) to (…, C r², H, W).

    The inverse of `pixel_shuffle`. Errors: `ShapeError` unless r divides height and width.

    >>> from lamina import arange
    >>> pixel_unshuffle(arange(4.0).reshape((1, 2, 2)), 2).tolist()
    [[[0.0]], [[1.0]], [[2.0]], [[3.0]]]
    """
    r = _check_factor("pixel_unshuffle", "downscale_factor", input, downscale_factor)
    *lead, channels, height, width = input.shape
    if height % r or width % r:
        raise ShapeError(
            f"pixel_unshuffle: downscale_factor {r} must divide height and width of input "
            f"{input.shape}"
        )
    n = len(lead)
    split = input.reshape((*lead, channels, height // r, r, width // r, r))
    moved = split.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return moved.reshape((*lead, channels * r * r, height // r, width // r))


def _check_factor(op: str, argument: str, input: Tensor, factor: int) -> int:
    if input.ndim < 3:
        raise ShapeError(f"{op}: input must have shape (…, C, H, W), got shape {input.shape}")
    return sizes(op, argument, factor, 1, least=1)[0]
